/* SPDX-License-Identifier: MIT */
/*
 * KEY.rows grows row by row [hidden] while features are computed; when it is whole, it becomes
 * KEY.safetensors. A row that a kill cut short is computed again.
 */
#include "trainer/train/features-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/digest.h"
#include "model/files/safetensors.h"
#include "trainer/host/progress.h"
#include "trainer/host/stop.h"

/* ---- the key --------------------------------------------------------------------------------- */

#define VERSION     2 /* raised when the same input gives other features */
#define HEADER_SIZE 65536

static gboolean
add_file (GChecksum *sum, const char *path, GError **error)
{
  GStatBuf status;
  if (g_stat (path, &status) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: no such file", path);
    return FALSE;
  }
  cow_digest_add_text (sum, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld", path,
                       (gint64)status.st_size, (gint64)status.st_mtim.tv_sec,
                       (long)status.st_mtim.tv_nsec);
  return TRUE;
}

/* The first bytes of a file: for a safetensors file, its header. */
static void
add_start (GChecksum *sum, const char *path)
{
  g_autofree guchar *bytes = g_malloc (HEADER_SIZE);
  FILE *file = g_fopen (path, "rb");
  if (!file)
    return;
  g_checksum_update (sum, bytes, (gssize)fread (bytes, 1, HEADER_SIZE, file));
  fclose (file);
}

static gboolean
add_model (GChecksum *sum, const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *config = g_build_filename (path, "config.json", NULL);

  for (guint i = 0; checkpoint && i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const char *file = cow_checkpoint_file_of (checkpoint, cow_checkpoint_nth (checkpoint, i));
    if (!g_hash_table_add (seen, (gpointer)file))
      continue;
    if (!add_file (sum, file, error))
      return FALSE;
    add_start (sum, file);
  }
  add_start (sum, config);
  return checkpoint != NULL;
}

char *
features_key (const CowFeaturesOptions *options, const GArray *items, GError **error)
{
  const CowPreprocess *p = &options->preprocess;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  cow_digest_add_text (sum, "features %d, %dx%d %s %s, %s", VERSION, p->width, p->height,
                       cow_interpolation_name (p->interpolation),
                       cow_normalisation_name (p->normalisation),
                       cow_augment_name (options->augment));
  /* fp32 goes unsaid, as it did when there was nothing else: its files hold. */
  if (options->precision != COW_PRECISION_FP32)
    cow_digest_add_text (sum, "%s", cow_precision_name (options->precision));
  if (!add_model (sum, options->model, error))
    return NULL;
  for (guint i = 0; i < items->len; i++) {
    const CowLoadItem *item = &g_array_index (items, CowLoadItem, i);
    const CowSample *sample = cow_dataset_sample (options->dataset, item->sample);
    cow_digest_add_text (sum, "%u %" G_GUINT64_FORMAT, item->copy, item->copy > 0 ? item->key : 0);
    if (item->copy > 0)
      continue; /* the picture itself came just before */
    cow_digest_add_text (sum, "%d %a %a %a %a", sample->box_kind, sample->box[0], sample->box[1],
                         sample->box[2], sample->box[3]);
    if (!add_file (sum, sample->path, error))
      return NULL;
  }
  return g_strdup (g_checksum_get_string (sum));
}

/* ---- the files ------------------------------------------------------------------------------- */

/*
 * KEY.rows grows row by row [hidden] while features are computed; when it is whole, it becomes
 * KEY.safetensors. A row that a kill cut short is computed again.
 */

struct _CowFeaturesCache {
  CowSafetensors *file;
  const float *rows; /* [n, width], of the file or of `copy` */
  float *copy;       /* where the file's data are not aligned */
  gint64 width;
  gsize n;
  GHashTable *index; /* (sample, copy) -> row + 1 */
};

static gpointer
index_key (guint sample, guint copy)
{
  return GSIZE_TO_POINTER ((gsize)sample * 128 + copy);
}

static gboolean
fail_io (const char *path, const char *doing, GError **error)
{
  const int code = errno;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s: %s%s", path, doing, g_strerror (code),
               code == ENOSPC ? "; --cache names a folder with more room, what is done stays" : "");
  return FALSE;
}

