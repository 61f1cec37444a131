/* SPDX-License-Identifier: MIT */
/*
 * The writer of all files: the old file whole or the new one, whatever fails, and nothing of killed
 * writers left. This program's own write (), fsync () and rename () stand in for a bad disk.
 */
#define _GNU_SOURCE
#include "model/files/file-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/files/folder-writer.h"
#include "tests/model/written.h"

/* ---- a bad disk ------------------------------------------------------------------------------ */

/* What is called, one letter each: w write, f fsync of a file, r rename, d fsync of a folder. */
static GString *calls;
static int failing = -1;   /* the call of `calls` that fails, */
static int failure;        /* with this */
static gboolean reluctant; /* write () is interrupted, and takes 7 bytes at a time */

/* Counts a call; TRUE when it is to fail. */
static gboolean
count (char call)
{
  if (!calls)
    return FALSE;
  g_string_append_c (calls, call);
  errno = failure;
  return (int)calls->len - 1 == failing;
}

ssize_t
write (int fd, const void *bytes, size_t n)
{
  static guint turn;
  if (calls && reluctant && turn++ % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  if (count ('w'))
    return -1;
  return syscall (SYS_write, fd, bytes, calls && reluctant && n > 7 ? 7 : n);
}

int
fsync (int fd)
{
  struct stat info;
  if (calls && fstat (fd, &info) == 0 && count (S_ISDIR (info.st_mode) ? 'd' : 'f'))
    return -1;
  return (int)syscall (SYS_fsync, fd);
}

int
rename (const char *from, const char *to)
{
  return count ('r') ? -1 : renameat (AT_FDCWD, from, AT_FDCWD, to);
}

static int stat_failure; /* what stat () fails with */

int
stat (const char *path, struct stat *info)
{
  errno = stat_failure;
  return stat_failure ? -1 : fstatat (AT_FDCWD, path, info, 0);
}

/* Writes a text, with the calls counted. */
static gboolean
write_counted (const char *text, const char *path, int fails, int with, GError **error)
{
  calls = g_string_new (NULL);
  failing = fails;
  failure = with;
  return cow_text_write (text, path, error);
}

static char *
counted (void)
{
  return g_string_free (g_steal_pointer (&calls), FALSE);
}

/* ---- what is there --------------------------------------------------------------------------- */

static void
assert_holds (const char *path, const char *text)
{
  g_autofree char *content = NULL;
  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, text);
}

static guint
n_parts (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;
  for (const char *name; (name = g_dir_read_name (dir));)
    n += g_str_has_suffix (name, ".part");
  return n;
}

/* A folder of this test's own and a file in it. */
static char *
file_in (const char *folder, char **path)
{
  char *made = written_path (folder);
  g_assert_cmpint (mkdir (made, 0700), ==, 0);
  *path = g_build_filename (made, "results.csv", NULL);
  return made;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* The bytes reach the disk before the name does, and the name before anybody is told. */
static void
test_order (void)
{
  g_autofree char *path = NULL, *folder = file_in ("order", &path);
  g_autoptr (GError) error = NULL;
  for (guint again = 0; again < 2; again++) {
    g_assert_true (write_counted ("text", path, -1, 0, &error));
    g_autofree char *found = counted ();
    g_assert_cmpstr (found, ==, "wfrd");
  }
  assert_holds (path, "text");
  g_assert_cmpuint (n_parts (folder), ==, 0);
}

static void
test_failures (void)
{
  static const int codes[] = { ENOSPC, EIO, EROFS, EDQUOT };
  static const char order[] = "wfrd";
  g_autofree char *path = NULL, *folder = file_in ("failures", &path);
  for (guint c = 0; c < G_N_ELEMENTS (codes); c++)
    for (int fails = 0; order[fails]; fails++) {
      g_autoptr (GError) error = NULL;
      g_assert_true (cow_text_write ("old", path, &error));
      g_assert_false (write_counted ("new", path, fails, codes[c], &error));
      g_free (counted ());
      /* Once the folder alone could not be synced, the file has its name. */
      assert_holds (path, order[fails] == 'd' ? "new" : "old");
      expect_error (&error, COW_ERROR_IO, folder, g_strerror (codes[c]), NULL);
      g_assert_cmpuint (n_parts (folder), ==, 0);
    }
}

/* A file system that cannot sync folders says EINVAL: nothing is wrong with the file. */
static void
test_cannot_sync (void)
{
  g_autofree char *path = NULL, *folder G_GNUC_UNUSED = file_in ("cannot-sync", &path);
  g_autoptr (GError) error = NULL;
  g_assert_true (write_counted ("text", path, 3, EINVAL, &error));
  g_free (counted ());
  g_assert_no_error (error);
}

static void
test_short_writes (void)
{
  g_autofree char *path = NULL, *folder G_GNUC_UNUSED = file_in ("short", &path);
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autoptr (GError) error = NULL;
  for (gsize i = 0; i < 100000; i++)
    text[i] = (char)('a' + i % 26);
  reluctant = TRUE;
  const gboolean ok = write_counted (text, path, -1, 0, &error);
  reluctant = FALSE;
  g_free (counted ());
  g_assert_no_error (error);
  g_assert_true (ok);
  assert_holds (path, text);
}

static void
test_pieces (void)
{
  g_autofree char *path = NULL, *folder = file_in ("pieces", &path);
  g_autofree char *large = g_strnfill (70000, 'y');
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) all = g_string_new (NULL);
  CowFileWriter *writer = cow_file_writer_new (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 5; i++) {
    g_autofree char *small = g_strdup_printf ("%u,", i);
    const char *piece = i == 2 ? large : small;
    g_string_append (all, piece);
    g_assert_true (cow_file_writer_write (writer, piece, strlen (piece), &error));
  }
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (cow_file_writer_finish (writer, &error));
  cow_file_writer_free (writer);
  assert_holds (path, all->str);
  writer = cow_file_writer_new (path, &error);
  g_assert_true (cow_file_writer_write (writer, "new", 3, &error));
  g_assert_cmpuint (n_parts (folder), ==, 1);
  cow_file_writer_free (writer);
  assert_holds (path, all->str);
  g_assert_cmpuint (n_parts (folder), ==, 0);
}

