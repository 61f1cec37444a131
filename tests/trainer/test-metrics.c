/* SPDX-License-Identifier: MIT */
/* trainer/metrics compared with scikit-learn (tests/data/make-metrics.py) and with numbers counted
 * by hand. */
#include "trainer/eval/metrics.h"

#include <string.h>

#include "model/network/argmax.h"
#include "tests/trainer/golden-json.h"
#include "trainer/eval/label-metrics.h"

static void
assert_scores (const CowScores *found, JsonObject *expected)
{
  g_assert_cmpfloat_with_epsilon (found->precision, golden_double (expected, "precision", NULL),
                                  1e-12);
  g_assert_cmpfloat_with_epsilon (found->recall, golden_double (expected, "recall", NULL), 1e-12);
  g_assert_cmpfloat_with_epsilon (found->f1, golden_double (expected, "f1", NULL), 1e-12);
}

static void
check_counts (const CowConfusion *confusion, JsonArray *rows)
{
  for (guint t = 0; t < confusion->n_classes; t++)
    for (guint p = 0; p < confusion->n_classes; p++)
      g_assert_cmpint ((gint64)cow_confusion_get (confusion, t, p), ==,
                       json_array_get_int_element (json_array_get_array_element (rows, t), p));
}

static void
check_case (JsonObject *expected)
{
  guint n, n_predicted;
  g_autofree guint *truth = golden_uints (expected, "truth", &n),
                   *predicted = golden_uints (expected, "predicted", &n_predicted);
  const guint n_classes = json_array_get_length (json_object_get_array_member (expected, "names"));
  g_autoptr (CowConfusion) confusion = cow_confusion_new (n_classes);
  g_assert_cmpuint (n, ==, n_predicted);
  for (guint i = 0; i < n; i++)
    cow_confusion_add (confusion, truth[i], predicted[i]);
  g_autoptr (CowMetrics) metrics = cow_metrics_new (confusion);

  check_counts (confusion, json_object_get_array_member (expected, "confusion"));
  g_assert_cmpuint (metrics->n, ==, n);
  g_assert_cmpfloat_with_epsilon (metrics->accuracy, golden_double (expected, "accuracy", NULL),
                                  1e-12);
  for (guint c = 0; c < n_classes; c++) {
    assert_scores (
        &metrics->classes[c],
        json_array_get_object_element (json_object_get_array_member (expected, "classes"), c));
    g_assert_cmpuint (metrics->support[c], ==, cow_confusion_row (confusion, c));
  }
  assert_scores (&metrics->macro, json_object_get_object_member (expected, "macro"));
  assert_scores (&metrics->weighted, json_object_get_object_member (expected, "weighted"));
}

static void
test_sklearn (void)
{
  g_autoptr (JsonObject) cases = golden_json ("metrics.json");
  g_autoptr (GList) names = json_object_get_members (cases);
  g_assert_cmpuint (g_list_length (names), ==, 5);
  for (GList *name = names; name; name = name->next) {
    g_test_message ("%s", (char *)name->data);
    check_case (json_object_get_object_member (cases, name->data));
  }
}

/* Counted by hand: class 0 is right once, missed once and predicted wrongly once: 1/2, 1/2, 1/2;
 * class 1 is right two of three times and predicted wrongly once: 2/3; class 4 is always right: 1.
 * The others neither occur nor are predicted and are left out of the macro mean, (1/2 + 2/3 + 1) /
 * 3. */
static void
test_by_hand (void)
{
  const guint truth[] = { 0, 0, 1, 1, 1, 4 }, predicted[] = { 0, 1, 1, 1, 0, 4 };
  g_autoptr (CowConfusion) confusion = cow_confusion_new (9);
  for (guint i = 0; i < G_N_ELEMENTS (truth); i++)
    cow_confusion_add (confusion, truth[i], predicted[i]);
  g_autoptr (CowMetrics) metrics = cow_metrics_new (confusion);
  g_assert_cmpuint (metrics->correct, ==, 4);
  g_assert_cmpfloat_with_epsilon (metrics->accuracy, 4.0 / 6, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->classes[0].precision, .5, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->classes[0].recall, .5, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->classes[1].f1, 2.0 / 3, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->classes[4].f1, 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->macro.f1, (.5 + 2.0 / 3 + 1) / 3, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->weighted.f1, (2 * .5 + 3 * 2.0 / 3 + 1) / 6, 1e-12);
}

