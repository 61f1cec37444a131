/* SPDX-License-Identifier: MIT */
/* `check` finds, names and counts every kind of fault, and accepts good data; and the hash that
 * finds similar pictures. */
#include <glib/gstdio.h>
#include <string.h>
#include <vips/vips.h>

#include "model/files/json-object.h"
#include "tests/trainer/findings.h"
#include "tests/trainer/drawn.h"
#include "trainer/data/picture-hash.h"

typedef struct {
  char *folder, *data;
} Fixture;

static void
setup (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  pictures_start (&error);
  g_assert_no_error (error);
  self->folder = cli_folder ();
  self->data = g_build_filename (self->folder, "data", NULL);
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  g_free (self->data);
  cli_remove (self->folder);
}

/* ---- pictures that differ -------------------------------------------------------------------- */

/* Draws smooth blobs at places that the seed chooses, so that no two seeds look alike. */
static void
blobs (const char *path, guint seed, int side)
{
  g_autofree char *place = g_path_get_dirname (path);
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autofree guint8 *rgb = g_malloc (3 * (gsize)side * (gsize)side);
  double x[6], y[6];

  g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
  for (guint k = 0; k < 6; k++) {
    x[k] = g_rand_double (random);
    y[k] = g_rand_double (random);
  }
  for (int j = 0; j < side; j++)
    for (int i = 0; i < side; i++) {
      double sum = 0;
      for (guint k = 0; k < 6; k++) {
        const double dx = (i + .5) / side - x[k], dy = (j + .5) / side - y[k];
        sum += (k % 2 ? -1 : 1) * 120 / (1 + 60 * (dx * dx + dy * dy));
      }
      memset (rgb + 3 * (j * side + i), (guint8)CLAMP (128 + sum, 0, 255), 3);
    }
  VipsImage *image = vips_image_new_from_memory (rgb, 3 * (gsize)side * (gsize)side, side, side, 3,
                                                 VIPS_FORMAT_UCHAR);
  image->Type = VIPS_INTERPRETATION_sRGB;
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
}

/* The path of SPLIT/CLASS/N.EXTENSION below the data. */
static char *
place (const Fixture *self, const char *split, const char *label, const char *name)
{
  return g_build_filename (self->data, split, label, name, NULL);
}

/* Writes 8 pictures to train and 3 to validate, of each of two classes. */
static void
good_data (const Fixture *self)
{
  guint seed = 100;
  for (guint label = 0; label < 2; label++)
    for (guint i = 0; i < 11; i++) {
      g_autofree char *name = g_strdup_printf ("%u.png", i);
      g_autofree char *path =
          place (self, i < 8 ? "train" : "val", label ? "Walking" : "Lying", name);
      blobs (path, seed++, 64);
    }
}

static void
copy (const char *from, const char *to)
{
  g_autofree char *bytes = NULL, *folder = g_path_get_dirname (to);
  g_autoptr (GError) error = NULL;
  gsize n;

  g_mkdir_with_parents (folder, 0755);
  g_file_get_contents (from, &bytes, &n, &error);
  g_assert_no_error (error);
  g_file_set_contents (to, bytes, (gssize)n, &error);
  g_assert_no_error (error);
}

/* ---- the report ------------------------------------------------------------------------------ */

static JsonObject *
check (const char *data, int status)
{
  g_auto (Result) result = cli_run ("check", "--data", data, "--json", NULL);

  return findings_report (&result, status);
}

static guint
n_pictures (JsonObject *finding)
{
  return json_array_get_length (json_object_get_array_member (finding, "pictures"));
}

static void
test_good (Fixture *self, gconstpointer unused)
{
  good_data (self);
  g_auto (Result) result = cli_run ("check", "--data", self->data, NULL);
  g_autoptr (JsonObject) report = check (self->data, 0);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "22 pictures: 0 problems, 0 warnings");
  g_assert_cmpint (json_object_get_int_member (report, "problems"), ==, 0);
  JsonObject *train =
      json_object_get_object_member (json_object_get_object_member (report, "splits"), "train");
  g_assert_cmpint (json_object_get_int_member (train, "Lying"), ==, 8);
}

static void
test_unreadable (Fixture *self, gconstpointer unused)
{
  g_autofree char *cut = place (self, "train", "Lying", "3.png"),
                  *other = place (self, "val", "Walking", "9.png");
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  JsonObject *finding = NULL;
  gsize n;

  good_data (self);
  g_file_get_contents (cut, &bytes, &n, &error);
  g_file_set_contents (cut, bytes, (gssize)n / 2, &error);
  g_file_set_contents (other, "nothing", -1, &error);
  g_autoptr (JsonObject) report = check (self->data, 1);
  g_assert_cmpuint (findings_count (report, "unreadable", FALSE, &finding), ==, 2);
  g_assert_true (json_object_get_boolean_member (finding, "problem"));
  JsonObject *picture =
      json_array_get_object_element (json_object_get_array_member (finding, "pictures"), 0);
  g_assert_cmpstr (json_object_get_string_member (picture, "path"), ==, cut);
  g_auto (Result) text = cli_run ("check", "--data", self->data, NULL);
  cli_assert_error (&text, 1, "2 problems would spoil a training");
  cli_assert_says (text.out, cut);
}