/* ---- the finished file ----------------------------------------------------------------------- */

static gboolean
open_finished (CowFeaturesCache *self, const char *path, gsize n, GError **error)
{
  self->file = cow_safetensors_open (path, error);
  const CowTensor *tensor = self->file ? cow_safetensors_get (self->file, "features") : NULL;
  if (!self->file)
    return FALSE;
  if (!tensor || tensor->dtype != COW_F32 || tensor->n_dims != 2 || tensor->dims[0] != (gint64)n ||
      tensor->dims[1] < 1) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: no features of %" G_GSIZE_FORMAT " pictures; remove it", path, n);
    return FALSE;
  }
  if (!cow_tensor_read (tensor, error) || !cow_tensor_check_finite (tensor, path, error))
    return FALSE;
  self->width = tensor->dims[1];
  self->rows = (const float *)tensor->data;
  if ((gsize)tensor->data % sizeof (float) != 0)
    self->rows = self->copy = g_memdup2 (tensor->data, tensor->n_bytes);
  return TRUE;
}

static gboolean
finish (const char *rows_path, const char *path, gsize n, gint64 width, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GMappedFile) rows = g_mapped_file_new (rows_path, FALSE, &local);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  const gint64 dims[] = { (gint64)n, width };
  if (!rows) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s", local->message);
    return FALSE;
  }
  cow_safetensors_writer_declare (writer, "features", COW_F32, dims, 2);
  if (!cow_safetensors_writer_write (writer, g_mapped_file_get_contents (rows),
                                     g_mapped_file_get_length (rows), error) ||
      !cow_safetensors_writer_finish (writer, error))
    return FALSE;
  return g_unlink (rows_path) == 0 || fail_io (rows_path, "cannot be removed", error);
}

/* ---- computing ------------------------------------------------------------------------------- */

typedef struct {
  const CowFeaturesOptions *options;
  const GArray *items;
  const char *path; /* KEY.rows */
  int descriptor;
  CowClassifier *classifier;
  gint64 width;
} Job;

static gboolean
append (Job *self, const float *rows, gsize n, GError **error)
{
  const char *bytes = (const char *)rows;
  gsize left = n * (gsize)self->width * sizeof (float);
  while (left > 0) {
    const ssize_t written = write (self->descriptor, bytes, left);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fail_io (self->path, "cannot be written", error);
    bytes += written;
    left -= (gsize)written;
  }
  return TRUE;
}

/* How many whole rows there are; what follows them is cut off. */
static gboolean
whole_rows (Job *self, gsize *done, GError **error)
{
  const gsize row = (gsize)self->width * sizeof (float);
  struct stat status;
  if (fstat (self->descriptor, &status) != 0)
    return fail_io (self->path, "cannot be read", error);
  *done = MIN ((gsize)status.st_size / row, self->items->len);
  if (ftruncate (self->descriptor, (off_t)(*done * row)) != 0 ||
      lseek (self->descriptor, 0, SEEK_END) < 0)
    return fail_io (self->path, "cannot be written", error);
  return TRUE;
}

static gboolean
compute (Job *self, gsize done, GError **error)
{
  const CowFeaturesOptions *options = self->options;
  const CowLoaderOptions loading = {
    .dataset = options->dataset,
    .items = (const CowLoadItem *)self->items->data + done,
    .n_items = self->items->len - done,
    .device = cow_classifier_device (self->classifier),
    .preprocess = options->preprocess,
    .augment = options->augment,
    .batch = options->batch,
    .n_threads = options->workers,
  };
  g_autoptr (Progress) progress = progress_new ("pictures", self->items->len);
  g_autoptr (CowLoader) loader = cow_loader_new (&loading, error);
  CowBatch batch;
  CowOutput output;

  progress_skip (progress, done);
  progress_note (progress, options->split == COW_TRAIN ? "features" : "features to validate", NULL);
  while (loader && cow_loader_next (loader, &batch, error)) {
    if (batch.n == 0)
      return TRUE;
    if (!cow_classifier_run (self->classifier, batch.pixels, batch.n, options->preprocess.height,
                             options->preprocess.width, &output, error) ||
        !append (self, output.pooler_output, (gsize)batch.n, error))
      return FALSE;
    done += (gsize)batch.n;
    progress_set (progress, done);
    if (stop_requested ()) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                   "stopped; the features of %" G_GSIZE_FORMAT " of %u pictures are kept", done,
                   self->items->len);
      return FALSE;
    }
  }
  return FALSE;
}

