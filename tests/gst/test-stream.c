/* SPDX-License-Identifier: MIT */
/* The behaviour of `cowbehavior` as part of a pipeline: errors, changes of caps, flushes, the end
 * of the stream, states, leaks. */
#include "tests/gst/support.h"

#include <glib/gstdio.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/adapter/card.h"

static char *adapter;

/* ---- errors ---------------------------------------------------------------------------------- */

/* Asserts that a pipeline around `cowbehavior PROPERTIES` fails to start with this code of the
 * resource domain and a text that has all of the `words`, separated by '|'. */
static void
assert_start_fails (const char *properties, GstResourceError code, const char *words)
{
  g_autofree char *line = g_strdup_printf (
      "videotestsrc num-buffers=2 ! cowbehavior name=cow %s ! fakesink", properties);
  g_auto (GStrv) expected = g_strsplit (words, "|", -1);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (line, &error);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  g_assert_no_error (error);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING), ==,
                   GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpstr (GST_MESSAGE_SRC_NAME (message), ==, "cow");
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_error (error, GST_RESOURCE_ERROR, (gint)code);
  for (char **word = expected; *word; word++) {
    if (!strstr (error->message, *word))
      g_test_message ("the error does not name \"%s\"", *word);
    g_assert_nonnull (strstr (error->message, *word));
  }
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static void
test_missing_properties (void)
{
  g_autofree char *model = support_model ();
  g_autofree char *only_model = g_strdup_printf ("model=\"%s\"", model);
  g_autofree char *only_adapter = g_strdup_printf ("adapter=\"%s\"", adapter);
  g_autofree char *no_model = g_strdup_printf ("model=/no/such/model adapter=\"%s\"", adapter);
  g_autofree char *no_adapter = g_strdup_printf ("model=\"%s\" adapter=no-such-adapter", model);
  g_autofree char *no_device =
      g_strdup_printf ("model=\"%s\" adapter=\"%s\" device=abacus", model, adapter);

  assert_start_fails (only_adapter, GST_RESOURCE_ERROR_SETTINGS, "property model|not set");
  assert_start_fails (only_model, GST_RESOURCE_ERROR_SETTINGS, "property adapter|not set");
  assert_start_fails (no_model, GST_RESOURCE_ERROR_NOT_FOUND, "property model|/no/such/model");
  assert_start_fails (no_adapter, GST_RESOURCE_ERROR_NOT_FOUND, "property adapter|no-such-adapter");
  assert_start_fails (no_device, GST_RESOURCE_ERROR_SETTINGS, "device|abacus");
}

/* A folder with the demonstration's model under another name, and an adapter of it, whose card has
 * no fingerprint of its base; delete it with support_remove (). */
static char *
renamed_base_new (void)
{
  g_autofree char *models = g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "demo/model", NULL);
  char *folder = g_dir_make_tmp ("cow-base-XXXXXX", NULL);
  g_autofree char *command =
      g_strdup_printf ("sh -c 'cp -r \"%s/drawn-cows\" \"%s/elsewhere\" && cp -r "
                       "\"%s/drawn-cows-day\" \"%s/mine\"'",
                       models, folder, models, folder);
  gint status;

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
  return folder;
}

/* Without the property model the adapter's base is found by its weights; and where it is not, its
 * name is said. */
static void
test_base_found (void)
{
  char *folder = renamed_base_new (), *base = g_build_filename (folder, "elsewhere", NULL);
  g_autofree char *before = g_strdup (g_getenv ("COWBEHAVIOR_PATH"));

  g_setenv ("COWBEHAVIOR_PATH", folder, TRUE);
  support_play ("videotestsrc num-buffers=2 ! video/x-raw,width=96,height=64 ! cowbehavior "
                "adapter=mine ! fakesink");
  support_remove (base);
  assert_start_fails ("adapter=mine", GST_RESOURCE_ERROR_NOT_FOUND,
                      "property model: not set|mine|drawn-cows|not found");
  if (before)
    g_setenv ("COWBEHAVIOR_PATH", before, TRUE);
  else
    g_unsetenv ("COWBEHAVIOR_PATH");
  support_remove (folder);
}

/* Asserts that starting with the adapter in `folder` fails and that the text names the file or
 * folder and its fault. Deletes the folder. */
static void
assert_adapter_fails (char *folder, GstResourceError code, const char *words)
{
  g_autofree char *model = support_model ();
  g_autofree char *properties = g_strdup_printf ("model=\"%s\" adapter=\"%s\"", model, folder);

  assert_start_fails (properties, code, words);
  support_remove (folder);
}

static char *
weights_of (const char *folder)
{
  return g_build_filename (folder, "lora_adapters", "adapter_model.safetensors", NULL);
}

