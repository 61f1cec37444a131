/* SPDX-License-Identifier: MIT */
/*
 * The element `cowoverlay`: properties, negotiation and buffers; painter.h does the drawing. Frames
 * leave in the order in which they came, with a drawing in them or attached to them. Which of the
 * two is negotiated here.
 */
/**
 * SECTION:element-cowoverlay
 * @title: cowoverlay
 * @short_description: Shows what cowbehavior found
 *
 * Draws the results of every #cowbehavior upstream: a box around each detected cow and, dashed,
 * around each zone, with a tag: the label, the zone's name, the cow's number, how old the result is
 * once it is older than 0.3 s (boxes and tags fade with it), and a bar as long as the label's
 * probability. A label of the full frame stands in the upper left corner. Each behaviour has its
 * own colour, one of ten that people with any kind of colour vision can tell apart; `unknown` is
 * grey.
 *
 * A badge in the upper right corner says where the labels are those of the demonstration model,
 * which knows drawn cows only.
 *
 * Along the bottom edge runs the time budget: how the time of all cows that were seen in this
 * stream is shared among their behaviours. A cow counts for as long as it is in the picture. A new
 * stream and a flushing seek begin anew.
 *
 * Where the elements downstream take a #GstVideoOverlayCompositionMeta (most video sinks that draw
 * with a GPU do), the pixels stay as they are and the drawing goes along as such; also with frames
 * that are in the GPU's memory, and beside what an overlay upstream attached. Elsewhere it is
 * blended into the frame. It is drawn anew where it changes only. Frames in the memory of a GPU
 * cannot be blended into, and `cudadownload` drops results: it has to be before cowbehavior.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 videotestsrc pattern=ball ! video/x-raw,width=640,height=360 ! cowbehavior !
 * cowoverlay ! videoconvert ! autovideosink
 * ]|
 * What the demonstration model makes of a ball.
 * |[
 * gst-launch-1.0 filesrc location=barn.mp4 ! decodebin ! videoconvert ! cowbehavior
 * model=dinov3-vits16 adapter=cows zones="pen 1=0,0,0.5,1; pen 2=0.5,0,0.5,1" ! cowoverlay
 * show-confidence=false font="Sans 12" ! videoconvert ! x264enc ! mp4mux ! filesink
 * location=labelled.mp4
 * ]|
 * A recording with two zones, labelled.
 */
#include "gst-plugin/overlay/gstcowoverlay.h"

#include "gst-plugin/common/frame.h"
#include "gst-plugin/overlay/blend.h"
#include "gst-plugin/overlay/painter.h"

GST_DEBUG_CATEGORY_STATIC (gst_cow_overlay_debug);
#define GST_CAT_DEFAULT gst_cow_overlay_debug

#define FEATURE GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION
/* Formats that can be drawn into, and those to which a drawing can only be attached. */
#define BLENDED GST_VIDEO_CAPS_MAKE (GST_COW_FRAME_FORMATS)
#define CAPS    BLENDED "; video/x-raw(ANY)"

#define MAX_LINE_WIDTH 64

enum {
  PROP_0,
  PROP_SHOW_CONFIDENCE,
  PROP_SHOW_AGE,
  PROP_SHOW_ID,
  PROP_SHOW_BUDGET,
  PROP_FONT,
  PROP_LINE_WIDTH
};

struct _GstCowOverlay {
  GstBaseTransform parent;

  /* under the object lock */
  GstCowOverlayStyle style;
  char *font;             /* style.font points to it */
  gboolean style_changed; /* the painter has an older one */

  /* of the streaming thread */
  GstVideoInfo info;
  gboolean attach;        /* downstream takes compositions */
  GstCowPainter *painter; /* NULL before the first frame with these caps */
  GstCowBudget budget;
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));
static GstStaticCaps blended_caps = GST_STATIC_CAPS (BLENDED);

