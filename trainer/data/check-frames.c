/* SPDX-License-Identifier: MIT */
#include "trainer/data/check-frames.h"

#include "model/network/frame-fit.h"
#include "trainer/data/coco-names.h"
#include "trainer/host/words.h"

#define SAME_IOU .9 /* boxes of one class that overlap so far are of one cow */

/* A finding of no frame. */
static void
add_text (Check *self, CheckKind kind, char *text)
{
  check_add (self, kind, FALSE, g_array_new (FALSE, FALSE, sizeof (guint)), text);
}

/* ---- while they were read -------------------------------------------------------------------- */

/* Which finding of a reader's is which of ours; CHECK_N_KINDS: told elsewhere. */
static CheckKind
kind_of (FramesFinding finding)
{
  switch (finding) {
  case FRAMES_ABSENT:
    return CHECK_ABSENT;
  case FRAMES_UNREADABLE:
    return CHECK_UNREADABLE;
  case FRAMES_TWICE:
    return CHECK_NAMED_TWICE;
  case FRAMES_NO_BOX:
  case FRAMES_NO_AREA:
    return CHECK_EMPTY_BOX;
  case FRAMES_OUTSIDE:
    return CHECK_OUTSIDE;
  case FRAMES_CUT:
    return CHECK_CUT;
  case FRAMES_DOUBLED:
    return CHECK_BOX_TWICE;
  default:
    return CHECK_N_KINDS;
  }
}

static void
add_oddities (Check *self)
{
  const CowFrames *frames = self->frames;

  for (guint i = 0; i < frames->oddities->len; i++) {
    const CowFrameOddity *oddity = &g_array_index (frames->oddities, CowFrameOddity, i);
    const CheckKind kind = kind_of (oddity->finding);
    if (kind == CHECK_N_KINDS)
      continue;
    if (oddity->frame == G_MAXUINT)
      add_text (self, kind, g_strdup (oddity->place));
    else
      check_add_one (self, kind, FALSE, oddity->frame, g_strdup (oddity->place));
  }
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void
find_other_sizes (Check *self)
{
  for (guint i = 0; i < self->frames->frames->len; i++) {
    const CowFrame *frame = cow_frames_get (self->frames, i);
    const CheckedPicture *picture = &self->pictures[i];
    if (!picture->readable || (picture->width == frame->width && picture->height == frame->height))
      continue;
    const gboolean turned = picture->width == frame->height && picture->height == frame->width;
    check_add_one (self, CHECK_SIZE, FALSE, i,
                   g_strdup_printf ("%d x %d by the annotations, %d x %d in fact%s", frame->width,
                                    frame->height, picture->width, picture->height,
                                    turned ? "; its EXIF data turn it" : ""));
  }
}

static void
find_frames_without_boxes (Check *self)
{
  const CowFrames *frames = self->frames;
  g_autofree gboolean *unlabelled = g_new0 (gboolean, frames->frames->len + 1);

  for (guint i = 0; i < frames->oddities->len; i++) {
    const CowFrameOddity *oddity = &g_array_index (frames->oddities, CowFrameOddity, i);
    if (oddity->finding == FRAMES_UNLABELLED)
      unlabelled[oddity->frame] = TRUE;
  }
  for (guint i = 0; i < frames->frames->len; i++)
    if (cow_frames_get (frames, i)->n_boxes == 0)
      check_add_one (self, CHECK_NO_BOXES, FALSE, i,
                     g_strdup (unlabelled[i] ? "has no file of labels" : "has no boxes"));
}

/* ---- boxes ----------------------------------------------------------------------------------- */

static char *
box_text (const CowFrameBox *box)
{
  return g_strdup_printf ("%.0f x %.0f px at %.0f, %.0f", box->place.w, box->place.h, box->place.x,
                          box->place.y);
}

static void
find_tiny_boxes (Check *self, guint index, const CheckFramesOptions *options)
{
  const CowFrame *frame = cow_frames_get (self->frames, index);
  const CowFrameBox *boxes = cow_frames_boxes (self->frames, frame);

  for (guint i = 0; i < frame->n_boxes; i++) {
    const CowBounds seen =
        cow_frame_fit (&options->preprocess, frame->width, frame->height, &boxes[i].place);
    if (MIN (seen.w, seen.h) >= options->least_box)
      continue;
    g_autofree char *box = box_text (&boxes[i]);
    check_add_one (self, CHECK_TINY_BOX, FALSE, index,
                   g_strdup_printf ("%s: %.1f x %.1f px in the network", box, seen.w, seen.h));
  }
}

/* Readers took the first alone of those that are one for certain. */
static void
find_double_boxes (Check *self, guint index)
{
  const CowFrame *frame = cow_frames_get (self->frames, index);
  const CowFrameBox *boxes = cow_frames_boxes (self->frames, frame);

  for (guint i = 0; i < frame->n_boxes; i++)
    for (guint k = 0; k < i; k++) {
      const double iou = cow_bounds_iou (&boxes[i].place, &boxes[k].place);
      if (iou < SAME_IOU || boxes[i].behaviour != boxes[k].behaviour ||
          boxes[i].crowd != boxes[k].crowd)
        continue;
      g_autofree char *one = box_text (&boxes[k]), *other = box_text (&boxes[i]);
      check_add_one (self, CHECK_BOX_TWICE, TRUE, index,
                     g_strdup_printf ("%s and %s overlap by %.0f %%", one, other, 100 * iou));
      break;
    }
}

/* ---- classes --------------------------------------------------------------------------------- */

static void
find_in_classes (Check *self)
{
  const CowFrames *frames = self->frames;
  g_autofree guint *counts = g_new0 (guint, frames->n_classes + 1);

  for (guint i = 0; i < frames->boxes->len; i++) {
    const int behaviour = g_array_index (frames->boxes, CowFrameBox, i).behaviour;
    if (behaviour >= 0)
      counts[behaviour]++;
  }
  for (guint c = 0; c < frames->n_classes; c++)
    if (counts[c] < CHECK_FRAMES_FEW_BOXES && !coco_names_is_other (frames->classes[c]))
      add_text (self, CHECK_FEW_BOXES,
                g_strdup_printf ("\"%s\" (%u box%s)", frames->classes[c], counts[c],
                                 words_of (counts[c], "", "es")));
  for (guint i = 0; i < frames->others->len; i++)
    add_text (self, CHECK_NO_COW, g_strdup (frames->others->pdata[i]));
}

Check *
check_frames_run (const CowFrames *frames, const CowDataset *dataset,
                  const CheckFramesOptions *options, GError **error)
{
  Check *self = check_run (dataset, options->least_side, options->n_threads, error);

  if (!self)
    return NULL;
  self->frames = frames;
  self->warnings = frames->warnings;
  self->notes = frames->notes;
  self->passed = frames->passed;
  add_oddities (self);
  find_other_sizes (self);
  find_frames_without_boxes (self);
  for (guint i = 0; i < frames->frames->len; i++) {
    find_tiny_boxes (self, i, options);
    find_double_boxes (self, i);
  }
  find_in_classes (self);
  return self;
}
