/* SPDX-License-Identifier: MIT */
/* The rules of the schedule: when a region is due, when the engine has room, when a frame is
 * late. */
#include "gst-plugin/behavior/schedule.h"

static GstCowTrack
track_at (int x, int w, guint64 submitted_frame)
{
  return (GstCowTrack){ .box = { x, 0, w, 100 },
                        .submitted = TRUE,
                        .submitted_frame = submitted_frame,
                        .submitted_box = { 0, 0, 100, 100 } };
}

static void
test_interval (void)
{
  GstCowTrack track = track_at (0, 100, 10);

  g_assert_true (gst_cow_schedule_is_due (&track, 11, 1));
  g_assert_false (gst_cow_schedule_is_due (&track, 14, 5));
  g_assert_true (gst_cow_schedule_is_due (&track, 15, 5));
  g_assert_false (gst_cow_schedule_is_due (&track, 1000000, 0));
  track.submitted = FALSE;
  g_assert_true (gst_cow_schedule_is_due (&track, 11, 0));
}

static void
test_change (void)
{
  static const struct {
    int x, w;
    gboolean due;
  } boxes[] = { { 0, 120, FALSE }, { 0, 121, TRUE },   { 0, 60, FALSE },
                { 0, 49, TRUE },   { 33, 100, FALSE }, { 34, 100, TRUE } };

  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++) {
    GstCowTrack track = track_at (boxes[i].x, boxes[i].w, 10);

    g_assert_cmpint (gst_cow_schedule_is_due (&track, 11, 100), ==, boxes[i].due);
    g_assert_cmpint (gst_cow_schedule_is_due (&track, 11, 0), ==, boxes[i].due);
  }
}

static void
test_room (void)
{
  g_assert_true (gst_cow_schedule_has_room (0, FALSE, 99, 0, 40));
  g_assert_true (gst_cow_schedule_has_room (1, TRUE, 0, 159, 40));
  g_assert_false (gst_cow_schedule_has_room (1, TRUE, 0, 160,
                                             40)); /* slow: another frame ahead would be older */
  g_assert_false (gst_cow_schedule_has_room (1, TRUE, 0, 0, 40));
  g_assert_false (
      gst_cow_schedule_has_room (1, FALSE, 1, 10, 40)); /* it waits in the queue itself */
  g_assert_false (gst_cow_schedule_has_room (1, TRUE, 1, 10, 40)); /* another stream does */
  g_assert_false (gst_cow_schedule_has_room (2, TRUE, 0, 10, 40));
}

static void
test_qos (void)
{
  GstCowQos qos;

  gst_cow_qos_reset (&qos);
  g_assert_false (gst_cow_qos_is_late (&qos, 0, 0));
  gst_cow_qos_update (&qos, 30 * GST_MSECOND, GST_SECOND);
  g_assert_true (gst_cow_qos_is_late (&qos, GST_SECOND + 60 * GST_MSECOND, GST_SECOND));
  g_assert_false (gst_cow_qos_is_late (&qos, GST_SECOND + 61 * GST_MSECOND, GST_SECOND));
  g_assert_false (gst_cow_qos_is_late (&qos, GST_CLOCK_TIME_NONE, GST_SECOND));
  /* in time again */
  gst_cow_qos_update (&qos, -20 * GST_MSECOND, 2 * GST_SECOND);
  g_assert_false (gst_cow_qos_is_late (&qos, 2 * GST_SECOND, GST_SECOND));
  /* earlier than the time that has passed */
  gst_cow_qos_update (&qos, -20 * (GstClockTimeDiff)GST_SECOND, 2 * GST_SECOND);
  g_assert_cmpuint (qos.earliest, ==, 0);
  gst_cow_qos_update (&qos, G_MAXINT64, 2 * GST_SECOND);
  g_assert_cmpuint (qos.earliest, ==, 3 * GST_SECOND);
  gst_cow_qos_update (&qos, 5, GST_CLOCK_TIME_NONE);
  g_assert_false (gst_cow_qos_is_late (&qos, 0, 0));
}

/* However late the sink is, something is classified each second, and so is the first frame. */
static void
test_always_late (void)
{
  GstCowQos qos;

  gst_cow_qos_update (&qos, GST_SECOND, 100 * GST_SECOND);
  g_assert_false (gst_cow_qos_is_late (&qos, 50 * GST_SECOND, GST_CLOCK_TIME_NONE));
  g_assert_true (gst_cow_qos_is_late (&qos, 50 * GST_SECOND + 999 * GST_MSECOND, 50 * GST_SECOND));
  g_assert_false (gst_cow_qos_is_late (&qos, 51 * GST_SECOND, 50 * GST_SECOND));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/interval", test_interval);
  g_test_add_func ("/schedule/change", test_change);
  g_test_add_func ("/schedule/room", test_room);
  g_test_add_func ("/schedule/qos", test_qos);
  g_test_add_func ("/schedule/always-late", test_always_late);
  return g_test_run ();
}