G_DEFINE_TYPE (GstCowOverlay, gst_cow_overlay, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (cowoverlay, "cowoverlay", GST_RANK_NONE, GST_TYPE_COW_OVERLAY)

static void gst_cow_overlay_finalize (GObject *object);
static void gst_cow_overlay_set_property (GObject *object, guint id, const GValue *value,
                                          GParamSpec *pspec);
static void gst_cow_overlay_get_property (GObject *object, guint id, GValue *value,
                                          GParamSpec *pspec);
static gboolean gst_cow_overlay_stop (GstBaseTransform *trans);
static GstCaps *gst_cow_overlay_transform_caps (GstBaseTransform *trans, GstPadDirection direction,
                                                GstCaps *caps, GstCaps *filter);
static GstCaps *gst_cow_overlay_fixate_caps (GstBaseTransform *trans, GstPadDirection direction,
                                             GstCaps *caps, GstCaps *othercaps);
static gboolean gst_cow_overlay_set_caps (GstBaseTransform *trans, GstCaps *incaps,
                                          GstCaps *outcaps);
static gboolean gst_cow_overlay_sink_event (GstBaseTransform *trans, GstEvent *event);
static GstFlowReturn gst_cow_overlay_generate_output (GstBaseTransform *trans, GstBuffer **buffer);

/* ---- properties ------------------------------------------------------------------------------ */

static void
install_switch (GObjectClass *class, guint id, const char *name, const char *nick,
                const char *blurb)
{
  g_object_class_install_property (class, id,
                                   g_param_spec_boolean (name, nick, blurb, TRUE,
                                                         G_PARAM_READWRITE |
                                                             G_PARAM_STATIC_STRINGS |
                                                             GST_PARAM_MUTABLE_PLAYING));
}

static void
install_properties (GObjectClass *class)
{
  /**
   * GstCowOverlay:show-confidence:
   *
   * A bar under each label, as long as its probability: the whole tag for 1. For `unknown` it is
   * that of the likeliest class.
   */
  install_switch (class, PROP_SHOW_CONFIDENCE, "show-confidence", "Show confidence",
                  "A bar under each label, as long as its probability");
  /**
   * GstCowOverlay:show-age:
   *
   * Beside a label how old its result is, in s (in frames for buffers without timestamps), once it
   * is older than 0.3 s.
   */
  install_switch (class, PROP_SHOW_AGE, "show-age", "Show age",
                  "How old a result is, beside its label, once it is older than 0.3 s");
  /**
   * GstCowOverlay:show-id:
   *
   * The track id of each detected cow, as #7.
   */
  install_switch (class, PROP_SHOW_ID, "show-id", "Show id",
                  "The number by which a detected cow is followed, beside its label");
  /**
   * GstCowOverlay:show-budget:
   *
   * The time budget along the bottom edge. It is kept while it is not shown.
   */
  install_switch (class, PROP_SHOW_BUDGET, "show-budget", "Show time budget",
                  "A strip along the bottom edge: how the time of all cows is shared among "
                  "behaviours since the stream began");
  /**
   * GstCowOverlay:font:
   *
   * A Pango font description, as "Sans Bold 14". Its size is in points of 4/3 px of the frame's
   * height; without one it follows from that.
   */
  g_object_class_install_property (
      class, PROP_FONT,
      g_param_spec_string ("font", "Font",
                           "Pango font description, as \"Sans Bold 14\" (size in points of 4/3 "
                           "px); without a size what suits the "
                           "frame's height. NULL: Sans Bold",
                           NULL,
                           G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstCowOverlay:line-width:
   *
   * Width of the boxes' lines in px; odd ones are taken for the next even one, as frames with
   * subsampled chroma need it.
   */
  g_object_class_install_property (
      class, PROP_LINE_WIDTH,
      g_param_spec_int ("line-width", "Line width",
                        "Width of the boxes' lines in px, even; 0: what suits the frame's height",
                        0, MAX_LINE_WIDTH, 0,
                        G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
}

static void
gst_cow_overlay_class_init (GstCowOverlayClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (class);

  GST_DEBUG_CATEGORY_INIT (gst_cow_overlay_debug, "cowoverlay", 0, "overlay of cow behaviour");

  object_class->finalize = gst_cow_overlay_finalize;
  object_class->set_property = gst_cow_overlay_set_property;
  object_class->get_property = gst_cow_overlay_get_property;
  install_properties (object_class);

  gst_element_class_set_static_metadata (
      element_class, "Cow behaviour overlay", "Filter/Effect/Video/Overlay",
      "Shows what cowbehavior found: boxes, labels, confidence, age and time budget",
      "cowbehavior");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  trans_class->stop = GST_DEBUG_FUNCPTR (gst_cow_overlay_stop);
  trans_class->transform_caps = GST_DEBUG_FUNCPTR (gst_cow_overlay_transform_caps);
  trans_class->fixate_caps = GST_DEBUG_FUNCPTR (gst_cow_overlay_fixate_caps);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_cow_overlay_set_caps);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_cow_overlay_sink_event);
  trans_class->generate_output = GST_DEBUG_FUNCPTR (gst_cow_overlay_generate_output);
}

static void
gst_cow_overlay_init (GstCowOverlay *self)
{
  self->style = (GstCowOverlayStyle){ .confidence = TRUE, .age = TRUE, .id = TRUE, .budget = TRUE };
  gst_cow_budget_init (&self->budget);
  /* Frames leave in the memory in which they came, so that downstream decides which. */
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
}

static void
gst_cow_overlay_finalize (GObject *object)
{
  GstCowOverlay *self = GST_COW_OVERLAY (object);

  g_clear_pointer (&self->painter, gst_cow_painter_free);
  gst_cow_budget_clear (&self->budget);
  g_free (self->font);
  G_OBJECT_CLASS (gst_cow_overlay_parent_class)->finalize (object);
}

/* The value of a switch, or NULL for a property that is none. */
static gboolean *
find_switch (GstCowOverlay *self, guint id)
{
  switch (id) {
  case PROP_SHOW_CONFIDENCE:
    return &self->style.confidence;
  case PROP_SHOW_AGE:
    return &self->style.age;
  case PROP_SHOW_ID:
    return &self->style.id;
  case PROP_SHOW_BUDGET:
    return &self->style.budget;
  default:
    return NULL;
  }
}

static void
gst_cow_overlay_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstCowOverlay *self = GST_COW_OVERLAY (object);
  gboolean *place = find_switch (self, id);

  GST_OBJECT_LOCK (self);
  if (place)
    *place = g_value_get_boolean (value);
  else if (id == PROP_LINE_WIDTH)
    self->style.line_width = g_value_get_int (value);
  else if (id == PROP_FONT) {
    g_free (self->font);
    self->style.font = self->font = g_value_dup_string (value);
  } else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  self->style_changed = TRUE;
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cow_overlay_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstCowOverlay *self = GST_COW_OVERLAY (object);
  const gboolean *place = find_switch (self, id);

  GST_OBJECT_LOCK (self);
  if (place)
    g_value_set_boolean (value, *place);
  else if (id == PROP_LINE_WIDTH)
    g_value_set_int (value, self->style.line_width);
  else if (id == PROP_FONT)
    g_value_set_string (value, self->font);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_cow_overlay_stop (GstBaseTransform *trans)
{
  GstCowOverlay *self = GST_COW_OVERLAY (trans);

  g_clear_pointer (&self->painter, gst_cow_painter_free);
  gst_cow_budget_reset (&self->budget);
  return TRUE;
}

/* ---- negotiation ----------------------------------------------------------------------------- */

static gboolean
is_composed (const GstCaps *caps, guint i)
{
  GstCapsFeatures *features = gst_caps_get_features (caps, i);

  return features && !gst_caps_features_is_any (features) &&
         gst_caps_features_contains (features, FEATURE);
}

/* Structure i alone, with or without the feature. */
static GstCaps *
with_feature (const GstCaps *caps, guint i, gboolean composed)
{
  GstCaps *one = gst_caps_copy_nth (caps, i);
  GstCapsFeatures *features = gst_caps_get_features (one, 0);

  if (gst_caps_features_is_any (features) || composed == is_composed (one, 0))
    return one;
  if (composed)
    gst_caps_features_add (features, FEATURE);
  else
    gst_caps_features_remove (features, FEATURE);
  return one;
}

static gboolean
is_any (const GstCaps *caps, guint i)
{
  GstCapsFeatures *features = gst_caps_get_features (caps, i);

  return features && gst_caps_features_is_any (features);
}

/*
 * With the feature any format can leave, because the drawing is attached. Without it only formats
 * that can be blended into leave. Caps that have the feature already keep it, because an overlay
 * upstream relies on it.
 */
static GstCaps *
all_that_fit (GstPadDirection direction, const GstCaps *caps)
{
  g_autoptr (GstCaps) blended = gst_static_caps_get (&blended_caps);
  GstCaps *result = gst_caps_new_empty ();

  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    g_autoptr (GstCaps) plain = with_feature (caps, i, FALSE);

    if (direction == GST_PAD_SINK || is_composed (caps, i))
      result = gst_caps_merge (result, with_feature (caps, i, TRUE));
    if (direction == GST_PAD_SRC && (is_composed (caps, i) || is_any (caps, i)))
      result = gst_caps_merge (result, g_steal_pointer (&plain));
    else if (!is_composed (caps, i))
      result = gst_caps_merge (result,
                               gst_caps_intersect_full (plain, blended, GST_CAPS_INTERSECT_FIRST));
  }
  return result;
}

static GstCaps *
gst_cow_overlay_transform_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps,
                                GstCaps *filter)
{
  g_autoptr (GstCaps) all = all_that_fit (direction, caps);

  return filter ? gst_caps_intersect_full (filter, all, GST_CAPS_INTERSECT_FIRST)
                : g_steal_pointer (&all);
}

/* Whether downstream asks for compositions with frames of these caps. Transforms answer only when
 * they have caps, and so these are sent first. */
static gboolean
downstream_asks (GstCowOverlay *self, GstCaps *composed)
{
  GstPad *pad = GST_BASE_TRANSFORM_SRC_PAD (self);
  g_autoptr (GstQuery) query = gst_query_new_allocation (composed, FALSE);

  return gst_pad_set_caps (pad, composed) && gst_pad_peer_query (pad, query) &&
         gst_query_find_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
}

static GstCaps *
gst_cow_overlay_fixate_caps (GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps,
                             GstCaps *othercaps)
{
  GstCowOverlay *self = GST_COW_OVERLAY (trans);
  g_autoptr (GstCaps) composed = with_feature (caps, 0, TRUE);
  GstCaps *chosen = NULL;

  if (direction != GST_PAD_SINK || is_composed (caps, 0))
    return gst_caps_fixate (othercaps);
  /* Elements that accept any caps accept compositions, too, and lose them. Where there is a choice,
   * compositions are only attached for elements that ask for them. */
  if (gst_caps_can_intersect (composed, othercaps) &&
      (!gst_caps_can_intersect (caps, othercaps) || downstream_asks (self, composed)))
    chosen = gst_caps_ref (composed);
  else if (gst_caps_can_intersect (caps, othercaps))
    chosen = gst_caps_ref (caps);
  if (!chosen)
    return gst_caps_fixate (othercaps);
  gst_caps_unref (othercaps);
  return chosen;
}

static gboolean
gst_cow_overlay_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstCowOverlay *self = GST_COW_OVERLAY (trans);

  if (!gst_video_info_from_caps (&self->info, incaps))
    return FALSE;
  self->attach = is_composed (outcaps, 0);
  g_clear_pointer (&self->painter, gst_cow_painter_free);
  GST_DEBUG_OBJECT (self, "%s: %" GST_PTR_FORMAT, self->attach ? "attaching" : "blending", outcaps);
  return TRUE;
}

