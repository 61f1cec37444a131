/* SPDX-License-Identifier: MIT */
/* The properties of `cowbehavior`: how GObject and gst-inspect-1.0 see them, and their values. */
#include "gst-plugin/behavior/settings.h"

#include "model/files/suggest.h"

#define DEFAULT_DEVICE              "auto"
#define DEFAULT_PRECISION           COW_PRECISION_AUTO
#define DEFAULT_INFERENCE_REGION    GST_COW_INFERENCE_REGION_AUTO
#define DEFAULT_MIN_SIZE            0
#define DEFAULT_PADDING             0.0
#define DEFAULT_INFERENCE_INTERVAL  1
#define DEFAULT_RECLASSIFY_INTERVAL 1
#define DEFAULT_MOTION_THRESHOLD    0.0
#define DEFAULT_MODE                GST_COW_MODE_AUTO
#define DEFAULT_BATCH_SIZE          0
#define DEFAULT_BATCH_TIMEOUT       0
#define DEFAULT_THRESHOLD           GST_COW_THRESHOLD_OF_ADAPTER
#define DEFAULT_TOP_K               1
#define DEFAULT_ROI_META            TRUE

#define READ_WRITE (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)
#define AT_START   (READ_WRITE | GST_PARAM_MUTABLE_READY)
#define ANY_TIME   (READ_WRITE | GST_PARAM_MUTABLE_PLAYING)

/* ---- declarations ---------------------------------------------------------------------------- */

GType
gst_cow_precision_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { COW_PRECISION_AUTO, "The fastest that keeps the answers", "auto" },
    { COW_PRECISION_FP32, "32-bit floating point throughout", "fp32" },
    { COW_PRECISION_INT16, "Products of 16-bit whole numbers, nearly as exact as fp32", "int16" },
    { COW_PRECISION_FP16, "Products of 16-bit floating point, on GPUs", "fp16" },
    { COW_PRECISION_BF16, "Products of bfloat16, on GPUs from compute capability 8.0 on", "bf16" },
    { COW_PRECISION_INT8,
      "Products of 8-bit whole numbers, fastest with AVX-512 VNNI; on aarch64 it needs dot "
      "products",
      "int8" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowPrecision", values));
  return type;
}

GType
gst_cow_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_MODE_AUTO, "non-blocking in a live pipeline, else blocking", "auto" },
    { GST_COW_MODE_BLOCKING, "Each frame waits for its results", "blocking" },
    { GST_COW_MODE_NON_BLOCKING, "No frame waits: each carries the newest results and their age",
      "non-blocking" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowMode", values));
  return type;
}

GParamSpec *
gst_cow_settings_device_spec (void)
{
  return g_param_spec_string ("device", "Device",
                              "The device that computes: \"auto\", \"cpu\", \"cuda\" or \"cuda:N\"",
                              DEFAULT_DEVICE, AT_START);
}

GParamSpec *
gst_cow_settings_precision_spec (void)
{
  return g_param_spec_enum ("precision", "Precision", "Arithmetic of the network",
                            GST_TYPE_COW_PRECISION, DEFAULT_PRECISION, AT_START);
}

