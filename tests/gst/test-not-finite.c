/* SPDX-License-Identifier: MIT */
/*
 * The numbers of an adapter are finite but its results are not. The element must report this
 * instead of labelling every cow "unknown". In blocking mode the stream ends with an error; a live
 * stream continues with a warning, and the engine is tried again.
 */
#include "tests/gst/support.h"

#include "model/adapter/head-weights.h"

static char *
adapter_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = support_adapter_new ();
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (folder, 0, 0, &error);
  g_assert_no_error (error);
  const CowHeadLayer *last = &head->layers[head->n_layers - 1];
  for (gint64 i = 0; i < last->in * last->out; i++)
    last->weight[i] = 3e38f;
  cow_head_weights_write (head, folder, &error);
  g_assert_no_error (error);
  return folder;
}

/* Asserts a message of this type that names the adapter and the numbers. */
static void
assert_says (GstBus *bus, GstMessageType type, const char *adapter)
{
  g_autoptr (GError) error = NULL;
  GstMessage *message = NULL;

  g_assert_cmpuint (support_n_messages (bus, type, &message), ==, 1);
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, adapter));
  g_assert_nonnull (strstr (error->message, "logits"));
  gst_message_unref (message);
}

static void
test_blocking (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  char *adapter = adapter_new ();
  GstHarness *harness = support_harness_new (adapter, "mode=blocking");
  GstBus *bus = support_harness_bus (harness);

  support_harness_set_info (harness, &info);
  g_assert_cmpint (gst_harness_push (harness, support_frame_new (&info, 1)), ==, GST_FLOW_ERROR);
  assert_says (bus, GST_MESSAGE_ERROR, adapter);
  gst_object_unref (bus);
  support_harness_free (harness);
  support_remove (adapter);
}

static void
test_non_blocking (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  char *adapter = adapter_new ();
  GstHarness *harness = support_harness_new (adapter, "mode=non-blocking");
  GstBus *bus = support_harness_bus (harness);
  const gint64 limit = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;

  support_harness_set_info (harness, &info);
  /* Two failures show that the engine was tried again. */
  for (guint n = 0; support_stat (harness, "batches-failed") < 2; n++) {
    GstBuffer *buffer = support_push (harness, &info, n, n);
    g_assert_cmpuint (support_n_objects (buffer), ==, 0);
    gst_buffer_unref (buffer);
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (20000);
  }
  assert_says (bus, GST_MESSAGE_WARNING, adapter);
  gst_object_unref (bus);
  support_harness_free (harness);
  support_remove (adapter);
}

int
main (int argc, char **argv)
{
  char *adapter = NULL;
  CowClassifier *classifier = NULL;

  support_init (&argc, &argv, &adapter, &classifier);
  g_test_add_func ("/not-finite/blocking", test_blocking);
  g_test_add_func ("/not-finite/non-blocking", test_non_blocking);
  return support_run (adapter, classifier);
}