static void
test_wrong_head (void)
{
  static const char *const eight[] = { "a", "b", "c", "d", "e", "f", "g", "h", NULL };
  char *folder = support_adapter_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();

  g_strfreev (card->classes);
  card->classes = g_strdupv ((char **)eight);
  g_assert_true (cow_card_write (card, folder, &error));
  g_assert_no_error (error);
  assert_adapter_fails (folder, GST_RESOURCE_ERROR_SETTINGS, "best_classifier.pth|9|8");
}

/* Labels of a stream are one at a time; an adapter that gives several is not taken for one of
 * those. */
static void
test_several_labels (void)
{
  char *folder = support_adapter_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();

  cow_card_set_multiple (card, NULL);
  g_assert_true (cow_card_write (card, folder, &error));
  g_assert_no_error (error);
  assert_adapter_fails (folder, GST_RESOURCE_ERROR_SETTINGS,
                        "property adapter|gives a picture several labels|cow-trainer predict");
}

static void
test_no_head (void)
{
  char *folder = support_adapter_new ();
  g_autofree char *head = g_build_filename (folder, "classifier", "best_classifier.pth", NULL);

  g_assert_cmpint (g_remove (head), ==, 0);
  assert_adapter_fails (folder, GST_RESOURCE_ERROR_NOT_FOUND,
                        "classifier.safetensors|best_classifier.pth");
}

static void
test_broken_adapter (void)
{
  char *folder = support_adapter_new ();
  g_autofree char *path = weights_of (folder);
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &content, &length, &error));
  g_assert_true (g_file_set_contents (path, content, (gssize)length - 100, &error));
  assert_adapter_fails (folder, GST_RESOURCE_ERROR_SETTINGS, "adapter_model.safetensors");
}

static void
test_adapter_with_nan (void)
{
  static const guint8 nan[4] = { 0x00, 0x00, 0xc0, 0x7f };
  char *folder = support_adapter_new ();
  g_autofree char *path = weights_of (folder);
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &content, &length, &error));
  memcpy (content + length - sizeof nan, nan, sizeof nan);
  g_assert_true (g_file_set_contents (path, content, (gssize)length, &error));
  assert_adapter_fails (folder, GST_RESOURCE_ERROR_SETTINGS,
                        "adapter_model.safetensors|lora_B.weight|nan");
}

/* An adapter that was made on another base works, with one warning when the element starts. */
static void
test_other_base (void)
{
  char *folder = support_adapter_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);
  g_autofree char *model = support_model ();
  g_autofree char *line = g_strdup_printf (
      "videotestsrc num-buffers=3 ! cowbehavior model=\"%s\" adapter=\"%s\" ! fakesink", model,
      folder);
  g_autoptr (GstMessage) end = NULL, message = NULL;
  g_autoptr (GError) warning = NULL;
  GstElement *pipeline;
  GstBus *bus;

  g_assert_no_error (error);
  g_free (card->base_name);
  card->base_name = g_strdup ("another-barn");
  g_free (card->base_fingerprint);
  card->base_fingerprint = g_strdup ("0123");
  g_assert_true (cow_card_write (card, folder, &error));
  pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
                                        GST_MESSAGE_WARNING | GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_WARNING);
  gst_message_parse_warning (message, &warning, NULL);
  g_test_message ("%s", warning->message);
  g_assert_nonnull (strstr (warning->message, "properties model, adapter: "));
  g_assert_nonnull (strstr (warning->message, "was made on another base, another-barn"));
  end = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
                                    GST_MESSAGE_WARNING | GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_cmpint (GST_MESSAGE_TYPE (end), ==, GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  support_remove (folder);
}

/* Pushes a buffer that must end the stream with an error of the stream domain. Takes ownership of
 * the buffer. */
static void
assert_frame_fails (const GstVideoInfo *info, GstBuffer *buffer)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstBus *bus = support_harness_bus (harness);
  g_autoptr (GError) error = NULL;
  GstMessage *message;

  support_harness_set_info (harness, info);
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_ERROR);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  gst_message_unref (message);
  gst_object_unref (bus);
  support_harness_free (harness);
}

static void
test_broken_frames (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstBuffer *buffer = support_frame_new (&info, 0);

  gst_buffer_resize (buffer, 0, (gssize)gst_buffer_get_size (buffer) - 1);
  assert_frame_fails (&info, buffer);

  /* The strides lead out of the memory. */
  buffer = support_pad_rows (support_frame_new (&info, 0), &info, 0);
  gst_buffer_get_video_meta (buffer)->stride[2] = 100000;
  assert_frame_fails (&info, buffer);
  buffer = support_pad_rows (support_frame_new (&info, 0), &info, 0);
  gst_buffer_get_video_meta (buffer)->stride[0] = -96;
  assert_frame_fails (&info, buffer);
}

