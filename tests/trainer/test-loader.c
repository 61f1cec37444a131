/* SPDX-License-Identifier: MIT */
/* Which pictures an epoch has, and that they arrive complete and in order with any number of
 * threads. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/trainer/cli.h"
#include "tests/trainer/drawn.h"
#include "trainer/data/contact-sheet.h"
#include "trainer/data/loader.h"
#include "trainer/data/pictures.h"
#include "trainer/train/keep-pictures.h"

#define SIDE 32

typedef struct {
  char *folder, *data;
  CowDataset *set;
  CkDevice *device;
  CowPreparer *preparer;
  CowLoaderOptions options;
} Fixture;

static void
setup (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  self->folder = cli_folder ();
  self->data = g_build_filename (self->folder, "data", NULL);
  drawn_data (self->data, 7, 2, 0, 40);
  self->set = drawn_set (self->data);
  g_assert_cmpint (
      ck_device_open ("cpu", &(CkDeviceOptions){ .features = "c", .threads = 1 }, &self->device),
      ==, CK_OK);
  self->preparer = cow_preparer_new (self->device, &error);
  g_assert_no_error (error);
  self->options = (CowLoaderOptions){ .dataset = self->set,
                                      .device = self->device,
                                      .preprocess = cow_preprocess_default (),
                                      .augment = COW_AUGMENT_MEDIUM,
                                      .batch = 5,
                                      .n_threads = 3 };
  self->options.preprocess.width = self->options.preprocess.height = SIDE;
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  cow_dataset_free (self->set);
  cow_preparer_free (self->preparer);
  ck_device_close (self->device);
  g_free (self->data);
  cli_remove (self->folder);
}

/* ---- which pictures -------------------------------------------------------------------------- */

static void
test_epoch (Fixture *self, gconstpointer unused)
{
  g_autoptr (GArray) epoch = cow_load_epoch (self->set, COW_TRAIN, 3, FALSE, 42, 0),
                     again = cow_load_epoch (self->set, COW_TRAIN, 3, FALSE, 42, 0);
  g_autoptr (GArray) next = cow_load_epoch (self->set, COW_TRAIN, 3, FALSE, 42, 1),
                     other = cow_load_epoch (self->set, COW_TRAIN, 3, FALSE, 43, 0);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL),
                         keys = g_hash_table_new (g_int64_hash, g_int64_equal);
  const gsize bytes = epoch->len * sizeof (CowLoadItem);

  g_assert_cmpuint (epoch->len, ==, 3 * 7 * DRAWN_N_CLASSES);
  g_assert_cmpmem (epoch->data, bytes, again->data, bytes);
  g_assert_cmpint (memcmp (epoch->data, next->data, bytes), !=, 0);
  g_assert_cmpint (memcmp (epoch->data, other->data, bytes), !=, 0);
  for (guint i = 0; i < epoch->len; i++) {
    CowLoadItem *item = &g_array_index (epoch, CowLoadItem, i);
    g_assert_cmpint (cow_dataset_sample (self->set, item->sample)->split, ==, COW_TRAIN);
    g_assert_cmpuint (item->copy, <, 3);
    g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (item->sample * 3 + item->copy)));
    g_assert_true (g_hash_table_add (keys, &item->key));
  }
  /* They are not in the order of the files. */
  guint n_in_order = 0;
  for (guint i = 1; i < epoch->len; i++)
    n_in_order += g_array_index (epoch, CowLoadItem, i).sample >=
                  g_array_index (epoch, CowLoadItem, i - 1).sample;
  g_assert_cmpuint (n_in_order, <, epoch->len * 3 / 4);
}

