/* SPDX-License-Identifier: MIT */
#include "trainer/eval/box-evaluation.h"

#include <string.h>

#include "model/network/argmax.h"

CowBoxEvaluation *
cow_box_evaluation_new (const CowFrames *frames, const char *const *told)
{
  CowBoxEvaluation *self = g_new0 (CowBoxEvaluation, 1);

  self->frames = frames;
  self->warnings = g_ptr_array_new_with_free_func (g_free);
  cow_box_tally_init (&self->tally);
  if (told)
    self->behaviours = cow_box_behaviours_new (told, (const char *const *)frames->classes);
  self->said = g_array_new (FALSE, FALSE, sizeof (guint));
  self->judged = g_array_new (FALSE, FALSE, sizeof (CowBoxFrame));
  self->classes = g_array_new (FALSE, FALSE, sizeof (CowBoxShare));
  self->sources = g_array_new (FALSE, FALSE, sizeof (CowBoxShare));
  return self;
}

void
cow_box_evaluation_free (CowBoxEvaluation *self)
{
  if (!self)
    return;
  char *texts[] = { self->model,  self->adapter, self->data,    self->split,
                    self->device, self->made_at, self->prepared };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_ptr_array_unref (self->warnings);
  cow_box_tally_clear (&self->tally);
  g_clear_pointer (&self->behaviours, cow_box_behaviours_free);
  g_array_unref (self->said);
  g_array_unref (self->judged);
  g_array_unref (self->classes);
  g_array_unref (self->sources);
  g_free (self->matched);
  g_free (self);
}

void
cow_box_evaluation_add (CowBoxEvaluation *self, guint frame, const CowPreprocess *preprocess,
                        GArray *detections, const float *probabilities)
{
  CowBoxFrame judged = { .frame = frame,
                         .first_true = self->tally.truth->len,
                         .first_found = self->tally.found->len };

  cow_box_tally_add (&self->tally, self->frames, cow_frames_get (self->frames, frame), preprocess,
                     detections);
  judged.n_found = detections->len;
  g_array_append_val (self->judged, judged);
  for (guint i = 0; self->behaviours && i < detections->len; i++) {
    const guint n = self->behaviours->n_told, row = g_array_index (detections, CowDetection, i).row;
    const guint said = cow_argmax (probabilities + (gsize)row * n, n);
    g_array_append_val (self->said, said);
  }
}

gboolean
cow_box_evaluation_has_behaviours (const CowBoxEvaluation *self)
{
  return self->behaviours && self->frames->n_classes > 0;
}

