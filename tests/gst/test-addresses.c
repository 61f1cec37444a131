/* SPDX-License-Identifier: MIT */
/* Cameras as people address them, by the sample pipelines: schemes, logins with any character,
 * certificates, and a sentence of its own for each thing that fails. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>
#include <string.h>

#include "tests/gst/camera.h"
#include "tests/gst/launched.h"
#include "tests/gst/publish-support.h"

#define USERS_PASSWORD "cows100%"

static char *adapter, *model, *folder;

/* ---- scripts --------------------------------------------------------------------------------- */

static char *
path_of (const char *script)
{
  return g_build_filename (g_getenv ("COW_TEST_PIPELINES"), script, NULL);
}

/* What rtsp-camera.sh prints; `option` and `value` may be NULL. */
static char *
look (int expected_status, const char *url, const char *option, const char *value)
{
  g_autofree char *script = path_of ("rtsp-camera.sh");
  const char *argv[] = { script,      url,     "--decoder", "software", "--model", model,
                         "--adapter", adapter, option,      value,      NULL };

  return launched_output (argv, expected_status);
}

static void
assert_labels (const char *url, const char *option, const char *value)
{
  g_autofree char *output = look (0, url, option, value);

  g_test_message ("%s", url);
  g_assert_cmpuint (launched_n_messages (output), >=, 5);
}

/* Replaces the scheme of an address. */
static char *
with_scheme (const char *scheme, const char *url)
{
  return g_strconcat (scheme, strstr (url, "://"), NULL);
}

/* What publish.sh prints until a line has this text; then it is ended. */
static char *
publish_until (const char *text, const char *url, const char *option, const char *value)
{
  g_autofree char *script = path_of ("publish.sh");
  const char *argv[] = { "timeout",  "60",      script, url,         "--decoder",
                         "software", "--model", model,  "--adapter", adapter,
                         option,     value,     NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process =
      g_subprocess_newv ((const gchar *const *)argv,
                         G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  g_autoptr (GDataInputStream) lines = NULL;
  GString *output = g_string_new (NULL);
  gboolean found = FALSE;
  char *line;

  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  while ((line = g_data_input_stream_read_line (lines, NULL, NULL, NULL))) {
    g_string_append_printf (output, "%s\n", line);
    if (!found && strstr (line, text)) {
      found = TRUE;
      g_subprocess_send_signal (process, SIGINT);
    }
    g_free (line);
  }
  g_subprocess_wait (process, NULL, NULL);
  if (!found)
    g_printerr ("no \"%s\" in: %s", text, output->str);
  g_assert_true (found);
  return g_string_free (output, FALSE);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void
test_schemes (void)
{
  static const char *const schemes[] = { "RTSP", "rtspt", "rtspu", "rtsph", "RtSpT" };
  Camera *camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50 });
  g_autofree char *url = camera_url (camera, "");

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++) {
    g_autofree char *other = with_scheme (schemes[i], url);

    assert_labels (other, NULL, NULL);
  }
  camera_free (camera);
}

/* An address with = is an address; what is none is not taken for a property. */
static void
test_not_addresses (void)
{
  static const char *const words[] = { "ftp://secret@h/a=b", "secret@h/a=b", "rtsp:///secret",
                                       "rtsp://u:secret/x@h/a", "rtsp://u:secret?x@h/a?b=c" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    g_autofree char *camera = look (2, words[i], NULL, NULL);

    g_test_message ("%s", camera);
    g_assert_null (strstr (camera, "secret"));
    g_assert_null (strstr (camera, "usage:"));
  }
  g_autofree char *slash = look (2, "rtsp://u:a/b@h/c", NULL, NULL),
                  *both = look (2, "rtspt://h/c", "--protocols", "udp"),
                  *way = look (2, "rtsp://h/c", "--protocols", "smoke"),
                  *file = look (2, "rtsp://h/c", "--ca", "/no/such"),
                  *jpeg = look (2, "http://h/c", "--codec", "h264");
  g_assert_nonnull (strstr (slash, "write %2F, %3F"));
  g_assert_nonnull (strstr (both, "rtspt:// is tcp"));
  g_assert_nonnull (strstr (way, "--protocols is tcp or udp"));
  g_assert_nonnull (strstr (file, "/no/such: no such file"));
  g_assert_nonnull (strstr (jpeg, "read as MJPEG"));
  g_autofree char *web = look (2, "http://h/c", "--protocols", "udp"),
                  *program = path_of ("publish.sh");
  const char *recording[] = { program, program, "--codec", "h264", NULL };
  g_autofree char *published = launched_output (recording, 2);
  g_assert_nonnull (strstr (web, "--protocols is for rtsp://"));
  g_assert_nonnull (strstr (published, "are for cameras"));
}

