/* SPDX-License-Identifier: MIT */
/* Several elements, processes and foreign programs append to one file: full disks, limits of its
 * size, rotation by more than one, locks. No line is lost without being counted, no foreign line is
 * changed, and all lines are complete. */
#define _GNU_SOURCE /* unshare */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gst-plugin/publish/append.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

#define DISK_BYTES  (512 << 10)
#define SMALL_BYTES 20000

static char *folder, *disk; /* disk is NULL if this process may not mount one */

/* ---- the content of the files ---------------------------------------------------------------- */

typedef struct {
  GArray *seen; /* of guint: how often frame n of this source was found */
  guint n_lines;
} Found;

/* Adds the frames of a source in a file. Returns the number of lines that are neither complete
 * events nor foreign. */
static guint
find (Found *found, const char *path, const char *source)
{
  g_autofree char *text = NULL, *named = g_strdup_printf ("\"source\":\"%s\"", source);
  g_auto (GStrv) lines = NULL;
  guint broken = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_true (g_str_has_suffix (text, "\n"));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; i + 1 < g_strv_length (lines); i++) {
    const int frame = publish_frame_of (lines[i]);

    if (frame < 0)
      broken++;
    if (frame < 0 || !strstr (lines[i], named))
      continue;
    if ((guint)frame >= found->seen->len)
      g_array_set_size (found->seen, (guint)frame + 1);
    g_array_index (found->seen, guint, frame)++;
    found->n_lines++;
  }
  return broken;
}

/* Asserts that the file and its rotated ones have each frame below n of a source once, and only
 * complete lines. */
