/* SPDX-License-Identifier: MIT */
/* Features that the frozen recipe keeps on disk: their values, when they are computed again and
 * when not, and how an interrupted job resumes. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include <utime.h>

#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"
#include "tests/trainer/drawn.h"
#include "trainer/train/features-cache.h"
#include "trainer/data/pictures.h"

#define COPIES 3

typedef struct {
  char *folder, *base, *data, *cache;
  CowDataset *set;
  CowFeaturesOptions options;
} Fixture;

static void
setup (Fixture *self, gconstpointer unused)
{
  self->folder = cli_folder ();
  self->base = drawn_base (self->folder);
  self->data = g_build_filename (self->folder, "data", NULL);
  self->cache = g_build_filename (self->folder, "cache", NULL);
  drawn_data (self->data, 4, 2, 0, 32);
  self->set = drawn_set (self->data);
  self->options = (CowFeaturesOptions){ .folder = self->cache,
                                        .precision = COW_PRECISION_FP32,
                                        .model = self->base,
                                        .dataset = self->set,
                                        .split = COW_TRAIN,
                                        .copies = COPIES,
                                        .seed = 42,
                                        .preprocess = cow_preprocess_default (),
                                        .augment = COW_AUGMENT_MEDIUM,
                                        .batch = 4,
                                        .workers = 2 };
  self->options.preprocess.width = self->options.preprocess.height = 32;
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  cow_dataset_free (self->set);
  g_free (self->base);
  g_free (self->data);
  g_free (self->cache);
  cli_remove (self->folder);
}

static CowFeaturesCache *
open_cache (const Fixture *self)
{
  g_autoptr (GError) error = NULL;
  CowFeaturesCache *cache = cow_features_cache_open (&self->options, &error);
  g_assert_no_error (error);
  return cache;
}

static char *
key (const Fixture *self)
{
  g_autoptr (GArray) items =
      cow_load_split (self->set, self->options.split, self->options.copies, self->options.seed);
  g_autoptr (GError) error = NULL;
  char *text = features_key (&self->options, items, &error);
  g_assert_no_error (error);
  return text;
}

static void
assert_rows (const CowFeaturesCache *a, const CowFeaturesCache *b, const CowDataset *set,
             gboolean same)
{
  const gsize bytes = (gsize)cow_features_cache_width (a) * sizeof (float);
  guint n_same = 0, n = 0;

  for (guint i = 0; i < set->splits[COW_TRAIN]->len; i++)
    for (guint copy = 0; copy < COPIES; copy++, n++) {
      const guint sample = g_array_index (set->splits[COW_TRAIN], guint, i);
      n_same += memcmp (cow_features_cache_row (a, sample, copy),
                        cow_features_cache_row (b, sample, copy), bytes) == 0;
    }
  g_assert_cmpuint (n_same, ==, same ? n : 0);
}

/* ---- their values ---------------------------------------------------------------------------- */

/* A row is the classifier's output for the picture; rows of copies differ from it. */
static void
test_rows (Fixture *self, gconstpointer unused)
{
  g_autoptr (CowFeaturesCache) cache = open_cache (self);
  const CowClassifierOptions options = { .model = self->base };
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  g_autofree float *pixels = g_new (float, cow_preprocess_size (&self->options.preprocess));
  const gint64 width = cow_features_cache_width (cache);
  CowOutput output;

  g_assert_no_error (error);
  g_autoptr (CowPreparer) preparer = cow_preparer_new (cow_classifier_device (classifier), &error);
  g_assert_no_error (error);
  g_assert_cmpint (width, ==, 128);
  for (guint i = 0; i < self->set->splits[COW_TRAIN]->len; i++) {
    const guint sample = g_array_index (self->set->splits[COW_TRAIN], guint, i);
    picture_prepare (cow_dataset_sample (self->set, sample)->path, &self->options.preprocess,
                     preparer, pixels, NULL, &error);
    g_assert_no_error (error);
    cow_classifier_run (classifier, pixels, 1, 32, 32, &output, &error);
    g_assert_no_error (error);
    const float *plain = cow_features_cache_row (cache, sample, 0),
                *copy = cow_features_cache_row (cache, sample, 1);
    for (gint64 k = 0; k < width; k++)
      g_assert_cmpfloat_with_epsilon (plain[k], output.pooler_output[k], 1e-3);
    g_assert_cmpint (memcmp (plain, copy, (gsize)width * sizeof (float)), !=, 0);
  }
}

