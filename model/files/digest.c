/* SPDX-License-Identifier: MIT */
#include "model/files/digest.h"

#include "model/files/error.h"

#include <string.h>

#define PIECE ((gsize)1 << 20) /* bytes that are read at once */

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

gboolean
cow_digest_add_bytes (GChecksum *sum, const CowTensor *tensor, gsize first, gsize n_bytes,
                      GError **error)
{
  g_autofree guchar *piece = g_try_malloc (MIN (n_bytes, PIECE));
  if (piece == NULL && n_bytes > 0)
    return cow_check (CK_NO_MEMORY, error, "reading %s", tensor->name);
  for (gsize at = 0; at < n_bytes; at += PIECE) {
    const gsize n = MIN (PIECE, n_bytes - at);
    if (!cow_tensor_copy (tensor, first + at, n, piece, error))
      return FALSE;
    g_checksum_update (sum, piece, (gssize)n);
  }
  return TRUE;
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
