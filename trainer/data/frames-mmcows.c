/* SPDX-License-Identifier: MIT */
/* MmCows' frames, with the behaviour of each cow in that second; the cow's number is who it is.
 * Frames of an hour stay together, as all cameras see the same pen. */
#include "trainer/data/frames-readers.h"
#include "trainer/data/mmcows.h"

typedef struct {
  FramesDraft *draft;
  CowSplit split;
} Mmcows;

static gboolean
take_box (Mmcows *self, const MmcowsBox *box, const char *place, GError **error)
{
  const CowFrame *frame = frames_draft_last (self->draft);
  g_autofree char *cow = g_strdup_printf ("MmCows %" G_GUINT64_FORMAT, box->cow);
  const FramesBox own = { .place = { box->box[0] * frame->width, box->box[1] * frame->height,
                                     box->box[2] * frame->width, box->box[3] * frame->height },
                          .label = box->behaviour,
                          .identity = cow };

  return frames_draft_box (self->draft, &own, place, error);
}

static gboolean
take_frame (const MmcowsFrame *frame, gpointer data, GError **error)
{
  Mmcows *self = data;
  const char *group_by = self->draft->options->set.group_by;
  const gboolean by_camera = group_by && g_str_equal (group_by, "camera");
  g_autofree char *group = by_camera
                               ? g_strdup (frame->source)
                               : g_strdup_printf ("hour %" G_GUINT64_FORMAT, frame->unix_s / 3600);
  const FramesEntry entry = {
    .path = frame->picture, .source = frame->source, .group = group, .split = self->split
  };
  gboolean taken;

  if (!frames_draft_add (self->draft, &entry, frame->labels, &taken, error))
    return FALSE;
  for (guint i = 0; taken && i < frame->boxes->len; i++)
    if (!take_box (self, &g_array_index (frame->boxes, MmcowsBox, i), frame->labels, error))
      return FALSE;
  return TRUE;
}

gboolean
frames_read_mmcows (FramesDraft *draft, const char *path, CowSplit split, GError **error)
{
  Mmcows self = { .draft = draft, .split = split };

  return mmcows_frames_read (&draft->common, path, "; its cows' behaviours are not known",
                             take_frame, &self, error);
}
