/* SPDX-License-Identifier: MIT */
/* Chooses the reader of each input, then makes a set of what they found: classes in their order,
 * splits, and what is wrong with them. */
#include "trainer/data/dataset-open.h"

#include <string.h>

#include "trainer/data/dataset-readers.h"
#include "trainer/data/dataset-split.h"

/* ---- inputs ---------------------------------------------------------------------------------- */

typedef gboolean (*Reader) (DatasetDraft *, const char *, CowSplit, GError **);

static const struct {
  const char *name;
  Reader read;
} formats[] = { { "folders", dataset_read_folders },
                { "table", dataset_read_table },
                { "mmcows", dataset_read_mmcows },
                { "mmcows-frames", dataset_read_mmcows_frames } };

static Reader
choose_reader (const DatasetDraft *self, const char *path, GError **error)
{
  const char *format = self->options->format;

  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist", path);
    return NULL;
  }
  if (!format || g_str_equal (format, "auto"))
    return !g_file_test (path, G_FILE_TEST_IS_DIR) ? dataset_read_table
           : dataset_is_mmcows (path)              ? dataset_read_mmcows
           : dataset_is_mmcows_frames (path)       ? dataset_read_mmcows_frames
                                                   : dataset_read_folders;
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_str_equal (format, formats[i].name))
      return formats[i].read;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "--data-format %s: auto, folders, table, mmcows or mmcows-frames is expected",
               format);
  return NULL;
}

static gboolean
read_input (DatasetDraft *self, const char *path, CowSplit split, GError **error)
{
  const Reader read = choose_reader (self, path, error);
  return read && read (self, path, split, error);
}

/* Reads the parts of a folder that is divided into train, val and test; *divided tells whether it
 * is. */
static gboolean
read_divided (DatasetDraft *self, const char *folder, gboolean *divided, GError **error)
{
  static const struct {
    const char *name;
    CowSplit split;
  } parts[] = { { "train", COW_TRAIN },
                { "val", COW_VAL },
                { "valid", COW_VAL },
                { "validation", COW_VAL },
                { "test", COW_TEST } };

  *divided = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree char *path = g_build_filename (folder, parts[i].name, NULL);
    if (!g_file_test (path, G_FILE_TEST_IS_DIR))
      continue;
    *divided = TRUE;
    if (!read_input (self, path, parts[i].split, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_inputs (DatasetDraft *self, GError **error)
{
  const CowDatasetOptions *options = self->options;
  const char *given[COW_N_SPLITS] = { options->train, options->val, options->test };
  gboolean divided = FALSE;

  if (!options->data && !options->train && !options->val && !options->test) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "no pictures given: --data PATH, a folder of classes or a CSV table");
    return FALSE;
  }
  if (options->data && g_file_test (options->data, G_FILE_TEST_IS_DIR) &&
      !read_divided (self, options->data, &divided, error))
    return FALSE;
  if (options->data && !divided && !read_input (self, options->data, COW_TRAIN, error))
    return FALSE;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    if (given[split] && !read_input (self, given[split], split, error))
      return FALSE;
  return TRUE;
}

/* ---- classes --------------------------------------------------------------------------------- */

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The classes that were asked for, or all labels, sorted. */
static GStrv
list_classes (const DatasetDraft *self, GError **error)
{
  const CowDatasetOptions *options = self->options;
  GStrv given = options->classes        ? g_strdupv (options->classes)
                : options->classes_text ? g_strsplit (options->classes_text, ",", -1)
                                        : NULL;
  if (!given) {
    g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
    g_autoptr (GPtrArray) sorted = g_ptr_array_copy (self->labels, NULL, NULL);
    g_ptr_array_sort (sorted, compare_strings);
    for (guint i = 0; i < sorted->len; i++)
      g_strv_builder_add (builder, sorted->pdata[i]);
    return g_strv_builder_end (builder);
  }
  for (guint i = 0; given[i]; i++) {
    g_strstrip (given[i]);
    for (guint k = 0; k < i; k++)
      if (g_str_equal (given[i], given[k])) {
        g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "the class \"%s\" is listed twice",
                     given[i]);
        g_strfreev (given);
        return NULL;
      }
  }
  return given;
}

/* Replaces each sample's label by its place among the classes. */
static gboolean
number_classes (DatasetDraft *self, GError **error)
{
  CowDataset *set = self->set;
  g_autofree int *place = g_new (int, self->labels->len + 1);

  set->classes = list_classes (self, error);
  if (!set->classes)
    return FALSE;
  set->n_classes = g_strv_length (set->classes);
  for (guint i = 0; i < self->labels->len; i++) {
    place[i] = -1;
    for (guint c = 0; c < set->n_classes && place[i] < 0; c++)
      if (g_str_equal (self->labels->pdata[i], set->classes[c]))
        place[i] = (int)c;
    if (place[i] >= 0)
      continue;
    g_autofree char *classes = g_strjoinv (", ", set->classes);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s: \"%s\" is none of the classes: %s",
                 (char *)self->label_places->pdata[i], (char *)self->labels->pdata[i], classes);
    return FALSE;
  }
  for (guint i = 0; i < set->samples->len; i++) {
    CowSample *sample = &g_array_index (set->samples, CowSample, i);
    sample->label = place[sample->label];
  }
  if (set->n_classes >= 2)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "only one class, \"%s\": at least two are expected",
               set->n_classes ? set->classes[0] : "");
  return FALSE;
}

