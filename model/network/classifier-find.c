/* SPDX-License-Identifier: MIT */
/* Adapters that find cows in whole frames: the head on its device, and a frame through it. */
#include <json-glib/json-glib.h>

#include "model/network/classifier-private.h"

/* ---- the head -------------------------------------------------------------------------------- */

static CkStatus
upload (CowClassifier *self, int i)
{
  CowFinder *finder = &self->finder;
  const gsize bytes = cow_detector_tensor_count (&finder->file->config, i) * sizeof (float);

  if (!cow_buffer_reserve (&finder->weights[i], self->stream, bytes))
    return CK_NO_MEMORY;
  return ck_upload (self->stream, finder->weights[i].data, finder->file->tensors[i], bytes);
}

gboolean
cow_classifier_open_finder (CowClassifier *self, GError **error)
{
  CowFinder *finder = &self->finder;
  CkStatus status = CK_OK;

  g_clear_pointer (&finder->file, cow_detector_file_free);
  finder->file = cow_detector_file_read (self->adapter_path, &self->config, NULL, error);
  if (!finder->file)
    return FALSE;
  for (int i = 0; i < COW_DETECTOR_TENSORS && status == CK_OK; i++)
    status = upload (self, i);
  return cow_check (status, error, "the head of a detector");
}

void
cow_classifier_close_finder (CowClassifier *self)
{
  CowFinder *finder = &self->finder;

  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    cow_buffer_clear (&finder->weights[i], self->stream);
  for (int i = 0; i < COW_DETECTOR_MAX_LEVELS; i++)
    cow_buffer_clear (&finder->levels[i], self->stream);
  cow_detector_pass_clear (&finder->pass);
  g_clear_pointer (&finder->file, cow_detector_file_free);
  g_clear_pointer (&finder->cells, g_free);
  finder->n_cells = 0;
}

/* ---- a frame --------------------------------------------------------------------------------- */

static gboolean
reserve (CowClassifier *self, gint64 n_tokens, gsize pixel_bytes, gsize n_values)
{
  CowFinder *finder = &self->finder;
  const gsize bytes = (gsize)n_tokens * (gsize)self->config.n_features * sizeof (float);
  gboolean complete = cow_buffer_reserve (&self->pixels, self->stream, pixel_bytes);

  for (guint i = 0; i < finder->file->config.n_levels && complete; i++)
    complete = cow_buffer_reserve (&finder->levels[i], self->stream, bytes);
  if (complete && n_values > finder->n_cells) {
    g_free (finder->cells);
    finder->cells = g_try_new (float, n_values);
    finder->n_cells = finder->cells ? n_values : 0;
  }
  return complete && finder->cells;
}

/* From the pixels on the device to the cells on the host. */
static gboolean
compute (CowClassifier *self, gint64 n_prefix, int height, int width, gsize n_values,
         GError **error)
{
  CowFinder *finder = &self->finder;
  const CowDetectorConfig *config = &finder->file->config;
  float *weights[COW_DETECTOR_TENSORS], *levels[COW_DETECTOR_MAX_LEVELS] = { NULL };

  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    weights[i] = finder->weights[i].data;
  for (guint i = 0; i < config->n_levels; i++)
    levels[i] = finder->levels[i].data;
  if (!self->config.klass->tokens (self->backbone, self->pixels.data, 1, height, width,
                                   config->layers, config->n_levels, levels, error) ||
      !cow_detector_pass_ensure (&finder->pass, self->stream, config, 1, height, width, error))
    return FALSE;
  CkStatus status = cow_detector_forward (config, weights, (const float *const *)levels, n_prefix,
                                          1, height, width, &finder->pass);
  if (status == CK_OK)
    status =
        ck_download (self->stream, finder->cells, finder->pass.out.data, n_values * sizeof (float));
  return cow_check (status, error, "the head of a detector");
}

/* The cows of a frame whose pixels come from the host, or else lie on the device. */
static gboolean
find (CowClassifier *self, const float *host, const float *prepared, int height, int width,
      const CowFindLimits *limits, GArray *detections, GError **error)
{
  CowFinder *finder = &self->finder;
  g_return_val_if_fail (cow_classifier_detects (self), FALSE);
  if (!self->config.klass->check_size (&self->config, width, height, error))
    return FALSE;
  const CowCells cells = cow_detector_cells (&finder->file->config, height, width);
  const gsize n_values = cow_cells_n (&cells) * COW_CELL_VALUES,
              n_pixels = 3 * (gsize)height * (gsize)width, bytes = n_pixels * sizeof (float);
  const gint64 n_tokens = cow_backbone_n_tokens (&self->config, height, width);

  CkStatus status = reserve (self, n_tokens, bytes, n_values) ? CK_OK : CK_NO_MEMORY;
  if (status == CK_OK && host)
    status = ck_upload (self->stream, self->pixels.data, host, bytes);
  else if (status == CK_OK)
    status =
        self->stream->operations->copy_rows (self->stream, 1, (gint64)n_pixels, prepared,
                                             (gint64)n_pixels, self->pixels.data, (gint64)n_pixels);
  if (!cow_check (status, error, "a frame of %d x %d px", width, height) ||
      !compute (self, n_tokens - (gint64)cells.rows * cells.columns, height, width, n_values,
                error)) {
    /* What failed is this frame's; the next one begins anew. */
    ck_stream_reset (self->stream);
    cow_device_explain (self->device, error);
    return FALSE;
  }
  if (!cow_classifier_check_finite (self, "a frame", "cells", finder->cells, n_values, error))
    return FALSE;
  cow_cells_read (&cells, finder->cells, limits->least, limits->overlap, limits->most, detections);
  return TRUE;
}

gboolean
cow_classifier_find (CowClassifier *self, const float *pixels, int height, int width,
                     const CowFindLimits *limits, GArray *detections, GError **error)
{
  return find (self, pixels, NULL, height, width, limits, detections, error);
}

gboolean
cow_classifier_find_prepared (CowClassifier *self, const float *picture, int height, int width,
                              const CowFindLimits *limits, GArray *detections, GError **error)
{
  return find (self, NULL, picture, height, width, limits, detections, error);
}

/* ---- what it is ------------------------------------------------------------------------------ */

float
cow_classifier_least_score (const CowClassifier *self)
{
  static const CowFindLimits usual = COW_FIND_LIMITS_DEFAULT;
  const JsonNode *node = cow_card_get_member (self->card, "evaluation");
  g_autoptr (JsonPath) path = json_path_new ();

  if (!node || !json_path_compile (path, "$.threshold.score", NULL))
    return usual.least;
  g_autoptr (JsonNode) found = json_path_match (path, (JsonNode *)node);
  const JsonArray *values = json_node_get_array (found);
  const double score = json_array_get_length ((JsonArray *)values) == 1
                           ? json_array_get_double_element ((JsonArray *)values, 0)
                           : 0;
  return score > 0 && score < 1 ? (float)score : usual.least;
}

gboolean
cow_classifier_detects (const CowClassifier *self)
{
  return self->finder.file != NULL;
}
