/* SPDX-License-Identifier: MIT */
/* The readers of all layouts, and how samples are divided into splits. Nothing is decoded here, so
 * most pictures are empty files. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/trainer/cli.h"
#include "trainer/data/dataset-open.h"

typedef struct {
  char *folder;
  CowDatasetOptions options;
} Fixture;

static void
setup (Fixture *self, gconstpointer unused)
{
  self->folder = cli_folder ();
  self->options = (CowDatasetOptions)COW_DATASET_OPTIONS_DEFAULT;
  self->options.data = g_strdup (self->folder);
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  cow_dataset_options_clear (&self->options);
  cli_remove (self->folder);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void
write_file (const Fixture *self, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL),
                  *place = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* Makes n files NAME_0.jpg, ... */
static void
write_pictures (const Fixture *self, const char *name, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *file = g_strdup_printf ("%s_%u.jpg", name, i);
    write_file (self, file, "");
  }
}

static void
use_table (Fixture *self, const char *text)
{
  write_file (self, "table.csv", text);
  g_free (self->options.data);
  self->options.data = g_build_filename (self->folder, "table.csv", NULL);
}

static CowDataset *
open_set (const Fixture *self)
{
  g_autoptr (GError) error = NULL;
  CowDataset *set = cow_dataset_open (&self->options, &error);
  g_assert_no_error (error);
  return set;
}

static void
assert_fails (const Fixture *self, CowError code, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowDataset) set = cow_dataset_open (&self->options, &error);

  g_assert_null (set);
  if (!g_error_matches (error, COW_ERROR, (int)code) || !strstr (error->message, text))
    g_error ("expected error %d with \"%s\", got %d: %s", (int)code, text, error->code,
             error->message);
}

static void
assert_counts (const CowDataset *set, const char *label, guint train, guint val, guint test)
{
  for (guint c = 0; c < set->n_classes; c++)
    if (g_str_equal (set->classes[c], label)) {
      g_assert_cmpuint (cow_dataset_count (set, COW_TRAIN, (int)c), ==, train);
      g_assert_cmpuint (cow_dataset_count (set, COW_VAL, (int)c), ==, val);
      g_assert_cmpuint (cow_dataset_count (set, COW_TEST, (int)c), ==, test);
      return;
    }
  g_error ("no class %s", label);
}

static gboolean
has_warning (const CowDataset *set, const char *text)
{
  for (guint i = 0; i < set->warnings->len; i++)
    if (strstr (set->warnings->pdata[i], text))
      return TRUE;
  return FALSE;
}

/* Asserts that no group is in two splits. */
static void
assert_disjoint (const CowDataset *set)
{
  for (guint i = 0; i < set->samples->len; i++)
    for (guint j = 0; j < i; j++) {
      const CowSample *a = cow_dataset_sample (set, i), *b = cow_dataset_sample (set, j);
      if (g_strcmp0 (a->group, b->group) == 0 && a->group && a->split != b->split)
        g_error ("%s is in %s and %s", a->group, cow_split_name (a->split),
                 cow_split_name (b->split));
    }
}

/* ---- folders --------------------------------------------------------------------------------- */

static void
test_folders (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "Walking/a", 10);
  write_pictures (self, "Lying/deep/er/b", 20);
  write_pictures (self, "gallop/c", 5);
  write_file (self, "Lying/notes.txt", "no picture");
  write_file (self, "loose.jpg", "");
  g_autoptr (CowDataset) set = open_set (self);

  g_assert_cmpuint (set->n_classes, ==, 3);
  /* Names are sorted as bytes, so capitals come first. */
  g_assert_cmpstr (set->classes[0], ==, "Lying");
  g_assert_cmpstr (set->classes[1], ==, "Walking");
  g_assert_cmpstr (set->classes[2], ==, "gallop");
  assert_counts (set, "Lying", 16, 4, 0);
  assert_counts (set, "Walking", 8, 2, 0);
  assert_counts (set, "gallop", 4, 1, 0);
  g_assert_true (set->divided);
  g_assert_true (has_warning (set, "2 files are left out: 1 not called like a picture (.txt 1); 1 "
                                   "picture that lies beside the folders of classes"));
  g_assert_true (has_warning (set, "--group-by"));
}

