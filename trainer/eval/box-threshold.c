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

typedef enum { GHOST, HIT, IN_CROWD } Outcome;

static Outcome
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
  return best >= 0 ? HIT : crowded ? IN_CROWD : GHOST;
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

CowBoxThreshold
cow_box_threshold (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found)
{
  g_autofree gboolean *taken = g_new0 (gboolean, n_true);
  g_autofree guint *order = g_new (guint, n_found);
  g_autoptr (GHashTable) pictures = group (truth, n_true);
  Matching matching = { truth, pictures, taken };
  guint64 n_cows = 0, counts[IN_CROWD + 1] = { 0 };

  for (guint i = 0; i < n_true; i++)
    n_cows += !truth[i].crowd;
  for (guint i = 0; i < n_found; i++)
    order[i] = i;
  g_qsort_with_data (order, (int)n_found, sizeof *order, compare, (gpointer)found);
  CowBoxThreshold best = threshold_at (1, 0, 0, n_cows);
  for (guint i = 0; i < n_found; i++) {
    const CowFoundBox *box = &found[order[i]];
    counts[match (&matching, box)]++;
    /* Boxes of one score are told together. */
    if (i + 1 < n_found && found[order[i + 1]].score == box->score)
      continue;
    const CowBoxThreshold at = threshold_at (box->score, counts[HIT], counts[GHOST], n_cows);
    if (at.f1 > best.f1)
      best = at;
  }
  return best;
}
