/* SPDX-License-Identifier: MIT */
/* Adapters that find cows in whole frames: the head on its device, and a frame through it. */
#include <json-glib/json-glib.h>
#include <math.h>

#include "model/files/file-writer.h"
#include "model/network/classifier-private.h"
#include "model/network/head-classifier.h"

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

/* The heads of what a cow does, where the card names behaviours, and of who she is, where there is
 * one. */
static gboolean
open_heads (CowClassifier *self, GError **error)
{
  CowFinder *finder = &self->finder;
  const CowRoiMap map = cow_detector_map (&finder->file->config, 0, 0);
  const gint64 n = cow_roi_n_pooled (&map);
  g_autofree char *path = g_build_filename (self->adapter_path, COW_IDENTITY_FILE, NULL);
  CowHeadWeights *weights;

  if (self->card->behaviours && !(finder->head = cow_head_classifier_class.open (
                                      self->stream, self->adapter_path, n, self->card, error)))
    return FALSE;
  if (!cow_path_exists (path))
    return TRUE;
  weights = cow_head_weights_read_file (path, n, 0, error);
  finder->identity = weights ? cow_head_classifier_new (self->stream, weights, error) : NULL;
  return finder->identity != NULL;
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
  return cow_check (status, error, "the head of a detector") && open_heads (self, error);
}

static void
free_head (CowHead **head)
{
  if (*head)
    (*head)->klass->free (g_steal_pointer (head));
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
  free_head (&finder->head);
  free_head (&finder->identity);
  cow_buffer_clear (&finder->features, self->stream);
  g_clear_pointer (&finder->map, g_free);
  g_clear_pointer (&finder->pooled, g_free);
  finder->n_map = finder->n_rooms = 0;
  finder->told = finder->looks = NULL;
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

/* ---- what each of them does ------------------------------------------------------------------ */

/* Room for the map, and for so many cows. */
static gboolean
reserve_told (CowClassifier *self, const CowRoiMap *map, guint n)
{
  CowFinder *finder = &self->finder;
  const gsize n_map = (gsize)map->rows * (gsize)map->columns * (gsize)map->channels,
              of_one = (gsize)cow_roi_n_pooled (map) * sizeof (float);

  if (n_map > finder->n_map) {
    g_free (finder->map);
    finder->map = g_try_new (float, n_map);
    finder->n_map = finder->map ? n_map : 0;
  }
  if (n > finder->n_rooms) {
    g_free (finder->pooled);
    finder->pooled = g_try_malloc_n (n, of_one);
    finder->n_rooms = finder->pooled ? n : 0;
  }
  return finder->n_map >= n_map && finder->n_rooms >= n &&
         cow_buffer_reserve (&finder->features, self->stream, n * of_one);
}

/* What the map on the device says of each detection, to the device. */
static CkStatus
pool (CowClassifier *self, const CowRoiMap *map, const GArray *detections)
{
  CowFinder *finder = &self->finder;
  const guint n = detections->len;
  const gsize of_one = (gsize)cow_roi_n_pooled (map),
              n_map = (gsize)map->rows * (gsize)map->columns * (gsize)map->channels;

  if (!reserve_told (self, map, n))
    return CK_NO_MEMORY;
  COW_TRY (ck_download (self->stream, finder->map,
                        finder->pass.activated[COW_DETECTOR_UNITS - 1].data,
                        n_map * sizeof (float)));
  for (guint i = 0; i < n; i++)
    cow_roi_align (map, finder->map, &g_array_index (detections, CowDetection, i).box,
                   finder->pooled + i * of_one);
  return ck_upload (self->stream, finder->features.data, finder->pooled,
                    n * of_one * sizeof (float));
}

/* A result of a head of n detections, all finite; NULL on error. */
static const float *
ask (CowClassifier *self, CowHead *head, const char *name, guint n, GError **error)
{
  if (!head->klass->run (head, self->finder.features.data, (int)n, error))
    return NULL;
  for (guint i = 0; i < head->n_results; i++) {
    const CowResult *result = &head->results[i];
    if (g_str_equal (result->name, name))
      return cow_classifier_check_finite (self, "a frame", name, result->data, n * result->n, error)
                 ? result->data
                 : NULL;
  }
  g_return_val_if_reached (NULL);
}

/* As the last layer of training read them: without what is below 0. To unit length, in place. */
static void
make_unit (float *looks, guint n, guint width)
{
  for (guint i = 0; i < n; i++, looks += width) {
    double squares = 0;
    for (guint k = 0; k < width; k++) {
      looks[k] = MAX (looks[k], 0);
      squares += (double)looks[k] * (double)looks[k];
    }
    const float scale = squares > 0 ? (float)(1 / sqrt (squares)) : 0;
    for (guint k = 0; k < width; k++)
      looks[k] *= scale;
  }
}

static gboolean
tell (CowClassifier *self, const CowRoiMap *map, const GArray *detections, GError **error)
{
  CowFinder *finder = &self->finder;
  const guint n = detections->len;

  if (!cow_check (pool (self, map, detections), error, "what %u cows do", n) ||
      (finder->head &&
       !(finder->told = ask (self, finder->head, COW_RESULT_PROBABILITIES, n, error))))
    return FALSE;
  if (!finder->identity)
    return TRUE;
  float *looks = (float *)ask (self, finder->identity, COW_RESULT_LOGITS, n, error);
  if (looks)
    make_unit (looks, n, cow_classifier_n_looks (self));
  finder->looks = looks;
  return looks != NULL;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What failed is this frame's; the next one begins anew. */
static gboolean
give_up (CowClassifier *self, GError **error)
{
  ck_stream_reset (self->stream);
  cow_device_explain (self->device, error);
  return FALSE;
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
                error))
    return give_up (self, error);
  if (!cow_classifier_check_finite (self, "a frame", "cells", finder->cells, n_values, error))
    return FALSE;
  cow_cells_read (&cells, finder->cells, limits->least, limits->overlap, limits->most, detections);
  finder->told = finder->looks = NULL;
  if ((!finder->head && !finder->identity) || detections->len == 0)
    return TRUE;
  const CowRoiMap map = cow_detector_map (&finder->file->config, height, width);
  return tell (self, &map, detections, error) || give_up (self, error);
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

const char *const *
cow_classifier_behaviours (const CowClassifier *self)
{
  return self->card->detects ? cow_card_told (self->card) : NULL;
}

guint
cow_classifier_n_behaviours (const CowClassifier *self)
{
  const char *const *names = cow_classifier_behaviours (self);

  return names ? g_strv_length ((char **)names) : 0;
}

const float *
cow_classifier_told (const CowClassifier *self)
{
  return self->finder.told;
}

guint
cow_classifier_n_looks (const CowClassifier *self)
{
  const CowHead *identity = self->finder.identity;

  return identity ? (guint)identity->results[0].n : 0;
}

const float *
cow_classifier_looks (const CowClassifier *self)
{
  return self->finder.looks;
}