static void
assert_all_once (const char *path, const char *source, guint n)
{
  Found found = { g_array_new (FALSE, TRUE, sizeof (guint)), 0 };

  g_assert_cmpuint (find (&found, path, source), ==, 0);
  for (guint i = 1;; i++) {
    g_autofree char *older = g_strdup_printf ("%s.%u", path, i);

    if (!g_file_test (older, G_FILE_TEST_EXISTS))
      break;
    g_assert_cmpuint (find (&found, older, source), ==, 0);
  }
  g_assert_cmpuint (found.seen->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (g_array_index (found.seen, guint, i), ==, 1);
  g_array_unref (found.seen);
}

/* Returns the size of the largest of a file and its rotated ones, bytes, and their number. */
static guint64
largest (const char *path, guint *n_files)
{
  guint64 bytes = 0;

  for (*n_files = 0;; (*n_files)++) {
    g_autofree char *older = *n_files ? g_strdup_printf ("%s.%u", path, *n_files) : g_strdup (path);
    GStatBuf info;

    if (g_stat (older, &info) != 0)
      return bytes;
    bytes = MAX (bytes, (guint64)info.st_size);
  }
}

/* ---- a foreign program ----------------------------------------------------------------------- */

/* A program that opens the file for each line, appends and closes it, and does not know the lock.
 * Its lines look like events of the source "stranger". */
typedef struct {
  const char *path;
  guint n;       /* complete lines that it wrote */
  gboolean half; /* a full disk cut its last line short, and it stopped there */
  gint stop;     /* atomic */
} Stranger;

static gpointer
be_stranger (gpointer data)
{
  Stranger *self = data;

  while (!g_atomic_int_get (&self->stop) && !self->half) {
    g_autofree char *line =
        g_strdup_printf ("{\"source\":\"stranger\",\"timestamp\":%" G_GUINT64_FORMAT "}\n",
                         self->n * 40 * GST_MSECOND);
    const int fd = open (self->path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    const gssize written = write (fd, line, strlen (line));

    close (fd);
    self->half = written > 0 && (gsize)written < strlen (line);
    if (written == (gssize)strlen (line))
      self->n++;
    g_usleep (200);
  }
  return NULL;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static GstHarness *
harness_new (const char *path, const char *source, const char *more)
{
  g_autofree char *properties =
      g_strdup_printf ("file=%s source=%s queue-size=100000 %s", path, source, more);

  return publish_harness_new (properties);
}

static void
fill (const char *path, gsize n)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  g_autofree char *zeros = g_malloc0 (n);

  g_assert_cmpint (write (fd, zeros, n), ==, (gssize)n);
  close (fd);
}

/* Two elements and a foreign program write to a disk that is full for a while. */
static void
test_full_disk (void)
{
  GstHarness *a, *b;
  g_autofree char *path = NULL, *ballast = NULL;
  Stranger stranger = { 0 };
  GThread *thread;
  Found found = { g_array_new (FALSE, TRUE, sizeof (guint)), 0 };

  if (!disk) {
    g_test_skip ("this process may not mount a disk");
    return;
  }
  stranger.path = path = g_build_filename (disk, "full", NULL);
  ballast = g_build_filename (disk, "ballast", NULL);
  fill (ballast, DISK_BYTES - (64 << 10));
  a = harness_new (path, "a", "");
  b = harness_new (path, "b", "");
  thread = g_thread_new ("stranger", be_stranger, &stranger);
  for (guint n = 0; n < 400; n += 4) {
    publish_push (a, n, n + 4);
    publish_push (b, n, n + 4);
    g_usleep (2000);
  }
  publish_wait (a, "file", "failures", 1);
  publish_wait (b, "file", "failures", 1);
  g_assert_cmpuint (publish_stat (a, "file", "queued"), >, 0);
  g_atomic_int_set (&stranger.stop, 1);
  g_thread_join (thread);
  g_unlink (ballast);
  publish_wait (a, "file", "sent", 400);
  publish_wait (b, "file", "sent", 400);
  publish_assert_all (a, "file", 400);
  publish_assert_all (b, "file", 400);
  publish_harness_free (a);
  publish_harness_free (b);

  g_test_message ("the stranger wrote %u lines%s", stranger.n, stranger.half ? " and a half" : "");
  g_assert_cmpuint (find (&found, path, "stranger"), <=, stranger.half ? 1 : 0);
  g_assert_cmpuint (found.n_lines, ==, stranger.n);
  g_assert_cmpuint (found.seen->len, ==, stranger.n);
  for (guint i = 0; i < 2; i++) {
    g_array_set_size (found.seen, 0);
    found.n_lines = 0;
    find (&found, path, i == 0 ? "a" : "b");
    g_assert_cmpuint (found.n_lines, ==, 400);
    g_assert_cmpuint (found.seen->len, ==, 400);
  }
  g_array_unref (found.seen);
  g_unlink (path);
}

/* On a disk that stays full, events counted as sent are there, and the rest are counted as
 * dropped. */
static void
test_full_disk_to_the_end (void)
{
  GstHarness *a, *b;
  g_autofree char *path = NULL, *ballast = NULL;
  Found found_a = { g_array_new (FALSE, TRUE, sizeof (guint)), 0 },
        found_b = { g_array_new (FALSE, TRUE, sizeof (guint)), 0 };

  if (!disk) {
    g_test_skip ("this process may not mount a disk");
    return;
  }
  path = g_build_filename (disk, "stays-full", NULL);
  ballast = g_build_filename (disk, "ballast", NULL);
  fill (ballast, DISK_BYTES - (64 << 10));
  a = harness_new (path, "a", "drain-timeout=0");
  b = harness_new (path, "b", "drain-timeout=0");
  publish_push (a, 0, 300);
  publish_push (b, 0, 300);
  publish_wait (a, "file", "failures", 1);
  publish_wait (b, "file", "failures", 1);
  publish_stop (a);
  publish_stop (b);
  publish_assert_all (a, "file", 300);
  publish_assert_all (b, "file", 300);
  g_assert_cmpuint (find (&found_a, path, "a"), ==, 0);
  g_assert_cmpuint (find (&found_b, path, "b"), ==, 0);
  g_assert_cmpuint (found_a.n_lines, ==, publish_stat (a, "file", "sent"));
  g_assert_cmpuint (found_b.n_lines, ==, publish_stat (b, "file", "sent"));
  publish_harness_free (a);
  publish_harness_free (b);
  g_array_unref (found_a.seen);
  g_array_unref (found_b.seen);
  g_unlink (path);
  g_unlink (ballast);
}

/* Two elements rotate one file: it never grows beyond its limit, and no line is lost. */
static void
test_limit (void)
{
  g_autofree char *path = g_build_filename (folder, "limit", NULL),
                  *more = g_strdup_printf ("max-file-size=%u max-files=1000 drain-timeout=60000",
                                           SMALL_BYTES);
  GstHarness *a = harness_new (path, "a", more), *b = harness_new (path, "b", more);
  guint n_files;

  for (guint n = 0; n < 800; n += 10) {
    publish_push (a, n, n + 10);
    publish_push (b, n, n + 10);
  }
  publish_stop (a);
  publish_stop (b);
  g_assert_cmpuint (publish_stat (a, "file", "failures"), ==, 0);
  g_assert_cmpuint (publish_stat (b, "file", "failures"), ==, 0);
  g_assert_cmpuint (largest (path, &n_files), <=, SMALL_BYTES);
  g_assert_cmpuint (n_files, >, 10);
  assert_all_once (path, "a", 800);
  assert_all_once (path, "b", 800);
  publish_harness_free (a);
  publish_harness_free (b);
}

/* ---- other processes ------------------------------------------------------------------------- */

/* Starts this program as a process that publishes 1000 frames of a source to a file and prints how
 * many were sent. */
static GSubprocess *
writer_new (const char *path, const char *source, const char *more, guint most_bytes)
{
  const char *argv[] = { "/proc/self/exe", NULL };
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autofree char *bytes = g_strdup_printf ("%u", most_bytes);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_setenv (launcher, "COW_TEST_AS_WRITER", path, TRUE);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_SOURCE", source, TRUE);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_MORE", more, TRUE);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_MOST_BYTES", bytes, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  return process;
}

static guint64
writer_finish (GSubprocess *process)
{
  g_autoptr (GSubprocess) self = process;
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8 (self, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (self));
  return g_ascii_strtoull (output, NULL, 10);
}

static int
be_writer (const char *path)
{
  const char *more = g_getenv ("COW_TEST_MORE");
  const rlim_t bytes = (rlim_t)g_ascii_strtoull (g_getenv ("COW_TEST_MOST_BYTES"), NULL, 10);
  GstHarness *harness;

  if (bytes > 0)
    g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &(struct rlimit){ bytes, bytes }), ==, 0);
  harness = harness_new (path, g_getenv ("COW_TEST_SOURCE"), more);
  for (guint n = 0; n < 1000; n += 10) {
    publish_push (harness, n, n + 10);
    g_usleep (500);
  }
  if (bytes > 0)
    publish_wait (harness, "file", "failures", 1);
  publish_stop (harness);
  publish_assert_all (harness, "file", 1000);
  g_print ("%" G_GUINT64_FORMAT "\n", publish_stat (harness, "file", "sent"));
  publish_harness_free (harness);
  return 0;
}

