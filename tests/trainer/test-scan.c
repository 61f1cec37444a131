/* SPDX-License-Identifier: MIT */
/* What folders mean: what of them is a picture, a class or a split, what is passed over, and that
 * nothing is passed over in silence. Nothing is decoded here. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/trainer/cli.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/file-names.h"
#include "trainer/data/scan.h"

#define COMPOSED   "K\xc3\xbche"  /* ü as one letter */
#define DECOMPOSED "Ku\xcc\x88he" /* as u and its dots */

typedef struct {
  char *folder;
} Fixture;

static void
setup (Fixture *self, gconstpointer unused)
{
  self->folder = cli_folder ();
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  cli_remove (self->folder);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void
write_bytes (const Fixture *self, const char *name, const char *bytes, gssize n)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL),
                  *place = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, bytes, n, NULL));
}

static void
write_pictures (const Fixture *self, const char *folder, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf ("%s/%u.jpg", folder, i);
    write_bytes (self, name, "", 0);
  }
}

static void
make_link (const Fixture *self, const char *target, const char *name)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL);
  g_assert_cmpint (symlink (target, path), ==, 0);
}

static CowDataset *
open_part (const Fixture *self, const char *part, GError **error)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;

  options.data = g_build_filename (self->folder, part, NULL);
  return cow_dataset_open (&options, error);
}

static CowDataset *
open_set (const Fixture *self, const char *part)
{
  g_autoptr (GError) error = NULL;
  CowDataset *set = open_part (self, part, &error);
  g_assert_no_error (error);
  return set;
}

static void
assert_fails (const Fixture *self, const char *part, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowDataset) set = open_part (self, part, &error);
  g_assert_null (set);
  cli_assert_says (error->message, words);
}

static void
assert_warns (const CowDataset *set, const char *words)
{
  g_autoptr (GString) all = g_string_new (NULL);
  for (guint i = 0; i < set->warnings->len; i++)
    g_string_append_printf (all, "%s\n", (char *)set->warnings->pdata[i]);
  cli_assert_says (all->str, words);
}

static void
assert_sizes (const CowDataset *set, guint n_classes, guint train, guint val, guint test)
{
  g_assert_cmpuint (set->n_classes, ==, n_classes);
  g_assert_cmpuint (set->splits[COW_TRAIN]->len, ==, train);
  g_assert_cmpuint (set->splits[COW_VAL]->len, ==, val);
  g_assert_cmpuint (set->splits[COW_TEST]->len, ==, test);
}

/* ---- splits ---------------------------------------------------------------------------------- */

static void
test_split_names (Fixture *self, gconstpointer unused)
{
  static const char *const names[][3] = { { "Train", "Val", "TEST" },
                                          { "training", "Validation", "testing" },
                                          { "TRAINING", "dev", "Testing" },
                                          { "train", "VALID", "test" } };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *part = g_strdup_printf ("set%u", i);
    for (guint k = 0; k < 3; k++) {
      g_autofree char *lying = g_build_filename (part, names[i][k], "lying", NULL);
      g_autofree char *standing = g_build_filename (part, names[i][k], "standing", NULL);
      write_pictures (self, lying, 3 - k);
      write_pictures (self, standing, 3 - k);
    }
    g_autoptr (CowDataset) set = open_set (self, part);
    assert_sizes (set, 2, 6, 4, 2);
    g_assert_cmpuint (set->warnings->len, ==, 0);
  }
}

/* What looks like a split, or has splits in it, is never a class. */
static void
test_split_guesses (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "like/train_images/lying", 3);
  write_pictures (self, "like/testset/lying", 3);
  assert_fails (self, "like", "looks like a split, not like a class");
  write_pictures (self, "deeper/download/Train/lying", 3);
  write_pictures (self, "deeper/download/Val/lying", 3);
  assert_fails (self, "deeper", "deeper/download has folders of splits in it (Train, Val)");
  write_pictures (self, "inside/lying/train", 3);
  write_pictures (self, "inside/standing/train", 3);
  assert_fails (self, "inside", "inside/lying has folders of splits in it (train)");
  write_pictures (self, "level/pictures/lying", 3);
  write_pictures (self, "level/pictures/standing", 3);
  assert_fails (self, "level", "if they are the classes");

  write_pictures (self, "beside/train/lying", 2);
  write_pictures (self, "beside/train/standing", 2);
  write_pictures (self, "beside/val/lying", 1);
  write_pictures (self, "beside/val/standing", 1);
  write_pictures (self, "beside/my test/lying", 1);
  write_pictures (self, "beside/raw", 1);
  g_autoptr (CowDataset) set = open_set (self, "beside");
  assert_sizes (set, 2, 4, 2, 0);
  assert_warns (set, "beside/my test looks like a split and is not read");
  assert_warns (set, "2 beside the folders train, val and test (my test 1, raw 1)");

  write_pictures (self, "trainer/trainer", 3);
  write_pictures (self, "trainer/valve", 3);
  g_autoptr (CowDataset) words = open_set (self, "trainer");
  g_assert_cmpuint (words->n_classes, ==, 2);
}

