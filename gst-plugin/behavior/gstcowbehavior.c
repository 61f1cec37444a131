/* SPDX-License-Identifier: MIT */
/*
 * The element `cowbehavior` as GStreamer sees it: states, events, queries and properties. Buffers
 * go through the stream (stream.h), which may hold some of them; so this file drains the stream
 * before whatever must not overtake them (events, the end, a change of caps). It opens the engine
 * (model/engine/engine.h) that the settings (settings.h) name.
 */
/**
 * SECTION:element-cowbehavior
 * @title: cowbehavior
 * @short_description: Recognises what cows are doing
 *
 * Classifies frames, or the regions of interest in them, by a DINOv3 network with a LoRA or DoRA
 * adapter and its classifier head. The folder that property #GstCowBehavior:adapter names says
 * which classes there are and how pictures are prepared. Where neither model nor adapter is set,
 * the installed demonstration model is used, which knows drawn cows only, and a warning on the bus
 * says so.
 *
 * Every frame leaves with its pixels untouched and with
 *
 * * a custom meta `GstCowBehaviorMeta` that carries regions, labels, all probabilities and the age
 * of the result; the installed header `gstcowbehaviormeta.h` describes it and has functions to read
 * it;
 * * in builds with GStreamer 1.24 and later a #GstAnalyticsClsMtd with the label, related to the
 * object detection (which the element adds for a zone, and for a region of interest without one),
 * and a second one with all classes, related to the first. That of the full frame is related to no
 * detection;
 * * unless #GstCowBehavior:roi-meta is false, on the #GstVideoRegionOfInterestMeta of each region a
 * parameter `classification` with the fields `label` (string), `label_id` (int), `confidence`
 * (double), `model_name` (string) and `attribute_name` ("behavior") as DL Streamer's elements write
 * them, and `frames_ago` (uint). For the full frame and for zones the element adds a region to hold
 * it.
 *
 * In a live pipeline no frame waits for the network: each leaves at once with the newest results
 * that there are, and their age. Elsewhere each frame waits for its own; #GstCowBehavior:mode
 * chooses. Cows are followed from frame to frame by what a tracker upstream says, else by their
 * boxes, so that a result stays with its cow and #GstCowBehavior:smoothing can look back on its
 * earlier ones.
 *
 * For each frame that was classified the element posts an element message named `cowbehavior`, or
 * only when a label changes, or not at all, as #GstCowBehavior:post-messages says:
 *
 * * #guint64 `timestamp`: stream time of the frame in ns, absent without a timestamp
 * * #guint64 `running-time`: running time of the frame in ns, absent without a timestamp
 * * #guint64 `frame`: number of the frame since the element started, from 0
 * * #gint `width`, `height`: size of the frame in pixels
 * * #guint64 `wall-clock`: the camera's clock, ns since 1970, only where the buffer has a
 * #GstReferenceTimestampMeta in NTP or Unix time; in a live pipeline only while it is no more than
 * 5 minutes away from this machine's
 * * #gchararray `model_name`: the adapter that answered
 * * #GstValueArray of #gint `ids`, of #gchararray `labels` and of #gdouble `confidences`: those of
 * each object, in the order of `objects`
 * * #GstValueArray of #GstStructure `objects`: the objects of the custom meta: `x`, `y`, `w`, `h`,
 * `id`, `roi_type`, `region`, `track_id`, `label`, `label_id`, `confidence`, `top`,
 * `probabilities`, `frames_ago`, `age`
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=10 ! cowbehavior model=dinov3-vit7b16
 * adapter=qlora_r64 ! fakesink
 * ]|
 * Prints the label of each frame. Both names are paths, or folders below those that
 * COWBEHAVIOR_PATH lists.
 * |[
 * gst-launch-1.0 -m rtspsrc location=rtsp://camera/barn add-reference-timestamp-meta=true !
 * rtph264depay ! h264parse ! avdec_h264 ! cowbehavior model=dinov3-vits16 adapter=cows zones="pen
 * 1=0,0,0.5,1; pen 2=0.5,0,0.5,1" smoothing=hmm post-messages=on-change ! fakesink
 * ]|
 * Prints what is done in two parts of a live picture when it changes, with the camera's time.
 */
#include "gst-plugin/behavior/gstcowbehavior.h"

