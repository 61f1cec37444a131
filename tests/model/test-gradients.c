/* SPDX-License-Identifier: MIT */
/*
 * The gradients of whole networks in training against differences of the loss: every tensor of
 * every kind is moved a little, mostly along its gradient, and the loss must change as the gradient
 * says. Dropout and random positions are on, which a key repeats.
 */
#include <math.h>
#include <string.h>

#include "model/training/random.h"
#include "tests/model/training.h"

#define KEY 5

/* A forward in training mode with that key, and a loss; with `backward` its gradients. */
typedef double (*Pass) (Training *training, guint64 key, gboolean backward);

/* Sets a tensor to `values` + epsilon * direction. */
static void
move (Training *training, guint parameter, const float *values, const float *direction,
      double epsilon)
{
  GError *error = NULL;
  const CowParameter *p =
      cow_parameters_get (cow_network_parameters (training->network), parameter);
  g_autofree float *moved = g_new (float, p->count);
  for (gsize i = 0; i < p->count; i++)
    moved[i] = values[i] + (float)(epsilon * direction[i]);
  cow_parameters_set (cow_network_parameters (training->network), parameter, moved, &error);
  g_assert_no_error (error);
  /* DoRA's norms are constants to the gradients of A and B, so only its magnitudes, which do not
   * move them, are made known; LoRA is made known where it is computed with a copy of it. */
  if (g_str_has_suffix (p->name, "magnitude_vector") || training->sort->kind == COW_NETWORK_LORA)
    cow_network_refresh (training->network, &error);
  g_assert_no_error (error);
}

static double
norm_of (const float *x, gsize n)
{
  double sum = 0;
  for (gsize i = 0; i < n; i++)
    sum += (double)x[i] * x[i];
  return sqrt (sum);
}

/* The slope of the loss along a direction of length 1. */
static double
slope (Training *training, Pass pass, guint parameter, const float *values, const float *direction,
       double epsilon)
{
  move (training, parameter, values, direction, epsilon);
  const double up = pass (training, KEY, FALSE);
  move (training, parameter, values, direction, -epsilon);
  const double down = pass (training, KEY, FALSE);
  move (training, parameter, values, direction, 0);
  return (up - down) / (2 * epsilon);
}

/*
 * A direction of length 1 that the loss depends on: the gradient's, but with each element weighted
 * at random, so that one which is wrong shows. Returns the slope that the gradient promises.
 */
static double
direct (const float *gradient, gsize n, float *direction)
{
  double slope = 0;
  for (gsize i = 0; i < n; i++)
    direction[i] = (float)((.2 + 1.8 * cow_random_unit (n, i)) * gradient[i]);
  const double length = norm_of (direction, n);
  for (gsize i = 0; i < n && length > 0; i++) {
    direction[i] = (float)(direction[i] / length);
    slope += (double)direction[i] * gradient[i];
  }
  return slope;
}

/*
 * A step changes the loss by some thousandths: far more than its rounding (1e-7), too little for
 * its curvature to matter. Where it crosses a ReLU's kink, a smaller one may not; a ResNet is full
 * of them.
 */
static void
check_tensor (Training *training, Pass pass, guint parameter, const float *all_values,
              const float *all_gradients)
{
  const CowParameter *p =
      cow_parameters_get (cow_network_parameters (training->network), parameter);
  const float *values = all_values + p->offset;
  g_autofree float *direction = g_new (float, p->count);
  const double expected = direct (all_gradients + p->offset, p->count, direction);
  /* Batch statistics make the loss less smooth. */
  const double allowed = cow_network_n_buffers (training->network) > 0 ? 5e-4 + .03 * expected
                                                                       : 2e-4 + .005 * expected;
  double found = INFINITY;
  for (double loss = .002; loss > 1e-5 && !(fabs (found - expected) <= allowed); loss /= 4)
    found =
        slope (training, pass, parameter, values, direction, CLAMP (loss / expected, 1e-4, .01));
  g_test_message ("%s: %g, by differences %g", p->name, expected, found);
  g_assert_cmpfloat_with_epsilon (found, expected, allowed);
}

/* A ResNet's units are computed alike: the first, a block of each sort and the last stand for all.
 */
static gboolean
is_checked (const char *name)
{
  static const char *const skipped[] = { "layer1.1.",       "layer2.1.",     "layer3.", "layer4.0.",
                                         "layer4.1.conv1.", "layer4.1.bn1.", NULL };
  for (const char *const *prefix = skipped; *prefix; prefix++)
    if (g_str_has_prefix (name, *prefix))
      return FALSE;
  return TRUE;
}