/* The second time nothing is computed. */
static void
test_again (Fixture *self, gconstpointer unused)
{
  g_autoptr (CowFeaturesCache) first = open_cache (self);
  g_autofree char *name = key (self), *file = g_strconcat (name, ".safetensors", NULL),
                  *path = g_build_filename (self->cache, file, NULL);
  GStatBuf before, after;

  g_assert_cmpint (g_stat (path, &before), ==, 0);
  g_autoptr (CowFeaturesCache) again = open_cache (self);
  g_assert_cmpint (g_stat (path, &after), ==, 0);
  g_assert_true (before.st_ino == after.st_ino);
  assert_rows (first, again, self->set, TRUE);
}

/* ---- when they are computed again ------------------------------------------------------------ */

static void
assert_new_key (const Fixture *self, GHashTable *seen, const char *why)
{
  char *text = key (self);
  if (!g_hash_table_add (seen, text))
    g_error ("the same key after %s", why);
}

static void
test_key (Fixture *self, gconstpointer unused)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *weights = g_build_filename (self->base, "model.safetensors", NULL),
                  *first = key (self);
  const char *picture =
      cow_dataset_sample (self->set, g_array_index (self->set->splits[COW_TRAIN], guint, 5))->path;
  const CowFeaturesOptions kept = self->options;

  assert_new_key (self, seen, "nothing");
  self->options.preprocess.width = 48;
  assert_new_key (self, seen, "another size");
  self->options = kept;
  self->options.preprocess.normalisation = COW_IMAGENET;
  assert_new_key (self, seen, "another normalisation");
  self->options = kept;
  self->options.preprocess.interpolation = CK_BILINEAR_ANTIALIASED;
  assert_new_key (self, seen, "another interpolation");
  self->options = kept;
  self->options.augment = COW_AUGMENT_HEAVY;
  assert_new_key (self, seen, "another augmentation");
  self->options = kept;
  self->options.seed = 43;
  assert_new_key (self, seen, "another seed");
  self->options = kept;
  self->options.copies = 2;
  assert_new_key (self, seen, "fewer copies");
  self->options = kept;
  self->options.split = COW_VAL;
  assert_new_key (self, seen, "another split");
  self->options = kept;
  /* The way of computing them does not matter. */
  self->options.batch = 1;
  self->options.workers = 7;
  g_autofree char *same = key (self);
  g_assert_cmpstr (same, ==, first);
  self->options = kept;

  drawn_picture (picture, 1, 999, 32, 32);
  assert_new_key (self, seen, "another picture");
  const struct utimbuf old = { 1, 1 };
  g_assert_cmpint (utime (weights, &old), ==, 0);
  assert_new_key (self, seen, "other weights");
}

/* ---- resuming -------------------------------------------------------------------------------- */

/* A file of so many rows and some bytes of the next: the first is all 77, the others are the whole
 * cache's. */
static void
write_rows (const Fixture *self, const CowFeaturesCache *whole, const char *path, guint n,
            gsize more)
{
  const gint64 width = cow_features_cache_width (whole);
  const gsize bytes = (gsize)width * sizeof (float);
  g_autofree float *row = g_new (float, (gsize)width);
  g_autoptr (GString) file = g_string_new ("cowrows2");
  g_autoptr (GError) error = NULL;

  g_string_append_len (file, (const char *)&width, sizeof width);
  for (guint k = 0; k < n; k++) {
    const guint sample = g_array_index (self->set->splits[COW_TRAIN], guint, k / COPIES);
    memcpy (row, cow_features_cache_row (whole, sample, k % COPIES), bytes);
    for (gint64 i = 0; k == 0 && i < width; i++)
      row[i] = 77;
    const guint64 sum = features_row_sum (k, row, width);
    g_string_append_len (file, (const char *)row, (gssize)bytes);
    g_string_append_len (file, (const char *)&sum, sizeof sum);
  }
  g_string_append_len (file, (const char *)row, (gssize)more);
  g_file_set_contents (path, file->str, (gssize)file->len, &error);
  g_assert_no_error (error);
}

