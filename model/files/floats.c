/* SPDX-License-Identifier: MIT */
/* See floats.h. */
#include "model/files/floats.h"

#include "model/files/error.h"

float *
cow_floats_new (gsize n, const char *what, GError **error)
{
  float *values = g_try_new0 (float, MAX (n, 1));

  if (values == NULL)
    cow_check (CK_NO_MEMORY, error, "%" G_GSIZE_FORMAT " values of %s", n, what);
  return values;
}

float *
cow_tensor_dup_f32 (const CowTensor *tensor, const char *file, GError **error)
{
  gsize count = cow_tensor_count (tensor);
  /* A sparse file can name more than there is memory, so this may fail where g_new would end the
   * program. */
  g_autofree float *values = g_try_new (float, MAX (count, 1));
  if (values == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_MEMORY,
                 "%s: no memory for the %" G_GSIZE_FORMAT " values of %s", file, count,
                 tensor->name);
    return NULL;
  }
  return cow_tensor_to_f32 (tensor, file, values, error) ? g_steal_pointer (&values) : NULL;
}
