/* SPDX-License-Identifier: MIT */
#include "gst-plugin/common/decoded.h"

static gboolean
is_video (GstElement *decoder, GstPad *pad, gpointer data)
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  gboolean *found = data;

  if (caps && !gst_caps_is_empty (caps) &&
      g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (caps, 0)), "video/"))
    *found = TRUE;
  return TRUE;
}

static void
on_no_more_pads (GstElement *decoder, gpointer data)
{
  gboolean found = FALSE;

  gst_element_foreach_src_pad (decoder, is_video, &found);
  if (!found)
    GST_ELEMENT_ERROR (decoder, STREAM, WRONG_TYPE,
                       ("there is no video that can be decoded here, only sound or text"), (NULL));
}

void
gst_cow_decoded_expect_video (GstElement *decoder)
{
  g_signal_connect (decoder, "no-more-pads", G_CALLBACK (on_no_more_pads), NULL);
}
