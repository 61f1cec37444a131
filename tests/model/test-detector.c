/* SPDX-License-Identifier: MIT */
/* The head of a detector, and that of what boxes show: their gradients against differences, and
 * that it learns to find squares. */
#include <math.h>
#include <string.h>

#include "model/training/detector-train.h"
#include "model/training/random.h"
#include "model/training/region-train.h"

#define BATCH    2
#define N_PREFIX 3
#define HEIGHT   80
#define WIDTH    112
#define FEATURES 6
#define TOKENS   (N_PREFIX + 5 * 7)
#define N        (BATCH * TOKENS * FEATURES)
#define CLASSES  3

static const CowDetectorConfig config = {
  .n_levels = 2,
  .layers = { 1, 3 },
  .n_features = FEATURES,
  .width = 8,
  .patch = 16,
  .split = 2,
};

typedef struct {
  CkDevice *device;
  CkStream *stream;
  CowParameters *parameters;
  CowDetectorTrain *head;
  CowRegionTrain *regions;
  float *host[2], *tokens[2], *dtokens[2]; /* [N] each */
} Fixture;

static void
set_up (Fixture *self, gconstpointer level)
{
  GError *error = NULL;
  const CkDeviceOptions options = { .features = level };
  g_assert_cmpint (ck_device_open ("cpu", &options, &self->device), ==, CK_OK);
  self->stream = cow_stream_new (self->device, 0, &error);
  g_assert_no_error (error);
  self->parameters = cow_parameters_new (self->stream);
  self->head = cow_detector_train_new (self->parameters, &config);
  /* Smooth, so that differences are its gradients. */
  self->regions =
      cow_region_train_new (self->parameters, config.width, CLASSES, COW_HEAD_NORMED, 0, NULL);
  g_assert_true (cow_parameters_allocate (self->parameters, &error));
  g_assert_true (cow_detector_train_start (self->head, 3, NULL, &error));
  g_assert_true (cow_region_train_start (self->regions, NULL, 5, &error));
  for (int i = 0; i < 2; i++) {
    self->host[i] = g_new (float, N);
    self->tokens[i] = ck_alloc (self->stream, N * sizeof (float));
    self->dtokens[i] = ck_alloc (self->stream, N * sizeof (float));
    for (gsize k = 0; k < N; k++)
      self->host[i][k] = (float)cow_random_normal ((guint64)i, k);
    ck_upload (self->stream, self->tokens[i], self->host[i], N * sizeof (float));
  }
}

static void
tear_down (Fixture *self, gconstpointer level)
{
  for (int i = 0; i < 2; i++) {
    g_free (self->host[i]);
    ck_free (self->stream, self->tokens[i]);
    ck_free (self->stream, self->dtokens[i]);
  }
  cow_region_train_free (self->regions);
  cow_detector_train_free (self->head);
  cow_parameters_free (self->parameters);
  ck_stream_free (self->stream);
  ck_device_close (self->device);
}

static const CowBounds boxes[BATCH][2] = { { { 8, 8, 40, 32 }, { 60, 20, 50, 50 } },
                                           { { 30, 30, 64, 40 }, { 4, 40, 20, 36 } } };

/* What the boxes show, all in one. */
static const CowRegionLabel regions[] = { { 0, { 8, 8, 40, 32 }, 1 },
                                          { 0, { 60, 20, 50, 50 }, 2 },
                                          { 1, { 30, 30, 64, 40 }, 0 } };

/* The loss of what the boxes show, and the gradient of the map. */
static double
regions_loss (Fixture *self, float *dmap)
{
  const CowRoiMap map = cow_detector_map (&config, HEIGHT, WIDTH);
  const CowRegionPass how = { .factor = 1, .batch = BATCH };
  GError *error = NULL;
  double loss;
  const float *values = cow_detector_train_map (self->head, &error);
  g_assert_no_error (error);
  cow_region_train_loss (self->regions, &map, values, regions, G_N_ELEMENTS (regions), &how, &loss,
                         dmap, &error);
  g_assert_no_error (error);
  return loss;
}

/* The loss of both frames; with `backward`, all gradients too. */
static double
pass (Fixture *self, gboolean backward)
{
  GError *error = NULL;
  const CowCells cells = cow_detector_cells (&config, HEIGHT, WIDTH);
  const gsize n = cow_cells_n (&cells) * COW_CELL_VALUES;
  g_autofree float *dcells = g_new (float, BATCH *n);
  double loss = 0;
  const float *values = cow_detector_train_forward (self->head, (const float *const *)self->tokens,
                                                    N_PREFIX, BATCH, HEIGHT, WIDTH, &error);
  g_assert_no_error (error);
  for (int i = 0; i < BATCH; i++) {
    const CowDetectionLoss one =
        cow_detection_loss (&cells, values + (gsize)i * n, boxes[i], 2, 1, dcells + (gsize)i * n);
    loss += one.heat + COW_DETECTION_SIDES_WEIGHT * one.sides;
  }
  if (!backward)
    return loss + regions_loss (self, NULL);
  g_autofree float *dmap = g_new0 (float, BATCH * 5 * 7 * config.width);
  g_assert_true (cow_parameters_begin_batch (self->parameters, &error));
  loss += regions_loss (self, dmap);
  g_assert_true (cow_detector_train_backward (self->head, dcells, dmap, self->dtokens, &error));
  g_assert_true (cow_parameters_end_batch (self->parameters, &error));
  return loss;
}

