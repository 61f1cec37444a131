/* SPDX-License-Identifier: MIT */
/*
 * The element `cowbehavior`: takes the regions of each frame (regions.h), has the engine of model/ classify them, and sends the frame on,
 * its pixels untouched, with the results as metadata (meta.h) and on the bus (message.h). It waits for the engine; frames between those
 * that it classifies carry the last results on (results.h).
 */
/**
 * SECTION:element-cowbehavior
 * @title: cowbehavior
 * @short_description: Recognises what cows are doing
 *
 * Classifies frames, or the regions of interest in them, by a DINOv3 network with a LoRA or DoRA adapter and its classifier head. The
 * folder that property #GstCowBehavior:adapter names says which classes there are and how pictures are prepared.
 *
 * Every frame leaves with its pixels untouched and with
 *
 * * a custom meta `GstCowBehaviorMeta` that carries regions, labels, all probabilities and the age of the result; the installed header
 *   `gstcowbehaviormeta.h` describes it and has functions to read it;
 * * on the #GstVideoRegionOfInterestMeta of each region a parameter `classification` with the fields `label` (string), `label_id` (int),
 *   `confidence` (double), `model_name` (string) and `attribute_name` ("behavior") as DL Streamer's elements write them, and `frames_ago`
 *   (uint). In full-frame mode the element adds a region of type "frame" to hold it.
 *
 * For each frame that was classified the element posts an element message named `cowbehavior`, unless #GstCowBehavior:post-messages is
 * %FALSE:
 *
 * * #guint64 `timestamp`: stream time of the frame in ns
 * * #guint64 `running-time`: running time of the frame in ns
 * * #guint64 `frame`: number of the frame since the element started, from 0
 * * #gint `width`, `height`: size of the frame in pixels
 * * #gchararray `model_name`: the adapter that answered
 * * #GstValueArray of #gchararray `labels` and of #gdouble `confidences`: those of each object
 * * #GstValueArray of #GstStructure `objects`: the objects of the custom meta: `x`, `y`, `w`, `h`, `id`, `roi_type`, `label`, `label_id`,
 *   `confidence`, `top`, `probabilities`, `frames_ago`
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=10 ! cowbehavior model=dinov3-vit7b16 adapter=qlora_r64 ! fakesink
 * ]|
 * Prints the label of each frame. Both names are paths, or folders below those that COWBEHAVIOR_PATH lists.
 */
#include "gst-plugin/gstcowbehavior.h"

#include "gst-plugin/frame.h"
#include "gst-plugin/message.h"
#include "gst-plugin/meta.h"
#include "gst-plugin/regions.h"
#include "gst-plugin/results.h"
#include "gst-plugin/settings.h"
#include "model/engine.h"
#include "model/locate.h"

#include <gio/gio.h>

GST_DEBUG_CATEGORY_STATIC (gst_cow_behavior_debug);
#define GST_CAT_DEFAULT gst_cow_behavior_debug

/* Frames without any region, in roi-list mode, after which the user is told that a detector seems to be missing. */
#define FRAMES_WITHOUT_REGIONS 100

#define CAPS "video/x-raw, format = (string) " GST_COW_FRAME_FORMATS ", width = (int) [ 1, 32768 ], height = (int) [ 1, 32768 ]"

struct _GstCowBehavior {
  GstBaseTransform parent;

  /* under the object lock */
  GstCowSettings settings;
  CowTicket *ticket; /* that the streaming thread waits for, or NULL */
  gboolean flushing; /* nobody may wait */

  /* of the streaming thread, between start and stop */
  CowEngine *engine;
  GstVideoInfo info;
  GstCowResults results;
  guint64 n_frames;
  guint64 n_skipped;          /* regions of which nothing lay inside the frame */
  guint n_frames_without_roi; /* until the first region, at most FRAMES_WITHOUT_REGIONS */
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));