gboolean
cow_box_evaluation_is_told (const CowBoxEvaluation *self, const CowFoundBox *found)
{
  return found->score >= self->threshold.score;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* At each score of the curve the last threshold that is not below it. */
static void
trace (CowBoxEvaluation *self, const GArray *thresholds)
{
  guint next = 0;

  for (guint k = COW_BOX_CURVE_POINTS; k-- > 0;) {
    const double score = (double)k / (COW_BOX_CURVE_POINTS - 1);
    while (next < thresholds->len &&
           g_array_index (thresholds, CowBoxThreshold, next).score >= score)
      next++;
    self->curve[k] = next > 0 ? g_array_index (thresholds, CowBoxThreshold, next - 1)
                              : (CowBoxThreshold){ .missed = self->n_cows };
    self->curve[k].score = score;
  }
}

/* The share of that name, which is made where there is none yet. */
static CowBoxShare *
share_of (GArray *shares, const char *name)
{
  for (guint i = 0; i < shares->len; i++)
    if (g_str_equal (g_array_index (shares, CowBoxShare, i).name, name))
      return &g_array_index (shares, CowBoxShare, i);
  const CowBoxShare share = { .name = name };
  g_array_append_val (shares, share);
  return &g_array_index (shares, CowBoxShare, shares->len - 1);
}

static void
count (CowBoxShare *share, gboolean found)
{
  share->n++;
  share->found += found;
}

/* What is said of a box that was found, -1 where none was. */
static int
said_of (const CowBoxEvaluation *self, int found)
{
  return found < 0 ? -1 : (int)g_array_index (self->said, guint, (guint)found);
}

/* What was said of a cow, `found` [tally.found] or -1. */
static void
judge_behaviour (CowBoxEvaluation *self, CowBoxFrame *judged, const CowFrameBox *box, int found)
{
  const int said = said_of (self, found);

  cow_box_behaviours_add (self->behaviours, box->behaviour, said);
  if (said < 0 || box->behaviour < 0)
    return;
  const gboolean right =
      cow_box_behaviours_is_right (self->behaviours, box->behaviour, (guint)said);
  judged->right += right;
  judged->wrong += !right;
}

static void
judge_ghost (CowBoxEvaluation *self, CowBoxFrame *judged, guint found)
{
  judged->ghosts++;
  if (self->behaviours)
    cow_box_behaviours_add_ghost (self->behaviours, g_array_index (self->said, guint, found));
}

/* Counts the cows of a frame; `found_by` [tally.truth]: what found her, or -1. */
static void
judge_frame (CowBoxEvaluation *self, CowBoxFrame *judged, const int *found_by)
{
  const CowFrames *frames = self->frames;
  const CowFrame *frame = cow_frames_get (frames, judged->frame);
  const CowFrameBox *boxes = cow_frames_boxes (frames, frame);
  const int *own = found_by + judged->first_true;

  for (guint i = 0; i < frame->n_boxes; i++) {
    if (boxes[i].crowd)
      continue;
    self->n_cows++;
    judged->hits += own[i] >= 0;
    judged->missed += own[i] < 0;
    if (self->behaviours)
      judge_behaviour (self, judged, &boxes[i], own[i]);
    if (frames->n_classes > 0)
      count (share_of (self->classes, boxes[i].behaviour < 0 ? "(no behaviour)"
                                                             : frames->classes[boxes[i].behaviour]),
             own[i] >= 0);
    count (share_of (self->sources, frame->source), own[i] >= 0);
  }
  for (guint i = judged->first_found; i < judged->first_found + judged->n_found; i++)
    if (self->matched[i] == COW_BOX_GHOST &&
        cow_box_evaluation_is_told (self, &g_array_index (self->tally.found, CowFoundBox, i)))
      judge_ghost (self, judged, i);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (((const CowBoxShare *)a)->name, ((const CowBoxShare *)b)->name);
}

static void
judge_frames (CowBoxEvaluation *self)
{
  g_autofree int *found_by = g_new (int, self->tally.truth->len + 1);

  for (guint i = 0; i < self->tally.truth->len; i++)
    found_by[i] = -1;
  for (guint i = 0; i < self->tally.found->len; i++)
    if (self->matched[i] >= 0 &&
        cow_box_evaluation_is_told (self, &g_array_index (self->tally.found, CowFoundBox, i)))
      found_by[self->matched[i]] = (int)i;
  for (guint i = 0; i < self->judged->len; i++)
    judge_frame (self, &g_array_index (self->judged, CowBoxFrame, i), found_by);
  g_array_sort (self->classes, compare_names);
  g_array_sort (self->sources, compare_names);
  /* Frames that say nothing of where they come from. */
  if (self->sources->len == 1 && !*g_array_index (self->sources, CowBoxShare, 0).name)
    g_array_set_size (self->sources, 0);
}

void
cow_box_evaluation_compute (CowBoxEvaluation *self)
{
  const GArray *truth = self->tally.truth, *found = self->tally.found;
  const CowTrueBox *truths = (const CowTrueBox *)(void *)truth->data;
  const CowFoundBox *founds = (const CowFoundBox *)(void *)found->data;

  cow_box_tally_scores (&self->tally, &self->scores);
  self->matched = cow_box_match (truths, truth->len, founds, found->len);
  g_autoptr (GArray) thresholds =
      cow_box_thresholds (truths, truth->len, founds, found->len, self->matched);
  self->threshold = cow_box_threshold_best (truths, truth->len, thresholds);
  judge_frames (self);
  if (self->behaviours)
    cow_box_behaviours_compute (self->behaviours);
  trace (self, thresholds);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static guint
mistakes_of (const CowBoxEvaluation *self, guint i)
{
  const CowBoxFrame *judged = &g_array_index (self->judged, CowBoxFrame, i);
  return judged->missed + judged->ghosts + judged->wrong;
}

static int
compare_mistakes (gconstpointer a, gconstpointer b, gpointer data)
{
  const guint i = *(const guint *)a, k = *(const guint *)b, x = mistakes_of (data, i),
              y = mistakes_of (data, k);

  return x != y ? (x > y ? -1 : 1) : i < k ? -1 : i > k;
}

GArray *
cow_box_evaluation_mistakes (const CowBoxEvaluation *self)
{
  GArray *which = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < self->judged->len; i++)
    if (mistakes_of (self, i) > 0)
      g_array_append_val (which, i);
  g_array_sort_with_data (which, compare_mistakes, (gpointer)self);
  return which;
}
