/* SPDX-License-Identifier: MIT */
#include "tests/gst/camera.h"

#include <gst/app/gstappsrc.h>
#include <gst/rtsp-server/rtsp-server.h>

#include "tests/gst/support.h"

struct _Camera {
  CameraScenario scenario;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
  GstRTSPServer *server;
  guint source;
};

const char *
camera_missing_element (void)
{
  static const char *const needed[] = { "x264enc",    "avdec_h264",   "h264parse", "rtspsrc",
                                        "rtph264pay", "rtph264depay", NULL };

  for (const char *const *name = needed; *name; name++) {
    if (!support_have_element (*name))
      return *name;
  }
  return NULL;
}

static gint
frames_a_second (const CameraScenario *scenario)
{
  return scenario->fps ? (gint)scenario->fps : 25;
}

/* Size of frame n. */
static GstVideoInfo
camera_info (const CameraScenario *scenario, guint n)
{
  gboolean small = scenario->change_at && n >= scenario->change_at;

  GstVideoInfo info =
      support_info (GST_VIDEO_FORMAT_I420, small ? 160 : 320, small ? 128 : 240, NULL);

  GST_VIDEO_INFO_FPS_N (&info) = frames_a_second (scenario);
  return info;
}

static void
feed (GstAppSrc *source, guint length, gpointer data)
{
  const CameraScenario *scenario = data;
  guint n = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (source), "frame"));
  GstVideoInfo info = camera_info (scenario, n);
  GstBuffer *buffer;
  GstCaps *caps;
  GstSample *sample;

  if (n == 0)
    g_usleep (scenario->delay_ms * 1000);
  if (scenario->n_frames && n >= scenario->n_frames) {
    gst_app_src_end_of_stream (source);
    return;
  }
  buffer = support_frame_new (&info, n);
  GST_BUFFER_PTS (buffer) =
      gst_util_uint64_scale (n, GST_SECOND, (guint64)frames_a_second (scenario));
  GST_BUFFER_DURATION (buffer) = GST_SECOND / (guint64)frames_a_second (scenario);
  caps = gst_video_info_to_caps (&info);
  sample = gst_sample_new (buffer, caps, NULL, NULL);
  gst_app_src_push_sample (source, sample);
  gst_sample_unref (sample);
  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  g_object_set_data (G_OBJECT (source), "frame", GUINT_TO_POINTER (n + 1));
}

static void
configure (GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer camera)
{
  GstElement *bin = gst_rtsp_media_get_element (media);
  GstElement *source = gst_bin_get_by_name (GST_BIN (bin), "source");
  CameraScenario *scenario = &((Camera *)camera)->scenario;

  if (scenario->recording)
    g_object_set (source, "location", scenario->recording, NULL);
  else
    g_signal_connect (source, "need-data", G_CALLBACK (feed), scenario);
  gst_object_unref (source);
  gst_object_unref (bin);
}

/* Only viewers see the stream: those who log in, or everybody where only TLS is needed. */
static void
admit_viewers (Camera *camera, GstRTSPMediaFactory *factory)
{
  const CameraScenario *scenario = &camera->scenario;
  GstRTSPAuth *auth = gst_rtsp_auth_new ();
  GstRTSPToken *token =
      gst_rtsp_token_new (GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, "viewer", NULL);
  GstRTSPPermissions *permissions = gst_rtsp_permissions_new ();

  if (scenario->user) {
    g_autofree gchar *basic = gst_rtsp_auth_make_basic (scenario->user, scenario->password);

    gst_rtsp_auth_add_basic (auth, basic, token);
  } else {
    gst_rtsp_auth_set_default_token (auth, token);
  }
  if (scenario->tls)
    gst_rtsp_auth_set_tls_certificate (auth, scenario->tls);
  gst_rtsp_server_set_auth (camera->server, auth);
  gst_rtsp_permissions_add_role (permissions, "viewer", GST_RTSP_PERM_MEDIA_FACTORY_ACCESS,
                                 G_TYPE_BOOLEAN, TRUE, GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
                                 G_TYPE_BOOLEAN, TRUE, NULL);
  gst_rtsp_media_factory_set_permissions (factory, permissions);
  gst_rtsp_permissions_unref (permissions);
  gst_rtsp_token_unref (token);
  g_object_unref (auth);
}