G_DEFINE_TYPE (GstCowBehavior, gst_cow_behavior, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (cowbehavior, "cowbehavior", GST_RANK_NONE, GST_TYPE_COW_BEHAVIOR)

static void gst_cow_behavior_finalize (GObject *object);
static void gst_cow_behavior_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
static void gst_cow_behavior_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec);
static GstStateChangeReturn gst_cow_behavior_change_state (GstElement *element, GstStateChange transition);
static gboolean gst_cow_behavior_start (GstBaseTransform *trans);
static gboolean gst_cow_behavior_stop (GstBaseTransform *trans);
static gboolean gst_cow_behavior_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps);
static gboolean gst_cow_behavior_sink_event (GstBaseTransform *trans, GstEvent *event);
static gboolean gst_cow_behavior_propose_allocation (GstBaseTransform *trans, GstQuery *decide_query, GstQuery *query);
static GstFlowReturn gst_cow_behavior_transform_ip (GstBaseTransform *trans, GstBuffer *buffer);

static void
gst_cow_behavior_class_init (GstCowBehaviorClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (class);

  GST_DEBUG_CATEGORY_INIT (gst_cow_behavior_debug, "cowbehavior", 0, "cow behaviour recognition");

  object_class->finalize = gst_cow_behavior_finalize;
  object_class->set_property = gst_cow_behavior_set_property;
  object_class->get_property = gst_cow_behavior_get_property;
  gst_cow_settings_install (object_class);

  gst_element_class_set_static_metadata (element_class, "Cow behaviour recognition", "Analyzer/Video",
                                         "Labels frames or regions of interest with what the cow in them is doing", "cowbehavior");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  element_class->change_state = GST_DEBUG_FUNCPTR (gst_cow_behavior_change_state);
  trans_class->start = GST_DEBUG_FUNCPTR (gst_cow_behavior_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_cow_behavior_stop);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_cow_behavior_set_caps);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_cow_behavior_sink_event);
  trans_class->propose_allocation = GST_DEBUG_FUNCPTR (gst_cow_behavior_propose_allocation);
  trans_class->transform_ip = GST_DEBUG_FUNCPTR (gst_cow_behavior_transform_ip);
  trans_class->transform_ip_on_passthrough = FALSE;

  gst_type_mark_as_plugin_api (GST_TYPE_COW_PRECISION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_INFERENCE_REGION, 0);
}

static void
gst_cow_behavior_init (GstCowBehavior *self)
{
  gst_cow_settings_init (&self->settings);
  gst_video_info_init (&self->info);
  gst_cow_results_init (&self->results);
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  /* the flag that a frame holds nothing is for the elements downstream too */
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
}

static void
gst_cow_behavior_finalize (GObject *object)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (object);

  gst_cow_settings_clear (&self->settings);
  gst_cow_results_clear (&self->results);
  G_OBJECT_CLASS (gst_cow_behavior_parent_class)->finalize (object);
}

