/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-video.h"

#include <gst/app/app.h>
#include <math.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "pipelines/demo/render-script.h"

/* There is a key frame each second and there are no B frames, as in a camera's stream, because the
 * demonstration's camera sends the file as it is. */
#define LAUNCH                                                                                     \
  "appsrc name=frames format=time caps=video/x-raw,format=BGRx,width=%d,height=%d,framerate=%d/1 " \
  "! "                                                                                             \
  "videoconvert ! video/x-raw,format=I420 ! x264enc speed-preset=veryfast quantizer=23 pass=qual " \
  "bframes=0 key-int-max=%d threads=2 ! "                                                          \
  "h264parse ! mp4mux faststart=true ! filesink name=file"

#define FLOOR_Y    112 /* pixels */
#define BARN_SCALE 52  /* pixels a metre */

typedef struct {
  const RenderVideoOptions *options;
  cairo_surface_t *empty; /* the barn without cows */
  RenderScript *script;
  RenderCamera camera;
  GString *truth;
  guint64 frame; /* the next one */
  GstElement *pipeline;
} Video;

static cairo_surface_t *
new_surface (void)
{
  return cairo_image_surface_create (CAIRO_FORMAT_RGB24, RENDER_VIDEO_WIDTH, RENDER_VIDEO_HEIGHT);
}

static cairo_surface_t *
draw_empty_barn (const RenderVideoOptions *options)
{
  const RenderBarn barn = {
    .area = { 0, 0, RENDER_VIDEO_WIDTH, RENDER_VIDEO_HEIGHT },
    .floor_y = FLOOR_Y,
    .unit = BARN_SCALE,
    .straw = TRUE,
    .key = cow_random_key (options->seed, 1),
  };
  cairo_surface_t *surface = new_surface ();
  cairo_t *cr = cairo_create (surface);

  render_barn_draw (cr, &barn, options->light);
  cairo_destroy (cr);
  return surface;
}

/* Returns one fixed camera, a good one, since a real coder follows. */
static RenderCamera
make_camera (const RenderVideoOptions *options)
{
  RenderCamera camera = render_camera (cow_random_key (options->seed, 2), options->light);

  camera.exposure = 1;
  camera.lens = 0; /* otherwise the boxes of the truth would not fit the cows */
  camera.vignette *= 0.6;
  camera.blur = 0.25;
  camera.noise = options->light == RENDER_NIGHT ? 4 : 1.5;
  camera.coding = 0;
  return camera;
}

static cairo_surface_t *
draw_frame (const Video *self, guint64 frame)
{
  cairo_surface_t *surface = new_surface ();
  cairo_t *cr = cairo_create (surface);
  const RenderRoleState *states = render_script_states (self->script);

  cairo_set_source_surface (cr, self->empty, 0, 0);
  cairo_paint (cr);
  for (int role = 0; role < RENDER_N_ROLES; role++)
    render_actor_draw (cr, &states[role].actor, self->options->light);
  cairo_destroy (cr);
  render_camera_apply (&self->camera, surface, cow_random_key (self->options->seed, 1000 + frame));
  return surface;
}

static void
tell_truth (Video *self, guint64 frame)
{
  const RenderRoleState *states = render_script_states (self->script);

  for (int role = 0; role < RENDER_N_ROLES; role++) {
    const RenderBox box = render_actor_box (&states[role].actor);
    const int left = CLAMP ((int)floor (box.x), 0, RENDER_VIDEO_WIDTH - 1),
              top = CLAMP ((int)floor (box.y), 0, RENDER_VIDEO_HEIGHT - 1);
    const int right = CLAMP ((int)ceil (box.x + box.width), left + 1, RENDER_VIDEO_WIDTH);
    const int bottom = CLAMP ((int)ceil (box.y + box.height), top + 1, RENDER_VIDEO_HEIGHT);
    const int milliseconds = (int)(frame * 1000 / RENDER_VIDEO_RATE);

    g_string_append_printf (self->truth,
                            "{\"frame\": %d, \"time\": %d.%03d, \"cow\": \"%s\", \"x\": %d, \"y\": "
                            "%d, \"w\": %d, \"h\": %d, "
                            "\"behaviour\": \"%s\", \"changing\": %s}\n",
                            (int)frame, milliseconds / 1000, milliseconds % 1000, states[role].name,
                            left, top, right - left, bottom - top,
                            render_behaviour_label (states[role].actor.behaviour),
                            states[role].changing ? "true" : "false");
  }
}

