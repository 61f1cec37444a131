/* SPDX-License-Identifier: MIT */
/* The element, where memory or threads are refused: an error on the bus, or the right results. */
#include <string.h>

#include "tests/gst/support.h"
#include "tests/no-memory/outcomes.h"

#define N_FRAMES 3

static gpointer
begin (gconstpointer adapter)
{
  gst_init (NULL, NULL);
  /* What GStreamer loads when it is first asked is its own. */
  gst_object_unref (gst_element_factory_make ("cowbehavior", NULL));
  return NULL;
}

/* The first error or warning on the bus, if there is one. */
static gboolean
take_error (GstBus *bus, GError **error)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);

  if (!message)
    return FALSE;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, error, NULL);
  else
    gst_message_parse_warning (message, error, NULL);
  gst_message_unref (message);
  return TRUE;
}

static gboolean
play (gconstpointer adapter, gpointer begun, Answer *answer, GError **error)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  g_autofree char *model = support_model ();
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (element, bus);
  g_object_set (element, "model", model, "adapter", adapter, NULL);
  gst_util_set_object_arg (G_OBJECT (element), "mode", "blocking");
  if (gst_element_set_state (element, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE)
    return !take_error (bus, error);
  GstHarness *harness = gst_harness_new_with_element (element, "sink", "src");
  support_harness_set_info (harness, &info);
  for (guint i = 0; i < N_FRAMES; i++) {
    GstBuffer *frame = support_frame_new (&info, i), *out;
    double confidence = -1;
    if (gst_harness_push (harness, frame) != GST_FLOW_OK)
      break;
    out = gst_harness_try_pull (harness);
    if (support_n_objects (out) == 1)
      gst_structure_get_double (support_object (out, 0), "confidence", &confidence);
    answer_add (answer, &confidence, sizeof confidence);
    gst_buffer_unref (out);
  }
  return !take_error (bus, error);
}

/* An element that has started. */
static gpointer
start (gconstpointer adapter)
{
  g_autofree char *model = support_model ();

  begin (adapter);
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);
  gst_element_set_bus (element, gst_bus_new ());
  g_object_set (element, "model", model, "adapter", adapter, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=, GST_STATE_CHANGE_FAILURE);
  return element;
}

/* Gets the adapter once more, while it plays. */
static gboolean
exchange (gconstpointer adapter, gpointer element, Answer *answer, GError **error)
{
  GstBus *bus = gst_element_get_bus (element);

  while (take_error (bus, NULL))
    ;
  g_object_set (element, "adapter", adapter, NULL);
  gst_element_set_state (element, GST_STATE_NULL); /* waits for it */
  answer_add (answer, "ready", 5);
  return !take_error (bus, error);
}

static void
test_memory (void)
{
  char *adapter = support_adapter_new ();

  outcomes_of_memory (&(Work){ "element", begin, play, adapter });
  support_remove (adapter);
}

static void
test_threads (void)
{
  char *adapter = support_adapter_new ();

  outcomes_of_threads (&(Work){ "element", begin, play, adapter });
  outcomes_of_threads (&(Work){ "element that gets an adapter", start, exchange, adapter });
  support_remove (adapter);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/no-memory/element", test_memory);
  g_test_add_func ("/no-threads/element", test_threads);
  return g_test_run ();
}