static void
gst_cow_behavior_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (object);

  GST_OBJECT_LOCK (self);
  if (!gst_cow_settings_set (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cow_behavior_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (object);

  GST_OBJECT_LOCK (self);
  if (!gst_cow_settings_get (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

/* While on, nobody waits for the engine, and whoever does is woken up. */
static void
set_flushing (GstCowBehavior *self, gboolean flushing)
{
  GST_OBJECT_LOCK (self);
  self->flushing = flushing;
  if (flushing && self->ticket)
    cow_ticket_cancel (self->ticket);
  GST_OBJECT_UNLOCK (self);
}

static GstStateChangeReturn
gst_cow_behavior_change_state (GstElement *element, GstStateChange transition)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (element);

  /* Before the base class deactivates the pads, which waits for the streaming thread. */
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    set_flushing (self, FALSE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    set_flushing (self, TRUE);
  return GST_ELEMENT_CLASS (gst_cow_behavior_parent_class)->change_state (element, transition);
}

/* Posts an error for the bus that says in one line which property is wrong, and how. */
static void
post_load_error (GstCowBehavior *self, const char *properties, const CowClassifierOptions *options, const GError *error)
{
  GstResourceError code = GST_RESOURCE_ERROR_SETTINGS;

  if (g_error_matches (error, COW_ERROR, COW_ERROR_NOT_FOUND))
    code = GST_RESOURCE_ERROR_NOT_FOUND;
  else if (g_error_matches (error, COW_ERROR, COW_ERROR_IO))
    code = GST_RESOURCE_ERROR_READ;
  else if (g_error_matches (error, COW_ERROR, COW_ERROR_MEMORY) || g_error_matches (error, COW_ERROR, COW_ERROR_DEVICE))
    code = GST_RESOURCE_ERROR_FAILED;

  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, code,
                            g_strdup_printf ("%s: %s", properties, error->message),
                            g_strdup_printf ("model=%s adapter=%s device=%s precision=%s (%s, code %d)", GST_STR_NULL (options->model),
                                             GST_STR_NULL (options->adapter), GST_STR_NULL (options->device),
                                             cow_precision_name (options->precision), g_quark_to_string (error->domain), error->code),
                            __FILE__, GST_FUNCTION, __LINE__);
}

/* Whether a path property is set and leads anywhere; else posts an error. */
static gboolean
check_path (GstCowBehavior *self, const CowClassifierOptions *options, const char *property, const char *value, const char *meaning)
{
  g_autofree gchar *prefix = g_strdup_printf ("property %s", property);
  g_autofree gchar *path = NULL;
  g_autoptr (GError) error = NULL;

  if (!value || !*value)
    error = g_error_new (COW_ERROR, COW_ERROR_ARGUMENT, "not set; set it to %s", meaning);
  else
    path = cow_locate (value, &error);
  if (error)
    post_load_error (self, prefix, options, error);
  return error == NULL;
}

/* Without a model and an adapter the demonstration's are taken, and the user is told. */
static void
use_demonstration (GstCowBehavior *self, CowClassifierOptions *options)
{
  g_autofree char *model = NULL, *adapter = NULL;

  if (options->model || options->adapter)
    return;
  model = cow_locate (COW_DEMONSTRATION_MODEL, NULL);
  adapter = cow_locate (COW_DEMONSTRATION_ADAPTER, NULL);
  if (!model || !adapter)
    return;
  GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, (COW_DEMONSTRATION_WARNING), ("model=%s adapter=%s", model, adapter));
  options->model = COW_DEMONSTRATION_MODEL;
  options->adapter = COW_DEMONSTRATION_ADAPTER;
}

static gboolean
gst_cow_behavior_start (GstBaseTransform *trans)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  g_autofree gchar *model = NULL, *adapter = NULL, *device = NULL;
  g_autoptr (GError) error = NULL;
  CowClassifierOptions options;

  GST_OBJECT_LOCK (self);
  options = (CowClassifierOptions){
    .model = model = g_strdup (self->settings.model),
    .adapter = adapter = g_strdup (self->settings.adapter),
    .device = device = g_strdup (self->settings.device),
    .precision = self->settings.precision,
  };
  GST_OBJECT_UNLOCK (self);

  use_demonstration (self, &options);
  if (!check_path (self, &options, "model", options.model, "the folder or file of a DINOv3 network") ||
      !check_path (self, &options, "adapter", options.adapter, "an adapter folder with a classifier head"))
    return FALSE;
  self->engine = cow_engine_get (&options, &error);
  if (!self->engine) {
    post_load_error (self, "properties model, adapter, device", &options, error);
    return FALSE;
  }
  GST_INFO_OBJECT (self, "%s on %s, %u classes", cow_engine_name (self->engine), cow_engine_device_text (self->engine),
                   cow_engine_n_classes (self->engine));
  gst_cow_results_reset (&self->results, cow_engine_n_classes (self->engine));
  self->n_frames = self->n_skipped = self->n_frames_without_roi = 0;
  return TRUE;
}

static gboolean
gst_cow_behavior_stop (GstBaseTransform *trans)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);

  if (self->n_skipped)
    GST_INFO_OBJECT (self, "%" G_GUINT64_FORMAT " regions lay outside their frames or had no size", self->n_skipped);
  g_clear_pointer (&self->engine, cow_engine_unref);
  gst_cow_results_reset (&self->results, 0);
  return TRUE;
}

static gboolean
gst_cow_behavior_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);

  if (!gst_video_info_from_caps (&self->info, incaps)) {
    GST_ERROR_OBJECT (self, "caps that are not raw video: %" GST_PTR_FORMAT, incaps);
    return FALSE;
  }
  /* another picture: what was seen before holds no longer */
  gst_cow_results_reset (&self->results, cow_engine_n_classes (self->engine));
  return TRUE;
}