#include "gst-plugin/behavior/cuda.h"
#include "gst-plugin/behavior/exchange.h"
#include "gst-plugin/behavior/follows.h"
#include "gst-plugin/behavior/intake.h"
#include "gst-plugin/behavior/opening.h"
#include "gst-plugin/behavior/stream.h"
#include "gst-plugin/common/frame.h"
#include "gst-plugin/common/live.h"
#include "gst-plugin/common/tasks.h"

GST_DEBUG_CATEGORY_STATIC (gst_cow_behavior_debug);
#define GST_CAT_DEFAULT gst_cow_behavior_debug

#define SIZES ", width = (int) [ 1, 32768 ], height = (int) [ 1, 32768 ]"
#define CAPS  "video/x-raw, format = (string) " GST_COW_FRAME_FORMATS SIZES

/* A segment that begins further from the end of the last one is another part of the recording. */
#define JUMP GST_SECOND

struct _GstCowBehavior {
  GstBaseTransform parent;

  /* the object lock protects these */
  GstCowSettings settings;
  GError *zones_error; /* of the property zones, when an invalid value was set before the start */
  gboolean started;
  gchar *adapter;         /* of the engine that runs */
  CowEngine *running;     /* that engine, for other threads; NULL while stopped */
  CowEngine *replacement; /* takes over before the next frame, or NULL */
  GstCowQos qos;

  gint query_latency; /* atomic: whether the pipeline is live has to be queried again */
  GstCowExchange *exchange;
  GstCowIntake *intake;
  GstCowStream *stream;
  gboolean live;          /* whether the pipeline is live; of the streaming thread */
  GstCowContext *context; /* what neighbours share with the engine */
};

G_DEFINE_TYPE (GstCowBehavior, gst_cow_behavior, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (cowbehavior, "cowbehavior", GST_RANK_NONE, GST_TYPE_COW_BEHAVIOR)

static void gst_cow_behavior_finalize (GObject *object);
static void gst_cow_behavior_set_property (GObject *object, guint id, const GValue *value,
                                           GParamSpec *pspec);
static void gst_cow_behavior_get_property (GObject *object, guint id, GValue *value,
                                           GParamSpec *pspec);
static GstStateChangeReturn gst_cow_behavior_change_state (GstElement *element,
                                                           GstStateChange transition);
static gboolean gst_cow_behavior_start (GstBaseTransform *trans);
static gboolean gst_cow_behavior_stop (GstBaseTransform *trans);
static gboolean gst_cow_behavior_set_caps (GstBaseTransform *trans, GstCaps *incaps,
                                           GstCaps *outcaps);
static gboolean gst_cow_behavior_sink_event (GstBaseTransform *trans, GstEvent *event);
static gboolean gst_cow_behavior_src_event (GstBaseTransform *trans, GstEvent *event);
static gboolean gst_cow_behavior_query (GstBaseTransform *trans, GstPadDirection direction,
                                        GstQuery *query);
static gboolean gst_cow_behavior_propose_allocation (GstBaseTransform *trans,
                                                     GstQuery *decide_query, GstQuery *query);
static GstFlowReturn gst_cow_behavior_submit_input_buffer (GstBaseTransform *trans,
                                                           gboolean discont, GstBuffer *buffer);
static GstFlowReturn gst_cow_behavior_generate_output (GstBaseTransform *trans, GstBuffer **buffer);

/* Both pads take the same: frames of the host, and of a GPU where this build knows them. */
static void
add_pad_templates (GstElementClass *element_class)
{
  g_autofree gchar *text =
      gst_cow_cuda_formats
          ? g_strconcat (CAPS "; video/x-raw(" GST_COW_CUDA_FEATURE "), format = (string) ",
                         gst_cow_cuda_formats, SIZES, NULL)
          : g_strdup (CAPS);
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);

  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
}

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

  gst_element_class_set_static_metadata (
      element_class, "Cow behaviour recognition", "Analyzer/Video",
      gst_cow_cuda_formats
          ? "Labels frames, zones or detected cows with what the cow in them is doing"
          : "Labels frames, zones or detected cows with what the cow in them is doing; built "
            "without GStreamer's CUDA library, so frames come from the host's memory",
      "cowbehavior");
  add_pad_templates (element_class);

  element_class->change_state = GST_DEBUG_FUNCPTR (gst_cow_behavior_change_state);
  trans_class->start = GST_DEBUG_FUNCPTR (gst_cow_behavior_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_cow_behavior_stop);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_cow_behavior_set_caps);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_cow_behavior_sink_event);
  trans_class->src_event = GST_DEBUG_FUNCPTR (gst_cow_behavior_src_event);
  trans_class->query = GST_DEBUG_FUNCPTR (gst_cow_behavior_query);
  trans_class->propose_allocation = GST_DEBUG_FUNCPTR (gst_cow_behavior_propose_allocation);
  trans_class->submit_input_buffer = GST_DEBUG_FUNCPTR (gst_cow_behavior_submit_input_buffer);
  trans_class->generate_output = GST_DEBUG_FUNCPTR (gst_cow_behavior_generate_output);

  gst_type_mark_as_plugin_api (GST_TYPE_COW_PRECISION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_INFERENCE_REGION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_SMOOTHING, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_POST_MESSAGES, 0);
}

