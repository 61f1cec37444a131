/* SPDX-License-Identifier: MIT */
#include "trainer/eval/box-scores.h"

#include <math.h>
#include <string.h>

#define MOST_FOUND 100 /* of a category in a picture */

/* px^2: from, and up to and with */
static const double areas[COW_BOX_SIZES][2] = {
  [COW_BOX_ALL] = { 0, 1e10 },
  [COW_BOX_SMALL] = { 0, 32 * 32 },
  [COW_BOX_MEDIUM] = { 32 * 32, 96 * 96 },
  [COW_BOX_LARGE] = { 96 * 96, 1e10 },
};

/* The overlap; of a crowd, which may be far larger, the share of what was found that is in it. */
static double
overlap_of (const CowFoundBox *found, const CowTrueBox *truth)
{
  const double area = found->place.w * found->place.h;
  if (!truth->crowd)
    return cow_bounds_iou (&found->place, &truth->place);
  return area > 0 ? cow_bounds_shared (&found->place, &truth->place) / area : 0;
}

/* ---- order: by category, then by picture ----------------------------------------------------- */

typedef struct {
  const CowTrueBox *box;
  gboolean ignored; /* for the size that is looked at */
  gboolean matched;
} True;

typedef struct {
  const CowFoundBox *box;
  gboolean counted, correct; /* at the overlap and size that are looked at */
} Found;

static gint
compare_places (guint category, guint image, guint other_category, guint other_image)
{
  if (category != other_category)
    return category < other_category ? -1 : 1;
  return image < other_image ? -1 : image > other_image;
}

static gint
compare_true (gconstpointer a, gconstpointer b)
{
  const CowTrueBox *one = ((const True *)a)->box, *other = ((const True *)b)->box;
  const gint order = compare_places (one->category, one->image, other->category, other->image);
  return order != 0 ? order : one < other ? -1 : one > other;
}

static gint
compare_scores (const CowFoundBox *one, const CowFoundBox *other)
{
  if (one->score != other->score)
    return one->score > other->score ? -1 : 1;
  return one < other ? -1 : one > other;
}

static gint
compare_found (gconstpointer a, gconstpointer b)
{
  const CowFoundBox *one = ((const Found *)a)->box, *other = ((const Found *)b)->box;
  const gint order = compare_places (one->category, one->image, other->category, other->image);
  return order != 0 ? order : compare_scores (one, other);
}

/* By score alone, and of equals by picture, as pictures are put one behind the other. */
static gint
compare_over_pictures (gconstpointer a, gconstpointer b)
{
  const CowFoundBox *one = ((const Found *)a)->box, *other = ((const Found *)b)->box;
  if (one->score != other->score)
    return one->score > other->score ? -1 : 1;
  return one->image != other->image ? (one->image < other->image ? -1 : 1)
                                    : compare_scores (one, other);
}

/* ---- matching -------------------------------------------------------------------------------- */

/* The boxes of one category in one picture. */
typedef struct {
  True *truth;
  guint n_true;
  Found *found; /* best first, at most MOST_FOUND */
  guint n_found;
} Picture;

/* The true box that a found one is taken for, NULL for none: the free one that it overlaps most, of
 * equals the last; one that is ignored only where no other will do. */
static True *
match (const Picture *picture, const CowFoundBox *found, double overlap)
{
  True *best = NULL;
  for (int ignored = 0; ignored <= 1 && !best; ignored++) {
    double most = MIN (overlap, 1 - 1e-10);
    for (guint i = 0; i < picture->n_true; i++) {
      True *truth = &picture->truth[i];
      const gboolean crowd = truth->box->crowd;
      if (truth->ignored != ignored || (truth->matched && !crowd))
        continue;
      const double iou = overlap_of (found, truth->box);
      if (iou >= most) {
        most = iou;
        best = truth;
      }
    }
  }
  return best;
}

static gboolean
has_size (double area, CowBoxSize size)
{
  return area >= areas[size][0] && area <= areas[size][1];
}

static void
judge_picture (const Picture *picture, CowBoxSize size, double overlap)
{
  for (guint i = 0; i < picture->n_true; i++) {
    True *truth = &picture->truth[i];
    truth->matched = FALSE;
    truth->ignored = truth->box->crowd || !has_size (truth->box->area, size);
  }
  for (guint i = 0; i < picture->n_found; i++) {
    Found *found = &picture->found[i];
    const CowBounds *place = &found->box->place;
    True *truth = match (picture, found->box, overlap);
    if (truth)
      truth->matched = TRUE;
    found->correct = truth != NULL;
    found->counted = truth ? !truth->ignored : has_size (place->w * place->h, size);
  }
}

/* ---- precision and recall -------------------------------------------------------------------- */

/* Precision at each recall, [COW_BOX_RECALLS], from those that count, best first; returns the
 * recall that is reached. */
static double
trace (const GArray *found, guint n_true, double *curve)
{
  g_autoptr (GArray) precision = g_array_new (FALSE, FALSE, sizeof (double)),
                     recall = g_array_new (FALSE, FALSE, sizeof (double));
  double correct = 0, n = 0;
  for (guint i = 0; i < found->len; i++) {
    const Found *one = &g_array_index (found, Found, i);
    if (!one->counted)
      continue;
    n++;
    correct += one->correct;
    const double p = correct / n, r = correct / n_true;
    g_array_append_val (precision, p);
    g_array_append_val (recall, r);
  }
  double *p = (double *)(gpointer)precision->data;
  const double *r = (const double *)(gconstpointer)recall->data;
  for (guint i = precision->len; i-- > 1;)
    p[i - 1] = MAX (p[i - 1], p[i]);
  guint at = 0;
  for (int k = 0; k < COW_BOX_RECALLS; k++) {
    while (at < recall->len && r[at] < k * .01)
      at++;
    curve[k] = at < recall->len ? p[at] : 0;
  }
  return recall->len > 0 ? r[recall->len - 1] : 0;
}