/* Along a direction of `n` numbers that `gradient` has and `values` is moved in. */
static double
promise (const float *gradient, gsize n, float *direction)
{
  double length = 0, slope = 0;
  for (gsize i = 0; i < n; i++) {
    direction[i] = (float)((.2 + 1.8 * cow_random_unit (n, i)) * gradient[i]);
    length += (double)direction[i] * direction[i];
  }
  for (gsize i = 0; i < n && length > 0; i++) {
    direction[i] = (float)(direction[i] / sqrt (length));
    slope += (double)direction[i] * gradient[i];
  }
  return slope;
}

typedef void (*Move) (Fixture *self, guint which, const float *values);

static void
move_parameter (Fixture *self, guint which, const float *values)
{
  g_assert_true (cow_parameters_set (self->parameters, which, values, NULL));
}

static void
move_tokens (Fixture *self, guint which, const float *values)
{
  g_assert_cmpint (ck_upload (self->stream, self->tokens[which], values, N * sizeof (float)), ==,
                   CK_OK);
}

static void
check (Fixture *self, Move move, guint which, const float *values, const float *gradient, gsize n)
{
  g_autofree float *direction = g_new (float, n), *moved = g_new (float, n);
  const double expected = promise (gradient, n, direction);
  double found = 0;
  for (int sign = -1; sign <= 1; sign += 2) {
    for (gsize i = 0; i < n; i++)
      moved[i] = values[i] + (float)(sign * 2e-3) * direction[i];
    move (self, which, moved);
    found += sign * pass (self, FALSE) / 4e-3;
  }
  move (self, which, values);
  g_test_message ("%u: %g, by differences %g", which, expected, found);
  g_assert_cmpfloat (expected, >, 1e-3);
  g_assert_cmpfloat_with_epsilon (found, expected, 1e-3 + .01 * expected);
}

static void
test_gradients (Fixture *self, gconstpointer level)
{
  pass (self, TRUE);
  for (guint i = 0; i < self->parameters->list->len; i++) {
    const CowParameter *parameter = cow_parameters_get (self->parameters, i);
    g_autofree float *values = g_new (float, parameter->count),
                     *gradient = g_new (float, parameter->count);
    g_assert_true (cow_parameters_read (self->parameters, i, values, NULL));
    ck_download (self->stream, gradient, cow_parameters_gradient (self->parameters, i),
                 parameter->count * sizeof (float));
    check (self, move_parameter, i, values, gradient, parameter->count);
  }
  for (guint i = 0; i < 2; i++) {
    g_autofree float *gradient = g_new (float, N);
    ck_download (self->stream, gradient, self->dtokens[i], N * sizeof (float));
    check (self, move_tokens, i, self->host[i], gradient, N);
    for (gsize k = 0; k < N_PREFIX * FEATURES; k++)
      g_assert_cmpfloat (gradient[k], ==, 0);
  }
}

/* It learns two frames by heart, and then finds their boxes and no others. */
static void
test_learns (Fixture *self, gconstpointer level)
{
  GError *error = NULL;
  const CowCells cells = cow_detector_cells (&config, HEIGHT, WIDTH);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  const double first = pass (self, FALSE);
  for (int step = 1; step <= 400; step++) {
    const CowAdamW settings = { 1e-2, .9, .999, 1e-8, 0, step, 0 };
    pass (self, TRUE);
    g_assert_true (cow_parameters_step (self->parameters, &settings, 10, &error));
  }
  g_assert_cmpfloat (pass (self, FALSE), <, first / 20);
  const float *values = cow_detector_train_forward (self->head, (const float *const *)self->tokens,
                                                    N_PREFIX, BATCH, HEIGHT, WIDTH, &error);
  for (int i = 0; i < BATCH; i++) {
    cow_cells_read (&cells, values + (gsize)i * cow_cells_n (&cells) * COW_CELL_VALUES, .3f, .6,
                    100, found);
    g_assert_cmpuint (found->len, ==, 2);
    for (guint k = 0; k < 2; k++) {
      const CowBounds *box = &g_array_index (found, CowDetection, k).box;
      g_assert_cmpfloat (
          MAX (cow_bounds_iou (box, &boxes[i][0]), cow_bounds_iou (box, &boxes[i][1])), >, .8);
    }
  }
}

/* The cells of a frame do not depend on who is in its batch. */
static void
test_batch (Fixture *self, gconstpointer level)
{
  GError *error = NULL;
  const CowCells cells = cow_detector_cells (&config, HEIGHT, WIDTH);
  const gsize n = cow_cells_n (&cells) * COW_CELL_VALUES, bytes = n * sizeof (float);
  const float *both = cow_detector_train_forward (self->head, (const float *const *)self->tokens,
                                                  N_PREFIX, BATCH, HEIGHT, WIDTH, &error);
  g_autofree float *second = g_memdup2 (both + n, bytes);
  const float *tokens[2] = { self->tokens[0] + N / BATCH, self->tokens[1] + N / BATCH };
  const float *alone =
      cow_detector_train_forward (self->head, tokens, N_PREFIX, 1, HEIGHT, WIDTH, &error);
  g_assert_cmpmem (second, bytes, alone, bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const char *const *level = ck_cpu_levels (); *level; level++) {
    g_autofree char *gradients = g_strconcat ("/detector/gradients/", *level, NULL),
                    *learns = g_strconcat ("/detector/learns/", *level, NULL),
                    *batch = g_strconcat ("/detector/batch/", *level, NULL);
    g_test_add (gradients, Fixture, *level, set_up, test_gradients, tear_down);
    g_test_add (learns, Fixture, *level, set_up, test_learns, tear_down);
    g_test_add (batch, Fixture, *level, set_up, test_batch, tear_down);
  }
  return g_test_run ();
}
