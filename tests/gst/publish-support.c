/* SPDX-License-Identifier: MIT */
/* Shared by the tests of cowpublish. */
#include "tests/gst/publish-support.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"

GstStructure *
publish_object_new (const char *region, const char *roi_type, guint64 track, const char *label,
                    guint frames_ago)
{
  GstStructure *object = gst_structure_new (
      "object", "x", G_TYPE_UINT, 32, "y", G_TYPE_UINT, 24, "w", G_TYPE_UINT, 64, "h", G_TYPE_UINT,
      48, "id", G_TYPE_INT, -1, "roi_type", G_TYPE_STRING, roi_type, "region", G_TYPE_STRING,
      region, "label", G_TYPE_STRING, label, "label_id", G_TYPE_INT, 3, "confidence", G_TYPE_DOUBLE,
      0.75, "frames_ago", G_TYPE_UINT, frames_ago, NULL);

  if (g_strcmp0 (region, "roi") == 0)
    gst_structure_set (object, "track_id", G_TYPE_UINT64, track, NULL);
  return object;
}

static void
append_string (GValue *array, const char *text)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, text);
  gst_value_array_append_and_take_value (array, &value);
}

void
publish_attach (GstBuffer *buffer, GstStructure *first, ...)
{
  GstStructure *results = gst_custom_meta_get_structure (
      gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME));
  GValue objects = G_VALUE_INIT, classes = G_VALUE_INIT;
  va_list more;

  g_value_init (&objects, GST_TYPE_ARRAY);
  va_start (more, first);
  for (GstStructure *object = first; object; object = va_arg (more, GstStructure *)) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, object);
    gst_value_array_append_and_take_value (&objects, &value);
  }
  va_end (more);
  g_value_init (&classes, GST_TYPE_ARRAY);
  append_string (&classes, "Lying");
  append_string (&classes, "Standing");
  gst_structure_set (results, "model_name", G_TYPE_STRING, "cows", NULL);
  gst_structure_take_value (results, "classes", &classes);
  gst_structure_take_value (results, "objects", &objects);
}

GstBuffer *
publish_buffer_new (guint n)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);

  GST_BUFFER_PTS (buffer) = n * 40 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  return buffer;
}

GstBuffer *
publish_frame_new (guint n, const char *label)
{
  GstBuffer *buffer = publish_buffer_new (n);

  publish_attach (buffer, publish_object_new ("frame", "frame", 0, label, 0), NULL);
  return buffer;
}

GstHarness *
publish_harness_new (const char *properties)
{
  g_autofree char *line = g_strdup_printf ("cowpublish source=barn %s", properties);
  GstHarness *harness = gst_harness_new_parse (line);
  GstBus *bus = gst_bus_new ();

  g_assert_nonnull (harness);
  gst_element_set_bus (harness->element, bus);
  gst_object_unref (bus);
  gst_harness_set_src_caps_str (harness,
                                "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  return harness;
}

void
publish_stop (GstHarness *harness)
{
  g_assert_cmpint (gst_element_set_state (harness->element, GST_STATE_READY), ==,
                   GST_STATE_CHANGE_SUCCESS);
}

void
publish_harness_free (GstHarness *harness)
{
  GstBus *bus = gst_element_get_bus (harness->element);

  gst_element_set_state (harness->element, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE);
  gst_object_unref (bus);
  gst_harness_teardown (harness);
}

char *
publish_refusal_new (const char *properties)
{
  g_autofree char *line = g_strdup_printf ("cowpublish %s", properties), *details = NULL;
  g_autoptr (GError) error = NULL;
  GstElement *element = gst_parse_launch (line, &error);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;

  g_assert_no_error (error);
  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, &details);
  gst_message_unref (message);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  return g_strdup_printf ("%s\n%s", error->message, details);
}

void
publish_push (GstHarness *harness, guint from, guint to)
{
  for (guint n = from; n < to; n++) {
    GstBuffer *in = publish_frame_new (n, "Lying"), *out;

    g_assert_cmpint (gst_harness_push (harness, in), ==, GST_FLOW_OK);
    out = gst_harness_try_pull (harness);
    g_assert_true (out == in);
    gst_buffer_unref (out);
  }
}

void
publish_push_objects (GstHarness *harness, guint n, GstStructure *a, GstStructure *b)
{
  GstBuffer *buffer = publish_buffer_new (n);

  publish_attach (buffer, a, b, NULL);
  gst_buffer_unref (gst_harness_push_and_pull (harness, buffer));
}

/* ---- numbers --------------------------------------------------------------------------------- */

static GstStructure *
target_stats (GstHarness *harness, const char *target)
{
  GstElement *element = gst_harness_find_element (harness, "cowpublish");
  g_autoptr (GstStructure) stats = NULL;
  GstStructure *one = NULL;

  g_object_get (element, "stats", &stats, NULL);
  gst_object_unref (element);
  g_assert_true (gst_structure_get (stats, target, GST_TYPE_STRUCTURE, &one, NULL));
  return one;
}