static const char *
launch_line (const CameraScenario *scenario)
{
  const char *codec = scenario->codec;

  if (scenario->recording)
    return "( filesrc name=source ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 "
           "config-interval=-1 )";
  if (g_strcmp0 (codec, "h265") == 0)
    return "( appsrc name=source format=time ! x265enc tune=zerolatency speed-preset=ultrafast "
           "key-int-max=10 option-string=pools=1 ! "
           "rtph265pay name=pay0 pt=96 config-interval=-1 )";
  if (g_strcmp0 (codec, "two") == 0)
    return "( appsrc name=source format=time ! x264enc tune=zerolatency speed-preset=ultrafast "
           "key-int-max=10 threads=1 ! rtph264pay name=pay0 pt=96 config-interval=-1 "
           "videotestsrc num-buffers=50 is-live=true ! "
           "video/x-raw,format=I420,width=160,height=120,framerate=25/1 ! "
           "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 threads=1 ! "
           "rtph264pay name=pay1 pt=97 config-interval=-1 )";
  if (g_strcmp0 (codec, "mjpeg") == 0)
    return "( appsrc name=source format=time ! jpegenc ! rtpjpegpay name=pay0 pt=26 )";
  return "( appsrc name=source format=time ! x264enc tune=zerolatency speed-preset=ultrafast "
         "key-int-max=10 threads=1 ! "
         "rtph264pay name=pay0 pt=96 config-interval=-1 )";
}

void
camera_mount (Camera *camera)
{
  GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points (camera->server);
  GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new ();

  gst_rtsp_media_factory_set_launch (factory, launch_line (&camera->scenario));
  g_signal_connect (factory, "media-configure", G_CALLBACK (configure), camera);
  if (camera->scenario.udp_only)
    gst_rtsp_media_factory_set_protocols (factory, GST_RTSP_LOWER_TRANS_UDP);
  if (camera->scenario.user || camera->scenario.tls)
    admit_viewers (camera, factory);
  gst_rtsp_mount_points_add_factory (mounts, "/barn", factory);
  g_object_unref (mounts);
}

static gpointer
run_loop (gpointer data)
{
  Camera *camera = data;

  g_main_context_push_thread_default (camera->context);
  g_main_loop_run (camera->loop);
  g_main_context_pop_thread_default (camera->context);
  return NULL;
}

/* The server's own thread serves all clients, so that camera_hang_up () can close connections where
 * nobody reads from them at the same time. */
static void
serve_in_one_thread (GstRTSPServer *server)
{
  GstRTSPThreadPool *pool = gst_rtsp_thread_pool_new ();

  gst_rtsp_thread_pool_set_max_threads (pool, 0);
  gst_rtsp_server_set_thread_pool (server, pool);
  g_object_unref (pool);
}

Camera *
camera_new (const CameraScenario *scenario)
{
  Camera *camera = g_new0 (Camera, 1);
  g_autofree char *port = g_strdup_printf ("%u", scenario->port);

  camera->scenario = *scenario;
  camera->context = g_main_context_new ();
  camera->loop = g_main_loop_new (camera->context, FALSE);
  camera->server = gst_rtsp_server_new ();
  gst_rtsp_server_set_address (camera->server, "127.0.0.1");
  gst_rtsp_server_set_service (camera->server, port);
  serve_in_one_thread (camera->server);
  camera->source = gst_rtsp_server_attach (camera->server, camera->context);
  g_assert_cmpuint (camera->source, >, 0);
  camera->thread = g_thread_new ("camera", run_loop, camera);
  return camera;
}

Camera *
camera_new_mounted (const CameraScenario *scenario)
{
  Camera *camera = camera_new (scenario);

  camera_mount (camera);
  return camera;
}

char *
camera_url (Camera *camera, const char *credentials)
{
  return g_strdup_printf ("%s://%s127.0.0.1:%d/barn", camera->scenario.tls ? "rtsps" : "rtsp",
                          credentials, gst_rtsp_server_get_bound_port (camera->server));
}

static GstRTSPFilterResult
remove_client (GstRTSPServer *server, GstRTSPClient *client, gpointer user_data)
{
  return GST_RTSP_FILTER_REMOVE;
}

typedef struct {
  Camera *camera;
  GMutex lock;
  GCond done;
  gboolean is_done;
} HangUp;

static gboolean
hang_up (gpointer data)
{
  HangUp *self = data;

  gst_rtsp_server_client_filter (self->camera->server, remove_client, NULL);
  g_mutex_lock (&self->lock);
  self->is_done = TRUE;
  g_cond_signal (&self->done);
  g_mutex_unlock (&self->lock);
  return G_SOURCE_REMOVE;
}

void
camera_hang_up (Camera *camera)
{
  HangUp self = { .camera = camera };

  g_mutex_init (&self.lock);
  g_cond_init (&self.done);
  g_main_context_invoke (camera->context, hang_up, &self);
  g_mutex_lock (&self.lock);
  while (!self.is_done)
    g_cond_wait (&self.done, &self.lock);
  g_mutex_unlock (&self.lock);
  g_mutex_clear (&self.lock);
  g_cond_clear (&self.done);
}

void
camera_free (Camera *camera)
{
  camera_hang_up (camera);
  g_source_destroy (g_main_context_find_source_by_id (camera->context, camera->source));
  g_main_loop_quit (camera->loop);
  g_thread_join (camera->thread);
  g_object_unref (camera->server);
  g_main_loop_unref (camera->loop);
  g_main_context_unref (camera->context);
  g_free (camera);
}
