/* SPDX-License-Identifier: MIT */
/* How long a process with several cowpublish takes to stop when nobody answers, and that nothing is
 * lost at those who do. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <gst/app/gstappsrc.h>
#include <string.h>

#include "tests/gst/publish-support.h"

#define N_CAMERAS 8u
#define N_FRAMES  3u
/* The default of drain-timeout, and what a busy machine adds: less than that of a second one. */
#define DEADLINE (2 * G_USEC_PER_SEC)
#define LIMIT    (DEADLINE + 3 * G_USEC_PER_SEC / 2)

/* A pipeline of eight cameras, each with a publisher of its own. */
static GstElement *
pipeline_new (const char *target)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline;

  for (guint i = 0; i < N_CAMERAS; i++)
    g_string_append_printf (line,
                            "appsrc name=camera%u is-live=true format=time "
                            "caps=video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1 ! "
                            "cowpublish name=publisher%u %s ! fakesink sync=false async=false ",
                            i, i, target);
  pipeline = gst_parse_launch (line->str, &error);
  g_assert_no_error (error);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
  return pipeline;
}

static GstElement *
part (GstElement *pipeline, const char *name, guint i)
{
  g_autofree char *full = g_strdup_printf ("%s%u", name, i);
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), full);

  g_assert_nonnull (element);
  gst_object_unref (element); /* the pipeline has it */
  return element;
}

static guint64
stat_of (GstElement *publisher, const char *target, const char *field)
{
  GstStructure *stats = NULL, *counts = NULL;
  guint64 value = 0;

  g_object_get (publisher, "stats", &stats, NULL);
  g_assert_true (gst_structure_get (stats, target, GST_TYPE_STRUCTURE, &counts, NULL));
  g_assert_true (gst_structure_get_uint64 (counts, field, &value));
  gst_structure_free (counts);
  gst_structure_free (stats);
  return value;
}

static void
push_frames (GstElement *pipeline, const char *target)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  for (guint i = 0; i < N_CAMERAS; i++)
    for (guint n = 0; n < N_FRAMES; n++)
      gst_app_src_push_buffer (GST_APP_SRC (part (pipeline, "camera", i)),
                               publish_frame_new (n, "Lying"));
  for (guint i = 0; i < N_CAMERAS; i++) {
    GstElement *publisher = part (pipeline, "publisher", i);

    while (stat_of (publisher, target, "queued") + stat_of (publisher, target, "sent") < N_FRAMES) {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_usleep (1000);
    }
  }
}

/* Stops it, and returns how long that took, us. */
static gint64
stop (GstElement *pipeline)
{
  const gint64 began = g_get_monotonic_time ();
  gint64 took;

  gst_element_set_state (pipeline, GST_STATE_READY);
  took = g_get_monotonic_time () - began;
  g_test_message ("stopped in %.2f s", (double)took / G_USEC_PER_SEC);
  return took;
}

/* The number of publishers that said how many events were lost; each says it once. */
static guint
n_sayings (GstElement *pipeline, const char *words)
{
  g_autoptr (GHashTable) sources = g_hash_table_new (g_direct_hash, g_direct_equal);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING))) {
    g_autoptr (GError) error = NULL;

    gst_message_parse_warning (message, &error, NULL);
    if (strstr (error->message, words))
      g_assert_true (g_hash_table_add (sources, GST_MESSAGE_SRC (message)));
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return g_hash_table_size (sources);
}