/* ---- changes --------------------------------------------------------------------------------- */

static guint
uint_of (GstBuffer *buffer, const char *field)
{
  guint value;

  g_assert_nonnull (gst_buffer_get_cow_behavior (buffer));
  g_assert_true (gst_structure_get_uint (
      gst_cow_behavior_object (gst_buffer_get_cow_behavior (buffer), 0), field, &value));
  return value;
}

/* Pushes a frame, whose result must be that of the whole frame, and returns the result's age. */
static guint
push (GstHarness *harness, const GstVideoInfo *info, guint seed)
{
  GstBuffer *out = gst_harness_push_and_pull (harness, support_frame_new (info, seed));
  guint age;

  g_assert_nonnull (out);
  g_assert_cmpuint (uint_of (out, "w"), ==, (guint)GST_VIDEO_INFO_WIDTH (info));
  g_assert_cmpuint (uint_of (out, "h"), ==, (guint)GST_VIDEO_INFO_HEIGHT (info));
  age = uint_of (out, "frames_ago");
  gst_buffer_unref (out);
  return age;
}

static void
test_caps_change (void)
{
  GstVideoInfo small = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstVideoInfo large = support_info (GST_VIDEO_FORMAT_I420, 320, 240, NULL);
  GstVideoInfo rgb = support_info (GST_VIDEO_FORMAT_BGRx, 50, 70, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-interval=10");

  support_harness_set_info (harness, &small);
  g_assert_cmpuint (push (harness, &small, 0), ==, 0);
  g_assert_cmpuint (push (harness, &small, 1), ==, 1);
  support_harness_set_info (harness, &large);
  g_assert_cmpuint (push (harness, &large, 2), ==,
                    0); /* results of the small picture are not carried over */
  g_assert_cmpuint (push (harness, &large, 3), ==, 1);
  support_harness_set_info (harness, &rgb);
  g_assert_cmpuint (push (harness, &rgb, 4), ==, 0);
  support_harness_free (harness);
}

static void
test_interval_change (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-interval=10");
  GstElement *element = gst_harness_find_element (harness, "cowbehavior");

  support_harness_set_info (harness, &info);
  push (harness, &info, 0);
  push (harness, &info, 1);
  g_assert_cmpuint (push (harness, &info, 2), ==, 2);
  g_object_set (element, "inference-interval", 2, NULL);
  g_assert_cmpuint (push (harness, &info, 3), ==, 0);
  g_assert_cmpuint (push (harness, &info, 4), ==, 1);
  gst_object_unref (element);
  support_harness_free (harness);
}

static void
test_flush (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "inference-interval=10");
  GstSegment segment;

  support_harness_set_info (harness, &info);
  push (harness, &info, 0);
  g_assert_cmpuint (push (harness, &info, 1), ==, 1);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  g_assert_cmpuint (push (harness, &info, 2), ==, 0);
  support_harness_free (harness);
}

/* The time of a forward pass, longer than a busy machine may delay this test. */
#define PASS_MS "4000"

static gpointer
push_in_thread (gpointer data)
{
  GstHarness *harness = data;
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  return GINT_TO_POINTER (gst_harness_push (harness, support_frame_new (&info, 0)));
}

/* A flush and a stop each end the wait for a slow network. If the element waited for the
 * network, its message would be on the bus. (If the flush comes before the push, the outcome is
 * the same.) */
static void
test_interrupt (gconstpointer stop)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_setenv ("COW_TEST_ENGINE_DELAY_MS", PASS_MS, TRUE);
  GstHarness *harness = support_harness_new (adapter, "");
  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  support_harness_set_info (harness, &info);
  GThread *thread = g_thread_new ("push", push_in_thread, harness);
  g_usleep (50000);
  if (stop)
    gst_element_set_state (harness->element, GST_STATE_NULL);
  else
    g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, GST_FLOW_FLUSHING);
  GstBus *bus = support_harness_bus (harness);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));
  gst_object_unref (bus);
  support_harness_free (harness);
}

/* Pushes frames with 40 cows each until one is refused. */
static gpointer
push_many_in_thread (gpointer data)
{
  GstHarness *harness = data;
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstFlowReturn flow = GST_FLOW_OK;

  for (guint i = 0; flow == GST_FLOW_OK && i < 100; i++) {
    GstBuffer *buffer = support_frame_new (&info, i);

    for (guint c = 0; c < 40; c++)
      support_add_roi (buffer, c, c, 20, 20, (gint)c + 1);
    flow = gst_harness_push (harness, buffer);
  }
  return GINT_TO_POINTER (flow);
}

/* A flush also ends the wait of a frame whose crops have no room yet, before the engine has
 * computed anything. */
