/* SPDX-License-Identifier: MIT */
/* Tables as spreadsheets, other systems and other programs write them: encodings, separators,
 * paths, boxes, and words that mean nothing. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/trainer/cli.h"
#include "trainer/data/csv.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/file-names.h"

typedef struct {
  char *folder, *table;
} Fixture;

static const char *const pictures[] = { "lying/a.jpg", "lying/b.jpg", "standing/a.jpg",
                                        "standing/b.jpg" };

static void
write_bytes (const char *path, const char *bytes, gssize n)
{
  g_autofree char *place = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, bytes, n, NULL));
}

static void
setup (Fixture *self, gconstpointer unused)
{
  self->folder = cli_folder ();
  self->table = g_build_filename (self->folder, "table.csv", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    g_autofree char *path = g_build_filename (self->folder, pictures[i], NULL);
    write_bytes (path, "", 0);
  }
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  g_free (self->table);
  cli_remove (self->folder);
}

/* ---- sets ------------------------------------------------------------------------------------ */

static CowDataset *
open_with (const Fixture *self, const char *prefix, GError **error)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;

  options.data = g_strdup (self->table);
  options.any_classes = TRUE;
  if (prefix) {
    options.prefixes = g_new0 (char *, 2);
    options.prefixes[0] = g_strdup (prefix);
  }
  return cow_dataset_open (&options, error);
}

static CowDataset *
open_text (const Fixture *self, const char *text, gssize n)
{
  g_autoptr (GError) error = NULL;

  write_bytes (self->table, text, n);
  CowDataset *set = open_with (self, NULL, &error);
  g_assert_no_error (error);
  return set;
}

static void
assert_fails (const Fixture *self, const char *text, gssize n, const char *words)
{
  g_autoptr (GError) error = NULL;

  write_bytes (self->table, text, n);
  g_autoptr (CowDataset) set = open_with (self, NULL, &error);
  g_assert_null (set);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  cli_assert_says (error->message, words);
}

static void
assert_says (const GPtrArray *lines, const char *words)
{
  g_autoptr (GString) all = g_string_new (NULL);
  for (guint i = 0; i < lines->len; i++)
    g_string_append_printf (all, "%s\n", (char *)lines->pdata[i]);
  cli_assert_says (all->str, words);
}

/* The four pictures, each with its class, in rows that `end` ends, between fields `separator`. */
static char *
rows (const char *head, const char *separator, const char *more, const char *end)
{
  GString *text = g_string_new (head);

  g_string_append (text, end);
  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++)
    g_string_append_printf (text, "%s%s%s%s%s", pictures[i], separator,
                            i < 2 ? "F\xc3\xbctterung" : "standing", more, end);
  return g_string_free (text, FALSE);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void
test_separators (Fixture *self, gconstpointer unused)
{
  static const struct {
    const char *head, *separator, *more, *end, *said;
  } cases[] = {
    { "image_path,label", ",", "", "\n", "separated by commas" },
    { "image_path;label;note, free text", ";", ";calm", "\n", "separated by semicolons" },
    { "image_path|label", "|", "", "\n", "separated by bars" },
    { "image_path\tlabel\ta;b,c|d", "\t", "\tx", "\r\n", "separated by tabs" },
    { "sep=;\r\nimage_path;label", ";", "", "\r\n", "separated by semicolons" },
    { "\"sep=\t\"\nimage_path\tlabel", "\t", "", "\n", "separated by tabs" },
    { "Image_Path,LABEL", ",", "", "\r", "classes: LABEL" },
    { "\xef\xbb\xbf\xef\xbb\xbf\"image_path\",label", ",", "", "\r\r\n", "paths: image_path" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = rows (cases[i].head, cases[i].separator, cases[i].more, cases[i].end);
    g_autoptr (CowDataset) set = open_text (self, text, -1);
    g_assert_cmpuint (set->samples->len, ==, 4);
    g_assert_cmpstr (set->classes[0], ==, "F\xc3\xbctterung");
    assert_says (set->notes, cases[i].said);
  }
}

/* Lines are counted alike, whatever ends them. */
static void
test_lines (Fixture *self, gconstpointer unused)
{
  static const char *const ends[] = { "\n", "\r\n", "\r" };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++) {
    g_autofree char *text =
        g_strdup_printf ("image_path,label%s\"lying/a.jpg\",\"x%sy\"%s%slying/b.jpg%s", ends[i],
                         ends[i], ends[i], ends[i], ends[i]);
    assert_fails (self, text, -1, "table.csv:5: 1 fields");
  }
}

