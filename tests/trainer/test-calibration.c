/* SPDX-License-Identifier: MIT */
/*
 * trainer/calibration compared with SciPy (the temperature), scikit-learn (thresholds of its
 * precision_recall_curve) and NumPy (losses, calibration errors): tests/data/make-metrics.py. The
 * logits there are over-confident: their network is right in about 7 of 10 pictures, and class 3 is
 * never true.
 */
#include "trainer/eval/calibration.h"

#include <math.h>
#include <string.h>

#include "model/network/argmax.h"
#include "tests/trainer/golden-json.h"

typedef struct {
  JsonObject *golden;
  guint n, n_classes;
  guint *truth;
  float *logits, *probabilities; /* [n, n_classes]; the latter at the golden temperature */
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->golden = golden_json ("calibration.json");
  self->truth = golden_uints (self->golden, "truth", &self->n);
  JsonArray *rows = json_object_get_array_member (self->golden, "logits");
  self->n_classes = json_array_get_length (json_array_get_array_element (rows, 0));
  self->logits = g_new (float, self->n * self->n_classes);
  self->probabilities = g_new (float, self->n * self->n_classes);
  const double temperature = golden_double (self->golden, "temperature", NULL);
  for (guint i = 0; i < self->n; i++) {
    float *row = self->logits + i * self->n_classes;
    for (guint c = 0; c < self->n_classes; c++)
      row[c] = (float)json_array_get_double_element (json_array_get_array_element (rows, i), c);
    cow_softmax (row, self->n_classes, temperature, self->probabilities + i * self->n_classes);
  }
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  json_object_unref (self->golden);
  g_free (self->truth);
  g_free (self->logits);
  g_free (self->probabilities);
}

/* ---- temperature ----------------------------------------------------------------------------- */

static void
test_temperature (Fixture *self, gconstpointer data)
{
  const double temperature =
      cow_temperature_fit (self->logits, self->truth, self->n, self->n_classes);
  g_assert_cmpfloat_with_epsilon (temperature, golden_double (self->golden, "temperature", NULL),
                                  1e-4);
  g_assert_cmpfloat_with_epsilon (
      cow_log_loss (self->logits, self->truth, self->n, self->n_classes, 1),
      golden_double (self->golden, "log_loss", "before"), 1e-6);
  g_assert_cmpfloat_with_epsilon (
      cow_log_loss (self->logits, self->truth, self->n, self->n_classes, temperature),
      golden_double (self->golden, "log_loss", "after"), 1e-6);
}

/* If all pictures are right by far, the best temperature is 0: the fit ends at its limit, and the
 * calibration says so. */
static void
test_temperature_limit (Fixture *self, gconstpointer data)
{
  const float logits[] = { 9, 0, 0, 9 };
  const guint truth[] = { 0, 1 };
  g_assert_cmpfloat_with_epsilon (cow_temperature_fit (logits, truth, 2, 2), COW_TEMPERATURE_MIN,
                                  1e-6);
  g_autoptr (CowCalibration) calibration = cow_calibration_fit (logits, truth, 2, 2, 0);
  g_assert_false (calibration->told);
  g_assert_cmpfloat (calibration->temperature, ==, 1);
}

static void
test_reliability (Fixture *self, gconstpointer data)
{
  CowReliabilityBin bins[COW_RELIABILITY_BINS];
  guint64 n = 0;
  g_assert_cmpfloat_with_epsilon (
      cow_reliability (self->probabilities, self->truth, self->n, self->n_classes, bins),
      golden_double (self->golden, "ece", "after"), 1e-6);
  for (int b = 0; b < COW_RELIABILITY_BINS; b++) {
    n += bins[b].n;
    if (bins[b].n > 0)
      g_assert_true (bins[b].confidence > b / 15.0 - 1e-6 &&
                     bins[b].confidence <= (b + 1) / 15.0 + 1e-6);
  }
  g_assert_cmpuint (n, ==, self->n);
}

