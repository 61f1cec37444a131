/* SPDX-License-Identifier: MIT */
/*
 * The element as GStreamer sees it. Frames pass in place, so that none overtakes another; finder.h
 * does what there is to do with them.
 */
/**
 * SECTION:element-cowdetect
 * @title: cowdetect
 * @short_description: Finds and follows cows
 *
 * Finds the cows in whole frames by a DINOv3 network with an adapter that `cow-trainer train
 * --recipe detect-frozen` (or detect-qlora, detect-dora) made, and follows them from frame to
 * frame. Where neither model nor adapter is set, the installed demonstration is used, which knows
 * drawn cows only, and a warning on the bus says so. Put it before `cowbehavior`, which then tells
 * what each of them does.
 *
 * Every frame leaves with its pixels untouched and for each cow with
 *
 * * a #GstVideoRegionOfInterestMeta of the type that the adapter names, mostly `cow`, with two
 * parameters as DL Streamer's elements write them: `detection` with `confidence` (double), `label`
 * (string) and `label_id` (int), and `object_id` with the `id` (int) of her track;
 * * in builds with GStreamer 1.24 and later a #GstAnalyticsODMtd, and a #GstAnalyticsTrackingMtd
 * with her track that is related to it.
 *
 * An adapter that was trained on boxes with behaviors tells these too, from the same pass whatever
 * the number of cows: frames then carry what `cowbehavior` attaches (#GstCowBehaviorMeta,
 * classifications), and messages named "cowbehavior" are posted. `cowbehavior` is not needed then;
 * where it stands behind all the same, it alone tells them, unless #GstCowDetect:tell-behaviors
 * says otherwise.
 *
 * Every #GstCowDetect:inference-interval-th frame is looked at; the frames between carry the cows
 * where they should be by then. In a live pipeline no frame waits for the network: each carries
 * what is known when it leaves; #GstCowDetect:mode chooses.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=barn.mp4 ! decodebin ! videoconvert ! cowdetect
 * adapter=runs/frames/best ! cowbehavior ! cowoverlay ! videoconvert ! autovideosink
 * ]|
 * Shows a recording with a box around each cow and what she does.
 */
#include "gst-plugin/detect/gstcowdetect.h"

#include <gst/video/video.h>

#include "gst-plugin/behavior/follows.h"
#include "gst-plugin/behavior/intake.h"
#include "gst-plugin/behavior/opening.h"
#include "gst-plugin/behavior/settings.h"
#include "gst-plugin/common/frame.h"
#include "gst-plugin/common/live.h"
#include "gst-plugin/common/tasks.h"
#include "gst-plugin/detect/finder.h"

GST_DEBUG_CATEGORY_STATIC (gst_cow_detect_debug);
#define GST_CAT_DEFAULT gst_cow_detect_debug

typedef enum { GST_COW_TELL_AUTO, GST_COW_TELL_ALWAYS, GST_COW_TELL_NEVER } GstCowTell;

#define GST_TYPE_COW_TELL (gst_cow_tell_get_type ())

static GType
gst_cow_tell_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_TELL_AUTO, "where no cowbehavior stands behind that tells it", "auto" },
    { GST_COW_TELL_ALWAYS, "Beside what a cowbehavior tells, too", "always" },
    { GST_COW_TELL_NEVER, "The cows are found, and no more", "never" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowTell", values));
  return type;
}

#define CAPS                                                                                       \
  "video/x-raw, format = (string) " GST_COW_FRAME_FORMATS                                          \
  ", width = (int) [ 1, 32768 ], height = (int) [ 1, 32768 ]"

#define DEFAULT_DEVICE             "auto"
#define DEFAULT_PRECISION          COW_PRECISION_AUTO
#define DEFAULT_MODE               GST_COW_MODE_AUTO
#define DEFAULT_INTERVAL           5
#define DEFAULT_TILES              1
#define DEFAULT_THRESHOLD          GST_COW_FINDER_OF_ADAPTER
#define DEFAULT_BEHAVIOR_THRESHOLD 0

#define READ_WRITE (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)
#define AT_START   (READ_WRITE | GST_PARAM_MUTABLE_READY)
#define ANY_TIME   (READ_WRITE | GST_PARAM_MUTABLE_PLAYING)