static void
test_nothing (void)
{
  g_autoptr (CowConfusion) confusion = cow_confusion_new (9);
  g_autoptr (CowMetrics) metrics = cow_metrics_new (confusion);
  g_autoptr (GArray) pairs = cow_confusion_pairs (confusion, 10);
  const CowScores none = { 0, 0, 0 };
  g_assert_cmpfloat (metrics->accuracy, ==, 0);
  g_assert_cmpmem (&metrics->macro, sizeof none, &none, sizeof none);
  g_assert_cmpmem (&metrics->weighted, sizeof none, &none, sizeof none);
  g_assert_cmpuint (pairs->len, ==, 0);
}

/* Each confused pair is listed once; the diagonal and pairs that never occurred are left out. */
static void
test_pairs (void)
{
  static const guint64 counts[3][3] = { { 90, 7, 3 }, { 7, 5, 0 }, { 4, 12, 0 } };
  static const CowConfusedPair expected[] = {
    { 2, 1, 12, 12.0 / 16 }, { 0, 1, 7, .07 }, { 1, 0, 7, 7.0 / 12 }, { 2, 0, 4, .25 }
  };
  g_autoptr (CowConfusion) confusion = cow_confusion_new (3);
  for (guint t = 0; t < 3; t++)
    for (guint p = 0; p < 3; p++)
      for (guint64 i = 0; i < counts[t][p]; i++)
        cow_confusion_add (confusion, t, p);
  g_autoptr (GArray) pairs = cow_confusion_pairs (confusion, 4),
                     all = cow_confusion_pairs (confusion, 10);
  g_assert_cmpuint (pairs->len, ==, 4);
  g_assert_cmpuint (all->len, ==, 5);
  for (guint i = 0; i < pairs->len; i++) {
    const CowConfusedPair *pair = &g_array_index (pairs, CowConfusedPair, i);
    g_assert_true (pair->truth == expected[i].truth && pair->predicted == expected[i].predicted &&
                   pair->count == expected[i].count);
    g_assert_cmpfloat_with_epsilon (pair->share, expected[i].share, 1e-12);
  }
}

static void
test_by_source (void)
{
  const guint truth[] = { 0, 1, 1, 0, 1, 0 }, predicted[] = { 0, 1, 0, 0, 0, 1 };
  const char *const sources[] = { "north", "barn", "north", NULL, "barn", "north" };
  static const struct {
    const char *name;
    guint64 n, correct;
  } expected[] = { { "", 1, 1 }, { "barn", 2, 1 }, { "north", 3, 1 } };
  g_autoptr (GPtrArray) list =
      cow_metrics_by_source (2, G_N_ELEMENTS (truth), truth, predicted, sources);
  g_assert_cmpuint (list->len, ==, G_N_ELEMENTS (expected));
  for (guint s = 0; s < list->len; s++) {
    const CowSourceMetrics *source = list->pdata[s];
    g_assert_cmpstr (source->name, ==, expected[s].name);
    g_assert_cmpuint (source->metrics->n, ==, expected[s].n);
    g_assert_cmpuint (source->metrics->correct, ==, expected[s].correct);
  }
}

/* ---- several labels a picture ---------------------------------------------------------------- */

static double
element (JsonObject *object, const char *member, guint i)
{
  return json_array_get_double_element (json_object_get_array_member (object, member), i);
}

static void
check_label_class (const CowLabelScores *found, JsonObject *expected, guint c)
{
  JsonArray *counts =
      json_array_get_array_element (json_object_get_array_member (expected, "counts"), c);
  const guint64 cells[4] = { found->rest, found->extra, found->missed, found->hits };

  g_assert_cmpfloat_with_epsilon (found->scores.precision, element (expected, "precision", c),
                                  1e-12);
  g_assert_cmpfloat_with_epsilon (found->scores.recall, element (expected, "recall", c), 1e-12);
  g_assert_cmpfloat_with_epsilon (found->scores.f1, element (expected, "f1", c), 1e-12);
  g_assert_cmpfloat_with_epsilon (found->average_precision,
                                  element (expected, "average_precision", c), 1e-12);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (
        (gint64)cells[i], ==,
        json_array_get_int_element (json_array_get_array_element (counts, i / 2), i % 2));
}

