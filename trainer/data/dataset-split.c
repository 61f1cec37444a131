/* SPDX-License-Identifier: MIT */
/*
 * Divides training pictures into train, val and test: whole groups, each class in the same parts as
 * far as the groups allow.
 *
 * Groups are taken one after the other, the largest first (they can only be balanced by smaller
 * ones later), equal ones in an order that the seed gives; each goes where it brings the shares of
 * the classes nearest to what was asked for: the sum over splits s and classes c of (share of c in
 * s - part of s)^2 / part of s is kept smallest. Without groups, each picture is its own, and every
 * class comes out within one picture of its part. A picture with several labels counts for each of
 * its classes, and one that shows none for a kind of its own (Sechidis et al., "On the
 * Stratification of Multi-Label Data", 2011).
 */
#include "trainer/data/dataset-split.h"

#include <string.h>

#include "model/training/random.h"
#include "trainer/host/words.h"

typedef struct {
  guint first, n; /* its pictures: members[first .. first + n) */
  guint64 key;    /* for the order among equals */
} Group;

typedef struct {
  CowDataset *set;
  GArray *groups; /* of Group */
  guint *members; /* indices of samples, group by group */
  guint n_kinds;  /* classes, and "none" where there may be several labels */
  double *counts; /* [COW_N_SPLITS, n_kinds] */
  double *totals; /* [n_kinds] */
  double part[COW_N_SPLITS];
  double placed[COW_N_SPLITS]; /* pictures so far */
} Division;

static int
compare_groups (gconstpointer a, gconstpointer b)
{
  const Group *left = a, *right = b;

  if (left->n != right->n)
    return left->n > right->n ? -1 : 1;
  if (left->key != right->key)
    return left->key < right->key ? -1 : 1;
  return left->first < right->first ? -1 : 1;
}

/* The group of each training picture, in order of appearance: numbers[sample]; gives how many there
 * are. */
static guint
number_groups (const CowDataset *set, guint *numbers)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  guint n = 0;

  for (guint i = 0; i < set->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (set, i);
    if (sample->split != COW_TRAIN)
      continue;
    const guint old =
        sample->group ? GPOINTER_TO_UINT (g_hash_table_lookup (known, sample->group)) : 0;
    numbers[i] = old ? old - 1 : n++;
    if (sample->group && !old)
      g_hash_table_insert (known, (gpointer)sample->group, GUINT_TO_POINTER (n));
  }
  return n;
}

/* Fills groups and members: a counting sort of the pictures by the number of their group. */
static void
gather_groups (Division *self, guint64 seed)
{
  const guint n = self->set->samples->len;
  g_autofree guint *numbers = g_new0 (guint, n);
  const guint n_groups = number_groups (self->set, numbers);
  guint first = 0;

  g_array_set_size (self->groups, n_groups);
  memset (self->groups->data, 0, n_groups * sizeof (Group));
  Group *groups = (Group *)(void *)self->groups->data;
  for (guint i = 0; i < n; i++)
    if (cow_dataset_sample (self->set, i)->split == COW_TRAIN)
      groups[numbers[i]].n++;
  for (guint g = 0; g < n_groups; g++) {
    groups[g].first = first;
    groups[g].key = cow_random_key (seed, g);
    first += groups[g].n;
    groups[g].n = 0;
  }
  for (guint i = 0; i < n; i++)
    if (cow_dataset_sample (self->set, i)->split == COW_TRAIN) {
      Group *group = &groups[numbers[i]];
      self->members[group->first + group->n++] = i;
    }
  g_array_sort (self->groups, compare_groups);
}

/* Counts a picture for its classes, counts [n_kinds]; those that are counted first are added to
 * `used`, which may be NULL. */
static void
count_picture (const Division *self, guint picture, double *counts, GArray *used)
{
  const CowSample *sample = cow_dataset_sample (self->set, picture);
  const guint n_classes = self->set->n_classes;
  const guint first = self->set->sets ? 0 : (guint)sample->label;
  gboolean none = TRUE;

  for (guint c = first; self->set->sets ? c < self->n_kinds : c == first; c++) {
    if (c < n_classes ? !cow_dataset_shows (self->set, sample, c) : !none)
      continue;
    none = FALSE;
    if (counts[c]++ == 0 && used)
      g_array_append_val (used, c);
  }
}