static void adapter_loaded (gpointer user_data, const char *adapter,
                            const CowPrecisionChoice *choice, CowEngine *engine,
                            const GError *error);

static void
gst_cow_behavior_init (GstCowBehavior *self)
{
  gst_cow_settings_init (&self->settings);
  self->context = gst_cow_context_new (GST_ELEMENT (self));
  self->stream = gst_cow_stream_new (GST_ELEMENT (self), self->context);
  self->intake = gst_cow_intake_new (GST_ELEMENT (self));
  gst_cow_qos_reset (&self->qos);
  self->exchange = gst_cow_exchange_new (adapter_loaded, self);
  /* With the property qos late frames are not classified, but none is dropped (see src_event). */
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), TRUE);
  /* The flag that a frame holds nothing is for the elements downstream, too. */
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
}

static void
gst_cow_behavior_finalize (GObject *object)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (object);

  gst_cow_exchange_free (self->exchange);
  gst_cow_stream_free (self->stream);
  gst_cow_intake_free (self->intake);
  gst_cow_context_free (self->context);
  gst_cow_settings_clear (&self->settings);
  g_clear_error (&self->zones_error);
  g_free (self->adapter);
  G_OBJECT_CLASS (gst_cow_behavior_parent_class)->finalize (object);
}

/* ---- the engine ------------------------------------------------------------------------------ */

/* The options that the settings name; free with clear_options (). The caller holds the object lock.
 */
static CowClassifierOptions
copy_options (const GstCowSettings *settings)
{
  return (CowClassifierOptions){ .model = g_strdup (settings->model),
                                 .adapter = g_strdup (settings->adapter),
                                 .device = g_strdup (settings->device),
                                 .precision = settings->precision };
}

static void
clear_options (CowClassifierOptions *options)
{
  g_free ((gchar *)options->model);
  g_free ((gchar *)options->adapter);
  g_free ((gchar *)options->device);
}

static gboolean
gst_cow_behavior_start (GstBaseTransform *trans)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  g_autoptr (GError) zones_error = NULL;
  GstCowFrameSettings *settings;
  CowClassifierOptions options;
  CowEngine *engine;
  gboolean ok;

  GST_OBJECT_LOCK (self);
  options = copy_options (&self->settings);
  settings = gst_cow_frame_settings_ref (self->settings.frame);
  zones_error = self->zones_error ? g_error_copy (self->zones_error) : NULL;
  GST_OBJECT_UNLOCK (self);

  gst_cow_opening_use_demonstration (GST_ELEMENT (self), &options);
  engine = gst_cow_opening_engine (GST_ELEMENT (self), &options);
  ok = engine && gst_cow_opening_check (GST_ELEMENT (self), engine, settings, zones_error);
  if (ok) {
    gst_cow_intake_start (self->intake);
    gst_cow_stream_start (self->stream, engine);
    g_atomic_int_set (&self->query_latency, TRUE);
    GST_OBJECT_LOCK (self);
    self->running = cow_engine_ref (engine);
    g_free (self->adapter);
    self->adapter = g_strdup (options.adapter);
    self->started = TRUE;
    gst_cow_qos_reset (&self->qos);
    GST_OBJECT_UNLOCK (self);
  }
  cow_engine_unref (engine);
  gst_cow_frame_settings_unref (settings);
  clear_options (&options);
  return ok;
}

