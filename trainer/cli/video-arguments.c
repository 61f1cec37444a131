/* SPDX-License-Identifier: MIT */
#include "trainer/cli/video-arguments.h"

#include <string.h>

#include "model/files/error.h"
#include "trainer/cli/verb.h"
#include "trainer/host/words.h"
#include "trainer/video/boxes.h"

gboolean
video_arguments_check (const GPtrArray *videos, GError **error)
{
  for (guint i = 0; i < videos->len; i++)
    if (!g_file_test (videos->pdata[i], G_FILE_TEST_IS_REGULAR)) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s is no file",
                   (const char *)videos->pdata[i]);
      return FALSE;
    }
  return TRUE;
}

char *
video_arguments_folder (const char *video, const char *what)
{
  g_autofree char *name = g_path_get_basename (video);
  char *dot = strrchr (name, '.');

  if (dot && dot != name)
    *dot = '\0';
  return g_strconcat (name, "-", what, NULL);
}

GPtrArray *
video_arguments_boxes (char **paths, const GPtrArray *videos, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_boxes_free);
  const guint n = paths ? g_strv_length (paths) : 0;

  if (n > 0 && n != videos->len) {
    verb_usage (error,
                "--boxes is there %u time%s for %u recording%s: one file for each is expected", n,
                words_s (n), videos->len, words_s (videos->len));
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    CowBoxes *boxes = cow_boxes_read (paths[i], error);

    if (!boxes)
      return NULL;
    g_printerr ("cow-trainer: %s\n", boxes->text);
    g_ptr_array_add (all, boxes);
  }
  return g_steal_pointer (&all);
}