static void
test_divided_folders (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "train/Lying/a", 6);
  write_pictures (self, "train/Walking/a", 7);
  write_pictures (self, "valid/Lying/b", 2);
  write_pictures (self, "valid/Walking/b", 3);
  write_pictures (self, "test/Lying/c", 1);
  write_pictures (self, "test/Walking/c", 1);
  g_autoptr (CowDataset) set = open_set (self);

  g_assert_false (set->divided);
  assert_counts (set, "Lying", 6, 2, 1);
  assert_counts (set, "Walking", 7, 3, 1);
}

/* Without val, a part of train becomes val; test stays. */
static void
test_no_val (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "train/Lying/a", 10);
  write_pictures (self, "train/Walking/a", 10);
  write_pictures (self, "test/Lying/c", 3);
  write_pictures (self, "test/Walking/c", 3);
  g_autoptr (CowDataset) set = open_set (self);

  assert_counts (set, "Lying", 8, 2, 3);
  g_assert_true (set->divided);
}

static void
test_apart (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "one/Lying/a", 4);
  write_pictures (self, "one/Walking/a", 4);
  write_pictures (self, "two/Lying/a", 2);
  write_pictures (self, "two/Walking/a", 2);
  g_clear_pointer (&self->options.data, g_free);
  self->options.train = g_build_filename (self->folder, "one", NULL);
  self->options.val = g_build_filename (self->folder, "two", NULL);
  g_autoptr (CowDataset) set = open_set (self);

  assert_counts (set, "Lying", 4, 2, 0);
}

static void
test_missing_class (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "train/Lying/a", 6);
  write_pictures (self, "train/Walking/a", 6);
  write_pictures (self, "val/Lying/b", 2);
  write_pictures (self, "val/Walking/b", 2);
  write_pictures (self, "test/Walking/c", 2);
  assert_fails (self, COW_ERROR_MISMATCH, "the class \"Lying\" has no pictures in test");
  self->options.allow_missing = TRUE;
  g_autoptr (CowDataset) set = open_set (self);
  /* A class keeps its number. */
  g_assert_cmpstr (set->classes[0], ==, "Lying");
  assert_counts (set, "Walking", 6, 2, 2);
  g_assert_true (has_warning (set, "\"Lying\" has no pictures in test"));
}

static void
test_empty_class (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "Lying/a", 6);
  write_pictures (self, "Walking/a", 6);
  write_file (self, "gallop/readme.txt", "");
  assert_fails (self, COW_ERROR_MISMATCH, "the class \"gallop\" has no pictures in train");
}

static void
test_odd_folders (Fixture *self, gconstpointer unused)
{
  write_file (self, "a.jpg", "");
  assert_fails (self, COW_ERROR_NOT_FOUND, "no folders of classes");
  write_pictures (self, "Lying/a", 3);
  assert_fails (self, COW_ERROR_MISMATCH, "only one class");
  g_free (self->options.data);
  self->options.data = g_strdup ("/nowhere/at/all");
  assert_fails (self, COW_ERROR_NOT_FOUND, "/nowhere/at/all does not exist");
  /* What is there and cannot be followed is not said to be missing. */
  g_free (self->options.data);
  self->options.data = g_build_filename (self->folder, "round", NULL);
  g_assert_cmpint (symlink ("round", self->options.data), ==, 0);
  assert_fails (self, COW_ERROR_NOT_FOUND, "round: cannot read: Too many levels");
}

static void
test_alike (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "Lying/a", 5);
  write_pictures (self, "lying/a", 5);
  write_pictures (self, "Lying down/a", 5);
  write_pictures (self, "Lying_down/a", 5);
  g_autoptr (CowDataset) set = open_set (self);
  g_assert_true (has_warning (set, "look like one, mistyped"));
  /* In case alone: one thing. */
  g_assert_cmpuint (set->n_classes, ==, 3);
  assert_counts (set, "Lying", 8, 2, 0);
  g_assert_true (has_warning (set, "\"Lying\" and \"lying\" differ in case alone"));
  self->options.classes_text = g_strdup ("Lying,lying,Lying down,Lying_down");
  g_autoptr (CowDataset) apart = open_set (self);
  assert_counts (apart, "Lying", 4, 1, 0);
  assert_counts (apart, "lying", 4, 1, 0);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void
