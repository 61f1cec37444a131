/* SPDX-License-Identifier: MIT */
/* `check` of frames with boxes finds, names and counts every kind of fault, and accepts what
 * cow-render-barn draws. */
#include <glib/gstdio.h>

#include "model/files/json-object.h"
#include "pipelines/demo/render-frames.h"
#include "tests/trainer/findings.h"
#include "trainer/data/check-frames.h"
#include "trainer/data/coco-names.h"
#include "trainer/data/frames-dataset.h"
#include "trainer/data/frames-open.h"

#define WIDTH  320
#define HEIGHT 184

typedef struct {
  char *folder, *file;
  GString *images, *boxes;
  guint n_images, n_boxes;
} Fixture;

static void
setup (Fixture *self, gconstpointer unused)
{
  self->folder = cli_folder ();
  self->file = g_build_filename (self->folder, "frames.json", NULL);
  self->images = g_string_new (NULL);
  self->boxes = g_string_new (NULL);
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  g_free (self->file);
  g_string_free (self->images, TRUE);
  g_string_free (self->boxes, TRUE);
  cli_remove (self->folder);
}

/* ---- a COCO file ----------------------------------------------------------------------------- */

/* Lists a picture of width x height; it need not be there. */
static void
image (Fixture *self, const char *name, int width, int height)
{
  g_string_append_printf (self->images,
                          "%s{\"id\":%u,\"file_name\":\"%s\",\"width\":%d,\"height\":%d}",
                          self->n_images > 0 ? "," : "", self->n_images + 1, name, width, height);
  self->n_images++;
}

/* The same with the picture. */
static void
frame (Fixture *self, const char *name)
{
  cli_make_picture (self->folder, name, WIDTH, HEIGHT, self->n_images + 1);
  image (self, name, WIDTH, HEIGHT);
}

/* A box of the last image; categories: 1 cow, 2 Lying, 3 Person, 4 Standing. */
static void
box (Fixture *self, guint category, double x, double y, double w, double h)
{
  g_string_append_printf (self->boxes,
                          "%s{\"id\":%u,\"image_id\":%u,\"category_id\":%u,\"iscrowd\":0,"
                          "\"bbox\":[%g,%g,%g,%g]}",
                          self->n_boxes > 0 ? "," : "", self->n_boxes + 1, self->n_images, category,
                          x, y, w, h);
  self->n_boxes++;
}

static void
write_file (const Fixture *self)
{
  g_autofree char *text = g_strdup_printf (
      "{\"images\":[%s],\"annotations\":[%s],\"categories\":[{\"id\":1,\"name\":"
      "\"cow\"},{\"id\":2,\"name\":\"Lying\"},{\"id\":3,\"name\":\"Person\"},{\"id\":4,"
      "\"name\":\"Standing\"}]}",
      self->images->str, self->boxes->str);

  g_assert_true (g_file_set_contents (self->file, text, -1, NULL));
}

/* ---- the report ------------------------------------------------------------------------------ */

static JsonObject *
check (const Fixture *self, int status)
{
  g_auto (Result) result =
      cli_run ("check", "--data", self->file, "--val-fraction", "0", "--json", NULL);

  return findings_report (&result, status);
}

/* Counts the findings of a kind; `words` are in the text of the first. */
static guint
count (JsonObject *report, const char *kind, gboolean near, const char *words)
{
  JsonObject *first = NULL;
  const guint n = findings_count (report, kind, near, &first);

  if (first && words)
    cli_assert_says (json_object_get_string_member (first, "text"), words);
  return n;
}

static gint64
problems (JsonObject *report)
{
  return json_object_get_int_member (report, "problems");
}

