/* SPDX-License-Identifier: MIT */
/* `labels`: what goes to Label Studio and CVAT comes back as it was, exports as those programs
 * write them are read, and what is wrong with one is said. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "tests/trainer/cli.h"
#include "trainer/data/crop-table.h"
#include "trainer/data/label-exchange.h"

#define N 6

static char *folder;

/* A folder with a table of N pictures, of two recordings that have one name in common. */
static char *
make_data (const char *name)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  static const char *const pictures[N] = {
    "crops/a/000000000-bed 1.png", "crops/a/000002000.png", "crops/a/000004000.png",
    "crops/b/000002000.png",       "crops/b/000008000.png", "crops/b/ü<&\"'.png",
  };

  g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
  g_autoptr (CowCropTable) table = cow_crop_table_open (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N; i++) {
    const char *const fields[COW_CROP_N_COLUMNS] = { pictures[i], "", "/v.mp4",    "2.000",
                                                     "bed 1",     "", "1 2 64 48", "v 1" };
    cow_crop_table_add (table, fields);
  }
  g_assert_true (cow_crop_table_save (table, &error));
  return path;
}

static CowCropTable *
open_table (const char *data)
{
  g_autoptr (GError) error = NULL;
  CowCropTable *table = cow_crop_table_open (data, &error);

  g_assert_no_error (error);
  return table;
}

static void
assert_labels (const char *data, const char *const labels[N])
{
  g_autoptr (CowCropTable) table = open_table (data);

  for (guint i = 0; i < N; i++)
    g_assert_cmpstr (cow_crop_table_get (table, i, COW_CROP_LABEL), ==, labels[i]);
}

static const char *const given[N] = {
  "Lying", "", "Feeding head up", "Standing", "a<&\">b", "Lying"
};

/* Out of one folder, into another one without labels. */
static void
test_round (void)
{
  static const char *const options[] = { "--label-studio", "--cvat" };
  static const char *const names[] = { "tasks.json", "tags.xml" };

  for (guint i = 0; i < 2; i++) {
    g_autofree char *name = g_strdup_printf ("from%u", i), *other = g_strdup_printf ("to%u", i),
                    *from = make_data (name), *to = make_data (other),
                    *file = g_build_filename (folder, names[i], NULL);
    g_autoptr (CowCropTable) table = open_table (from);
    g_autoptr (GError) error = NULL;

    for (guint k = 0; k < N; k++)
      if (*given[k])
        cow_crop_table_set_label (table, k, given[k]);
    g_assert_true (cow_crop_table_save (table, &error));
    g_auto (Result) written =
        cli_run ("labels", "--data", from, options[i], file, "--classes", "Standing,Walking", NULL),
                    read = cli_run ("labels", file, "--data", to, NULL),
                    again = cli_run ("labels", file, "--data", to, NULL);
    cli_assert_ok (&written);
    cli_assert_says (written.out, "6 pictures, 5 classes");
    cli_assert_ok (&read);
    cli_assert_says (read.out, "5 new labels, 0 changed, 0 as before, 1 picture without");
    cli_assert_says (again.out, "0 new labels, 0 changed, 5 as before, 1 picture without");
    assert_labels (to, given);
  }
}

/* The project that Label Studio imports. */
static void
test_project (void)
{
  g_autofree char *data = make_data ("project"), *file = g_build_filename (folder, "p.json", NULL),
                  *beside = g_build_filename (folder, "p.xml", NULL), *xml = NULL;
  g_auto (Result) result =
      cli_run ("labels", "--data", data, "--label-studio", file, "--classes", "Lying, A&B", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  cli_assert_ok (&result);
  g_assert_true (json_parser_load_from_file (parser, file, &error));
  JsonArray *tasks = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (tasks), ==, N);
  JsonObject *task =
      json_object_get_object_member (json_array_get_object_element (tasks, 0), "data");
  g_assert_cmpstr (json_object_get_string_member (task, "image"), ==,
                   "/data/local-files/?d=crops/a/000000000-bed%201.png");
  g_assert_cmpstr (json_object_get_string_member (task, "path"), ==, "crops/a/000000000-bed 1.png");
  g_assert_true (g_file_get_contents (beside, &xml, NULL, NULL));
  cli_assert_says (xml, "<Choice value=\"Lying\"/>");
  cli_assert_says (xml, "<Choice value=\"A&amp;B\"/>");
}

/* ---- exports as the programs write them ------------------------------------------------------ */

#define CHOICE(label)                                                                              \
  "{\"id\":\"x1\",\"type\":\"choices\",\"value\":{\"choices\":[\"" label "\"]},\"origin\":"        \
  "\"manual\",\"to_name\":\"image\",\"from_name\":\"label\"}"
#define NOTE(label, cancelled)                                                                     \
  "{\"id\":1,\"completed_by\":1,\"was_cancelled\":" cancelled                                      \
  ",\"lead_time\":2.5,\"result\":[" CHOICE (label) "]}"