/* A table that says what the folders beside it say needs no word, unlike one that says more. */
static void
test_table_beside (Fixture *self, gconstpointer unused)
{
  static const char repeated[] = "image_path,label,source,split\n"
                                 "train/lying/0.jpg,lying,drawn,train\n"
                                 "val/standing/0.jpg,standing,drawn,val\n";
  static const char *const others[] = {
    "image_path,label\ntrain/lying/0.jpg,standing\n",                 /* another class */
    "image_path,label,split\ntrain/lying/0.jpg,lying,val\n",          /* another split */
    "image_path,label\ntrain/lying/9.jpg,lying\n",                    /* no such picture */
    "image_path,label\nmore/lying/0.jpg,lying\n",                     /* in another folder */
    "image_path,label,x,y,w,h\ntrain/lying/0.jpg,lying,1,2,30,40\n",  /* parts of pictures */
    "image_path,label\ntrain/lying/0.jpg,lying\ntrain/lying/0.jpg\n", /* half a row */
    "image_path,label\n",
    "file,class\ntrain/lying/0.jpg,lying\n",
  };

  write_pictures (self, "own/train/lying", 2);
  write_pictures (self, "own/train/standing", 2);
  write_pictures (self, "own/val/lying", 1);
  write_pictures (self, "own/val/standing", 1);
  write_pictures (self, "own/more/lying", 1);
  write_bytes (self, "own/labels.csv", repeated, -1);
  g_autoptr (CowDataset) set = open_set (self, "own");
  assert_warns (set, "1 beside the folders train, val and test (more 1)");
  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    write_bytes (self, "own/labels.csv", others[i], -1);
    g_autoptr (CowDataset) warned = open_set (self, "own");
    assert_warns (warned, "2 beside the folders train, val and test (files 1, more 1)");
  }
}

/* ---- what is passed over --------------------------------------------------------------------- */

static void
test_system_names (Fixture *self, gconstpointer unused)
{
  static const char *const folders[] = { "@eaDir",      "#recycle",
                                         "@Recycle",    "$RECYCLE.BIN",
                                         "lost+found",  "__MACOSX",
                                         ".@__thumb",   "System Volume Information",
                                         ".Trash-1000", ".dropbox.cache",
                                         ".stversions", ".ipynb_checkpoints",
                                         "@tmp",        "Network Trash Folder" };
  static const char *const files[] = { "Thumbs.db", "THUMBS.DB", "desktop.ini",  ".DS_Store",
                                       "._0.jpg",   ".dropbox",  "~$labels.xlsx" };

  write_pictures (self, "lying", 4);
  write_pictures (self, "standing", 4);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *top = g_build_filename (folders[i], "0.jpg", NULL),
                    *inner = g_build_filename ("lying", folders[i], "0.jpg", "t.jpg", NULL);
    write_bytes (self, top, "", 0);
    write_bytes (self, inner, "", 0);
  }
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *name = g_build_filename ("standing", files[i], NULL);
    write_bytes (self, name, "", 0);
  }
  g_autoptr (CowDataset) set = open_set (self, "");
  assert_sizes (set, 2, 6, 2, 0);
  assert_warns (set, "35 files and folders are left out: 35 of the system");
  g_assert_cmpuint (set->passed->len, ==, 2 * G_N_ELEMENTS (folders) + G_N_ELEMENTS (files));
  g_assert_null (file_name_system ("thumbs"));
  g_assert_null (file_name_system ("recycled"));
}