/* What makes frames of these caps such that can be drawn into, and keeps their results. */
static const char *
remedy (const GstCapsFeatures *features)
{
  if (gst_caps_features_contains (features, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY))
    return "videoconvert before cowoverlay";
  return gst_caps_features_contains (features, "memory:CUDAMemory")
             ? "cudadownload before cowbehavior"
             : "what brings them to the host before cowbehavior";
}

/* Posts an error if it is this element that has no way for frames of these caps. */
static void
tell_refusal (GstCowOverlay *self, const GstCaps *caps)
{
  g_autoptr (GstCaps) ours = all_that_fit (GST_PAD_SINK, caps),
                      theirs = gst_pad_peer_query_caps (GST_BASE_TRANSFORM_SRC_PAD (self), NULL);

  if (!gst_caps_can_intersect (ours, theirs))
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
                       ("frames of this format or memory cannot be drawn into, and what follows "
                        "takes no drawings beside them: put %s",
                        remedy (gst_caps_get_features (caps, 0))),
                       ("%" GST_PTR_FORMAT, (gpointer)caps));
}

/* ---- frames ---------------------------------------------------------------------------------- */

static gboolean
gst_cow_overlay_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstCowOverlay *self = GST_COW_OVERLAY (trans);
  g_autoptr (GstCaps) caps = NULL;
  gboolean ok;

  if (GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START ||
      GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    gst_cow_budget_reset (&self->budget);
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    gst_caps_ref (caps);
  }
  ok = GST_BASE_TRANSFORM_CLASS (gst_cow_overlay_parent_class)->sink_event (trans, event);
  if (!ok && caps)
    tell_refusal (self, caps);
  return ok;
}

