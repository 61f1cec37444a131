/* SPDX-License-Identifier: MIT */
/* Networks that look for boxes: tokens of some layers go through a detector's head, and back. */
#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/network/detector-file.h"
#include "model/training/network-private.h"
#include "model/training/random.h"

#define OFF .08

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

static gboolean
has_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return cow_path_exists (path);
}

/* The folder whose heads the network starts from; NULL: they begin anew, as where an adapter that
 * classifies has none for boxes. */
static const char *
heads_of (const CowNetworkOptions *options)
{
  if (options->start_head)
    return options->start_head;
  return options->start && has_file (options->start, COW_DETECTOR_FILE) ? options->start : NULL;
}

gboolean
cow_network_boxes_regions (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  const CowRoiMap map = cow_detector_map (&boxes->config, 0, 0);
  const char *folder = heads_of (options);

  boxes->labelled = g_array_new (FALSE, FALSE, sizeof (CowRegionLabel));
  /* Who is who is learnt anew: other data have other cows. Its head is narrow for every kind, as
   * what is kept of it is a vector for each cow; the map's norms keep it alive. */
  if (options->n_identities > 0)
    boxes->identities = cow_region_train_new (self->parameters, map.channels, options->n_identities,
                                              COW_HEAD_TAPERED, options->head_dropout, NULL);
  if (options->n_classes == 0)
    return TRUE;
  /* One that only finds boxes has no classes to start from. */
  if (folder && has_file (folder, COW_HEAD_FILE) &&
      !(boxes->like =
            cow_head_weights_read (folder, cow_roi_n_pooled (&map), options->n_classes, error)))
    return FALSE;
  boxes->regions = cow_region_train_new (self->parameters, map.channels, options->n_classes,
                                         self->kind->head, options->head_dropout, boxes->like);
  return TRUE;
}

gboolean
cow_network_boxes_start (CowNetwork *self, const CowNetworkOptions *options, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  const char *folder = heads_of (options);
  g_autoptr (CowDetectorFile) file = NULL;

  if (folder && !(file = cow_detector_file_read (folder, config_of (self), &boxes->config, error)))
    return FALSE;
  return cow_detector_train_start (boxes->head, options->seed,
                                   file ? (const float *const *)file->tensors : NULL, error) &&
         (!boxes->regions ||
          cow_region_train_start (boxes->regions, boxes->like,
                                  cow_random_key (options->seed, G_MAXUINT32), error)) &&
         (!boxes->identities ||
          cow_region_train_start (boxes->identities, NULL,
                                  cow_random_key (options->seed, G_MAXUINT32 - 1), error));
}

gboolean
cow_network_boxes_save (const CowNetwork *self, const char *folder, GError **error)
{
  const CowNetworkBoxes *boxes = &self->boxes;

  return cow_detector_train_write (boxes->head, folder, error) &&
         (!boxes->regions ||
          cow_head_train_write (cow_region_train_head (boxes->regions), folder, error)) &&
         (!boxes->identities ||
          cow_head_train_write_identity (cow_region_train_head (boxes->identities), folder, error));
}

void
cow_network_boxes_clear (CowNetwork *self)
{
  CowNetworkBoxes *boxes = &self->boxes;

  g_clear_pointer (&boxes->head, cow_detector_train_free);
  g_clear_pointer (&boxes->regions, cow_region_train_free);
  g_clear_pointer (&boxes->identities, cow_region_train_free);
  g_clear_pointer (&boxes->like, cow_head_weights_free);
  g_clear_pointer (&boxes->base, cow_backbone_free);
  for (guint i = 0; i < COW_DETECTOR_MAX_LEVELS; i++) {
    cow_buffer_clear (&boxes->tokens[i], self->stream);
    cow_buffer_clear (&boxes->dtokens[i], self->stream);
  }
  g_clear_pointer (&boxes->labelled, g_array_unref);
  g_free (boxes->dcells);
  g_free (boxes->dmap);
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

  boxes->cells = boxes->map = NULL;
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
  boxes->training = training;
  boxes->key = key;
  return boxes->cells != NULL;
}

/* Room for n floats of a gradient. */
static gboolean
ensure_gradient (const CowNetworkBoxes *boxes, float **values, gsize *room, gsize n, GError **error)
{
  if (n <= *room)
    return TRUE;
  g_free (*values);
  *values = g_try_new (float, n);
  *room = *values ? n : 0;
  return *values || cow_check (CK_NO_MEMORY, error, "the loss of %d frames", boxes->batch);
}

/* Whether anything is read from the map. */
static gboolean
reads_map (const CowNetworkBoxes *boxes)
{
  return boxes->regions || boxes->identities;
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
  return cow_detector_train_backward (boxes->head, boxes->dcells,
                                      reads_map (boxes) ? boxes->dmap : NULL,
                                      self->backbone ? dtokens : NULL, error) &&
         (!self->backbone || self->backbone->klass->tokens_backward (
                                 self->backbone, boxes->config.layers, boxes->config.n_levels,
                                 (const float *const *)dtokens, error)) &&
         cow_parameters_end_batch (self->parameters, error);
}

/* A box as a detector may find it: each of its edges is off by up to OFF of a side. It depends on
 * the box and the pass, not on the others of its batch. */
static CowBounds
shaken (const CowBounds *box, guint64 pass)
{
  const guint64 key = cow_random_key (cow_random_key (pass, (guint64)(box->x * (1 << 16))),
                                      (guint64)(box->y * (1 << 16)));
  double by[4];

  for (int i = 0; i < 4; i++)
    by[i] = OFF * (2 * cow_random_unit (key, (guint64)i) - 1);
  return (CowBounds){ box->x + by[0] * box->w, box->y + by[1] * box->h,
                      box->w * (1 + by[2] - by[0]), box->h * (1 + by[3] - by[1]) };
}

