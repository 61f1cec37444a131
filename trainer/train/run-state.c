/* SPDX-License-Identifier: MIT */
#include "trainer/train/run-state.h"

#include <math.h>
#include <string.h>

#include "model/files/safetensors.h"

#define N_COUNTERS  (sizeof (CowRunCounters) / sizeof (double))
#define PIECE       (1 << 20) /* floats that go through host memory at a time */
#define MOST_EPOCHS 1000000

CowRunState *
cow_run_state_new (const char *data_hash, const char *pictures_hash)
{
  CowRunState *self = g_new0 (CowRunState, 1);
  self->history = g_array_new (FALSE, FALSE, sizeof (CowEpoch));
  self->data_hash = g_strdup (data_hash);
  self->pictures_hash = g_strdup (pictures_hash);
  return self;
}

void
cow_run_state_free (CowRunState *self)
{
  if (!self)
    return;
  g_array_unref (self->history);
  g_free (self->data_hash);
  g_free (self->pictures_hash);
  g_free (self);
}

/* A hash of all names and shapes: two networks of the same have the same arrays. */
static char *
layout_hash (const CowParameters *parameters)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  for (guint i = 0; i < parameters->list->len; i++) {
    const CowParameter *p = cow_parameters_get (parameters, i);
    g_autofree char *line =
        g_strdup_printf ("%s %u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                         " %" G_GINT64_FORMAT "\n",
                         p->name, p->n_dims, p->dims[0], p->dims[1], p->dims[2], p->dims[3]);
    g_checksum_update (sum, (const guchar *)line, -1);
  }
  return g_strdup (g_checksum_get_string (sum));
}

static char *
buffer_name (const char *name)
{
  return g_strconcat ("buffer.", name, NULL);
}

/* ---- saving ---------------------------------------------------------------------------------- */

static gboolean
declare_buffers (CowNetwork *network, CowSafetensorsWriter *writer, GError **error)
{
  for (guint i = 0; i < cow_network_n_buffers (network); i++) {
    gsize n;
    float *values;
    const char *name = cow_network_buffer (network, i, &n, &values, error);
    if (!name)
      return FALSE;
    g_autofree char *full = buffer_name (name);
    cow_safetensors_writer_declare (writer, full, COW_F32, (const gint64[]){ (gint64)n }, 1);
  }
  return TRUE;
}

static gboolean
declare (const CowRunState *self, CowNetwork *network, CowSafetensorsWriter *writer, GError **error)
{
  const CowParameters *parameters = cow_network_parameters (network);
  const gint64 count = (gint64)parameters->count, counters = N_COUNTERS,
               rows[] = { self->history->len, COW_EPOCH_COLUMNS };
  g_autofree char *layout = layout_hash (parameters);

  cow_safetensors_writer_metadata (writer, "layout", layout);
  cow_safetensors_writer_metadata (writer, "data", self->data_hash);
  cow_safetensors_writer_metadata (writer, "pictures", self->pictures_hash);
  cow_safetensors_writer_declare (writer, "counters", COW_F64, &counters, 1);
  cow_safetensors_writer_declare (writer, "history", COW_F64, rows, 2);
  cow_safetensors_writer_declare (writer, "values", COW_F32, &count, 1);
  cow_safetensors_writer_declare (writer, "first_moments", COW_F32, &count, 1);
  cow_safetensors_writer_declare (writer, "second_moments", COW_F32, &count, 1);
  if (parameters->sum)
    cow_safetensors_writer_declare (writer, "mean_sums", COW_F32, &count, 1);
  return declare_buffers (network, writer, error);
}