/* The whole fit makes an over-confident network's probabilities more accurate, and changes no
 * label. */
static void
test_fit (Fixture *self, gconstpointer data)
{
  g_autoptr (CowCalibration) calibration =
      cow_calibration_fit (self->logits, self->truth, self->n, self->n_classes, 0);
  g_assert_true (calibration->told);
  g_assert_cmpuint (calibration->n, ==, self->n);
  g_assert_cmpfloat_with_epsilon (calibration->trust.ece_before,
                                  golden_double (self->golden, "ece", "before"), 1e-6);
  g_assert_cmpfloat_with_epsilon (calibration->trust.ece_after,
                                  golden_double (self->golden, "ece", "after"), 1e-4);
  g_assert_cmpfloat (calibration->trust.ece_after, <, calibration->trust.ece_before);
  g_assert_cmpfloat (calibration->trust.log_loss_after, <, calibration->trust.log_loss_before);
  for (guint i = 0; i < self->n; i++)
    g_assert_cmpuint (cow_argmax (self->logits + i * self->n_classes, self->n_classes), ==,
                      cow_argmax (self->probabilities + i * self->n_classes, self->n_classes));
}

/* ---- thresholds ------------------------------------------------------------------------------ */

/* The smallest probability that a threshold accepts. */
static float
smallest_taken (const Fixture *self, guint c, double threshold)
{
  float smallest = 2;
  for (guint i = 0; i < self->n; i++) {
    const float probability = self->probabilities[i * self->n_classes + c];
    if ((double)probability >= threshold)
      smallest = MIN (smallest, probability);
  }
  return smallest;
}

static void
check_thresholds (const Fixture *self, const char *name, double target)
{
  JsonArray *expected = json_object_get_array_member (self->golden, name);
  CowThreshold thresholds[4], again[4];
  float values[4];
  g_assert_cmpuint (self->n_classes, ==, 4);
  cow_thresholds_fit (self->probabilities, self->truth, self->n, 4, target, thresholds);
  for (guint c = 0; c < 4; c++)
    values[c] = (float)thresholds[c].value;
  cow_thresholds_apply (self->probabilities, self->truth, self->n, 4, values, again);
  for (guint c = 0; c < 3; c++) {
    JsonObject *cut = json_array_get_object_element (expected, c);
    const double p = golden_double (cut, "precision", NULL),
                 r = golden_double (cut, "recall", NULL);
    g_assert_true (thresholds[c].known && thresholds[c].reached);
    g_assert_cmpfloat_with_epsilon (smallest_taken (self, c, thresholds[c].value),
                                    golden_double (cut, "smallest", NULL), 1e-6);
    g_assert_cmpfloat_with_epsilon (thresholds[c].precision, p, 1e-9);
    g_assert_cmpfloat_with_epsilon (thresholds[c].recall, r, 1e-9);
    g_assert_cmpfloat_with_epsilon (thresholds[c].f1, 2 * p * r / (p + r), 1e-9);
    g_assert_cmpfloat_with_epsilon (again[c].precision, p, 1e-9);
    g_assert_cmpfloat_with_epsilon (again[c].recall, r, 1e-9);
  }
  g_assert_false (thresholds[3].known || again[3].known);
}

static void
test_thresholds (Fixture *self, gconstpointer data)
{
  check_thresholds (self, "best_f1", 0);
  check_thresholds (self, "precision_0.8", .8);
}

/* If the wanted precision is out of reach, the highest one is taken, and reported as too low. */
static void
test_unreached (Fixture *self, gconstpointer data)
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
  static const struct {
    const char *name;
    void (*run) (Fixture *, gconstpointer);
  } tests[] = { { "/calibration/temperature", test_temperature },
                { "/calibration/temperature-limit", test_temperature_limit },
                { "/calibration/reliability", test_reliability },
                { "/calibration/fit", test_fit },
                { "/calibration/thresholds", test_thresholds },
                { "/calibration/unreached", test_unreached } };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
  return g_test_run ();
}
