/* SPDX-License-Identifier: MIT */
/* Cameras as people address them, by the sample pipelines: schemes, logins with any character,
 * certificates, and a sentence of its own for each thing that fails. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <libsoup/soup.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/gst/camera.h"
#include "tests/gst/child.h"
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
  g_assert_cmpuint (launched_n_rows (output), >=, 5);
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
  g_autoptr (GSubprocess) process =
      child_new (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, SIGTERM);
  g_autoptr (GDataInputStream) lines = NULL;
  GString *output = g_string_new (NULL);
  gboolean found = FALSE;
  char *line;

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
                  *jpeg = look (2, "http://h/c", "--codec", "h264"),
                  *playlist = look (2, "http://h/c.M3U8?a=b", "--codec", "mjpeg");
  g_assert_nonnull (strstr (slash, "write %2F, %3F"));
  g_assert_nonnull (strstr (both, "rtspt:// is tcp"));
  g_assert_nonnull (strstr (way, "--protocols is tcp or udp"));
  g_assert_nonnull (strstr (file, "/no/such: no such file"));
  g_assert_nonnull (strstr (jpeg, "read as MJPEG"));
  g_assert_nonnull (strstr (playlist, "HLS or a recording, not as mjpeg"));
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
  for (guint i = 0; i < 160; i++) {
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
  assert_labels (url, "--codec", "mjpeg");
  g_main_loop_quit (loop);
  g_thread_join (thread);
  g_socket_service_stop (service);
}

/* ---- a web server ---------------------------------------------------------------------------- */

/* Serves the files of the folder "web", and below /locked/ to who logs in. */
typedef struct {
  GTlsCertificate *tls; /* NULL: http:// */
  GMainLoop *loop;
  GThread *thread;
  guint16 port;
  gint listens; /* atomic */
} Web;

static void
answer (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query,
        gpointer data)
{
  const gboolean locked = g_str_has_prefix (path, "/locked/");
  const char *login = soup_message_headers_get_one (
                 soup_server_message_get_request_headers (message), "Authorization"),
             *type = g_str_has_suffix (path, ".html") ? "text/html" : "application/octet-stream",
             *name = locked ? path + strlen ("/locked") : path;
  g_autofree char *file = g_build_filename (folder, "web", name, NULL), *bytes = NULL;
  gsize n;

  if (locked && !login) {
    soup_message_headers_append (soup_server_message_get_response_headers (message),
                                 "WWW-Authenticate", "Basic realm=\"barn\"");
    soup_server_message_set_status (message, SOUP_STATUS_UNAUTHORIZED, NULL);
  } else if (!g_file_get_contents (file, &bytes, &n, NULL)) {
    soup_server_message_set_status (message, SOUP_STATUS_NOT_FOUND, NULL);
  } else {
    soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
    soup_server_message_set_response (message, type, SOUP_MEMORY_TAKE, g_steal_pointer (&bytes), n);
  }
}

static gpointer
serve_web (gpointer data)
{
  Web *self = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (SoupServer) server = NULL;
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);
  server = soup_server_new (NULL, NULL);
  if (self->tls)
    soup_server_set_tls_certificate (server, self->tls);
  soup_server_add_handler (server, NULL, answer, NULL, NULL);
  soup_server_listen_local (
      server, self->port, SOUP_SERVER_LISTEN_IPV4_ONLY | (self->tls ? SOUP_SERVER_LISTEN_HTTPS : 0),
      &error);
  g_assert_no_error (error);
  self->loop = g_main_loop_new (context, FALSE);
  g_atomic_int_set (&self->listens, TRUE);
  g_main_loop_run (self->loop);
  soup_server_disconnect (server);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static Web *
web_new (GTlsCertificate *tls)
{
  Web *self = g_new0 (Web, 1);

  self->tls = tls;
  self->port = publish_free_port ();
  self->thread = g_thread_new ("web", serve_web, self);
  while (!g_atomic_int_get (&self->listens))
    g_usleep (1000);
  return self;
}

