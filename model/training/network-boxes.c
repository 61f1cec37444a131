/* SPDX-License-Identifier: MIT */
/* Networks that look for boxes: tokens of some layers go through a detector's head, and back. */
#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/network/detector-file.h"
#include "model/training/network-private.h"

static const CowBackboneConfig *
config_of (const CowNetwork *self)
{
  return self->backbone ? &self->backbone->config : &self->boxes.base->config;
}

/* ---- making ---------------------------------------------------------------------------------- */

static gboolean
has_tokens (const CowNetwork *self, const CowBackboneConfig *config)
{
  return self->backbone ? self->backbone->klass->tokens != NULL : config->klass->tokens != NULL;
}

gboolean
cow_network_boxes_new (CowNetwork *self, const CowNetworkOptions *options,
                       const CowBackboneConfig *config, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;

  if (!has_tokens (self, config)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "a %s has no tokens, in which boxes could be looked for", config->title);
    return FALSE;
  }
  boxes->config = *options->detector;
  if (!cow_detector_config_check (&boxes->config, config, error))
    return FALSE;
  if (!self->backbone &&
      !(boxes->base = config->klass->open (self->stream, config, self->checkpoint, NULL, error)))
    return FALSE;
  boxes->head = cow_detector_train_new (self->parameters, &boxes->config);
  return TRUE;
}

gboolean
cow_network_boxes_start (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  const char *folder = options->start_head ? options->start_head : options->start;
  g_autofree char *path = folder ? g_build_filename (folder, COW_DETECTOR_FILE, NULL) : NULL;
  g_autoptr (CowDetectorFile) file = NULL;

  /* An adapter that classifies has none: then the head begins anew. */
  if (folder && (options->start_head || cow_path_exists (path)) &&
      !(file = cow_detector_file_read (folder, config_of (self), &self->boxes.config, error)))
    return FALSE;
  return cow_detector_train_start (self->boxes.head, options->seed,
                                   file ? (const float *const *)file->tensors : NULL, error);
}

