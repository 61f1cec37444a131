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
  gint fault; /* atomic: CameraFault */
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

static gboolean
has_fault (Camera *camera, CameraFault fault)
{
  return g_atomic_int_get (&camera->fault) == (gint)fault;
}

/* Size of frame n. */
static GstVideoInfo
camera_info (Camera *camera, guint n)
{
  const CameraScenario *scenario = &camera->scenario;
  gboolean small =
      (scenario->change_at && n >= scenario->change_at) || has_fault (camera, CAMERA_SMALL);

  GstVideoInfo info =
      support_info (GST_VIDEO_FORMAT_I420, small ? 160 : 320, small ? 128 : 240, NULL);

  GST_VIDEO_INFO_FPS_N (&info) = frames_a_second (scenario);
  return info;
}

static void
feed (GstAppSrc *source, guint length, gpointer data)
{
  Camera *camera = data;
  const CameraScenario *scenario = &camera->scenario;
  guint n = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (source), "frame"));
  GstVideoInfo info = camera_info (camera, n);
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

/* Every fourth packet gets eight other bytes, every tenth of those in its header. */
static gboolean
spoil (GstBuffer **buffer, guint i, gpointer data)
{
  GstMapInfo map;

  if (g_random_int_range (0, 4) > 0)
    return TRUE;
  *buffer = gst_buffer_make_writable (*buffer);
  g_assert_true (gst_buffer_map (*buffer, &map, GST_MAP_READWRITE));
  for (guint k = 0; k < 8 && map.size > 12; k++) {
    gint32 at =
        g_random_int_range (0, 10) > 0 ? g_random_int_range (12, (gint32)map.size) : (gint32)k;

    map.data[at] = (guint8)g_random_int ();
  }
  gst_buffer_unmap (*buffer, &map);
  return TRUE;
}

/* Stands behind the payloader, where packets come in lists or alone. */
static GstPadProbeReturn
on_packets (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Camera *camera = data;
  GstBuffer *buffer;

  if (has_fault (camera, CAMERA_MUTE) || has_fault (camera, CAMERA_FROZEN)) {
    g_usleep ((gulong)(G_USEC_PER_SEC / frames_a_second (&camera->scenario)));
    return GST_PAD_PROBE_DROP;
  }
  if (!has_fault (camera, CAMERA_GARBAGE))
    return GST_PAD_PROBE_OK;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
    info->data = gst_buffer_list_make_writable (info->data);
    gst_buffer_list_foreach (info->data, spoil, NULL);
  } else {
    buffer = info->data;
    spoil (&buffer, 0, NULL);
    info->data = buffer;
  }
  return GST_PAD_PROBE_OK;
}

static void
configure (GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer data)
{
  Camera *camera = data;
  GstElement *bin = gst_rtsp_media_get_element (media);
  GstElement *source = gst_bin_get_by_name (GST_BIN (bin), "source");
  GstElement *payloader = gst_bin_get_by_name (GST_BIN (bin), "pay0");
  GstPad *pad = gst_element_get_static_pad (payloader, "src");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, on_packets,
                     camera, NULL);
  if (camera->scenario.recording)
    g_object_set (source, "location", camera->scenario.recording, NULL);
  else
    g_signal_connect (source, "need-data", G_CALLBACK (feed), camera);
  gst_object_unref (pad);
  gst_object_unref (payloader);
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

static void
serve (Camera *camera)
{
  g_autofree char *port = g_strdup_printf ("%u", camera->scenario.port);

  camera->context = g_main_context_new ();
  camera->loop = g_main_loop_new (camera->context, FALSE);
  camera->server = gst_rtsp_server_new ();
  gst_rtsp_server_set_address (camera->server, "127.0.0.1");
  gst_rtsp_server_set_service (camera->server, port);
  serve_in_one_thread (camera->server);
  camera->source = gst_rtsp_server_attach (camera->server, camera->context);
  g_assert_cmpuint (camera->source, >, 0);
  camera->thread = g_thread_new ("camera", run_loop, camera);
}

Camera *
camera_new (const CameraScenario *scenario)
{
  Camera *camera = g_new0 (Camera, 1);

  camera->scenario = *scenario;
  serve (camera);
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

static void
serve_no_more (Camera *camera)
{
  camera_hang_up (camera);
  g_source_destroy (g_main_context_find_source_by_id (camera->context, camera->source));
  g_main_loop_quit (camera->loop);
  g_thread_join (camera->thread);
  g_object_unref (camera->server);
  g_main_loop_unref (camera->loop);
  g_main_context_unref (camera->context);
}

void
camera_free (Camera *camera)
{
  if (!has_fault (camera, CAMERA_REBOOT))
    serve_no_more (camera);
  g_free (camera);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static gboolean
stay_frozen (gpointer data)
{
  while (has_fault (data, CAMERA_FROZEN))
    g_usleep (10000);
  return G_SOURCE_REMOVE;
}

/* Keeps the server's only thread busy. */
static void
freeze (Camera *camera)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, stay_frozen, camera, NULL);
  g_source_attach (source, camera->context);
  g_source_unref (source);
}

static void
change_codec (Camera *camera)
{
  camera->scenario.codec = g_strcmp0 (camera->scenario.codec, "mjpeg") == 0 ? "h264" : "mjpeg";
  camera_mount (camera);
  camera_hang_up (camera);
}

void
camera_set_fault (Camera *camera, CameraFault fault)
{
  const CameraFault before = (CameraFault)g_atomic_int_get (&camera->fault);

  g_assert_true (before == CAMERA_WELL || fault == CAMERA_WELL);
  if (before == CAMERA_REBOOT) {
    serve (camera);
    camera_mount (camera);
  }
  if (fault == CAMERA_REBOOT) {
    camera->scenario.port = (guint)gst_rtsp_server_get_bound_port (camera->server);
    serve_no_more (camera);
  }
  g_atomic_int_set (&camera->fault, (gint)fault);
  if (fault == CAMERA_FROZEN)
    freeze (camera);
  if (fault == CAMERA_OTHER_CODEC || before == CAMERA_OTHER_CODEC)
    change_codec (camera);
}