test_table (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "p/a", 4);
  use_table (self, "image_path,label,source,split,x,y,w,h\n"
                   "p/a_0.jpg,Lying,barn 1,train,,,,\n"
                   "p/a_1.jpg,\"Walking\",\"barn, 2\",val,1,2,30,40.5\n"
                   "\n"
                   "p/a_2.jpg, Lying ,barn 1,VAL,,,,\r\n"
                   "p/a_3.jpg,Walking,,train,,,,\n");
  g_autoptr (CowDataset) set = open_set (self);
  const CowSample *sample = cow_dataset_sample (set, 1);
  CowRegion region;

  assert_counts (set, "Lying", 1, 1, 0);
  assert_counts (set, "Walking", 1, 1, 0);
  g_assert_cmpstr (sample->source, ==, "barn, 2");
  g_assert_true (cow_sample_region (sample, 100, 100, &region));
  g_assert_cmpint (region.x, ==, 1);
  g_assert_cmpint (region.h, ==, 40);
  g_assert_false (cow_sample_region (cow_dataset_sample (set, 0), 100, 100, &region));
}

/* Columns have other names, a spreadsheet wrote the table, paths have moved. */
static void
test_table_options (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "here/a", 4);
  use_table (self, "\xef\xbb\xbf"
                   "file;what\r\n/old/place/a_0.jpg;1\r\n/old/place/a_1.jpg;2\r\n/old/place/"
                   "a_2.jpg;1\r\n/old/place/a_3.jpg;2\r\n");
  assert_fails (self, COW_ERROR_NOT_FOUND, "has no column \"image_path\"");
  self->options.path_column = g_strdup ("file");
  assert_fails (
      self, COW_ERROR_NOT_FOUND,
      "has no column \"label\" for the classes (--label-column); its columns are: file, what");
  self->options.label_column = g_strdup ("what");
  assert_fails (self, COW_ERROR_NOT_FOUND, "--prefix FROM=TO");
  self->options.prefixes = g_new0 (char *, 3);
  self->options.prefixes[0] = g_strdup ("/other=/x");
  self->options.prefixes[1] = g_strdup_printf ("/old/place=%s/here", self->folder);
  self->options.val_fraction = .5;
  g_autoptr (CowDataset) set = open_set (self);
  assert_counts (set, "1", 1, 1, 0);
  g_assert_true (has_warning (set, "no path begins as --prefix /other=/x says"));
}

static void
test_hostile_tables (Fixture *self, gconstpointer unused)
{
  static const struct {
    const char *text, *message;
  } tables[] = {
    { "", "the table is empty" },
    { "image_path,label\n", "has columns but no rows" },
    { "image_path,label\na.jpg\n", ":2: 1 fields, but the first line names 2 columns" },
    { "image_path,label\na.jpg,x,y\n", ":2: 3 fields" },
    { "image_path,label\n\"a.jpg,x\n", ":2: a quote that opens here is never closed" },
    { "image_path,label\n\"a.jpg\"b,x\n", "text follows a closing quote" },
    { "image_path,label\na.jpg,\n", ":2: the field \"label\" is empty" },
    { "image_path,label\n,x\n", ":2: the field \"image_path\" is empty" },
    { "image_path,label,split\na.jpg,x,trains\n", ":2: split \"trains\"" },
    { "image_path,label,x,y,w,h\na.jpg,x,1,2,3,\n", "some of the box's numbers are empty" },
    { "image_path,label,x,y,w,h\na.jpg,x,1,2,0,4\n", "w = \"0\"" },
    { "image_path,label,x,y,w,h\na.jpg,x,nan,2,3,4\n", "x = \"nan\"" },
    { "image_path,label,x,y,w,h\na.jpg,x,1,2,3e99,4\n", "w = \"3e99\"" },
    { "image_path,label\na.jpg,\xff\xfe\n", "is not UTF-8 text" },
  };

  write_file (self, "a.jpg", "");
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    use_table (self, tables[i].text);
    assert_fails (self, COW_ERROR_FORMAT, tables[i].message);
  }
}

