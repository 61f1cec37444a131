/* SPDX-License-Identifier: MIT */
#include "pipelines/content.h"

typedef struct {
  GstElement *source;
  gboolean is_private;
  gboolean known; /* later types are those of what is inside */
} Content;

static const char *
objection_to (const char *type, gboolean is_private)
{
  if (g_str_has_prefix (type, "image/"))
    return "the address gives a single picture; that of a stream is needed, as rtsp:// or MJPEG "
           "(pictures in files are for cow-trainer predict)";
  if (g_str_has_prefix (type, "text/"))
    return "the address gives a page or text in place of video; that of a stream is needed, as "
           "rtsp:// or MJPEG";
  if (is_private && g_str_equal (type, "application/x-hls"))
    return "HLS with a login, --ca, --fingerprint or --insecure cannot be read, because GStreamer "
           "uses none of them for the segments; rtsp:// can";
  return NULL;
}

static gboolean
on_type (GstElement *decoder, GstPad *pad, GstCaps *caps, gpointer data)
{
  Content *self = data;
  const char *objection;

  if (self->known || gst_caps_is_any (caps) || gst_caps_is_empty (caps))
    return TRUE;
  self->known = TRUE;
  objection =
      objection_to (gst_structure_get_name (gst_caps_get_structure (caps, 0)), self->is_private);
  if (objection)
    GST_ELEMENT_ERROR (self->source, STREAM, WRONG_TYPE, ("%s", objection), (NULL));
  return TRUE;
}

/*
 * A source of bytes has nothing to agree on anew. If it is asked to, it asks what memory is wanted;
 * a queue in between that meanwhile was told of the end, as the demuxer of an MP4 does after the
 * last frame, drops that question without an answer (GStreamer 1.22), and the source never says
 * that it has ended.
 */
static GstPadProbeReturn
keep_reconfigure (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  return GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_RECONFIGURE
             ? GST_PAD_PROBE_DROP
             : GST_PAD_PROBE_OK;
}

static void
content_free (gpointer data, GClosure *closure)
{
  g_free (data);
}

void
content_watch (GstElement *decoder, GstElement *source, gboolean is_private)
{
  Content *self = g_new0 (Content, 1);
  g_autoptr (GstPad) sink = gst_element_get_static_pad (decoder, "sink");

  *self = (Content){ .source = source, .is_private = is_private };
  g_signal_connect_data (decoder, "autoplug-continue", G_CALLBACK (on_type), self, content_free, 0);
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, keep_reconfigure, NULL, NULL);
}