enum {
  PROP_0,
  PROP_MODEL,
  PROP_ADAPTER,
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_MODE,
  PROP_INFERENCE_INTERVAL,
  PROP_TILE_COLUMNS,
  PROP_TILE_ROWS,
  PROP_THRESHOLD,
  PROP_TELL_BEHAVIORS,
  PROP_SMOOTHING,
  PROP_SMOOTHING_WINDOW,
  PROP_BEHAVIOR_THRESHOLD,
  PROP_POST_MESSAGES,
  PROP_STATS
};

struct _GstCowDetect {
  GstBaseTransform parent;

  /* the object lock protects these */
  gchar *model, *adapter, *device;
  CowPrecision precision;
  GstCowMode mode;
  guint interval, columns, rows;
  gfloat threshold;
  GstCowTell tell;
  GstCowTelling telling; /* `wanted` is resolved for each frame */
  CowEngine *running;    /* NULL while stopped */

  gint query_latency; /* atomic: whether the pipeline is live has to be queried again */
  gboolean live;      /* of the streaming thread, as are these */
  gboolean followed;  /* by a cowbehavior that tells what each cow does */
  GstVideoInfo info;
  guint64 n_frames;
  GstCowIntake *intake;
  GstCowFinder *finder;
};

G_DEFINE_TYPE (GstCowDetect, gst_cow_detect, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (cowdetect, "cowdetect", GST_RANK_NONE, GST_TYPE_COW_DETECT)

/* ---- start and stop -------------------------------------------------------------------------- */

/* An engine that the properties name; NULL when an error was posted. */
static CowEngine *
open_engine (GstCowDetect *self)
{
  CowClassifierOptions options = { .detects = TRUE };
  CowEngine *engine;

  GST_OBJECT_LOCK (self);
  options.model = g_strdup (self->model);
  options.adapter = g_strdup (self->adapter);
  options.device = g_strdup (self->device);
  options.precision = self->precision;
  GST_OBJECT_UNLOCK (self);
  gst_cow_opening_use_demonstration (GST_ELEMENT (self), &options);
  engine = gst_cow_opening_engine (GST_ELEMENT (self), &options);
  g_free ((gchar *)options.model);
  g_free ((gchar *)options.adapter);
  g_free ((gchar *)options.device);
  return engine;
}

static gboolean
gst_cow_detect_start (GstBaseTransform *trans)
{
  GstCowDetect *self = GST_COW_DETECT (trans);
  CowEngine *engine = open_engine (self);

  if (!engine)
    return FALSE;
  gst_cow_intake_start (self->intake);
  gst_cow_finder_start (self->finder, engine);
  self->n_frames = 0;
  self->followed = FALSE;
  g_atomic_int_set (&self->query_latency, TRUE);
  GST_OBJECT_LOCK (self);
  self->running = engine;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
gst_cow_detect_stop (GstBaseTransform *trans)
{
  GstCowDetect *self = GST_COW_DETECT (trans);
  CowEngine *running;

  GST_OBJECT_LOCK (self);
  running = g_steal_pointer (&self->running);
  GST_OBJECT_UNLOCK (self);
  gst_cow_finder_stop (self->finder);
  cow_engine_unref (running);
  return TRUE;
}

static GstStateChangeReturn
gst_cow_detect_change_state (GstElement *element, GstStateChange transition)
{
  GstCowDetect *self = GST_COW_DETECT (element);

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !gst_cow_tasks_check (element))
    return GST_STATE_CHANGE_FAILURE;
  /* Before the base class deactivates the pads, which waits for the streaming thread. */
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_cow_finder_set_flushing (self->finder, FALSE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    gst_cow_finder_set_flushing (self->finder, TRUE);
  return GST_ELEMENT_CLASS (gst_cow_detect_parent_class)->change_state (element, transition);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static gboolean
gst_cow_detect_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstCowDetect *self = GST_COW_DETECT (trans);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, incaps)) {
    GST_ERROR_OBJECT (self, "caps that are not raw video: %" GST_PTR_FORMAT, incaps);
    return FALSE;
  }
  if (!gst_cow_intake_note_info (self->intake, &info))
    return FALSE;
  if (!gst_video_info_is_equal (&info, &self->info))
    gst_cow_finder_reset (self->finder);
  self->info = info;
  return TRUE;
}

