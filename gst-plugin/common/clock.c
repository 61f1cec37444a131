/* SPDX-License-Identifier: MIT */
/* Whether the clock of a camera can be true. */
#include "gst-plugin/common/clock.h"

#define MINUTE (60 * G_TIME_SPAN_SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

GstClockTimeDiff
gst_cow_clock_difference (const GstCowMoment *moment, gint64 now_us, GstClockTime running_time)
{
  const GstClockTime now = (GstClockTime)now_us * GST_USECOND, time = moment->wall_clock;
  GstClockTime waited = 0;

  if (GST_CLOCK_TIME_IS_VALID (running_time) && GST_CLOCK_TIME_IS_VALID (moment->running_time) &&
      running_time > moment->running_time)
    waited = MIN (running_time - moment->running_time, now);
  if (time > now && time - now > GST_COW_CLOCK_TOLERANCE)
    return (GstClockTimeDiff)MIN (time - now, (GstClockTime)G_MAXINT64);
  if (time < now - waited && now - waited - time > GST_COW_CLOCK_TOLERANCE)
    return -(GstClockTimeDiff)(now - waited - time);
  return 0;
}

/* A length of time in words. */
static char *
words_of (gint64 us)
{
  if (us >= 2 * DAY)
    return g_strdup_printf ("%" G_GINT64_FORMAT " days", us / DAY);
  if (us >= 2 * HOUR)
    return g_strdup_printf ("%" G_GINT64_FORMAT " hours", us / HOUR);
  return g_strdup_printf ("%" G_GINT64_FORMAT " minutes", us / MINUTE);
}

static void
warn (GstElement *element, const GstCowMoment *moment, GstClockTimeDiff difference)
{
  g_autoptr (GDateTime) time =
      g_date_time_new_from_unix_utc ((gint64)(moment->wall_clock / GST_SECOND));
  g_autofree char *says = g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ"),
                  *words = words_of (ABS (difference) / (gint64)GST_USECOND);

  GST_ELEMENT_WARNING (element, STREAM, FAILED,
                       ("the camera's clock is not used: it says %s, which is %s %s this machine's",
                        says, words, difference > 0 ? "ahead of" : "behind"),
                       ("Cameras and this machine should ask the same NTP server. Times of this "
                        "machine are used until the clock is right."));
}

void
gst_cow_clock_check (GstCowClock *self, GstElement *element, GstCowMoment *moment)
{
  GstClockTimeDiff difference;

  if (!GST_CLOCK_TIME_IS_VALID (moment->wall_clock))
    return;
  difference = gst_cow_clock_difference (moment, g_get_real_time (),
                                         gst_element_get_current_running_time (element));
  if (difference != 0 && !self->wrong)
    warn (element, moment, difference);
  else if (difference == 0 && self->wrong)
    GST_ELEMENT_INFO (element, STREAM, FAILED, ("the camera's clock is right again, and used"),
                      (NULL));
  self->wrong = difference != 0;
  if (self->wrong)
    moment->wall_clock = GST_CLOCK_TIME_NONE;
}
