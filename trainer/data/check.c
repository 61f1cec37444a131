/* SPDX-License-Identifier: MIT */
#include "trainer/data/check.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#include "model/files/file-writer.h"
#include "trainer/data/file-names.h"
#include "trainer/host/progress.h"
#include "trainer/host/stop.h"

#define MOST_THREADS 64

/* ---- findings -------------------------------------------------------------------------------- */

static void
finding_free (gpointer data)
{
  CheckFinding *self = data;
  g_array_unref (self->samples);
  g_free (self->text);
  g_free (self);
}

void
check_add (Check *self, CheckKind kind, gboolean near, GArray *samples, char *text)
{
  CheckFinding *finding = g_new (CheckFinding, 1);
  *finding = (CheckFinding){ kind, near, samples, text };
  g_ptr_array_add (self->findings, finding);
}

void
check_add_one (Check *self, CheckKind kind, gboolean near, guint sample, char *text)
{
  GArray *samples = g_array_new (FALSE, FALSE, sizeof (guint));

  g_array_append_val (samples, sample);
  check_add (self, kind, near, samples, text);
}

gboolean
check_is_problem (CheckKind kind, gboolean near)
{
  switch (kind) {
  case CHECK_UNREADABLE:
  case CHECK_OUTSIDE:
  case CHECK_SIZE:
  case CHECK_NO_COW:
  case CHECK_CLASS:
  case CHECK_GROUP:
    return TRUE;
  case CHECK_TWO_LABELS:
  case CHECK_TWO_SPLITS:
    return !near;
  default:
    return FALSE;
  }
}

guint
check_n_problems (const Check *self)
{
  guint n = 0;
  for (guint i = 0; i < self->findings->len; i++) {
    const CheckFinding *finding = self->findings->pdata[i];
    n += check_is_problem (finding->kind, finding->near);
  }
  return n;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Threads take samples in order. A file with many boxes is decoded once by the thread that takes
 * the first of them. */
typedef struct {
  Check *check;
  GPtrArray *errors; /* [samples] of char *, NULL where the file was read */
  GMutex lock;       /* of all below */
  guint next;        /* the first sample that nobody took */
  guint done;
  Progress *progress;
} Job;

/* ---- one file -------------------------------------------------------------------------------- */

/* Of a file that was just decoded; its own path, which is nobody's duplicate, where it cannot be
 * read any more. It is not mapped: somebody may shorten it meanwhile. */
static char *
content_hash (const char *path)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  const int file = cow_open (path, O_RDONLY | O_NONBLOCK, 0);
  guchar bytes[16384];
  ssize_t n = file < 0 ? -1 : 1;

  while (n > 0 && (n = cow_read (file, bytes, sizeof bytes)) > 0)
    g_checksum_update (sum, bytes, n);
  if (file >= 0)
    close (file);
  return g_strdup (n < 0 ? path : g_checksum_get_string (sum));
}

static void
check_sample (Job *self, guint i, const Picture *picture, const char *content)
{
  CheckedPicture *checked = &self->check->pictures[i];
  const CowSample *sample = cow_dataset_sample (self->check->dataset, i);
  g_autoptr (GError) error = NULL;
  CowRegion region = { 0, 0, picture->width, picture->height };

  if (cow_sample_region (sample, picture->width, picture->height, &region) &&
      !cow_region_clip (&region, picture->width, picture->height, &error)) {
    self->errors->pdata[i] = g_strdup (error->message);
    return;
  }
  checked->readable = TRUE;
  checked->width = region.w;
  checked->height = region.h;
  checked->content = g_strdup (content);
  checked->hash = picture_hash (picture, &region);
  checked->notes = picture->notes;
  checked->remark = picture_notes_text (picture);
  if (!g_utf8_validate (sample->path, -1, NULL)) {
    char *text = g_strconcat (checked->remark ? checked->remark : "", checked->remark ? "; " : "",
                              "its name is not UTF-8: in tables and JSON, too, \\xHH stands for "
                              "such bytes",
                              NULL);
    g_free (checked->remark);
    checked->remark = text;
  }
}