static GBytes *
jpeg_new (void)
{
  g_autofree char *path = g_build_filename (folder, "picture.jpg", NULL), *data = NULL,
                  *line = g_strdup_printf ("videotestsrc num-buffers=1 ! "
                                           "video/x-raw,width=320,height=240 ! jpegenc ! "
                                           "filesink location=%s",
                                           path);
  gsize n;

  support_play (line);
  g_assert_true (g_file_get_contents (path, &data, &n, NULL));
  return g_bytes_new_take (g_steal_pointer (&data), n);
}

/* A web camera: a request, then pictures until the client leaves. */
static gboolean
on_web_client (GThreadedSocketService *service, GSocketConnection *connection, GObject *from,
               gpointer jpeg)
{
  static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: "
                             "multipart/x-mixed-replace;boundary=frame\r\n\r\n";
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  char request[4096];

  if (g_input_stream_read (in, request, sizeof request, NULL, NULL) <= 0)
    return TRUE;
  g_output_stream_write_all (out, head, strlen (head), NULL, NULL, NULL);
  for (guint i = 0; i < 60; i++) {
    g_autofree char *part =
        g_strdup_printf ("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
                         g_bytes_get_size (jpeg));

    if (!g_output_stream_write_all (out, part, strlen (part), NULL, NULL, NULL) ||
        !g_output_stream_write_all (out, g_bytes_get_data (jpeg, NULL), g_bytes_get_size (jpeg),
                                    NULL, NULL, NULL) ||
        !g_output_stream_write_all (out, "\r\n", 2, NULL, NULL, NULL))
      break;
    g_usleep (50000);
  }
  return TRUE;
}

static gpointer
serve (gpointer loop)
{
  g_main_loop_run (loop);
  return NULL;
}

static void
test_mjpeg_by_http (void)
{
  g_autoptr (GSocketService) service = g_threaded_socket_service_new (4);
  g_autoptr (GBytes) jpeg = jpeg_new ();
  guint16 port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (service), NULL, NULL);
  g_autofree char *url = g_strdup_printf ("HTTP://u:p@127.0.0.1:%u/video.mjpg?a=b", port);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  GThread *thread;

  g_signal_connect (service, "run", G_CALLBACK (on_web_client), jpeg);
  thread = g_thread_new ("web camera", serve, loop);
  assert_labels (url, NULL, NULL);
  g_main_loop_quit (loop);
  g_thread_join (thread);
  g_socket_service_stop (service);
}

/* ---- logins ---------------------------------------------------------------------------------- */

static void
test_passwords (void)
{
  static const struct {
    const char *password, *typed;
  } all[] = {
    { "cows100%", "cows100%" },           { "100%sure", "100%sure" }, { "a/b?c", "a%2Fb%3fc" },
    { "p@:ss#\"\\ $x", "p@:ss#\"\\ $x" }, { "100%", "100%25" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    Camera *camera = camera_new_mounted (
        &(CameraScenario){ .n_frames = 50, .user = "admin", .password = all[i].password });
    g_autofree char *login = g_strdup_printf ("admin:%s@", all[i].typed),
                    *url = camera_url (camera, login), *output = look (0, url, NULL, NULL);

    g_assert_cmpuint (launched_n_messages (output), >=, 5);
    g_assert_null (strstr (output, all[i].typed));
    g_assert_null (strstr (output, all[i].password));
    camera_free (camera);
  }
}

/* GStreamer's log of a parsed line shows everything in it. */
static void
test_log (void)
{
  Camera *camera = camera_new_mounted (
      &(CameraScenario){ .n_frames = 50, .user = "admin", .password = USERS_PASSWORD });
  g_autofree char *url = camera_url (camera, "admin:" USERS_PASSWORD "@"), *output = NULL,
                  *published = NULL;

  g_setenv ("GST_DEBUG", "2,GST_PIPELINE:6,rtspsrc:6", TRUE);
  output = look (0, url, NULL, NULL);
  published = publish_until ("\"objects\"", url, NULL, NULL);
  g_unsetenv ("GST_DEBUG");
  g_assert_nonnull (strstr (output, "GST_PIPELINE"));
  g_assert_nonnull (strstr (published, "GST_PIPELINE"));
  g_assert_null (strstr (output, USERS_PASSWORD));
  g_assert_null (strstr (published, USERS_PASSWORD));
  camera_free (camera);
}

/* Some cameras have the login in their path, which progress messages would show. */
static void
test_path (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50 });
  g_autofree char *url = camera_url (camera, ""),
                  *long_url = g_strconcat (url, "?password=Geheim77", NULL),
                  *bad = g_strconcat (url, "/password=Geheim77", NULL),
                  *output = look (0, long_url, NULL, NULL), *failed = look (1, bad, NULL, NULL);

  g_assert_cmpuint (launched_n_messages (output), >=, 5);
  g_assert_null (strstr (output, "Geheim77"));
  g_assert_null (strstr (failed, "Geheim77"));
  g_assert_nonnull (strstr (failed, "the camera has no such path"));
  camera_free (camera);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void