static void
test_interrupt_full (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstHarness *harness;
  GThread *thread;

  g_setenv ("COW_TEST_ENGINE_DELAY_MS", PASS_MS, TRUE);
  harness = support_harness_new (adapter, "batch-size=64");
  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  support_harness_set_info (harness, &info);
  thread = g_thread_new ("push", push_many_in_thread, harness);
  g_usleep (300000);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, GST_FLOW_FLUSHING);
  g_assert_cmpuint (support_stat (harness, "batches"), ==, 0);
  support_harness_free (harness);
}

/* ---- whole pipelines ------------------------------------------------------------------------- */

static GstElement *
pipeline_new (const char *before, const char *after)
{
  g_autofree char *model = support_model ();
  g_autofree char *line = g_strdup_printf ("%s ! cowbehavior model=\"%s\" adapter=\"%s\" ! %s",
                                           before, model, adapter, after);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (line, &error);

  g_assert_no_error (error);
  return pipeline;
}

static void
test_eos (void)
{
  GstElement *pipeline = pipeline_new (
      "videotestsrc num-buffers=12 ! video/x-raw,format=NV12,width=160,height=120", "fakesink");
  GstBus *bus = gst_element_get_bus (pipeline);
  gboolean eos = FALSE;
  guint n = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!eos) {
    GstMessage *message = gst_bus_timed_pop_filtered (
        bus, 30 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_ELEMENT);

    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    eos = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    n += gst_message_has_name (message, "cowbehavior");
    gst_message_unref (message);
  }
  g_assert_cmpuint (n, ==, 12);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static void
test_state_cycles (void)
{
  GstElement *pipeline =
      pipeline_new ("videotestsrc ! video/x-raw,width=160,height=120", "fakesink");
  GstBus *bus = gst_element_get_bus (pipeline);

  for (guint i = 0; i < 5; i++) {
    GstMessage *message;

    g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING), !=,
                     GST_STATE_CHANGE_FAILURE);
    message =
        gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ELEMENT);
    gst_message_unref (message);
    /* into the middle of a frame, alternating between the two states */
    g_assert_cmpint (gst_element_set_state (pipeline, i % 2 ? GST_STATE_READY : GST_STATE_NULL), ==,
                     GST_STATE_CHANGE_SUCCESS);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

/* After an error the same element starts once its cause is mended. */
static void
test_recovers_after_error (void)
{
  GstElement *pipeline = pipeline_new ("videotestsrc num-buffers=2", "fakesink");
  GstElement *element;
  GstBus *bus = gst_element_get_bus (pipeline);
  GstIterator *all =
      gst_bin_iterate_all_by_element_factory_name (GST_BIN (pipeline), "cowbehavior");
  GValue item = G_VALUE_INIT;
  GstMessage *message;

  g_assert_cmpint (gst_iterator_next (all, &item), ==, GST_ITERATOR_OK);
  element = g_value_get_object (&item);
  g_object_set (element, "adapter", "/no/such/adapter", NULL);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING), ==,
                   GST_STATE_CHANGE_FAILURE);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE);
  gst_bus_set_flushing (bus, FALSE);

  g_object_set (element, "adapter", adapter, NULL);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
  message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_value_unset (&item);
  gst_iterator_free (all);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  adapter = support_adapter_new ();

  g_test_add_func ("/stream/missing-properties", test_missing_properties);
  g_test_add_func ("/stream/base-found", test_base_found);
  g_test_add_func ("/stream/wrong-head", test_wrong_head);
  g_test_add_func ("/stream/several-labels", test_several_labels);
  g_test_add_func ("/stream/no-head", test_no_head);
  g_test_add_func ("/stream/broken-adapter", test_broken_adapter);
  g_test_add_func ("/stream/adapter-with-nan", test_adapter_with_nan);
  g_test_add_func ("/stream/other-base", test_other_base);
  g_test_add_func ("/stream/broken-frames", test_broken_frames);
  g_test_add_func ("/stream/caps-change", test_caps_change);
  g_test_add_func ("/stream/interval-change", test_interval_change);
  g_test_add_func ("/stream/flush", test_flush);
  g_test_add_data_func ("/stream/interrupt/flush", NULL, test_interrupt);
  g_test_add_data_func ("/stream/interrupt/stop", GINT_TO_POINTER (TRUE), test_interrupt);
  g_test_add_func ("/stream/interrupt/full", test_interrupt_full);
  g_test_add_func ("/stream/eos", test_eos);
  g_test_add_func ("/stream/state-cycles", test_state_cycles);
  g_test_add_func ("/stream/recovers-after-error", test_recovers_after_error);
  result = g_test_run ();

  support_remove (adapter);
  return result || !support_no_leaks ();
}
