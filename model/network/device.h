/* SPDX-License-Identifier: MIT */
/* What computes, and in which numbers: devices and precisions by the names that users type. */
#ifndef COW_DEVICE_H
#define COW_DEVICE_H

#include "model/files/error.h"

G_BEGIN_DECLS

/*
 * The name of the device that a user's word stands for ("auto", "" and NULL stand for the best that
 * this machine has), so that two words for one device compare equal. Static. NULL and
 * COW_ERROR_ARGUMENT, which names all that there are, for a word that means none.
 */
const char *cow_device_resolve (const char *name, GError **error);
/*
 * Opens the device that a name stands for, with that many threads a stream (0: one a processor).
 * Close it with ck_device_close (). COW_ERROR_ARGUMENT for a name that means none, or where
 * COWBEHAVIOR_CPU names a level that this processor lacks.
 */
CkDevice *cow_device_open (const char *name, int threads, GError **error);
/* A stream with the device's team, or with `threads` where that is not 0. Free it with
 * ck_stream_free (). */
CkStream *cow_stream_new (CkDevice *device, int threads, GError **error);
/* "cpu (avx512)" */
char *cow_device_text (const CkDevice *device);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CkDevice, ck_device_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CkStream, ck_stream_free)

typedef enum {
  COW_PRECISION_AUTO, /* the fastest that was measured to keep the answers: precision-choice.h */
  COW_PRECISION_FP32,
  /* Linear layers multiply whole numbers of 16 or 8 bits, with a scale for each 64 elements of
   * weights and activations; everything else is fp32. */
  COW_PRECISION_INT16,
  COW_PRECISION_INT8,
  COW_PRECISION_LAST = COW_PRECISION_INT8
} CowPrecision;

/* "auto" | "fp32" | "int16" | "int8" */
const char *cow_precision_name (CowPrecision precision);
/* The names of all precisions, "auto" first, ended by NULL; static. */
const char *const *cow_precision_names (void);
/* COW_ERROR_ARGUMENT names the precisions that there are. NULL is auto. */
gboolean cow_precision_parse (const char *name, CowPrecision *precision, GError **error);
/* Whether a device computes so; COW_ERROR_UNSUPPORTED, which says what it offers. */
gboolean cow_precision_check (const CkDevice *device, CowPrecision precision, GError **error);
/* What a weight of the network is told of a resolved precision. */
CkWeightUses cow_precision_uses (CowPrecision precision);
/* Of which numbers attention's products are made in it. */
CkType cow_precision_type (CowPrecision precision);

G_END_DECLS

#endif
