/* SPDX-License-Identifier: MIT */
/*
 * KEY.rows grows row by row while features are computed; when it is whole, it becomes
 * KEY.safetensors. Each row has a checksum in both: what a kill, a crash of the system or a disk
 * did to them is found, and computed again.
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
#include "model/files/file-writer.h"
#include "model/files/mapping.h"
#include "model/files/safetensors.h"
#include "trainer/host/progress.h"
#include "trainer/host/stop.h"

/* ---- the key --------------------------------------------------------------------------------- */

#define VERSION     2 /* raised when the same input gives other features */
#define HEADER_SIZE 65536

static gboolean
add_file (GChecksum *sum, const char *path, GError **error)
{
  gint64 bytes, changed_ns;
  if (!cow_path_size (path, &bytes, &changed_ns, error))
    return FALSE;
  cow_digest_add_text (sum, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09" G_GINT64_FORMAT,
                       path, bytes, changed_ns / 1000000000, changed_ns % 1000000000);
  return TRUE;
}

/* The first bytes of a file, if it is there: for a safetensors file, its header. */
static gboolean
add_start (GChecksum *sum, const char *path, GError **error)
{
  g_autofree guint8 *bytes = g_malloc (HEADER_SIZE);
  CowMapping mapping;
  if (!cow_path_exists (path))
    return TRUE;
  if (!cow_mapping_open (&mapping, path, error))
    return FALSE;
  const gsize n = MIN (mapping.size, HEADER_SIZE);
  const gboolean read = cow_mapping_copy (&mapping, mapping.data, n, bytes, error);
  if (read)
    g_checksum_update (sum, bytes, (gssize)n);
  cow_mapping_close (&mapping);
  return read;
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
    if (!add_file (sum, file, error) || !add_start (sum, file, error))
      return FALSE;
  }
  return checkpoint != NULL && add_start (sum, config, error);
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
  /* What is not listed here went unsaid when there was nothing else: its files hold. */
  if (p->fit != COW_STRETCH)
    cow_digest_add_text (sum, "%s", cow_fit_name (p->fit));
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

/* ---- rows ------------------------------------------------------------------------------------ */

#define MAGIC "cowrows2"

/* What KEY.rows begins with; then rows follow, each [width] and its checksum. */
typedef struct {
  char magic[8];
  gint64 width;
} RowsHeader;

/* Each step is reversible, so that another number anywhere in a row gives another sum; one that
 * begins with the row's place takes neither zeros nor another row for it. */
guint64
features_row_sum (gsize row, const float *values, gint64 width)
{
  guint64 sum = (guint64)row + 1;
  for (gint64 i = 0; i < width; i++) {
    guint32 bits;
    memcpy (&bits, values + i, sizeof bits);
    sum = (sum ^ bits) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
    sum ^= sum >> 32;
  }
  return sum;
}

/* No network gives a row of zeros: its last norm sees to that. Files of versions that kept no
 * checksums are told from zeros by this. */
static gboolean
is_zero (const float *values, gint64 width)
{
  gint64 i = 0;
  while (i < width && values[i] == 0)
    i++;
  return i == width;
}

/* ---- the files ------------------------------------------------------------------------------- */

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
check_rows (const CowFeaturesCache *self, const guint64 *sums, const char *path, GError **error)
{
  for (gsize i = 0; i < self->n; i++) {
    const float *row = self->rows + (gint64)i * self->width;
    if (sums ? GUINT64_FROM_LE (sums[i]) == features_row_sum (i, row, self->width)
             : !is_zero (row, self->width))
      continue;
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: row %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is damaged", path, i, self->n);
    return FALSE;
  }
  return TRUE;
}

static void
clear_finished (CowFeaturesCache *self)
{
  g_clear_pointer (&self->file, cow_safetensors_close);
  g_clear_pointer (&self->copy, g_free);
  self->rows = NULL;
}

static gboolean
read_finished (CowFeaturesCache *self, const char *path, GError **error)
{
  self->file = cow_safetensors_open (path, error);
  if (!self->file)
    return FALSE;
  const CowTensor *tensor = cow_safetensors_get (self->file, "features"),
                  *sums = cow_safetensors_get (self->file, "checksums");
  if (!tensor || tensor->dtype != COW_F32 || tensor->n_dims != 2 ||
      tensor->dims[0] != (gint64)self->n || tensor->dims[1] < 1 ||
      (sums && (sums->dtype != COW_I64 || cow_tensor_count (sums) != self->n))) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: no features of %" G_GSIZE_FORMAT " pictures", path, self->n);
    return FALSE;
  }
  if (!cow_tensor_read (tensor, error) || !cow_tensor_check_finite (tensor, path, error))
    return FALSE;
  g_autofree guint64 *kept = sums ? g_new (guint64, self->n) : NULL;
  if (kept && !cow_tensor_copy (sums, 0, sums->n_bytes, kept, error))
    return FALSE;
  self->width = tensor->dims[1];
  self->rows = (const float *)tensor->data;
  if ((gsize)tensor->data % sizeof (float) != 0)
    self->rows = self->copy = g_memdup2 (tensor->data, tensor->n_bytes);
  return check_rows (self, kept, path, error);
}

