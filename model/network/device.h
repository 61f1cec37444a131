/* SPDX-License-Identifier: MIT */
/* What computes: devices by the names that users type, and which precisions they offer. */
#ifndef COW_DEVICE_H
#define COW_DEVICE_H

#include "model/network/precision.h"

G_BEGIN_DECLS

/*
 * The name of the device that a user's word stands for ("auto", "" and NULL stand for the best that
 * this machine has), so that two words for one device compare equal. Static. NULL and
 * COW_ERROR_ARGUMENT, which names all that there are, for a word that means none. Whether a
 * GPU that is named is there, its opening says.
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
/* "cpu (avx512)", "cuda:0 (sm_89)" */
char *cow_device_text (const CkDevice *device);
/* Adds to an error, if there is one, what the device says of it: the driver's name for its failure,
 * or how much memory it has. NULL adds nothing. */
void cow_device_explain (CkDevice *device, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CkDevice, ck_device_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CkStream, ck_stream_free)

/* Whether a device computes so; COW_ERROR_UNSUPPORTED, which says what it offers. */
gboolean cow_precision_check (const CkDevice *device, CowPrecision precision, GError **error);
/* The next finer precision that a device offers; fp32's is fp32. */
CowPrecision cow_precision_finer (const CkDevice *device, CowPrecision precision);
/* What a weight of the network is told of a resolved precision. */
CkWeightUses cow_precision_uses (CowPrecision precision);

G_END_DECLS

#endif
