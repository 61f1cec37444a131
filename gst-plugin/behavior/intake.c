/* SPDX-License-Identifier: MIT */
/* What is wrong with pictures before they are looked at. */
#include "gst-plugin/behavior/intake.h"

enum { SAID_INTERLACED = 1, SAID_FIELDS = 2, SAID_CORRUPTED = 4 };

struct _GstCowIntake {
  GstElement *element; /* borrowed */
  GstVideoInfo info;
  guint said;              /* bits SAID_... */
  guint said_orientations; /* a bit for each GstVideoOrientationMethod */

  /* The tag of the stream goes before the one of the whole. Identity where there is none. */
  gchar *stream_id;
  gboolean has_stream_tag;
  GstVideoOrientationMethod stream_tag, global_tag;
  gboolean looked; /* whether somebody upstream turns pictures that way */
};

static void
forget_tags (GstCowIntake *self)
{
  self->has_stream_tag = FALSE;
  self->stream_tag = self->global_tag = GST_VIDEO_ORIENTATION_IDENTITY;
  self->looked = FALSE;
}

void
gst_cow_intake_start (GstCowIntake *self)
{
  gst_video_info_init (&self->info);
  self->said = 0;
  self->said_orientations = 0;
  g_clear_pointer (&self->stream_id, g_free);
  forget_tags (self);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void
refuse_fields (GstCowIntake *self, const char *mode)
{
  if (self->said & SAID_FIELDS)
    return;
  self->said |= SAID_FIELDS;
  GST_ELEMENT_ERROR (self->element, STREAM, FORMAT,
                     ("buffers hold single fields (interlace-mode=%s) and no whole pictures: put "
                      "\"deinterlace fields=top\" before this element",
                      mode),
                     (NULL));
}

/* The pads take no such caps. Those who send them without asking learn "not negotiated" and no
 * reason. */
static GstPadProbeReturn
look_for_fields (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  const GstCapsFeatures *features;
  GstCaps *caps;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return GST_PAD_PROBE_OK;
  gst_event_parse_caps (event, &caps);
  features = gst_caps_get_features (caps, 0);
  if (features && gst_caps_features_contains (features, GST_CAPS_FEATURE_FORMAT_INTERLACED))
    refuse_fields (data, "alternate");
  return GST_PAD_PROBE_OK;
}

gboolean
gst_cow_intake_note_info (GstCowIntake *self, const GstVideoInfo *info)
{
  const GstVideoInterlaceMode mode = GST_VIDEO_INFO_INTERLACE_MODE (info);

  self->info = *info;
  if (mode != GST_VIDEO_INTERLACE_MODE_FIELDS && mode != GST_VIDEO_INTERLACE_MODE_ALTERNATE)
    return TRUE;
  refuse_fields (self, gst_video_interlace_mode_to_string (mode));
  return FALSE;
}

static gboolean
is_interlaced (const GstCowIntake *self, GstBuffer *buffer)
{
  switch (GST_VIDEO_INFO_INTERLACE_MODE (&self->info)) {
  case GST_VIDEO_INTERLACE_MODE_INTERLEAVED:
    return TRUE;
  case GST_VIDEO_INTERLACE_MODE_MIXED:
    return GST_BUFFER_FLAG_IS_SET (buffer, GST_VIDEO_BUFFER_FLAG_INTERLACED);
  default:
    return FALSE;
  }
}

static void
check_fields (GstCowIntake *self, GstBuffer *buffer)
{
  if ((self->said & SAID_INTERLACED) || !is_interlaced (self, buffer))
    return;
  self->said |= SAID_INTERLACED;
  GST_ELEMENT_WARNING (
      self->element, STREAM, FORMAT,
      ("pictures are interlaced (interlace-mode=%s): each consists of two fields "
       "of different moments, and what moves is torn into lines. Put "
       "\"deinterlace fields=top\" before this element",
       gst_video_interlace_mode_to_string (GST_VIDEO_INFO_INTERLACE_MODE (&self->info))),
      (NULL));
}

/* ---- pictures that are to be turned ---------------------------------------------------------- */

static GstVideoOrientationMethod
orientation_of (const GstCowIntake *self)
{
  return self->has_stream_tag ? self->stream_tag : self->global_tag;
}

/* As videoflip reads tags: a list without an orientation takes back the one before. */
static void
note_tags (GstCowIntake *self, GstEvent *event)
{
  GstVideoOrientationMethod method = GST_VIDEO_ORIENTATION_IDENTITY;
  GstTagList *tags;
  gboolean has;

  gst_event_parse_tag (event, &tags);
  has = gst_video_orientation_from_tag (tags, &method);
  if (gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_STREAM) {
    self->has_stream_tag = has;
    self->stream_tag = method;
  } else {
    self->global_tag = method;
  }
}

static void
note_stream (GstCowIntake *self, GstEvent *event)
{
  const gchar *stream_id;

  gst_event_parse_stream_start (event, &stream_id);
  if (g_strcmp0 (stream_id, self->stream_id) == 0)
    return;
  g_free (self->stream_id);
  self->stream_id = g_strdup (stream_id);
  forget_tags (self);
}

gboolean
gst_cow_intake_note_event (GstCowIntake *self, GstEvent *event)
{
  GstVideoOrientationMethod before;

  if (GST_EVENT_TYPE (event) != GST_EVENT_STREAM_START && GST_EVENT_TYPE (event) != GST_EVENT_TAG)
    return FALSE;
  before = orientation_of (self);
  if (GST_EVENT_TYPE (event) == GST_EVENT_TAG)
    note_tags (self, event);
  else
    note_stream (self, event);
  if (orientation_of (self) == before)
    return FALSE;
  self->looked = FALSE;
  return TRUE;
}

/* Whether an element that turns pictures is set to do so, be it by tags or always. */
static gboolean
turns (GstElement *element)
{
  GstVideoOrientationMethod method = GST_VIDEO_ORIENTATION_IDENTITY;

  if (GST_IS_VIDEO_DIRECTION (element))
    g_object_get (element, "video-direction", &method, NULL);
  return method != GST_VIDEO_ORIENTATION_IDENTITY;
}

/* Whether pictures were turned upstream. The tag alone does not say so: videoflip passes it on as
 * it was before GStreamer 1.24. */
static gboolean
is_turned (GstCowIntake *self)
{
  GstPad *pad = gst_element_get_static_pad (self->element, "sink");
  gboolean turned = FALSE;

  while (pad && !turned) {
    g_autoptr (GstPad) peer = gst_pad_get_peer (pad);
    g_autoptr (GstObject) parent = peer ? gst_object_get_parent (GST_OBJECT (peer)) : NULL;

    turned = GST_IS_ELEMENT (parent) && turns (GST_ELEMENT (parent));
    gst_object_unref (pad);
    /* From a bin's pad this leads into it, and from its inner side out of it. */
    pad = peer ? gst_pad_get_single_internal_link (peer) : NULL;
  }
  gst_clear_object (&pad);
  return turned;
}

static const char *
words_of (GstVideoOrientationMethod method)
{
  switch (method) {
  case GST_VIDEO_ORIENTATION_90R:
    return "a quarter turn clockwise";
  case GST_VIDEO_ORIENTATION_180:
    return "upside down";
  case GST_VIDEO_ORIENTATION_90L:
    return "a quarter turn counterclockwise";
  case GST_VIDEO_ORIENTATION_HORIZ:
    return "left and right exchanged";
  case GST_VIDEO_ORIENTATION_VERT:
    return "top and bottom exchanged";
  default:
    return "mirrored along a diagonal";
  }
}

static void
check_orientation (GstCowIntake *self)
{
  const GstVideoOrientationMethod method = orientation_of (self);

  if (self->looked || method == GST_VIDEO_ORIENTATION_IDENTITY)
    return;
  self->looked = TRUE;
  if ((self->said_orientations & 1u << method) || is_turned (self))
    return;
  self->said_orientations |= 1u << method;
  GST_ELEMENT_WARNING (self->element, STREAM, FORMAT,
                       ("a tag says how pictures are to be turned (%s), and no element before this "
                        "one is set to do it, so that cows are classified as they are stored: put "
                        "\"videoflip video-direction=auto\" before it",
                        words_of (method)),
                       ("The tag is image-orientation. Frames in the memory of a GPU are turned by "
                        "elements that have a property video-direction, such as vapostproc, "
                        "glvideoflip, and cudaconvertscale from GStreamer 1.24 on."));
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void
check_damage (GstCowIntake *self, GstBuffer *buffer)
{
  if ((self->said & SAID_CORRUPTED) || !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED))
    return;
  self->said |= SAID_CORRUPTED;
  GST_ELEMENT_WARNING (self->element, STREAM, DECODE,
                       ("a damaged frame came: such frames are not classified and keep the results "
                        "of those before them"),
                       ("The source or the decoder set the flag CORRUPTED, mostly because data of "
                        "a camera were lost. stats counts these frames as skipped-corrupted."));
}

void
gst_cow_intake_note_frame (GstCowIntake *self, GstBuffer *buffer)
{
  check_orientation (self);
  check_fields (self, buffer);
  check_damage (self, buffer);
}

/* ---- the whole ------------------------------------------------------------------------------- */

GstCowIntake *
gst_cow_intake_new (GstElement *element)
{
  GstCowIntake *self = g_new0 (GstCowIntake, 1);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");

  self->element = element;
  gst_cow_intake_start (self);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, look_for_fields, self, NULL);
  return self;
}

void
gst_cow_intake_free (GstCowIntake *self)
{
  if (!self)
    return;
  g_free (self->stream_id);
  g_free (self);
}