guint64
publish_stat (GstHarness *harness, const char *target, const char *field)
{
  g_autoptr (GstStructure) stats = target_stats (harness, target);
  guint64 value;

  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  return value;
}

gboolean
publish_connected (GstHarness *harness, const char *target)
{
  g_autoptr (GstStructure) stats = target_stats (harness, target);
  gboolean value;

  g_assert_true (gst_structure_get_boolean (stats, "connected", &value));
  return value;
}

void
publish_wait (GstHarness *harness, const char *target, const char *field, guint64 value)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  while (publish_stat (harness, target, field) < value) {
    if (g_get_monotonic_time () > limit)
      g_error ("%s: %s is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, target, field,
               publish_stat (harness, target, field), value);
    g_usleep (5000);
  }
}

void
publish_wait_connected (GstHarness *harness, const char *target, gboolean connected)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  while (publish_connected (harness, target) != connected) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (5000);
  }
}

void
publish_assert_all (GstHarness *harness, const char *target, guint64 n)
{
  g_autoptr (GstStructure) stats = target_stats (harness, target);
  guint64 sent, dropped, queued;

  g_assert_true (gst_structure_get (stats, "sent", G_TYPE_UINT64, &sent, "dropped", G_TYPE_UINT64,
                                    &dropped, "queued", G_TYPE_UINT64, &queued, NULL));
  g_assert_cmpuint (sent + dropped + queued, ==, n);
}

/* ---- messages -------------------------------------------------------------------------------- */

static char *
text_of (GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *details = NULL;

  gst_message_parse_warning (message, &error, &details);
  return g_strdup_printf ("%s\n%s", error->message, details);
}

char *
publish_warning (GstHarness *harness)
{
  GstBus *bus = gst_element_get_bus (harness->element);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, PUBLISH_LIMIT_S * GST_SECOND, GST_MESSAGE_WARNING);
  char *text;

  g_assert_nonnull (message);
  text = text_of (message);
  gst_message_unref (message);
  gst_object_unref (bus);
  g_test_message ("warning: %s", text);
  return text;
}

char *
publish_wait_warning (GstHarness *harness, const char *words)
{
  char *text = publish_warning (harness);

  while (!strstr (text, words)) {
    g_free (text);
    text = publish_warning (harness);
  }
  return text;
}

guint
publish_n_warnings (GstHarness *harness)
{
  GstBus *bus = gst_element_get_bus (harness->element);
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING))) {
    g_autofree char *text = text_of (message);

    g_test_message ("warning: %s", text);
    gst_message_unref (message);
    n++;
  }
  gst_object_unref (bus);
  return n;
}

/* ---- events ---------------------------------------------------------------------------------- */

int
publish_frame_of (const char *line)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonNode *root;

  if (!json_parser_load_from_data (parser, line, -1, NULL))
    return -1;
  root = json_parser_get_root (parser);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root) ||
      !json_object_has_member (json_node_get_object (root), "timestamp"))
    return -1;
  return (int)(json_object_get_int_member (json_node_get_object (root), "timestamp") /
               (40 * GST_MSECOND));
}

void
publish_assert_frames (char **lines, guint from, guint to)
{
  guint n = g_strv_length (lines);

  while (n > 0 && !*lines[n - 1])
    n--;
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (publish_frame_of (lines[i]), ==, (int)(from + i));
  g_assert_cmpuint (n, ==, to - from);
}

/* ---- servers --------------------------------------------------------------------------------- */

guint16
publish_free_port (void)
{
  g_autoptr (GSocket) socket =
      g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  GSocketAddress *bound;
  g_autoptr (GError) error = NULL;
  guint16 port;

  g_socket_bind (socket, any, TRUE, &error);
  g_assert_no_error (error);
  bound = g_socket_get_local_address (socket, &error);
  g_assert_no_error (error);
  port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  g_object_unref (bound);
  return port;
}

gboolean
publish_make_certificates (const char *folder)
{
  static const char script[] =
      "set -e; cd \"$1\"\n"
      "for ca in ca other-ca; do\n"
      "  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
      "/CN=$ca -keyout $ca.key -out $ca.pem\n"
      "done\n"
      "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost "
      "-keyout server.key -out server.csr\n"
      "echo subjectAltName=DNS:localhost,IP:127.0.0.1 >server.ext\n"
      "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "
      "server.ext -out server.pem\n"
      "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=client "
      "-keyout "
      "client.key -out client.csr\n"
      "openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "
      "client.pem\n"
      "chmod 644 *.key\n";
  g_autofree char *openssl = g_find_program_in_path ("openssl");
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  if (!openssl)
    return FALSE;
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                              &error, "sh", "-c", script, "sh", folder, NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (process, NULL, &error));
  return TRUE;
}

char *
publish_run_writer (void)
{
  const char *argv[] = { "/proc/self/exe", NULL };
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char *output = NULL;

  g_setenv ("COW_TEST_AS_WRITER", "yes", TRUE);
  process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  g_unsetenv ("COW_TEST_AS_WRITER");
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  return output;
}

char **
publish_lines (const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return g_strsplit (text, "\n", -1);
}
