/* SPDX-License-Identifier: MIT */
/* Results as element messages on the bus. */
#include "gst-plugin/behavior/message.h"

GType
gst_cow_post_messages_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_POST_MESSAGES_NONE, "None", "none" },
    { GST_COW_POST_MESSAGES_ON_CHANGE, "Cows and zones whose label changed", "on-change" },
    { GST_COW_POST_MESSAGES_ALL, "Each classified frame", "all" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowPostMessages", values));
  return type;
}

/* Sets a field of the message to the array of one field of all objects, because nested structures
 * are hard to read in the output of gst-launch-1.0 -m. */
static void
set_column (GstStructure *structure, const char *name, const GValue *objects, const char *field)
{
  GValue column = G_VALUE_INIT;

  g_value_init (&column, GST_TYPE_ARRAY);
  for (guint i = 0; i < gst_value_array_get_size (objects); i++) {
    const GstStructure *object = gst_value_get_structure (gst_value_array_get_value (objects, i));

    gst_value_array_append_value (&column, gst_structure_get_value (object, field));
  }
  gst_structure_take_value (structure, name, &column);
}

/* Leaves the field out where there is no time. */
static void
set_time (GstStructure *structure, const char *name, GstClockTime time)
{
  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_structure_set (structure, name, G_TYPE_UINT64, time, NULL);
}

GstMessage *
gst_cow_message_new (GstObject *source, const char *model_name, const GstCowMoment *moment,
                     const GValue *objects)
{
  GstStructure *structure = gst_structure_new_empty ("cowbehavior");

  set_time (structure, "timestamp", moment->stream_time);
  set_time (structure, "running-time", moment->running_time);
  gst_structure_set (structure, "frame", G_TYPE_UINT64, moment->frame, "width", G_TYPE_INT,
                     moment->width, "height", G_TYPE_INT, moment->height, "model_name",
                     G_TYPE_STRING, model_name, NULL);
  set_time (structure, "wall-clock", moment->wall_clock);
  set_column (structure, "ids", objects, "id");
  set_column (structure, "labels", objects, "label");
  set_column (structure, "confidences", objects, "confidence");
  gst_structure_set_value (structure, "objects", objects);
  return gst_message_new_element (source, structure);
}
