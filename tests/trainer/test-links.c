/* SPDX-License-Identifier: MIT */
/* Symbolic links in the place of files that cow-trainer keeps in a run's folder: what they lead to
 * is not touched. */
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "tests/trainer/cli.h"
#include "trainer/tracking/spool.h"
#include "trainer/train/run-folder.h"

/* A folder with a file "mine", to which a link of that name leads. */
static char *
folder_with_link (const char *name, char **mine)
{
  char *folder = cli_folder ();
  g_autofree char *link = g_build_filename (folder, name, NULL);
  *mine = g_build_filename (folder, "mine", NULL);
  g_assert_true (g_file_set_contents (*mine, "mine", -1, NULL));
  g_assert_cmpint (symlink (*mine, link), ==, 0);
  return folder;
}

static void
assert_untouched (const char *mine, const GError *error, const char *name)
{
  g_autofree char *content = NULL;
  g_assert_error (error, COW_ERROR, COW_ERROR_IO);
  g_assert_nonnull (strstr (error->message, name));
  g_assert_nonnull (strstr (error->message, g_strerror (ELOOP)));
  g_assert_true (g_file_get_contents (mine, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "mine");
}

static void
test_spool (void)
{
  g_autofree char *mine = NULL;
  char *folder = folder_with_link ("mlflow-spool.jsonl", &mine);
  g_autoptr (GError) error = NULL;
  g_assert_null (spool_open (folder, FALSE, &error));
  assert_untouched (mine, error, "mlflow-spool.jsonl");
  cli_remove (folder);
}

static void
test_lock (void)
{
  g_autofree char *mine = NULL;
  char *folder = folder_with_link (".lock", &mine);
  g_autoptr (GError) error = NULL;
  g_assert_null (cow_run_folder_open (folder, 0, &error));
  assert_untouched (mine, error, ".lock");
  cli_remove (folder);
}

/* The state beside the spool is replaced, as every file is. */
static void
test_state (void)
{
  g_autofree char *mine = NULL, *content = NULL;
  char *folder = folder_with_link ("mlflow.json", &mine);
  g_autoptr (GError) error = NULL;
  g_autoptr (Spool) spool = spool_open (folder, FALSE, &error);
  g_assert_no_error (error);
  spool_run (spool)->uri = g_strdup ("http://host");
  spool_run (spool)->experiment = g_strdup ("barn");
  g_assert_true (spool_save (spool, &error));
  g_assert_true (g_file_get_contents (mine, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "mine");
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/links/spool", test_spool);
  g_test_add_func ("/links/lock", test_lock);
  g_test_add_func ("/links/state", test_state);
  return g_test_run ();
}