static gboolean
run_job (Job *self, const char *path, GError **error)
{
  const CowClassifierOptions classifying = { .model = self->options->model,
                                             .device = self->options->device,
                                             .precision = self->options->precision,
                                             .batch = self->options->batch };
  gsize done;

  self->classifier = cow_classifier_new (&classifying, error);
  if (!self->classifier)
    return FALSE;
  if (cow_classifier_memory_text (self->classifier))
    g_printerr ("cow-trainer: %s\n", cow_classifier_memory_text (self->classifier));
  self->width = cow_classifier_n_features (self->classifier);
  return whole_rows (self, &done, error) && compute (self, done, error) &&
         finish (self->path, path, self->items->len, self->width, error);
}

/* Computes and writes the file at `path`, alone: a second process with the same key waits and then
 * finds it done. */
static gboolean
make (const CowFeaturesOptions *options, const GArray *items, const char *stem, const char *path,
      GError **error)
{
  g_autofree char *rows = g_strconcat (stem, ".rows", NULL);
  Job job = { .options = options, .items = items, .path = rows };
  job.descriptor = open (rows, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (job.descriptor < 0)
    return fail_io (rows, "cannot be made", error);
  (void)flock (job.descriptor, LOCK_EX);
  gboolean ok = TRUE;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    ok = run_job (&job, path, error);
  else
    g_unlink (rows);
  close (job.descriptor);
  cow_classifier_free (job.classifier);
  return ok;
}

/* ---- opening --------------------------------------------------------------------------------- */

static char *
make_folder (const char *folder, GError **error)
{
  g_autofree char *path =
      folder ? g_strdup (folder)
             : g_build_filename (g_get_user_cache_dir (), "cowbehavior", "features", NULL);
  if (g_mkdir_with_parents (path, 0777) != 0) {
    fail_io (path, "no such folder can be made", error);
    return NULL;
  }
  return g_steal_pointer (&path);
}

CowFeaturesCache *
cow_features_cache_open (const CowFeaturesOptions *options, GError **error)
{
  g_autoptr (CowFeaturesCache) self = g_new0 (CowFeaturesCache, 1);
  g_autoptr (GArray) items =
      cow_load_split (options->dataset, options->split, options->copies, options->seed);
  g_autofree char *folder = make_folder (options->folder, error);
  g_autofree char *key = folder ? features_key (options, items, error) : NULL;
  if (!key)
    return NULL;
  g_autofree char *stem = g_build_filename (folder, key, NULL),
                  *path = g_strconcat (stem, ".safetensors", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS) && !make (options, items, stem, path, error))
    return NULL;
  self->n = items->len;
  self->index = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < items->len; i++) {
    const CowLoadItem *item = &g_array_index (items, CowLoadItem, i);
    g_hash_table_insert (self->index, index_key (item->sample, item->copy),
                         GSIZE_TO_POINTER ((gsize)i + 1));
  }
  return open_finished (self, path, self->n, error) ? g_steal_pointer (&self) : NULL;
}

void
cow_features_cache_free (CowFeaturesCache *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->index, g_hash_table_unref);
  g_clear_pointer (&self->file, cow_safetensors_close);
  g_free (self->copy);
  g_free (self);
}

gint64
cow_features_cache_width (const CowFeaturesCache *self)
{
  return self->width;
}

const float *
cow_features_cache_row (const CowFeaturesCache *self, guint sample, guint copy)
{
  const gsize row = GPOINTER_TO_SIZE (g_hash_table_lookup (self->index, index_key (sample, copy)));
  g_assert (row > 0);
  return self->rows + (gint64)(row - 1) * self->width;
}