test_failures (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .codec = "mjpeg" }),
         *locked = camera_new_mounted (&(CameraScenario){ .user = "admin", .password = "right" }),
         *udp = camera_new_mounted (&(CameraScenario){ .udp_only = TRUE });
  g_autofree char *url = camera_url (camera, ""), *none = g_strconcat (url, "/none", NULL),
                  *login = camera_url (locked, "admin:wrong@"), *by_udp = camera_url (udp, "");

  g_free (publish_until ("127.0.0.1, port 9: the port is closed; again in 1 s",
                         "rtsp://127.0.0.1:9/cam", NULL, NULL));
  g_free (publish_until ("the name no-such-camera.invalid is unknown; again in 1 s",
                         "rtsp://no-such-camera.invalid/cam", NULL, NULL));
  g_free (publish_until ("the camera has no such path; again in 1 s", none, NULL, NULL));
  g_free (publish_until ("cow-reconnect: user or password is wrong; cameras lock after some "
                         "attempts; again in 300 s",
                         login, NULL, NULL));
  g_free (publish_until ("the camera sends JPEG; --codec mjpeg; again", url, NULL, NULL));
  g_free (publish_until ("\"objects\"", url, "--codec", "mjpeg"));
  g_free (publish_until ("\"objects\"", url, "--codec", "auto"));
  g_free (publish_until ("--protocols udp or tcp; again in 1 s", by_udp, NULL, NULL));
  g_free (publish_until ("\"objects\"", by_udp, "--protocols", "udp"));
  camera_free (camera);
  camera_free (locked);
  camera_free (udp);
}

/* publish.sh takes recordings of every container and codec. */
static void
test_recordings (void)
{
  static const char *const coders[] = {
    "x264enc ! h264parse ! matroskamux",
    "x264enc ! h264parse ! mpegtsmux",
    "jpegenc ! avimux",
  };

  for (guint i = 0; i < G_N_ELEMENTS (coders); i++) {
    g_autofree char *path = g_strdup_printf ("%s/recording%u", folder, i),
                    *line = g_strdup_printf (
                        "videotestsrc num-buffers=20 ! "
                        "video/x-raw,format=I420,width=320,height=240,framerate=10/1 ! %s ! "
                        "filesink location=%s",
                        coders[i], path);

    support_play (line);
    g_free (publish_until ("\"objects\"", path, NULL, NULL));
  }
}

/* A camera with a certificate that its own authority signed. */
static void
test_certificate (void)
{
  g_autofree char *ca = g_build_filename (folder, "ca.pem", NULL),
                  *pem = g_build_filename (folder, "server.pem", NULL),
                  *key = g_build_filename (folder, "server.key", NULL), *url = NULL;
  g_autoptr (GTlsCertificate) tls = NULL;
  g_autoptr (GError) error = NULL;
  Camera *camera;

  if (!publish_make_certificates (folder)) {
    g_test_skip ("openssl is not installed");
    return;
  }
  tls = g_tls_certificate_new_from_files (pem, key, &error);
  g_assert_no_error (error);
  camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50, .tls = tls });
  url = camera_url (camera, "");
  g_autofree char *refused = look (1, url, NULL, NULL);
  g_assert_nonnull (strstr (refused,
                            "the certificate of 127.0.0.1 is not trusted; --ca FILE with its "
                            "certificate, or --insecure"));
  assert_labels (url, "--ca", ca);
  assert_labels (url, "--insecure", NULL);
  camera_free (camera);
}

int
main (int argc, char **argv)
{
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  missing = camera_missing_element ();
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  adapter = support_adapter_new ();
  model = support_model ();
  folder = g_dir_make_tmp ("cow-addresses-XXXXXX", NULL);

  g_test_add_func ("/addresses/schemes", test_schemes);
  g_test_add_func ("/addresses/none", test_not_addresses);
  g_test_add_func ("/addresses/mjpeg-by-http", test_mjpeg_by_http);
  g_test_add_func ("/addresses/passwords", test_passwords);
  g_test_add_func ("/addresses/log", test_log);
  g_test_add_func ("/addresses/path", test_path);
  g_test_add_func ("/addresses/failures", test_failures);
  g_test_add_func ("/addresses/recordings", test_recordings);
  g_test_add_func ("/addresses/certificate", test_certificate);
  result = g_test_run ();

  support_remove (folder);
  support_remove (adapter);
  g_free (model);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