/* Wraps the surface's memory in a buffer without a copy. */
static GstBuffer *
wrap_frame (cairo_surface_t *surface, guint64 frame)
{
  const gsize size = (gsize)cairo_image_surface_get_stride (surface) * RENDER_VIDEO_HEIGHT;
  GstBuffer *buffer =
      gst_buffer_new_wrapped_full ((GstMemoryFlags)0, cairo_image_surface_get_data (surface), size,
                                   0, size, surface, (GDestroyNotify)cairo_surface_destroy);

  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (frame, GST_SECOND, RENDER_VIDEO_RATE);
  GST_BUFFER_DURATION (buffer) = gst_util_uint64_scale (1, GST_SECOND, RENDER_VIDEO_RATE);
  return buffer;
}

/* Draws the next frame when the pipeline's thread needs it. A pipeline that failed needs no more,
 * so nobody can wait for it in vain. */
static void
give_frame (GstAppSrc *source, guint length, gpointer user_data)
{
  Video *self = user_data;

  if (self->frame == (guint64)self->options->seconds * RENDER_VIDEO_RATE) {
    gst_app_src_end_of_stream (source);
    return;
  }
  tell_truth (self, self->frame);
  cairo_surface_t *surface = draw_frame (self, self->frame);
  render_script_step (self->script);
  gst_app_src_push_buffer (source, wrap_frame (surface, self->frame++));
}

static gboolean
make_pipeline (Video *self, const char *path, GError **error)
{
  GstAppSrcCallbacks callbacks = { .need_data = give_frame };
  g_autofree char *launch = g_strdup_printf (LAUNCH, RENDER_VIDEO_WIDTH, RENDER_VIDEO_HEIGHT,
                                             RENDER_VIDEO_RATE, RENDER_VIDEO_RATE);
  g_autoptr (GstElement) source = NULL, file = NULL;

  self->pipeline = gst_parse_launch_full (launch, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  if (self->pipeline == NULL)
    return FALSE;
  source = gst_bin_get_by_name (GST_BIN (self->pipeline), "frames");
  gst_app_src_set_callbacks (GST_APP_SRC (source), &callbacks, self, NULL);
  file = gst_bin_get_by_name (GST_BIN (self->pipeline), "file");
  g_object_set (file, "location", path, NULL);
  return TRUE;
}

/* Runs the pipeline until the file is complete. */
static gboolean
encode (Video *self, const char *path, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) cause = NULL;

  gst_element_set_state (self->pipeline, GST_STATE_PLAYING); /* a failure here is reported on the
                                                                bus */
  message =
      gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    return TRUE;
  gst_message_parse_error (message, &cause, NULL);
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: the video cannot be written: %s", path,
               cause->message);
  return FALSE;
}

gboolean
render_video_write (const char *path, const RenderVideoOptions *options, GError **error)
{
  Video self = {
    .options = options,
    .empty = draw_empty_barn (options),
    .script = render_script_new (options->seed),
    .camera = make_camera (options),
    .truth = g_string_new (NULL),
  };
  g_autoptr (CowFileWriter) file = cow_file_writer_new (path, error);
  const gboolean done =
      file && make_pipeline (&self, cow_file_writer_part (file), error) &&
      encode (&self, path, error) && cow_file_writer_finish (file, error) &&
      (!options->truth || cow_text_write (self.truth->str, options->truth, error));

  gst_clear_object (&self.pipeline);
  cairo_surface_destroy (self.empty);
  render_script_free (self.script);
  g_string_free (self.truth, TRUE);
  return done;
}