/* A label column with something else in it is refused early instead of making a class of each
 * picture. */
static void
test_too_many_classes (Fixture *self, gconstpointer unused)
{
  g_autoptr (GString) text = g_string_new ("image_path,label\n");

  write_file (self, "a.jpg", "");
  for (guint i = 0; i <= COW_DATASET_MOST_CLASSES; i++)
    g_string_append_printf (text, "a.jpg,class %u\n", i);
  use_table (self, text->str);
  assert_fails (self, COW_ERROR_UNSUPPORTED, "is this the column, or the folder, of the classes?");
}

static void
test_classes (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "Lying/a", 5);
  write_pictures (self, "Walking/a", 5);
  self->options.classes_text = g_strdup ("Walking, Lying");
  {
    g_autoptr (CowDataset) set = open_set (self);
    g_assert_cmpstr (set->classes[0], ==, "Walking");
  }
  g_free (self->options.classes_text);
  self->options.classes_text = g_strdup ("Walking,Standing");
  assert_fails (self, COW_ERROR_MISMATCH, "\"Lying\" is none of the classes: Walking, Standing");
  g_free (self->options.classes_text);
  self->options.classes_text = g_strdup ("Walking,Walking");
  assert_fails (self, COW_ERROR_ARGUMENT, "listed twice");
}

/* ---- dividing -------------------------------------------------------------------------------- */

/* 12 cows, each with pictures of two or three classes, in different numbers. */
static void
use_cows (Fixture *self, const char *column)
{
  g_autoptr (GString) text = g_string_new (NULL);

  write_file (self, "a.jpg", "");
  g_string_append_printf (text, "image_path,label,%s\n", column);
  for (guint cow = 0; cow < 12; cow++)
    for (guint i = 0; i < 10 + 3 * (cow % 4); i++)
      g_string_append_printf (text, "a.jpg,%s,cow %u\n",
                              i % 3 == 0   ? "Lying"
                              : i % 2 == 0 ? "Walking"
                                           : "Standing",
                              cow);
  use_table (self, text->str);
}

static void
test_groups (Fixture *self, gconstpointer column)
{
  use_cows (self, column);
  self->options.test_fraction = .2;
  g_autoptr (CowDataset) set = open_set (self);

  g_assert_cmpstr (set->grouped_by, ==, column);
  assert_disjoint (set);
  for (guint c = 0; c < set->n_classes; c++) {
    const double all = cow_dataset_count (set, COW_TRAIN, (int)c) +
                       cow_dataset_count (set, COW_VAL, (int)c) +
                       cow_dataset_count (set, COW_TEST, (int)c);
    /* Groups are whole cows, so a class comes only near its fraction. */
    g_assert_cmpfloat_with_epsilon (cow_dataset_count (set, COW_VAL, (int)c) / all, .2, .08);
    g_assert_cmpfloat_with_epsilon (cow_dataset_count (set, COW_TEST, (int)c) / all, .2, .08);
  }
}

static void
test_group_by (Fixture *self, gconstpointer unused)
{
  use_cows (self, "pen");
  {
    g_autoptr (CowDataset) set = open_set (self);
    g_assert_null (set->grouped_by); /* the name is unknown */
  }
  self->options.group_by = g_strdup ("pen");
  {
    g_autoptr (CowDataset) set = open_set (self);
    assert_disjoint (set);
    g_assert_cmpstr (set->grouped_by, ==, "pen");
  }
  g_free (self->options.group_by);
  self->options.group_by = g_strdup ("barn");
  assert_fails (self, COW_ERROR_NOT_FOUND, "has no column \"barn\" for --group-by");
  g_free (self->options.group_by);
  self->options.group_by = g_strdup ("none");
  g_autoptr (CowDataset) set = open_set (self);
  g_assert_null (set->grouped_by);
}