static void
check_several (JsonObject *expected)
{
  JsonArray *rows = json_object_get_array_member (expected, "shown"),
            *answers = json_object_get_array_member (expected, "scores");
  const guint n = json_array_get_length (rows),
              n_classes = json_array_get_length (json_array_get_array_element (rows, 0));
  g_autofree guint8 *shown = g_new (guint8, n * n_classes), *said = g_new (guint8, n * n_classes);
  g_autofree float *scores = g_new (float, n *n_classes);

  for (guint i = 0; i < n * n_classes; i++) {
    JsonArray *row = json_array_get_array_element (rows, i / n_classes),
              *answer = json_array_get_array_element (answers, i / n_classes);
    shown[i] = (guint8)json_array_get_int_element (row, i % n_classes);
    scores[i] = (float)json_array_get_double_element (answer, i % n_classes);
    said[i] = json_array_get_double_element (answer, i % n_classes) >=
              golden_double (expected, "threshold", NULL);
  }
  g_autoptr (CowLabelMetrics) metrics = cow_label_metrics_new (shown, said, scores, n, n_classes);
  for (guint c = 0; c < n_classes; c++)
    check_label_class (&metrics->classes[c], expected, c);
  const struct {
    const char *name;
    double found;
  } numbers[] = { { "mean_average_precision", metrics->mean_average_precision },
                  { "macro", metrics->macro.f1 },
                  { "micro", metrics->micro.f1 },
                  { "exact_match", metrics->exact_match },
                  { "hamming_loss", metrics->hamming_loss } };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_assert_cmpfloat_with_epsilon (numbers[i].found,
                                    golden_double (expected, numbers[i].name, NULL), 1e-12);
}

static void
test_several (void)
{
  g_autoptr (JsonObject) cases = golden_json ("several.json");
  g_autoptr (GList) names = json_object_get_members (cases);
  g_assert_cmpuint (g_list_length (names), ==, 3);
  for (GList *name = names; name; name = name->next) {
    g_test_message ("%s", (char *)name->data);
    check_several (json_object_get_object_member (cases, name->data));
  }
}

/* A class that no picture shows stays out of the means; what is shown together is counted. */
static void
test_several_by_hand (void)
{
  const guint8 shown[] = { 1, 1, 0, 0, 1, 0 }, said[] = { 1, 0, 0, 0, 1, 0 };
  const float scores[] = { 2, 1, -1, -2, 2, -2 };
  g_autoptr (CowLabelMetrics) metrics = cow_label_metrics_new (shown, said, scores, 2, 3);
  g_assert_cmpfloat (metrics->mean_average_precision, ==, 1);
  g_assert_cmpfloat_with_epsilon (metrics->macro.f1, (1 + 2.0 / 3) / 2, 1e-12);
  g_assert_cmpfloat_with_epsilon (metrics->micro.f1, .8, 1e-12);
  g_assert_cmpfloat (metrics->exact_match, ==, .5);
  g_assert_cmpfloat_with_epsilon (metrics->hamming_loss, 1.0 / 6, 1e-12);
  g_assert_cmpuint (metrics->together[1], ==, 1);
  g_assert_cmpuint (metrics->together[4], ==, 2);
  g_assert_cmpuint (metrics->together[2], ==, 0);
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
  g_test_add_func ("/metrics/sklearn", test_sklearn);
  g_test_add_func ("/metrics/by-hand", test_by_hand);
  g_test_add_func ("/metrics/nothing", test_nothing);
  g_test_add_func ("/metrics/pairs", test_pairs);
  g_test_add_func ("/metrics/by-source", test_by_source);
  g_test_add_func ("/metrics/several/sklearn", test_several);
  g_test_add_func ("/metrics/several/by-hand", test_several_by_hand);
  g_test_add_func ("/metrics/argmax", test_argmax);
  return g_test_run ();
}