void
cow_network_boxes_clear (CowNetwork *self)
{
  CowNetworkBoxes *boxes = &self->boxes;

  g_clear_pointer (&boxes->head, cow_detector_train_free);
  g_clear_pointer (&boxes->base, cow_backbone_free);
  for (guint i = 0; i < COW_DETECTOR_MAX_LEVELS; i++) {
    cow_buffer_clear (&boxes->tokens[i], self->stream);
    cow_buffer_clear (&boxes->dtokens[i], self->stream);
  }
  g_free (boxes->dcells);
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Room for the tokens of a batch, [n_levels]. */
static gboolean
ensure_tokens (CowNetwork *self, CowBuffer *levels, int batch, gint64 n_tokens, GError **error)
{
  gsize n, bytes = 0;
  gboolean complete =
      g_size_checked_mul (&n, (gsize)batch * (gsize)n_tokens, (gsize)self->features) &&
      g_size_checked_mul (&bytes, n, sizeof (float));

  for (guint i = 0; i < self->boxes.config.n_levels && complete; i++)
    complete = cow_buffer_reserve (&levels[i], self->stream, bytes);
  return complete || cow_check (CK_NO_MEMORY, error, "the tokens of %d frames", batch);
}

static gboolean
tokens (CowNetwork *self, int batch, int height, int width, gboolean training, guint64 key,
        float *const *out, GError **error)
{
  const CowNetworkBoxes *boxes = &self->boxes;
  const int *layers = boxes->config.layers;
  const guint n = boxes->config.n_levels;

  if (self->backbone)
    return self->backbone->klass->tokens (self->backbone, self->input, batch, height, width,
                                          training, key, layers, n, out, error);
  return boxes->base->config.klass->tokens (boxes->base, self->input, batch, height, width, layers,
                                            n, out, error) != NULL;
}

gboolean
cow_network_boxes_forward (CowNetwork *self, int batch, int height, int width, gboolean training,
                           guint64 key, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  const CowCells cells = cow_detector_cells (&boxes->config, height, width);
  const gint64 n_tokens = cow_backbone_n_tokens (config_of (self), height, width),
               n_prefix = n_tokens - (gint64)cells.rows * cells.columns;
  float *out[COW_DETECTOR_MAX_LEVELS] = { NULL };

  boxes->cells = NULL;
  if (!ensure_tokens (self, boxes->tokens, batch, n_tokens, error))
    return FALSE;
  for (guint i = 0; i < boxes->config.n_levels; i++)
    out[i] = boxes->tokens[i].data;
  if (!tokens (self, batch, height, width, training, key, out, error))
    return FALSE;
  boxes->cells = cow_detector_train_forward (boxes->head, (const float *const *)out, n_prefix,
                                             batch, height, width, error);
  boxes->batch = batch;
  boxes->height = height;
  boxes->width = width;
  return boxes->cells != NULL;
}

static gboolean
ensure_dcells (CowNetworkBoxes *boxes, gsize n, GError **error)
{
  if (n <= boxes->n_dcells)
    return TRUE;
  g_free (boxes->dcells);
  boxes->dcells = g_try_new (float, n);
  boxes->n_dcells = boxes->dcells ? n : 0;
  return boxes->dcells || cow_check (CK_NO_MEMORY, error, "the loss of %d frames", boxes->batch);
}

static gboolean
backward (CowNetwork *self, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  const gint64 n_tokens = cow_backbone_n_tokens (config_of (self), boxes->height, boxes->width);
  float *dtokens[COW_DETECTOR_MAX_LEVELS];

  if (self->backbone && !ensure_tokens (self, boxes->dtokens, boxes->batch, n_tokens, error))
    return FALSE;
  for (guint i = 0; i < boxes->config.n_levels; i++)
    dtokens[i] = boxes->dtokens[i].data;
  return cow_parameters_begin_batch (self->parameters, error) &&
         cow_detector_train_backward (boxes->head, boxes->dcells, self->backbone ? dtokens : NULL,
                                      error) &&
         (!self->backbone || self->backbone->klass->tokens_backward (
                                 self->backbone, boxes->config.layers, boxes->config.n_levels,
                                 (const float *const *)dtokens, error)) &&
         cow_parameters_end_batch (self->parameters, error);
}

gboolean
cow_network_loss_boxes (CowNetwork *self, const CowFrameBoxes *frames, gboolean with_backward,
                        float factor, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  g_return_val_if_fail (self->n_kept > 0 && boxes->cells, FALSE);
  CowKeptPass *kept = &g_array_index (self->kept, CowKeptPass, self->n_kept - 1);
  const CowCells cells = cow_detector_cells (&boxes->config, boxes->height, boxes->width);
  const gsize n = cow_cells_n (&cells) * COW_CELL_VALUES;

  if (with_backward && !ensure_dcells (boxes, (gsize)boxes->batch * n, error))
    return FALSE;
  kept->host_loss = 0;
  for (int i = 0; i < boxes->batch; i++) {
    const CowDetectionLoss loss = cow_detection_loss (
        &cells, boxes->cells + (gsize)i * n, frames[i].boxes, frames[i].n,
        (double)factor / boxes->batch, with_backward ? boxes->dcells + (gsize)i * n : NULL);
    kept->host_loss += (loss.heat + COW_DETECTION_SIDES_WEIGHT * loss.sides) / boxes->batch;
  }
  kept->has_loss = TRUE;
  return !with_backward || backward (self, error);
}

void
cow_network_find_boxes (const CowNetwork *self, int i, float least, double overlap, guint most,
                        GArray *detections)
{
  const CowNetworkBoxes *boxes = &self->boxes;
  g_return_if_fail (boxes->cells && i >= 0 && i < boxes->batch);
  const CowCells cells = cow_detector_cells (&boxes->config, boxes->height, boxes->width);

  cow_cells_read (&cells, boxes->cells + (gsize)i * cow_cells_n (&cells) * COW_CELL_VALUES, least,
                  overlap, most, detections);
}
