/* SPDX-License-Identifier: MIT */
/* Memory of a device that is kept from pass to pass: it grows to the largest shape that came, so
 * that batches of changing sizes allocate nothing once each has come. */
#ifndef COW_BUFFER_H
#define COW_BUFFER_H

#include <glib.h>

#include "kernels/kernels.h"

G_BEGIN_DECLS

/* All zero: none yet. */
typedef struct {
  void *data; /* device memory */
  gsize bytes;
} CowBuffer;

/* At least `bytes` at self->data, contents undefined; FALSE when there is no memory, and then none
 * at all. */
gboolean cow_buffer_reserve (CowBuffer *self, CkStream *stream, gsize bytes);
void cow_buffer_clear (CowBuffer *self, CkStream *stream);

G_END_DECLS

#endif