static gboolean
gst_cow_behavior_stop (GstBaseTransform *trans)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  CowEngine *running, *replacement;

  GST_OBJECT_LOCK (self);
  self->started = FALSE;
  GST_OBJECT_UNLOCK (self);
  gst_cow_exchange_stop (self->exchange);

  GST_OBJECT_LOCK (self);
  running = g_steal_pointer (&self->running);
  replacement = g_steal_pointer (&self->replacement);
  GST_OBJECT_UNLOCK (self);
  gst_cow_stream_stop (self->stream);
  cow_engine_unref (running);
  cow_engine_unref (replacement);
  return TRUE;
}

/* ---- properties ------------------------------------------------------------------------------ */

/* The loading thread has loaded another adapter, or failed to. */
static void
adapter_loaded (gpointer user_data, const char *adapter, const CowPrecisionChoice *choice,
                CowEngine *engine, const GError *error)
{
  GstCowBehavior *self = user_data;
  CowEngine *obsolete = engine;
  gboolean reverted = FALSE;

  if (error)
    gst_cow_opening_fail (GST_ELEMENT (self), GST_MESSAGE_WARNING,
                          "property adapter (the old one stays)", NULL, error);
  else
    gst_cow_opening_report (GST_ELEMENT (self), engine, choice);
  GST_OBJECT_LOCK (self);
  if (engine && self->started) {
    obsolete = self->replacement;
    self->replacement = engine;
    g_free (self->adapter);
    self->adapter = g_strdup (adapter);
  } else if (error && g_strcmp0 (self->settings.adapter, adapter) == 0) {
    g_free (self->settings.adapter);
    self->settings.adapter = g_strdup (self->adapter);
    reverted = TRUE;
  }
  GST_OBJECT_UNLOCK (self);
  cow_engine_unref (obsolete);
  if (reverted)
    g_object_notify (G_OBJECT (self), "adapter");
}

/* An invalid value of zones is an error when the element starts, or a warning now. Takes the error,
 * or NULL. */
static void
note_zones_error (GstCowBehavior *self, GError *error)
{
  gboolean started;

  GST_OBJECT_LOCK (self);
  started = self->started;
  g_clear_error (&self->zones_error);
  if (!started)
    self->zones_error = error;
  GST_OBJECT_UNLOCK (self);
  if (started && error) {
    gst_cow_opening_fail (GST_ELEMENT (self), GST_MESSAGE_WARNING,
                          "property zones (the old ones stay)", NULL, error);
    g_error_free (error);
  }
}

static void
gst_cow_behavior_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (object);
  CowClassifierOptions options = { 0 };
  guint before, after;
  GError *error = NULL;
  gboolean exchange;

  GST_OBJECT_LOCK (self);
  before = gst_cow_frame_settings_depth (self->settings.frame);
  if (!gst_cow_settings_set (&self->settings, id, value, &error))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  after = gst_cow_frame_settings_depth (self->settings.frame);
  exchange = id == GST_COW_PROP_ADAPTER && self->started;
  if (exchange)
    options = copy_options (&self->settings);
  GST_OBJECT_UNLOCK (self);

  if (id == GST_COW_PROP_ZONES)
    note_zones_error (self, error);
  if (exchange)
    gst_cow_exchange_request (self->exchange, &options);
  clear_options (&options);
  if (before != after || id == GST_COW_PROP_MODE || id == GST_COW_PROP_BATCH_TIMEOUT)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

static void
gst_cow_behavior_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (object);
  CowEngine *engine;

  GST_OBJECT_LOCK (self);
  engine = self->running ? cow_engine_ref (self->running) : NULL;
  if (id != GST_COW_PROP_STATS && !gst_cow_settings_get (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
  if (id == GST_COW_PROP_STATS)
    g_value_take_boxed (value, gst_cow_stream_get_stats (self->stream, engine));
  cow_engine_unref (engine);
}

static GstStateChangeReturn
gst_cow_behavior_change_state (GstElement *element, GstStateChange transition)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (element);

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !gst_cow_tasks_check (element))
    return GST_STATE_CHANGE_FAILURE;
  /* Before the base class deactivates the pads, which waits for the streaming thread. */
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_cow_stream_set_flushing (self->stream, FALSE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    gst_cow_stream_set_flushing (self->stream, TRUE);
  return GST_ELEMENT_CLASS (gst_cow_behavior_parent_class)->change_state (element, transition);
}

