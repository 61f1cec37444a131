/* SPDX-License-Identifier: MIT */
/* Smoothing methods on made-up results, and the step from probabilities to a label. */
#include <math.h>

#include "gst-plugin/behavior/label.h"
#include "gst-plugin/behavior/smoother.h"

/* A result with probability `p` for `class` of three; the others share the rest evenly. */
static const float *
sure (guint class, float p)
{
  static float result[3];

  for (guint c = 0; c < 3; c++)
    result[c] = c == class ? p : (1 - p) / 2;
  return result;
}

static void
add (GstCowSmoother *smoother, GstCowSmoothing method, guint class, float p)
{
  gst_cow_smoother_add (smoother, method, 5, sure (class, p), 3, NULL);
}

static guint
best (const GstCowSmoother *smoother)
{
  return gst_cow_label_best (smoother->state, 3, NULL);
}

static void
assert_sums_to_one (const GstCowSmoother *smoother)
{
  g_assert_cmpfloat_with_epsilon (smoother->state[0] + smoother->state[1] + smoother->state[2], 1,
                                  1e-5);
}

static void
test_off (void)
{
  GstCowSmoother smoother = { 0 };

  add (&smoother, GST_COW_SMOOTHING_OFF, 0, 0.9f);
  add (&smoother, GST_COW_SMOOTHING_OFF, 2, 0.8f);
  g_assert_cmpmem (smoother.state, 3 * sizeof (float), sure (2, 0.8f), 3 * sizeof (float));
  gst_cow_smoother_clear (&smoother);
}

static void
test_mean (void)
{
  GstCowSmoother smoother = { 0 };

  add (&smoother, GST_COW_SMOOTHING_MEAN, 0, 0.8f);
  g_assert_cmpfloat_with_epsilon (smoother.state[0], 0.8, 1e-6);
  add (&smoother, GST_COW_SMOOTHING_MEAN, 1, 0.6f);
  g_assert_cmpfloat_with_epsilon (smoother.state[0], (0.8 + 0.2) / 2, 1e-6);
  g_assert_cmpfloat_with_epsilon (smoother.state[1], (0.1 + 0.6) / 2, 1e-6);
  g_assert_cmpuint (best (&smoother), ==, 0);
  assert_sums_to_one (&smoother);
  /* The first falls out of the window of five. */
  for (guint i = 0; i < 5; i++)
    add (&smoother, GST_COW_SMOOTHING_MEAN, 2, 0.5f);
  g_assert_cmpmem (smoother.state, 3 * sizeof (float), sure (2, 0.5f), 3 * sizeof (float));
  gst_cow_smoother_clear (&smoother);
}

static void
test_majority (void)
{
  GstCowSmoother smoother = { 0 };

  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 0, 0.9f);
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 0, 0.9f);
  g_assert_cmpint (smoother.held, ==, -1); /* two are too few */
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 0, 0.9f);
  g_assert_cmpint (smoother.held, ==, 0);
  /* Two results of another class, however certain, do not change it; the third does, as three of
   * the last five. */
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 1, 1);
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 1, 1);
  g_assert_cmpint (smoother.held, ==, 0);
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 1, 1);
  g_assert_cmpint (smoother.held, ==, 1);
  /* Without a majority the held class stays. */
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 2, 1);
  add (&smoother, GST_COW_SMOOTHING_MAJORITY, 0, 1);
  g_assert_cmpint (smoother.held, ==, 1);
  assert_sums_to_one (&smoother);
  gst_cow_smoother_clear (&smoother);
}

/* Votes count for classes that may be a label. */
static void
test_majority_mask (void)
{
  static const gboolean mask[] = { FALSE, TRUE, TRUE };
  const float result[] = { 0.7f, 0.2f, 0.1f };
  GstCowSmoother smoother = { 0 };

  for (guint i = 0; i < 3; i++)
    gst_cow_smoother_add (&smoother, GST_COW_SMOOTHING_MAJORITY, 5, result, 3, mask);
  g_assert_cmpint (smoother.held, ==, 1);
  gst_cow_smoother_clear (&smoother);
}

static void
test_hmm (void)
{
  GstCowSmoother smoother = { 0 };
  float before;

  for (guint i = 0; i < 6; i++) {
    before = smoother.state ? smoother.state[0] : 1 / 3.f;
    add (&smoother, GST_COW_SMOOTHING_HMM, 0, 0.6f);
    g_assert_cmpfloat (smoother.state[0], >, before - 1e-6f);
    assert_sums_to_one (&smoother);
  }
  g_assert_cmpfloat (smoother.state[0], >, 0.85); /* more certain than each result alone */
  /* One odd result does not change the label, even one that is certain, and results of 0 do not
   * silence a class for ever. */
  add (&smoother, GST_COW_SMOOTHING_HMM, 1, 0.6f);
  g_assert_cmpuint (best (&smoother), ==, 0);
  add (&smoother, GST_COW_SMOOTHING_HMM, 0, 0.6f);
  for (guint i = 0; i < 3; i++)
    add (&smoother, GST_COW_SMOOTHING_HMM, 1, 1);
  g_assert_cmpuint (best (&smoother), ==, 1);
  for (guint i = 0; i < 3; i++)
    add (&smoother, GST_COW_SMOOTHING_HMM, 0, 0.9f);
  g_assert_cmpuint (best (&smoother), ==, 0);
  assert_sums_to_one (&smoother);
  gst_cow_smoother_clear (&smoother);
}

