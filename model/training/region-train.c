/* SPDX-License-Identifier: MIT */
#include "model/training/region-train.h"

#include "model/files/floats.h"
#include "model/network/buffer.h"

struct _CowRegionTrain {
  CkStream *stream;
  CowHeadTrain *head;
  gint64 n_pooled; /* numbers of a box */
  guint n_classes;
  /* Host, with room for n_host boxes */
  float *pooled;  /* [n, n_pooled]; what a box gives, then its gradient */
  float *logits;  /* [n, n_classes] */
  gint32 *labels; /* [n] */
  guint n_host;
  /* Device */
  CowBuffer features;              /* [n, n_pooled] */
  CowBuffer device_labels, losses; /* [n], [1] double */
  CowBuffer dlogits;               /* [n, n_classes] */
};

CowRegionTrain *
cow_region_train_new (CowParameters *parameters, gint64 channels, guint n_classes,
                      CowHeadStyle style, float dropout, const CowHeadWeights *like)
{
  const CowRoiMap map = { .channels = channels };
  CowRegionTrain *self = g_new0 (CowRegionTrain, 1);
  self->stream = parameters->stream;
  self->n_pooled = cow_roi_n_pooled (&map);
  self->n_classes = n_classes;
  self->head = cow_head_train_new (parameters, self->n_pooled, n_classes, style, dropout, like);
  return self;
}

void
cow_region_train_free (CowRegionTrain *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->head, cow_head_train_free);
  cow_buffer_clear (&self->features, self->stream);
  cow_buffer_clear (&self->device_labels, self->stream);
  cow_buffer_clear (&self->losses, self->stream);
  cow_buffer_clear (&self->dlogits, self->stream);
  g_free (self->pooled);
  g_free (self->logits);
  g_free (self->labels);
  g_free (self);
}

gboolean
cow_region_train_start (CowRegionTrain *self, const CowHeadWeights *head, guint64 seed,
                        GError **error)
{
  return cow_head_train_start (self->head, head, seed, error);
}

const CowHeadTrain *
cow_region_train_head (const CowRegionTrain *self)
{
  return self->head;
}

/* ---- passes ---------------------------------------------------------------------------------- */

static gboolean
ensure (CowRegionTrain *self, guint n, GError **error)
{
  const gsize of_pooled = (gsize)self->n_pooled * sizeof (float),
              of_logits = self->n_classes * sizeof (float);
  if (n > self->n_host) {
    g_free (self->pooled);
    g_free (self->logits);
    g_free (self->labels);
    self->pooled = g_try_malloc_n (n, of_pooled);
    self->logits = g_try_malloc_n (n, of_logits);
    self->labels = g_try_new (gint32, n);
    self->n_host = self->pooled && self->logits && self->labels ? n : 0;
  }
  return (self->n_host >= n && cow_buffer_reserve (&self->features, self->stream, n * of_pooled) &&
          cow_buffer_reserve (&self->device_labels, self->stream, n * sizeof (gint32)) &&
          cow_buffer_reserve (&self->losses, self->stream, sizeof (double)) &&
          cow_buffer_reserve (&self->dlogits, self->stream, n * of_logits)) ||
         cow_check (CK_NO_MEMORY, error, "%u boxes of frames", n);
}

/* The floats of a picture's map. */
static gsize
map_size (const CowRoiMap *map)
{
  return (gsize)map->rows * (gsize)map->columns * (gsize)map->channels;
}

/* Logits of the n boxes in self->pooled, device memory of the head's. */
static const float *
run (CowRegionTrain *self, guint n, gboolean training, guint64 key, GError **error)
{
  if (!cow_check (ck_upload (self->stream, self->features.data, self->pooled,
                             n * (gsize)self->n_pooled * sizeof (float)),
                  error, "boxes of frames"))
    return NULL;
  return cow_head_train_forward (self->head, self->features.data, (int)n, training, key, error);
}