/* Frames of one video share a name and have a number each. */
static void
test_group_by_name (Fixture *self, gconstpointer unused)
{
  for (guint video = 0; video < 8; video++) {
    g_autofree char *lying = g_strdup_printf ("Lying/video%u-x", video),
                    *walking = g_strdup_printf ("Walking/video%u-x", video);
    write_pictures (self, lying, 5);
    write_pictures (self, walking, 5);
  }
  self->options.group_by = g_strdup ("name");
  g_autoptr (CowDataset) set = open_set (self);
  assert_disjoint (set);
  g_assert_nonnull (cow_dataset_sample (set, 0)->group);
  g_assert_cmpuint (set->splits[COW_VAL]->len, >, 0);
  g_free (self->options.group_by);
  self->options.group_by = g_strdup ("cow");
  assert_fails (self, COW_ERROR_ARGUMENT, "cannot be grouped by \"cow\"");
}

static void
test_torn (Fixture *self, gconstpointer unused)
{
  write_file (self, "a.jpg", "");
  use_table (self, "image_path,label,cow,split\na.jpg,x,1,train\na.jpg,y,1,train\na.jpg,x,1,val\na."
                   "jpg,y,2,val\n");
  g_autoptr (CowDataset) set = open_set (self);
  g_assert_true (has_warning (set, "1 of 1 group (cow) is in training and in validation"));
}

/* The division depends on the seed only. */
static void
test_seed (Fixture *self, gconstpointer unused)
{
  guint n_same = 0;

  write_pictures (self, "Lying/a", 50);
  write_pictures (self, "Walking/a", 50);
  g_autoptr (CowDataset) first = open_set (self), again = open_set (self);
  self->options.seed = 43;
  g_autoptr (CowDataset) other = open_set (self);
  for (guint i = 0; i < first->samples->len; i++) {
    g_assert_cmpint (cow_dataset_sample (first, i)->split, ==,
                     cow_dataset_sample (again, i)->split);
    n_same += cow_dataset_sample (first, i)->split == cow_dataset_sample (other, i)->split;
  }
  g_assert_cmpuint (n_same, <, 90);
  assert_counts (other, "Lying", 40, 10, 0);
}

static void
test_weights (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "train/Lying/a", 30);
  write_pictures (self, "train/Walking/a", 10);
  write_pictures (self, "val/Lying/a", 1);
  write_pictures (self, "val/Walking/a", 1);
  g_autoptr (CowDataset) set = open_set (self);
  g_autofree float *weights = cow_dataset_class_weights (set);

  /* Weights have mean 1 over pictures and are inversely proportional to their number. */
  g_assert_cmpfloat_with_epsilon (weights[0], 40. / 60, 1e-6);
  g_assert_cmpfloat_with_epsilon (weights[1], 2, 1e-6);
}

/* ---- MmCows ---------------------------------------------------------------------------------- */

static void
test_mmcows (Fixture *self, gconstpointer unused)
{
  for (guint cow = 1; cow <= 8; cow++)
    for (guint i = 0; i < 5; i++) {
      g_autofree char *lying =
          g_strdup_printf ("behaviors/7/169026%04u_05-00-%02u_%u_1.jpg", i, i, cow);
      g_autofree char *walking =
          g_strdup_printf ("behaviors/1/169026%04u_06-00-%02u_%u_2.jpg", 3700 + i, i, cow);
      write_file (self, lying, "");
      write_file (self, walking, "");
    }
  {
    g_autoptr (CowDataset) set = open_set (self);
    g_assert_cmpuint (set->n_classes, ==, 2);
    g_assert_cmpstr (set->classes[0], ==, "Lying");
    g_assert_cmpstr (set->grouped_by, ==, "cow");
    assert_disjoint (set);
    g_assert_cmpstr (cow_dataset_sample (set, 0)->source, ==, "MmCows camera 2");
    g_assert_cmpuint (set->splits[COW_VAL]->len, ==, 20); /* of 80: two of eight cows */
  }
  self->options.group_by = g_strdup ("session");
  {
    g_autoptr (CowDataset) set = open_set (self);
    assert_disjoint (set);
  }
  write_file (self, "behaviors/7/holiday.jpg", "");
  assert_fails (self, COW_ERROR_FORMAT, "not a name of MmCows' crops");
}