static void
test_suffixes (Fixture *self, gconstpointer unused)
{
  static const char *const taken[] = { "a.jfif", "b.JPE", "c.jpeg", "d.Tiff", "e.dib", "f.pjpeg" };
  static const char *const left[] = { "a.heic", "b.HEIC", "c.gif",  "d.avif", "e.ppm",
                                      "f.jp2",  "g.dng",  "h.webm", "i.txt",  "j" };

  for (guint i = 0; i < G_N_ELEMENTS (taken); i++)
    write_bytes (self, taken[i], "", 0);
  for (guint i = 0; i < G_N_ELEMENTS (left); i++)
    write_bytes (self, left[i], "not a picture", -1);
  /* A phone's name and a browser's, and what the file begins with. */
  write_bytes (self, "real.heic", "\xff\xd8\xff\xe0\0\x10JFIF\0\1", 12);
  write_bytes (self, "download", "\x89PNG\r\n\x1a\n\0\0\0\r", 12);
  /* Raw pictures begin like TIFF. */
  write_bytes (self, "raw.nef", "II*\0\x08\0\0\0\0\0\0\0", 12);

  g_autoptr (GError) error = NULL;
  g_autofree char *passed = NULL;
  g_autoptr (GPtrArray) found = pictures_find ((char *[]){ self->folder, NULL }, &passed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, G_N_ELEMENTS (taken) + 2);
  g_assert_cmpstr (passed, ==,
                   "11 files are left out: 8 pictures of formats that are not read (.avif 1, .dng "
                   "1, .gif 1, .heic 2, .jp2 1, .nef 1, .ppm 1); 3 not called like pictures (.txt "
                   "1, .webm 1, without suffix 1)");
}

static void
test_find (Fixture *self, gconstpointer unused)
{
  static const char *const made[] = { "b.png", "a.JPEG",      "sub/c.tif",
                                      "z.txt", ".hidden.png", "sub/.d/e.png" },
                           *const expected[] = { "a.JPEG", "b.png", "sub/c.tif" };
  g_autoptr (GError) error = NULL;
  char *folder = self->folder;
  g_autofree char *hidden = g_build_filename (folder, "sub", ".d", NULL),
                  *circle = g_build_filename (folder, "sub", "circle", NULL),
                  *file = g_build_filename (folder, "z.txt", NULL);
  g_assert_cmpint (g_mkdir_with_parents (hidden, 0755), ==, 0);
  g_assert_cmpint (symlink (folder, circle), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (made); i++) {
    g_autofree char *path = g_build_filename (folder, made[i], NULL);
    g_assert_true (g_file_set_contents (path, "x", -1, NULL));
  }

  g_autofree char *passed = NULL, *nothing = NULL;
  g_autoptr (GPtrArray) found = pictures_find ((char *[]){ folder, file, NULL }, &passed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, G_N_ELEMENTS (expected) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autofree char *path = g_build_filename (folder, expected[i], NULL);
    g_assert_cmpstr (found->pdata[i], ==, path);
  }
  g_assert_cmpstr (found->pdata[3], ==, file);
  cli_assert_says (passed,
                   "4 files and folders are left out: 1 not called like a picture (.txt 1); "
                   "2 hidden; 1 link");
  g_assert_null (pictures_find ((char *[]){ hidden, "/nowhere", NULL }, &nothing, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/nowhere"));
}

/* A class of which nothing is read: the error says what was there. */
static void
test_nothing_left (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "lying", 3);
  write_bytes (self, "standing/a.heic", "x", 1);
  write_bytes (self, "standing/b.heic", "x", 1);
  assert_fails (self, "", "(.heic 2)");
  g_autofree char *standing = g_build_filename (self->folder, "standing", NULL), *passed = NULL;
  g_autoptr (GError) error = NULL;
  g_assert_null (pictures_find ((char *[]){ standing, NULL }, &passed, &error));
  cli_assert_says (error->message, "(.heic 2)");
}

/* ---- links ----------------------------------------------------------------------------------- */

static void
test_links (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "data/lying", 4);
  write_pictures (self, "data/standing", 4);
  write_pictures (self, "store/more", 3);
  make_link (self, "../../store", "data/lying/more");  /* followed */
  make_link (self, "../../store", "data/lying/again"); /* the same once more */
  make_link (self, "../store/more", "data/walking");   /* a class, reached already by a link */
  make_link (self, "..", "data/standing/up");          /* circles */
  make_link (self, "../../..", "data/standing/top");
  make_link (self, "lying", "data/aaa"); /* another name of a class is no class */
  make_link (self, "/nowhere", "data/standing/gone.jpg");
  make_link (self, "0.jpg", "data/standing/x.jpg"); /* links to files are pictures */

  g_autoptr (GError) error = NULL;
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;
  options.data = g_build_filename (self->folder, "data", NULL);
  options.any_classes = TRUE;
  g_autoptr (CowDataset) set = cow_dataset_open (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (set->samples->len, ==, 4 + 4 + 3 + 1);
  g_assert_cmpuint (set->n_classes, ==, 3);
  assert_warns (set, "links that lead nowhere or to what is read already");
  for (guint i = 0; i < set->passed->len; i++)
    g_assert_cmpint (((PassedFile *)set->passed->pdata[i])->reason, ==, PASSED_LINK);
  g_assert_cmpuint (set->passed->len, ==, 6);
}

/* A split that is a link to another set's. */
static void
test_linked_split (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "a/train/lying", 3);
  write_pictures (self, "a/train/standing", 3);
  write_pictures (self, "common/lying", 2);
  write_pictures (self, "common/standing", 2);
  make_link (self, "../common", "a/val");
  g_autoptr (CowDataset) set = open_set (self, "a");
  assert_sizes (set, 2, 6, 4, 0);
}