/* With 9, 2 and 4 pictures each class comes equally often, rare ones in several copies. */
static void
test_balanced (Fixture *self, gconstpointer unused)
{
  static const guint n[] = { 9, 2, 4 };
  g_autofree char *data = g_build_filename (self->folder, "uneven", NULL);
  guint counts[DRAWN_N_CLASSES] = { 0 };

  for (guint label = 0; label < DRAWN_N_CLASSES; label++)
    for (guint i = 0; i < n[label] + 1; i++) {
      g_autofree char *place =
          g_build_filename (data, i < n[label] ? "train" : "val", drawn_classes[label], NULL);
      g_autofree char *path = g_strdup_printf ("%s/%u.png", place, i);
      g_mkdir_with_parents (place, 0755);
      drawn_picture (path, label, i, 16, 16);
    }
  g_autoptr (CowDataset) set = drawn_set (data);
  g_autoptr (GArray) epoch = cow_load_epoch (set, COW_TRAIN, 3, TRUE, 1, 0);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_assert_cmpuint (epoch->len, ==, 45);
  for (guint i = 0; i < epoch->len; i++) {
    CowLoadItem *item = &g_array_index (epoch, CowLoadItem, i);
    counts[cow_dataset_sample (set, item->sample)->label]++;
    g_assert_true (g_hash_table_add (seen, &item->key));
  }
  for (guint label = 0; label < DRAWN_N_CLASSES; label++)
    g_assert_cmpuint (counts[label], ==, 15);
}

/* ---- how they arrive ------------------------------------------------------------------------- */

/* All pixels and labels of the items, in order. */
static float *
load_all (Fixture *self, const GArray *items, int n_threads, int ahead, gint32 *labels)
{
  const gsize size = cow_preprocess_size (&self->options.preprocess);
  float *pixels = g_new (float, size * items->len);
  g_autoptr (GError) error = NULL;
  CowBatch batch;
  gsize done = 0;

  self->options.items = (const CowLoadItem *)(const void *)items->data;
  self->options.n_items = items->len;
  self->options.n_threads = n_threads;
  self->options.ahead = ahead;
  g_autoptr (CowLoader) loader = cow_loader_new (&self->options, &error);
  g_assert_no_error (error);
  while (cow_loader_next (loader, &batch, &error) && batch.n > 0) {
    g_assert_cmpuint (batch.first, ==, done);
    g_assert_cmpint (batch.n, ==, MIN (self->options.batch, (int)(items->len - done)));
    memcpy (pixels + done * size, batch.pixels, (gsize)batch.n * size * sizeof (float));
    memcpy (labels + done, batch.labels, (gsize)batch.n * sizeof (gint32));
    done += (gsize)batch.n;
  }
  g_assert_no_error (error);
  g_assert_cmpuint (done, ==, items->len);
  return pixels;
}

static void
test_threads (Fixture *self, gconstpointer unused)
{
  g_autoptr (GArray) items = cow_load_epoch (self->set, COW_TRAIN, 3, FALSE, 42, 5);
  const gsize bytes = items->len * cow_preprocess_size (&self->options.preprocess) * sizeof (float);
  g_autofree gint32 *first = g_new (gint32, items->len), *second = g_new (gint32, items->len);
  g_autofree float *one = load_all (self, items, 1, 1, first),
                   *many = load_all (self, items, 7, 3, second);

  g_assert_cmpmem (one, bytes, many, bytes);
  g_assert_cmpmem (first, items->len * sizeof (gint32), second, items->len * sizeof (gint32));
  for (guint i = 0; i < items->len; i++)
    g_assert_cmpint (
        first[i], ==,
        cow_dataset_sample (self->set, g_array_index (items, CowLoadItem, i).sample)->label);
}

/* The unchanged picture is prepared as in `predict` and in the element; its copies are
 * augmented. */
