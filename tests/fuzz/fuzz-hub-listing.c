/* SPDX-License-Identifier: MIT */
/* Any bytes as a hub's listing: no name that is taken from it leaves the folder, no hash is
 * anything but digits. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "trainer/hub/hub-private.h"

static void
check_file (const HubFile *file)
{
  g_auto (GStrv) parts = g_strsplit (file->path, "/", -1);

  g_assert_true (g_utf8_validate (file->path, -1, NULL) && !g_path_is_absolute (file->path));
  for (char **part = parts; *part; part++)
    g_assert_true (**part && **part != '.' && strlen (*part) <= 200 && !strchr (*part, '\\'));
  g_assert_true (file->size <= G_MAXINT64);
  g_assert_true (!file->sha256 || hub_is_hash (file->sha256, 64));
  g_assert_true (!file->blob_id || hub_is_hash (file->blob_id, 40));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  char repository[] = "farm/model", revision[] = "main";
  Hub hub = { .repository = repository, .revision = revision };
  g_autoptr (GError) error = NULL;
  g_autofree char *commit = NULL;
  g_autoptr (GPtrArray) files = hub_read_listing (&hub, (const char *)data, size, &commit, &error);

  fuzz_check_outcome (files != NULL, error);
  g_assert_true (!commit || hub_is_hash (commit, 40));
  for (guint i = 0; files && i < files->len; i++)
    check_file (files->pdata[i]);
  return 0;
}
