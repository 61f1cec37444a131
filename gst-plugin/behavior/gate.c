/* SPDX-License-Identifier: MIT */
/* Whether the picture of a region has changed. */
#include "gst-plugin/behavior/gate.h"

#include <stdlib.h>

#include "gst-plugin/behavior/cuda.h"
#include "gst-plugin/common/frame.h"

/* Pixels of a cell that are looked at, by side. */
#define SAMPLES 4

/* ---- brightness ------------------------------------------------------------------------------ */

/* Where the brightness of a frame's pixels lies: Y', grey, or green, which is most of it. */
typedef struct {
  const guint8 *data;
  gint stride, step; /* bytes from row to row and from pixel to pixel */
} Plane;

static Plane
plane_of (const GstVideoFrame *frame)
{
  const gint component = GST_VIDEO_INFO_IS_RGB (&frame->info) ? GST_VIDEO_COMP_G : GST_VIDEO_COMP_Y;
  Plane plane = {
    .data = GST_VIDEO_FRAME_COMP_DATA (frame, component),
    .stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, component),
    .step = GST_VIDEO_FRAME_COMP_PSTRIDE (frame, component),
  };

  /* Of two bytes, the lower first, the upper one. */
  if (GST_VIDEO_FRAME_COMP_DEPTH (frame, component) > 8)
    plane.data++;
  return plane;
}

/* The mean brightness of a cell of a region. */
static guint8
cell_mean (const Plane *plane, const CowRegion *region, gint column, gint row)
{
  const gint n = GST_COW_GLANCE_CELLS * SAMPLES;
  guint sum = 0;

  for (gint j = 0; j < SAMPLES; j++) {
    const gint64 y = region->y + (gint64)region->h * (2 * (row * SAMPLES + j) + 1) / (2 * n);
    const guint8 *line = plane->data + (gssize)y * plane->stride;

    for (gint i = 0; i < SAMPLES; i++) {
      const gint64 x = region->x + (gint64)region->w * (2 * (column * SAMPLES + i) + 1) / (2 * n);

      sum += line[(gssize)x * plane->step];
    }
  }
  return (guint8)((sum + SAMPLES * SAMPLES / 2) / (SAMPLES * SAMPLES));
}

static GstCowGlance
glance_at (const Plane *plane, const CowRegion *region)
{
  GstCowGlance glance = { .known = TRUE, .region = *region };

  for (gint row = 0; row < GST_COW_GLANCE_CELLS; row++)
    for (gint column = 0; column < GST_COW_GLANCE_CELLS; column++)
      glance.cells[row * GST_COW_GLANCE_CELLS + column] = cell_mean (plane, region, column, row);
  return glance;
}

/* The largest change of a cell. */
static gint
change (const GstCowGlance *a, const GstCowGlance *b)
{
  gint largest = 0;

  for (guint i = 0; i < G_N_ELEMENTS (a->cells); i++)
    largest = MAX (largest, abs ((gint)a->cells[i] - (gint)b->cells[i]));
  return largest;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Maps a frame whose regions can be looked at; *x, *y is where the caps' frame begins in it. */
static gboolean
map (GstVideoFrame *frame, GstCowFlight *flight, const GstVideoInfo *info, Plane *plane)
{
  CkPicture picture;
  int x, y;

  if (gst_cow_cuda_has_memory (flight->buffer) ||
      !gst_cow_frame_map (frame, info, flight->buffer, GST_MAP_READ))
    return FALSE;
  if (!gst_cow_frame_to_picture (frame, info, &picture, &x, &y, NULL)) {
    gst_video_frame_unmap (frame);
    return FALSE;
  }
  *plane = plane_of (frame);
  plane->data += (gssize)y * plane->stride + (gssize)x * plane->step;
  return TRUE;
}

static gboolean
is_still (const GstCowTrack *track, const Plane *plane, gdouble threshold)
{
  const GstCowGlance now = glance_at (plane, &track->glance.region);

  return change (&track->glance, &now) <= threshold;
}

/* Whether there is something to compare with, of a time that is not long ago. */
static gboolean
is_comparable (const GstCowTrack *track, guint64 frame, GstClockTime frame_ns)
{
  return track->submitted && track->glance.known &&
         (frame - track->submitted_frame) * frame_ns < GST_COW_GATE_LONGEST;
}

guint
gst_cow_gate_filter (GstCowFlight *flight, const GstVideoInfo *info, gdouble threshold,
                     GstClockTime frame_ns)
{
  const guint before = flight->chosen->len;
  GstVideoFrame frame;
  Plane plane;
  guint n = 0;

  if (!map (&frame, flight, info, &plane))
    return 0;
  for (guint i = 0; i < before; i++) {
    const GstCowTrack *track = gst_cow_flight_chosen (flight, i)->track;

    if (!is_comparable (track, flight->moment.frame, frame_ns) ||
        !is_still (track, &plane, threshold))
      g_array_index (flight->chosen, guint, n++) = g_array_index (flight->chosen, guint, i);
  }
  g_array_set_size (flight->chosen, n);
  gst_video_frame_unmap (&frame);
  return before - n;
}

void
gst_cow_gate_note (GstCowFlight *flight, const GstVideoInfo *info)
{
  GstVideoFrame frame;
  Plane plane;

  if (!map (&frame, flight, info, &plane))
    return;
  for (guint i = 0; i < flight->chosen->len; i++) {
    const GstCowTarget *target = gst_cow_flight_chosen (flight, i);

    target->track->glance = glance_at (&plane, &target->crop);
  }
  gst_video_frame_unmap (&frame);
}