static void
test_plain (Fixture *self, gconstpointer unused)
{
  const gsize size = cow_preprocess_size (&self->options.preprocess);
  g_autoptr (GArray) items = cow_load_split (self->set, COW_VAL, 2, 42);
  g_autofree gint32 *labels = g_new (gint32, items->len);
  g_autofree float *pixels = load_all (self, items, 2, 0, labels), *expected = g_new (float, size);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < items->len; i++) {
    const CowLoadItem *item = &g_array_index (items, CowLoadItem, i);
    picture_prepare (cow_dataset_sample (self->set, item->sample)->path, &self->options.preprocess,
                     self->preparer, expected, NULL, &error);
    g_assert_no_error (error);
    const gboolean same = memcmp (expected, pixels + i * size, size * sizeof (float)) == 0;
    if (item->copy == 0)
      g_assert_true (same);
  }
}

/* A box is cut out before anything else. */
static void
test_box (Fixture *self, gconstpointer unused)
{
  g_autofree char *table = g_build_filename (self->folder, "boxes.csv", NULL);
  const gsize size = cow_preprocess_size (&self->options.preprocess);
  g_autofree float *pixels = NULL, *expected = g_new (float, size);
  gint32 labels[4];
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };

  g_file_set_contents (
      table,
      "image_path,label,split,x,y,w,h\ndata/train/Lying/lying_000.png,Lying,train,4,8,20,16\n"
      "data/train/Walking/walking_000.png,Walking,train,,,,\ndata/val/Lying/"
      "lying_007.png,Lying,val,,,,\n"
      "data/val/Walking/walking_007.png,Walking,val,,,,\n",
      -1, &error);
  g_assert_no_error (error);
  g_autoptr (CowDataset) set = drawn_set (table);
  g_autoptr (GArray) items = cow_load_split (set, COW_TRAIN, 1, 42);
  self->options.dataset = set;
  pixels = load_all (self, items, 1, 0, labels);
  picture_read (cow_dataset_sample (set, 0)->path, &picture, &error);
  g_assert_no_error (error);
  const CkPicture whole = { .layout = CK_RGB8,
                            .width = picture.width,
                            .height = picture.height,
                            .plane = { picture.rgb },
                            .stride = { 3 * (gint64)picture.width },
                            .pixel_stride = 3,
                            .offset = { 0, 1, 2 } };
  const CowRegion region = { 4, 8, 20, 16 };
  cow_preparer_run (self->preparer, &self->options.preprocess, &whole, &region, expected, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (pixels, size * sizeof (float), expected, size * sizeof (float));
}