/* Of all parameters, or of the backbone's alone. */
static void
check_gradients (const TrainingCase *sort, const TrainingHow *how, Pass pass, gboolean with_head)
{
  GError *error = NULL;
  Training *training = training_new (sort, how);
  CowParameters *parameters = cow_network_parameters (training->network);
  pass (training, KEY, TRUE);
  CowTrainedBackbone *backbone = cow_network_backbone (training->network);
  if (backbone && backbone->klass->finish)
    g_assert_true (backbone->klass->finish (backbone, &error));
  g_autofree float *values = training_values (training), *gradients = training_gradients (training);
  for (guint i = 0; i < parameters->list->len; i++) {
    const char *name = cow_parameters_get (parameters, i)->name;
    if (is_checked (name) && (with_head || !g_ascii_isdigit (name[0])))
      check_tensor (training, pass, i, values, gradients);
  }
  training_free (training);
}

static void
test_gradients (gconstpointer data)
{
  check_gradients (data, &(TrainingHow){ .adapter_dropout = .3f, .head_dropout = .4f },
                   training_pass, TRUE);
}

/* Of an adapter with a fixed part. */
static void
test_fixed (void)
{
  const TrainingHow how = {
    .adapter_dropout = .3f, .head_dropout = .4f, .fresh = TRUE, .init = COW_INIT_PISSA
  };
  check_gradients (training_case ("lora-all"), &how, training_pass, TRUE);
  check_gradients (training_case ("lora-q-gated"), &how, training_pass, TRUE);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

#define N_LEVELS 2

/* A number for each token of a level, by which the loss adds them up. */
static float *
weights_of (guint level, gsize n)
{
  float *weights = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    weights[i] = (float)((cow_random_unit (level + 1, i) - .5) / sqrt ((double)n));
  return weights;
}

/* The sum of all tokens behind the first and the last layer, each with a weight of its own. */
static double
token_pass (Training *training, guint64 key, gboolean backward)
{
  GError *error = NULL;
  CkStream *stream = training->stream;
  const TrainingCase *sort = training->sort;
  CowTrainedBackbone *backbone = cow_network_backbone (training->network);
  const CowBackboneConfig *config = &backbone->config;
  const int layers[N_LEVELS] = { 0, config->vit.n_layers - 1 };
  const gsize pixels = (gsize)sort->batch * 3 * TRAINING_SIDE * TRAINING_SIDE * sizeof (float),
              n = (gsize)sort->batch *
                  (gsize)cow_backbone_n_tokens (config, TRAINING_SIDE, TRAINING_SIDE) *
                  (gsize)config->n_features;
  float *tokens[N_LEVELS], *dtokens[N_LEVELS], *input = ck_alloc (stream, pixels);
  double loss = 0;
  for (guint i = 0; i < N_LEVELS; i++) {
    tokens[i] = ck_alloc (stream, n * sizeof (float));
    dtokens[i] = ck_alloc (stream, n * sizeof (float));
  }
  g_assert_cmpint (ck_upload (stream, input, training->pixels, pixels), ==, CK_OK);
  g_assert_true (backbone->klass->tokens (backbone, input, sort->batch, TRAINING_SIDE,
                                          TRAINING_SIDE, TRUE, key, layers, N_LEVELS, tokens,
                                          &error));
  for (guint i = 0; i < N_LEVELS; i++) {
    g_autofree float *weights = weights_of (i, n), *host = g_new (float, n);
    g_assert_cmpint (ck_download (stream, host, tokens[i], n * sizeof (float)), ==, CK_OK);
    g_assert_cmpint (ck_upload (stream, dtokens[i], weights, n * sizeof (float)), ==, CK_OK);
    for (gsize k = 0; k < n; k++)
      loss += (double)weights[k] * host[k];
  }
  if (backward) {
    CowParameters *parameters = cow_network_parameters (training->network);
    g_assert_true (cow_parameters_begin_batch (parameters, &error));
    g_assert_true (backbone->klass->tokens_backward (backbone, layers, N_LEVELS,
                                                     (const float *const *)dtokens, &error));
    g_assert_true (cow_parameters_end_batch (parameters, &error));
  }
  for (guint i = 0; i < N_LEVELS; i++) {
    ck_free (stream, tokens[i]);
    ck_free (stream, dtokens[i]);
  }
  ck_free (stream, input);
  return loss;
}

static void
test_tokens (gconstpointer data)
{
  TrainingHow how = { .adapter_dropout = .3f };
  for (int checkpointing = 0; checkpointing < 2; checkpointing++) {
    how.checkpointing = checkpointing;
    check_gradients (data, &how, token_pass, FALSE);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradients/fixed-part", test_fixed);
  for (const TrainingCase *sort = training_cases; sort->name; sort++) {
    g_autofree char *path = g_strconcat ("/gradients/", sort->name, NULL);
    g_test_add_data_func (path, sort, test_gradients);
    if (sort->side != TRAINING_SIDE)
      continue;
    g_autofree char *tokens = g_strconcat ("/gradients/tokens/", sort->name, NULL);
    g_test_add_data_func (tokens, sort, test_tokens);
  }
  return g_test_run ();
}