/* The samples [first, end) are of one file. */
static void
check_file (Job *self, guint first, guint end)
{
  const char *path = cow_dataset_sample (self->check->dataset, first)->path;
  g_auto (Picture) picture = { 0 };
  g_autoptr (GError) error = NULL;

  if (!picture_read (path, &picture, &error)) {
    for (guint i = first; i < end; i++)
      self->errors->pdata[i] = g_strdup (error->message);
    return;
  }
  g_autofree char *content = content_hash (path);
  for (guint i = first; i < end; i++)
    check_sample (self, i, &picture, content);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static gboolean
take (Job *self, guint *first, guint *end)
{
  const CowDataset *dataset = self->check->dataset;

  g_mutex_lock (&self->lock);
  *first = *end = self->next;
  while (*end < dataset->samples->len && !stop_requested () &&
         g_str_equal (cow_dataset_sample (dataset, *end)->path,
                      cow_dataset_sample (dataset, *first)->path))
    ++*end;
  self->next = *end;
  g_mutex_unlock (&self->lock);
  return *end > *first;
}

static gpointer
run (gpointer data)
{
  Job *self = data;
  guint first, end;

  while (take (self, &first, &end)) {
    check_file (self, first, end);
    g_mutex_lock (&self->lock);
    self->done += end - first;
    progress_set (self->progress, self->done);
    g_mutex_unlock (&self->lock);
  }
  vips_thread_shutdown ();
  return NULL;
}

static void
add_unreadable (Check *self, const GPtrArray *errors)
{
  for (guint i = 0; i < errors->len; i++) {
    if (!errors->pdata[i])
      continue;
    /* The reader's message begins with the path, as the report will. */
    const char *path = cow_dataset_sample (self->dataset, i)->path, *text = errors->pdata[i];
    const gboolean prefixed =
        g_str_has_prefix (text, path) && g_str_has_prefix (text + strlen (path), ": ");
    check_add_one (self, prefixed ? CHECK_UNREADABLE : CHECK_OUTSIDE, FALSE, i,
                   g_strdup (prefixed ? text + strlen (path) + 2 : text));
  }
}

static gboolean
read_all (Check *self, int n_threads, GError **error)
{
  const guint n = self->dataset->samples->len;
  const guint wanted = n_threads > 0 ? (guint)n_threads : g_get_num_processors (),
              n_run = MIN (MIN (wanted, MOST_THREADS), n);
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (Progress) progress = progress_new ("pictures", n);
  Job job = { .check = self, .errors = errors, .progress = progress };
  GThread *threads[MOST_THREADS];
  guint n_started = 0;

  g_ptr_array_set_size (errors, (int)n);
  g_mutex_init (&job.lock);
  /* Fewer threads take longer, and do the same. */
  while (n_started < n_run &&
         (threads[n_started] = g_thread_try_new ("cow-check", run, &job, NULL)))
    n_started++;
  for (guint i = 0; i < n_started; i++)
    g_thread_join (threads[i]);
  if (n_started == 0)
    run (&job);
  g_mutex_clear (&job.lock);
  if (job.done < n) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped after %u of %u pictures",
                 job.done, n);
    return FALSE;
  }
  add_unreadable (self, errors);
  return TRUE;
}

/* ---- small pictures -------------------------------------------------------------------------- */

static void
find_tiny (Check *self)
{
  for (guint i = 0; i < self->dataset->samples->len; i++) {
    const CheckedPicture *picture = &self->pictures[i];
    if (!picture->readable || (guint)MIN (picture->width, picture->height) >= self->least_side)
      continue;
    check_add_one (self, CHECK_TINY, FALSE, i,
                   g_strdup_printf ("%d x %d", picture->width, picture->height));
  }
}

/* ---- remarks --------------------------------------------------------------------------------- */

/* One a file: the boxes of a file share its remarks. */
static void
find_noted (Check *self)
{
  const CowDataset *dataset = self->dataset;

  for (guint i = 0; i < dataset->samples->len; i++) {
    const CheckedPicture *picture = &self->pictures[i];
    if (!picture->remark || (i > 0 && g_str_equal (cow_dataset_sample (dataset, i)->path,
                                                   cow_dataset_sample (dataset, i - 1)->path)))
      continue;
    check_add_one (self, picture->notes & PICTURE_FLAT ? CHECK_FLAT : CHECK_NOTED, FALSE, i,
                   g_strdup (picture->remark));
  }
}

/* ---- the same picture twice ------------------------------------------------------------------ */

/* Pictures that are there more than once: equal files (with equal boxes), and pictures that look
 * alike. */

static gboolean
differ (const Check *self, const GArray *samples, gboolean by_label)
{
  const CowSample *first = cow_dataset_sample (self->dataset, g_array_index (samples, guint, 0));

  for (guint i = 1; i < samples->len; i++) {
    const CowSample *other = cow_dataset_sample (self->dataset, g_array_index (samples, guint, i));
    if (by_label ? other->label != first->label : other->split != first->split)
      return TRUE;
  }
  return FALSE;
}

