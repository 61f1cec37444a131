/* SPDX-License-Identifier: MIT */
/* Chooses the reader of each input, then makes a set of what they found: classes in their order,
 * splits, and what is wrong with them. */
#include "trainer/data/dataset-open.h"

#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "trainer/data/crop-table.h"
#include "trainer/data/dataset-classes.h"
#include "trainer/data/dataset-readers.h"
#include "trainer/data/dataset-split.h"
#include "trainer/host/words.h"

/* ---- inputs ---------------------------------------------------------------------------------- */

typedef gboolean (*Reader) (DatasetDraft *, const char *, CowSplit, GError **);

static const struct {
  const char *name;
  Reader read;
} formats[] = { { "folders", dataset_read_folders },
                { "table", dataset_read_table },
                { "mmcows", dataset_read_mmcows },
                { "mmcows-frames", dataset_read_mmcows_frames } };

/* The reader of what a path holds, by its looks; NULL where the disk does not say. */
static Reader
recognize (const char *path, GError **error)
{
  gboolean is_folder, is_crops, is_frames;

  if (!scan_is_folder (path, &is_folder, error))
    return NULL;
  if (!is_folder)
    return dataset_read_table;
  if (!dataset_is_mmcows (path, &is_crops, error))
    return NULL;
  if (is_crops)
    return dataset_read_mmcows;
  if (!dataset_is_mmcows_frames (path, &is_frames, error))
    return NULL;
  return is_frames ? dataset_read_mmcows_frames : dataset_read_folders;
}

static Reader
choose_reader (const DatasetDraft *self, const char *path, GError **error)
{
  const char *format = self->options->format;

  if (!cow_path_exists (path)) {
    cow_path_explain_absent (path, error);
    return NULL;
  }
  if (!format || g_str_equal (format, "auto"))
    return recognize (path, error);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_str_equal (format, formats[i].name))
      return formats[i].read;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "--data-format %s: auto, folders, table, mmcows or mmcows-frames is expected",
               format);
  return NULL;
}

/* A folder that `crop` filled: pictures of all classes in crops/, and their labels in the table. */
static gboolean
is_of_crops (const DatasetDraft *self, const char *folder, gboolean *is, GError **error)
{
  const char *format = self->options->format;
  g_autofree char *table = g_build_filename (folder, COW_CROP_TABLE, NULL),
                  *crops = g_build_filename (folder, "crops", NULL);

  *is = (!format || g_str_equal (format, "auto")) && cow_path_is_file (table);
  return !*is || scan_is_folder (crops, is, error);
}

static gboolean
read_input (DatasetDraft *self, const char *path, CowSplit split, GError **error)
{
  const Reader read = choose_reader (self, path, error);
  g_autofree char *table = g_build_filename (path, COW_CROP_TABLE, NULL);
  gboolean of_crops = FALSE;

  if (!read || (read == dataset_read_folders && !is_of_crops (self, path, &of_crops, error)))
    return FALSE;
  return of_crops ? dataset_read_table (self, table, split, error)
                  : read (self, path, split, error);
}

/* Notes what lies beside train, val and test, and warns of folders that look like splits. */
static gboolean
pass_beside (DatasetDraft *self, const char *folder, const GPtrArray *names, GError **error)
{
  CowSplit split;

  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    gboolean is_folder;
    if (!scan_is_folder (path, &is_folder, error))
      return FALSE;
    if (is_folder ? cow_split_parse (names->pdata[i], &split)
                  : dataset_table_repeats_folders (path, self->options))
      continue;
    scan_pass (self->scan, path, PASSED_BESIDE, is_folder ? names->pdata[i] : "files");
    if (is_folder && cow_split_looks_like (names->pdata[i]))
      dataset_draft_warn (self,
                          "%s looks like a split and is not read: call it train, val or test, "
                          "or name it by --train, --val or --test",
                          path);
  }
  return TRUE;
}

/* Reads the parts of a folder that is divided into train, val and test, in this order; *divided
 * tells whether it is. */
static gboolean
read_divided (DatasetDraft *self, const char *folder, gboolean *divided, GError **error)
{
  g_autoptr (GPtrArray) names = scan_folder_names (folder);

  *divided = FALSE;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++) {
    const char *first = NULL;
    for (guint i = 0; i < names->len; i++) {
      g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
      CowSplit named;
      if (!cow_split_parse (names->pdata[i], &named) || named != split)
        continue;
      *divided = TRUE;
      if (first)
        dataset_draft_warn (self, "%s: both %s and %s are read as %s", folder, first,
                            (char *)names->pdata[i], cow_split_name (split));
      first = names->pdata[i];
      if (!read_input (self, path, split, error))
        return FALSE;
    }
  }
  if (!*divided)
    return TRUE;
  g_autoptr (GPtrArray) noted = scan_names (self->scan, folder, error);
  return noted && pass_beside (self, folder, noted, error);
}