/* The painter for the present caps and properties. It is made without the lock, because finding a
 * font may take long. */
static GstCowPainter *
get_painter (GstCowOverlay *self)
{
  GstCowOverlayStyle style;
  g_autofree char *font = NULL;
  gboolean anew;

  GST_OBJECT_LOCK (self);
  anew = self->style_changed || !self->painter;
  self->style_changed = FALSE;
  style = self->style;
  if (anew)
    font = g_strdup (self->font);
  GST_OBJECT_UNLOCK (self);
  if (!anew)
    return self->painter;
  style.font = font;
  g_clear_pointer (&self->painter, gst_cow_painter_free);
  return self->painter = gst_cow_painter_new (&self->info, &style);
}

static void
add_rectangles (GstVideoOverlayComposition **to, GstVideoOverlayComposition *from)
{
  for (guint i = 0; i < gst_video_overlay_composition_n_rectangles (from); i++) {
    GstVideoOverlayRectangle *rectangle = gst_video_overlay_composition_get_rectangle (from, i);

    if (*to)
      gst_video_overlay_composition_add_rectangle (*to, rectangle);
    else
      *to = gst_video_overlay_composition_new (rectangle);
  }
}

/* The buffer is writable. */
static void
attach (GstBuffer *buffer, GstVideoOverlayComposition *composition)
{
  GstVideoOverlayCompositionMeta *before = gst_buffer_get_video_overlay_composition_meta (buffer);
  GstVideoOverlayComposition *both = NULL;

  if (!before) {
    gst_buffer_add_video_overlay_composition_meta (buffer, composition);
    return;
  }
  add_rectangles (&both, before->overlay);
  add_rectangles (&both, composition);
  gst_video_overlay_composition_unref (before->overlay);
  before->overlay = both;
}

