/* SPDX-License-Identifier: MIT */
/*
 * trainer/metrics against scikit-learn 1.9: the numbers below are what precision_recall_fscore_support (..., zero_division=0),
 * accuracy_score and confusion_matrix gave for the labels that make_labels () draws.
 */
#include "trainer/metrics.h"

#include <string.h>

#define N         400
#define N_CLASSES 9

/* The low bits of such a generator have short periods, so they are left out. */
static guint32
draw (guint32 *state)
{
  *state = *state * 1664525 + 1013904223;
  return *state >> 8;
}

/* Class 8 is never true and predicted once; class 3 is never predicted. */
static void
make_labels (guint *truth, guint *predicted)
{
  guint32 state = 7;
  for (guint i = 0; i < N; i++) {
    truth[i] = draw (&state) % 8;
    predicted[i] = draw (&state) % 100 < 60 ? truth[i] : draw (&state) % 8;
    if (i == 17)
      predicted[i] = 8;
    if (truth[i] == 3)
      predicted[i] = 0;
  }
}

static CowConfusion *
count (const guint *truth, const guint *predicted, guint n)
{
  CowConfusion *confusion = cow_confusion_new (N_CLASSES);
  for (guint i = 0; i < n; i++)
    cow_confusion_add (confusion, truth[i], predicted[i]);
  return confusion;
}