static void
pipeline_free (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

/* A server that takes connections, by the kernel, and never says a word. */
static GSocketListener *
mute_server_new (guint16 *port)
{
  GSocketListener *listener = g_socket_listener_new ();

  *port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_assert_cmpuint (*port, >, 0);
  return listener;
}

static void
assert_one_deadline (const char *target, const char *properties)
{
  GstElement *pipeline = pipeline_new (properties);
  gint64 took;

  push_frames (pipeline, target);
  took = stop (pipeline);
  g_assert_cmpint (took, <, LIMIT);
  for (guint i = 0; i < N_CAMERAS; i++)
    g_assert_cmpuint (stat_of (part (pipeline, "publisher", i), target, "dropped"), ==, N_FRAMES);
  g_assert_cmpuint (n_sayings (pipeline, "3 events were still queued at the end and are lost"), ==,
                    N_CAMERAS);
  pipeline_free (pipeline);
}

static void
test_mute_endpoint (void)
{
  guint16 port;
  g_autoptr (GSocketListener) listener G_GNUC_UNUSED = mute_server_new (&port);
  g_autofree char *properties =
      g_strdup_printf ("http-url=http://127.0.0.1:%u/ http-timeout=600", port);

  assert_one_deadline ("http", properties);
}

static void
test_mute_broker (void)
{
  guint16 port;
  g_autoptr (GSocketListener) listener G_GNUC_UNUSED = mute_server_new (&port);
  g_autofree char *properties = g_strdup_printf ("mqtt-url=mqtt://127.0.0.1:%u", port);

  assert_one_deadline ("mqtt", properties);
}

static void
test_closed_port (void)
{
  g_autofree char *properties =
      g_strdup_printf ("http-url=http://127.0.0.1:%u/", publish_free_port ());

  assert_one_deadline ("http", properties);
}

/* The files of the same publishers get everything, also what came while others were waited for. */
static void
test_files_beside (void)
{
  guint16 port;
  g_autoptr (GSocketListener) listener G_GNUC_UNUSED = mute_server_new (&port);
  char *folder = g_dir_make_tmp ("cow-publish-end-XXXXXX", NULL);
  g_autofree char *properties = g_strdup_printf (
      "http-url=http://127.0.0.1:%u/ http-timeout=600 file=%s/events", port, folder);
  GstElement *pipeline = pipeline_new (properties);

  push_frames (pipeline, "http");
  g_assert_cmpint (stop (pipeline), <, LIMIT);
  for (guint i = 0; i < N_CAMERAS; i++) {
    g_assert_cmpuint (stat_of (part (pipeline, "publisher", i), "file", "sent"), ==, N_FRAMES);
    g_assert_cmpuint (stat_of (part (pipeline, "publisher", i), "http", "dropped"), ==, N_FRAMES);
  }
  pipeline_free (pipeline);
  support_remove (folder);
}

/* Publishers that stop one after the other, the last of which has somebody who listens: an event
 * that came when the time of all was over arrives. */
static void
test_last_moment (void)
{
  guint16 port;
  g_autoptr (GSocketListener) listener G_GNUC_UNUSED = mute_server_new (&port);
  char *folder = g_dir_make_tmp ("cow-publish-end-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "events", NULL),
                  *file = g_strdup_printf ("file=%s", path),
                  *mute = g_strdup_printf ("http-url=http://127.0.0.1:%u/ http-timeout=600", port),
                  *text = NULL;
  g_auto (GStrv) lines = NULL;
  GstHarness *dead = publish_harness_new (mute), *living = publish_harness_new (file);

  publish_push (dead, 0, 3);
  publish_stop (dead);
  publish_push (living, 0, 100);
  publish_stop (living);
  g_assert_cmpuint (publish_stat (living, "file", "sent"), ==, 100);
  g_assert_cmpuint (publish_n_warnings (living), ==, 0);
  publish_harness_free (dead);
  publish_harness_free (living);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  publish_assert_frames (lines, 0, 100);
  support_remove (folder);
}

/* One that is stopped by itself, when nobody has waited for a while, has its own time again. */
static void
test_time_passes (void)
{
  guint16 port;
  g_autoptr (GSocketListener) listener G_GNUC_UNUSED = mute_server_new (&port);
  g_autofree char *properties =
      g_strdup_printf ("http-url=http://127.0.0.1:%u/ http-timeout=600 drain-timeout=500", port);
  gint64 took[3];

  g_usleep (5 * G_USEC_PER_SEC); /* for the tests before this one */
  for (guint i = 0; i < G_N_ELEMENTS (took); i++) {
    GstHarness *harness = publish_harness_new (properties);
    gint64 began;

    publish_push (harness, 0, 1);
    if (i == 2)
      g_usleep (G_USEC_PER_SEC);
    began = g_get_monotonic_time ();
    publish_stop (harness);
    took[i] = g_get_monotonic_time () - began;
    publish_harness_free (harness);
  }
  g_assert_cmpint (took[0], >=, G_USEC_PER_SEC / 2);
  g_assert_cmpint (took[1], <, G_USEC_PER_SEC / 2);
  g_assert_cmpint (took[2], >=, G_USEC_PER_SEC / 2);
}

/* Ends of live streams that come one after the other, as from the cameras of one program. */
static void
test_ends_of_streams (void)
{
  guint16 port;
  g_autoptr (GSocketListener) listener G_GNUC_UNUSED = mute_server_new (&port);
  g_autofree char *properties = g_strdup_printf ("http-url=http://127.0.0.1:%u/ http-timeout=600 "
                                                 "leaky=downstream drain-timeout=1000",
                                                 port);
  GstHarness *harnesses[4];
  gint64 began, took;

  for (guint i = 0; i < G_N_ELEMENTS (harnesses); i++) {
    harnesses[i] = publish_harness_new (properties);
    publish_push (harnesses[i], 0, 1);
  }
  g_usleep (G_USEC_PER_SEC);
  began = g_get_monotonic_time ();
  for (guint i = 0; i < G_N_ELEMENTS (harnesses); i++)
    gst_harness_push_event (harnesses[i], gst_event_new_eos ());
  took = g_get_monotonic_time () - began;
  g_test_message ("ended in %.2f s", (double)took / G_USEC_PER_SEC);
  g_assert_cmpint (took, <, 2 * G_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (harnesses); i++) {
    g_free (publish_wait_warning (harnesses[i], "1 events are still queued"));
    publish_harness_free (harnesses[i]);
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */
  g_test_add_func ("/publish-end/mute-endpoint", test_mute_endpoint);
  g_test_add_func ("/publish-end/mute-broker", test_mute_broker);
  g_test_add_func ("/publish-end/closed-port", test_closed_port);
  g_test_add_func ("/publish-end/files-beside", test_files_beside);
  g_test_add_func ("/publish-end/last-moment", test_last_moment);
  g_test_add_func ("/publish-end/time-passes", test_time_passes);
  g_test_add_func ("/publish-end/ends-of-streams", test_ends_of_streams);
  return g_test_run () || !support_no_leaks ();
}