static void
test_encodings (Fixture *self, gconstpointer unused)
{
  static const char *const encodings[] = { "UTF-16LE", "UTF-16BE" };

  for (guint i = 0; i < G_N_ELEMENTS (encodings); i++)
    for (guint marked = 0; marked < 2; marked++) {
      g_autofree char *text =
          rows (marked ? "\xef\xbb\xbfimage_path,label" : "image_path,label", ",", "", "\r\n");
      gsize n;
      g_autofree char *bytes = g_convert (text, -1, encodings[i], "UTF-8", NULL, &n, NULL);
      g_autoptr (CowDataset) set = open_text (self, bytes, (gssize)n);
      g_assert_cmpstr (set->classes[0], ==, "F\xc3\xbctterung");
      assert_says (set->notes, encodings[i]);
    }

  g_autofree char *text = rows ("image_path,label", ",", "", "\n");
  gsize n;
  g_autofree char *old = g_convert (text, -1, "WINDOWS-1252", "UTF-8", NULL, &n, NULL);
  assert_fails (self, old, (gssize)n,
                "table.csv:2: not a table: it is not UTF-8 text and looks like Windows-1252 "
                "(\"lying/a.jpg,F\xc3\xbctterung\")");
  assert_fails (self, "image_path,label\na,b\nc,\x81\n", -1,
                "table.csv:3: not a table: byte 23 is not UTF-8 text, nor is the file Windows");
  assert_fails (self,
                "\0\0\0\x20"
                "ftypisom",
                12, "a video: cow-trainer crop");
  assert_fails (self,
                "RIFF\x24\0\0\0"
                "AVI LIST",
                16, "a video: cow-trainer crop");
  assert_fails (self, "\x89PNG\r\n\x1a\n", 8, "a picture: a folder of classes");
  assert_fails (self, "PK\3\4\x14\0\0\0", 8, "a spreadsheet (.xlsx, .ods) or a zip");
  assert_fails (self, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, "an old spreadsheet (.xls)");
  assert_fails (self, "\x1f\x8b\x08\0", 4, "compressed by gzip");
  assert_fails (self, "\xff\xfe\0\0i\0\0\0", 8, "UTF-32");
  assert_fails (self, "\xff\xfei\0\0\xd8", 6, "UTF-16LE");
}