static GstVideoOverlayComposition *
paint (GstCowOverlay *self, GstBuffer *buffer)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  g_autoptr (GArray) view = gst_cow_view_new (buffer, GST_VIDEO_INFO_WIDTH (&self->info),
                                              GST_VIDEO_INFO_HEIGHT (&self->info));
  GstClockTime now =
      segment->format == GST_FORMAT_TIME
          ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
          : GST_CLOCK_TIME_NONE;

  gst_cow_budget_add (&self->budget, view, now);
  return gst_cow_painter_paint (get_painter (self), view, &self->budget,
                                gst_cow_view_has_demonstration (buffer));
}

static GstFlowReturn
gst_cow_overlay_generate_output (GstBaseTransform *trans, GstBuffer **buffer)
{
  GstCowOverlay *self = GST_COW_OVERLAY (trans);
  g_autoptr (GstVideoOverlayComposition) composition = NULL;
  g_autoptr (GError) error = NULL;

  *buffer = g_steal_pointer (&trans->queued_buf);
  if (*buffer)
    composition = paint (self, *buffer);
  if (!composition)
    return GST_FLOW_OK;
  *buffer = gst_buffer_make_writable (*buffer);
  if (self->attach) {
    attach (*buffer, composition);
    return GST_FLOW_OK;
  }
  if (gst_cow_overlay_blend (composition, *buffer, &self->info, &error))
    return GST_FLOW_OK;
  GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("a frame cannot be drawn into: %s", error->message),
                     (NULL));
  gst_clear_buffer (buffer);
  return GST_FLOW_ERROR;
}
