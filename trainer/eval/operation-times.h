/* SPDX-License-Identifier: MIT */
/*
 * What a pass of a network consists of: the operations that it enqueues, by kind, how many
 * arithmetic operations they are, and how long each takes. A table of our own stands between the
 * stream and the device's, so networks need not know of it.
 */
#ifndef COW_TRAINER_OPERATION_TIMES_H
#define COW_TRAINER_OPERATION_TIMES_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef enum {
  COW_OPERATION_EMBED,
  COW_OPERATION_NORM,
  COW_OPERATION_QKV,
  COW_OPERATION_ATTENTION,
  COW_OPERATION_O,
  COW_OPERATION_UP, /* with the gate, where there is one */
  COW_OPERATION_DOWN,
  COW_OPERATION_HEAD, /* every linear layer behind the last block */
  COW_OPERATION_CONVOLUTION,
  COW_OPERATION_BATCH_NORM,
  COW_OPERATION_POOLING,
  COW_OPERATION_OTHER, /* copies, fills, changes of layout */
  COW_N_OPERATIONS
} CowOperationKind;

/* "q/k/v" */
const char *cow_operation_name (CowOperationKind kind);

#define COW_N_PRODUCTS (CK_I8 + 1)

/* Arithmetic operations by the CkType of the factors; a multiply-add counts as two. Those of
 * products alone: norms, activations and sums are left out, as is usual. */
typedef struct {
  double of[COW_N_PRODUCTS];
} CowProducts;

double cow_products_sum (const CowProducts *self);

typedef struct {
  guint calls;
  double seconds; /* 0 unless they were timed */
  CowProducts products;
} CowOperationTime;

/* Takes the place of the stream's table until it is freed. */
typedef struct _CowOperationTimes CowOperationTimes;

CowOperationTimes *cow_operation_times_new (CkStream *stream);
void cow_operation_times_free (CowOperationTimes *self);

/*
 * A pass between begin and end. Timed, each operation is waited for, so that on a device that works
 * asynchronously the pass takes longer than one that is not timed. The result [COW_N_OPERATIONS] is
 * valid until the next begin.
 */
void cow_operation_times_begin (CowOperationTimes *self, gboolean timed);
const CowOperationTime *cow_operation_times_end (CowOperationTimes *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowOperationTimes, cow_operation_times_free)

G_END_DECLS

#endif