/* ---- the mode -------------------------------------------------------------------------------- */

/* Whether frames wait for their results in a pipeline that is live, or is not. */
static gboolean
is_blocking (GstCowBehavior *self, gboolean live)
{
  GstCowMode mode;

  GST_OBJECT_LOCK (self);
  mode = self->settings.frame->mode;
  GST_OBJECT_UNLOCK (self);
  return mode == GST_COW_MODE_BLOCKING || (mode == GST_COW_MODE_AUTO && !live);
}

/* Pushes all frames that are held downstream. */
static GstFlowReturn
drain (GstCowBehavior *self)
{
  GstFlowReturn flow;
  GstBuffer *buffer;

  while ((flow = gst_cow_stream_pull (self->stream, TRUE, &buffer)) == GST_FLOW_OK && buffer) {
    flow = gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (self), buffer);
    if (flow != GST_FLOW_OK)
      break;
  }
  return flow;
}

static GstFlowReturn
choose_mode (GstCowBehavior *self)
{
  GstFlowReturn flow = GST_FLOW_OK;
  gboolean blocking;

  if (g_atomic_int_compare_and_exchange (&self->query_latency, TRUE, FALSE))
    self->live = gst_cow_pad_is_live (GST_BASE_TRANSFORM_SINK_PAD (self));
  blocking = is_blocking (self, self->live);
  if (blocking != gst_cow_stream_is_blocking (self->stream))
    flow = drain (self);
  gst_cow_stream_set_mode (self->stream, blocking, self->live);
  return flow;
}

/* How long the frames of this stream may wait here: for the frames after them, and for pictures of
 * others in their batch. */
static GstClockTime
own_latency (GstCowBehavior *self, gboolean live)
{
  const GstClockTime frame_ns = gst_cow_stream_get_frame_duration (self->stream);
  GstClockTime latency;

  if (!is_blocking (self, live))
    return 0;
  GST_OBJECT_LOCK (self);
  latency = (gst_cow_frame_settings_depth (self->settings.frame) - 1) * frame_ns;
  if (self->settings.frame->batch_size != 1)
    latency += self->settings.frame->batch_timeout_ms * GST_MSECOND;
  GST_OBJECT_UNLOCK (self);
  return latency;
}

/* Whether a neighbour that asks which CUDA context to use was told that of our device. */
static gboolean
answer_context (GstCowBehavior *self, GstQuery *query)
{
  g_autofree gchar *device = NULL;

  GST_OBJECT_LOCK (self);
  device =
      g_strdup (self->running ? cow_engine_device (self->running)->name : self->settings.device);
  GST_OBJECT_UNLOCK (self);
  return gst_cow_context_answer (self->context, query, device);
}

/* Whether detections are what it classifies. */
static gboolean
tells_each_cow (GstCowBehavior *self)
{
  GstCowInferenceRegion region;

  GST_OBJECT_LOCK (self);
  region = self->settings.frame->region;
  GST_OBJECT_UNLOCK (self);
  return region == GST_COW_INFERENCE_REGION_AUTO || region == GST_COW_INFERENCE_REGION_ROI_LIST;
}

static gboolean
gst_cow_behavior_query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  GstClockTime min, max, own;
  gboolean live, ok;

  if (GST_QUERY_TYPE (query) == GST_QUERY_CONTEXT && answer_context (self, query))
    return TRUE;
  if (direction == GST_PAD_SINK && gst_cow_follows_asks (query) && tells_each_cow (self))
    return TRUE;
  ok = GST_BASE_TRANSFORM_CLASS (gst_cow_behavior_parent_class)->query (trans, direction, query);
  if (!ok || direction != GST_PAD_SRC || GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return ok;
  gst_query_parse_latency (query, &live, &min, &max);
  own = own_latency (self, live);
  GST_DEBUG_OBJECT (self, "adds %" GST_TIME_FORMAT " of latency", GST_TIME_ARGS (own));
  gst_query_set_latency (query, live, min + own, GST_CLOCK_TIME_IS_VALID (max) ? max + own : max);
  return TRUE;
}

