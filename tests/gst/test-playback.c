/* SPDX-License-Identifier: MIT */
/*
 * A file is played as a person would: seeks forward and back, in reverse, pauses, and another
 * format in the middle. The tests check what gst-validate's scenarios do (Debian has no package of
 * it), and that each frame has the results of its own pixels.
 */
#include "tests/gst/support.h"

#include <gst/app/gstappsink.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define WIDTH    96
#define HEIGHT   64
#define N_FRAMES 75 /* three seconds, each of which begins with a key frame */
#define FRAME    (40 * GST_MSECOND)
#define SECOND   GST_SECOND

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter, *folder, *file;

/* Frames that pass at once and frames that are held to fill a batch must behave the same. */
static const struct {
  const char *name, *properties;
} ways[] = { { "at-once", "mode=blocking" },
             { "held", "mode=blocking batch-size=4 batch-timeout=20" } };

typedef struct {
  GstElement *pipeline;
  GstAppSink *sink;
  gint n_arrived; /* buffers that came to the sink; atomic */
} Player;

/* No message of these types may have been posted. */
static void
assert_no_problem (const Player *self)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);

  if (message)
    g_error ("%s: %" GST_PTR_FORMAT, GST_MESSAGE_SRC_NAME (message),
             gst_message_get_structure (message));
}

static GstPadProbeReturn
count_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  g_atomic_int_inc ((gint *)data);
  return GST_PAD_PROBE_OK;
}

/* `from` ! cowbehavior with `properties` ! appsink with `sink`, paused. */
static void
player_open (Player *self, const char *from, const char *properties, const char *sink)
{
  g_autofree char *model = support_model ();
  g_autofree char *line =
      g_strdup_printf ("%s ! cowbehavior model=\"%s\" adapter=\"%s\" %s ! appsink name=sink %s",
                       from, model, adapter, properties, sink);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstPad) pad = NULL;

  *self = (Player){ .pipeline = gst_parse_launch (line, &error) };
  g_assert_no_error (error);
  self->sink = GST_APP_SINK (gst_bin_get_by_name (GST_BIN (self->pipeline), "sink"));
  pad = gst_element_get_static_pad (GST_ELEMENT (self->sink), "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_buffer, &self->n_arrived, NULL);
}

static void
player_open_file (Player *self, const char *properties, const char *sink)
{
  g_autofree char *from = g_strdup_printf (
      "filesrc location=\"%s\" ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! "
      "video/x-raw,format=RGB",
      file);
  player_open (self, from, properties, sink);
}

static void
player_set_state (Player *self, GstState state)
{
  gst_element_set_state (self->pipeline, state);
  g_assert_cmpint (gst_element_get_state (self->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE), ==,
                   GST_STATE_CHANGE_SUCCESS);
}

static void
player_close (Player *self)
{
  assert_no_problem (self);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  gst_object_unref (self->sink);
  gst_object_unref (self->pipeline);
}

/* Asserts that the results on a frame are its own. */
static void
assert_own_results (GstSample *sample)
{
  GstVideoInfo info;
  GstBuffer *buffer = gst_sample_get_buffer (sample);

  g_assert_true (gst_video_info_from_caps (&info, gst_sample_get_caps (sample)));
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, GST_VIDEO_INFO_SIZE (&info));
  g_assert_cmpuint (support_n_objects (buffer), ==, 1);
  const CowRegion all = { 0, 0, GST_VIDEO_INFO_WIDTH (&info), GST_VIDEO_INFO_HEIGHT (&info) };
  support_assert_object (buffer, 0, &all, support_expect (classifier, buffer, &info, NULL), 0);
}

/* The stream time of the next frame, whose results are checked; GST_CLOCK_TIME_NONE at the end. */
static GstClockTime
player_next (Player *self)
{
  g_autoptr (GstSample) sample = gst_app_sink_pull_sample (self->sink);

  if (!sample)
    return GST_CLOCK_TIME_NONE;
  assert_own_results (sample);
  return gst_segment_to_stream_time (gst_sample_get_segment (sample), GST_FORMAT_TIME,
                                     GST_BUFFER_PTS (gst_sample_get_buffer (sample)));
}

/* Asserts that frames from number `from` to `to` come, none left out and none twice; the first may
 * be clipped at its beginning. */