static char *
make_export (const char *text)
{
  char *path = g_build_filename (folder, "export", NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
test_label_studio (void)
{
  g_autofree char *
      data = make_data ("studio"),
     *path = make_export (
         "[{\"id\":1,\"data\":{\"image\":\"/data/upload/1/0a1b2c3d-000004000.png\"},"
         "\"annotations\":[" NOTE (
             "Lying",
             "false") "],\"predictions\":[]},"
                      "{\"id\":2,\"data\":{\"image\":\"/data/local-files/?d=barn/crops/a/"
                      "000000000-bed%201.png\"},\"annotations\":[" NOTE ("Lying", "true") "," NOTE (
                          "Standing",
                          "false") "]},"
                                   "{\"id\":3,\"data\":{\"image\":\"http://host/"
                                   "000002000.png\"},\"annotations\":"
                                   "[" NOTE ("Lying",
                                             "false") "]},"
                                                      "{\"id\":4,\"data\":{\"path\":\"crops/b/"
                                                      "000008000.png\"},\"annotations\":[" NOTE (
                                                          "Lying",
                                                          "false") "," NOTE ("Standing",
                                                                             "false") "]}]");
  static const char *const expected[N] = { "Standing", "", "Lying", "", "", "" };
  g_auto (Result) result = cli_run ("labels", path, "--data", data, NULL);

  g_assert_cmpint (result.status, ==, 0);
  cli_assert_says (result.out, "2 new labels");
  cli_assert_says (result.err, "1 picture with labels that differ, of which none is taken "
                               "(crops/b/000008000.png is the first)");
  cli_assert_says (result.err, "1 picture not in crops.csv, or not one alone "
                               "(http://host/000002000.png is the first)");
  assert_labels (data, expected);

  g_autofree char *least = make_export ("[{\"image\":\"x/000008000.png\",\"id\":9,\"label\":"
                                        "\"Walking\"},{\"image\":\"000004000.png\",\"label\":"
                                        "{\"choices\":[\"a\",\"b\"]}}]");
  g_auto (Result) minimal = cli_run ("labels", least, "--data", data, NULL);
  cli_assert_says (minimal.out, "1 new label, 0 changed, 0 as before, 1 picture without");
}

static void
test_cvat (void)
{
  g_autofree char *data = make_data ("cvat"),
                  *path = make_export (
                      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n<version>1.1"
                      "</version><meta><task><id>7</id><labels><label><name>Lying</name></label>"
                      "</labels></task></meta>\n<image id=\"0\" name=\"crops/a/000002000.png\" "
                      "width=\"64\" height=\"48\">\n<tag label=\"Lying\" source=\"manual\"></tag>"
                      "</image><image id=\"1\" name=\"b/000002000.png\"><box label=\"cow\" "
                      "xtl=\"1\"/></image></annotations>\n");
  static const char *const expected[N] = { "", "Lying", "", "", "", "" };
  g_auto (Result) result = cli_run ("labels", path, "--data", data, NULL);

  cli_assert_says (result.out, "1 new label, 0 changed");
  cli_assert_says (result.err, "1 box or the like, which are not read");
  assert_labels (data, expected);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static void
test_bad (void)
{
  static const struct {
    const char *text, *says;
  } cases[] = {
    { "", "export" },
    { "[", "export" },
    { "[3]", "task 1: an object is expected" },
    { "[{\"id\":1}]", "neither \"path\" nor \"image\"" },
    { "[{\"data\":{\"path\":3}}]", "path" },
    { "[{\"data\":{\"path\":\"a\"},\"annotations\":[1]}]", "an annotation is no object" },
    { "[{\"data\":{\"path\":\"a\"},\"annotations\":[{\"result\":[1]}]}]", "a result is no object" },
    { "{\"a\":1}", "tasks" },
    { "]}{\"a\":[", "export" },
    { "<a/>", "<annotations> of CVAT is expected" },
    { "<annotations>", "not XML" },
    { "<annotations><image/></annotations>", "an <image> has no name" },
    { "<annotations><track/></annotations>", "CVAT for video" },
    { "<annotations>&bomb;</annotations>", "not XML" },
  };
  g_autofree char *data = make_data ("bad");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = make_export (cases[i].text);
    g_autoptr (CowCropTable) table = open_table (data);
    g_autoptr (GError) error = NULL;
    CowLabelCounts counts = { 0 };

    if (cow_labels_read (path, table, &counts, &error))
      g_error ("%s is read", cases[i].text);
    cli_assert_says (error->message, "export");
    cli_assert_says (error->message, cases[i].says);
    g_free (counts.unknown);
  }
  g_auto (Result) nothing = cli_run ("labels", "--data", data, NULL),
                  nowhere = cli_run ("labels", "x.json", NULL),
                  lost = cli_run ("labels", "no-such.json", "--data", data, NULL),
                  classes = cli_run ("labels", "--data", data, "--cvat", "x.xml", NULL),
                  same = cli_run ("labels", "--data", data, "--cvat", "x.json", NULL),
                  empty = cli_run ("labels", "x.json", "--data", folder, NULL);
  cli_assert_error (&nothing, 2, "nothing to do");
  cli_assert_error (&nowhere, 2, "--data is missing");
  cli_assert_error (&lost, 1, "no-such.json");
  cli_assert_error (&classes, 2, "--classes A,B,... is missing");
  cli_assert_error (&same, 2, "its name ends as that of the file beside it");
  cli_assert_error (&empty, 1, "has no pictures in crops.csv");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  g_test_add_func ("/labels/round", test_round);
  g_test_add_func ("/labels/project", test_project);
  g_test_add_func ("/labels/label-studio", test_label_studio);
  g_test_add_func ("/labels/cvat", test_cvat);
  g_test_add_func ("/labels/bad", test_bad);
  const int status = g_test_run ();
  cli_remove (folder);
  return status;
}