/* How much worse the division gets when a group of `counts` [n_kinds] pictures goes to a split;
 * `used` lists the classes it has. */
static double
cost (const Division *self, CowSplit split, const double *counts, const GArray *used)
{
  double sum = 0;

  for (guint i = 0; i < used->len; i++) {
    const guint c = g_array_index (used, guint, i);
    const double more = counts[c] / self->totals[c];
    const double off =
        self->counts[split * self->n_kinds + c] / self->totals[c] - self->part[split];
    sum += (more * more + 2 * more * off) / self->part[split];
  }
  return sum;
}

static void
place_group (Division *self, const Group *group, double *counts, GArray *used)
{
  CowDataset *set = self->set;
  CowSplit best = COW_TRAIN;

  g_array_set_size (used, 0);
  for (guint i = 0; i < group->n; i++)
    count_picture (self, self->members[group->first + i], counts, used);
  for (CowSplit split = COW_VAL; split < COW_N_SPLITS; split++)
    if (self->part[split] > 0 &&
        cost (self, split, counts, used) < cost (self, best, counts, used) - 1e-12)
      best = split;
  for (guint i = 0; i < group->n; i++)
    g_array_index (set->samples, CowSample, self->members[group->first + i]).split = best;
  for (guint i = 0; i < used->len; i++) {
    const guint c = g_array_index (used, guint, i);
    self->counts[best * self->n_kinds + c] += counts[c];
    counts[c] = 0;
  }
  self->placed[best] += group->n;
}

static void
warn (DatasetDraft *draft, const Division *self)
{
  const CowDataset *set = self->set;

  if (!set->grouped_by && draft->options->group_by == NULL)
    dataset_draft_warn (draft,
                        "pictures are divided one by one: near-identical ones (of one video, say) "
                        "may be in training and in validation, and results look better than they "
                        "are; --group-by keeps them together (%s)",
                        draft->ways ? draft->ways
                                    : "tables: cow, session, camera or a column; folders: name");
  if (set->grouped_by && draft->n_ungrouped > 0)
    dataset_draft_warn (draft, "%u picture%s no %s; each is divided on its own", draft->n_ungrouped,
                        words_of (draft->n_ungrouped, " has", "s have"), set->grouped_by);
  for (CowSplit split = COW_VAL; split < COW_N_SPLITS; split++) {
    const double n = self->placed[split],
                 all = self->placed[COW_TRAIN] + self->placed[COW_VAL] + self->placed[COW_TEST];
    if (self->part[split] > 0 && all > 0 &&
        (n < .5 * self->part[split] * all || n > 2 * self->part[split] * all))
      dataset_draft_warn (draft,
                          "%s has %.0f %% of the pictures instead of %.0f %%: %u group%s (%s) "
                          "cannot be divided better",
                          cow_split_name (split), 100 * n / all, 100 * self->part[split],
                          self->groups->len, words_s (self->groups->len),
                          set->grouped_by ? set->grouped_by : "single pictures");
  }
}

void
dataset_divide (DatasetDraft *draft, double val_fraction, double test_fraction)
{
  CowDataset *set = draft->set;
  g_autoptr (GArray) groups = g_array_new (FALSE, FALSE, sizeof (Group)),
                     used = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autofree guint *members = g_new (guint, set->samples->len);
  const guint n_kinds = set->n_classes + (set->sets ? 1 : 0);
  g_autofree double *counts = g_new0 (double, (gsize)COW_N_SPLITS *n_kinds),
                    *totals = g_new0 (double, n_kinds);
  g_autofree double *of_group = g_new0 (double, n_kinds);
  Division self = { .set = set,
                    .groups = groups,
                    .members = members,
                    .n_kinds = n_kinds,
                    .counts = counts,
                    .totals = totals,
                    .part = { 1 - val_fraction - test_fraction, val_fraction, test_fraction } };

  for (guint i = 0; i < set->samples->len; i++)
    if (cow_dataset_sample (set, i)->split == COW_TRAIN)
      count_picture (&self, i, totals, NULL);
  gather_groups (&self, (guint64)draft->options->seed);
  for (guint g = 0; g < groups->len; g++)
    place_group (&self, &g_array_index (groups, Group, g), of_group, used);
  warn (draft, &self);
}