/* Files that a table names and that do not exist are reported one by one. */
static void
test_absent (Fixture *self, gconstpointer unused)
{
  g_autofree char *table = g_build_filename (self->folder, "table.csv", NULL);
  g_autoptr (GError) error = NULL;

  good_data (self);
  g_file_set_contents (table,
                       "image_path,label,split\ndata/train/Lying/0.png,Lying,train\ndata/train/"
                       "Lying/99.png,Lying,train\n"
                       "data/train/Walking/0.png,Walking,train\ndata/val/Lying/"
                       "8.png,Lying,val\ndata/val/Walking/98.png,Walking,val\n"
                       "data/val/Walking/8.png,Walking,val\n",
                       -1, &error);
  g_assert_no_error (error);
  g_autoptr (JsonObject) report = check (table, 1);
  g_assert_cmpuint (findings_count (report, "unreadable", FALSE, NULL), ==, 2);
}

static void
test_duplicates (Fixture *self, gconstpointer unused)
{
  g_autofree char *from = place (self, "train", "Lying", "0.png"),
                  *again = place (self, "train", "Lying", "again.png");
  g_autofree char *second = place (self, "train", "Lying", "1.png"),
                  *leaked = place (self, "val", "Lying", "leaked.png");
  g_autofree char *third = place (self, "train", "Lying", "2.png"),
                  *mistaken = place (self, "train", "Walking", "mistaken.png");
  JsonObject *finding = NULL;

  good_data (self);
  copy (from, again);
  copy (second, leaked);
  copy (third, mistaken);
  g_autoptr (JsonObject) report = check (self->data, 1);
  g_assert_cmpuint (findings_count (report, "duplicate", FALSE, &finding), ==, 1);
  g_assert_false (json_object_get_boolean_member (finding, "problem"));
  g_assert_cmpuint (n_pictures (finding), ==, 2);
  g_assert_cmpuint (findings_count (report, "two-splits", FALSE, &finding), ==, 1);
  g_assert_true (json_object_get_boolean_member (finding, "problem"));
  g_assert_cmpuint (findings_count (report, "two-labels", FALSE, &finding), ==, 1);
  g_assert_true (json_object_get_boolean_member (finding, "problem"));
  /* Each is reported once. */
  g_assert_cmpuint (findings_count (report, "duplicate", TRUE, NULL) +
                        findings_count (report, "two-splits", TRUE, NULL) +
                        findings_count (report, "two-labels", TRUE, NULL),
                    ==, 0);
}

/* The same pictures, smaller and as JPEG, have no bytes in common. */
static void
test_near (Fixture *self, gconstpointer unused)
{
  g_autofree char *again = place (self, "train", "Lying", "again.jpg"),
                  *leaked = place (self, "val", "Lying", "leaked.jpg"),
                  *mistaken = place (self, "train", "Walking", "mistaken.jpg");
  JsonObject *finding = NULL;

  good_data (self);
  blobs (again, 100, 48);
  blobs (leaked, 101, 80);
  blobs (mistaken, 102, 64);
  g_autoptr (JsonObject) report = check (self->data, 0);
  g_assert_cmpuint (findings_count (report, "duplicate", TRUE, &finding), ==, 1);
  g_assert_cmpuint (n_pictures (finding), ==, 2);
  g_assert_cmpuint (findings_count (report, "two-splits", TRUE, &finding), ==, 1);
  g_assert_false (json_object_get_boolean_member (finding, "problem"));
  g_assert_cmpuint (findings_count (report, "two-labels", TRUE, &finding), ==, 1);
  g_assert_cmpuint (findings_count (report, "duplicate", FALSE, NULL), ==, 0);
}

/* Pictures without content are not all reported as one. */
static void
test_flat (Fixture *self, gconstpointer unused)
{
  good_data (self);
  for (guint i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf ("flat%u.png", i),
                    *path = place (self, "train", "Lying", name);
    VipsImage *black = NULL, *flat = NULL;
    vips_black (&black, 40, 40, "bands", 3, NULL);
    g_assert_cmpint (vips_linear1 (black, &flat, 1, 50.0 * (i + 1), "uchar", TRUE, NULL), ==, 0);
    g_assert_cmpint (vips_image_write_to_file (flat, path, NULL), ==, 0);
    g_object_unref (black);
    g_object_unref (flat);
  }
  g_autoptr (JsonObject) report = check (self->data, 0);
  g_assert_cmpuint (findings_count (report, "duplicate", TRUE, NULL), ==, 0);
}

