/* SPDX-License-Identifier: MIT */
/* A camera's clock beside this machine's: in events, and in messages of cowbehavior. */
#include <gio/gio.h>
#include <string.h>

#include "gst-plugin/common/clock.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static CowClassifier *classifier;
static char *adapter, *folder;

/* ---- the comparison -------------------------------------------------------------------------- */

/* A frame that waited was taken earlier, which is no fault of the camera's. */
static void
test_waiting_frames (void)
{
  const gint64 now_us = G_GINT64_CONSTANT (1800000000) * G_USEC_PER_SEC;
  const GstClockTime now = (GstClockTime)now_us * GST_USECOND, hour = 3600 * GST_SECOND;
  GstCowMoment moment = { .running_time = 5 * hour, .wall_clock = now - hour };

  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 5 * hour), ==, -(gint64)hour);
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 6 * hour), ==, 0);
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, GST_CLOCK_TIME_NONE), ==,
                   -(gint64)hour);
  moment.wall_clock = now - hour / 2;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 6 * hour), ==, 0);
  moment.wall_clock = now;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 6 * hour), ==, 0);
  moment.wall_clock = now - 3 * hour;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 6 * hour), ==, -2 * (gint64)hour);
  moment.wall_clock = now + hour;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 6 * hour), ==, (gint64)hour);
  moment.running_time = GST_CLOCK_TIME_NONE;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 6 * hour), ==, (gint64)hour);
  /* Times that nobody means: an overflow would make them nearly right. */
  moment.wall_clock = 0;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 0), ==, -(gint64)now);
  moment.wall_clock = GST_CLOCK_TIME_NONE - 1;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, 0), ==, G_MAXINT64);
  moment.running_time = 0;
  g_assert_cmpint (gst_cow_clock_difference (&moment, now_us, GST_CLOCK_TIME_NONE - 1), ==,
                   G_MAXINT64);
}

/* ---- the bus --------------------------------------------------------------------------------- */

typedef struct {
  guint n_warnings, n_infos;
  char *text;  /* of the last of them, or NULL; g_free () */
  gint64 time; /* the camera's, in the last message of cowbehavior, in seconds; 0: none */
} Said;

/* Takes all messages off a bus. */
static void
take_messages (GstBus *bus, Said *said)
{
  GstMessage *message;

  *said = (Said){ 0 };
  while ((message = gst_bus_pop (bus))) {
    const gboolean warning = GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING,
                   info = GST_MESSAGE_TYPE (message) == GST_MESSAGE_INFO;
    g_autoptr (GError) error = NULL;
    guint64 time = 0;

    if (warning)
      gst_message_parse_warning (message, &error, NULL);
    else if (info)
      gst_message_parse_info (message, &error, NULL);
    else if (gst_message_has_name (message, "cowbehavior")) {
      gst_structure_get_uint64 (gst_message_get_structure (message), "wall-clock", &time);
      said->time = (gint64)(time / GST_SECOND);
    }
    if (error) {
      g_test_message ("%s", error->message);
      g_free (said->text);
      said->text = g_strdup (error->message);
    }
    said->n_warnings += warning;
    said->n_infos += info;
    gst_message_unref (message);
  }
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Pushes frame n with the camera's time, in seconds since 1970; 0: without one. */
static void
push_with_clock (GstHarness *harness, guint n, gint64 unix_s)
{
  GstBuffer *buffer = publish_frame_new (n, "Lying");
  g_autoptr (GstCaps) ntp = gst_caps_new_empty_simple ("timestamp/x-ntp");

  if (unix_s)
    gst_buffer_add_reference_timestamp_meta (
        buffer, ntp, (guint64)(G_GINT64_CONSTANT (2208988800) + unix_s) * GST_SECOND,
        GST_CLOCK_TIME_NONE);
  gst_buffer_unref (gst_harness_push_and_pull (harness, buffer));
}

/* Whether a time in an event is this one, give or take two minutes; and whether it is there. */
static gboolean
has_time (const char *line, const char *field, gint64 unix_s)
{
  g_autofree char *key = g_strdup_printf ("\"%s\":\"", field);
  const char *value = strstr (line, key);
  g_autofree char *text = value ? g_strndup (value + strlen (key), 27) : NULL;
  g_autoptr (GDateTime) time = text ? g_date_time_new_from_iso8601 (text, NULL) : NULL;

  return time && ABS (g_date_time_to_unix (time) - unix_s) < 120;
}

/* An event has the time of this machine, and the camera's beside it while that can be true. What
 * is wrong with it is said once, until it is right. */
static void
test_event (void)
{
  const gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const struct {
    gint64 unix_s;
    gboolean used;
    const char *words; /* of a warning, or of an info message where the time is used */
  } frames[] = {
    { 0, FALSE, NULL },
    { 40, FALSE, "it says 1970-01-01T00:00:40Z, which is " },
    { 41, FALSE, NULL },
    { 946684800, FALSE, NULL }, /* wrong in another way is still wrong */
    { 0, FALSE, NULL },
    { now, TRUE, "right again" },
    { now - 240, TRUE, NULL },
    { now + 240, TRUE, NULL },
    { now + 86400 + 60, FALSE, " 24 hours ahead of this machine's" },
    { now, TRUE, "right again" },
    { now - 3 * 86400 - 60, FALSE, " 3 days behind this machine's" },
    { now - 3 * 86400 - 60, FALSE, NULL },
    { now, TRUE, "right again" },
    { now - 600, FALSE, " minutes behind this machine's" },
  };
  g_autofree char *path = g_build_filename (folder, "time", NULL),
                  *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);
  GstBus *bus = gst_element_get_bus (harness->element);
  g_auto (GStrv) lines = NULL;
  Said said;

  for (guint i = 0; i < G_N_ELEMENTS (frames); i++) {
    push_with_clock (harness, i, frames[i].unix_s);
    take_messages (bus, &said);
    g_assert_cmpuint (said.n_warnings, ==, frames[i].words && !frames[i].used);
    g_assert_cmpuint (said.n_infos, ==, frames[i].words && frames[i].used);
    if (frames[i].words)
      g_assert_nonnull (strstr (said.text, frames[i].words));
    g_free (said.text);
  }
  publish_stop (harness);
  lines = publish_lines (path);
  for (guint i = 0; i < G_N_ELEMENTS (frames); i++) {
    g_test_message ("%s", lines[i]);
    g_assert_true (has_time (lines[i], "system_timestamp", now));
    g_assert_cmpint (has_time (lines[i], "camera_timestamp", frames[i].unix_s), ==, frames[i].used);
    g_assert_cmpint (strstr (lines[i], "camera_timestamp") != NULL, ==, frames[i].used);
  }
  gst_object_unref (bus);
  publish_harness_free (harness);
}