/* Two processes rotate one file, while a foreign program appends to whichever file has its name. */
static void
test_processes (void)
{
  g_autofree char *path = g_build_filename (folder, "processes", NULL),
                  *more = g_strdup_printf ("max-file-size=%u max-files=1000 drain-timeout=60000",
                                           SMALL_BYTES);
  GSubprocess *a = writer_new (path, "a", more, 0), *b = writer_new (path, "b", more, 0);
  Stranger stranger = { .path = path };
  GThread *thread = g_thread_new ("stranger", be_stranger, &stranger);
  guint n_files;

  g_assert_cmpuint (writer_finish (a), ==, 1000);
  g_assert_cmpuint (writer_finish (b), ==, 1000);
  g_atomic_int_set (&stranger.stop, 1);
  g_thread_join (thread);
  largest (path, &n_files);
  g_assert_cmpuint (n_files, >, 5);
  assert_all_once (path, "a", 1000);
  assert_all_once (path, "b", 1000);
  assert_all_once (path, "stranger", stranger.n);
}

/* Four processes rotate a file that is full after a few lines, so that there are hundreds. */
static void
test_many_processes (void)
{
  static const char *const sources[] = { "a", "b", "c", "d" };
  g_autofree char *path = g_build_filename (folder, "many", NULL);
  GSubprocess *writers[4];
  guint n_files;

  for (guint i = 0; i < 4; i++)
    writers[i] =
        writer_new (path, sources[i], "max-file-size=4000 max-files=1000 drain-timeout=60000", 0);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (writer_finish (writers[i]), ==, 1000);
  g_assert_cmpuint (largest (path, &n_files), <=, 4000);
  g_assert_cmpuint (n_files, >, 100);
  for (guint i = 0; i < 4; i++)
    assert_all_once (path, sources[i], 1000);
}