static void
test_mmcows_frames (Fixture *self, gconstpointer unused)
{
  CowRegion region;

  write_file (self, "images/0725/cam_1/1690261200_00-00-00.jpg", "");
  write_file (self, "images/0725/cam_1/1690261215_00-00-15.jpg", "");
  write_file (self, "images/0725/cam_2/1690261200_00-00-00.jpg", "");
  write_file (self, "labels/combined/0725/cam_1/1690261200_00-00-00.txt",
              "1 0.5 0.5 0.25 0.5\n2 0.1 0.1 0.1 0.1\n3 0.5 0.5 0.1 0.1\n");
  write_file (self, "labels/combined/0725/cam_1/1690261215_00-00-15.txt", "2.0 0.5 0.5 0.2 0.2\n");
  write_file (self, "behavior_labels/individual/C01_0725.csv",
              "timestamp,datetime,behavior\n1690261200.0,x,7\n1690261215.0,x,1\n");
  write_file (self, "behavior_labels/individual/C02_0725.csv",
              "timestamp,datetime,behavior\n1690261200,x,2\n1690261215,x,0\n");
  self->options.allow_missing = TRUE;
  self->options.val_fraction = 0;
  g_autoptr (CowDataset) set = open_set (self);

  /* Cow 3 has no table, cow 2's second moment no behaviour, camera 2's frame no boxes. */
  g_assert_cmpuint (set->samples->len, ==, 2);
  g_assert_true (has_warning (set, "2 boxes are of cows whose behaviour then is not known"));
  g_assert_true (has_warning (set, "1 frame has no boxes"));
  g_assert_true (cow_sample_region (cow_dataset_sample (set, 0), 400, 200, &region));
  g_assert_cmpint (region.x, ==, 150);
  g_assert_cmpint (region.y, ==, 50);
  g_assert_cmpint (region.w, ==, 100);
  g_assert_cmpint (region.h, ==, 100);

  write_file (self, "labels/combined/0725/cam_1/1690261215_00-00-15.txt", "2 0.5 0.5 0.2 1.5\n");
  assert_fails (self, COW_ERROR_FORMAT, "1690261215_00-00-15.txt:1:");
}

static void
test_format (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "Lying/a", 4);
  write_pictures (self, "Walking/a", 4);
  self->options.format = g_strdup ("mmcows");
  assert_fails (self, COW_ERROR_NOT_FOUND, "has no folder behaviors/");
  g_free (self->options.format);
  self->options.format = g_strdup ("coco");
  assert_fails (self, COW_ERROR_ARGUMENT, "--data-format coco");
}

#define ADD(name, data, function)                                                                  \
  g_test_add ("/dataset/" name, Fixture, data, setup, function, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("folders", NULL, test_folders);
  ADD ("folders/divided", NULL, test_divided_folders);
  ADD ("folders/no-val", NULL, test_no_val);
  ADD ("folders/apart", NULL, test_apart);
  ADD ("folders/missing-class", NULL, test_missing_class);
  ADD ("folders/empty-class", NULL, test_empty_class);
  ADD ("folders/odd", NULL, test_odd_folders);
  ADD ("folders/alike", NULL, test_alike);
  ADD ("table", NULL, test_table);
  ADD ("table/options", NULL, test_table_options);
  ADD ("table/hostile", NULL, test_hostile_tables);
  ADD ("table/too-many-classes", NULL, test_too_many_classes);
  ADD ("classes", NULL, test_classes);
  ADD ("groups/cow", "cow_id", test_groups);
  ADD ("groups/session", "session", test_groups);
  ADD ("groups/camera", "cam", test_groups);
  ADD ("groups/by", NULL, test_group_by);
  ADD ("groups/by-name", NULL, test_group_by_name);
  ADD ("groups/torn", NULL, test_torn);
  ADD ("seed", NULL, test_seed);
  ADD ("weights", NULL, test_weights);
  ADD ("mmcows", NULL, test_mmcows);
  ADD ("mmcows-frames", NULL, test_mmcows_frames);
  ADD ("format", NULL, test_format);
  return g_test_run ();
}