/* Judges a set of pictures that are one and the same. */
static void
judge (Check *self, GArray *samples, gboolean near)
{
  const gboolean labels = differ (self, samples, TRUE), splits = differ (self, samples, FALSE);

  if (labels)
    check_add (self, CHECK_TWO_LABELS, near, g_array_ref (samples), NULL);
  if (splits)
    check_add (self, CHECK_TWO_SPLITS, near, g_array_ref (samples), NULL);
  if (!labels && !splits)
    check_add (self, CHECK_DUPLICATE, near, g_array_ref (samples), NULL);
}

/* Most places of the list below have no set. */
static void
free_set (gpointer set)
{
  if (set)
    g_array_unref (set);
}

/* Judges the sets of two and more that numbers [samples] make; those of G_MAXUINT belong to none.
 */
static void
judge_sets (Check *self, const guint *numbers, gboolean near)
{
  const guint n = self->dataset->samples->len;
  g_autoptr (GPtrArray) sets = g_ptr_array_new_with_free_func (free_set);

  g_ptr_array_set_size (sets, (int)n);
  for (guint i = 0; i < n; i++) {
    if (numbers[i] == G_MAXUINT)
      continue;
    if (!sets->pdata[numbers[i]])
      sets->pdata[numbers[i]] = g_array_new (FALSE, FALSE, sizeof (guint));
    GArray *set = sets->pdata[numbers[i]];
    g_array_append_val (set, i);
  }
  for (guint i = 0; i < n; i++)
    if (sets->pdata[i] && ((GArray *)sets->pdata[i])->len > 1)
      judge (self, sets->pdata[i], near);
}

/* The first sample of the same file and box as each; G_MAXUINT for those that could not be read. */
static void
number_equal (const Check *self, guint *numbers)
{
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (self->dataset, i);
    numbers[i] = G_MAXUINT;
    if (!self->pictures[i].readable)
      continue;
    char *key =
        g_strdup_printf ("%s %d %a %a %a %a", self->pictures[i].content, (int)sample->box_kind,
                         sample->box[0], sample->box[1], sample->box[2], sample->box[3]);
    const guint old = GPOINTER_TO_UINT (g_hash_table_lookup (known, key));
    numbers[i] = old ? old - 1 : i;
    if (old)
      g_free (key);
    else
      g_hash_table_insert (known, key, GUINT_TO_POINTER (i + 1));
  }
}

static void
find_duplicates (Check *self)
{
  const guint n = self->dataset->samples->len;
  g_autofree guint *equal = g_new (guint, n), *alike = g_new (guint, n);
  g_autofree PictureHash *hashes = g_new (PictureHash, n);

  number_equal (self, equal);
  judge_sets (self, equal, FALSE);
  /* The first of equal pictures stands for all: the others were reported already. */
  for (guint i = 0; i < n; i++) {
    hashes[i] = self->pictures[i].hash;
    hashes[i].flat |= equal[i] != i;
  }
  picture_hash_sets (hashes, n, alike);
  judge_sets (self, alike, TRUE);
}

#define FEW_PICTURES                                                                               \
  2 /* of a class: where most have no more, the column of classes holds something else */

/* ---- classes --------------------------------------------------------------------------------- */

/* Whether our own division left a class out of a split, as it may. */
static gboolean
ours (const CowDataset *dataset, CowSplit split, guint label)
{
  return dataset->divided && split != COW_TRAIN &&
         cow_dataset_count (dataset, COW_TRAIN, (int)label) > 0;
}

static void
find_missing (Check *self)
{
  const CowDataset *dataset = self->dataset;

  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    for (guint c = 0; c < dataset->n_classes && dataset->splits[split]->len > 0; c++)
      if (cow_dataset_count (dataset, split, (int)c) == 0)
        check_add (self, ours (dataset, split, c) ? CHECK_UNMEASURED : CHECK_CLASS, FALSE,
                   g_array_new (FALSE, FALSE, sizeof (guint)),
                   g_strdup_printf ("\"%s\" has no pictures in %s", dataset->classes[c],
                                    cow_split_name (split)));
}

static gboolean
is_number (const char *text)
{
  char *end;
  g_ascii_strtod (text, &end);
  return end != text && *end == '\0';
}

