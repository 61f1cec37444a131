/* SPDX-License-Identifier: MIT */
/* Turns probabilities into a label. */
#include "gst-plugin/behavior/label.h"

guint
gst_cow_label_best (const float *probabilities, guint n_classes, const gboolean *mask)
{
  guint best = n_classes;

  for (guint i = 0; i < n_classes; i++) {
    if ((!mask || mask[i]) && (best == n_classes || probabilities[i] > probabilities[best]))
      best = i;
  }
  return best < n_classes ? best : 0;
}

typedef struct {
  const float *probabilities;
  const gboolean *mask;
} Ranking;

static gint
compare_falling (gconstpointer a, gconstpointer b, gpointer data)
{
  const Ranking *ranking = data;
  guint i = *(const guint *)a, j = *(const guint *)b;
  float p = ranking->probabilities[i], q = ranking->probabilities[j];

  if (ranking->mask && ranking->mask[i] != ranking->mask[j])
    return ranking->mask[i] ? -1 : 1;
  if (p != q)
    return p > q ? -1 : 1;
  return i < j ? -1 : i > j;
}

void
gst_cow_label_rank (const float *probabilities, guint n_classes, const gboolean *mask, guint *order)
{
  Ranking ranking = { probabilities, mask };

  for (guint i = 0; i < n_classes; i++)
    order[i] = i;
  g_qsort_with_data (order, (gint)n_classes, sizeof *order, compare_falling, &ranking);
}

GstCowLabel
gst_cow_label_decide (const float *probabilities, gint class, const GstCowLabelRule *rule)
{
  guint shown =
      class >= 0 ? (guint) class : gst_cow_label_best (probabilities, rule->n_classes, rule->mask);
  float least = rule->thresholds ? rule->thresholds[shown] : rule->threshold;

  /* The comparison is written so that NaN is unknown, too. */
  if (class < 0 || !(probabilities[shown] >= least))
    return (GstCowLabel){ GST_COW_LABEL_UNKNOWN, -1, probabilities[shown] };
  return (GstCowLabel){ rule->classes[shown], class, probabilities[shown] };
}