typedef struct {
  const char *path;
  gint stop; /* atomic */
  guint n;
} Truncater;

static gpointer
be_truncater (gpointer data)
{
  Truncater *self = data;

  for (; !g_atomic_int_get (&self->stop); self->n++) {
    g_assert_cmpint (truncate (self->path, 0), ==, 0);
    g_usleep (3000);
  }
  return NULL;
}

/* A program cuts the file off again and again, as logrotate's copytruncate does. What is written
 * after that begins at the beginning, without NUL bytes, and no line is torn. */
static void
test_truncated (void)
{
  g_autofree char *path = g_build_filename (folder, "truncated", NULL), *text = NULL;
  Truncater truncater = { .path = path };
  Found found = { g_array_new (FALSE, TRUE, sizeof (guint)), 0 };
  GstHarness *harness;
  GThread *thread;
  gsize n;

  fill (path, 0);
  harness = harness_new (path, "a", "drain-timeout=60000");
  thread = g_thread_new ("truncater", be_truncater, &truncater);
  for (guint frame = 0; frame < 2000; frame += 20) {
    publish_push (harness, frame, frame + 20);
    g_usleep (2000);
  }
  publish_wait (harness, "file", "sent", 2000);
  g_atomic_int_set (&truncater.stop, 1);
  g_thread_join (thread);
  publish_push (harness, 2000, 2010);
  publish_stop (harness);
  publish_harness_free (harness);
  g_assert_cmpuint (truncater.n, >, 5);
  g_assert_true (g_file_get_contents (path, &text, &n, NULL));
  g_assert_null (memchr (text, 0, n));
  g_assert_cmpuint (find (&found, path, "a"), ==, 0);
  g_assert_cmpuint (found.n_lines, >=, 10);
  g_array_unref (found.seen);
}

/* In a process whose files may not grow further, half a line is written and cut off again, and the
 * process survives. */
static void
test_limited_process (void)
{
  g_autofree char *path = g_build_filename (folder, "limited", NULL);
  const guint64 sent = writer_finish (writer_new (path, "a", "drain-timeout=0", SMALL_BYTES));
  guint n_files;

  g_assert_cmpuint (sent, >, 10);
  g_assert_cmpuint (sent, <, 1000);
  g_assert_cmpuint (largest (path, &n_files), <=, SMALL_BYTES);
  assert_all_once (path, "a", (guint)sent);
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* Another process holds the lock: frames go on, the thread waits, and can be stopped. */
static void
test_lock (void)
{
  g_autofree char *path = g_build_filename (folder, "locked", NULL);
  const int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  GstHarness *harness = harness_new (path, "a", "drain-timeout=0");
  gint64 begin;

  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  publish_push (harness, 0, 100);
  g_usleep (100000);
  g_assert_cmpuint (publish_stat (harness, "file", "sent"), ==, 0);
  g_assert_cmpint (flock (fd, LOCK_UN), ==, 0);
  publish_wait (harness, "file", "sent", 100);
  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  publish_push (harness, 100, 110);
  begin = g_get_monotonic_time ();
  publish_stop (harness);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 4 * G_USEC_PER_SEC);
  g_assert_cmpuint (publish_stat (harness, "file", "dropped"), ==, 10);
  assert_all_once (path, "a", 100);
  close (fd);
  publish_harness_free (harness);
}

/* ---- single lines ---------------------------------------------------------------------------- */

static GstCowAppend
open_file (const char *path, const char *content)
{
  g_assert_true (g_file_set_contents (path, content, -1, NULL));
  return (GstCowAppend){ .fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC),
                         .beside = open (path, O_RDWR | O_CLOEXEC) };
}

static void
assert_content (const char *path, const char *expected)
{
  g_autofree char *content = NULL;

  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, expected);
}

static void
close_file (GstCowAppend *file)
{
  gst_cow_append_unlock (file);
  close (file->fd);
  close (file->beside);
}

/* Another program left half a line, so ours begins on a new one. */
static void
test_half_line (void)
{
  g_autofree char *path = g_build_filename (folder, "half", NULL);
  GstCowAppend file = open_file (path, "{\"ha");

  g_assert_true (gst_cow_append_lock (&file, NULL));
  g_assert_true (gst_cow_append_line (&file, "{1}"));
  g_assert_true (gst_cow_append_line (&file, "{2}"));
  close_file (&file);
  assert_content (path, "{\"ha\n{1}\n{2}\n");
}

