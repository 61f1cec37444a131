/* SPDX-License-Identifier: MIT */
/* The properties of `cowbehavior` as GObject and gst-inspect-1.0 see them. */
#include "gst-plugin/behavior/settings-private.h"

#define READ_WRITE (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)
#define AT_START   (READ_WRITE | GST_PARAM_MUTABLE_READY)
#define ANY_TIME   (READ_WRITE | GST_PARAM_MUTABLE_PLAYING)

GType
gst_cow_precision_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { COW_PRECISION_AUTO, "The fastest that keeps the answers", "auto" },
    { COW_PRECISION_FP32, "32-bit floating point throughout", "fp32" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowPrecision", values));
  return type;
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
                           "DINOv3 network: a Hugging Face folder (fp32, bf16 or bitsandbytes "
                           "NF4), a .safetensors or a .pth file; a path, or "
                           "a name below the folders of $COWBEHAVIOR_PATH. Unset where the adapter "
                           "holds a whole network; where neither this nor adapter "
                           "is set: the demonstration's",
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
                           "it; looked up like model. Must be set. May "
                           "be changed while playing: the new one takes over between two frames",
                           NULL, ANY_TIME));
  /**
   * GstCowBehavior:device:
   *
   * What computes.
   */
  g_object_class_install_property (klass, GST_COW_PROP_DEVICE,
                                   g_param_spec_string ("device", "Device",
                                                        "What computes: \"auto\" or \"cpu\"",
                                                        DEFAULT_DEVICE, AT_START));
  /**
   * GstCowBehavior:precision:
   *
   * Arithmetic of the network.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_PRECISION,
      g_param_spec_enum ("precision", "Precision", "Arithmetic of the network",
                         GST_TYPE_COW_PRECISION, DEFAULT_PRECISION, AT_START));
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
   * What is classified beside a detection's box, on each side, as a fraction of its width and
   * height. Results show the box itself.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_PADDING,
      g_param_spec_double (
          "padding", "Padding",
          "What is classified around a detection's box, on each side, as a fraction of its size", 0,
          2, DEFAULT_PADDING, ANY_TIME));
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
   * Pictures that a forward pass takes at most. 0: as many as wait when it begins, of all elements
   * that share the engine. In blocking mode and above 1, up to two batches of this stream's frames
   * are held to fill it, which adds to the latency.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_BATCH_SIZE,
      g_param_spec_uint ("batch-size", "Batch size",
                         "Pictures that a forward pass takes at most (0 = what waits). Above 1, "
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
                         GST_TYPE_COW_SMOOTHING, DEFAULT_SMOOTHING, ANY_TIME));
  /**
   * GstCowBehavior:smoothing-window:
   *
   * Results that smoothing looks back on; for hmm, results that a behaviour lasts on average.
   */
  g_object_class_install_property (
      klass, GST_COW_PROP_SMOOTHING_WINDOW,
      g_param_spec_uint ("smoothing-window", "Smoothing window",
                         "Results of the same cow or zone that smoothing looks back on", 2,
                         GST_COW_SMOOTHING_MAX_WINDOW, DEFAULT_SMOOTHING_WINDOW, ANY_TIME));
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
   * Classes that the field `top` of results lists.
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
          GST_TYPE_COW_POST_MESSAGES, DEFAULT_POST_MESSAGES, ANY_TIME));
  /**
   * GstCowBehavior:stats:
   *
   * What the element did since it started, and how the engine fares that it shares; the folder's
   * README.md names the fields.
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
