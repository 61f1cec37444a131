/* SPDX-License-Identifier: MIT */
#include "trainer/cli/picture-arguments.h"

#include "trainer/data/file-names.h"
#include "trainer/host/words.h"

#define SAID 10 /* remarks */

GPtrArray *
picture_arguments (char *const *paths, GError **error)
{
  g_autofree char *passed = NULL;
  GPtrArray *pictures = pictures_find (paths, &passed, error);

  if (pictures && passed)
    g_printerr ("cow-trainer: warning: %s\n", passed);
  return pictures;
}

void
picture_remark (guint *n, const char *path, const char *remark)
{
  if (!remark || ++*n > SAID)
    return;
  g_autofree char *shown = file_name_text (path);
  g_printerr ("cow-trainer: warning: %s: %s\n", shown, remark);
}

void
picture_remarks_end (guint n)
{
  if (n > SAID)
    g_printerr ("cow-trainer: warning: and %u more picture%s like these\n", n - SAID,
                words_s (n - SAID));
}