static char *
web_url (Web *self, const char *login, const char *path)
{
  return g_strdup_printf ("%s://%s127.0.0.1:%u/%s", self->tls ? "HTTPS" : "HTTP", login, self->port,
                          path);
}

static void
web_free (Web *self)
{
  g_main_loop_quit (self->loop);
  g_thread_join (self->thread);
  g_main_loop_unref (self->loop);
  g_free (self);
}

/* Puts there a recording whose index is at its end, the same by a name that says nothing, as HLS, a
 * picture and a page. */
static void
fill_web (void)
{
  g_autofree char *web = g_build_filename (folder, "web", NULL),
                  *page = g_build_filename (web, "page.html", NULL),
                  *lines = g_strdup_printf (
                      "videotestsrc num-buffers=150 ! video/x-raw,format=I420,width=320,height=240,"
                      "framerate=25/1 ! x264enc tune=zerolatency key-int-max=25 ! tee name=t ! "
                      "queue ! h264parse ! mp4mux ! filesink location=%s/Barn.MP4 t. ! queue ! "
                      "h264parse ! mpegtsmux ! hlssink target-duration=2 playlist-length=0 "
                      "max-files=0 location=%s/segment%%05d.ts playlist-location=%s/live.m3u8 "
                      "videotestsrc num-buffers=1 ! jpegenc ! filesink location=%s/shot.jpg",
                      web, web, web, web),
                  *video = g_build_filename (web, "Barn.MP4", NULL),
                  *other = g_build_filename (web, "video", NULL);

  if (g_mkdir (web, 0700) != 0)
    return;
  support_play (lines);
  g_assert_cmpint (link (video, other), ==, 0);
  g_assert_true (g_file_set_contents (page, "<html><body>Camera</body></html>", -1, NULL));
}

/* What file.sh prints. */
static char *
label (int expected_status, const char *url, const char *option, const char *value)
{
  g_autofree char *script = path_of ("file.sh");
  const char *argv[] = { script,      url,         "inference-interval=10",
                         "--decoder", "software",  "--model",
                         model,       "--adapter", adapter,
                         option,      value,       NULL };

  return launched_output (argv, expected_status);
}

static void
assert_recording (Web *web, const char *login, const char *path, const char *option,
                  const char *value)
{
  g_autofree char *url = web_url (web, login, path), *output = label (0, url, option, value);

  g_test_message ("%s", url);
  g_assert_cmpuint (launched_n_rows (output), ==, 15);
  g_assert_null (strstr (output, "u:p"));
}

static void
assert_objection (Web *web, const char *login, const char *path, const char *sentence)
{
  g_autofree char *url = web_url (web, login, path), *camera = look (1, url, NULL, NULL),
                  *recording = label (1, url, NULL, NULL);

  g_test_message ("%s", camera);
  g_assert_nonnull (strstr (camera, sentence));
  g_assert_nonnull (strstr (recording, sentence));
  g_assert_null (strstr (camera, "u:p"));
}

static void
test_web (void)
{
  Web *web = web_new (NULL);
  g_autofree char *live = web_url (web, "", "live.m3u8?token=a"),
                  *video = web_url (web, "u:p@", "locked/video");

  fill_web ();
  assert_recording (web, "", "Barn.MP4?a=b", NULL, NULL);
  assert_recording (web, "u:p@", "locked/video", NULL, NULL);
  assert_recording (web, "", "live.m3u8", NULL, NULL);
  assert_labels (live, NULL, NULL);
  assert_labels (video, "--codec", "auto");
  g_free (publish_until ("\"objects\"", live, NULL, NULL));
  assert_objection (web, "", "shot.jpg", "the address gives a single picture");
  assert_objection (web, "", "page.html", "the address gives a page or text");
  assert_objection (web, "u:p@", "locked/live.m3u8", "HLS with a login");
  assert_objection (web, "", "nothing.mp4", "the camera has no such path");
  web_free (web);
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

    g_assert_cmpuint (launched_n_rows (output), >=, 5);
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

  g_assert_cmpuint (launched_n_rows (output), >=, 5);
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
  g_free (publish_until ("the camera sends JPEG; --codec mjpeg; again", url, "--codec", "h264"));
  g_free (publish_until ("\"objects\"", url, NULL, NULL));
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
                  *key = g_build_filename (folder, "server.key", NULL), *url = NULL,
                  *here = g_get_current_dir ();
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
  g_assert_cmpint (g_chdir (folder), ==, 0);
  assert_labels (url, "--ca", "ca.pem");
  g_assert_cmpint (g_chdir (here), ==, 0);
  assert_labels (url, "--insecure", NULL);
  camera_free (camera);
}