/* Nothing replaces a picture that cannot be read; the pictures before it are delivered. */
static void
test_unreadable (Fixture *self, gconstpointer unused)
{
  g_autoptr (GArray) items = cow_load_split (self->set, COW_TRAIN, 1, 42);
  const char *bad =
      cow_dataset_sample (self->set, g_array_index (items, CowLoadItem, 12).sample)->path;
  g_autoptr (GError) error = NULL;
  CowBatch batch;
  guint n = 0;

  g_file_set_contents (bad, "not a picture", -1, &error);
  g_assert_no_error (error);
  self->options.items = (const CowLoadItem *)(const void *)items->data;
  self->options.n_items = items->len;
  g_autoptr (CowLoader) loader = cow_loader_new (&self->options, &error);
  g_assert_no_error (error);
  while (cow_loader_next (loader, &batch, &error))
    n += (guint)batch.n;
  g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
  g_assert_true (g_str_has_prefix (error->message, bad));
  g_assert_cmpuint (n, ==, 10); /* two batches of five */
  /* The next call gives the same result. */
  g_clear_error (&error);
  g_assert_false (cow_loader_next (loader, &batch, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
}

/* Loading can be stopped at any moment, without waiting for the rest. */
static void
test_left (Fixture *self, gconstpointer unused)
{
  g_autoptr (GArray) items = cow_load_epoch (self->set, COW_TRAIN, 50, FALSE, 1, 0);
  g_autoptr (GError) error = NULL;

  self->options.items = (const CowLoadItem *)(const void *)items->data;
  self->options.n_items = items->len;
  for (guint i = 0; i < 20; i++) {
    CowBatch batch;
    g_autoptr (CowLoader) loader = cow_loader_new (&self->options, &error);
    g_assert_no_error (error);
    for (guint k = 0; k < i % 4; k++)
      g_assert_true (cow_loader_next (loader, &batch, &error));
  }
}

/* ---- the contact sheet ----------------------------------------------------------------------- */

static void
test_sheet (Fixture *self, gconstpointer unused)
{
  g_autofree char *path = g_build_filename (self->folder, "sheet.png", NULL),
                  *nowhere = g_build_filename (self->folder, "no", "s.png", NULL);
  const CowContactSheet sheet = { .dataset = self->set,
                                  .device = self->device,
                                  .preprocess = self->options.preprocess,
                                  .augment = COW_AUGMENT_HEAVY,
                                  .per_class = 2,
                                  .copies = 2,
                                  .seed = 1 };
  g_autoptr (GError) error = NULL;
  g_auto (Picture) picture = { 0 };
  guint n_red = 0, n_blue = 0;

  cow_contact_sheet_write (&sheet, path, &error);
  g_assert_no_error (error);
  picture_read (path, &picture, &error);
  g_assert_no_error (error);
  g_assert_cmpint (picture.width, >, 6 * SIDE);
  g_assert_cmpint (picture.height, >, 3 * SIDE);
  /* The classes' own colours are there: lying's red in the upper third, standing's blue in the
   * middle one. */
  for (int i = 0; i < picture.width * picture.height / 3; i++) {
    const guint8 *upper = picture.rgb + 3 * i,
                 *middle = upper + picture.width * (picture.height / 3) * 3;
    n_red += upper[0] > upper[2] + 60;
    n_blue += middle[2] > middle[0] + 60;
  }
  g_assert_cmpuint (n_red, >, SIDE * SIDE / 2);
  g_assert_cmpuint (n_blue, >, SIDE * SIDE / 2);
  g_assert_false (cow_contact_sheet_write (&sheet, nowhere, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_IO);
}

/* ---- pictures that are kept ------------------------------------------------------------------ */

/* Takes n pictures and asserts of which classes they are. */
static void
expect_kept (Fixture *self, CowSplit split, guint n, const char *classes)
{
  g_auto (CowKeptPictures) kept = { 0 };
  g_autoptr (GError) error = NULL;
  const gsize size = 3 * SIDE * SIDE;
  g_autoptr (GString) found = g_string_new (NULL);

  keep_pictures (self->set, split, n, &self->options.preprocess, self->device, &kept, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < kept.n; i++)
    for (guint s = 0; s < self->set->splits[split]->len; s++) {
      guint8 rgb[3 * SIDE * SIDE];
      const CowLoadItem item = { .sample = g_array_index (self->set->splits[split], guint, s) };
      cow_load_rgb (&self->options, self->preparer, &item, rgb, &error);
      g_assert_no_error (error);
      if (memcmp (rgb, kept.rgb + i * size, size) == 0)
        g_string_append_c (
            found, self->set->classes[cow_dataset_sample (self->set, item.sample)->label][0]);
    }
  g_assert_cmpstr (found->str, ==, classes);
}

/* They are the network's own pictures, of all classes in turn, and never more than there are. */
static void
test_kept (Fixture *self, gconstpointer unused)
{
  expect_kept (self, COW_VAL, 3, "LSW");
  expect_kept (self, COW_VAL, 5, "LSWLS");
  expect_kept (self, COW_VAL, 100, "LSWLSW");
  expect_kept (self, COW_TRAIN, 7, "LSWLSWL");
}

#define ADD(name, function) g_test_add ("/loader/" name, Fixture, NULL, setup, function, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("epoch", test_epoch);
  ADD ("balanced", test_balanced);
  ADD ("threads", test_threads);
  ADD ("plain", test_plain);
  ADD ("box", test_box);
  ADD ("unreadable", test_unreadable);
  ADD ("left", test_left);
  ADD ("contact-sheet", test_sheet);
  ADD ("kept", test_kept);
  return g_test_run ();
}