/* Complete rows are kept, half a row is not. */
static void
test_resume (Fixture *self, gconstpointer unused)
{
  g_autofree char *name = key (self), *stem = g_build_filename (self->cache, name, NULL);
  g_autofree char *rows_path = g_strconcat (stem, ".rows", NULL),
                  *path = g_strconcat (stem, ".safetensors", NULL);
  g_autoptr (CowFeaturesCache) whole = open_cache (self);
  const gsize width = (gsize)cow_features_cache_width (whole);
  const guint first = g_array_index (self->set->splits[COW_TRAIN], guint, 0);

  /* The file has five rows, the first of which no network computes, and some bytes of the sixth. */
  write_rows (self, whole, rows_path, 5, 10);
  g_assert_cmpint (g_unlink (path), ==, 0);

  g_autoptr (CowFeaturesCache) again = open_cache (self);
  g_assert_cmpfloat (cow_features_cache_row (again, first, 0)[3], ==, 77);
  g_assert_false (g_file_test (rows_path, G_FILE_TEST_EXISTS));
  for (guint i = 0; i < self->set->splits[COW_TRAIN]->len; i++)
    for (guint copy = i == 0; copy < COPIES; copy++) {
      const guint sample = g_array_index (self->set->splits[COW_TRAIN], guint, i);
      g_assert_cmpmem (cow_features_cache_row (again, sample, copy), width * sizeof (float),
                       cow_features_cache_row (whole, sample, copy), width * sizeof (float));
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static GString *said;

static void
keep_said (const char *text)
{
  g_string_append (said, text);
}

/* The cache, and what was said while it was opened. */
static CowFeaturesCache *
open_listening (const Fixture *self, char **text)
{
  said = g_string_new (NULL);
  const GPrintFunc before = g_set_printerr_handler (keep_said);
  CowFeaturesCache *cache = open_cache (self);
  g_set_printerr_handler (before);
  *text = g_string_free (g_steal_pointer (&said), FALSE);
  return cache;
}

typedef enum { EMPTY, NONSENSE, ZEROS, HALF, ZERO_PAGE, ONE_BIT, OTHER_ROW, N_DAMAGES } Damage;

static void
damage_file (const char *path, Damage damage)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, &error));
  if (damage == ZEROS)
    memset (bytes, 0, n);
  else if (damage == ZERO_PAGE)
    memset (bytes + 4096, 0, 512);
  else if (damage == ONE_BIT)
    bytes[4097] ^= 1;
  else if (damage == OTHER_ROW)
    memmove (bytes + n / 2, bytes + n / 2 - 1024, 512);
  g_file_set_contents (path, damage == NONSENSE ? "nonsense" : bytes,
                       damage == EMPTY      ? 0
                       : damage == NONSENSE ? 8
                       : damage == HALF     ? (gssize)n / 2
                                            : (gssize)n,
                       &error);
  g_assert_no_error (error);
}

/* What a crash of the system or a disk does to a finished file is found, said, and computed again.
 */
static void
test_damaged (Fixture *self, gconstpointer unused)
{
  g_autofree char *name = key (self), *file = g_strconcat (name, ".safetensors", NULL),
                  *path = g_build_filename (self->cache, file, NULL);
  g_autoptr (CowFeaturesCache) whole = open_cache (self);

  for (Damage damage = EMPTY; damage < N_DAMAGES; damage++) {
    g_autofree char *text = NULL, *quiet = NULL;
    damage_file (path, damage);
    g_autoptr (CowFeaturesCache) again = open_listening (self, &text);
    cli_assert_says (text, path);
    cli_assert_says (text, "it is computed again");
    assert_rows (whole, again, self->set, TRUE);
    g_autoptr (CowFeaturesCache) then G_GNUC_UNUSED = open_listening (self, &quiet);
    g_assert_null (strstr (quiet, "computed again"));
  }
}

/* The same of a file that is not finished: the rows before the damage stay. */
static void
test_damaged_rows (Fixture *self, gconstpointer unused)
{
  g_autofree char *name = key (self), *stem = g_build_filename (self->cache, name, NULL);
  g_autofree char *rows_path = g_strconcat (stem, ".rows", NULL),
                  *path = g_strconcat (stem, ".safetensors", NULL);
  g_autoptr (CowFeaturesCache) whole = open_cache (self);
  const guint first = g_array_index (self->set->splits[COW_TRAIN], guint, 0);

  for (Damage damage = EMPTY; damage < N_DAMAGES; damage++) {
    g_autofree char *text = NULL;
    write_rows (self, whole, rows_path, 2 * 4 * COPIES, 0);
    damage_file (rows_path, damage);
    g_assert_cmpint (g_unlink (path), ==, 0);
    g_autoptr (CowFeaturesCache) again = open_listening (self, &text);
    const gboolean kept = damage >= HALF;
    g_assert_cmpint (cow_features_cache_row (again, first, 0)[3] == 77, ==, kept);
    if (damage != EMPTY && damage != HALF)
      cli_assert_says (text, kept ? "is damaged: it and those after it are computed again"
                                  : "all of it is computed again");
    for (guint i = 0; i < self->set->splits[COW_TRAIN]->len; i++)
      for (guint copy = i == 0; copy < COPIES; copy++) {
        const guint sample = g_array_index (self->set->splits[COW_TRAIN], guint, i);
        const gsize bytes = (gsize)cow_features_cache_width (whole) * sizeof (float);
        g_assert_cmpmem (cow_features_cache_row (again, sample, copy), bytes,
                         cow_features_cache_row (whole, sample, copy), bytes);
      }
  }
}