/* Asks for more buffers in each pool that downstream proposes, or for the number alone where it
 * proposes none. */
static void
add_to_pools (GstQuery *query, guint held)
{
  guint n = gst_query_get_n_allocation_pools (query);
  GstVideoInfo info;
  GstCaps *caps;

  for (guint i = 0; i < n; i++) {
    GstBufferPool *pool;
    guint size, min, max;

    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &min, &max);
    gst_query_set_nth_allocation_pool (query, i, pool, size, min + held, max > 0 ? max + held : 0);
    gst_clear_object (&pool);
  }
  gst_query_parse_allocation (query, &caps, NULL);
  if (n == 0 && caps && gst_video_info_from_caps (&info, caps))
    gst_query_add_allocation_pool (query, NULL, (guint)GST_VIDEO_INFO_SIZE (&info), held, 0);
}

/* Buffers pass through, so upstream may send whatever downstream can take (its pool, strides by
 * GstVideoMeta). It needs more buffers where frames are held. */
static gboolean
gst_cow_behavior_propose_allocation (GstBaseTransform *trans, GstQuery *decide_query,
                                     GstQuery *query)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  guint held;

  if (!gst_pad_peer_query (GST_BASE_TRANSFORM_SRC_PAD (trans), query))
    return FALSE;
  GST_OBJECT_LOCK (self);
  held = gst_cow_frame_settings_depth (self->settings.frame) - 1;
  GST_OBJECT_UNLOCK (self);
  if (held > 0 && is_blocking (self, gst_cow_pad_is_live (GST_BASE_TRANSFORM_SINK_PAD (self))))
    add_to_pools (query, held);
  return TRUE;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Says that frames of a GPU come to an engine that is on none: it works, and each is copied. */
static void
tell_of_copies (GstCowBehavior *self, const GstCaps *caps)
{
  const GstCapsFeatures *features = gst_caps_get_features (caps, 0);
  g_autoptr (CowEngine) engine = NULL;

  if (!features || !gst_caps_features_contains (features, GST_COW_CUDA_FEATURE))
    return;
  GST_OBJECT_LOCK (self);
  engine = self->running ? cow_engine_ref (self->running) : NULL;
  GST_OBJECT_UNLOCK (self);
  if (engine && !cow_engine_device (engine)->native)
    GST_ELEMENT_INFO (self, RESOURCE, SETTINGS,
                      ("property device: it is %s, and frames lie in the memory of a GPU: each is "
                       "copied to the host",
                       cow_engine_device_text (engine)),
                      (NULL));
}

static gboolean
gst_cow_behavior_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, incaps)) {
    GST_ERROR_OBJECT (self, "caps that are not raw video: %" GST_PTR_FORMAT, incaps);
    return FALSE;
  }
  if (!gst_cow_intake_note_info (self->intake, &info))
    return FALSE;
  tell_of_copies (self, incaps);
  gst_cow_stream_set_info (self->stream, &info);
  return TRUE;
}

/* Whether a segment continues where the last one was, as an update does; a seek without a flush and
 * the end of a loop do not. */
static gboolean
continues (const GstSegment *before, const GstSegment *after)
{
  guint64 begin = after->rate < 0 ? after->stop : after->start;

  if (before->format != after->format || (before->rate < 0) != (after->rate < 0))
    return FALSE;
  if (after->format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID (before->position) ||
      !GST_CLOCK_TIME_IS_VALID (begin))
    return TRUE;
  return MAX (begin, before->position) - MIN (begin, before->position) <= JUMP;
}

static void
note_segment (GstCowBehavior *self, GstEvent *event)
{
  const GstSegment *before = &GST_BASE_TRANSFORM (self)->segment, *after;

  gst_event_parse_segment (event, &after);
  if (before->format != GST_FORMAT_UNDEFINED && !continues (before, after))
    gst_cow_stream_reset (self->stream);
  g_atomic_int_set (&self->query_latency, TRUE);
}