/* Labels that differ in case or inner spaces are most likely one class, mistyped. */
static void
warn_of_alike (DatasetDraft *self)
{
  GStrv classes = self->set->classes;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; classes[i]; i++) {
    g_autofree char *plain = g_utf8_casefold (classes[i], -1);
    gsize n = 0;
    for (const char *p = plain; *p; p++)
      if (!strchr (" _-", *p))
        plain[n++] = *p;
    plain[n] = '\0';
    const char *other = g_hash_table_lookup (seen, plain);
    if (other)
      dataset_draft_warn (self, "the classes \"%s\" and \"%s\" look like one, mistyped", other,
                          classes[i]);
    else
      g_hash_table_insert (seen, g_steal_pointer (&plain), classes[i]);
  }
}

/* ---- splits ---------------------------------------------------------------------------------- */

static gboolean
has_split (const CowDataset *set, CowSplit split)
{
  for (guint i = 0; i < set->samples->len; i++)
    if (cow_dataset_sample (set, i)->split == split)
      return TRUE;
  return FALSE;
}

static gboolean
divide (DatasetDraft *self, GError **error)
{
  const CowDatasetOptions *options = self->options;
  CowDataset *set = self->set;
  const double val_fraction = has_split (set, COW_VAL) ? 0 : options->val_fraction;
  const double test_fraction = has_split (set, COW_TEST) ? 0 : options->test_fraction;

  if (!(options->val_fraction >= 0 && options->test_fraction >= 0 &&
        options->val_fraction + options->test_fraction <= .9)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "--val-fraction %g and --test-fraction %g: 0 to 0.9 together is expected",
                 options->val_fraction, options->test_fraction);
    return FALSE;
  }
  set->divided = has_split (set, COW_TRAIN) && val_fraction + test_fraction > 0;
  if (set->divided)
    dataset_divide (self, val_fraction, test_fraction);
  return TRUE;
}

static void
index_splits (CowDataset *set)
{
  for (guint i = 0; i < set->samples->len; i++)
    g_array_append_val (set->splits[cow_dataset_sample (set, i)->split], i);
}

/* Groups that lie on both sides although the data came divided: results will look better than they
 * are. */
static void
warn_of_torn_groups (DatasetDraft *self)
{
  g_autoptr (GHashTable) train = g_hash_table_new (g_str_hash, g_str_equal),
                         torn = g_hash_table_new (g_str_hash, g_str_equal);
  const CowDataset *set = self->set;

  if (self->options->keep_absent)
    return; /* told by `check`, one by one */
  for (guint i = 0; i < set->splits[COW_TRAIN]->len; i++) {
    const CowSample *sample =
        cow_dataset_sample (set, g_array_index (set->splits[COW_TRAIN], guint, i));
    if (sample->group)
      g_hash_table_add (train, (gpointer)sample->group);
  }
  for (guint i = 0; i < set->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (set, i);
    if (sample->split != COW_TRAIN && sample->group && g_hash_table_contains (train, sample->group))
      g_hash_table_add (torn, (gpointer)sample->group);
  }
  if (g_hash_table_size (torn) > 0)
    dataset_draft_warn (self,
                        "%u of %u groups (%s) are in training and in validation or test: results "
                        "will look better than they are",
                        g_hash_table_size (torn), g_hash_table_size (train), set->grouped_by);
}

/* A class that a split lacks keeps its number; but nothing is learnt or measured of it there. */
static gboolean
check_classes (DatasetDraft *self, GError **error)
{
  const CowDataset *set = self->set;

  if (self->options->any_classes)
    return TRUE;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    for (guint c = 0; c < set->n_classes && set->splits[split]->len > 0; c++) {
      if (cow_dataset_count (set, split, (int)c) > 0)
        continue;
      /* Our own division of one group leaves nothing to take: it was said there. */
      const gboolean ours =
          set->divided && split != COW_TRAIN && cow_dataset_count (set, COW_TRAIN, (int)c) > 0;
      if (!self->options->allow_missing && !ours) {
        g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                     "the class \"%s\" has no pictures in %s (which has %u of other classes); "
                     "--allow-missing accepts that",
                     set->classes[c], cow_split_name (split), set->splits[split]->len);
        return FALSE;
      }
      dataset_draft_warn (self, "the class \"%s\" has no pictures in %s: nothing is %s there",
                          set->classes[c], cow_split_name (split),
                          split == COW_TRAIN ? "learnt of it" : "measured of it");
    }
  return TRUE;
}

/* ---- the set --------------------------------------------------------------------------------- */

static gboolean
finish (DatasetDraft *self, GError **error)
{
  CowDataset *set = self->set;

  if (set->samples->len == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s has no pictures",
                 self->options->data ? self->options->data : "what is given");
    return FALSE;
  }
  if (!number_classes (self, error) || !divide (self, error))
    return FALSE;
  warn_of_alike (self);
  index_splits (set);
  warn_of_torn_groups (self);
  return check_classes (self, error);
}

CowDataset *
cow_dataset_open (const CowDatasetOptions *options, GError **error)
{
  g_autoptr (CowDataset) set = g_new0 (CowDataset, 1);
  g_autoptr (GPtrArray) labels = g_ptr_array_new (),
                        places = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) label_index = g_hash_table_new (g_str_hash, g_str_equal);
  DatasetDraft draft = { .options = options,
                         .set = set,
                         .labels = labels,
                         .label_index = label_index,
                         .label_places = places };

  set->samples = g_array_new (FALSE, FALSE, sizeof (CowSample));
  set->warnings = g_ptr_array_new_with_free_func (g_free);
  set->strings = g_string_chunk_new (1 << 16);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    set->splits[i] = g_array_new (FALSE, FALSE, sizeof (guint));
  if (!read_inputs (&draft, error) || !finish (&draft, error))
    return NULL;
  return g_steal_pointer (&set);
}