static void
assert_frames (Player *self, guint from, guint to)
{
  for (guint i = from; i < to; i++) {
    GstClockTime time = player_next (self);

    g_assert_cmpuint (time, !=, GST_CLOCK_TIME_NONE);
    g_assert_cmpuint ((time + GST_MSECOND) / FRAME, ==, i);
  }
}

static void
seek (Player *self, gdouble rate, GstSeekFlags flags, GstClockTime start, GstClockTime stop)
{
  g_assert_true (gst_element_seek (self->pipeline, rate, GST_FORMAT_TIME,
                                   GST_SEEK_FLAG_FLUSH | flags, GST_SEEK_TYPE_SET, (gint64)start,
                                   GST_SEEK_TYPE_SET, (gint64)stop));
}

/* Seeks forward and back, while playing and paused, exactly and to key frames, and plays to the
 * end. */
static void
test_seek (gconstpointer way)
{
  static const struct {
    GstClockTime to;
    GstSeekFlags flags;
    guint first; /* frame */
  } seeks[] = {
    { 2 * SECOND, GST_SEEK_FLAG_ACCURATE, 50 },
    { SECOND / 2, GST_SEEK_FLAG_ACCURATE, 12 },
    { 0, GST_SEEK_FLAG_ACCURATE, 0 },
    { 2 * SECOND + 500 * GST_MSECOND, GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_BEFORE, 50 },
    { SECOND + 20 * GST_MSECOND, GST_SEEK_FLAG_ACCURATE, 25 },
    { SECOND + 900 * GST_MSECOND, GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_BEFORE, 25 },
    { 2 * SECOND + 880 * GST_MSECOND, GST_SEEK_FLAG_ACCURATE, 72 },
  };
  Player player;

  player_open_file (&player, way, "sync=false max-buffers=1");
  player_set_state (&player, GST_STATE_PAUSED);
  for (guint i = 0; i < G_N_ELEMENTS (seeks); i++) {
    seek (&player, 1.0, seeks[i].flags, seeks[i].to, GST_CLOCK_TIME_NONE);
    if (i % 2 == 0)
      player_set_state (&player, GST_STATE_PLAYING);
    assert_frames (&player, seeks[i].first, MIN (seeks[i].first + 6, N_FRAMES));
    if (i % 2 == 1)
      gst_element_set_state (player.pipeline, GST_STATE_PAUSED);
  }
  g_assert_cmpuint (player_next (&player), ==, GST_CLOCK_TIME_NONE);
  g_assert_true (gst_app_sink_is_eos (player.sink));
  /* back from the end */
  seek (&player, 1.0, GST_SEEK_FLAG_ACCURATE, SECOND, 2 * SECOND);
  assert_frames (&player, 25, 50);
  g_assert_cmpuint (player_next (&player), ==, GST_CLOCK_TIME_NONE);
  player_close (&player);
}

/* Plays in reverse from one place to another, and forward again. */
static void
test_reverse (gconstpointer way)
{
  Player player;

  player_open_file (&player, way, "sync=false max-buffers=1");
  player_set_state (&player, GST_STATE_PLAYING);
  assert_frames (&player, 0, 5);
  seek (&player, -1.0, GST_SEEK_FLAG_ACCURATE, SECOND, 2 * SECOND);
  for (guint i = 50; i-- > 25;)
    g_assert_cmpuint ((player_next (&player) + GST_MSECOND) / FRAME, ==, i);
  g_assert_cmpuint (player_next (&player), ==, GST_CLOCK_TIME_NONE);
  seek (&player, 1.0, GST_SEEK_FLAG_ACCURATE, 0, GST_CLOCK_TIME_NONE);
  assert_frames (&player, 0, N_FRAMES);
  g_assert_cmpuint (player_next (&player), ==, GST_CLOCK_TIME_NONE);
  player_close (&player);
}