/* The precision curve of a category, given its pictures, at one overlap and size; FALSE where it
 * has no such box. */
static gboolean
judge_category (const GArray *pictures, CowBoxSize size, double overlap, double *curve,
                double *recall)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Found));
  guint n_true = 0;
  for (guint i = 0; i < pictures->len; i++) {
    const Picture *picture = &g_array_index (pictures, Picture, i);
    judge_picture (picture, size, overlap);
    for (guint k = 0; k < picture->n_true; k++)
      n_true += !picture->truth[k].ignored;
    if (picture->n_found > 0)
      g_array_append_vals (all, picture->found, picture->n_found);
  }
  if (n_true == 0)
    return FALSE;
  g_array_sort (all, compare_over_pictures);
  *recall = trace (all, n_true, curve);
  return TRUE;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Adds up what means are made of. */
typedef struct {
  double sum, n;
} Mean;

static void
add (Mean *mean, double value)
{
  mean->sum += value;
  mean->n++;
}

static double
mean_of (const Mean *mean)
{
  return mean->n > 0 ? mean->sum / mean->n : NAN;
}

typedef struct {
  Mean precision[COW_BOX_SIZES], recall[COW_BOX_SIZES];
  Mean precision50, precision75;
  Mean curve[COW_BOX_RECALLS];
} Means;

/* .50, .55, ... as pycocotools rounds them (numpy.linspace): an overlap may be one of them. */
static double
overlap_at (int i)
{
  return i * ((.95 - .5) / (COW_BOX_OVERLAPS - 1)) + .5;
}

static void
add_category (const GArray *pictures, Means *means)
{
  for (int size = 0; size < COW_BOX_SIZES; size++)
    for (int i = 0; i < COW_BOX_OVERLAPS; i++) {
      double curve[COW_BOX_RECALLS], recall, sum = 0;
      if (!judge_category (pictures, (CowBoxSize)size, overlap_at (i), curve, &recall))
        continue;
      for (int k = 0; k < COW_BOX_RECALLS; k++)
        sum += curve[k];
      sum /= COW_BOX_RECALLS;
      add (&means->precision[size], sum);
      add (&means->recall[size], recall);
      if (size == COW_BOX_ALL && i == 5)
        add (&means->precision75, sum);
      if (size != COW_BOX_ALL || i != 0)
        continue;
      add (&means->precision50, sum);
      for (int k = 0; k < COW_BOX_RECALLS; k++)
        add (&means->curve[k], curve[k]);
    }
}

static void
finish (const Means *means, CowBoxScores *scores)
{
  for (int size = 0; size < COW_BOX_SIZES; size++) {
    scores->precision[size] = mean_of (&means->precision[size]);
    scores->recall[size] = mean_of (&means->recall[size]);
  }
  scores->precision50 = mean_of (&means->precision50);
  scores->precision75 = mean_of (&means->precision75);
  for (int k = 0; k < COW_BOX_RECALLS; k++)
    scores->curve[k] = mean_of (&means->curve[k]);
}

/* From the places t and f on in the sorted lists, the boxes of the category and picture that comes
 * first there. */
static Picture
next_picture (GArray *truth, guint *t, GArray *found, guint *f, guint *category)
{
  True *trues = (True *)(gpointer)truth->data;
  Found *founds = (Found *)(gpointer)found->data;
  Picture picture = { .truth = trues + *t, .found = founds + *f };
  const gboolean by_truth =
      *f == found->len ||
      (*t < truth->len && compare_places (trues[*t].box->category, trues[*t].box->image,
                                          founds[*f].box->category, founds[*f].box->image) <= 0);
  const guint image = by_truth ? trues[*t].box->image : founds[*f].box->image;
  *category = by_truth ? trues[*t].box->category : founds[*f].box->category;
  for (; *t < truth->len && trues[*t].box->category == *category && trues[*t].box->image == image;
       (*t)++)
    picture.n_true++;
  for (; *f < found->len && founds[*f].box->category == *category && founds[*f].box->image == image;
       (*f)++)
    picture.n_found++;
  picture.n_found = MIN (picture.n_found, MOST_FOUND);
  return picture;
}

void
cow_box_scores (const CowTrueBox *truth, guint n_true, const CowFoundBox *found, guint n_found,
                CowBoxScores *scores)
{
  g_autoptr (GArray) trues = g_array_new (FALSE, TRUE, sizeof (True)),
                     founds = g_array_new (FALSE, TRUE, sizeof (Found)),
                     pictures = g_array_new (FALSE, FALSE, sizeof (Picture));
  Means means = { 0 };
  guint t = 0, f = 0, category = 0;
  for (guint i = 0; i < n_true; i++) {
    const True one = { .box = &truth[i] };
    g_array_append_val (trues, one);
  }
  for (guint i = 0; i < n_found; i++) {
    const Found one = { .box = &found[i] };
    g_array_append_val (founds, one);
  }
  g_array_sort (trues, compare_true);
  g_array_sort (founds, compare_found);
  while (t < trues->len || f < founds->len) {
    guint of_picture;
    const Picture picture = next_picture (trues, &t, founds, &f, &of_picture);
    if (of_picture != category) {
      add_category (pictures, &means);
      g_array_set_size (pictures, 0);
    }
    category = of_picture;
    g_array_append_val (pictures, picture);
  }
  add_category (pictures, &means);
  finish (&means, scores);
}
