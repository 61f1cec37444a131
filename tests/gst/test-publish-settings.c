/* SPDX-License-Identifier: MIT */
/* The settings of `cowpublish`: what cannot work is an error at the start, which names the property
 * and shows no secret. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static char *folder;

/* Asserts that the element does not start, and that the error names the property and shows no
 * secret. */
static void
assert_refused (const char *properties, const char *named)
{
  g_autofree char *refusal = publish_refusal_new (properties);

  g_test_message ("%s", refusal);
  g_assert_nonnull (strstr (refusal, named));
  g_assert_null (strstr (refusal, "secret"));
}

static void
test_refused (void)
{
  assert_refused ("", "file, http-url or mqtt-url");
  assert_refused ("file=/nowhere/at/all", "/nowhere/at/all: No such file");
  assert_refused ("file=/", "Is a directory");
  assert_refused ("http-url=ftp://user:secret@host/", "http-url");
  assert_refused ("http-url=\"http://user:sec ret@\"", "http-url");
  assert_refused ("http-url=secret", "http-url");
  assert_refused ("http-url=http:///path", "http-url");
  assert_refused ("http-url=http://host http-token=\"secret secret\"", "http-token");
  assert_refused ("http-url=https://host http-ca=/nowhere", "http-ca");
  assert_refused ("mqtt-url=http://host", "mqtt-url");
  assert_refused ("mqtt-url=mqtt://host mqtt-topic=a/+", "mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host mqtt-topic=$SYS", "mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host mqtt-discovery=true mqtt-discovery-prefix=#",
                  "mqtt-discovery-prefix");
  assert_refused ("mqtt-url=mqtt://host mqtt-ca=/nowhere", "mqtts://");
  assert_refused ("mqtt-url=mqtts://host mqtt-ca=/nowhere", "mqtt-ca: /nowhere");
  assert_refused ("mqtt-url=mqtts://host mqtt-cert=/nowhere", "mqtt-cert needs");
  assert_refused ("mqtt-url=mqtt://host mqtt-password=secret", "mqtt-password needs mqtt-user");
  assert_refused ("file=- mqtt-url=mqtt:secret", "mqtt-url"); /* the first target is released */
}

/* A login is taken out of an address, and secrets cannot be read. */
static void
test_secrets (void)
{
  GstElement *element = gst_element_factory_make ("cowpublish", NULL);
  g_autofree char *http = NULL, *mqtt = NULL, *user = NULL;
  const char *secrets[] = { "http-password", "http-token", "mqtt-password" };

  gst_object_ref_sink (element);
  g_object_set (element, "http-url", "https://me:s%40cret@host:8443/a?b=c", "mqtt-url",
                "mqtt://cow@broker", NULL);
  g_object_get (element, "http-url", &http, "mqtt-url", &mqtt, "http-user", &user, NULL);
  g_assert_cmpstr (http, ==, "https://host:8443/a?b=c");
  g_assert_cmpstr (mqtt, ==, "mqtt://broker");
  g_assert_cmpstr (user, ==, "me");
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    g_assert_false (g_object_class_find_property (G_OBJECT_GET_CLASS (element), secrets[i])->flags &
                    G_PARAM_READABLE);
  gst_object_unref (element);
}

/* A broker's address has no more than a host and a port. What is behind them may be a password that
 * was not written as it has to be, and is not shown. */
static void
test_addresses (void)
{
  assert_refused ("mqtt-url=mqtt://host/farm/barn", "a topic belongs into mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host?topic=secret", "a topic belongs into mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host#secret", "a topic belongs into mqtt-topic");
  assert_refused ("mqtt-url=mqtt://me:12/secret@host", "a topic belongs into mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host:0", "port 0");
  assert_refused ("mqtt-url=mqtt://host:99999", "mqtt-url");
}

/* A property that does nothing without another one is an error. */
static void
test_alone (void)
{
  assert_refused ("file=/dev/null mqtt-user=barn", "mqtt-user does nothing without mqtt-url");
  assert_refused ("file=/dev/null mqtt-discovery=true",
                  "mqtt-discovery does nothing without mqtt-url");
  assert_refused ("file=/dev/null mqtt-password=secret",
                  "mqtt-password does nothing without mqtt-url");
  assert_refused ("file=/dev/null http-token=secret", "http-token does nothing without http-url");
  assert_refused ("file=/dev/null http-batch=5", "http-batch does nothing without http-url");
  assert_refused ("mqtt-url=mqtt://host max-file-size=5",
                  "max-file-size does nothing without file");
  assert_refused ("mqtt-url=mqtt://host mqtt-discovery-prefix=ha",
                  "mqtt-discovery-prefix needs mqtt-discovery");
}