static const guint64 expected_counts[N_CLASSES][N_CLASSES] = {
  { 28, 3, 3, 2, 4, 3, 3, 1, 0 }, { 0, 41, 0, 1, 1, 2, 3, 1, 0 }, { 2, 1, 38, 3, 2, 1, 2, 3, 1 },
  { 49, 0, 0, 0, 0, 0, 0, 0, 0 }, { 1, 3, 3, 5, 29, 1, 1, 4, 0 }, { 3, 4, 5, 3, 5, 37, 2, 4, 0 },
  { 5, 2, 5, 3, 4, 0, 27, 1, 0 }, { 0, 2, 2, 1, 3, 1, 4, 32, 0 }, { 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};
static const CowScores expected_scores[N_CLASSES] = {
  { 0.31818181818181818, 0.5957446808510638, 0.4148148148148148 },
  { 0.7321428571428571, 0.83673469387755106, 0.78095238095238095 },
  { 0.6785714285714286, 0.71698113207547165, 0.69724770642201839 },
  { 0, 0, 0 },
  { 0.60416666666666663, 0.61702127659574468, 0.61052631578947369 },
  { 0.82222222222222219, 0.58730158730158732, 0.68518518518518523 },
  { 0.6428571428571429, 0.57446808510638303, 0.6067415730337079 },
  { 0.69565217391304346, 0.71111111111111114, 0.70329670329670335 },
  { 0, 0, 0 },
};
static const guint64 expected_support[N_CLASSES] = { 47, 49, 53, 49, 47, 63, 47, 45, 0 };
static const CowScores expected_macro = { 0.49931047883946433, 0.5154847296576569, 0.4998627421660316 };
static const CowScores expected_weighted = { 0.5712707451063429, 0.57999999999999996, 0.5668592512325944 };

static void
assert_scores (const CowScores *found, const CowScores *expected)
{
  g_assert_cmpfloat_with_epsilon (found->precision, expected->precision, 1e-12);
  g_assert_cmpfloat_with_epsilon (found->recall, expected->recall, 1e-12);
  g_assert_cmpfloat_with_epsilon (found->f1, expected->f1, 1e-12);
}

static void
test_scores (void)
{
  guint truth[N], predicted[N];
  make_labels (truth, predicted);
  g_autoptr (CowConfusion) confusion = count (truth, predicted, N);
  g_autoptr (CowMetrics) metrics = cow_metrics_new (confusion);

  g_assert_cmpuint (metrics->n, ==, N);
  g_assert_cmpfloat_with_epsilon (metrics->accuracy, 0.58, 1e-12);
  for (guint c = 0; c < N_CLASSES; c++) {
    for (guint p = 0; p < N_CLASSES; p++)
      g_assert_cmpuint (cow_confusion_get (confusion, c, p), ==, expected_counts[c][p]);
    g_assert_cmpuint (metrics->support[c], ==, expected_support[c]);
    assert_scores (&metrics->classes[c], &expected_scores[c]);
  }
  assert_scores (&metrics->macro, &expected_macro);
  assert_scores (&metrics->weighted, &expected_weighted);
}

/* Classes that neither occur nor are predicted stay out of the macro mean. */
static void
test_missing_classes (void)
{
  const guint truth[] = { 0, 0, 1, 1, 1, 4 }, predicted[] = { 0, 1, 1, 1, 0, 4 };
  g_autoptr (CowConfusion) confusion = count (truth, predicted, G_N_ELEMENTS (truth));
  g_autoptr (CowMetrics) metrics = cow_metrics_new (confusion);
  const CowScores macro = { 0.72222222222222221, 0.72222222222222221, 0.72222222222222221 };
  assert_scores (&metrics->macro, &macro);
}

static void
test_nothing (void)
{
  g_autoptr (CowConfusion) confusion = cow_confusion_new (N_CLASSES);
  g_autoptr (CowMetrics) metrics = cow_metrics_new (confusion);
  g_autoptr (GArray) pairs = cow_confusion_pairs (confusion, 10);
  const CowScores none = { 0, 0, 0 };
  g_assert_cmpfloat (metrics->accuracy, ==, 0);
  assert_scores (&metrics->macro, &none);
  assert_scores (&metrics->weighted, &none);
  g_assert_cmpuint (pairs->len, ==, 0);
}

static void
test_pairs (void)
{
  guint truth[N], predicted[N];
  make_labels (truth, predicted);
  g_autoptr (CowConfusion) confusion = count (truth, predicted, N);
  g_autoptr (GArray) pairs = cow_confusion_pairs (confusion, 10);
  const CowConfusedPair *first = &g_array_index (pairs, CowConfusedPair, 0);

  g_assert_cmpuint (pairs->len, ==, 10);
  g_assert_true (first->truth == 3 && first->predicted == 0 && first->count == 49 && first->share == 1.0);
  for (guint i = 0; i < pairs->len; i++) {
    const CowConfusedPair *pair = &g_array_index (pairs, CowConfusedPair, i);
    g_assert_cmpuint (pair->truth, !=, pair->predicted);
    g_assert_cmpuint (pair->count, ==, expected_counts[pair->truth][pair->predicted]);
    g_assert_cmpfloat_with_epsilon (pair->share, (double)pair->count / (double)expected_support[pair->truth], 1e-12);
    g_assert_true (i == 0 || pair[-1].count > pair->count || (pair[-1].count == pair->count && pair[-1].truth <= pair->truth));
  }
}

static void
test_by_source (void)
{
  guint truth[N], predicted[N];
  const char *sources[N];
  guint64 n = 0, correct = 0;
  make_labels (truth, predicted);
  for (guint i = 0; i < N; i++)
    sources[i] = i % 4 == 0 ? "north" : i % 4 == 1 ? NULL : "barn";
  g_autoptr (GPtrArray) list = cow_metrics_by_source (N_CLASSES, N, truth, predicted, sources);

  static const char *const names[] = { "", "barn", "north" };
  g_assert_cmpuint (list->len, ==, G_N_ELEMENTS (names));
  for (guint s = 0; s < list->len; s++) {
    const CowSourceMetrics *source = list->pdata[s];
    g_assert_cmpstr (source->name, ==, names[s]);
    n += source->metrics->n;
    correct += source->metrics->correct;
  }
  g_assert_cmpuint (n, ==, N);
  g_assert_cmpuint (correct, ==, 232);
}

static void
test_argmax (void)
{
  const float values[] = { -3, 2, -1, 2 };
  g_assert_cmpuint (cow_argmax (values, 4), ==, 1);
  g_assert_cmpuint (cow_argmax (values, 1), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics/scores", test_scores);
  g_test_add_func ("/metrics/missing-classes", test_missing_classes);
  g_test_add_func ("/metrics/nothing", test_nothing);
  g_test_add_func ("/metrics/pairs", test_pairs);
  g_test_add_func ("/metrics/by-source", test_by_source);
  g_test_add_func ("/metrics/argmax", test_argmax);
  return g_test_run ();
}