static void
test_classes (Fixture *self, gconstpointer unused)
{
  g_autofree char *one = place (self, "val", "Walking", "8.png"),
                  *two = place (self, "val", "Walking", "9.png"),
                  *three = place (self, "val", "Walking", "10.png");
  JsonObject *finding = NULL;

  good_data (self);
  g_remove (one);
  g_remove (two);
  g_remove (three);
  g_autoptr (JsonObject) report = check (self->data, 1);
  g_assert_cmpuint (findings_count (report, "class-missing", FALSE, &finding), ==, 1);
  g_assert_cmpstr (json_object_get_string_member (finding, "text"), ==,
                   "\"Walking\" has no pictures in val");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (report, "warnings")), ==,
                    0);
}

static void
test_table (Fixture *self, gconstpointer unused)
{
  g_autofree char *table = g_build_filename (self->folder, "table.csv", NULL);
  g_autoptr (GString) text = g_string_new ("image_path,label,cow,split,x,y,w,h\n");
  g_autoptr (GError) error = NULL;
  JsonObject *finding = NULL;

  good_data (self);
  /* Cow 1 is in both splits, a picture lies in another class's folder, one box is outside and
   * another very small. */
  g_string_append (
      text,
      "data/train/Lying/0.png,Lying,1,train,,,,\ndata/train/Lying/1.png,Walking,2,train,,,,\n"
      "data/val/Lying/8.png,Lying,1,val,,,,\ndata/val/Walking/8.png,Walking,3,val,200,200,20,20\n"
      "data/val/Walking/9.png,Walking,3,val,2,2,10,40\n");
  g_file_set_contents (table, text->str, -1, &error);
  g_assert_no_error (error);
  g_autoptr (JsonObject) report = check (table, 1);
  g_assert_cmpuint (findings_count (report, "group-torn", FALSE, &finding), ==, 1);
  g_assert_cmpuint (n_pictures (finding), ==, 1);
  g_assert_cmpuint (findings_count (report, "folder", FALSE, &finding), ==, 1);
  g_assert_cmpstr (json_object_get_string_member (finding, "text"), ==, "is labelled \"Walking\"");
  g_assert_cmpuint (findings_count (report, "outside", FALSE, NULL), ==, 1);
  g_assert_cmpuint (findings_count (report, "tiny", FALSE, &finding), ==, 1);
  g_assert_cmpstr (json_object_get_string_member (finding, "text"), ==, "10 x 40");
}

/* The wrong column is used for labels: names of files, or numbers. */
static void
test_column (Fixture *self, gconstpointer unused)
{
  g_autofree char *table = g_build_filename (self->folder, "table.csv", NULL);
  g_autoptr (GString) text = g_string_new ("image_path,label,frame\n");
  g_autoptr (GError) error = NULL;
  JsonObject *finding = NULL;

  good_data (self);
  for (guint i = 0; i < 8; i++)
    g_string_append_printf (text, "data/train/Lying/%u.png,%u.png,%u\n", i, i, i % 2);
  g_file_set_contents (table, text->str, -1, &error);
  g_autoptr (JsonObject) report = check (table, 0);
  g_assert_cmpuint (findings_count (report, "column", FALSE, &finding), ==, 1);
  g_assert_nonnull (strstr (json_object_get_string_member (finding, "text"),
                            "8 of 8 classes are called like pictures"));
  g_auto (Result) numbers = cli_run ("check", "--data", table, "--label-column", "frame", NULL);
  cli_assert_says (numbers.out, "all 2 classes are numbers");
}