static gboolean
gst_cow_behavior_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    set_flushing (self, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    set_flushing (self, FALSE);
    gst_cow_results_reset (&self->results, self->results.n_classes);
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_cow_behavior_parent_class)->sink_event (trans, event);
}

/* Buffers pass through, so that what downstream can take (its pool, strides by GstVideoMeta) is what upstream may send. */
static gboolean
gst_cow_behavior_propose_allocation (GstBaseTransform *trans, GstQuery *decide_query, GstQuery *query)
{
  return gst_pad_peer_query (GST_BASE_TRANSFORM_SRC_PAD (trans), query);
}

/* Waits for a ticket so that a flush or a stop can end it. */
static GstFlowReturn
wait_for (GstCowBehavior *self, CowTicket *ticket)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  GST_OBJECT_LOCK (self);
  if (self->flushing)
    cow_ticket_cancel (ticket);
  self->ticket = ticket;
  GST_OBJECT_UNLOCK (self);

  ok = cow_ticket_wait (ticket, &error);

  GST_OBJECT_LOCK (self);
  self->ticket = NULL;
  GST_OBJECT_UNLOCK (self);

  if (ok)
    return GST_FLOW_OK;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return GST_FLOW_FLUSHING;
  GST_ELEMENT_ERROR (self, STREAM, FAILED, ("The network could not be run: %s", error->message), (NULL));
  return GST_FLOW_ERROR;
}

/* Classifies the targets of a picture and keeps what came out in self->results. */
static GstFlowReturn
classify_picture (GstCowBehavior *self, const CkPicture *picture, const GArray *targets)
{
  gst_cow_results_reset (&self->results, cow_engine_n_classes (self->engine));

  for (guint first = 0; first < targets->len; first += COW_ENGINE_MAX_REGIONS) {
    CowRegion regions[COW_ENGINE_MAX_REGIONS];
    guint n = MIN (targets->len - first, COW_ENGINE_MAX_REGIONS);
    g_autoptr (GError) error = NULL;
    g_autoptr (CowTicket) ticket = NULL;
    GstFlowReturn flow;

    for (guint i = 0; i < n; i++)
      regions[i] = g_array_index (targets, GstCowTarget, first + i).region;
    ticket = cow_engine_submit (self->engine, picture, regions, n, &error);
    if (!ticket) {
      GST_ELEMENT_ERROR (self, STREAM, FAILED, ("A frame could not be prepared: %s", error->message), (NULL));
      return GST_FLOW_ERROR;
    }
    flow = wait_for (self, ticket);
    if (flow != GST_FLOW_OK)
      return flow;
    for (guint i = 0; i < n; i++)
      gst_cow_results_add (&self->results, &regions[i], cow_ticket_probabilities (ticket, i));
  }
  return GST_FLOW_OK;
}

static GstFlowReturn
classify_buffer (GstCowBehavior *self, GstBuffer *buffer, const GArray *targets)
{
  g_autoptr (GError) error = NULL;
  GstVideoFrame frame;
  CkPicture picture;
  GstFlowReturn flow = GST_FLOW_ERROR;

  if (!gst_video_frame_map (&frame, &self->info, buffer, GST_MAP_READ)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("A frame could not be read."),
                       ("mapping a buffer of %" G_GSIZE_FORMAT " bytes as %dx%d %s failed", gst_buffer_get_size (buffer),
                        GST_VIDEO_INFO_WIDTH (&self->info), GST_VIDEO_INFO_HEIGHT (&self->info),
                        gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (&self->info))));
    return GST_FLOW_ERROR;
  }
  if (gst_cow_frame_to_picture (&frame, &self->info, &picture, &error))
    flow = classify_picture (self, &picture, targets);
  else
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("A frame could not be read: %s", error->message), (NULL));
  gst_video_frame_unmap (&frame);
  return flow;
}

