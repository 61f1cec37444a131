/* SPDX-License-Identifier: MIT */
#include "trainer/eval/box-threshold.h"

#define OVERLAP .5

typedef struct {
  const CowTrueBox *truth;
  GHashTable *pictures; /* image + 1 -> of guint: indices in `truth` */
  gboolean *taken;      /* [n_true] */
} Matching;

static GHashTable *
group (const CowTrueBox *truth, guint n)
{
  GHashTable *pictures = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)g_array_unref);

  for (guint i = 0; i < n; i++) {
    gpointer key = GSIZE_TO_POINTER ((gsize)truth[i].image + 1);
    GArray *own = g_hash_table_lookup (pictures, key);
    if (!own) {
      own = g_array_new (FALSE, FALSE, sizeof (guint));
      g_hash_table_insert (pictures, key, own);
    }
    g_array_append_val (own, i);
  }
  return pictures;
}

/* The part of a box that a crowd covers is what counts there, as COCO has it. */
static double
overlap (const CowTrueBox *truth, const CowFoundBox *found)
{
  if (!truth->crowd)
    return cow_bounds_iou (&truth->place, &found->place);
  const double area = found->place.w * found->place.h;
  return area > 0 ? cow_bounds_shared (&truth->place, &found->place) / area : 0;
}

static int
match (Matching *self, const CowFoundBox *found)
{
  const GArray *own =
      g_hash_table_lookup (self->pictures, GSIZE_TO_POINTER ((gsize)found->image + 1));
  double most = OVERLAP;
  int best = -1;
  gboolean crowded = FALSE;

  for (guint i = 0; own && i < own->len; i++) {
    const guint index = g_array_index (own, guint, i);
    const CowTrueBox *truth = &self->truth[index];
    const double shared = overlap (truth, found);
    if (truth->category != found->category || self->taken[index])
      continue;
    if (truth->crowd)
      crowded = crowded || shared >= OVERLAP;
    else if (shared >= most) {
      most = shared;
      best = (int)index;
    }
  }
  if (best >= 0)
    self->taken[best] = TRUE;
  return best >= 0 ? best : crowded ? COW_BOX_IN_CROWD : COW_BOX_GHOST;
}

static int
compare (gconstpointer a, gconstpointer b, gpointer data)
{
  const CowFoundBox *found = data;
  const guint i = *(const guint *)a, j = *(const guint *)b;

  if (found[i].score != found[j].score)
    return found[i].score > found[j].score ? -1 : 1;
  return i < j ? -1 : i > j;
}

/* Indices by falling score, [n]; g_free. */
static guint *
order_of (const CowFoundBox *found, guint n)
{
  guint *order = g_new (guint, MAX (n, 1));

  for (guint i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, (int)n, sizeof *order, compare, (gpointer)found);
  return order;
}

int *
cow_box_match (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found)
{
  g_autofree gboolean *taken = g_new0 (gboolean, MAX (n_true, 1));
  g_autofree guint *order = order_of (found, n_found);
  g_autoptr (GHashTable) pictures = group (truth, n_true);
  Matching matching = { truth, pictures, taken };
  int *matched = g_new (int, MAX (n_found, 1));

  for (guint i = 0; i < n_found; i++)
    matched[order[i]] = match (&matching, &found[order[i]]);
  return matched;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static CowBoxThreshold
threshold_at (double score, guint64 hits, guint64 ghosts, guint64 n_cows)
{
  const double told = (double)(hits + ghosts), cows = (double)n_cows;
  CowBoxThreshold at = { .score = score, .hits = hits, .ghosts = ghosts, .missed = n_cows - hits };

  at.precision = told > 0 ? (double)hits / told : 0;
  at.recall = cows > 0 ? (double)hits / cows : 0;
  at.f1 = told + cows > 0 ? 2 * (double)hits / (told + cows) : 0;
  return at;
}

GArray *
cow_box_thresholds (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found,
                    const int *matched)
{
  g_autofree guint *order = order_of (found, n_found);
  GArray *thresholds = g_array_new (FALSE, FALSE, sizeof (CowBoxThreshold));
  guint64 n_cows = 0, hits = 0, ghosts = 0;

  for (guint i = 0; i < n_true; i++)
    n_cows += !truth[i].crowd;
  for (guint i = 0; i < n_found; i++) {
    const CowFoundBox *box = &found[order[i]];
    hits += matched[order[i]] >= 0;
    ghosts += matched[order[i]] == COW_BOX_GHOST;
    /* Boxes of one score are told together. */
    if (i + 1 < n_found && found[order[i + 1]].score == box->score)
      continue;
    const CowBoxThreshold at = threshold_at (box->score, hits, ghosts, n_cows);
    g_array_append_val (thresholds, at);
  }
  return thresholds;
}

CowBoxThreshold
cow_box_threshold_best (const CowTrueBox *truth, guint n_true, const GArray *thresholds)
{
  guint64 n_cows = 0;

  for (guint i = 0; i < n_true; i++)
    n_cows += !truth[i].crowd;
  CowBoxThreshold best = threshold_at (1, 0, 0, n_cows);
  for (guint i = 0; i < thresholds->len; i++) {
    const CowBoxThreshold *at = &g_array_index (thresholds, CowBoxThreshold, i);
    if (at->f1 > best.f1)
      best = *at;
  }
  return best;
}