/* The fingerprint in a sentence that a script printed. */
static char *
fingerprint_in (const char *output)
{
  const char *at = strstr (output, "SHA-256 fingerprint is ");

  g_assert_nonnull (at);
  return g_strndup (at + strlen ("SHA-256 fingerprint is "), 32 * 3 - 1);
}

static char *
without_colons (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", -1);

  return g_strjoinv ("", parts);
}

static void
assert_fingerprint_decides (const char *url, const char *shown)
{
  g_autofree char *lower = g_ascii_strdown (shown, -1), *plain = without_colons (lower),
                  *copied = g_strconcat ("SHA256:", shown, NULL),
                  *other = g_strconcat (shown[0] == 'A' ? "B" : "A", shown + 1, NULL),
                  *wrong = look (1, url, "--fingerprint", other), *again = fingerprint_in (wrong),
                  *odd = look (1, url, "--fingerprint", "12:34");

  assert_labels (url, "--fingerprint", shown);
  assert_labels (url, "--fingerprint", plain);
  assert_labels (url, "--fingerprint", copied);
  g_assert_nonnull (strstr (wrong, "another one than --fingerprint says"));
  g_assert_cmpstr (again, ==, shown);
  g_assert_nonnull (strstr (odd, "--fingerprint 12:34: expected 64 hexadecimal digits"));
  g_free (publish_until ("another one than --fingerprint says", url, "--fingerprint", other));
  g_free (publish_until ("\"objects\"", url, "--fingerprint", shown));
}

/* A certificate that nobody signed, and that names nobody, is trusted by its fingerprint and by no
 * other. */
static void
test_fingerprint (void)
{
  g_autofree char *pem = g_build_filename (folder, "other-ca.pem", NULL),
                  *key = g_build_filename (folder, "other-ca.key", NULL), *url = NULL,
                  *refused = NULL, *shown = NULL;
  g_autoptr (GTlsCertificate) tls = NULL;
  Camera *camera;
  Web *web;

  if (!publish_make_certificates (folder)) {
    g_test_skip ("openssl is not installed");
    return;
  }
  tls = g_tls_certificate_new_from_files (pem, key, NULL);
  camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50, .tls = tls });
  url = camera_url (camera, "");
  refused = look (1, url, NULL, NULL);
  shown = fingerprint_in (refused);
  assert_fingerprint_decides (url, shown);
  camera_free (camera);

  fill_web ();
  web = web_new (tls);
  assert_recording (web, "", "Barn.MP4", "--fingerprint", shown);
  g_autofree char *movie = web_url (web, "", "Barn.MP4"), *wrong = NULL;
  shown[0] = shown[0] == 'A' ? 'B' : 'A';
  wrong = label (1, movie, "--fingerprint", shown);
  g_assert_nonnull (strstr (wrong, "another one than --fingerprint says"));
  web_free (web);
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
  g_test_add_func ("/addresses/web", test_web);
  g_test_add_func ("/addresses/passwords", test_passwords);
  g_test_add_func ("/addresses/log", test_log);
  g_test_add_func ("/addresses/path", test_path);
  g_test_add_func ("/addresses/failures", test_failures);
  g_test_add_func ("/addresses/recordings", test_recordings);
  g_test_add_func ("/addresses/certificate", test_certificate);
  g_test_add_func ("/addresses/fingerprint", test_fingerprint);
  result = g_test_run ();

  support_remove (folder);
  support_remove (adapter);
  g_free (model);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
