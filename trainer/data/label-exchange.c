/* SPDX-License-Identifier: MIT */
#include "trainer/data/label-exchange.h"

#include <string.h>

#include "trainer/data/cvat.h"
#include "trainer/data/label-studio.h"
#include "trainer/data/text-file.h"

#define MOST_BYTES ((gsize)256 << 20)

gboolean
cow_labels_read (const char *path, CowCropTable *table, CowLabelCounts *counts, GError **error)
{
  g_autoptr (CowLabels) labels = cow_labels_new (table, counts);
  g_autoptr (GError) local = NULL;
  const char *encoding;
  char *bytes;
  gsize n;

  if (!g_file_get_contents (path, &bytes, &n, &local)) {
    const gboolean absent = g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_set_error (error, COW_ERROR, absent ? COW_ERROR_NOT_FOUND : COW_ERROR_IO, "%s",
                 local->message);
    return FALSE;
  }
  g_autofree char *text =
      n <= MOST_BYTES ? text_file_decode (path, bytes, &n, &encoding, error) : NULL;
  if (n > MOST_BYTES) {
    g_free (bytes);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the file is larger than 256 MB", path);
  }
  if (!text)
    return FALSE;
  return text[strspn (text, " \t\r\n")] == '<'
             ? cow_cvat_read (labels, text, n, path, counts, error)
             : cow_label_studio_read (labels, text, n, path, error);
}