/* Files with certificates are read at the start. */
static void
test_certificates (void)
{
  static const struct {
    const char *ca, *cert, *key, *expected;
  } cases[] = {
    { "server.key", NULL, NULL, "mqtt-ca: " },
    { "empty", NULL, NULL, "mqtt-ca: " },
    { "nowhere", NULL, NULL, "mqtt-ca: " },
    { "ca.pem", "empty", "client.key", "mqtt-cert: " },
    { "ca.pem", "client.pem", "empty", "mqtt-key: " },
    { "ca.pem", "client.pem", "locked.key", "encrypted" },
    { "ca.pem", "client.pem", "server.key", "is not the key of mqtt-cert" },
  };
  g_autofree char *empty = g_build_filename (folder, "empty", NULL), *command = NULL;

  if (!publish_make_certificates (folder)) {
    g_test_skip ("openssl is not installed");
    return;
  }
  g_assert_true (g_file_set_contents (empty, "nothing\n", -1, NULL));
  command = g_strdup_printf ("openssl pkey -in %s/client.key -aes128 -passout pass:secret -out "
                             "%s/locked.key",
                             folder, folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GString) properties = g_string_new ("mqtt-url=mqtts://host");

    g_string_append_printf (properties, " mqtt-ca=%s/%s", folder, cases[i].ca);
    if (cases[i].cert)
      g_string_append_printf (properties, " mqtt-cert=%s/%s mqtt-key=%s/%s", folder, cases[i].cert,
                              folder, cases[i].key);
    assert_refused (properties->str, cases[i].expected);
  }
}

/* ---- files that may not be written to -------------------------------------------------------- */

/* Starts this program as a user who is nobody, and returns the error with which the element does
 * not start; "" if it does. */
