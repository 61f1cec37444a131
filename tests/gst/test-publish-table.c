/* SPDX-License-Identifier: MIT */
/* Events as a table: cowpublish writes rows of comma-separated values below one header, whoever
 * else writes to the file, and appends to no file that has other columns. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gst-plugin/publish/append.h"
#include "gst-plugin/publish/event-rows.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static char *folder;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static GstHarness *
table_new (const char *path, const char *more)
{
  g_autofree char *properties = g_strdup_printf ("file=\"%s\" %s", path, more);

  return publish_harness_new (properties);
}

/* The rows of a table, whose first line must be the header, and whose last is empty. */
static char **
rows_of (const char *path)
{
  char **lines = publish_lines (path);

  g_assert_cmpstr (lines[0], ==, GST_COW_PUBLISH_COLUMNS);
  for (char **line = lines + 1; *line; line++)
    g_assert_cmpstr (*line, !=, GST_COW_PUBLISH_COLUMNS);
  return lines;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Two objects of a frame are two rows, and nothing is without its source and place. */
static void
test_rows (void)
{
  g_autofree char *path = path_of ("rows.csv");
  GstHarness *harness = table_new (path, "leaky=no");
  g_auto (GStrv) lines = NULL;

  publish_push_objects (harness, 25, publish_object_new ("roi", "cow", 7, "Lying", 2),
                        publish_object_new ("zone", "pen 1", 0, "Standing", 0));
  publish_push_objects (harness, 26, publish_object_new ("frame", "frame", 0, "Lying", 0), NULL);
  publish_harness_free (harness);
  lines = rows_of (path);
  g_assert_cmpuint (g_strv_length (lines), ==, 5);
  for (guint i = 1; i <= 3; i++) {
    g_auto (GStrv) fields = g_strsplit (lines[i], ",", -1);

    /* The clock is that of this machine in a live pipeline, which a harness is. */
    g_assert_cmpuint (strlen (fields[4]), ==, strlen ("2026-01-31T06:00:04.000056Z"));
    *fields[4] = '\0';
    g_free (lines[i]);
    lines[i] = g_strjoinv (",", fields);
  }
  g_assert_cmpstr (lines[1], ==, "barn,,7,1.000,,Lying,0.75,,roi,cow,32,24,64,48,2,cows");
  g_assert_cmpstr (lines[2], ==, "barn,pen 1,,1.000,,Standing,0.75,,zone,,32,24,64,48,0,cows");
  g_assert_cmpstr (lines[3], ==, "barn,,,1.040,,Lying,0.75,,frame,,32,24,64,48,0,cows");
  g_assert_cmpstr (lines[4], ==, "");
}

static char *
row_of (GstStructure *object, const GstCowMoment *moment, const char *source)
{
  g_autoptr (GstStructure) results =
      gst_structure_new ("results", "model_name", G_TYPE_STRING, "=model", NULL);
  g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (GstCowPublishObject));
  char *rows, *copy;

  g_array_append_val (objects, ((GstCowPublishObject){ results, object }));
  rows = gst_cow_publish_event_rows_new (moment, source, -1, objects);
  copy = g_strdup (rows);
  g_ref_string_release (rows);
  gst_structure_free (object);
  return copy;
}

/* What is not known is empty; names stay text for spreadsheets and a row stays a line. */
static void
test_hostile (void)
{
  const GstCowMoment nowhere = { .stream_time = GST_CLOCK_TIME_NONE,
                                 .wall_clock = GST_CLOCK_TIME_NONE },
                     dated = { .stream_time = G_GUINT64_CONSTANT (1999500000),
                               .wall_clock = G_GUINT64_CONSTANT (1769839204000056000) };
  g_autofree char *evil =
      row_of (publish_object_new ("zone", "=cmd|' /C calc'!A0", 0, "a \"b\", c", 0), &nowhere,
              "two\r\nlines\xff");
  g_autofree char *bare = row_of (gst_structure_new_empty ("object"), &dated, "-1");

  g_assert_cmpstr (
      evil, ==,
      "two  lines\xef\xbf\xbd,'=cmd|' /C calc'!A0,,,,\"a \"\"b\"\", c\",0.75,,zone,,32,"
      "24,64,48,0,'=model");
  g_assert_cmpstr (bare, ==, "'-1,,,2.000,,,,2026-01-31T06:00:04.000056Z,frame,,,,,,,'=model");
}

/* ---- files ----------------------------------------------------------------------------------- */

