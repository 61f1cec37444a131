/* SPDX-License-Identifier: MIT */
#include "trainer/data/check.h"

#include <gio/gio.h>
#include <string.h>
#include <vips/vips.h>

#include "trainer/host/progress.h"
#include "trainer/host/stop.h"

#define MOST_THREADS 64

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

static char *
content_hash (const char *path)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  return file ? g_compute_checksum_for_data (G_CHECKSUM_SHA256,
                                             (const guchar *)g_mapped_file_get_contents (file),
                                             g_mapped_file_get_length (file))
              : g_strdup ("");
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
    GArray *samples = g_array_new (FALSE, FALSE, sizeof (guint));
    g_array_append_val (samples, i);
    check_add (self, prefixed ? CHECK_UNREADABLE : CHECK_OUTSIDE, FALSE, samples,
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

  g_ptr_array_set_size (errors, (int)n);
  g_mutex_init (&job.lock);
  for (guint i = 0; i < n_run; i++)
    threads[i] = g_thread_new ("cow-check", run, &job);
  for (guint i = 0; i < n_run; i++)
    g_thread_join (threads[i]);
  g_mutex_clear (&job.lock);
  if (job.done < n) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped after %u of %u pictures",
                 job.done, n);
    return FALSE;
  }
  add_unreadable (self, errors);
  return TRUE;
}

/* ---- findings -------------------------------------------------------------------------------- */

static void
finding_free (gpointer data)
{
  CheckFinding *self = data;
  g_array_unref (self->samples);
  g_free (self->text);
  g_free (self);
}

CheckFinding *
check_add (Check *self, CheckKind kind, gboolean near, GArray *samples, char *text)
{
  CheckFinding *finding = g_new (CheckFinding, 1);
  *finding = (CheckFinding){ kind, near, samples, text };
  g_ptr_array_add (self->findings, finding);
  return finding;
}

static void
find_tiny (Check *self)
{
  for (guint i = 0; i < self->dataset->samples->len; i++) {
    const CheckedPicture *picture = &self->pictures[i];
    if (!picture->readable || (guint)MIN (picture->width, picture->height) >= self->least_side)
      continue;
    GArray *samples = g_array_new (FALSE, FALSE, sizeof (guint));
    g_array_append_val (samples, i);
    check_add (self, CHECK_TINY, FALSE, samples,
               g_strdup_printf ("%d x %d", picture->width, picture->height));
  }
}

Check *
check_run (const CowDataset *dataset, guint least_side, int n_threads, GError **error)
{
  g_autoptr (Check) self = g_new0 (Check, 1);

  self->dataset = dataset;
  self->least_side = least_side;
  self->pictures = g_new0 (CheckedPicture, dataset->samples->len);
  self->findings = g_ptr_array_new_with_free_func (finding_free);
  if (!pictures_start (error) || !read_all (self, n_threads, error))
    return NULL;
  find_tiny (self);
  check_find_duplicates (self);
  check_find_in_labels (self);
  return g_steal_pointer (&self);
}

void
check_free (Check *self)
{
  if (!self)
    return;
  for (guint i = 0; i < self->dataset->samples->len; i++)
    g_free (self->pictures[i].content);
  g_free (self->pictures);
  g_clear_pointer (&self->findings, g_ptr_array_unref);
  g_free (self);
}

gboolean
check_is_problem (CheckKind kind, gboolean near)
{
  switch (kind) {
  case CHECK_UNREADABLE:
  case CHECK_OUTSIDE:
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
