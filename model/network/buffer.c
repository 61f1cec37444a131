/* SPDX-License-Identifier: MIT */
#include "model/network/buffer.h"

gboolean
cow_buffer_reserve (CowBuffer *self, CkStream *stream, gsize bytes)
{
  if (bytes <= self->bytes)
    return TRUE;
  cow_buffer_clear (self, stream);
  self->data = ck_alloc (stream, bytes);
  self->bytes = self->data ? bytes : 0;
  return self->data != NULL;
}

void
cow_buffer_clear (CowBuffer *self, CkStream *stream)
{
  ck_free (stream, self->data);
  *self = (CowBuffer){ 0 };
}
