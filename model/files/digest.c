/* SPDX-License-Identifier: MIT */
#include "model/files/digest.h"

#include <string.h>

void
cow_digest_add_text (GChecksum *sum, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_checksum_update (sum, (const guchar *)text, (gssize)strlen (text) + 1);
}

void
cow_digest_add_tensor (GChecksum *sum, const CowTensor *tensor)
{
  g_autofree char *shape = cow_tensor_shape_text (tensor);
  cow_digest_add_text (sum, "%s %s %s", tensor->name, cow_dtype_name (tensor->dtype), shape);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const CowTensor *const *)a)->name, (*(const CowTensor *const *)b)->name);
}

GPtrArray *
cow_digest_tensors (const CowCheckpoint *checkpoint)
{
  GPtrArray *tensors = g_ptr_array_new ();
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++)
    g_ptr_array_add (tensors, (gpointer)cow_checkpoint_nth (checkpoint, i));
  g_ptr_array_sort (tensors, compare_names);
  return tensors;
}