/* Another process that has begun a file and waits to be killed. */
static pid_t
begin_elsewhere (const char *path)
{
  int pipes[2];
  char ready;
  g_assert_cmpint (pipe (pipes), ==, 0);
  const pid_t child = fork ();
  if (child == 0) {
    CowFileWriter *writer = cow_file_writer_new (path, NULL);
    g_autofree char *zeros = g_malloc0 (200000);
    if (writer && cow_file_writer_write (writer, zeros, 200000, NULL))
      (void)!write (pipes[1], "r", 1);
    for (;;)
      pause ();
  }
  close (pipes[1]);
  g_assert_cmpint (read (pipes[0], &ready, 1), ==, 1);
  close (pipes[0]);
  return child;
}

/* What a killed process left goes with the next file that is written there, whatever its name; what
 * a living one writes, and files of others, stay. */
static void
test_leftovers (void)
{
  g_autofree char *path = NULL, *folder = file_in ("leftovers", &path);
  g_autofree char *other = g_build_filename (folder, "report.txt", NULL),
                  *download = g_build_filename (folder, "model.safetensors.part", NULL),
                  *backup = g_build_filename (folder, "results.csv.backup", NULL),
                  *link = g_build_filename (folder, "x.cow-0123456789abcdef.part", NULL);
  g_autoptr (GError) error = NULL;
  int status;
  const pid_t child = begin_elsewhere (path);
  g_assert_true (cow_text_write ("part", download, &error));
  g_assert_true (cow_text_write ("mine", backup, &error));
  g_assert_cmpint (symlink (backup, link), ==, 0);
  g_assert_true (cow_text_write ("text", other, &error));
  g_assert_cmpuint (n_parts (folder), ==, 3); /* the living one's, the download, the link */
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (cow_text_write ("text", other, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_parts (folder), ==, 2);
  assert_holds (download, "part");
  assert_holds (backup, "mine");
}

static void
test_links (void)
{
  g_autofree char *path = NULL, *folder = file_in ("links", &path);
  g_autofree char *target = g_build_filename (folder, "target", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (cow_text_write ("mine", target, &error));
  g_assert_cmpint (symlink (target, path), ==, 0);
  g_assert_true (cow_text_write ("text", path, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  assert_holds (path, "text");
  assert_holds (target, "mine");
}

/* Renaming onto a device would replace it. */
static void
test_no_file (void)
{
  g_autofree char *path = NULL, *folder = file_in ("no-file", &path);
  g_autofree char *pipe_path = g_build_filename (folder, "pipe", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (mkfifo (pipe_path, 0600), ==, 0);
  g_assert_cmpint (symlink (pipe_path, path), ==, 0);
  g_assert_false (cow_text_write ("text", pipe_path, &error));
  expect_error (&error, COW_ERROR_IO, pipe_path, "a pipe or a device", NULL);
  g_assert_false (cow_text_write ("text", path, &error));
  expect_error (&error, COW_ERROR_IO, path, "a pipe or a device", NULL);
  g_assert_false (cow_text_write ("text", folder, &error));
  expect_error (&error, COW_ERROR_IO, folder, "a folder", NULL);
  g_assert_false (cow_text_write ("text", "/no/such/folder/x", &error));
  expect_error (&error, COW_ERROR_IO, "/no/such/folder/x", g_strerror (ENOENT), NULL);
}

static void
test_permissions (void)
{
  g_autofree char *path = NULL, *folder G_GNUC_UNUSED = file_in ("permissions", &path);
  g_autoptr (GError) error = NULL;
  struct stat info;
  g_assert_true (cow_text_write ("old", path, &error));
  g_assert_cmpint (chmod (path, 0600), ==, 0);
  g_assert_true (cow_text_write ("new", path, &error));
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 0777, ==, 0600);
}

/* The longest name that a file may have leaves none for what is written. */
static void
test_long_name (void)
{
  g_autofree char *path = NULL, *folder = file_in ("long-name", &path);
  g_autofree char *name = g_strnfill (255, 'n'), *longest = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (cow_text_write ("text", longest, &error));
  g_assert_no_error (error);
  assert_holds (longest, "text");
}

/* ---- folders --------------------------------------------------------------------------------- */

/* Two files of a folder; FALSE as the writer says. */
static gboolean
write_folder (const char *folder, int fails, GError **error)
{
  g_autoptr (CowFolderWriter) writer = cow_folder_writer_new (folder, error);
  if (!writer)
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    g_autofree char *path =
        g_build_filename (cow_folder_writer_path (writer), i == 0 ? "a" : "b", NULL);
    g_assert_true (cow_text_write ("text", path, NULL));
  }
  calls = g_string_new (NULL);
  failing = fails;
  failure = EIO;
  const gboolean ok = cow_folder_writer_finish (writer, error);
  g_free (counted ());
  return ok;
}

static guint
n_entries (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;
  while (dir && g_dir_read_name (dir))
    n++;
  return n;
}

/* All of it or nothing, whether the folder is there or not. */
static void
test_folders (void)
{
  g_autofree char *path = NULL, *above = file_in ("folders", &path);
  g_autofree char *new = g_build_filename (above, "deep", "new", NULL),
                  *old = g_build_filename (above, "old", NULL),
                  *mine = g_build_filename (old, "mine", NULL),
                  *a = g_build_filename (new, "a", NULL), *b = g_build_filename (old, "b", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (mkdir (old, 0700), ==, 0);
  g_assert_true (cow_text_write ("mine", mine, &error));
  g_assert_false (write_folder (new, 0, &error));
  expect_error (&error, COW_ERROR_IO, new, g_strerror (EIO), NULL);
  g_assert_false (g_file_test (new, G_FILE_TEST_EXISTS));
  for (int fails = 0; fails < 2; fails++) { /* the first file, and the second */
    g_assert_false (write_folder (old, fails, &error));
    expect_error (&error, COW_ERROR_IO, old, g_strerror (EIO), NULL);
    g_assert_cmpuint (n_entries (old), ==, 1);
  }
  g_assert_true (write_folder (new, -1, &error));
  g_assert_true (write_folder (old, -1, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_entries (new), ==, 2);
  g_assert_cmpuint (n_entries (old), ==, 3);
  g_assert_cmpuint (n_parts (above) + n_parts (old), ==, 0);
  assert_holds (a, "text");
  assert_holds (b, "text");
  assert_holds (mine, "mine");
}

/* What a killed process left of a folder goes with the next file or folder written there. */
static void
test_abandoned_folder (void)
{
  g_autofree char *path = NULL, *above = file_in ("abandoned", &path);
  g_autofree char *part = g_build_filename (above, "out.cow-0123456789abcdef.part", NULL),
                  *within = g_build_filename (part, "model.safetensors", NULL),
                  *out = g_build_filename (above, "out", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (mkdir (part, 0700), ==, 0);
  g_assert_true (cow_text_write ("half", within, &error));
  g_autoptr (CowFolderWriter) living = cow_folder_writer_new (out, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (part, G_FILE_TEST_EXISTS));
  g_assert_true (cow_text_write ("text", path, &error));
  g_assert_true (g_file_test (cow_folder_writer_path (living), G_FILE_TEST_IS_DIR));
}

/* A disk that does not answer is no sign that nothing is there. */
static void
test_exists (void)
{
  g_autofree char *path = NULL, *folder = file_in ("exists", &path);
  g_assert_false (cow_path_exists (path));
  g_assert_true (cow_path_exists (folder));
  g_assert_false (cow_path_exists ("/dev/null/x"));
  stat_failure = EIO;
  g_assert_true (cow_path_exists (path));
  stat_failure = EACCES;
  g_assert_false (cow_path_exists (path));
  stat_failure = 0;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file-writer/order", test_order);
  g_test_add_func ("/file-writer/failures", test_failures);
  g_test_add_func ("/file-writer/cannot-sync", test_cannot_sync);
  g_test_add_func ("/file-writer/short-writes", test_short_writes);
  g_test_add_func ("/file-writer/pieces", test_pieces);
  g_test_add_func ("/file-writer/leftovers", test_leftovers);
  g_test_add_func ("/file-writer/links", test_links);
  g_test_add_func ("/file-writer/no-file", test_no_file);
  g_test_add_func ("/file-writer/permissions", test_permissions);
  g_test_add_func ("/file-writer/long-name", test_long_name);
  g_test_add_func ("/file-writer/folders", test_folders);
  g_test_add_func ("/file-writer/abandoned-folder", test_abandoned_folder);
  g_test_add_func ("/file-writer/exists", test_exists);
  return run_and_clean ();
}