static gboolean
gst_cow_detect_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstCowDetect *self = GST_COW_DETECT (trans);

  if (gst_cow_intake_note_event (self->intake, event))
    gst_cow_finder_reset (self->finder);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    gst_cow_finder_set_flushing (self->finder, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_cow_finder_set_flushing (self->finder, FALSE);
    gst_cow_finder_reset (self->finder);
    break;
  case GST_EVENT_STREAM_START:
    gst_cow_finder_reset (self->finder);
    break;
  case GST_EVENT_SEGMENT:
    g_atomic_int_set (&self->query_latency, TRUE);
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_cow_detect_parent_class)->sink_event (trans, event);
}

/* What stands before and behind, which may have changed. */
static void
look_around (GstCowDetect *self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  const gboolean followed = gst_cow_follows (GST_BASE_TRANSFORM_SRC_PAD (trans));

  self->live = gst_cow_pad_is_live (GST_BASE_TRANSFORM_SINK_PAD (trans));
  if (followed && !self->followed && cow_engine_n_behaviours (self->running) > 0)
    GST_ELEMENT_INFO (self, RESOURCE, SETTINGS,
                      ("%s could tell what the cows do; the cowbehavior behind does it",
                       cow_engine_name (self->running)),
                      ("tell-behaviors=always adds the one to the other"));
  self->followed = followed;
}

static gboolean
gst_cow_detect_src_event (GstBaseTransform *trans, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY ||
      GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE)
    g_atomic_int_set (&GST_COW_DETECT (trans)->query_latency, TRUE);
  return GST_BASE_TRANSFORM_CLASS (gst_cow_detect_parent_class)->src_event (trans, event);
}

static GstFlowReturn
gst_cow_detect_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstCowDetect *self = GST_COW_DETECT (trans);
  GstCowFinding how;
  GstCowMode mode;
  GstCowTell tell;

  if (g_atomic_int_compare_and_exchange (&self->query_latency, TRUE, FALSE))
    look_around (self);
  GST_OBJECT_LOCK (self);
  how = (GstCowFinding){ .interval = self->interval,
                         .columns = self->columns,
                         .rows = self->rows,
                         .threshold = self->threshold,
                         .telling = self->telling };
  mode = self->mode;
  tell = self->tell;
  GST_OBJECT_UNLOCK (self);
  how.telling.wanted =
      tell == GST_COW_TELL_ALWAYS || (tell == GST_COW_TELL_AUTO && !self->followed);
  how.blocking = mode == GST_COW_MODE_BLOCKING || (mode == GST_COW_MODE_AUTO && !self->live);
  gst_cow_intake_note_frame (self->intake, buffer);
  const GstCowMoment moment =
      gst_cow_moment_of (buffer, &trans->segment, &self->info, self->n_frames++);
  return gst_cow_finder_push (self->finder, buffer, &self->info, &moment, &how);
}

/* ---- properties ------------------------------------------------------------------------------ */