/* A recording may be of any age, so that its time is compared with nothing. */
static void
test_recording (void)
{
  const gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autofree char *path = g_build_filename (folder, "recorded", NULL),
                  *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);
  g_auto (GStrv) lines = NULL;

  gst_harness_set_live (harness, FALSE);
  push_with_clock (harness, 0, 1700000000);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_stop (harness);
  lines = publish_lines (path);
  g_assert_true (has_time (lines[0], "system_timestamp", now));
  g_assert_nonnull (strstr (lines[0], "\"camera_timestamp\":\"2023-11-14T22:13:20.000000Z\""));
  publish_harness_free (harness);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Pushes a frame with this time through cowbehavior. */
static void
push_frame (GstHarness *harness, const GstVideoInfo *info, guint n, gint64 unix_s)
{
  GstBuffer *in = support_frame_new (info, n);
  g_autoptr (GstCaps) since_1970 = gst_caps_new_empty_simple ("timestamp/x-unix");

  GST_BUFFER_PTS (in) = n * 40 * GST_MSECOND;
  gst_buffer_add_reference_timestamp_meta (in, since_1970, (guint64)unix_s * GST_SECOND,
                                           GST_CLOCK_TIME_NONE);
  gst_buffer_unref (gst_harness_push_and_pull (harness, in));
}

/* Pushes a frame and asserts what time its message has, and what else is said. */
static void
assert_message (GstHarness *harness, guint n, gint64 unix_s, gint64 expected, guint n_warnings,
                guint n_infos)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstBus *bus = support_harness_bus (harness);
  Said said;

  push_frame (harness, &info, n, unix_s);
  take_messages (bus, &said);
  g_assert_cmpint (said.time, ==, expected);
  g_assert_cmpuint (said.n_warnings, ==, n_warnings);
  g_assert_cmpuint (said.n_infos, ==, n_infos);
  g_free (said.text);
  gst_object_unref (bus);
}

static void
test_message (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  const gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  GstHarness *harness = support_harness_new (adapter, "mode=blocking");

  gst_harness_set_live (harness, TRUE);
  support_harness_set_info (harness, &info);
  assert_message (harness, 0, now, now, 0, 0);
  assert_message (harness, 1, 946684800, 0, 1, 0);
  assert_message (harness, 2, 946684800, 0, 0, 0);
  assert_message (harness, 3, now + 5, now + 5, 0, 1);
  support_harness_free (harness);
}

/* Where there are no messages, there is no use of the camera's time, and nothing to say. */
static void
test_no_messages (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  GstHarness *harness = support_harness_new (adapter, "mode=blocking post-messages=none");

  gst_harness_set_live (harness, TRUE);
  support_harness_set_info (harness, &info);
  assert_message (harness, 0, 40, 0, 0, 0);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  int result;

  support_init (&argc, &argv, &adapter, &classifier);
  folder = g_dir_make_tmp ("cow-clock-XXXXXX", NULL);
  g_test_add_func ("/clock/waiting-frames", test_waiting_frames);
  g_test_add_func ("/clock/event", test_event);
  g_test_add_func ("/clock/recording", test_recording);
  g_test_add_func ("/clock/message", test_message);
  g_test_add_func ("/clock/no-messages", test_no_messages);
  result = support_run (adapter, classifier);
  support_remove (folder);
  return result;
}