/* The regions of a buffer; tells the user, once each, of regions that cannot be classified and of a missing detector. */
static GArray *
collect_targets (GstCowBehavior *self, GstBuffer *buffer, GstCowInferenceRegion mode)
{
  gint width = GST_VIDEO_INFO_WIDTH (&self->info);
  gint height = GST_VIDEO_INFO_HEIGHT (&self->info);
  guint n_skipped;
  GArray *targets = gst_cow_regions_collect (buffer, mode, width, height, &n_skipped);

  if (n_skipped > 0 && self->n_skipped == 0)
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("Regions of interest outside the frame or without size are not classified."),
                         ("first seen in frame %" G_GUINT64_FORMAT " of %dx%d px", self->n_frames, width, height));
  self->n_skipped += n_skipped;

  if (mode == GST_COW_INFERENCE_REGION_ROI_LIST && self->n_frames_without_roi < FRAMES_WITHOUT_REGIONS) {
    self->n_frames_without_roi = targets->len + n_skipped > 0 ? FRAMES_WITHOUT_REGIONS : self->n_frames_without_roi + 1;
    if (self->n_frames_without_roi == FRAMES_WITHOUT_REGIONS && targets->len + n_skipped == 0)
      GST_ELEMENT_WARNING (self, STREAM, FAILED,
                           ("No frame had a region of interest yet: inference-region=roi-list needs a detector before this element."),
                           ("%d frames seen", FRAMES_WITHOUT_REGIONS));
  }
  return targets;
}

static void
post_message (GstCowBehavior *self, GstBuffer *buffer, const GValue *objects)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  gboolean timed = segment->format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID (buffer);
  GstCowMoment moment = {
    .frame = self->n_frames,
    .stream_time = timed ? gst_segment_to_stream_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer)) : GST_CLOCK_TIME_NONE,
    .running_time = timed ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer)) : GST_CLOCK_TIME_NONE,
    .width = GST_VIDEO_INFO_WIDTH (&self->info),
    .height = GST_VIDEO_INFO_HEIGHT (&self->info),
  };

  gst_element_post_message (GST_ELEMENT (self), gst_cow_message_new (GST_OBJECT (self), cow_engine_name (self->engine), &moment, objects));
}

/* Results, fresh or carried over, onto the buffer and the bus. Targets that nothing is known of yet stay without. */
static void
deliver (GstCowBehavior *self, GstBuffer *buffer, const GArray *targets, const GstCowFrameSettings *settings)
{
  GstCowPresentation how = {
    .model_name = cow_engine_name (self->engine),
    .classes = cow_engine_classes (self->engine),
    .n_classes = cow_engine_n_classes (self->engine),
    .threshold = settings->threshold,
    .top_k = settings->top_k,
  };
  GValue objects = G_VALUE_INIT;

  g_value_init (&objects, GST_TYPE_ARRAY);
  for (guint i = 0; i < targets->len; i++) {
    const GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);
    /* what was classified just now is in the order of the targets */
    const float *probabilities =
        self->results.age == 0 ? gst_cow_results_get (&self->results, i) : gst_cow_results_find (&self->results, &target->region);
    GValue value = G_VALUE_INIT;

    if (!probabilities)
      continue;
    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, gst_cow_meta_add_object (buffer, &how, target, probabilities, self->results.age));
    gst_value_array_append_and_take_value (&objects, &value);
  }
  if (gst_value_array_get_size (&objects) > 0) {
    gst_cow_meta_attach (buffer, &how, &objects);
    if (settings->post_messages && self->results.age == 0)
      post_message (self, buffer, &objects);
  }
  g_value_unset (&objects);
}

static GstFlowReturn
gst_cow_behavior_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  gboolean nothing_to_carry = self->results.regions->len == 0;
  GstCowFrameSettings settings;
  GstFlowReturn flow = GST_FLOW_OK;

  GST_OBJECT_LOCK (self);
  settings = self->settings.frame;
  GST_OBJECT_UNLOCK (self);

  if (!nothing_to_carry && self->results.age < G_MAXUINT)
    self->results.age++;
  if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP)) {
    g_autoptr (GArray) targets = collect_targets (self, buffer, settings.region);

    if (nothing_to_carry || self->results.age >= settings.interval)
      flow = classify_buffer (self, buffer, targets);
    if (flow == GST_FLOW_OK)
      deliver (self, buffer, targets, &settings);
  }
  self->n_frames++;
  return flow;
}
