/* SPDX-License-Identifier: MIT */
/*
 * replay-detector OUT: one pass of a detector's head in training on tokens of chance, with all that
 * goes in and comes out as a safetensors file, for check_interop.py: token.I, the heads' tensors,
 * boxes [n, 6] (frame, x, y, w, h, class), cells, losses [batch, 2] (heat, sides), regions [1] (the
 * cross entropy of what the boxes show), and the gradients of tokens and tensors, as grad.NAME.
 */
#include "model/files/safetensors.h"
#include "model/training/detector-train.h"
#include "model/training/random.h"
#include "model/training/region-train.h"

#define BATCH    2
#define N_PREFIX 5
#define HEIGHT   96
#define WIDTH    144
#define FEATURES 24
#define TOKENS   (N_PREFIX + 6 * 9)
#define N        (BATCH * TOKENS * FEATURES)
#define CLASSES  3

static const CowDetectorConfig config = {
  .n_levels = 2, .layers = { 1, 3 }, .n_features = FEATURES, .width = 32, .patch = 16, .split = 2
};

/* Frame, box, and what it shows: apart, one in another, over the edge, equal middles. */
static const float boxes[][6] = { { 0, 8, 8, 40, 32, 1 },   { 0, 60, 20, 70, 60, 0 },
                                  { 0, 70, 40, 30, 30, 2 }, { 1, -20, 10, 60, 50, 2 },
                                  { 1, 90, 30, 50, 66, 0 }, { 1, 80, 38, 70, 50, 1 } };

typedef struct {
  CowSafetensorsWriter *writer;
  CkStream *stream;
  GError **error;
  gboolean ok;
  GPtrArray *data; /* copies, in the order of declaration */
  GArray *bytes;   /* of gsize */
} Out;

static void
add (Out *self, const char *name, const void *data, guint n_dims, const gint64 *dims)
{
  gsize bytes = sizeof (float);
  for (guint i = 0; i < n_dims; i++)
    bytes *= (gsize)dims[i];
  cow_safetensors_writer_declare (self->writer, name, COW_F32, dims, n_dims);
  g_ptr_array_add (self->data, g_memdup2 (data, bytes));
  g_array_append_val (self->bytes, bytes);
}

/* Device memory. */
static void
add_device (Out *self, const char *name, const float *data, guint n_dims, const gint64 *dims)
{
  gsize n = 1;
  for (guint i = 0; i < n_dims; i++)
    n *= (gsize)dims[i];
  g_autofree float *host = g_new (float, n);
  self->ok = self->ok && cow_check (ck_download (self->stream, host, data, n * sizeof *host),
                                    self->error, name);
  add (self, name, host, n_dims, dims);
}

static void
add_parameters (Out *self, const CowParameters *parameters)
{
  for (guint i = 0; i < parameters->list->len; i++) {
    const CowParameter *one = cow_parameters_get (parameters, i);
    g_autofree char *gradient = g_strconcat ("grad.", one->name, NULL);
    add_device (self, one->name, cow_parameters_value (parameters, i), one->n_dims, one->dims);
    add_device (self, gradient, cow_parameters_gradient (parameters, i), one->n_dims, one->dims);
  }
}

/* The losses [BATCH, 2], and the gradients of the mean over the frames to dcells. */
static void
judge (const float *cells_of_all, float *losses, float *dcells)
{
  const CowCells cells = cow_detector_cells (&config, HEIGHT, WIDTH);
  const gsize n = cow_cells_n (&cells) * COW_CELL_VALUES;
  for (int frame = 0; frame < BATCH; frame++) {
    CowBounds own[G_N_ELEMENTS (boxes)];
    guint n_own = 0;
    for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
      if ((int)boxes[i][0] == frame)
        own[n_own++] = (CowBounds){ boxes[i][1], boxes[i][2], boxes[i][3], boxes[i][4] };
    const CowDetectionLoss loss = cow_detection_loss (&cells, cells_of_all + (gsize)frame * n, own,
                                                      n_own, 1. / BATCH, dcells + (gsize)frame * n);
    losses[2 * frame] = (float)loss.heat;
    losses[2 * frame + 1] = (float)loss.sides;
  }
}