/* The boxes whose label is known, in training as they might be found. */
static void
collect_labelled (CowNetworkBoxes *boxes, const CowFrameBoxes *frames, gboolean identities)
{
  g_array_set_size (boxes->labelled, 0);
  for (int i = 0; i < boxes->batch; i++) {
    const gint32 *labels = identities ? frames[i].identities : frames[i].labels;
    for (guint k = 0; labels && k < frames[i].n; k++) {
      const CowBounds *box = &frames[i].boxes[k];
      const CowRegionLabel one = { i, boxes->training ? shaken (box, boxes->key) : *box,
                                   labels[k] };

      if (one.label >= 0)
        g_array_append_val (boxes->labelled, one);
    }
  }
}

/* The map of the last pass, which is read from the device once. */
static gboolean
ensure_map (CowNetworkBoxes *boxes, GError **error)
{
  if (!boxes->map)
    boxes->map = cow_detector_train_map (boxes->head, error);
  return boxes->map != NULL;
}

/* Adds to *loss what the boxes with a label are off, and with_backward adds to the map's
 * gradient. */
static gboolean
add_labelled (CowNetworkBoxes *boxes, CowRegionTrain *head, const CowRoiMap *map,
              const CowRegionPass *pass, double weight, gboolean with_backward, double *loss,
              GError **error)
{
  const CowRegionLabel *labelled = (const CowRegionLabel *)(void *)boxes->labelled->data;
  double mean;

  if (!cow_region_train_loss (head, map, boxes->map, labelled, boxes->labelled->len, pass, &mean,
                              with_backward ? boxes->dmap : NULL, error))
    return FALSE;
  *loss += weight * mean;
  return TRUE;
}

/* What the boxes show, and who is in them. */
static gboolean
add_regions (CowNetworkBoxes *boxes, const CowFrameBoxes *frames, float smoothing,
             gboolean with_backward, float factor, double *loss, GError **error)
{
  const CowRoiMap map = cow_detector_map (&boxes->config, boxes->height, boxes->width);
  const gsize n = (gsize)boxes->batch * (gsize)map.rows * (gsize)map.columns * (gsize)map.channels;
  CowRegionPass pass = { .training = boxes->training,
                         .key = boxes->key,
                         .smoothing = smoothing,
                         .batch = boxes->batch,
                         .factor = COW_REGIONS_WEIGHT * (double)factor };

  if (!ensure_map (boxes, error) ||
      (with_backward && !ensure_gradient (boxes, &boxes->dmap, &boxes->n_dmap, n, error)))
    return FALSE;
  if (with_backward)
    memset (boxes->dmap, 0, n * sizeof (float));
  collect_labelled (boxes, frames, FALSE);
  if (boxes->regions && !add_labelled (boxes, boxes->regions, &map, &pass, COW_REGIONS_WEIGHT,
                                       with_backward, loss, error))
    return FALSE;
  /* Other cows than those of training are nobody that it knows. */
  if (!boxes->identities || !boxes->training)
    return TRUE;
  pass.factor = COW_IDENTITIES_WEIGHT * (double)factor;
  collect_labelled (boxes, frames, TRUE);
  return add_labelled (boxes, boxes->identities, &map, &pass, COW_IDENTITIES_WEIGHT, with_backward,
                       loss, error);
}

gboolean
cow_network_loss_boxes (CowNetwork *self, const CowFrameBoxes *frames, float smoothing,
                        gboolean with_backward, float factor, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  g_return_val_if_fail (self->n_kept > 0 && boxes->cells, FALSE);
  CowKeptPass *kept = &g_array_index (self->kept, CowKeptPass, self->n_kept - 1);
  const CowCells cells = cow_detector_cells (&boxes->config, boxes->height, boxes->width);
  const gsize n = cow_cells_n (&cells) * COW_CELL_VALUES, all = (gsize)boxes->batch * n;

  if ((with_backward && !ensure_gradient (boxes, &boxes->dcells, &boxes->n_dcells, all, error)) ||
      (with_backward && !cow_parameters_begin_batch (self->parameters, error)))
    return FALSE;
  kept->host_loss = 0;
  for (int i = 0; i < boxes->batch; i++) {
    const CowDetectionLoss loss = cow_detection_loss (
        &cells, boxes->cells + (gsize)i * n, frames[i].boxes, frames[i].n,
        (double)factor / boxes->batch, with_backward ? boxes->dcells + (gsize)i * n : NULL);
    kept->host_loss += (loss.heat + COW_DETECTION_SIDES_WEIGHT * loss.sides) / boxes->batch;
  }
  if (reads_map (boxes) &&
      !add_regions (boxes, frames, smoothing, with_backward, factor, &kept->host_loss, error))
    return FALSE;
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

const float *
cow_network_tell_boxes (CowNetwork *self, int i, const CowBounds *places, guint n, GError **error)
{
  CowNetworkBoxes *boxes = &self->boxes;
  g_return_val_if_fail (boxes->regions && i >= 0 && i < boxes->batch, NULL);
  const CowRoiMap map = cow_detector_map (&boxes->config, boxes->height, boxes->width);
  const gsize of_frame = (gsize)map.rows * (gsize)map.columns * (gsize)map.channels;

  return ensure_map (boxes, error)
             ? cow_region_train_logits (boxes->regions, &map, boxes->map + (gsize)i * of_frame,
                                        places, n, error)
             : NULL;
}
