/* SPDX-License-Identifier: MIT */
/*
 * trainer/calibration against numbers computed once: the temperature and losses by scipy's minimize_scalar and scikit-learn's log_loss,
 * thresholds by its precision_recall_curve, the calibration error by numpy, all in double, for the logits that make_logits () draws.
 */
#include "trainer/calibration.h"
#include "trainer/metrics.h"

#include <math.h>
#include <string.h>

#define N         300
#define N_CLASSES 4

/* The low bits of such a generator have short periods, so they are left out. */
static guint32
draw (guint32 *state)
{
  *state = *state * 1664525 + 1013904223;
  return *state >> 8;
}

/* An over-confident network that is right in about 7 of 10; class 3 is never true. */
static void
make_logits (float *logits, guint *truth)
{
  guint32 state = 11;
  for (guint i = 0; i < N; i++) {
    float *row = logits + i * N_CLASSES;
    for (guint c = 0; c < N_CLASSES; c++)
      row[c] = (float)((draw (&state) % 1000) / 100.0 - 5.0);
    truth[i] = draw (&state) % 3;
    if (draw (&state) % 10 < 7)
      truth[i] = cow_argmax (row, 3);
  }
}

static void
make_probabilities (const float *logits, double temperature, float *probabilities)
{
  for (guint i = 0; i < N; i++)
    cow_softmax (logits + i * N_CLASSES, N_CLASSES, temperature, probabilities + i * N_CLASSES);
}

static void
test_temperature (void)
{
  float logits[N * N_CLASSES];
  guint truth[N];
  make_logits (logits, truth);
  const double temperature = cow_temperature_fit (logits, truth, N, N_CLASSES);
  g_assert_cmpfloat_with_epsilon (temperature, 2.92939605, 1e-5);
  g_assert_cmpfloat_with_epsilon (cow_log_loss (logits, truth, N, N_CLASSES, 1), 1.53473806, 1e-7);
  g_assert_cmpfloat_with_epsilon (cow_log_loss (logits, truth, N, N_CLASSES, temperature), 1.11161716, 1e-7);
}

/* Pictures that are all right, by far, would like a temperature of 0: the fit ends at its limit. */
static void
test_temperature_limit (void)
{
  const float logits[] = { 9, 0, 0, 9 };
  const guint truth[] = { 0, 1 };
  g_assert_cmpfloat_with_epsilon (cow_temperature_fit (logits, truth, 2, 2), COW_TEMPERATURE_MIN, 1e-6);
}

static void
test_softmax (void)
{
  const float logits[] = { 1000, 999, -1000 };
  float probabilities[3];
  cow_softmax (logits, 3, 1, probabilities);
  g_assert_cmpfloat_with_epsilon (probabilities[0], 0.7310586f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (probabilities[1], 0.2689414f, 1e-6f);
  g_assert_cmpfloat (probabilities[2], ==, 0);
  cow_softmax (logits, 2, 2, probabilities);
  g_assert_cmpfloat_with_epsilon (probabilities[0], 0.6224593f, 1e-6f);
}

static void
test_reliability (void)
{
  float logits[N * N_CLASSES], probabilities[N * N_CLASSES];
  guint truth[N];
  CowReliabilityBin bins[COW_RELIABILITY_BINS];
  guint64 n = 0;
  make_logits (logits, truth);
  make_probabilities (logits, 1, probabilities);
  g_assert_cmpfloat_with_epsilon (cow_reliability (probabilities, truth, N, N_CLASSES, bins), 0.265027794, 1e-6);
  make_probabilities (logits, 2.92939605, probabilities);
  g_assert_cmpfloat_with_epsilon (cow_reliability (probabilities, truth, N, N_CLASSES, bins), 0.133308931, 1e-6);
  for (int b = 0; b < COW_RELIABILITY_BINS; b++) {
    n += bins[b].n;
    if (bins[b].n > 0)
      g_assert_true (bins[b].confidence > b / 15.0 - 1e-6 && bins[b].confidence <= (b + 1) / 15.0 + 1e-6);
  }
  g_assert_cmpuint (n, ==, N);
}

/* The smallest probability that a threshold lets through. */
static float
smallest_taken (const float *probabilities, guint c, double threshold)
{
  float smallest = 2;
  for (guint i = 0; i < N; i++)
    if ((double)probabilities[i * N_CLASSES + c] >= threshold)
      smallest = MIN (smallest, probabilities[i * N_CLASSES + c]);
  return smallest;
}

typedef struct {
  double smallest, precision, recall;
} Expected;

static void
check_thresholds (double target, const Expected *expected)
{
  float logits[N * N_CLASSES], probabilities[N * N_CLASSES];
  guint truth[N];
  CowThreshold thresholds[N_CLASSES];
  make_logits (logits, truth);
  make_probabilities (logits, 2.92939605, probabilities);
  cow_thresholds_fit (probabilities, truth, N, N_CLASSES, target, thresholds);
  for (guint c = 0; c < 3; c++) {
    g_assert_true (thresholds[c].known && thresholds[c].reached);
    g_assert_cmpfloat_with_epsilon (smallest_taken (probabilities, c, thresholds[c].value), expected[c].smallest, 1e-6);
    g_assert_cmpfloat_with_epsilon (thresholds[c].precision, expected[c].precision, 1e-8);
    g_assert_cmpfloat_with_epsilon (thresholds[c].recall, expected[c].recall, 1e-8);
    const double p = thresholds[c].precision, r = thresholds[c].recall;
    g_assert_cmpfloat_with_epsilon (thresholds[c].f1, 2 * p * r / (p + r), 1e-12);
  }
  g_assert_false (thresholds[3].known);
}

static void
test_thresholds (void)
{
  const Expected best_f1[] = { { 0.249715686, 0.661157025, 0.747663551 },
                               { 0.267279565, 0.595041322, 0.8 },
                               { 0.281688988, 0.669642857, 0.72815534 } };
  const Expected precise[] = { { 0.29172683, 0.70588235, 0.67289720 },
                               { 0.40506575, 0.70491803, 0.47777778 },
                               { 0.3067104, 0.7, 0.67961165 } };
  check_thresholds (0, best_f1);
  check_thresholds (0.7, precise);
}

/* The highest precision there is, said to be short of what was asked for. */
static void
test_unreached (void)
{
  const float probabilities[] = { .9f, .1f, .8f, .2f, .3f, .7f };
  const guint truth[] = { 1, 0, 1 };
  CowThreshold thresholds[2];
  cow_thresholds_fit (probabilities, truth, 3, 2, .9, thresholds);
  g_assert_true (thresholds[0].known && !thresholds[0].reached && thresholds[0].precision == .5);
  g_assert_true (thresholds[1].known && thresholds[1].reached);
  g_assert_cmpfloat_with_epsilon (thresholds[1].value, .45, 1e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/calibration/temperature", test_temperature);
  g_test_add_func ("/calibration/temperature-limit", test_temperature_limit);
  g_test_add_func ("/calibration/softmax", test_softmax);
  g_test_add_func ("/calibration/reliability", test_reliability);
  g_test_add_func ("/calibration/thresholds", test_thresholds);
  g_test_add_func ("/calibration/unreached", test_unreached);
  return g_test_run ();
}