/* One step computed by hand: the belief (1/3, 1/3, 1/3) passes unchanged through the transitions
 * and is then weighed. */
static void
test_hmm_numbers (void)
{
  GstCowSmoother smoother = { 0 };
  float before[3];

  add (&smoother, GST_COW_SMOOTHING_HMM, 0, 0.5f);
  g_assert_cmpfloat_with_epsilon (smoother.state[0], 0.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (smoother.state[1], 0.25, 1e-6);
  for (guint c = 0; c < 3; c++) /* each state stays with 4/5 and goes to each other one with 1/10 */
    before[c] = smoother.state[c] * 0.8f + (1 - smoother.state[c]) * 0.1f;
  add (&smoother, GST_COW_SMOOTHING_HMM, 1, 0.8f);
  g_assert_cmpfloat_with_epsilon (
      smoother.state[1],
      before[1] * 0.8f / (before[0] * 0.1f + before[1] * 0.8f + before[2] * 0.1f), 1e-6);
  gst_cow_smoother_clear (&smoother);
}

static void
test_change (void)
{
  GstCowSmoother smoother = { 0 };

  for (guint i = 0; i < 5; i++)
    add (&smoother, GST_COW_SMOOTHING_MEAN, 0, 0.9f);
  add (&smoother, GST_COW_SMOOTHING_HMM, 1, 0.8f);
  g_assert_cmpfloat_with_epsilon (smoother.state[1], 0.8, 1e-6);
  gst_cow_smoother_add (&smoother, GST_COW_SMOOTHING_MEAN, 0, (const float[]){ 0.3f, 0.7f }, 2,
                        NULL); /* a window of 0 is taken as 1 */
  g_assert_cmpfloat_with_epsilon (smoother.state[1], 0.7, 1e-6);
  gst_cow_smoother_add (&smoother, GST_COW_SMOOTHING_HMM, 4, (const float[]){ 1 }, 1, NULL);
  g_assert_cmpfloat (smoother.state[0], ==, 1);
  gst_cow_smoother_clear (&smoother);
  gst_cow_smoother_clear (&smoother);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static const char *const classes[] = { "Lying", "Standing", "Walking", NULL };

static void
test_threshold (void)
{
  const float p[] = { 0.2f, 0.5f, 0.3f }, thresholds[] = { 0.1f, 0.6f, 0.9f };
  GstCowLabelRule rule = { .classes = classes, .n_classes = 3, .threshold = 0.5f };
  GstCowLabel label = gst_cow_label_decide (p, 1, &rule);

  g_assert_cmpstr (label.label, ==, "Standing");
  g_assert_cmpint (label.id, ==, 1);
  g_assert_cmpfloat (label.probability, ==, 0.5f);
  rule.threshold = 0.51f;
  label = gst_cow_label_decide (p, 1, &rule);
  g_assert_cmpstr (label.label, ==, "unknown");
  g_assert_cmpint (label.id, ==, -1);
  g_assert_cmpfloat (label.probability, ==, 0.5f);
  /* Each class has its own threshold. */
  rule.thresholds = thresholds;
  g_assert_cmpstr (gst_cow_label_decide (p, 1, &rule).label, ==, "unknown");
  g_assert_cmpstr (gst_cow_label_decide (p, 0, &rule).label, ==, "Lying");
  /* NaN gives "unknown". */
  g_assert_cmpstr (gst_cow_label_decide ((const float[]){ NAN, NAN, NAN }, 0, &rule).label, ==,
                   "unknown");
  /* There is no class yet. */
  label = gst_cow_label_decide (p, -1, &rule);
  g_assert_cmpstr (label.label, ==, "unknown");
  g_assert_cmpfloat (label.probability, ==, 0.5f);
}

static void
test_mask (void)
{
  static const gboolean mask[] = { TRUE, FALSE, TRUE, TRUE };
  const float p[] = { 0.2f, 0.5f, 0.1f, 0.2f };
  const guint expected[] = { 0, 3, 2, 1 };
  guint order[4];

  g_assert_cmpuint (gst_cow_label_best (p, 4, NULL), ==, 1);
  g_assert_cmpuint (gst_cow_label_best (p, 4, mask), ==, 0);
  gst_cow_label_rank (p, 4, mask, order);
  g_assert_cmpmem (order, sizeof order, expected, sizeof expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smoother/off", test_off);
  g_test_add_func ("/smoother/mean", test_mean);
  g_test_add_func ("/smoother/majority", test_majority);
  g_test_add_func ("/smoother/majority-mask", test_majority_mask);
  g_test_add_func ("/smoother/hmm", test_hmm);
  g_test_add_func ("/smoother/hmm-numbers", test_hmm_numbers);
  g_test_add_func ("/smoother/change", test_change);
  g_test_add_func ("/label/threshold", test_threshold);
  g_test_add_func ("/label/mask", test_mask);
  return g_test_run ();
}
