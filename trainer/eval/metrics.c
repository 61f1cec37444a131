/* SPDX-License-Identifier: MIT */
#include "trainer/eval/metrics.h"

#include <string.h>

/* ---- counting -------------------------------------------------------------------------------- */

CowConfusion *
cow_confusion_new (guint n_classes)
{
  CowConfusion *self = g_new0 (CowConfusion, 1);
  self->n_classes = n_classes;
  self->counts = g_new0 (guint64, (gsize)n_classes * n_classes);
  return self;
}

void
cow_confusion_free (CowConfusion *self)
{
  if (!self)
    return;
  g_free (self->counts);
  g_free (self);
}

void
cow_confusion_add (CowConfusion *self, guint truth, guint predicted)
{
  g_return_if_fail (truth < self->n_classes && predicted < self->n_classes);
  self->counts[(gsize)truth * self->n_classes + predicted]++;
  self->n++;
}

guint64
cow_confusion_get (const CowConfusion *self, guint truth, guint predicted)
{
  return self->counts[(gsize)truth * self->n_classes + predicted];
}

guint64
cow_confusion_row (const CowConfusion *self, guint truth)
{
  guint64 sum = 0;
  for (guint c = 0; c < self->n_classes; c++)
    sum += cow_confusion_get (self, truth, c);
  return sum;
}

guint64
cow_confusion_column (const CowConfusion *self, guint predicted)
{
  guint64 sum = 0;
  for (guint c = 0; c < self->n_classes; c++)
    sum += cow_confusion_get (self, c, predicted);
  return sum;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static double
ratio (double part, double whole)
{
  return whole > 0 ? part / whole : 0;
}

static void
add_scaled (CowScores *sum, const CowScores *scores, double factor)
{
  sum->precision += scores->precision * factor;
  sum->recall += scores->recall * factor;
  sum->f1 += scores->f1 * factor;
}

CowMetrics *
cow_metrics_new (const CowConfusion *confusion)
{
  CowMetrics *self = g_new0 (CowMetrics, 1);
  CowScores sum = { 0 };
  guint n_occurring = 0;

  self->n = confusion->n;
  self->n_classes = confusion->n_classes;
  self->classes = g_new0 (CowScores, self->n_classes);
  self->support = g_new0 (guint64, self->n_classes);
  for (guint c = 0; c < self->n_classes; c++) {
    const double hits = (double)cow_confusion_get (confusion, c, c),
                 said = (double)cow_confusion_column (confusion, c);
    CowScores *scores = &self->classes[c];
    self->support[c] = cow_confusion_row (confusion, c);
    self->correct += cow_confusion_get (confusion, c, c);
    scores->precision = ratio (hits, said);
    scores->recall = ratio (hits, (double)self->support[c]);
    scores->f1 = ratio (2 * hits, said + (double)self->support[c]);
    add_scaled (&self->weighted, scores, ratio ((double)self->support[c], (double)self->n));
    add_scaled (&sum, scores, 1);
    n_occurring += said > 0 || self->support[c] > 0;
  }
  if (n_occurring > 0)
    add_scaled (&self->macro, &sum, 1.0 / n_occurring);
  self->accuracy = ratio ((double)self->correct, (double)self->n);
  return self;
}

void
cow_metrics_free (CowMetrics *self)
{
  if (!self)
    return;
  g_free (self->classes);
  g_free (self->support);
  g_free (self);
}

/* ---- what is confused, and where ------------------------------------------------------------- */

/* Most pictures first, then in the order of the classes, so that the list is the same each time. */
static int
compare_pairs (gconstpointer a, gconstpointer b)
{
  const CowConfusedPair *x = a, *y = b;
  if (x->count != y->count)
    return x->count > y->count ? -1 : 1;
  if (x->truth != y->truth)
    return x->truth < y->truth ? -1 : 1;
  return x->predicted < y->predicted ? -1 : x->predicted > y->predicted;
}

GArray *
cow_confusion_pairs (const CowConfusion *self, guint most)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (CowConfusedPair));
  for (guint t = 0; t < self->n_classes; t++) {
    const double support = (double)cow_confusion_row (self, t);
    for (guint p = 0; p < self->n_classes; p++) {
      const guint64 count = cow_confusion_get (self, t, p);
      const CowConfusedPair pair = { t, p, count, ratio ((double)count, support) };
      if (t != p && count > 0)
        g_array_append_val (pairs, pair);
    }
  }
  g_array_sort (pairs, compare_pairs);
  if (pairs->len > most)
    g_array_set_size (pairs, most);
  return pairs;
}

static void
source_free (gpointer data)
{
  CowSourceMetrics *self = data;
  g_free (self->name);
  cow_confusion_free (self->confusion);
  cow_metrics_free (self->metrics);
  g_free (self);
}

static int
compare_sources (gconstpointer a, gconstpointer b)
{
  const CowSourceMetrics *const *x = a, *const *y = b;
  return strcmp ((*x)->name, (*y)->name);
}

GPtrArray *
cow_metrics_by_source (guint n_classes, guint n, const guint *truth, const guint *predicted,
                       const char *const *sources)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (source_free);
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < n; i++) {
    const char *name = sources[i] ? sources[i] : "";
    CowSourceMetrics *source = g_hash_table_lookup (known, name);
    if (!source) {
      source = g_new0 (CowSourceMetrics, 1);
      source->name = g_strdup (name);
      source->confusion = cow_confusion_new (n_classes);
      g_hash_table_insert (known, source->name, source);
      g_ptr_array_add (list, source);
    }
    cow_confusion_add (source->confusion, truth[i], predicted[i]);
  }
  for (guint i = 0; i < list->len; i++) {
    CowSourceMetrics *source = list->pdata[i];
    source->metrics = cow_metrics_new (source->confusion);
  }
  g_ptr_array_sort (list, compare_sources);
  return list;
}