static void
test_good (void)
{
  const RenderFramesOptions drawn = {
    .seed = 5, .style = RENDER_STYLE_DAY, .count = 12, .most = 6, .split = TRUE
  };
  g_autofree char *folder = cli_folder ();
  g_autoptr (GError) error = NULL;

  g_assert_true (render_frames_write (folder, &drawn, &error));
  g_auto (Result) text = cli_run ("check", "--data", folder, NULL);
  g_auto (Result) json = cli_run ("check", "--data", folder, "--json", NULL);
  cli_assert_ok (&text);
  cli_assert_says (text.out, "12 frames: 0 problems, ");
  cli_assert_says (text.out, "frames without boxes");
  cli_assert_says (text.out, "train/annotations.json: coco, ");
  cli_assert_ok (&json);
  g_autoptr (JsonObject) report =
      cow_json_parse_object (json.out, strlen (json.out), "check", &error);
  g_assert_no_error (error);
  JsonObject *splits = json_object_get_object_member (report, "splits"),
             *train = json_object_get_object_member (splits, "train"),
             *test = json_object_get_object_member (splits, "test");
  g_assert_cmpint (json_object_get_int_member (train, "frames"), >, 5);
  g_assert_cmpint (json_object_get_int_member (train, "boxes") +
                       json_object_get_int_member (test, "boxes"),
                   <=, json_object_get_int_member (report, "boxes"));
  cli_remove (g_steal_pointer (&folder));
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void
test_pictures (Fixture *self, gconstpointer unused)
{
  g_autofree char *cut = g_build_filename (self->folder, "cut.png", NULL), *bytes = NULL,
                  *copy = g_build_filename (self->folder, "copy.png", NULL);
  gsize n;

  frame (self, "a.png");
  box (self, 1, 10, 10, 60, 60);
  frame (self, "cut.png");
  box (self, 1, 10, 10, 60, 60);
  g_assert_true (g_file_get_contents (cut, &bytes, &n, NULL));
  g_assert_true (g_file_set_contents (copy, bytes, (gssize)n, NULL));
  g_assert_true (g_file_set_contents (cut, bytes, (gssize)n / 2, NULL));
  image (self, "none.png", WIDTH, HEIGHT);
  box (self, 1, 10, 10, 60, 60);
  image (self, "a.png", WIDTH, HEIGHT);
  cli_make_picture (self->folder, "other.png", WIDTH / 2, HEIGHT / 2, 8);
  image (self, "other.png", WIDTH, HEIGHT);
  box (self, 1, 200, 100, 60, 60);
  cli_make_picture (self->folder, "turned.png", HEIGHT, WIDTH, 9);
  image (self, "turned.png", WIDTH, HEIGHT);
  box (self, 1, 100, 100, 60, 60);
  write_file (self);

  g_autoptr (JsonObject) report = check (self, 1);
  g_assert_cmpuint (count (report, "unreadable", FALSE, NULL), ==, 1);
  g_assert_cmpuint (count (report, "absent", FALSE, "images[2]: \"none.png\""), ==, 1);
  g_assert_cmpuint (count (report, "named-twice", FALSE, "images[3]"), ==, 1);
  g_assert_cmpuint (count (report, "size", FALSE, "320 x 184 by the annotations, 160 x 92 in fact"),
                    ==, 2);
  g_assert_cmpint (problems (report), ==, 3);
  g_auto (Result) text = cli_run ("check", "--data", self->file, NULL);
  cli_assert_error (&text, 1, "would spoil a training on these frames");
  cli_assert_says (text.out, "Warning: 1 frame is not there. They are left out; --images FOLDER");
  cli_assert_says (text.out, "184 x 320 in fact; its EXIF data turn it");
}

/* Sizes that only the picture tells: it is named, and the others are looked at. */
static void
test_unread (void)
{
  g_autofree char *folder = cli_folder (),
                  *broken = g_build_filename (folder, "images/train/b.png", NULL),
                  *images = g_build_filename (folder, "images/train", NULL),
                  *labels = g_build_filename (folder, "labels/train", NULL),
                  *text = g_build_filename (folder, "labels/train/a.txt", NULL);

  g_mkdir_with_parents (images, 0755);
  g_mkdir_with_parents (labels, 0755);
  cli_make_picture (folder, "images/train/a.png", WIDTH, HEIGHT, 1);
  cli_make_picture (folder, "images/train/c.png", WIDTH, HEIGHT, 2);
  g_assert_true (g_file_set_contents (broken, "no picture", -1, NULL));
  g_assert_true (g_file_set_contents (text, "0 0.5 0.5 0.2 0.2\n0 0.95 0.5 0.2 0.2\n", -1, NULL));
  g_auto (Result) result = cli_run ("check", "--data", folder, NULL);
  g_assert_cmpint (result.status, ==, 1);
  cli_assert_says (result.out, "Problem: 1 picture cannot be read.");
  cli_assert_says (result.out, "images/train/b.png");
  cli_assert_says (result.out, "images/train/c.png: has no file of labels");
  cli_assert_says (result.out, "Warning: 1 box stands over the edge of its frame.");
  cli_assert_says (result.out, "labels/train/a.txt:2");
  cli_assert_says (result.out, "2 frames: 1 problem,");
  cli_remove (g_steal_pointer (&folder));
}

/* ---- boxes ----------------------------------------------------------------------------------- */

static void
test_boxes (Fixture *self, gconstpointer unused)
{
  frame (self, "a.png");
  box (self, 1, 10, 10, 60, 60);    /* good */
  box (self, 1, 400, 10, 60, 60);   /* outside */
  box (self, 1, 300, 100, 60, 60);  /* cut */
  box (self, 1, 10, 10, 60, 60);    /* the first again */
  box (self, 1, 100, 10, 60, 60);   /* these two are nearly one: 60 x 56 of 60 x 60 */
  box (self, 1, 100, 14, 60, 56);   /* */
  box (self, 2, 200, 10, 60, 60);   /* these two are of two classes */
  box (self, 4, 200, 14, 60, 56);   /* */
  box (self, 1, 10, 100, 20, 3.5);  /* 40 x 7 px at 640 x 368 */
  box (self, 1, 50, 100, 4.5, 4.5); /* 9 x 9 px */
  box (self, 1, 90, 100, 0, 20);    /* no area */
  frame (self, "empty.png");
  write_file (self);

  g_autoptr (JsonObject) report = check (self, 1);
  g_assert_cmpuint (count (report, "outside", FALSE, "annotations[1]"), ==, 1);
  g_assert_cmpuint (count (report, "cut", FALSE, "annotations[2]"), ==, 1);
  g_assert_cmpuint (count (report, "box-twice", FALSE, "annotations[3]"), ==, 1);
  g_assert_cmpuint (
      count (report, "box-twice", TRUE, "60 x 60 px at 100, 10 and 60 x 56 px at 100, 14"), ==, 1);
  g_assert_cmpuint (
      count (report, "tiny-box", FALSE, "20 x 4 px at 10, 100: 40.0 x 7.0 px in the network"), ==,
      1);
  g_assert_cmpuint (count (report, "empty-box", FALSE, "annotations[10]"), ==, 1);
  g_assert_cmpuint (count (report, "no-boxes", FALSE, "has no boxes"), ==, 1);
  g_assert_cmpint (problems (report), ==, 1);
  /* What is listed is not among the warnings again. */
  JsonArray *warnings = json_object_get_array_member (report, "warnings");
  for (guint i = 0; i < json_array_get_length (warnings); i++)
    g_assert_null (strstr (json_array_get_string_element (warnings, i), "edge"));

  g_auto (Result) more =
      cli_run ("check", "--data", self->file, "--least-box", "10", "--val-fraction", "0", NULL);
  cli_assert_says (more.out, "2 boxes are very small");
  g_auto (Result) larger =
      cli_run ("check", "--data", self->file, "--size", "1280x736", "--val-fraction", "0", NULL);
  g_assert_null (strstr (larger.out, "very small when"));
}

static void
test_classes (Fixture *self, gconstpointer unused)
{
  frame (self, "a.png");
  for (guint i = 0; i < CHECK_FRAMES_FEW_BOXES; i++)
    box (self, 2, 2 + 15 * i, 10, 12, 12);
  box (self, 3, 10, 100, 30, 60);
  box (self, 1, 100, 100, 30, 60);
  write_file (self);

  g_autoptr (JsonObject) report = check (self, 1);
  g_assert_cmpuint (count (report, "no-cow", FALSE, "\"Person\" (1 box)"), ==, 1);
  g_assert_cmpuint (count (report, "few-boxes", FALSE, NULL), ==, 0);
  JsonObject *train =
      json_object_get_object_member (json_object_get_object_member (report, "splits"), "train");
  g_assert_cmpint (json_object_get_int_member (train, "boxes"), ==, CHECK_FRAMES_FEW_BOXES + 2);
  g_assert_cmpint (
      json_object_get_int_member (json_object_get_object_member (train, "classes"), "Lying"), ==,
      CHECK_FRAMES_FEW_BOXES);
  g_auto (Result) text = cli_run ("check", "--data", self->file, "--val-fraction", "0", NULL);
  cli_assert_says (text.out, "Problem: 1 category is none of cows. Every box is learnt as a cow");
  cli_assert_says (text.out, "(no behaviour)");

  /* A training is told, too. */
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  options.set.data = self->file;
  g_autoptr (CowFrames) frames = cow_frames_open (&options, NULL);
  g_autoptr (GString) said = g_string_new (NULL);
  for (guint i = 0; i < frames->warnings->len; i++)
    g_string_append (said, frames->warnings->pdata[i]);
  cli_assert_says (said->str, "\"Person\" (1 box): no behaviour of cows, and as they stand");
  g_assert_cmpuint (frames->oddities->len, ==, 0);
}

/* Where cows have no behaviours, people are the only class, and no behaviour. */
static void
test_people (Fixture *self, gconstpointer unused)
{
  frame (self, "a.png");
  box (self, 1, 10, 10, 60, 60);
  box (self, 3, 100, 10, 30, 60);
  box (self, 3, 200, 10, 30, 60);
  write_file (self);
  g_autoptr (JsonObject) report = check (self, 1);
  g_assert_cmpuint (count (report, "no-cow", FALSE, "\"Person\" (2 boxes)"), ==, 1);
}

/* ---- splits ---------------------------------------------------------------------------------- */

/* One recording on both sides, and one frame in both. */
static void
test_splits (Fixture *self, gconstpointer unused)
{
  g_autofree char *bytes = NULL, *first = g_build_filename (self->folder, "a.png", NULL),
                  *again = g_build_filename (self->folder, "again.png", NULL),
                  *other = g_build_filename (self->folder, "val.json", NULL), *val = NULL;
  gsize n;

  frame (self, "a.png");
  box (self, 1, 10, 10, 60, 60);
  g_assert_true (g_file_get_contents (first, &bytes, &n, NULL));
  g_assert_true (g_file_set_contents (again, bytes, (gssize)n, NULL));
  write_file (self);
  val = g_strdup ("{\"images\":[{\"id\":1,\"file_name\":\"again.png\",\"width\":320,\"height\":184"
                  "}],\"annotations\":[{\"image_id\":1,\"category_id\":1,\"bbox\":[10,10,60,60]}],"
                  "\"categories\":[{\"id\":1,\"name\":\"cow\"}]}");
  g_assert_true (g_file_set_contents (other, val, -1, NULL));
  g_auto (Result) result = cli_run ("check", "--train", self->file, "--val", other, "--group-by",
                                    "folder", "--val-fraction", "0", NULL);
  g_assert_cmpint (result.status, ==, 1);
  cli_assert_says (result.out, "Problem: 1 group is on both sides of the split.");
  cli_assert_says (result.out, "Problem: 1 picture is there in two splits.");
  cli_assert_says (result.out, "  (val)");
  g_assert_null (strstr (result.out, "(cow, "));
}

/* ---- what is meant --------------------------------------------------------------------------- */

static gboolean
are_meant (const char *data, const char *format)
{
  CowDatasetOptions options = COW_DATASET_OPTIONS_DEFAULT;

  options.data = (char *)data;
  options.format = (char *)format;
  return cow_frames_are_meant (&options);
}

static void
test_meant (Fixture *self, gconstpointer unused)
{
  g_autofree char *table = g_build_filename (self->folder, "table.csv", NULL),
                  *class = g_build_filename (self->folder, "train", "Lying", NULL),
                  *train = g_build_filename (self->folder, "train", NULL),
                  *json = g_build_filename (train, "_annotations.coco.json", NULL);

  g_assert_true (g_file_set_contents (table, "image_path,label\na.png,b\n", -1, NULL));
  g_mkdir_with_parents (class, 0755);
  g_assert_false (are_meant (table, NULL));
  g_assert_false (are_meant (self->folder, NULL));
  g_assert_true (are_meant (self->folder, "coco"));
  g_assert_false (are_meant (self->folder, "mmcows-frames"));
  g_assert_true (g_file_set_contents (json, "{}", -1, NULL));
  g_assert_true (are_meant (self->folder, NULL));
  g_assert_true (are_meant (train, "auto"));
  g_assert_false (are_meant (self->folder, "folders"));
  g_assert_true (coco_names_is_other ("Traffic Light"));
  g_assert_false (coco_names_is_other ("cow"));
  g_assert_false (coco_names_is_other ("Lying"));
}

static void
test_usage (Fixture *self, gconstpointer unused)
{
  g_autofree char *table = g_build_filename (self->folder, "table.csv", NULL);

  frame (self, "a.png");
  box (self, 1, 10, 10, 60, 60);
  write_file (self);
  g_assert_true (g_file_set_contents (table, "image_path,label\na.png,b\n", -1, NULL));
  g_auto (Result) size = cli_run ("check", "--data", self->file, "--size", "much", NULL);
  g_auto (Result) pictures = cli_run ("check", "--data", table, "--size", "64x64", NULL);
  g_auto (Result) least = cli_run ("check", "--data", table, "--least-box", "0", NULL);
  g_auto (Result) negative = cli_run ("check", "--data", self->file, "--least-box", "-3", NULL);
  g_auto (Result) detect = cli_run ("check", "--data", table, "--detect", NULL);

  cli_assert_error (&size, 2, "--size");
  cli_assert_error (&pictures, 2, "--size is of frames with boxes");
  cli_assert_error (&least, 2, "--least-box is of frames with boxes");
  cli_assert_error (&negative, 2, "--least-box -3: 0 or more pixels are expected");
  cli_assert_error (&detect, 1, "holds no frames with boxes");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/check-frames/good", test_good);
  g_test_add_func ("/check-frames/unread", test_unread);
#define ADD(name, test) g_test_add ("/check-frames/" name, Fixture, NULL, setup, test, teardown)
  ADD ("pictures", test_pictures);
  ADD ("boxes", test_boxes);
  ADD ("classes", test_classes);
  ADD ("people", test_people);
  ADD ("splits", test_splits);
  ADD ("meant", test_meant);
  ADD ("usage", test_usage);
#undef ADD
  return g_test_run ();
}
