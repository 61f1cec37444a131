/* SPDX-License-Identifier: MIT */
/* What is known of the cows and places of a frame. */
#include "gst-plugin/behavior/objects.h"

static gboolean
has (const GArray *indices, guint index)
{
  for (guint i = 0; i < indices->len; i++) {
    if (g_array_index (indices, guint, i) == index)
      return TRUE;
  }
  return FALSE;
}

/* Whether the label of a track is another one than the last message had; remembers the new one. */
static gboolean
note_change (const GstCowPresentation *how, GstCowTrack *track)
{
  gint class = gst_cow_meta_label (how, track).id;
  gboolean changed = !track->posted || track->posted_class != class;

  track->posted = TRUE;
  track->posted_class = class;
  return changed;
}

void
gst_cow_objects_collect (const GstCowPresentation *how, const GArray *targets, const GArray *news,
                         const GstCowMoment *moment, GValue *objects)
{
  g_value_init (objects, GST_TYPE_ARRAY);
  for (guint i = 0; i < targets->len; i++) {
    const GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);
    GValue value = G_VALUE_INIT;

    if (!target->track->known || (news && (!has (news, i) || !note_change (how, target->track))))
      continue;
    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value,
                        gst_cow_meta_object_new (how, target, moment->frame, moment->running_time));
    gst_value_array_append_and_take_value (objects, &value);
  }
}

void
gst_cow_objects_attach (GstBuffer *buffer, const GstCowPresentation *how, const GArray *targets,
                        const GstCowMoment *moment, const GValue *objects)
{
  for (guint i = 0; i < targets->len; i++) {
    GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    if (target->track->known)
      gst_cow_meta_classify (buffer, how, target, moment->frame);
  }
  if (gst_value_array_get_size (objects) > 0)
    gst_cow_meta_attach (buffer, how, objects);
}

void
gst_cow_objects_post (GstElement *element, const char *model_name, const GstCowMoment *moment,
                      const GValue *objects)
{
  if (gst_value_array_get_size (objects) > 0)
    gst_element_post_message (
        element, gst_cow_message_new (GST_OBJECT (element), model_name, moment, objects));
}