/* Options of tables, where there are none. */
static void
warn_of_no_table (DatasetDraft *self)
{
  const CowDatasetOptions *options = self->options;
  const char *given = options->path_column     ? "--path-column"
                      : options->label_column  ? "--label-column"
                      : options->source_column ? "--source-column"
                      : options->prefixes      ? "--prefix"
                                               : NULL;

  if (given && self->n_tables == 0)
    dataset_draft_warn (self, "%s has no effect: the pictures come without a table", given);
}

static gboolean
read_inputs (DatasetDraft *self, GError **error)
{
  const CowDatasetOptions *options = self->options;
  const char *given[COW_N_SPLITS] = { options->train, options->val, options->test };
  gboolean is_folder = FALSE, divided = FALSE;

  if (!options->data && !options->train && !options->val && !options->test) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "no pictures given: --data PATH, a folder of classes or a CSV table");
    return FALSE;
  }
  if (options->data && !scan_is_folder (options->data, &is_folder, error))
    return FALSE;
  if (is_folder && !read_divided (self, options->data, &divided, error))
    return FALSE;
  if (options->data && !divided && !read_input (self, options->data, COW_TRAIN, error))
    return FALSE;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    if (given[split] && !read_input (self, given[split], split, error))
      return FALSE;
  warn_of_no_table (self);
  return dataset_add_scanned (self, error);
}

/* ---- classes --------------------------------------------------------------------------------- */

/* Names that could not be told from several labels, or none. */
static gboolean
check_plain (const CowDataset *set, GError **error)
{
  for (guint c = 0; c < set->n_classes; c++)
    if (!cow_label_is_plain (set->classes[c])) {
      g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                   "the class \"%s\": with several labels a picture no class is called "
                   "\"" COW_LABEL_NONE "\" or has \"" COW_LABEL_SEPARATOR "\" in its name",
                   set->classes[c]);
      return FALSE;
    }
  return TRUE;
}

/* Gives samples their combinations of classes: place [labels] is the class of each label. */
static void
number_sets (DatasetDraft *self, const int *place)
{
  CowDataset *set = self->set;
  g_autofree guint *number = g_new (guint, self->sets->len + 1);
  g_autofree guint8 *shown = g_new (guint8, set->n_classes);

  set->sets = cow_label_sets_new (set->n_classes);
  for (guint i = 0; i < self->sets->len; i++) {
    const GArray *ids = self->sets->pdata[i];
    memset (shown, 0, set->n_classes);
    for (guint k = 0; k < ids->len; k++)
      shown[place[g_array_index (ids, int, k)]] = 1;
    number[i] = cow_label_sets_add (set->sets, (const char *const *)set->classes, shown);
  }
  for (guint i = 0; i < set->samples->len; i++) {
    CowSample *sample = &g_array_index (set->samples, CowSample, i);
    sample->label = (int)number[sample->label];
  }
}

/* A table with a row for each label of a picture would teach that the others are not shown. */
static gboolean
check_one_row (const DatasetDraft *self, GError **error)
{
  const CowDataset *set = self->set;
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  if (!set->sets || self->options->keep_absent)
    return TRUE;
  for (guint i = 0; i < set->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (set, i), *other;
    char *key = g_strdup_printf ("%s %d %a %a %a %a", sample->path, (int)sample->box_kind,
                                 sample->box[0], sample->box[1], sample->box[2], sample->box[3]);
    const guint old = GPOINTER_TO_UINT (g_hash_table_lookup (known, key));
    g_hash_table_insert (known, key, GUINT_TO_POINTER (old ? old : i + 1));
    other = old ? cow_dataset_sample (set, old - 1) : sample;
    if (other->label == sample->label)
      continue;
    g_set_error (
        error, COW_ERROR, COW_ERROR_FORMAT,
        "%s is there as \"%s\" and as \"%s\": a picture has one row, with all of its labels "
        "(\"A" COW_LABEL_SEPARATOR "B\")",
        sample->path, cow_dataset_label_text (set, other), cow_dataset_label_text (set, sample));
    return FALSE;
  }
  return TRUE;
}

/* Replaces each sample's label by its place among the classes. */
static gboolean
number_classes (DatasetDraft *self, GError **error)
{
  CowDataset *set = self->set;
  g_autofree int *place = g_new (int, self->labels->len + 1);

  if (!dataset_classes_find (self, place, error))
    return FALSE;
  if (self->options->multiple && set->n_classes > 0) {
    if (!check_plain (set, error))
      return FALSE;
    number_sets (self, place);
  }
  for (guint i = 0; !self->options->multiple && i < set->samples->len; i++) {
    CowSample *sample = &g_array_index (set->samples, CowSample, i);
    sample->label = place[sample->label];
  }
  if (set->n_classes >= (self->options->multiple ? 1 : 2))
    return TRUE;
  if (self->options->multiple) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "no picture has a label: all are \"" COW_LABEL_NONE "\"");
    return FALSE;
  }
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "only one class, \"%s\": at least two are expected%s%s",
               set->n_classes ? set->classes[0] : "", set->warnings->len ? "; " : "",
               set->warnings->len ? (const char *)set->warnings->pdata[0] : "");
  return FALSE;
}