/* Names of pictures, numbers, or nearly as many classes as pictures. */
static void
find_odd_column (Check *self)
{
  const CowDataset *dataset = self->dataset;
  guint n_numbers = 0, n_pictures = 0, n_rare = 0;
  GArray *none = g_array_new (FALSE, FALSE, sizeof (guint));
  char *text = NULL;

  for (guint c = 0; c < dataset->n_classes; c++) {
    guint n = 0;
    for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
      n += cow_dataset_count (dataset, split, (int)c);
    n_numbers += is_number (dataset->classes[c]);
    n_pictures += file_name_is_picture (dataset->classes[c]);
    n_rare += n <= FEW_PICTURES;
  }
  if (n_pictures > 0)
    text = g_strdup_printf ("%u of %u classes are called like pictures", n_pictures,
                            dataset->n_classes);
  else if (n_numbers == dataset->n_classes)
    text = g_strdup_printf ("all %u classes are numbers: an adapter will answer with numbers, too",
                            dataset->n_classes);
  else if (n_rare > dataset->n_classes / 2 && dataset->n_classes > 10)
    text = g_strdup_printf ("%u of %u classes have at most %d pictures: is this the column, or the "
                            "folder, of the classes?",
                            n_rare, dataset->n_classes, FEW_PICTURES);
  if (text)
    check_add (self, CHECK_COLUMN, FALSE, g_array_ref (none), text);
  g_array_unref (none);
}

/* The class that a part of a path is called like, or -1; the last such part counts. */
static int
class_of_folder (const CowDataset *dataset, const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_auto (GStrv) parts = g_strsplit (folder, "/", -1);

  for (guint i = g_strv_length (parts); i > 0; i--)
    for (guint c = 0; c < dataset->n_classes; c++)
      if (g_ascii_strcasecmp (parts[i - 1], dataset->classes[c]) == 0)
        return (int)c;
  return -1;
}

static void
find_other_folder (Check *self)
{
  for (guint i = 0; i < self->dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (self->dataset, i);
    const int folder = class_of_folder (self->dataset, sample->path);
    if (folder < 0 || cow_dataset_shows (self->dataset, sample, (guint)folder))
      continue;
    check_add_one (
        self, CHECK_FOLDER, FALSE, i,
        g_strdup_printf ("is labelled \"%s\"", cow_dataset_label_text (self->dataset, sample)));
  }
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* One finding a group, with its pictures outside of training. */
static void
find_torn_groups (Check *self)
{
  const CowDataset *dataset = self->dataset;
  g_autoptr (GHashTable) train = g_hash_table_new (g_str_hash, g_str_equal),
                         torn = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (dataset, i);
    if (sample->group && sample->split == COW_TRAIN)
      g_hash_table_add (train, (gpointer)sample->group);
  }
  for (guint i = 0; i < dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (dataset, i);
    if (!sample->group || sample->split == COW_TRAIN ||
        !g_hash_table_contains (train, sample->group))
      continue;
    GArray *samples = g_hash_table_lookup (torn, sample->group);
    if (!samples) {
      samples = g_array_new (FALSE, FALSE, sizeof (guint));
      g_hash_table_insert (torn, (gpointer)sample->group, samples);
      check_add (self, CHECK_GROUP, FALSE, samples,
                 g_strdup_printf ("%s %s is also in train", dataset->grouped_by, sample->group));
    }
    g_array_append_val (samples, i);
  }
}

static void
find_in_labels (Check *self)
{
  find_missing (self);
  find_odd_column (self);
  find_other_folder (self);
  find_torn_groups (self);
}

/* ---- all of it ------------------------------------------------------------------------------- */

Check *
check_run (const CowDataset *dataset, guint least_side, int n_threads, GError **error)
{
  g_autoptr (Check) self = g_new0 (Check, 1);

  self->dataset = dataset;
  self->warnings = dataset->warnings;
  self->notes = dataset->notes;
  self->passed = dataset->passed;
  self->least_side = least_side;
  self->pictures = g_new0 (CheckedPicture, dataset->samples->len);
  self->findings = g_ptr_array_new_with_free_func (finding_free);
  if (!pictures_start (error) || !read_all (self, n_threads, error))
    return NULL;
  find_tiny (self);
  find_noted (self);
  find_duplicates (self);
  find_in_labels (self);
  return g_steal_pointer (&self);
}

void
check_free (Check *self)
{
  if (!self)
    return;
  for (guint i = 0; i < self->dataset->samples->len; i++) {
    g_free (self->pictures[i].content);
    g_free (self->pictures[i].remark);
  }
  g_free (self->pictures);
  g_clear_pointer (&self->findings, g_ptr_array_unref);
  g_free (self);
}