static void
gst_cow_detect_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstCowDetect *self = GST_COW_DETECT (object);
  gchar **text = id == PROP_MODEL     ? &self->model
                 : id == PROP_ADAPTER ? &self->adapter
                 : id == PROP_DEVICE  ? &self->device
                                      : NULL;

  GST_OBJECT_LOCK (self);
  if (text) {
    g_free (*text);
    *text = g_value_dup_string (value);
  } else if (id == PROP_PRECISION)
    self->precision = (CowPrecision)g_value_get_enum (value);
  else if (id == PROP_MODE)
    self->mode = (GstCowMode)g_value_get_enum (value);
  else if (id == PROP_INFERENCE_INTERVAL)
    self->interval = g_value_get_uint (value);
  else if (id == PROP_TILE_COLUMNS)
    self->columns = g_value_get_uint (value);
  else if (id == PROP_TILE_ROWS)
    self->rows = g_value_get_uint (value);
  else if (id == PROP_THRESHOLD)
    self->threshold = g_value_get_float (value);
  else if (id == PROP_TELL_BEHAVIORS)
    self->tell = (GstCowTell)g_value_get_enum (value);
  else if (id == PROP_SMOOTHING)
    self->telling.smoothing = (GstCowSmoothing)g_value_get_enum (value);
  else if (id == PROP_SMOOTHING_WINDOW)
    self->telling.window = g_value_get_uint (value);
  else if (id == PROP_BEHAVIOR_THRESHOLD)
    self->telling.threshold = g_value_get_float (value);
  else if (id == PROP_POST_MESSAGES)
    self->telling.post_messages = (GstCowPostMessages)g_value_get_enum (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
get_stats (GstCowDetect *self, GValue *value)
{
  CowEngine *engine;

  GST_OBJECT_LOCK (self);
  engine = self->running ? cow_engine_ref (self->running) : NULL;
  GST_OBJECT_UNLOCK (self);
  g_value_take_boxed (value, gst_cow_finder_get_stats (self->finder, engine));
  cow_engine_unref (engine);
}

static void
gst_cow_detect_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstCowDetect *self = GST_COW_DETECT (object);

  if (id == PROP_STATS) {
    get_stats (self, value);
    return;
  }
  GST_OBJECT_LOCK (self);
  if (id == PROP_MODEL)
    g_value_set_string (value, self->model);
  else if (id == PROP_ADAPTER)
    g_value_set_string (value, self->adapter);
  else if (id == PROP_DEVICE)
    g_value_set_string (value, self->device);
  else if (id == PROP_PRECISION)
    g_value_set_enum (value, (gint)self->precision);
  else if (id == PROP_MODE)
    g_value_set_enum (value, (gint)self->mode);
  else if (id == PROP_INFERENCE_INTERVAL)
    g_value_set_uint (value, self->interval);
  else if (id == PROP_TILE_COLUMNS)
    g_value_set_uint (value, self->columns);
  else if (id == PROP_TILE_ROWS)
    g_value_set_uint (value, self->rows);
  else if (id == PROP_THRESHOLD)
    g_value_set_float (value, self->threshold);
  else if (id == PROP_TELL_BEHAVIORS)
    g_value_set_enum (value, (gint)self->tell);
  else if (id == PROP_SMOOTHING)
    g_value_set_enum (value, (gint)self->telling.smoothing);
  else if (id == PROP_SMOOTHING_WINDOW)
    g_value_set_uint (value, self->telling.window);
  else if (id == PROP_BEHAVIOR_THRESHOLD)
    g_value_set_float (value, self->telling.threshold);
  else if (id == PROP_POST_MESSAGES)
    g_value_set_enum (value, (gint)self->telling.post_messages);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
install_network (GObjectClass *klass)
{
  /**
   * GstCowDetect:model:
   *
   * The network, as `cowbehavior` takes it.
   */
  g_object_class_install_property (
      klass, PROP_MODEL,
      g_param_spec_string ("model", "Model",
                           "Vision transformer: a folder or file, or a name below the folders of "
                           "$COWBEHAVIOR_PATH. Unset: the one that the adapter was made on, which "
                           "is looked for by its name and its weights; where neither this nor "
                           "adapter is set: the demonstration's",
                           NULL, AT_START));
  /**
   * GstCowDetect:adapter:
   *
   * The adapter folder with the head that finds cows in whole frames.
   */
  g_object_class_install_property (
      klass, PROP_ADAPTER,
      g_param_spec_string ("adapter", "Adapter",
                           "Adapter folder that finds cows in whole frames (cow-trainer train "
                           "--recipe detect-frozen); looked up like model; where neither this nor "
                           "model is set: the demonstration's",
                           NULL, AT_START));
  /**
   * GstCowDetect:device:
   *
   * The device that computes: `auto`, `cpu`, `cuda` or `cuda:N`, as with `cowbehavior`.
   */
  g_object_class_install_property (klass, PROP_DEVICE, gst_cow_settings_device_spec ());
  /**
   * GstCowDetect:precision:
   *
   * Arithmetic of the network, as with `cowbehavior`.
   */
  g_object_class_install_property (klass, PROP_PRECISION, gst_cow_settings_precision_spec ());
}

static void
install_finding (GObjectClass *klass)
{
  /**
   * GstCowDetect:mode:
   *
   * Whether frames that are looked at wait for what is found. `auto` never lets a live stream wait.
   */
  g_object_class_install_property (
      klass, PROP_MODE,
      g_param_spec_enum ("mode", "Mode", "Whether frames wait for what is found in them",
                         GST_TYPE_COW_MODE, DEFAULT_MODE, ANY_TIME));
  /**
   * GstCowDetect:inference-interval:
   *
   * Every n-th frame is looked at; the frames between carry the cows where they should be by then.
   */
  g_object_class_install_property (
      klass, PROP_INFERENCE_INTERVAL,
      g_param_spec_uint ("inference-interval", "Inference interval",
                         "Look for cows in every n-th frame (1 = every frame); the frames between "
                         "carry them where they should be by then",
                         1, G_MAXUINT, DEFAULT_INTERVAL, ANY_TIME));
  /**
   * GstCowDetect:tile-columns:
   *
   * Large frames with small cows, such as those of 4K: tiles beside each other, which overlap by a
   * fifth and are looked at as well as the whole frame. Each costs as much as that.
   */
  g_object_class_install_property (
      klass, PROP_TILE_COLUMNS,
      g_param_spec_uint ("tile-columns", "Tile columns",
                         "Look for small cows in so many parts beside each other, too; each costs "
                         "as much as the whole frame",
                         1, GST_COW_FINDER_MAX_TILES, DEFAULT_TILES, ANY_TIME));
  /**
   * GstCowDetect:tile-rows:
   *
   * Likewise, above each other.
   */
  g_object_class_install_property (
      klass, PROP_TILE_ROWS,
      g_param_spec_uint ("tile-rows", "Tile rows",
                         "Look for small cows in so many parts above each other, too", 1,
                         GST_COW_FINDER_MAX_TILES, DEFAULT_TILES, ANY_TIME));
  /**
   * GstCowDetect:threshold:
   *
   * The score that a cow needs. -1: where the adapter's evaluation (`cow-trainer eval --save`)
   * found F1 best, else 0.3.
   */
  g_object_class_install_property (
      klass, PROP_THRESHOLD,
      g_param_spec_float (
          "threshold", "Threshold",
          "Score that a cow needs (-1 = the adapter's own, where F1 was best in its "
          "evaluation, else 0.3)",
          -1.0f, 1.0f, DEFAULT_THRESHOLD, ANY_TIME));
  /**
   * GstCowDetect:stats:
   *
   * Counters since the start: frames, those that were looked at (`inferences`), the cows that
   * frames left with (`objects`), tracks, frames that were due and not looked at by the reason, and
   * the times of the network.
   */
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
                          "Counters of frames, cows and the network since the start",
                          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

/* What matters with an adapter that tells what cows do. */
static void
install_telling (GObjectClass *klass)
{
  /**
   * GstCowDetect:tell-behaviors:
   *
   * Whether an adapter that can tell what the cows do does so: auto, where no `cowbehavior` stands
   * behind that tells it of each of them.
   */
  g_object_class_install_property (
      klass, PROP_TELL_BEHAVIORS,
      g_param_spec_enum ("tell-behaviors", "Tell behaviors",
                         "Whether an adapter that can tell what the cows do does so",
                         GST_TYPE_COW_TELL, GST_COW_TELL_AUTO, ANY_TIME));
  /**
   * GstCowDetect:smoothing:
   *
   * How the last results of a cow make her label, as with `cowbehavior`.
   */
  g_object_class_install_property (
      klass, PROP_SMOOTHING,
      g_param_spec_enum ("smoothing", "Smoothing",
                         "With an adapter that tells behaviors: how the last results of a cow make "
                         "her label",
                         GST_TYPE_COW_SMOOTHING, GST_COW_DEFAULT_SMOOTHING, ANY_TIME));
  /**
   * GstCowDetect:smoothing-window:
   *
   * The number of results that smoothing looks back on, one a frame that is looked at.
   */
  g_object_class_install_property (
      klass, PROP_SMOOTHING_WINDOW,
      g_param_spec_uint ("smoothing-window", "Smoothing window",
                         "Results of the same cow that smoothing looks back on", 2,
                         GST_COW_SMOOTHING_MAX_WINDOW, GST_COW_DEFAULT_SMOOTHING_WINDOW, ANY_TIME));
  /**
   * GstCowDetect:behavior-threshold:
   *
   * The probability below which a cow's label is "unknown".
   */
  g_object_class_install_property (
      klass, PROP_BEHAVIOR_THRESHOLD,
      g_param_spec_float ("behavior-threshold", "Behavior threshold",
                          "Probability of the likeliest behavior below which a cow's label is "
                          "\"unknown\" (0 = never)",
                          0, 1, DEFAULT_BEHAVIOR_THRESHOLD, ANY_TIME));
  /**
   * GstCowDetect:post-messages:
   *
   * Which results are posted on the bus as element messages named "cowbehavior".
   */
  g_object_class_install_property (
      klass, PROP_POST_MESSAGES,
      g_param_spec_enum ("post-messages", "Post messages",
                         "With an adapter that tells behaviors: which results are posted on the "
                         "bus as element messages named \"cowbehavior\"",
                         GST_TYPE_COW_POST_MESSAGES, GST_COW_DEFAULT_POST_MESSAGES, ANY_TIME));
}

/* ---- the class ------------------------------------------------------------------------------- */

static void
gst_cow_detect_finalize (GObject *object)
{
  GstCowDetect *self = GST_COW_DETECT (object);

  gst_cow_finder_free (self->finder);
  gst_cow_intake_free (self->intake);
  g_free (self->model);
  g_free (self->adapter);
  g_free (self->device);
  G_OBJECT_CLASS (gst_cow_detect_parent_class)->finalize (object);
}

static void
gst_cow_detect_class_init (GstCowDetectClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (class);
  g_autoptr (GstCaps) caps = gst_caps_from_string (CAPS);

  GST_DEBUG_CATEGORY_INIT (gst_cow_detect_debug, "cowdetect", 0, "cow detection");

  object_class->finalize = gst_cow_detect_finalize;
  object_class->set_property = gst_cow_detect_set_property;
  object_class->get_property = gst_cow_detect_get_property;
  install_network (object_class);
  install_finding (object_class);
  install_telling (object_class);

  gst_element_class_set_static_metadata (
      element_class, "Cow detection", "Analyzer/Video",
      "Finds cows in whole frames and follows them from frame to frame", "cowbehavior");
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      element_class, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));

  element_class->change_state = GST_DEBUG_FUNCPTR (gst_cow_detect_change_state);
  trans_class->start = GST_DEBUG_FUNCPTR (gst_cow_detect_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_cow_detect_stop);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_cow_detect_set_caps);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_cow_detect_sink_event);
  trans_class->src_event = GST_DEBUG_FUNCPTR (gst_cow_detect_src_event);
  trans_class->transform_ip = GST_DEBUG_FUNCPTR (gst_cow_detect_transform_ip);

  gst_type_mark_as_plugin_api (GST_TYPE_COW_PRECISION, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_TELL, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_SMOOTHING, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_POST_MESSAGES, 0);
}

static void
gst_cow_detect_init (GstCowDetect *self)
{
  self->device = g_strdup (DEFAULT_DEVICE);
  self->precision = DEFAULT_PRECISION;
  self->mode = DEFAULT_MODE;
  self->interval = DEFAULT_INTERVAL;
  self->columns = self->rows = DEFAULT_TILES;
  self->threshold = DEFAULT_THRESHOLD;
  self->telling =
      (GstCowTelling){ FALSE, GST_COW_DEFAULT_SMOOTHING, GST_COW_DEFAULT_SMOOTHING_WINDOW,
                       DEFAULT_BEHAVIOR_THRESHOLD, GST_COW_DEFAULT_POST_MESSAGES };
  gst_video_info_init (&self->info);
  self->finder = gst_cow_finder_new (GST_ELEMENT (self));
  self->intake = gst_cow_intake_new (GST_ELEMENT (self));
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  /* Late frames are for the elements downstream to drop, and a gap is for them too. */
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), FALSE);
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
}