/* The value of a label that is a number: "1", "01" and "1.0" are the same; else NaN. */
static double
parse_number (const char *label)
{
  char *end;
  const double value = g_ascii_strtod (label, &end);
  return end != label && *end == '\0' ? value : NAN;
}

static void
warn_of_same_numbers (DatasetDraft *self)
{
  GStrv classes = self->set->classes;
  g_autofree double *values = g_new (double, self->set->n_classes);

  for (guint i = 0; classes[i]; i++) {
    values[i] = parse_number (classes[i]);
    for (guint k = 0; k < i; k++)
      if (values[i] == values[k])
        dataset_draft_warn (self,
                            "the classes \"%s\" and \"%s\" are the same number and two classes",
                            classes[k], classes[i]);
  }
}

/* Labels that differ in spaces and the like are most likely one class, mistyped. */
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
                        "%u of %u group%s (%s) %s in training and in validation or test: results "
                        "will look better than they are",
                        g_hash_table_size (torn), g_hash_table_size (train),
                        words_s (g_hash_table_size (train)), set->grouped_by,
                        words_of (g_hash_table_size (torn), "is", "are"));
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
        g_autofree char *passed = scan_passed_text (self->scan->passed);
        g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                     "the class \"%s\" has no pictures in %s (which has %u of other classes); "
                     "--allow-missing accepts that%s%s",
                     set->classes[c], cow_split_name (split), set->splits[split]->len,
                     passed ? "; " : "", passed ? passed : "");
        return FALSE;
      }
      dataset_draft_warn (self, "the class \"%s\" has no pictures in %s: nothing is %s there",
                          set->classes[c], cow_split_name (split),
                          split == COW_TRAIN ? "learnt of it" : "measured of it");
    }
  return TRUE;
}

/* ---- the set --------------------------------------------------------------------------------- */

/* The line that counts what was left out; the list goes into the set. */
static void
keep_passed (DatasetDraft *self)
{
  g_autofree char *text = scan_passed_text (self->scan->passed);

  if (text)
    dataset_draft_warn (self, "%s%s", text,
                        self->options->keep_absent ? "" : " (cow-trainer check lists them)");
  g_ptr_array_unref (self->set->passed);
  self->set->passed = g_ptr_array_ref (self->scan->passed);
}

/* Says how labels were understood. */
static void
note_labels (DatasetDraft *self)
{
  const CowDataset *set = self->set;
  guint n_none = 0;

  if (!set->sets)
    return;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    n_none += cow_dataset_count_none (set, split);
  dataset_draft_note (self,
                      "several labels a picture: %u classes in %u combinations, %u pictures show "
                      "none of them",
                      set->n_classes, set->sets->n, n_none);
}

static gboolean
finish (DatasetDraft *self, GError **error)
{
  CowDataset *set = self->set;

  if (set->samples->len == 0) {
    g_autofree char *passed = scan_passed_text (self->scan->passed);
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s has no pictures%s%s",
                 self->options->data ? self->options->data : "what is given", passed ? "; " : "",
                 passed ? passed : "");
    return FALSE;
  }
  if (!number_classes (self, error) || !check_one_row (self, error) || !divide (self, error))
    return FALSE;
  if (self->n_of_one > 0)
    dataset_draft_warn (
        self,
        "%u pictures come from folders or MmCows' files, which tell one label: they "
        "are taken to show none of the other classes",
        self->n_of_one);
  warn_of_alike (self);
  warn_of_same_numbers (self);
  index_splits (set);
  note_labels (self);
  warn_of_torn_groups (self);
  keep_passed (self);
  return check_classes (self, error);
}

static void
class_clear (gpointer data)
{
  DatasetClass *self = data;
  g_free (self->label);
  g_free (self->place);
}

CowDataset *
cow_dataset_open (const CowDatasetOptions *options, GError **error)
{
  g_autoptr (CowDataset) set = g_new0 (CowDataset, 1);
  g_autoptr (GPtrArray) labels = g_ptr_array_new (),
                        places = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) label_index = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) sets = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  g_autoptr (GHashTable) set_index = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (Scan) scan = scan_new ();
  g_autoptr (GArray) classes = g_array_new (FALSE, FALSE, sizeof (DatasetClass));
  DatasetDraft draft = { .options = options,
                         .set = set,
                         .labels = labels,
                         .label_index = label_index,
                         .label_places = places,
                         .sets = sets,
                         .set_index = set_index,
                         .scan = scan,
                         .classes = classes };

  g_array_set_clear_func (classes, class_clear);
  set->samples = g_array_new (FALSE, FALSE, sizeof (CowSample));
  set->warnings = g_ptr_array_new_with_free_func (g_free);
  set->notes = g_ptr_array_new_with_free_func (g_free);
  set->remarks = cow_picture_remarks_new ();
  set->passed = g_ptr_array_new ();
  set->strings = g_string_chunk_new (1 << 16);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    set->splits[i] = g_array_new (FALSE, FALSE, sizeof (guint));
  if (!read_inputs (&draft, error) || !finish (&draft, error))
    return NULL;
  return g_steal_pointer (&set);
}
