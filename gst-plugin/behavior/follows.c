/* SPDX-License-Identifier: MIT */
#include "gst-plugin/behavior/follows.h"

#define NAME "cowbehavior-follows"

gboolean
gst_cow_follows (GstPad *pad)
{
  g_autoptr (GstQuery) query =
      gst_query_new_custom (GST_QUERY_CUSTOM, gst_structure_new_empty (NAME));

  return gst_pad_peer_query (pad, query);
}

gboolean
gst_cow_follows_asks (const GstQuery *query)
{
  const GstStructure *what = GST_QUERY_TYPE (query) == GST_QUERY_CUSTOM
                                 ? gst_query_get_structure ((GstQuery *)query)
                                 : NULL;

  return what && gst_structure_has_name (what, NAME);
}