static void
publish_once (const char *path, const char *more, guint from, guint to)
{
  GstHarness *harness = table_new (path, more);

  publish_push (harness, from, to);
  publish_harness_free (harness);
}

static void
test_append (void)
{
  g_autofree char *path = path_of ("append.csv");
  g_auto (GStrv) lines = NULL;

  publish_once (path, "leaky=no", 0, 10);
  publish_once (path, "leaky=no", 10, 20);
  lines = rows_of (path);
  g_assert_cmpuint (g_strv_length (lines), ==, 22);
}

/* Every file of a rotation has its header, and so has one that somebody emptied. */
static void
test_rotation (void)
{
  g_autofree char *path = path_of ("rotated.csv"), *emptied = path_of ("emptied.csv");
  GstHarness *harness;
  guint n = 0;

  publish_once (path, "leaky=no max-file-size=1000 max-files=50", 0, 100);
  for (guint i = 0;; i++) {
    g_autofree char *older = i > 0 ? g_strdup_printf ("%s.%u", path, i) : g_strdup (path);
    g_auto (GStrv) lines = NULL;

    if (!g_file_test (older, G_FILE_TEST_EXISTS))
      break;
    lines = rows_of (older);
    g_assert_cmpuint (g_strv_length (lines), >=, 3);
    n += g_strv_length (lines) - 2;
  }
  g_assert_cmpuint (n, ==, 100);

  harness = table_new (emptied, "leaky=no");
  publish_push (harness, 0, 5);
  publish_wait (harness, "file", "sent", 5);
  g_assert_cmpint (truncate (emptied, 0), ==, 0);
  publish_push (harness, 5, 8);
  publish_harness_free (harness);
  g_auto (GStrv) lines = rows_of (emptied);
  g_assert_cmpuint (g_strv_length (lines), ==, 5);
}

/* Two elements that share a file write one header. */
static void
test_shared (void)
{
  g_autofree char *path = path_of ("shared.csv");
  GstHarness *a = table_new (path, "leaky=no"), *b = table_new (path, "leaky=no");
  g_auto (GStrv) lines = NULL;

  for (guint i = 0; i < 50; i++) {
    publish_push (a, i, i + 1);
    publish_push (b, i, i + 1);
  }
  publish_harness_free (a);
  publish_harness_free (b);
  lines = rows_of (path);
  g_assert_cmpuint (g_strv_length (lines), ==, 102);
}

/* The name's ending chooses, and the property overrules it. */
static void
test_format (void)
{
  g_autofree char *capitals = path_of ("CAPITALS.CSV"), *plain = path_of ("plain"),
                  *json = path_of ("json.csv");
  g_auto (GStrv) events = NULL;

  publish_once (capitals, "leaky=no", 0, 2);
  g_strfreev (rows_of (capitals));
  publish_once (plain, "leaky=no file-format=csv", 0, 2);
  g_strfreev (rows_of (plain));
  publish_once (json, "leaky=no file-format=jsonl", 0, 2);
  events = publish_lines (json);
  publish_assert_frames (events, 0, 2);
}

/* ---- other columns --------------------------------------------------------------------------- */

static void
assert_refused (const char *path, const char *content, const char *shown)
{
  g_autofree char *properties = g_strdup_printf ("file=\"%s\"", path), *why = NULL, *after = NULL;

  g_assert_true (g_file_set_contents (path, content, -1, NULL));
  why = publish_refusal_new (properties);
  g_test_message ("%s", why);
  g_assert_nonnull (strstr (why, path));
  g_assert_nonnull (strstr (why, shown));
  g_assert_nonnull (strstr (why, "move it away"));
  g_assert_true (g_file_get_contents (path, &after, NULL, NULL));
  g_assert_cmpstr (after, ==, content);
}

static void
test_other_columns (void)
{
  g_autofree char *path = path_of ("other.csv");

  assert_refused (path, COW_EVENT_COLUMNS "\nbarn,,,1.000,,Lying,0.75\n",
                  "source,zone,track,time,wall_clock,label,confidence");
  assert_refused (path, "{\"source\":\"barn\"}\n", "begins with \"{\"source\"");
  assert_refused (path, "\x1b[2Jx\n", "\\u001b[2Jx");
  assert_refused (path, GST_COW_PUBLISH_COLUMNS, "source");
  assert_refused (path, GST_COW_PUBLISH_COLUMNS ",more\n", "source");
}