static char *
refusal_for_nobody (const char *properties)
{
  const char *argv[] = { "/proc/self/exe", NULL };
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char *said = NULL;

  g_subprocess_launcher_setenv (launcher, "COW_TEST_AS_NOBODY", properties, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &said, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  g_test_message ("%s: %s", properties, said);
  return said;
}

static int
be_nobody (const char *properties)
{
  g_autofree char *line = g_strdup_printf ("cowpublish %s", properties);
  g_autoptr (GError) error = NULL;
  GstElement *element = gst_parse_launch (line, &error);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;

  g_assert_no_error (error);
  if (geteuid () == 0) /* the plugin has been loaded by now */
    g_assert_cmpint (setgid (65534) | setuid (65534), ==, 0);
  gst_element_set_bus (element, bus);
  gst_element_set_state (element, GST_STATE_PAUSED);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  if (message) {
    gst_message_parse_error (message, &error, NULL);
    g_print ("%s", error->message);
    gst_message_unref (message);
  }
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  return 0;
}

/* A file that may be written to, in a folder where it may not be renamed, fails when it is full: at
 * night, weeks later. That is known at the start. */
static void
test_forbidden (void)
{
  g_autofree char *closed = g_build_filename (folder, "closed", NULL),
                  *sticky = g_build_filename (folder, "sticky", NULL),
                  *in_closed = g_build_filename (closed, "events", NULL),
                  *in_sticky = g_build_filename (sticky, "events", NULL),
                  *one = g_strdup_printf ("file=%s", in_closed),
                  *two = g_strdup_printf ("file=%s", in_sticky),
                  *never = g_strdup_printf ("file=%s max-file-size=0", in_closed),
                  *emptied = g_strdup_printf ("file=%s max-files=1", in_closed),
                  *no_file = g_strdup_printf ("file=%s/other", closed);
  g_autofree char *said = NULL, *of_sticky = NULL, *of_never = NULL, *of_emptied = NULL,
                  *of_none = NULL;

  if (geteuid () != 0) {
    g_test_skip ("this process cannot become another user");
    return;
  }
  g_chmod (folder, 0755);
  g_mkdir (closed, 0755);
  g_mkdir (sticky, 0700);
  g_chmod (sticky, 01777);
  g_assert_true (g_file_set_contents (in_closed, "", -1, NULL));
  g_assert_true (g_file_set_contents (in_sticky, "", -1, NULL));
  g_chmod (in_closed, 0666);
  g_chmod (in_sticky, 0666);
  said = refusal_for_nobody (one);
  g_assert_nonnull (strstr (said, "could not be rotated"));
  g_assert_nonnull (strstr (said, "max-file-size=0"));
  of_sticky = refusal_for_nobody (two);
  g_assert_nonnull (strstr (of_sticky, "could not be rotated"));
  of_never = refusal_for_nobody (never);
  g_assert_cmpstr (of_never, ==, "");
  of_emptied = refusal_for_nobody (emptied);
  g_assert_cmpstr (of_emptied, ==, "");
  of_none = refusal_for_nobody (no_file);
  g_assert_nonnull (strstr (of_none, "Permission denied"));
}

/* ---- what people attach to a report ---------------------------------------------------------- */

typedef struct {
  GMutex lock;
  GString *text;
} Log;

static void
gather (GstDebugCategory *category, GstDebugLevel level, const gchar *file, const gchar *function,
        gint line, GObject *object, GstDebugMessage *message, gpointer data)
{
  const char *text = gst_debug_message_get (message); /* may log by itself */
  Log *log = data;

  g_mutex_lock (&log->lock);
  g_string_append_printf (log->text, "%s\n", text);
  g_mutex_unlock (&log->lock);
}

/* A log of everything and a graph of the pipeline have no secret. */
static void
test_log (void)
{
  static const char *const secrets[] = { "SECRETmqtt", "SECREThttp", "SECRETtoken" };
  Log log = { .text = g_string_new (NULL) };
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "fakesrc num-buffers=3 ! cowpublish name=a drain-timeout=100 ! "
      "cowpublish name=b drain-timeout=100 http-url=http://127.0.0.1:2/ ! fakesink",
      NULL);
  g_autoptr (GstElement) a = gst_bin_get_by_name (GST_BIN (pipeline), "a"),
                         b = gst_bin_get_by_name (GST_BIN (pipeline), "b");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autofree char *graph = NULL;

  gst_debug_add_log_function (gather, &log, NULL);
  gst_debug_remove_log_function (gst_debug_log_default);
  gst_debug_set_default_threshold (GST_LEVEL_MEMDUMP);
  g_object_set (a, "mqtt-url", "mqtt://127.0.0.1:1", "mqtt-user", "barn", "mqtt-password",
                secrets[0], "http-url", "http://barn:SECREThttp@127.0.0.1:2/x", NULL);
  g_object_set (b, "http-token", secrets[2], NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_message_unref (gst_bus_timed_pop_filtered (bus, PUBLISH_LIMIT_S * GST_SECOND,
                                                 GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  graph = gst_debug_bin_to_dot_data (GST_BIN (pipeline), GST_DEBUG_GRAPH_SHOW_ALL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_debug_set_default_threshold (GST_LEVEL_NONE);
  gst_debug_remove_log_function (gather);
  gst_debug_add_log_function (gst_debug_log_default, NULL, NULL);
  g_assert_nonnull (strstr (log.text->str, "cowpublish"));
  g_assert_nonnull (strstr (graph, "mqtt-user"));
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++) {
    g_assert_null (strstr (log.text->str, secrets[i]));
    g_assert_null (strstr (graph, secrets[i]));
  }
  g_string_free (log.text, TRUE);
  g_mutex_clear (&log.lock);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  if (g_getenv ("COW_TEST_AS_NOBODY"))
    return be_nobody (g_getenv ("COW_TEST_AS_NOBODY"));
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);

  g_test_add_func ("/publish-settings/refused", test_refused);
  g_test_add_func ("/publish-settings/secrets", test_secrets);
  g_test_add_func ("/publish-settings/log", test_log);
  g_test_add_func ("/publish-settings/addresses", test_addresses);
  g_test_add_func ("/publish-settings/alone", test_alone);
  g_test_add_func ("/publish-settings/certificates", test_certificates);
  g_test_add_func ("/publish-settings/forbidden", test_forbidden);
  result = g_test_run ();

  support_remove (folder);
  return support_no_leaks () ? result : 1;
}