/* What a user should know of pictures, of what lies beside them, and of a table. */
static void
test_said (Fixture *self, gconstpointer unused)
{
  g_autofree char *system = place (self, "train", "Lying/@eaDir", "0.png"),
                  *phone = place (self, "train", "Lying", "p.heic"),
                  *first = place (self, "train", "Lying", "0.png"),
                  *latin = place (self, "train", "Lying", "K\xfche.png"),
                  *flat = place (self, "train", "Walking", "flat.png");
  g_autofree char *table = g_build_filename (self->folder, "table.csv", NULL);
  JsonObject *finding = NULL;

  good_data (self);
  copy (first, system);
  copy (first, latin);
  g_assert_true (g_file_set_contents (phone, "x", 1, NULL));
  VipsImage *black = NULL;
  g_assert_cmpint (vips_black (&black, 64, 64, "bands", 3, NULL), ==, 0);
  g_assert_cmpint (vips_image_write_to_file (black, flat, NULL), ==, 0);
  g_object_unref (black);

  g_autoptr (JsonObject) report = check (self->data, 0);
  JsonArray *left = json_object_get_array_member (report, "left_out");
  g_assert_cmpuint (json_array_get_length (left), ==, 2);
  JsonObject *member = json_array_get_object_element (left, 0);
  g_assert_true (g_str_has_suffix (json_object_get_string_member (member, "path"), "@eaDir"));
  g_assert_cmpstr (json_object_get_string_member (member, "reason"), ==, "system");
  g_assert_cmpuint (findings_count (report, "flat", FALSE, &finding), ==, 1);
  g_assert_cmpuint (findings_count (report, "noted", FALSE, &finding), ==, 1);
  member = json_array_get_object_element (json_object_get_array_member (finding, "pictures"), 0);
  g_assert_true (g_str_has_suffix (json_object_get_string_member (member, "path"), "K\\xFChe.png"));

  g_auto (Result) text = cli_run ("check", "--data", self->data, NULL);
  cli_assert_says (text.out, "2 files and folders are left out: 1 picture of a format that is not "
                             "read (.heic 1); 1 of the system");
  cli_assert_says (text.out, "p.heic: a format that is not read: convert it to JPEG or PNG");
  cli_assert_says (text.out, "nearly all values are from 0 to 0 of 255");
  cli_assert_says (text.out, "K\\xFChe.png: its name is not UTF-8");

  g_assert_true (g_file_set_contents (table,
                                      "image_path;label;xmin;ymin;xmax;ymax\n"
                                      "data/train/Lying/1.png;a;1;2;41;52\n"
                                      "data/train/Lying/2.png;b;1;2;41;52\n",
                                      -1, NULL));
  g_auto (Result) columns = cli_run ("check", "--data", table, NULL);
  cli_assert_says (columns.out,
                   "UTF-8, separated by semicolons; paths: image_path, classes: label");
  cli_assert_says (columns.out, "boxes: xmin, ymin, xmax and ymax are corners, in pixels; 2 rows");
}

static void
test_usage (Fixture *self, gconstpointer unused)
{
  g_auto (Result) none = cli_run ("check", NULL);
  g_auto (Result) lost = cli_run ("check", "--data", "/no/such/data", NULL);
  g_auto (Result) workers = cli_run ("check", "--data", self->folder, "--workers", "1000", NULL);

  cli_assert_error (&none, 1, "no pictures given");
  cli_assert_error (&lost, 1, "/no/such/data does not exist");
  cli_assert_error (&workers, 2, "--workers 1000");
}

/* ---- the hash -------------------------------------------------------------------------------- */

/* The index finds the same sets as a comparison of all pairs. */
static void
test_sets (void)
{
  enum { N = 600 };
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  g_autofree PictureHash *hashes = g_new0 (PictureHash, N);
  g_autofree guint *set = g_new (guint, N), *expected = g_new (guint, N);

  for (guint i = 0; i < N; i++) {
    for (guint half = 0; half < 2; half++)
      hashes[i].bits[half] = (guint64)g_rand_int (random) << 32 | g_rand_int (random);
    hashes[i].flat = i % 50 == 7;
    if (i % 3 != 1)
      continue;
    /* A hash close to an earlier one: up to nine bits apart, so that some are just too far. */
    hashes[i] = hashes[g_rand_int_range (random, 0, (gint32)i)];
    for (guint k = g_rand_int_range (random, 0, 10); k > 0; k--)
      hashes[i].bits[k % 2] ^= (guint64)1 << g_rand_int_range (random, 0, 64);
  }
  for (guint i = 0; i < N; i++)
    expected[i] = i;
  for (gboolean changed = TRUE; changed;) {
    changed = FALSE;
    for (guint i = 0; i < N; i++)
      for (guint j = 0; j < N; j++)
        if (!hashes[i].flat && !hashes[j].flat && expected[j] < expected[i] &&
            picture_hash_distance (&hashes[i], &hashes[j]) <= PICTURE_HASH_NEAR) {
          expected[i] = expected[j];
          changed = TRUE;
        }
  }
  picture_hash_sets (hashes, N, set);
  g_assert_cmpmem (set, N * sizeof (guint), expected, N * sizeof (guint));
}

#define ADD(name, function) g_test_add ("/check/" name, Fixture, NULL, setup, function, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("good", test_good);
  ADD ("unreadable", test_unreadable);
  ADD ("absent", test_absent);
  ADD ("duplicates", test_duplicates);
  ADD ("near", test_near);
  ADD ("flat", test_flat);
  ADD ("classes", test_classes);
  ADD ("table", test_table);
  ADD ("column", test_column);
  ADD ("said", test_said);
  ADD ("usage", test_usage);
  g_test_add_func ("/check/sets", test_sets);
  return g_test_run ();
}
