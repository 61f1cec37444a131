/* SPDX-License-Identifier: MIT */
#include "model/network/precision-mix.h"

#include <gio/gio.h>
#include <stdlib.h>

/* Passes that measure the layers' errors, about: a deep network is probed with fewer pictures. */
#define PROBE_PASSES 160
#define MOST_PROBES  4
/* Passes over all pictures beside these, about. */
#define OTHER_ROUNDS 4

/* A layer or a picture, and the error that it adds or has. */
typedef struct {
  guint index;
  double error;
  gboolean fails; /* of a picture */
} Ranked;

typedef struct {
  const CowAnswers *exact;
  CowPrecision precision, finer;
  CowMixTick tick;
  gpointer user_data;
  CowClassifier *network;
  guint n_linear;
  gboolean *raised; /* [n_linear] as the network stands */
  Ranked *layers;   /* [n_linear] the worst first */
  Ranked *pictures; /* [n] likewise */
} Search;

static void
search_clear (Search *self)
{
  g_clear_pointer (&self->network, cow_classifier_free);
  g_free (self->raised);
  g_free (self->layers);
  g_free (self->pictures);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

static guint
count_probes (guint n_linear, guint n_pictures)
{
  return MIN (CLAMP (PROBE_PASSES / n_linear, 1, MOST_PROBES), n_pictures);
}

guint
cow_precision_mix_passes (guint n_linear, guint n_pictures)
{
  return n_linear * count_probes (n_linear, n_pictures) + OTHER_ROUNDS * n_pictures;
}

/* The worst first; of two that are alike, the one that comes first. */
static int
compare_ranked (const void *a, const void *b)
{
  const Ranked *x = a, *y = b;
  if (x->fails != y->fails)
    return y->fails - x->fails;
  if (x->error != y->error)
    return x->error < y->error ? 1 : -1;
  return (x->index > y->index) - (x->index < y->index);
}

static gboolean
set_layer (Search *self, guint i, gboolean raised, GError **error)
{
  if (self->raised[i] == raised)
    return TRUE;
  self->raised[i] = raised;
  return cow_classifier_set_linear (self->network, i, raised ? self->finer : self->precision,
                                    error);
}

/* Raises the k worst layers, and no other. */
static gboolean
raise_worst (Search *self, guint k, GError **error)
{
  for (guint i = 0; i < self->n_linear; i++)
    if (!set_layer (self, self->layers[i].index, i < k, error))
      return FALSE;
  return TRUE;
}

static gboolean
run (Search *self, guint picture, CowDifference *difference, GError **error)
{
  CowOutput output;
  if (!cow_answers_run (self->exact, self->network, picture, &output, error))
    return FALSE;
  *difference = cow_answers_compare (self->exact, picture, &output);
  if (!self->tick || self->tick (self->user_data))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the search was stopped");
  return FALSE;
}

static gboolean
passes (const Search *self, const CowDifference *difference)
{
  return difference->cosine >= cow_precision_gate (self->precision) && difference->same_label;
}

/* Those that fail with no layer raised come before the others, so that a failure is found early. */
static gboolean
rank_pictures (Search *self, GError **error)
{
  for (guint i = 0; i < self->exact->n; i++) {
    CowDifference difference;
    if (!run (self, i, &difference, error))
      return FALSE;
    self->pictures[i] = (Ranked){ i, difference.error, !passes (self, &difference) };
  }
  qsort (self->pictures, self->exact->n, sizeof *self->pictures, compare_ranked);
  return TRUE;
}

/* The error that a layer adds when all others are raised. */
static gboolean
probe (Search *self, guint layer, double *sum, GError **error)
{
  const guint n = count_probes (self->n_linear, self->exact->n);
  *sum = 0;
  if (!set_layer (self, layer, FALSE, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    CowDifference difference;
    if (!run (self, self->pictures[i].index, &difference, error))
      return FALSE;
    *sum += difference.error;
  }
  return set_layer (self, layer, TRUE, error);
}

static gboolean
rank_layers (Search *self, GError **error)
{
  for (guint i = 0; i < self->n_linear; i++)
    self->layers[i] = (Ranked){ .index = i };
  if (!raise_worst (self, self->n_linear, error))
    return FALSE;
  for (guint i = 0; i < self->n_linear; i++)
    if (!probe (self, i, &self->layers[i].error, error))
      return FALSE;
  qsort (self->layers, self->n_linear, sizeof *self->layers, compare_ranked);
  return TRUE;
}

/* Whether all pictures pass with the k worst layers raised. */
static gboolean
try_k (Search *self, guint k, gboolean *passed, GError **error)
{
  *passed = TRUE;
  if (!raise_worst (self, k, error))
    return FALSE;
  for (guint i = 0; i < self->exact->n && *passed; i++) {
    CowDifference difference;
    if (!run (self, self->pictures[i].index, &difference, error))
      return FALSE;
    *passed = passes (self, &difference);
  }
  return TRUE;
}

/* The least k that passes, if more layers never make it worse; the half where no smaller one does.
 * k is doubled until it passes, and then the gap is halved. */
static gboolean
find_k (Search *self, guint *k, GError **error)
{
  guint fails = 0, next = 1;
  gboolean found = FALSE;
  *k = MAX (self->n_linear / 2, 1);
  while (fails + 1 < *k) {
    gboolean passed;
    if (!try_k (self, next, &passed, error))
      return FALSE;
    *(passed ? k : &fails) = next;
    found |= passed;
    next = found ? (fails + *k) / 2 : MIN (2 * next, *k - 1);
  }
  return TRUE;
}

/* The names of the k worst, in the network's order. */
static char **
name_worst (Search *self, guint k)
{
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; i < self->n_linear; i++)
    for (guint j = 0; j < k; j++)
      if (self->layers[j].index == i)
        g_ptr_array_add (names, cow_classifier_linear_name (self->network, i));
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}

char **
cow_precision_mix_find (const CowClassifier *fp32, const CowAnswers *exact, CowPrecision precision,
                        CowMixTick tick, gpointer user_data, GError **error)
{
  const guint n_linear = cow_classifier_n_linear (fp32);
  g_return_val_if_fail (n_linear > 0 && precision > COW_PRECISION_FP32, NULL);
  g_auto (Search) search = { .exact = exact,
                             .precision = precision,
                             .finer = cow_precision_finer (cow_classifier_device (fp32), precision),
                             .tick = tick,
                             .user_data = user_data,
                             .n_linear = n_linear,
                             .raised = g_new0 (gboolean, n_linear),
                             .layers = g_new (Ranked, n_linear),
                             .pictures = g_new (Ranked, exact->n) };
  guint k;
  search.network = cow_classifier_new_like (fp32, precision, NULL, error);
  if (!search.network || !rank_pictures (&search, error) || !rank_layers (&search, error) ||
      !find_k (&search, &k, error))
    return NULL;
  return name_worst (&search, k);
}
