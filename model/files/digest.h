/* SPDX-License-Identifier: MIT */
/* What goes into a checksum of a model, in a form that does not depend on how its files are cut. */
#ifndef COW_DIGEST_H
#define COW_DIGEST_H

#include "model/files/checkpoint.h"

G_BEGIN_DECLS

/* Adds a text with its end, so that two texts never read as one. */
void cow_digest_add_text (GChecksum *sum, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Adds a tensor's name, type and shape; its values are the caller's to add. */
void cow_digest_add_tensor (GChecksum *sum, const CowTensor *tensor);
/* Adds bytes [first, first + n_bytes) of its values, which need not be in memory. COW_ERROR_IO. */
gboolean cow_digest_add_bytes (GChecksum *sum, const CowTensor *tensor, gsize first, gsize n_bytes,
                               GError **error);
/* The tensors of a checkpoint (CowTensor, borrowed) in the order of their names, so that sharding
 * and the container do not matter. Free with g_ptr_array_unref (). */
GPtrArray *cow_digest_tensors (const CowCheckpoint *checkpoint);

G_END_DECLS

#endif
