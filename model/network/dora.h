/* SPDX-License-Identifier: MIT */
/*
 * DoRA's row norms without ever forming B A (Liu et al., 2024, computed by the Gram form):
 *   |W + s B A|^2 = |W|^2 + 2 s rowsum ((W A^T) * B) + s^2 rowsum ((B A A^T) * B)
 * W A^T comes as its transpose, the linear layer applied to the rows of A. |W|^2 never changes, A
 * and B only once an optimiser step.
 */
#ifndef COW_DORA_H
#define COW_DORA_H

#include <glib.h>

#include "kernels/kernels.h"

G_BEGIN_DECLS

/* The squared norm of every row of a (dequantised) weight [out, in], to squares [out] in host
 * memory. */
CkStatus cow_dora_row_squares (CkStream *stream, const CkWeight *weight, gint64 out, gint64 in,
                               double *squares);
/* The row norms of W + scale B A with the adapter as it is now, to norms [out] in host memory. */
CkStatus cow_dora_norms (CkStream *stream, const CkWeight *weight, gint64 out, gint64 in,
                         const CkAdapter *adapter, const double *squares, double *norms);

G_END_DECLS

#endif
