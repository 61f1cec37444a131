/* SPDX-License-Identifier: MIT */
/*
 * A program of somebody's own with cowpublish: sets the properties that its arguments name, plays a
 * few frames with results, and shows what an application can show: each message of the bus, each
 * property, and graphs.
 *
 *   element PROPERTY VALUE [PROPERTY VALUE]...
 */
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include "tests/gst/publish-support.h"

#define N_FRAMES 3u
#define SECONDS  1

static void
print_trouble (GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, &debug);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    gst_message_parse_warning (message, &error, &debug);
  if (error)
    g_print ("%s (%s)\n", error->message, debug);
}

static void
print_messages (GstBus *bus)
{
  GstMessage *message;

  while ((message = gst_bus_timed_pop (bus, SECONDS * GST_SECOND))) {
    const GstStructure *structure = gst_message_get_structure (message);
    g_autofree char *text = structure ? gst_structure_to_string (structure) : NULL;

    g_print ("%s %s: %s\n", GST_MESSAGE_SRC_NAME (message), GST_MESSAGE_TYPE_NAME (message), text);
    print_trouble (message);
    gst_message_unref (message);
  }
}

static void
print_properties (GstElement *element)
{
  guint n;
  g_autofree GParamSpec **properties =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);

  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;
    g_autofree char *text = NULL;

    if (!(properties[i]->flags & G_PARAM_READABLE))
      continue;
    g_value_init (&value, properties[i]->value_type);
    g_object_get_property (G_OBJECT (element), properties[i]->name, &value);
    text = g_strdup_value_contents (&value);
    g_print ("%s = %s\n", properties[i]->name, text);
    g_value_unset (&value);
  }
}

int
main (int argc, char **argv)
{
  GstElement *pipeline, *source, *publisher, *sink;
  GstCaps *caps;
  GstBus *bus;

  gst_init (&argc, &argv);
  pipeline = gst_pipeline_new (NULL);
  source = gst_element_factory_make ("appsrc", NULL);
  publisher = gst_element_factory_make ("cowpublish", NULL);
  sink = gst_element_factory_make ("fakesink", NULL);
  for (int i = 1; i + 1 < argc; i += 2)
    gst_util_set_object_arg (G_OBJECT (publisher), argv[i], argv[i + 1]);
  caps = gst_caps_from_string ("video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1");
  g_object_set (source, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE, NULL);
  gst_caps_unref (caps);
  gst_bin_add_many (GST_BIN (pipeline), source, publisher, sink, NULL);
  gst_element_link_many (source, publisher, sink, NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < N_FRAMES; i++)
    gst_app_src_push_buffer (GST_APP_SRC (source), publish_frame_new (i, "Lying"));
  print_messages (bus);
  print_properties (publisher);
  GST_DEBUG_BIN_TO_DOT_FILE (GST_BIN (pipeline), GST_DEBUG_GRAPH_SHOW_VERBOSE, "playing");
  gst_element_set_state (pipeline, GST_STATE_READY);
  print_messages (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  return 0;
}
