/* SPDX-License-Identifier: MIT */
#include "gst-plugin/common/live.h"

gboolean
gst_cow_pad_is_live (GstPad *pad)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (pad, query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  return live;
}