/* FALSE with an error: nothing that can be used is there. *damaged: a file is, which does not hold
 * what it should. */
static gboolean
open_finished (CowFeaturesCache *self, const char *path, gboolean *damaged, GError **error)
{
  g_autoptr (GError) local = NULL;
  *damaged = FALSE;
  if (read_finished (self, path, &local))
    return TRUE;
  clear_finished (self);
  *damaged = g_error_matches (local, COW_ERROR, COW_ERROR_FORMAT) ||
             g_error_matches (local, COW_ERROR, COW_ERROR_UNSUPPORTED) ||
             g_error_matches (local, COW_ERROR, COW_ERROR_MISMATCH);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
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

/* Bytes of a row with its checksum, and where it begins. */
static gsize
record_size (const Job *self)
{
  return (gsize)self->width * sizeof (float) + sizeof (guint64);
}

static off_t
record_at (const Job *self, gsize row)
{
  return (off_t)(sizeof (RowsHeader) + row * record_size (self));
}

static gboolean
append (Job *self, gsize row, const float *values, gsize n, GError **error)
{
  const gsize bytes = (gsize)self->width * sizeof (float), record = record_size (self);
  g_autofree char *records = g_malloc (n * record);
  for (gsize i = 0; i < n; i++) {
    const float *from = values + (gint64)i * self->width;
    const guint64 sum = GUINT64_TO_LE (features_row_sum (row + i, from, self->width));
    memcpy (records + i * record, from, bytes);
    memcpy (records + i * record + bytes, &sum, sizeof sum);
  }
  return cow_write_all (self->descriptor, records, n * record) ||
         fail_io (self->path, "cannot be written", error);
}

/* FALSE with errno, also where fewer bytes are there. */
static gboolean
read_at (int fd, void *bytes, gsize n, off_t at)
{
  for (gsize done = 0; done < n;) {
    const gssize got = pread (fd, (char *)bytes + done, n - done, at + (off_t)done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      errno = got < 0 ? errno : EIO;
      return FALSE;
    }
    done += (gsize)got;
  }
  return TRUE;
}

/* Reads a row and its checksum; *right: whether they fit. */
static gboolean
read_record (const Job *self, gsize row, float *record, guint64 *sum, gboolean *right,
             GError **error)
{
  if (!read_at (self->descriptor, record, record_size (self), record_at (self, row)))
    return fail_io (self->path, "cannot be read", error);
  memcpy (sum, record + self->width, sizeof *sum);
  *right = GUINT64_FROM_LE (*sum) == features_row_sum (row, record, self->width);
  return TRUE;
}

/* Whether the file begins as this version writes it, for rows of this width. */
static gboolean
has_header (const Job *self)
{
  RowsHeader header;
  return read_at (self->descriptor, &header, sizeof header, 0) &&
         memcmp (header.magic, MAGIC, sizeof header.magic) == 0 &&
         header.width == GINT64_TO_LE (self->width);
}

/* How many rows from the first on are as they were written; the rest is cut off, and said unless it
 * is the part of a row that a kill left. */
static gboolean
whole_rows (Job *self, gsize *done, GError **error)
{
  const gsize record = record_size (self);
  g_autofree float *row = g_malloc (record);
  struct stat status;
  gboolean right = TRUE;
  guint64 sum;
  *done = 0;
  if (fstat (self->descriptor, &status) != 0)
    return fail_io (self->path, "cannot be read", error);
  const gsize size = (gsize)status.st_size;
  gsize n = 0;
  if (has_header (self))
    n = MIN ((size - sizeof (RowsHeader)) / record, self->items->len);
  else if (size > 0)
    g_printerr ("cow-trainer: %s: is damaged, or of another version: all of it is computed again\n",
                self->path);
  for (; *done < n && right; *done += right)
    if (!read_record (self, *done, row, &sum, &right, error))
      return FALSE;
  if (!right)
    g_printerr ("cow-trainer: %s: row %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                " is damaged: it and those after it are computed again\n",
                self->path, *done, n);
  const RowsHeader header = { .magic = MAGIC, .width = GINT64_TO_LE (self->width) };
  if (!cow_truncate (self->descriptor, *done > 0 ? record_at (self, *done) : 0) ||
      lseek (self->descriptor, 0, SEEK_END) < 0 ||
      (*done == 0 && !cow_write_all (self->descriptor, &header, sizeof header)))
    return fail_io (self->path, "cannot be written", error);
  return TRUE;
}

/* Makes KEY.safetensors of KEY.rows; sums [n] are those of its rows. */
static gboolean
copy_rows (const Job *self, CowSafetensorsWriter *writer, guint64 *sums, GError **error)
{
  g_autofree float *row = g_malloc (record_size (self));
  for (gsize i = 0; i < self->items->len; i++) {
    gboolean right;
    if (!read_record (self, i, row, &sums[i], &right, error))
      return FALSE;
    if (!right) {
      g_set_error (error, COW_ERROR, COW_ERROR_IO,
                   "%s: row %" G_GSIZE_FORMAT " is not what was just written: run this again",
                   self->path, i);
      return FALSE;
    }
    if (!cow_safetensors_writer_write (writer, row, (gsize)self->width * sizeof (float), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
finish (const Job *self, const char *path, GError **error)
{
  const gint64 n = self->items->len, dims[] = { n, self->width };
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  g_autofree guint64 *sums = g_new (guint64, (gsize)n);
  cow_safetensors_writer_declare (writer, "features", COW_F32, dims, 2);
  cow_safetensors_writer_declare (writer, "checksums", COW_I64, &n, 1);
  return copy_rows (self, writer, sums, error) &&
         cow_safetensors_writer_write (writer, sums, (gsize)n * sizeof *sums, error) &&
         cow_safetensors_writer_finish (writer, error) &&
         (g_unlink (self->path) == 0 || fail_io (self->path, "cannot be removed", error));
}

/* Rows from `first` on. */
static gboolean
check_finite (const Job *self, gsize first, int n, const CowOutput *output, GError **error)
{
  for (int i = 0; i < n; i++) {
    const CowLoadItem *item = &g_array_index (self->items, CowLoadItem, first + (gsize)i);
    if (!cow_classifier_check_output (
            self->classifier, output, i,
            cow_dataset_sample (self->options->dataset, item->sample)->path, error))
      return FALSE;
  }
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
        !check_finite (self, done, batch.n, &output, error) ||
        !append (self, done, output.pooler_output, (gsize)batch.n, error))
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
         finish (self, path, error);
}

/* Computes, writes and opens the file at `path`, alone: a second process with the same key waits
 * and then finds it done. */
static gboolean
make (CowFeaturesCache *self, const CowFeaturesOptions *options, const GArray *items,
      const char *stem, const char *path, GError **error)
{
  g_autofree char *rows = g_strconcat (stem, ".rows", NULL);
  Job job = { .options = options, .items = items, .path = rows };
  gboolean damaged;
  job.descriptor = cow_open (rows, O_RDWR | O_CREAT | O_NOFOLLOW, 0666);
  if (job.descriptor < 0)
    return fail_io (rows, "cannot be made", error);
  (void)cow_lock (job.descriptor, TRUE);
  gboolean ok = TRUE;
  if (cow_path_exists (path) && open_finished (self, path, &damaged, NULL))
    g_unlink (rows);
  else
    ok = run_job (&job, path, error) && open_finished (self, path, &damaged, error);
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
  return cow_folder_make (path, error) ? g_steal_pointer (&path) : NULL;
}

static gboolean
open_or_make (CowFeaturesCache *self, const CowFeaturesOptions *options, const GArray *items,
              const char *stem, const char *path, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autofree char *rows = g_strconcat (stem, ".rows", NULL);
  gboolean damaged = FALSE;
  if (cow_path_exists (path)) {
    if (open_finished (self, path, &damaged, &why)) {
      /* Another run may have been stopped between finishing and clearing up. */
      g_unlink (rows);
      return TRUE;
    }
    if (!damaged) {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
    g_printerr ("cow-trainer: %s: it is computed again\n", why->message);
  }
  return make (self, options, items, stem, path, error);
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
  self->n = items->len;
  self->index = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < items->len; i++) {
    const CowLoadItem *item = &g_array_index (items, CowLoadItem, i);
    g_hash_table_insert (self->index, index_key (item->sample, item->copy),
                         GSIZE_TO_POINTER ((gsize)i + 1));
  }
  return open_or_make (self, options, items, stem, path, error) ? g_steal_pointer (&self) : NULL;
}

void
cow_features_cache_free (CowFeaturesCache *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->index, g_hash_table_unref);
  clear_finished (self);
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