/* What is named twice counts once. */
static void
test_twice (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *passed = NULL;

  write_pictures (self, "a/b", 2);
  write_pictures (self, "a/c", 2);
  g_autofree char *all = g_build_filename (self->folder, "a", NULL),
                  *part = g_build_filename (self->folder, "a", "b", NULL),
                  *one = g_build_filename (self->folder, "a", ".", "c", "1.jpg", NULL);
  g_autoptr (GPtrArray) found =
      pictures_find ((char *[]){ part, all, one, part, NULL }, &passed, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, 4);
  cli_assert_says (passed, "4 named twice");
}

/* ---- names that are the same ----------------------------------------------------------------- */

static void
test_forms (Fixture *self, gconstpointer unused)
{
  write_pictures (self, "train/" COMPOSED, 3);
  write_pictures (self, "train/standing", 3);
  write_pictures (self, "val/" DECOMPOSED, 2);
  write_pictures (self, "val/Standing", 2);
  g_autoptr (CowDataset) set = open_set (self, "");
  assert_sizes (set, 2, 6, 4, 0);
  g_assert_cmpstr (set->classes[0], ==, COMPOSED);
  assert_warns (set, "\"Standing\" and \"standing\" differ in case alone");
  g_assert_cmpuint (cow_dataset_count (set, COW_VAL, 0), ==, 2);
  g_assert_cmpuint (cow_dataset_count (set, COW_VAL, 1), ==, 2);
}

/* Every name becomes UTF-8 and itself again, and no two the same. */
static void
test_text (void)
{
  static const struct {
    const char *name, *text;
  } cases[] = {
    { "plain name.jpg", "plain name.jpg" },
    { COMPOSED, COMPOSED },
    { "K\xfche 0.jpg", "K\\xFChe 0.jpg" },
    { "K\\xFChe 0.jpg", "K\\x5CxFChe 0.jpg" },
    { "a\\b\\xg.jpg", "a\\b\\xg.jpg" },
    { "\\\xff", "\\\\xFF" },
    { "\\x5\xff", "\\x5\\xFF" },
    { "\xe2\x82.jpg", "\\xE2\\x82.jpg" },
    { "\xff\xfe\xfd", "\\xFF\\xFE\\xFD" },
    { "", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = file_name_text (cases[i].name), *name = file_name_from_text (text);
    g_assert_cmpstr (text, ==, cases[i].text);
    g_assert_true (g_utf8_validate (text, -1, NULL));
    g_assert_cmpstr (name, ==, cases[i].name);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/scan/" name, Fixture, NULL, setup, function, teardown)
  ADD ("split-names", test_split_names);
  ADD ("split-guesses", test_split_guesses);
  ADD ("table-beside", test_table_beside);
  ADD ("system-names", test_system_names);
  ADD ("suffixes", test_suffixes);
  ADD ("find", test_find);
  ADD ("nothing-left", test_nothing_left);
  ADD ("links", test_links);
  ADD ("linked-split", test_linked_split);
  ADD ("twice", test_twice);
  ADD ("forms", test_forms);
  g_test_add_func ("/scan/text", test_text);
  return g_test_run ();
}
