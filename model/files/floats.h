/* SPDX-License-Identifier: MIT */
/* Values in memory of one's own. */
#ifndef COW_FLOATS_H
#define COW_FLOATS_H

#include "model/files/tensor.h"

G_BEGIN_DECLS

/* n of them, all 0; free with g_free. COW_ERROR_MEMORY, which names what they are for, where g_new0
 * would end the program. */
float *cow_floats_new (gsize n, const char *what, GError **error);
/* The values as fp32, finite; free with g_free. Errors of cow_tensor_to_f32 (), COW_ERROR_MEMORY.
 */
float *cow_tensor_dup_f32 (const CowTensor *tensor, const char *file, GError **error);

G_END_DECLS

#endif