static void
flush (GstCowBehavior *self)
{
  gst_cow_stream_set_flushing (self->stream, FALSE);
  gst_cow_stream_flush (self->stream);
  gst_cow_stream_reset (self->stream);
  GST_OBJECT_LOCK (self);
  gst_cow_qos_reset (&self->qos);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_cow_behavior_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);

  /* What comes after a frame stays after it. */
  if (GST_EVENT_IS_SERIALIZED (event) && GST_EVENT_TYPE (event) != GST_EVENT_FLUSH_STOP)
    drain (self);
  if (gst_cow_intake_note_event (self->intake, event))
    gst_cow_stream_reset (self->stream);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    gst_cow_stream_set_flushing (self->stream, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    flush (self);
    break;
  case GST_EVENT_STREAM_START:
    gst_cow_stream_reset (self->stream);
    break;
  case GST_EVENT_SEGMENT:
    note_segment (self, event);
    break;
  case GST_EVENT_EOS:
    gst_cow_stream_flush (self->stream);
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_cow_behavior_parent_class)->sink_event (trans, event);
}

static gboolean
gst_cow_behavior_src_event (GstBaseTransform *trans, GstEvent *event)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  GstClockTimeDiff diff;
  GstClockTime timestamp;

  if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY)
    g_atomic_int_set (&self->query_latency, TRUE);
  if (GST_EVENT_TYPE (event) != GST_EVENT_QOS)
    return GST_BASE_TRANSFORM_CLASS (gst_cow_behavior_parent_class)->src_event (trans, event);
  /* The event bypasses the base class, which would drop late frames; here they are only not
   * classified. */
  gst_event_parse_qos (event, NULL, NULL, &diff, &timestamp);
  GST_OBJECT_LOCK (self);
  gst_cow_qos_update (&self->qos, diff, timestamp);
  GST_OBJECT_UNLOCK (self);
  return gst_pad_push_event (GST_BASE_TRANSFORM_SINK_PAD (trans), event);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* An adapter that was loaded in the meantime takes over. */
static void
take_replacement (GstCowBehavior *self)
{
  CowEngine *engine, *old = NULL;
  guint64 frame;

  GST_OBJECT_LOCK (self);
  engine = g_steal_pointer (&self->replacement);
  if (engine) {
    old = self->running;
    self->running = cow_engine_ref (engine);
  }
  GST_OBJECT_UNLOCK (self);
  if (!engine)
    return;
  frame = gst_cow_stream_set_engine (self->stream, engine);
  GST_INFO_OBJECT (self, "%s takes over from frame %" G_GUINT64_FORMAT " on",
                   cow_engine_name (engine), frame);
  cow_engine_unref (old);
  cow_engine_unref (engine);
}

static GstFlowReturn
gst_cow_behavior_submit_input_buffer (GstBaseTransform *trans, gboolean discont, GstBuffer *buffer)
{
  GstCowBehavior *self = GST_COW_BEHAVIOR (trans);
  GstFlowReturn flow = choose_mode (self);
  GstCowFrameSettings *settings;
  GstCowQos qos;

  /* The base class would mark the next frame that leaves, which may be an older one. */
  if (flow == GST_FLOW_OK && GST_BUFFER_IS_DISCONT (buffer))
    flow = drain (self);
  if (flow != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    return flow;
  }
  flow = GST_BASE_TRANSFORM_CLASS (gst_cow_behavior_parent_class)
             ->submit_input_buffer (trans, discont, buffer);
  if (flow != GST_FLOW_OK)
    return flow;

  gst_cow_intake_note_frame (self->intake, trans->queued_buf);
  take_replacement (self);
  GST_OBJECT_LOCK (self);
  settings = gst_cow_frame_settings_ref (self->settings.frame);
  qos = self->qos;
  GST_OBJECT_UNLOCK (self);
  if (!gst_base_transform_is_qos_enabled (trans))
    gst_cow_qos_reset (&qos);
  buffer = gst_buffer_make_writable (g_steal_pointer (&trans->queued_buf));
  gst_cow_stream_push (self->stream, buffer, settings, &trans->segment, &qos);
  return GST_FLOW_OK;
}

static GstFlowReturn
gst_cow_behavior_generate_output (GstBaseTransform *trans, GstBuffer **buffer)
{
  return gst_cow_stream_pull (GST_COW_BEHAVIOR (trans)->stream, FALSE, buffer);
}