/* What the boxes show: the loss, and the gradient of the map. */
static gboolean
tell (CowDetectorTrain *head, CowRegionTrain *regions, float *dmap, double *loss, GError **error)
{
  const CowRoiMap map = cow_detector_map (&config, HEIGHT, WIDTH);
  const CowRegionPass pass = { .smoothing = .1f, .factor = 1, .batch = BATCH };
  CowRegionLabel labels[G_N_ELEMENTS (boxes)];
  const float *values = cow_detector_train_map (head, error);
  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
    labels[i] = (CowRegionLabel){ (int)boxes[i][0],
                                  { boxes[i][1], boxes[i][2], boxes[i][3], boxes[i][4] },
                                  (gint32)boxes[i][5] };
  return values && cow_region_train_loss (regions, &map, values, labels, G_N_ELEMENTS (labels),
                                          &pass, loss, dmap, error);
}

static gboolean
replay (Out *self, CowParameters *parameters, GError **error)
{
  g_autoptr (CowDetectorTrain) head = cow_detector_train_new (parameters, &config);
  g_autoptr (CowRegionTrain) regions =
      cow_region_train_new (parameters, config.width, CLASSES, COW_HEAD_TAPERED, 0, NULL);
  const gint64 token_dims[] = { BATCH, TOKENS, FEATURES },
               cell_dims[] = { BATCH, 6 * 9, cow_detector_n_outputs (&config) },
               loss_dims[] = { BATCH, 2 }, box_dims[] = { G_N_ELEMENTS (boxes), 6 }, one[] = { 1 };
  double loss;
  float *tokens[2], *dtokens[2], losses[2 * BATCH];
  g_autofree float *host = g_new (float, N),
                   *dcells = g_new (float, cell_dims[0] * cell_dims[1] * cell_dims[2]),
                   *dmap = g_new0 (float, cell_dims[0] * cell_dims[1] * config.width);
  if (!cow_parameters_allocate (parameters, error) ||
      !cow_detector_train_start (head, 4, NULL, error) ||
      !cow_region_train_start (regions, NULL, 6, error))
    return FALSE;
  for (int i = 0; i < 2; i++) {
    for (gsize k = 0; k < N; k++)
      host[k] = (float)cow_random_normal ((guint64)i, k);
    tokens[i] = ck_alloc (self->stream, N * sizeof (float));
    dtokens[i] = ck_alloc (self->stream, N * sizeof (float));
    ck_upload (self->stream, tokens[i], host, N * sizeof (float));
  }
  const float *cells = cow_detector_train_forward (head, (const float *const *)tokens, N_PREFIX,
                                                   BATCH, HEIGHT, WIDTH, error);
  if (!cells)
    return FALSE;
  judge (cells, losses, dcells);
  add (self, "cells", cells, 3, cell_dims);
  add (self, "losses", losses, 2, loss_dims);
  add (self, "boxes", boxes, 2, box_dims);
  if (!cow_parameters_begin_batch (parameters, error) ||
      !tell (head, regions, dmap, &loss, error) ||
      !cow_detector_train_backward (head, dcells, dmap, dtokens, error) ||
      !cow_parameters_end_batch (parameters, error))
    return FALSE;
  add (self, "regions", &(float){ (float)loss }, 1, one);
  add_parameters (self, parameters);
  for (int i = 0; i < 2; i++) {
    g_autofree char *name = g_strdup_printf ("token.%d", i),
                    *gradient = g_strdup_printf ("grad.token.%d", i);
    add_device (self, name, tokens[i], 3, token_dims);
    add_device (self, gradient, dtokens[i], 3, token_dims);
    ck_free (self->stream, tokens[i]);
    ck_free (self->stream, dtokens[i]);
  }
  return self->ok;
}

static gboolean
write_all (Out *self, GError **error)
{
  for (guint i = 0; i < self->data->len; i++)
    if (!cow_safetensors_writer_write (self->writer, self->data->pdata[i],
                                       g_array_index (self->bytes, gsize, i), error))
      return FALSE;
  return cow_safetensors_writer_finish (self->writer, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc != 2) {
    g_printerr ("usage: replay-detector OUT\n");
    return 2;
  }
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, &error);
  g_autoptr (CkStream) stream = device ? cow_stream_new (device, 0, &error) : NULL;
  g_autoptr (CowParameters) parameters = stream ? cow_parameters_new (stream) : NULL;
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (argv[1]);
  g_autoptr (GPtrArray) data = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) bytes = g_array_new (FALSE, FALSE, sizeof (gsize));
  Out out = { writer, stream, &error, TRUE, data, bytes };
  const gboolean done = parameters && replay (&out, parameters, &error) && write_all (&out, &error);
  if (!done)
    g_printerr ("%s\n", error->message);
  return done ? 0 : 1;
}