/* Versions without checksums wrote the features alone: they are read, unless they are zeros. */
static void
test_without_sums (Fixture *self, gconstpointer unused)
{
  g_autofree char *name = key (self), *file = g_strconcat (name, ".safetensors", NULL),
                  *path = g_build_filename (self->cache, file, NULL);
  g_autoptr (CowFeaturesCache) whole = open_cache (self);
  const gint64 dims[] = { (gint64)self->set->splits[COW_TRAIN]->len * COPIES,
                          cow_features_cache_width (whole) };
  const gsize n = (gsize)(dims[0] * dims[1]);

  for (guint zeros = 0; zeros < 2; zeros++) {
    g_autofree float *rows = g_new (float, n);
    g_autofree char *text = NULL;
    g_autoptr (GError) error = NULL;
    for (gsize i = 0; i < n; i++)
      rows[i] = zeros && i >= n / 2 ? 0 : 5;
    g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
    cow_safetensors_writer_declare (writer, "features", COW_F32, dims, 2);
    g_assert_true (cow_safetensors_writer_write (writer, rows, n * sizeof (float), &error) &&
                   cow_safetensors_writer_finish (writer, &error));
    g_autoptr (CowFeaturesCache) found = open_listening (self, &text);
    g_assert_cmpint (strstr (text, "it is computed again") != NULL, ==, zeros);
    const guint first = g_array_index (self->set->splits[COW_TRAIN], guint, 0);
    g_assert_cmpint (cow_features_cache_row (found, first, 0)[0] == 5, ==, !zeros);
  }
}

/* A link in the place of the rows leads to a file that would be emptied. */
static void
test_link (Fixture *self, gconstpointer unused)
{
  g_autofree char *name = key (self), *file = g_strconcat (name, ".rows", NULL),
                  *path = g_build_filename (self->cache, file, NULL),
                  *mine = g_build_filename (self->folder, "mine", NULL), *content = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (self->cache, 0755), ==, 0);
  g_assert_true (g_file_set_contents (mine, "mine", -1, NULL));
  g_assert_cmpint (symlink (mine, path), ==, 0);
  g_assert_null (cow_features_cache_open (&self->options, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_IO);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_true (g_file_get_contents (mine, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "mine");
}

static void
test_no_folder (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) other = NULL;

  self->options.folder = "/proc/no/such/place";
  g_assert_null (cow_features_cache_open (&self->options, &other));
  g_assert_error (other, COW_ERROR, COW_ERROR_IO);
}

/* A picture that cannot be read ends the job; the rows before it stay. */
static void
test_unreadable (Fixture *self, gconstpointer unused)
{
  const char *picture =
      cow_dataset_sample (self->set, g_array_index (self->set->splits[COW_TRAIN], guint, 8))->path;
  g_autoptr (GError) error = NULL;
  GStatBuf status;

  g_file_set_contents (picture, "", 0, &error);
  g_assert_no_error (error);
  g_autofree char *name = key (self), *file = g_strconcat (name, ".rows", NULL),
                  *path = g_build_filename (self->cache, file, NULL);
  g_assert_null (cow_features_cache_open (&self->options, &error));
  g_assert_nonnull (error);
  g_assert_true (g_str_has_prefix (error->message, picture));
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_size, ==, 16 + 8 * COPIES * (128 * (int)sizeof (float) + 8));
}

#define ADD(name, function) g_test_add ("/cache/" name, Fixture, NULL, setup, function, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("rows", test_rows);
  ADD ("again", test_again);
  ADD ("key", test_key);
  ADD ("resume", test_resume);
  ADD ("damaged", test_damaged);
  ADD ("damaged-rows", test_damaged_rows);
  ADD ("without-sums", test_without_sums);
  ADD ("link", test_link);
  ADD ("no-folder", test_no_folder);
  ADD ("unreadable", test_unreadable);
  return g_test_run ();
}