static void
test_columns (Fixture *self, gconstpointer unused)
{
  assert_fails (self, "image_path,label,label\nlying/a.jpg,x,y\n", -1,
                "two columns \"label\" (columns 2 and 3)");
  assert_fails (self, "image_path,label,split,Split\nlying/a.jpg,x,train,val\n", -1,
                "(columns 3 and 4)");
  /* Of columns that are not read there may be as many as one likes. */
  g_autoptr (CowDataset) set =
      open_text (self, "image_path,label,,\nlying/a.jpg,x,,\nlying/b.jpg,y,,\n", -1);
  g_assert_cmpuint (set->n_classes, ==, 2);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void
test_missing (Fixture *self, gconstpointer unused)
{
  static const char *const words[] = { "NaN", "NA", "n/a", "null", "-", "None", "#N/A", "?" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    g_autofree char *text =
        g_strdup_printf ("image_path,label,cow_id,x,y,w,h\nlying/a.jpg,%s,%s,%s,%s,%s,%s\n"
                         "lying/b.jpg,lying,%s,1,2,30,40\nstanding/a.jpg,standing,7,1,2,30,40\n",
                         words[i], words[i], words[i], words[i], words[i], words[i], words[i]);
    g_autoptr (CowDataset) set = open_text (self, text, -1);
    assert_says (set->warnings, "1 row has a class that is a word for \"missing\"");
    assert_says (set->warnings, "2 pictures have no cow_id");
    assert_says (set->notes, "2 rows have one, 1 means the whole picture");
    g_assert_null (cow_dataset_sample (set, 0)->group);
  }
  assert_fails (self, "image_path,label,x,y,w,h\nlying/a.jpg,x,1,2,3,NaN\n", -1,
                ":2: h = \"NaN\"; some of the box's numbers are empty");
}

static void
test_numbers (Fixture *self, gconstpointer unused)
{
  g_autoptr (CowDataset) set =
      open_text (self, "image_path,label\nlying/a.jpg,1\nlying/b.jpg,1.0\nstanding/a.jpg,02\n", -1);
  g_assert_cmpuint (set->n_classes, ==, 3);
  assert_says (set->warnings, "\"1\" and \"1.0\" are the same number");
}

static void
test_splits (Fixture *self, gconstpointer unused)
{
  g_autoptr (CowDataset) set =
      open_text (self,
                 "image_path,label,Split\nlying/a.jpg,x,TRAINING\nlying/b.jpg,y, Train \n"
                 "standing/a.jpg,x,Dev\nstanding/b.jpg,y,Testing\n",
                 -1);
  g_assert_cmpuint (set->splits[COW_TRAIN]->len, ==, 2);
  g_assert_cmpuint (set->splits[COW_VAL]->len, ==, 1);
  g_assert_cmpuint (set->splits[COW_TEST]->len, ==, 1);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void
test_backslashes (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *prefix = g_strdup_printf ("D:/barn\\cows\\=%s/", self->folder);

  g_autoptr (CowDataset) set =
      open_text (self, "image_path,label\nlying\\a.jpg,x\n.\\standing\\a.jpg,y\n", -1);
  assert_says (set->warnings, "the backslashes of 2 paths are taken for slashes");
  /* A file that has a backslash in its name is meant by it. */
  g_autofree char *odd = g_build_filename (self->folder, "lying\\a.jpg", NULL);
  write_bytes (odd, "", 0);
  g_autoptr (CowDataset) exact =
      open_text (self, "image_path,label\nlying\\a.jpg,x\nstanding/a.jpg,y\n", -1);
  g_assert_cmpstr (cow_dataset_sample (exact, 0)->path, ==, odd);

  write_bytes (
      self->table,
      "image_path,label\nD:\\barn\\cows\\lying\\b.jpg,x\nD:\\barn\\cows\\standing\\a.jpg,y\n", -1);
  g_autoptr (CowDataset) moved = open_with (self, prefix, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moved->samples->len, ==, 2);
  assert_fails (self, "image_path,label\nD:\\x\\a.jpg,x\nlying/b.jpg,y\n", -1,
                "its backslashes are of Windows");
}

static void
test_forms (Fixture *self, gconstpointer unused)
{
  g_autofree char *composed = g_build_filename (self->folder, "K\xc3\xbche/a.jpg", NULL),
                  *latin = g_build_filename (self->folder, "K\xfche.jpg", NULL),
                  *uri = g_filename_to_uri (composed, NULL, NULL);
  g_autofree char *written = file_name_text (latin);
  write_bytes (composed, "", 0);
  write_bytes (latin, "", 0);
  g_autofree char *text = g_strdup_printf ("image_path,label\nKu\xcc\x88he/a.jpg,x\n%s,y\n"
                                           "Lying/A.JPG,x\n%s,y\n lying/a.jpg ,x\n",
                                           written, uri);

  g_autoptr (CowDataset) set = open_text (self, text, -1);
  g_assert_cmpstr (cow_dataset_sample (set, 0)->path, ==, composed);
  g_assert_cmpstr (cow_dataset_sample (set, 1)->path, ==, latin);
  g_assert_cmpstr (cow_dataset_sample (set, 3)->path, ==, composed);
  assert_says (set->warnings, "2 paths are found under names that differ in case or form");
  /* Two files that fit are one too many. */
  g_autofree char *other = g_build_filename (self->folder, "lying", "A.jpg", NULL);
  write_bytes (other, "", 0);
  assert_fails (self, "image_path,label\nlying/a.JPG,x\nlying/b.jpg,y\n", -1,
                "more than one file whose name differs from \"a.JPG\"");
}

/* ---- boxes ----------------------------------------------------------------------------------- */

/* The same box of 20 x 30 pixels at 10, 4, or of a tenth of each, under every name. */
static void
test_boxes (Fixture *self, gconstpointer unused)
{
  static const struct {
    const char *head, *fields;
    CowBoxKind kind;
  } cases[] = {
    { "x,y,w,h", "10,4,20,30", COW_BOX_PIXELS },
    { "X,Y,W,H", "10,4,20,30", COW_BOX_PIXELS },
    { "x,y,width,height", "10,4,20,30", COW_BOX_PIXELS },
    { "xmin,ymin,xmax,ymax", "10,4,30,34", COW_BOX_PIXELS },
    { "Xmin,Ymin,Xmax,Ymax", "10.0,4.0,30.0,34.0", COW_BOX_PIXELS },
    { "x1,y1,x2,y2", "10,4,30,34", COW_BOX_PIXELS },
    { "left,top,width,height", "10,4,20,30", COW_BOX_PIXELS },
    { "bbox_left,bbox_top,bbox_width,bbox_height", "10,4,20,30", COW_BOX_PIXELS },
    { "left,top,right,bottom", "10,4,30,34", COW_BOX_PIXELS },
    { "width,height,xmin,ymin,xmax,ymax", "640,480,10,4,30,34", COW_BOX_PIXELS },
    { "box x,box y,box w,box h", "10,4,20,30", COW_BOX_PIXELS },
    { "x_center,y_center,width,height", "20,19,20,30", COW_BOX_PIXELS },
    { "bboxX,bboxY,bboxWidth,bboxHeight", "0.1,0.04,0.2,0.3", COW_BOX_NORMALISED },
    { "xmin,ymin,xmax,ymax", "0.1,0.04,0.3,0.34", COW_BOX_NORMALISED },
    { "cx,cy,w,h", "0.2,0.19,0.2,0.3", COW_BOX_NORMALISED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strdup_printf ("image_path,label,%s\nlying/a.jpg,x,%s\nstanding/a.jpg,y,%s\n",
                         cases[i].head, cases[i].fields, cases[i].fields);
    g_autoptr (CowDataset) set = open_text (self, text, -1);
    const CowSample *sample = cow_dataset_sample (set, 1);
    const double unit = cases[i].kind == COW_BOX_PIXELS ? 1 : 100, expected[] = { 10, 4, 20, 30 };
    g_assert_cmpint (sample->box_kind, ==, cases[i].kind);
    for (guint k = 0; k < 4; k++)
      g_assert_cmpfloat_with_epsilon (sample->box[k] * unit, expected[k], 1e-9);
    assert_says (set->notes,
                 cases[i].kind == COW_BOX_PIXELS ? "in pixels; 2 rows" : "as parts of the picture");
  }
}

static void
test_odd_boxes (Fixture *self, gconstpointer unused)
{
  g_autoptr (CowDataset) set = open_text (
      self,
      "image_path,label,bbox,xmin,ymin\nlying/a.jpg,x,\"[1, 2, 3, 4]\",1,2\nlying/b.jpg,y,,,\n",
      -1);
  assert_says (set->warnings,
               "columns that look like boxes are not read: bbox, xmin, ymin (xmin, ymin, xmax, "
               "ymax or x, y, width, height are); the whole pictures are taken");
  g_assert_cmpint (cow_dataset_sample (set, 0)->box_kind, ==, COW_BOX_NONE);
  /* The size of the picture alone is none. */
  g_autoptr (CowDataset) sizes = open_text (
      self, "image_path,label,width,height\nlying/a.jpg,x,640,480\nlying/b.jpg,y,640,480\n", -1);
  for (guint i = 0; i < sizes->warnings->len; i++)
    g_assert_null (strstr (sizes->warnings->pdata[i], "look like boxes"));
  assert_fails (self,
                "image_path,label,x,y,w,h\nlying/a.jpg,x,.1,.1,.5,.5\nlying/b.jpg,y,1,2,30,40\n",
                -1, ":2: a box smaller than a pixel");
  assert_fails (self, "image_path,label,xmin,ymin,xmax,ymax\nlying/a.jpg,x,30,2,20,40\n", -1,
                ":2: xmax = \"20\"; the box is empty");
  assert_fails (self, "image_path,label,x,y,w,h,W\nlying/a.jpg,x,1,2,30,40,5\n", -1, "two columns");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/tables/" name, Fixture, NULL, setup, function, teardown)
  ADD ("separators", test_separators);
  ADD ("lines", test_lines);
  ADD ("encodings", test_encodings);
  ADD ("columns", test_columns);
  ADD ("missing", test_missing);
  ADD ("numbers", test_numbers);
  ADD ("splits", test_splits);
  ADD ("backslashes", test_backslashes);
  ADD ("forms", test_forms);
  ADD ("boxes", test_boxes);
  ADD ("odd-boxes", test_odd_boxes);
  return g_test_run ();
}