/* A file that takes the place of ours while we play: nothing is written to it until it goes. */
static void
test_replaced (void)
{
  g_autofree char *path = path_of ("replaced.csv"), *away = path_of ("away"), *after = NULL;
  GstHarness *harness = table_new (path, "leaky=no");
  g_autofree char *warning = NULL;
  g_auto (GStrv) lines = NULL;

  publish_push (harness, 0, 3);
  publish_wait (harness, "file", "sent", 3);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (g_file_set_contents (path, "a,b\n", -1, NULL));
  publish_push (harness, 3, 5);
  warning = publish_wait_warning (harness, "begins with \"a,b\"");
  g_assert_cmpint (g_rename (path, away), ==, 0);
  publish_wait (harness, "file", "sent", 5);
  publish_harness_free (harness);
  g_assert_true (g_file_get_contents (away, &after, NULL, NULL));
  g_assert_cmpstr (after, ==, "a,b\n");
  lines = rows_of (path);
  g_assert_cmpuint (g_strv_length (lines), ==, 4);
}

/* ---- half rows ------------------------------------------------------------------------------- */

static GstCowAppend
open_rows (const char *path, const char *content)
{
  g_assert_true (g_file_set_contents (path, content, -1, NULL));
  return (GstCowAppend){ .fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC),
                         .beside = open (path, O_RDWR | O_CLOEXEC),
                         .rows = TRUE };
}

static void
assert_becomes (GstCowAppend *file, const char *path, const char *expected)
{
  g_autofree char *content = NULL;

  gst_cow_append_unlock (file);
  close (file->fd);
  close (file->beside);
  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, expected);
}

/* Half a row that ends within quotes would swallow the rows behind it. */
static void
test_half_row (void)
{
  g_autofree char *path = path_of ("half");
  GstCowAppend file = open_rows (path, "a,b\n1,\"half");

  g_assert_true (gst_cow_append_line (&file, "2,x"));
  assert_becomes (&file, path, "a,b\n1,\"half\"\n2,x\n");
  file = open_rows (path, "a,b\n1,\"whole\"");
  g_assert_true (gst_cow_append_line (&file, "2,x"));
  assert_becomes (&file, path, "a,b\n1,\"whole\"\n2,x\n");
}

/* Where others have written behind a row that failed, it becomes empty lines. */
static void
test_withdrawn_row (void)
{
  g_autofree char *path = path_of ("withdrawn");
  GstCowAppend file = open_rows (path, "a,b\n1,ha2,x\n");

  g_assert_true (gst_cow_append_withdraw (&file, 4, 8));
  assert_becomes (&file, path, "a,b\n\n\n\n\n2,x\n");
  file = open_rows (path, "a,b\n1,\"q\"\n1,h2,x\n");
  g_assert_true (gst_cow_append_withdraw (&file, 8, 13));
  assert_becomes (&file, path, "a,b\n1,\"q\"\n\n\n\n2,x\n");
}

/* ---- the standard output --------------------------------------------------------------------- */

/* This program, with a task: two elements print to the same pipe. */
static int
be_writer (void)
{
  GstHarness *a = publish_harness_new ("file=- file-format=csv leaky=no drain-timeout=60000"),
             *b = publish_harness_new ("file=- file-format=csv leaky=no drain-timeout=60000");

  for (guint i = 0; i < 100; i++) {
    publish_push (a, i, i + 1);
    publish_push (b, i, i + 1);
  }
  publish_harness_free (a);
  publish_harness_free (b);
  return 0;
}

static void
test_stdout (void)
{
  g_autofree char *path = path_of ("printed.csv"), *output = publish_run_writer ();
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_set_contents (path, output, -1, NULL));
  lines = rows_of (path);
  g_assert_cmpuint (g_strv_length (lines), ==, 202);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */
  if (g_getenv ("COW_TEST_AS_WRITER"))
    return be_writer ();
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("cow-table-XXXXXX", NULL);
  g_test_add_func ("/publish-table/rows", test_rows);
  g_test_add_func ("/publish-table/hostile", test_hostile);
  g_test_add_func ("/publish-table/append", test_append);
  g_test_add_func ("/publish-table/rotation", test_rotation);
  g_test_add_func ("/publish-table/shared", test_shared);
  g_test_add_func ("/publish-table/format", test_format);
  g_test_add_func ("/publish-table/other-columns", test_other_columns);
  g_test_add_func ("/publish-table/replaced", test_replaced);
  g_test_add_func ("/publish-table/half-row", test_half_row);
  g_test_add_func ("/publish-table/withdrawn-row", test_withdrawn_row);
  g_test_add_func ("/publish-table/stdout", test_stdout);
  result = g_test_run ();
  support_remove (folder);
  return result;
}
