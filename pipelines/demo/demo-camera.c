/* SPDX-License-Identifier: MIT */
/*
 * cow-demo-camera: an RTSP camera on the loopback that sends H.264, so that the quick start and the
 * tests need no hardware. It plays an MP4 file with H.264, or a moving test pattern, to each client
 * from its start. It prints its URL once it listens, and ends on SIGINT or SIGTERM.
 */
#include <glib-unix.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <stdio.h>
#include <stdlib.h>

#define MOUNT "/cow"

/* There is a key frame each second, so that a client that connects late soon sees a picture. */
#define PATTERN                                                                                    \
  "( videotestsrc is-live=true pattern=ball num-buffers=%d ! "                                     \
  "video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! "                                 \
  "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 "   \
  "config-interval=1 )"
#define FILE_PLAYER                                                                                \
  "( filesrc name=file ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"

typedef struct {
  int port, frames;
  char *file;
} Options;

/* A camera does not know when its stream ends, and this one says nothing of it either, although it
 * plays a file: GStreamer's rtpjitterbuffer never forwards the end of a stream whose length was
 * announced when it is read more slowly than it is sent (pipelines/README.md). */
typedef GstRTSPMedia CameraMedia;
typedef GstRTSPMediaClass CameraMediaClass;

static GType camera_media_get_type (void);
G_DEFINE_TYPE (CameraMedia, camera_media, GST_TYPE_RTSP_MEDIA)

static gboolean
query_no_stop (GstRTSPMedia *media, gint64 *stop)
{
  *stop = -1;
  return TRUE;
}

static void
camera_media_class_init (CameraMediaClass *klass)
{
  klass->query_stop = query_no_stop;
}

static void
camera_media_init (CameraMedia *media)
{
}

/* The name is set as a property, since a launch line would need it quoted. */
static void
set_file (GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer file)
{
  g_autoptr (GstElement) bin = gst_rtsp_media_get_element (media);
  g_autoptr (GstElement) source = gst_bin_get_by_name_recurse_up (GST_BIN (bin), "file");

  g_object_set (source, "location", file, NULL);
}

static GstRTSPServer *
make_server (const Options *options)
{
  GstRTSPServer *server = gst_rtsp_server_new ();
  GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points (server);
  GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new ();
  g_autofree char *port = g_strdup_printf ("%d", options->port);
  g_autofree char *pattern = g_strdup_printf (PATTERN, options->frames);

  gst_rtsp_server_set_address (server, "127.0.0.1");
  gst_rtsp_server_set_service (server, port);
  gst_rtsp_media_factory_set_media_gtype (factory, camera_media_get_type ());
  gst_rtsp_media_factory_set_launch (factory, options->file != NULL ? FILE_PLAYER : pattern);
  if (options->file != NULL)
    g_signal_connect (factory, "media-configure", G_CALLBACK (set_file), options->file);
  gst_rtsp_mount_points_add_factory (mounts, MOUNT, factory);
  g_object_unref (mounts);
  return server;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static gboolean
parse (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "port", 0, 0, G_OPTION_ARG_INT, &options->port,
      "TCP port on 127.0.0.1; 0, the default, takes a free one", "N" },
    { "frames", 0, 0, G_OPTION_ARG_INT, &options->frames,
      "Frames of the test pattern before the stream ends; -1, the default, is endless", "N" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[FILE.mp4]");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    options->file = g_strdup ((*argv)[1]);
  if (options->port < 0 || options->port > G_MAXUINT16) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--port %d, expected 0 to %d",
                 options->port, G_MAXUINT16);
    return FALSE;
  }
  if (*argc <= 2 && (options->file == NULL || g_file_test (options->file, G_FILE_TEST_IS_REGULAR)))
    return TRUE;
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s: no such file, or more than one",
               options->file);
  return FALSE;
}

/* Serves until a signal comes. Returns FALSE when the port is taken. */
static gboolean
serve (const Options *options)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GstRTSPServer) server = make_server (options);
  guint source = gst_rtsp_server_attach (server, NULL);

  if (source == 0) {
    g_printerr ("cow-demo-camera: cannot listen on 127.0.0.1 port %d\n", options->port);
    return FALSE;
  }
  printf ("rtsp://127.0.0.1:%d" MOUNT "\n", gst_rtsp_server_get_bound_port (server));
  fflush (stdout);
  g_unix_signal_add (SIGINT, quit, loop);
  g_unix_signal_add (SIGTERM, quit, loop);
  g_main_loop_run (loop);
  g_source_remove (source);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options options = { .frames = -1 };
  g_autoptr (GError) error = NULL;
  gboolean done = parse (&argc, &argv, &options, &error) && serve (&options);

  if (error != NULL)
    g_printerr ("cow-demo-camera: %s\n", error->message);
  g_free (options.file);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