/* Of the boxes [first, end), which are one picture's. */
static CkStatus
picture_loss (CowRegionTrain *self, guint first, guint end, const float *logits,
              const CowRegionPass *pass, gboolean backward, double *loss)
{
  const gsize at = (gsize)first * self->n_classes;
  const CkCrossEntropy op = { .batch = end - first,
                              .classes = self->n_classes,
                              .logits = logits + at,
                              .labels = (const gint32 *)self->device_labels.data + first,
                              .smoothing = pass->smoothing,
                              .factor = (float)(pass->factor / pass->batch),
                              .loss = self->losses.data,
                              .dlogits = backward ? (float *)self->dlogits.data + at : NULL };
  double mean;
  COW_TRY (self->stream->training->cross_entropy (self->stream, &op));
  COW_TRY (ck_download (self->stream, &mean, self->losses.data, sizeof mean));
  *loss += mean / pass->batch;
  return CK_OK;
}

static CkStatus
cross_entropy (CowRegionTrain *self, const CowRegionLabel *regions, guint n, const float *logits,
               const CowRegionPass *pass, gboolean backward, double *loss)
{
  COW_TRY (ck_upload (self->stream, self->device_labels.data, self->labels, n * sizeof (gint32)));
  for (guint first = 0, end; first < n; first = end) {
    for (end = first + 1; end < n && regions[end].picture == regions[first].picture;)
      end++;
    COW_TRY (picture_loss (self, first, end, logits, pass, backward, loss));
  }
  return CK_OK;
}

/* From the gradient of the logits to those of the maps. */
static gboolean
backward (CowRegionTrain *self, const CowRoiMap *map, const CowRegionLabel *regions, guint n,
          float *dvalues, GError **error)
{
  const float *dfeatures;
  if (!cow_head_train_backward (self->head, self->dlogits.data, TRUE, &dfeatures, error) ||
      !cow_check (ck_download (self->stream, self->pooled, dfeatures,
                               n * (gsize)self->n_pooled * sizeof (float)),
                  error, "gradients of boxes"))
    return FALSE;
  for (guint i = 0; i < n; i++)
    cow_roi_align_backward (map, &regions[i].box, self->pooled + i * self->n_pooled,
                            dvalues + (gsize)regions[i].picture * map_size (map));
  return TRUE;
}

gboolean
cow_region_train_loss (CowRegionTrain *self, const CowRoiMap *map, const float *values,
                       const CowRegionLabel *regions, guint n, const CowRegionPass *pass,
                       double *loss, float *dvalues, GError **error)
{
  *loss = 0;
  if (n == 0)
    return TRUE;
  if (!ensure (self, n, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    cow_roi_align (map, values + (gsize)regions[i].picture * map_size (map), &regions[i].box,
                   self->pooled + i * self->n_pooled);
    self->labels[i] = regions[i].label;
  }
  const float *logits = run (self, n, pass->training, pass->key, error);
  return logits &&
         cow_check (cross_entropy (self, regions, n, logits, pass, dvalues != NULL, loss), error,
                    "the loss of boxes") &&
         (!dvalues || backward (self, map, regions, n, dvalues, error));
}

const float *
cow_region_train_logits (CowRegionTrain *self, const CowRoiMap *map, const float *values,
                         const CowBounds *boxes, guint n, GError **error)
{
  if (!ensure (self, MAX (n, 1), error))
    return NULL;
  for (guint i = 0; i < n; i++)
    cow_roi_align (map, values, &boxes[i], self->pooled + i * self->n_pooled);
  const float *logits = n > 0 ? run (self, n, FALSE, 0, error) : self->logits;
  if (!logits || (n > 0 && !cow_check (ck_download (self->stream, self->logits, logits,
                                                    n * self->n_classes * sizeof (float)),
                                       error, "what boxes show")))
    return NULL;
  return self->logits;
}