/* A partial write is cut off only at the end of the file and while the lock is held. */
static void
test_withdraw (void)
{
  g_autofree char *path = g_build_filename (folder, "withdraw", NULL);
  GstCowAppend file = open_file (path, "{1}\n{\"ha");

  g_assert_true (gst_cow_append_lock (&file, NULL));
  g_assert_true (gst_cow_append_withdraw (&file, 4, 8));
  close_file (&file);
  assert_content (path, "{1}\n");

  file = open_file (path, "{1}\n{\"ha");
  g_assert_true (gst_cow_append_withdraw (&file, 4, 8));
  close_file (&file);
  assert_content (path, "{1}\n    ");

  file = open_file (path, "{1}\n{\"ha{2}\n");
  g_assert_true (gst_cow_append_lock (&file, NULL));
  g_assert_true (gst_cow_append_withdraw (&file, 4, 8));
  close_file (&file);
  assert_content (path, "{1}\n    {2}\n");

  /* after the newline that ended the foreign half line */
  file = open_file (path, "{\"st\n{\"ha{2}\n");
  g_assert_true (gst_cow_append_lock (&file, NULL));
  g_assert_true (gst_cow_append_withdraw (&file, 4, 9));
  close_file (&file);
  assert_content (path, "{\"st\n    {2}\n");

  /* Somebody has cut the file off since: there is nothing left to withdraw, or less. */
  file = open_file (path, "{1}\n");
  g_assert_true (gst_cow_append_withdraw (&file, 100, 108));
  close_file (&file);
  assert_content (path, "{1}\n");
  file = open_file (path, "{1}\n{\"ha");
  g_assert_true (gst_cow_append_withdraw (&file, 4, 12));
  close_file (&file);
  assert_content (path, "{1}\n    ");
}

/* ---- a disk ---------------------------------------------------------------------------------- */

static gboolean
write_text (const char *path, const char *text)
{
  const int fd = open (path, O_WRONLY);
  const gboolean ok = fd >= 0 && write (fd, text, strlen (text)) == (gssize)strlen (text);

  if (fd >= 0)
    close (fd);
  return ok;
}

/* Mounts a small disk that only this process sees and that ends with it, if that is permitted. Must
 * be called before any thread is started. */
static char *
mount_disk (void)
{
  g_autofree char *options = g_strdup_printf ("size=%d", DISK_BYTES),
                  *path = g_build_filename (folder, "disk", NULL),
                  *map = g_strdup_printf ("%u %u 1", getuid (), getuid ());

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  if (unshare (CLONE_NEWNS) < 0 &&
      (unshare (CLONE_NEWUSER | CLONE_NEWNS) < 0 || !write_text ("/proc/self/uid_map", map)))
    return NULL;
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      mount ("tmpfs", path, "tmpfs", 0, options) < 0)
    return NULL;
  return g_steal_pointer (&path);
}

int
main (int argc, char **argv)
{
  const char *writer = g_getenv ("COW_TEST_AS_WRITER");
  int result;

  if (!writer) {
    folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);
    disk = mount_disk ();
  }
  gst_init (&argc, &argv);
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */
  if (writer)
    return be_writer (writer);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/publish-shared/full-disk", test_full_disk);
  g_test_add_func ("/publish-shared/full-disk-to-the-end", test_full_disk_to_the_end);
  g_test_add_func ("/publish-shared/limit", test_limit);
  g_test_add_func ("/publish-shared/processes", test_processes);
  g_test_add_func ("/publish-shared/many-processes", test_many_processes);
  g_test_add_func ("/publish-shared/truncated", test_truncated);
  g_test_add_func ("/publish-shared/limited-process", test_limited_process);
  g_test_add_func ("/publish-shared/lock", test_lock);
  g_test_add_func ("/publish-shared/half-line", test_half_line);
  g_test_add_func ("/publish-shared/withdraw", test_withdraw);
  result = g_test_run ();

  if (disk)
    umount2 (disk, MNT_DETACH);
  g_free (disk);
  support_remove (folder);
  return support_no_leaks () ? result : 1;
}
