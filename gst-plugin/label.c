/* SPDX-License-Identifier: MIT */
/* From probabilities to a word. */
#include "gst-plugin/label.h"

static gint
compare_falling (gconstpointer a, gconstpointer b, gpointer probabilities)
{
  guint i = *(const guint *)a, j = *(const guint *)b;
  float p = ((const float *)probabilities)[i], q = ((const float *)probabilities)[j];

  if (p != q)
    return p > q ? -1 : 1;
  return i < j ? -1 : i > j;
}

void
gst_cow_label_rank (const float *probabilities, guint n, guint *order)
{
  for (guint i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, (gint)n, sizeof *order, compare_falling, (gpointer)probabilities);
}

GstCowLabel
gst_cow_label_decide (const float *probabilities, const char *const *classes, guint n, float threshold)
{
  guint best = 0;

  for (guint i = 1; i < n; i++) {
    if (probabilities[i] > probabilities[best])
      best = i;
  }
  if (probabilities[best] < threshold)
    return (GstCowLabel){ GST_COW_LABEL_UNKNOWN, -1, probabilities[best] };
  return (GstCowLabel){ classes[best], (gint)best, probabilities[best] };
}