static gboolean
write_array (CkStream *stream, const float *device, gsize count, CowSafetensorsWriter *writer,
             GError **error)
{
  g_autofree float *piece = g_new (float, PIECE);
  for (gsize done = 0; done < count; done += PIECE) {
    const gsize bytes = MIN (PIECE, count - done) * sizeof (float);
    if (!cow_check (ck_download (stream, piece, device + done, bytes), error,
                    "reading parameters") ||
        !cow_safetensors_writer_write (writer, piece, bytes, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_buffers (CowNetwork *network, CowSafetensorsWriter *writer, GError **error)
{
  for (guint i = 0; i < cow_network_n_buffers (network); i++) {
    gsize n;
    float *values;
    if (!cow_network_buffer (network, i, &n, &values, error) ||
        !cow_safetensors_writer_write (writer, values, n * sizeof (float), error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cow_run_state_save (const CowRunState *self, CowNetwork *network, const char *folder,
                    GError **error)
{
  const CowParameters *p = cow_network_parameters (network);
  g_autofree char *path = g_build_filename (folder, "state.safetensors", NULL);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);

  return declare (self, network, writer, error) &&
         cow_safetensors_writer_write (writer, &self->at, sizeof self->at, error) &&
         cow_safetensors_writer_write (writer, self->history->data,
                                       self->history->len * sizeof (CowEpoch), error) &&
         write_array (p->stream, p->values, p->count, writer, error) &&
         write_array (p->stream, p->first, p->count, writer, error) &&
         write_array (p->stream, p->second, p->count, writer, error) &&
         (!p->sum || write_array (p->stream, p->sum, p->count, writer, error)) &&
         write_buffers (network, writer, error) && cow_safetensors_writer_finish (writer, error);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* A tensor of a type and shape; a dimension of -1 may be anything. */
static const CowTensor *
require (const CowSafetensors *file, const char *name, CowDtype dtype, guint n_dims,
         const gint64 *dims, GError **error)
{
  const CowTensor *tensor = cow_safetensors_get (file, name);
  gboolean fits = tensor && tensor->dtype == dtype && tensor->n_dims == n_dims;
  for (guint i = 0; fits && i < n_dims; i++)
    fits = dims[i] < 0 || tensor->dims[i] == dims[i];
  if (fits)
    return tensor;
  g_autofree char *shape = tensor ? cow_tensor_shape_text (tensor) : NULL;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: \"%s\" is %s%s: this is no checkpoint of this run", cow_safetensors_path (file),
               name, tensor ? "of shape " : "missing", tensor ? shape : "");
  return NULL;
}

static gboolean
check_counters (const CowRunCounters *at, const char *path, GError **error)
{
  const double whole[] = { at->epoch,      at->position, at->step,    at->total_steps,
                           at->best_epoch, at->waited,   at->correct, at->norms };
  gboolean ok = isfinite (at->best_accuracy) && isfinite (at->loss_sum) &&
                isfinite (at->norm_sum) && isfinite (at->seconds) && isfinite (at->started) &&
                isfinite (at->learning_rate) && at->epoch <= MOST_EPOCHS;
  for (guint i = 0; ok && i < G_N_ELEMENTS (whole); i++)
    ok = whole[i] >= 0 && whole[i] <= 0x1p53 && whole[i] == floor (whole[i]);
  if (!ok)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"counters\" holds numbers that no run has", path);
  return ok;
}

static gboolean
read_counters (CowRunState *self, const CowSafetensors *file, GError **error)
{
  const gint64 n = N_COUNTERS, rows[] = { -1, COW_EPOCH_COLUMNS };
  const CowTensor *counters = require (file, "counters", COW_F64, 1, &n, error);
  const CowTensor *history = counters ? require (file, "history", COW_F64, 2, rows, error) : NULL;

  if (!history)
    return FALSE;
  if (!cow_tensor_copy (counters, 0, sizeof self->at, &self->at, error) ||
      !check_counters (&self->at, cow_safetensors_path (file), error))
    return FALSE;
  if (history->dims[0] != (gint64)self->at.epoch) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"history\" has %" G_GINT64_FORMAT " epochs, expected %.0f",
                 cow_safetensors_path (file), history->dims[0], self->at.epoch);
    return FALSE;
  }
  g_array_set_size (self->history, (guint)history->dims[0]);
  return cow_tensor_copy (history, 0, history->n_bytes, self->history->data, error);
}

static gboolean
read_array (const CowSafetensors *file, const char *name, CkStream *stream, float *device,
            gsize count, GError **error)
{
  const gint64 dims = (gint64)count;
  const CowTensor *tensor = require (file, name, COW_F32, 1, &dims, error);
  if (!tensor || !cow_tensor_read (tensor, error) ||
      !cow_tensor_check_finite (tensor, cow_safetensors_path (file), error))
    return FALSE;
  const gboolean ok = cow_check (ck_upload (stream, device, tensor->data, tensor->n_bytes), error,
                                 "%s: %s", cow_safetensors_path (file), name);
  cow_safetensors_release_pages (file, tensor);
  return ok;
}

static gboolean
read_buffers (const CowSafetensors *file, CowNetwork *network, GError **error)
{
  for (guint i = 0; i < cow_network_n_buffers (network); i++) {
    gsize n;
    float *values;
    const char *name = cow_network_buffer (network, i, &n, &values, error);
    if (!name)
      return FALSE;
    const gint64 dims = (gint64)n;
    g_autofree char *full = buffer_name (name);
    const CowTensor *tensor = require (file, full, COW_F32, 1, &dims, error);
    if (!tensor || !cow_tensor_to_f32 (tensor, cow_safetensors_path (file), values, error))
      return FALSE;
  }
  return TRUE;
}

/* Checkpoints from before sizes were told apart have the first of the two hashes alone. */
static gboolean
check_pictures (const CowRunState *self, const CowSafetensors *file, const char *folder,
                gboolean *changed, GError **error)
{
  const char *pictures = cow_safetensors_metadata (file, "pictures");

  *changed = g_strcmp0 (cow_safetensors_metadata (file, "data"), self->data_hash) != 0;
  if (!*changed || (pictures && g_str_equal (pictures, self->pictures_hash)))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: the pictures are no longer those that the run began with (%s differ), so that "
               "it cannot be resumed exactly; put them back, or begin a new run that takes its "
               "adapter (--start %s)",
               cow_safetensors_path (file),
               pictures ? "names, classes or split" : "names, sizes, classes or split", folder);
  return FALSE;
}

static gboolean
check_layout (const CowSafetensors *file, const CowParameters *parameters, GError **error)
{
  g_autofree char *layout = layout_hash (parameters);

  if (g_strcmp0 (cow_safetensors_metadata (file, "layout"), layout) == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: the checkpoint is of another network than recipe.ini and the base give",
               cow_safetensors_path (file));
  return FALSE;
}

CowRunState *
cow_run_state_load (const char *folder, CowNetwork *network, const char *data_hash,
                    const char *pictures_hash, gboolean *changed, GError **error)
{
  CowParameters *p = cow_network_parameters (network);
  g_autofree char *path = g_build_filename (folder, "state.safetensors", NULL);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, error);
  g_autoptr (CowRunState) self = cow_run_state_new (data_hash, pictures_hash);

  if (!file || !check_layout (file, p, error) ||
      !check_pictures (self, file, folder, changed, error) || !read_counters (self, file, error) ||
      !read_array (file, "values", p->stream, p->values, p->count, error) ||
      !read_array (file, "first_moments", p->stream, p->first, p->count, error) ||
      !read_array (file, "second_moments", p->stream, p->second, p->count, error) ||
      (p->sum && !read_array (file, "mean_sums", p->stream, p->sum, p->count, error)) ||
      !read_buffers (file, network, error) || !cow_network_refresh (network, error))
    return NULL;
  return g_steal_pointer (&self);
}