/* Plays at the pace of the clock; while paused nothing comes, and afterwards all of the rest. */
static void
test_pause (gconstpointer way)
{
  Player player;

  player_open_file (&player, way, "sync=true");
  player_set_state (&player, GST_STATE_PAUSED);
  for (guint i = 0; i < 3; i++) {
    gint before = g_atomic_int_get (&player.n_arrived);

    player_set_state (&player, GST_STATE_PLAYING);
    while (g_atomic_int_get (&player.n_arrived) < before + 10)
      g_usleep (5000);
    player_set_state (&player, GST_STATE_PAUSED);
    before = g_atomic_int_get (&player.n_arrived);
    g_assert_cmpint (before, <, N_FRAMES);
    g_usleep (200000);
    g_assert_cmpint (g_atomic_int_get (&player.n_arrived), ==, before);
  }
  player_set_state (&player, GST_STATE_PLAYING);
  assert_frames (&player, 0, N_FRAMES);
  g_assert_cmpuint (player_next (&player), ==, GST_CLOCK_TIME_NONE);
  g_assert_cmpint (g_atomic_int_get (&player.n_arrived), ==, N_FRAMES);
  player_close (&player);
}

/* Size and format change while it plays. */
static void
test_renegotiation (gconstpointer way)
{
  static const char *const formats[] = { "I420,width=96,height=64", "NV12,width=64,height=96",
                                         "RGB,width=96,height=64", "BGRx,width=200,height=120",
                                         "I420,width=96,height=64" };
  enum { N = 60 };
  guint n = 0, changes = 0;
  Player player;

  player_open (&player,
               "videotestsrc num-buffers=60 pattern=ball ! capsfilter name=format "
               "caps=video/x-raw,format=I420,width=96,height=64",
               way, "sync=false max-buffers=1");
  GstElement *filter = gst_bin_get_by_name (GST_BIN (player.pipeline), "format");
  g_autoptr (GstCaps) last = NULL;

  player_set_state (&player, GST_STATE_PLAYING);
  for (GstSample *sample; (sample = gst_app_sink_pull_sample (player.sink));
       n++, gst_sample_unref (sample)) {
    assert_own_results (sample);
    changes += last && !gst_caps_is_equal (last, gst_sample_get_caps (sample));
    gst_caps_replace (&last, gst_sample_get_caps (sample));
    if (n % 10 == 5 && n / 10 < G_N_ELEMENTS (formats)) {
      g_autofree char *text = g_strdup_printf ("video/x-raw,format=%s", formats[n / 10]);
      gst_util_set_object_arg (G_OBJECT (filter), "caps", text);
    }
  }
  g_assert_cmpuint (n, ==, N);
  g_assert_cmpuint (changes, ==, G_N_ELEMENTS (formats) - 1);
  gst_object_unref (filter);
  player_close (&player);
}

/* Writes the file: 25 frames a second with B-frames and a key frame each second. */
static void
make_file (void)
{
  g_autofree char *line = g_strdup_printf (
      "videotestsrc num-buffers=%d pattern=ball ! "
      "video/x-raw,format=I420,width=%d,height=%d,framerate=25/1 ! "
      "x264enc key-int-max=25 bframes=2 option-string=scenecut=0:open-gop=0 bitrate=400 ! mp4mux ! "
      "filesink location=\"%s\"",
      N_FRAMES, WIDTH, HEIGHT, file);

  support_play (line);
}

static const char *
missing_element (void)
{
  static const char *const needed[] = { "x264enc",   "mp4mux",     "qtdemux",
                                        "h264parse", "avdec_h264", NULL };

  for (const char *const *name = needed; *name; name++)
    if (!support_have_element (*name))
      return *name;
  return NULL;
}

static void
add_tests (void)
{
  static const struct {
    const char *name;
    GTestDataFunc test;
  } tests[] = { { "seek", test_seek },
                { "reverse", test_reverse },
                { "pause", test_pause },
                { "renegotiation", test_renegotiation } };

  for (guint t = 0; t < G_N_ELEMENTS (tests); t++)
    for (guint w = 0; w < G_N_ELEMENTS (ways); w++) {
      g_autofree char *path = g_strdup_printf ("/playback/%s/%s", tests[t].name, ways[w].name);
      g_test_add_data_func (path, ways[w].properties, tests[t].test);
    }
}

int
main (int argc, char **argv)
{
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  missing = missing_element ();
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  g_test_init (&argc, &argv, NULL);
  adapter = support_adapter_new ();
  classifier = support_classifier_new (adapter);
  folder = g_dir_make_tmp ("cow-playback-XXXXXX", NULL);
  g_assert_nonnull (folder);
  file = g_build_filename (folder, "ball.mp4", NULL);
  make_file ();
  add_tests ();
  result = g_test_run ();

  g_free (file);
  support_remove (folder);
  cow_classifier_free (classifier);
  support_remove (adapter);
  return result;
}