static void
install_model (GObjectClass *klass)
{
  /**
   * GstCowBehavior:model:
   *
   * The network: a Hugging Face folder, a .safetensors or a .pth file, by its path or by its name
   * below the folders of COWBEHAVIOR_PATH.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_MODEL,
      g_param_spec_string ("model", "Model",
                           "Vision transformer: a Hugging Face folder (fp32, bf16 or bitsandbytes "
                           "NF4), a .safetensors or a .pth file; a path, or "
                           "a name below the folders of $COWBEHAVIOR_PATH. Unset: the one that the "
                           "adapter was made on, which is looked for by its name and its weights; "
                           "where neither this nor adapter is set: the demonstration's",
                           NULL, AT_START));
  /**
   * GstCowBehavior:adapter:
   *
   * The adapter folder with the classifier's head. Set while playing, the new one is loaded beside
   * the stream and takes over between two frames; when it cannot be loaded, a warning says why and
   * the old one, and the property's old value, stay.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_ADAPTER,
      g_param_spec_string ("adapter", "Adapter",
                           "Adapter folder with the classifier head, as PEFT or the trainer wrote "
                           "it; looked up like model; where neither this nor model is set: the "
                           "demonstration's. May be changed while playing: the new one takes over "
                           "between two frames",
                           NULL, ANY_TIME));
  /**
   * GstCowBehavior:device:
   *
   * The device that computes: `cpu`, `cuda:N` (the NVIDIA GPU of that index) or `cuda` (the only
   * GPU; of several the one that has the same network already, else the one with the fewest
   * networks of this process). `auto` is the CPU until tests have run on a GPU, and a message says
   * so where there is one. `cow-trainer info --device cuda` tells of it. Weights that do not fit
   * into a GPU's memory stay in the host's, and a message says what that costs.
   */
  g_object_class_install_property (klass, GST_COW_PROP_DEVICE, gst_cow_settings_device_spec ());
  /**
   * GstCowBehavior:precision:
   *
   * Arithmetic of the network. With `auto` it is the fastest that `cow-trainer quantize --check`
   * found to keep the answers of fp32 on this kind of processor, as kept in the adapter's or the
   * model's folder (`precision.json`). Where nobody has measured it is found out when the element
   * starts, by the pictures that the adapter keeps, if that takes no more than five seconds, and an
   * info message says so; else it is fp32. A file that is not believed is a warning on the bus.
   */
  g_object_class_install_property (klass, GST_COW_PROP_PRECISION,
                                   gst_cow_settings_precision_spec ());
}

