/* SPDX-License-Identifier: MIT */
/* A weight in bitsandbytes' NF4 as the six tensors of a safetensors file, for whoever writes one.
 */
#ifndef COW_NF4_WRITE_H
#define COW_NF4_WRITE_H

#include "model/files/nf4.h"
#include "model/files/safetensors.h"

G_BEGIN_DECLS

/* Declares what cow_nf4_write () will write for the weight `name` [out, in]; returns the bytes of
 * it all. */
gsize cow_nf4_declare (CowSafetensorsWriter *writer, const char *name, gint64 out, gint64 in);
/* Writes them. `dtype` is that of the weight before: "float32", "bfloat16", "float16". */
gboolean cow_nf4_write (CowSafetensorsWriter *writer, const CowNf4 *nf4, const char *dtype,
                        GError **error);

G_END_DECLS

#endif
