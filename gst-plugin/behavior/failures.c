/* SPDX-License-Identifier: MIT */
#include "gst-plugin/behavior/failures.h"

/* How long no other warning follows one. */
#define WARN_AGAIN_US (10 * G_TIME_SPAN_SECOND)

void
gst_cow_failures_end (GstElement *element, const GError *error)
{
  gst_element_message_full (element, GST_MESSAGE_ERROR, error->domain, error->code,
                            g_strdup (error->message), NULL, __FILE__, GST_FUNCTION, __LINE__);
}

void
gst_cow_failures_warn (GstElement *element, const GError *error, guint64 n, gint64 *warned_us)
{
  const gint64 now = g_get_monotonic_time ();

  if (*warned_us && now < *warned_us + WARN_AGAIN_US)
    return;
  *warned_us = now;
  gst_element_message_full (
      element, GST_MESSAGE_WARNING, error->domain, error->code,
      g_strdup_printf ("%s (frames go on without new results; %" G_GUINT64_FORMAT
                       " failures so far)",
                       error->message, n),
      NULL, __FILE__, GST_FUNCTION, __LINE__);
}