static void
install_regions (GObjectClass *klass)
{
  /**
   * GstCowBehavior:inference-region:
   *
   * Which parts of a frame are classified. With `auto` these are the detections once a frame of the
   * stream had one (a frame without then is a frame without cows); until then the zones where they
   * are set, else the full frame.
   */
  g_object_class_install_property (klass, GST_COW_PROP_INFERENCE_REGION,
                                   g_param_spec_enum ("inference-region", "Inference region",
                                                      "Which parts of a frame are classified",
                                                      GST_TYPE_COW_INFERENCE_REGION,
                                                      DEFAULT_INFERENCE_REGION, ANY_TIME));
  /**
   * GstCowBehavior:zones:
   *
   * Named parts of the picture, in fractions of its width and height: `pen 1=0,0,0.5,1; bed=0.5,0.5
   * 1,0.5 1,1`. Four numbers are a rectangle (x, y, width, height), three or more pairs the corners
   * of a polygon, whose bounding box is classified.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_ZONES,
      g_param_spec_string ("zones", "Zones",
                           "Parts of the picture by name, in fractions of its size: rectangles "
                           "\"NAME=x,y,w,h\" and polygons \"NAME=x,y x,y "
                           "x,y ...\" (their bounding box), separated by semicolons",
                           NULL, ANY_TIME));
  /**
   * GstCowBehavior:object-class:
   *
   * Types of detections that are classified, separated by commas; all others pass untouched. Unset:
   * all.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_OBJECT_CLASS,
      g_param_spec_string ("object-class", "Object class",
                           "Types of detections that are classified, separated by commas, such as "
                           "\"cow,calf\"; unset: all",
                           NULL, ANY_TIME));
  /**
   * GstCowBehavior:min-size:
   *
   * Width and height that a detection needs, after what lies outside the frame is cut off.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_MIN_SIZE,
      g_param_spec_uint (
          "min-size", "Minimum size",
          "Width and height in pixels that a detection needs to be classified (0 = any)", 0, 32768,
          DEFAULT_MIN_SIZE, ANY_TIME));
  /**
   * GstCowBehavior:padding:
   *
   * How much is classified beyond a detection's box, on each side, as a fraction of its width and
   * height. Results show the box itself.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_PADDING,
      g_param_spec_double ("padding", "Padding",
                           "How much is classified beyond a detection's box, on each side, as a "
                           "fraction of its size",
                           0, 2, DEFAULT_PADDING, ANY_TIME));
}

static void
install_pace (GObjectClass *klass)
{
  /**
   * GstCowBehavior:inference-interval:
   *
   * Every n-th frame is classified; the frames between carry the last results and their age.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_INFERENCE_INTERVAL,
      g_param_spec_uint ("inference-interval", "Inference interval",
                         "Classify every n-th frame (1 = every frame); the frames between carry "
                         "the last result and its age",
                         1, G_MAXUINT, DEFAULT_INFERENCE_INTERVAL, ANY_TIME));
  /**
   * GstCowBehavior:reclassify-interval:
   *
   * The same cow or zone is classified again after n frames, and before that when its box grew by
   * more than a fifth or moved by more than half. 0: only then.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_RECLASSIFY_INTERVAL,
      g_param_spec_uint ("reclassify-interval", "Reclassify interval",
                         "Classify the same cow or zone again after n frames (1 = always), or at "
                         "once when its box grew or moved much (0 = "
                         "only then)",
                         0, G_MAXUINT, DEFAULT_RECLASSIFY_INTERVAL, ANY_TIME));
  /**
   * GstCowBehavior:motion-threshold:
   *
   * A cow or zone is not classified again while its picture stays as it was, for ten seconds at
   * most: while none of 16 by 16 cells of it is brighter or darker by more than this. `stats`
   * counts these in `regions-still`; they keep their result, and its age grows. 3 is more than the
   * noise of most cameras. Frames in the memory of a GPU are classified always.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_MOTION_THRESHOLD,
      g_param_spec_double ("motion-threshold", "Motion threshold",
                           "A cow or zone is not classified again while none of 16 x 16 cells of "
                           "its picture changes by more than this, in levels of 255 (0 = classify "
                           "always; 3 is more than most cameras' noise)",
                           0, 255, DEFAULT_MOTION_THRESHOLD, ANY_TIME));
  /**
   * GstCowBehavior:mode:
   *
   * Whether frames wait for their results. `auto` never lets a live stream wait.
   */
  g_object_class_install_property (klass, GST_COW_PROP_MODE,
                                   g_param_spec_enum ("mode", "Mode",
                                                      "Whether frames wait for their results",
                                                      GST_TYPE_COW_MODE, DEFAULT_MODE, ANY_TIME));
  /**
   * GstCowBehavior:batch-size:
   *
   * The most pictures that a forward pass takes. With 0 it takes as many as wait when it begins, of
   * all elements that share the engine. Above 1, blocking mode holds up to two batches of this
   * stream's frames to fill it, which adds to the latency.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_BATCH_SIZE,
      g_param_spec_uint (
          "batch-size", "Batch size",
          "The most pictures that a forward pass takes (0 = all that wait). Above 1, "
          "blocking mode holds up to twice as many frames",
          0, COW_ENGINE_MAX_BATCH, DEFAULT_BATCH_SIZE, ANY_TIME));
  /**
   * GstCowBehavior:batch-timeout:
   *
   * How long the pictures of this element wait for a batch of batch-size to fill, with those of
   * other elements too. Others are not held up.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_BATCH_TIMEOUT,
      g_param_spec_uint ("batch-timeout", "Batch timeout",
                         "Milliseconds that pictures wait for a batch of batch-size to fill", 0,
                         60000, DEFAULT_BATCH_TIMEOUT, ANY_TIME));
}

static void
install_labels (GObjectClass *klass)
{
  /**
   * GstCowBehavior:smoothing:
   *
   * How the last results of a cow or zone make its label.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_SMOOTHING,
      g_param_spec_enum ("smoothing", "Smoothing",
                         "How the last results of a cow or zone make its label",
                         GST_TYPE_COW_SMOOTHING, GST_COW_DEFAULT_SMOOTHING, ANY_TIME));
  /**
   * GstCowBehavior:smoothing-window:
   *
   * The number of results that smoothing looks back on; for hmm, that a behaviour lasts on average.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_SMOOTHING_WINDOW,
      g_param_spec_uint ("smoothing-window", "Smoothing window",
                         "Results of the same cow or zone that smoothing looks back on", 2,
                         GST_COW_SMOOTHING_MAX_WINDOW, GST_COW_DEFAULT_SMOOTHING_WINDOW, ANY_TIME));
  /**
   * GstCowBehavior:threshold:
   *
   * The probability below which the label is "unknown". -1: each class needs what the adapter's
   * card says, where it says something.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_THRESHOLD,
      g_param_spec_float ("threshold", "Threshold",
                          "Probability of the likeliest class below which the label is \"unknown\" "
                          "(0 = never, -1 = the adapter's own for "
                          "each class)",
                          -1.0f, 1.0f, DEFAULT_THRESHOLD, ANY_TIME));
  /**
   * GstCowBehavior:top-k:
   *
   * The number of classes that the field `top` of results lists.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_TOP_K,
      g_param_spec_uint ("top-k", "Top k",
                         "Number of classes listed in the results' field top, likeliest first", 1,
                         1000, DEFAULT_TOP_K, ANY_TIME));
  /**
   * GstCowBehavior:classes:
   *
   * Classes that may be a label, separated by commas. The probabilities stay as they are, so that a
   * cow that does something else is "unknown" by its threshold rather than certain of the wrong
   * thing.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_CLASSES,
      g_param_spec_string (
          "classes", "Classes",
          "Classes of the adapter that may be a label, separated by commas; unset: all", NULL,
          ANY_TIME));
  /**
   * GstCowBehavior:post-messages:
   *
   * Which results are posted on the bus as element messages.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_POST_MESSAGES,
      g_param_spec_enum (
          "post-messages", "Post messages",
          "Which results are posted on the bus as element messages named \"cowbehavior\"",
          GST_TYPE_COW_POST_MESSAGES, GST_COW_DEFAULT_POST_MESSAGES, ANY_TIME));
  /**
   * GstCowBehavior:roi-meta:
   *
   * Whether results are also written to #GstVideoRegionOfInterestMeta: a parameter `classification`
   * on the region of each detection that has one, and a region for the full frame and for zones.
   * #GstCowBehaviorMeta and, with GStreamer 1.24 and later, GstAnalytics are written in any case.
   * Regions of interest that others attached are read in any case.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_ROI_META,
      g_param_spec_boolean (
          "roi-meta", "ROI meta",
          "Whether results are also written to GstVideoRegionOfInterestMeta. If not: to "
          "GstCowBehaviorMeta and, in builds with GStreamer 1.24 and later, to GstAnalytics only",
          DEFAULT_ROI_META, ANY_TIME));
  /**
   * GstCowBehavior:stats:
   *
   * What the element did since it started, and the load of the engine that it shares. Each frame is
   * counted in one of `classified`, `pending`, `reused` and `skipped`.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "What the element did since it started",
                          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

void
gst_cow_settings_install (GObjectClass *klass)
{
  install_model (klass);
  install_regions (klass);
  install_pace (klass);
  install_labels (klass);
}

/* ---- the settings of a frame ------------------------------------------------------------------
 */

static void
clear_frame_settings (gpointer data)
{
  GstCowFrameSettings *self = data;

  g_clear_pointer (&self->zones, g_array_unref);
  g_strfreev (self->object_class);
  g_strfreev (self->classes);
}

GstCowFrameSettings *
gst_cow_frame_settings_ref (GstCowFrameSettings *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
gst_cow_frame_settings_unref (GstCowFrameSettings *self)
{
  g_atomic_rc_box_release_full (self, clear_frame_settings);
}

guint
gst_cow_frame_settings_depth (const GstCowFrameSettings *self)
{
  return self->batch_size > 1 ? 2 * self->batch_size : 1;
}

GArray *
gst_cow_frame_settings_mask (const GstCowFrameSettings *self, CowEngine *engine, GError **error)
{
  const char *const *names = cow_engine_classes (engine);
  const guint n = cow_engine_n_classes (engine);
  g_autoptr (GArray) mask = g_array_sized_new (FALSE, TRUE, sizeof (gboolean), n);
  gboolean any = FALSE;

  g_array_set_size (mask, n);
  for (gchar **class = self->classes; class && *class; class ++) {
    guint i = 0;

    while (i < n && !g_str_equal (names[i], *class))
      i++;
    if (i < n) {
      g_array_index (mask, gboolean, i) = any = TRUE;
    } else if (error && !*error) {
      g_autofree gchar *near = cow_suggest (names, *class);

      g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "\"%s\" is no class of %s: %s", *class,
                   cow_engine_name (engine), near);
    }
  }
  return any ? g_steal_pointer (&mask) : NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

void
gst_cow_settings_init (GstCowSettings *self)
{
  *self = (GstCowSettings){ .device = g_strdup (DEFAULT_DEVICE), .precision = DEFAULT_PRECISION };
  self->frame = g_atomic_rc_box_new0 (GstCowFrameSettings);
  *self->frame = (GstCowFrameSettings){
    .region = DEFAULT_INFERENCE_REGION,
    .min_size = DEFAULT_MIN_SIZE,
    .padding = DEFAULT_PADDING,
    .interval = DEFAULT_INFERENCE_INTERVAL,
    .reclassify = DEFAULT_RECLASSIFY_INTERVAL,
    .motion_threshold = DEFAULT_MOTION_THRESHOLD,
    .mode = DEFAULT_MODE,
    .batch_size = DEFAULT_BATCH_SIZE,
    .batch_timeout_ms = DEFAULT_BATCH_TIMEOUT,
    .smoothing = GST_COW_DEFAULT_SMOOTHING,
    .smoothing_window = GST_COW_DEFAULT_SMOOTHING_WINDOW,
    .threshold = DEFAULT_THRESHOLD,
    .top_k = DEFAULT_TOP_K,
    .post_messages = GST_COW_DEFAULT_POST_MESSAGES,
    .roi_meta = DEFAULT_ROI_META,
  };
}

void
gst_cow_settings_clear (GstCowSettings *self)
{
  gchar **texts[] = { &self->model, &self->adapter,      &self->device,
                      &self->zones, &self->object_class, &self->classes };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
  g_clear_pointer (&self->frame, gst_cow_frame_settings_unref);
}

/* Puts a copy that may be changed in the place of the structure that frames may still hold. */
static GstCowFrameSettings *
renew (GstCowSettings *self)
{
  GstCowFrameSettings *old = self->frame, *new = g_atomic_rc_box_new0 (GstCowFrameSettings);

  *new = *old;
  new->zones = old->zones ? g_array_ref (old->zones) : NULL;
  new->object_class = g_strdupv (old->object_class);
  new->classes = g_strdupv (old->classes);
  self->frame = new;
  gst_cow_frame_settings_unref (old);
  return new;
}

static void
replace_string (gchar **string, const GValue *value)
{
  g_free (*string);
  *string = g_value_dup_string (value);
}

/* The words of a text that are separated by commas, without blanks around them; NULL when there are
 * none. */
static gchar **
split_words (const gchar *text)
{
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ",", -1);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  gboolean any = FALSE;

  for (gchar **part = parts; *part; part++) {
    if (*g_strstrip (*part)) {
      g_strv_builder_add (words, *part);
      any = TRUE;
    }
  }
  return any ? g_strv_builder_end (words) : NULL;
}

static void
set_words (gchar **text, gchar ***words, const GValue *value)
{
  replace_string (text, value);
  g_strfreev (*words);
  *words = split_words (*text);
}

static void
set_zones (GstCowSettings *self, const GValue *value, GError **error)
{
  GArray *zones = gst_cow_zones_parse (g_value_get_string (value), error);
  GstCowFrameSettings *frame;

  if (!zones)
    return;
  frame = renew (self);
  g_clear_pointer (&frame->zones, g_array_unref);
  frame->zones = zones;
  replace_string (&self->zones, value);
}

/* Sets a property that is one number or one text of `frame`. */
static gboolean
set_frame (GstCowSettings *self, guint id, const GValue *value)
{
  GstCowFrameSettings *frame = renew (self);

  switch (id) {
  case GST_COW_PROP_INFERENCE_REGION:
    frame->region = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_OBJECT_CLASS:
    set_words (&self->object_class, &frame->object_class, value);
    return TRUE;
  case GST_COW_PROP_MIN_SIZE:
    frame->min_size = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_PADDING:
    frame->padding = g_value_get_double (value);
    return TRUE;
  case GST_COW_PROP_INFERENCE_INTERVAL:
    frame->interval = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_RECLASSIFY_INTERVAL:
    frame->reclassify = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_MOTION_THRESHOLD:
    frame->motion_threshold = g_value_get_double (value);
    return TRUE;
  case GST_COW_PROP_MODE:
    frame->mode = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_BATCH_SIZE:
    frame->batch_size = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_BATCH_TIMEOUT:
    frame->batch_timeout_ms = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_SMOOTHING:
    frame->smoothing = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_SMOOTHING_WINDOW:
    frame->smoothing_window = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_THRESHOLD:
    frame->threshold = g_value_get_float (value);
    return TRUE;
  case GST_COW_PROP_TOP_K:
    frame->top_k = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_CLASSES:
    set_words (&self->classes, &frame->classes, value);
    return TRUE;
  case GST_COW_PROP_POST_MESSAGES:
    frame->post_messages = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_ROI_META:
    frame->roi_meta = g_value_get_boolean (value);
    return TRUE;
  default:
    return FALSE;
  }
}

gboolean
gst_cow_settings_set (GstCowSettings *self, guint id, const GValue *value, GError **error)
{
  switch (id) {
  case GST_COW_PROP_MODEL:
    replace_string (&self->model, value);
    return TRUE;
  case GST_COW_PROP_ADAPTER:
    replace_string (&self->adapter, value);
    return TRUE;
  case GST_COW_PROP_DEVICE:
    replace_string (&self->device, value);
    return TRUE;
  case GST_COW_PROP_PRECISION:
    self->precision = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_ZONES:
    set_zones (self, value, error);
    return TRUE;
  default:
    return set_frame (self, id, value);
  }
}

static gboolean
get_frame (const GstCowFrameSettings *frame, guint id, GValue *value)
{
  switch (id) {
  case GST_COW_PROP_INFERENCE_REGION:
    g_value_set_enum (value, frame->region);
    return TRUE;
  case GST_COW_PROP_MIN_SIZE:
    g_value_set_uint (value, frame->min_size);
    return TRUE;
  case GST_COW_PROP_PADDING:
    g_value_set_double (value, frame->padding);
    return TRUE;
  case GST_COW_PROP_INFERENCE_INTERVAL:
    g_value_set_uint (value, frame->interval);
    return TRUE;
  case GST_COW_PROP_RECLASSIFY_INTERVAL:
    g_value_set_uint (value, frame->reclassify);
    return TRUE;
  case GST_COW_PROP_MOTION_THRESHOLD:
    g_value_set_double (value, frame->motion_threshold);
    return TRUE;
  case GST_COW_PROP_MODE:
    g_value_set_enum (value, frame->mode);
    return TRUE;
  case GST_COW_PROP_BATCH_SIZE:
    g_value_set_uint (value, frame->batch_size);
    return TRUE;
  case GST_COW_PROP_BATCH_TIMEOUT:
    g_value_set_uint (value, frame->batch_timeout_ms);
    return TRUE;
  case GST_COW_PROP_SMOOTHING:
    g_value_set_enum (value, frame->smoothing);
    return TRUE;
  case GST_COW_PROP_SMOOTHING_WINDOW:
    g_value_set_uint (value, frame->smoothing_window);
    return TRUE;
  case GST_COW_PROP_THRESHOLD:
    g_value_set_float (value, frame->threshold);
    return TRUE;
  case GST_COW_PROP_TOP_K:
    g_value_set_uint (value, frame->top_k);
    return TRUE;
  case GST_COW_PROP_POST_MESSAGES:
    g_value_set_enum (value, frame->post_messages);
    return TRUE;
  case GST_COW_PROP_ROI_META:
    g_value_set_boolean (value, frame->roi_meta);
    return TRUE;
  default:
    return FALSE;
  }
}

gboolean
gst_cow_settings_get (const GstCowSettings *self, guint id, GValue *value)
{
  switch (id) {
  case GST_COW_PROP_MODEL:
    g_value_set_string (value, self->model);
    return TRUE;
  case GST_COW_PROP_ADAPTER:
    g_value_set_string (value, self->adapter);
    return TRUE;
  case GST_COW_PROP_DEVICE:
    g_value_set_string (value, self->device);
    return TRUE;
  case GST_COW_PROP_PRECISION:
    g_value_set_enum (value, self->precision);
    return TRUE;
  case GST_COW_PROP_ZONES:
    g_value_set_string (value, self->zones);
    return TRUE;
  case GST_COW_PROP_OBJECT_CLASS:
    g_value_set_string (value, self->object_class);
    return TRUE;
  case GST_COW_PROP_CLASSES:
    g_value_set_string (value, self->classes);
    return TRUE;
  default:
    return get_frame (self->frame, id, value);
  }
}
