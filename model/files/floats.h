/* SPDX-License-Identifier: MIT */
/* A tensor's values in memory of one's own. */
#ifndef COW_FLOATS_H
#define COW_FLOATS_H

#include "model/files/tensor.h"

G_BEGIN_DECLS

/* The values as fp32, finite; free with g_free. Errors of cow_tensor_to_f32 (), COW_ERROR_MEMORY.
 */
float *cow_tensor_dup_f32 (const CowTensor *tensor, const char *file, GError **error);

G_END_DECLS

#endif
