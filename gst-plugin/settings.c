/* SPDX-License-Identifier: MIT */
/* The properties of `cowbehavior`. */
#include "gst-plugin/settings.h"

#define DEFAULT_DEVICE             "auto"
#define DEFAULT_PRECISION          COW_PRECISION_AUTO
#define DEFAULT_INFERENCE_REGION   GST_COW_INFERENCE_REGION_FULL_FRAME
#define DEFAULT_INFERENCE_INTERVAL 1
#define DEFAULT_THRESHOLD          0.0f
#define DEFAULT_TOP_K              1
#define DEFAULT_POST_MESSAGES      TRUE

enum {
  PROP_0,
  PROP_MODEL,
  PROP_ADAPTER,
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_INFERENCE_REGION,
  PROP_INFERENCE_INTERVAL,
  PROP_THRESHOLD,
  PROP_TOP_K,
  PROP_POST_MESSAGES
};

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

void
gst_cow_settings_install (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const GParamFlags at_start = flags | GST_PARAM_MUTABLE_READY;
  const GParamFlags any_time = flags | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_MODEL,
      g_param_spec_string (
          "model", "Model",
          "DINOv3 network: a Hugging Face folder (fp32, bf16 or bitsandbytes NF4), a .safetensors or a .pth file; a path, or "
          "a name below the folders of $COWBEHAVIOR_PATH. Where neither this nor adapter is set: the demonstration's",
          NULL, at_start));
  g_object_class_install_property (
      klass, PROP_ADAPTER,
      g_param_spec_string ("adapter", "Adapter",
                           "Adapter folder with the classifier head, as PEFT or the trainer wrote it; looked up like model", NULL,
                           at_start));
  g_object_class_install_property (
      klass, PROP_DEVICE, g_param_spec_string ("device", "Device", "What computes: \"auto\" or \"cpu\"", DEFAULT_DEVICE, at_start));
  g_object_class_install_property (
      klass, PROP_PRECISION,
      g_param_spec_enum ("precision", "Precision", "Arithmetic of the network", GST_TYPE_COW_PRECISION, DEFAULT_PRECISION, at_start));
  g_object_class_install_property (klass, PROP_INFERENCE_REGION,
                                   g_param_spec_enum ("inference-region", "Inference region", "Which parts of a frame are classified",
                                                      GST_TYPE_COW_INFERENCE_REGION, DEFAULT_INFERENCE_REGION, any_time));
  g_object_class_install_property (
      klass, PROP_INFERENCE_INTERVAL,
      g_param_spec_uint ("inference-interval", "Inference interval",
                         "Classify every n-th frame (1 = every frame); the frames between carry the last result and its age", 1, G_MAXUINT,
                         DEFAULT_INFERENCE_INTERVAL, any_time));
  g_object_class_install_property (
      klass, PROP_THRESHOLD,
      g_param_spec_float ("threshold", "Threshold", "Probability of the likeliest class below which the label is \"unknown\" (0 = never)",
                          0.0f, 1.0f, DEFAULT_THRESHOLD, any_time));
  g_object_class_install_property (klass, PROP_TOP_K,
                                   g_param_spec_uint ("top-k", "Top k",
                                                      "Number of classes listed in the results' field top, likeliest first", 1, 1000,
                                                      DEFAULT_TOP_K, any_time));
  g_object_class_install_property (klass, PROP_POST_MESSAGES,
                                   g_param_spec_boolean ("post-messages", "Post messages",
                                                         "Post an element message named \"cowbehavior\" for each classified frame",
                                                         DEFAULT_POST_MESSAGES, any_time));
}

void
gst_cow_settings_init (GstCowSettings *self)
{
  *self = (GstCowSettings){
    .device = g_strdup (DEFAULT_DEVICE),
    .precision = DEFAULT_PRECISION,
    .frame = {
      .region = DEFAULT_INFERENCE_REGION,
      .interval = DEFAULT_INFERENCE_INTERVAL,
      .threshold = DEFAULT_THRESHOLD,
      .top_k = DEFAULT_TOP_K,
      .post_messages = DEFAULT_POST_MESSAGES,
    },
  };
}

void
gst_cow_settings_clear (GstCowSettings *self)
{
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->adapter, g_free);
  g_clear_pointer (&self->device, g_free);
}

static void
replace_string (gchar **string, const GValue *value)
{
  g_free (*string);
  *string = g_value_dup_string (value);
}

gboolean
gst_cow_settings_set (GstCowSettings *self, guint id, const GValue *value)
{
  switch (id) {
  case PROP_MODEL:
    replace_string (&self->model, value);
    break;
  case PROP_ADAPTER:
    replace_string (&self->adapter, value);
    break;
  case PROP_DEVICE:
    replace_string (&self->device, value);
    break;
  case PROP_PRECISION:
    self->precision = g_value_get_enum (value);
    break;
  case PROP_INFERENCE_REGION:
    self->frame.region = g_value_get_enum (value);
    break;
  case PROP_INFERENCE_INTERVAL:
    self->frame.interval = g_value_get_uint (value);
    break;
  case PROP_THRESHOLD:
    self->frame.threshold = g_value_get_float (value);
    break;
  case PROP_TOP_K:
    self->frame.top_k = g_value_get_uint (value);
    break;
  case PROP_POST_MESSAGES:
    self->frame.post_messages = g_value_get_boolean (value);
    break;
  default:
    return FALSE;
  }
  return TRUE;
}

gboolean
gst_cow_settings_get (const GstCowSettings *self, guint id, GValue *value)
{
  switch (id) {
  case PROP_MODEL:
    g_value_set_string (value, self->model);
    break;
  case PROP_ADAPTER:
    g_value_set_string (value, self->adapter);
    break;
  case PROP_DEVICE:
    g_value_set_string (value, self->device);
    break;
  case PROP_PRECISION:
    g_value_set_enum (value, self->precision);
    break;
  case PROP_INFERENCE_REGION:
    g_value_set_enum (value, self->frame.region);
    break;
  case PROP_INFERENCE_INTERVAL:
    g_value_set_uint (value, self->frame.interval);
    break;
  case PROP_THRESHOLD:
    g_value_set_float (value, self->frame.threshold);
    break;
  case PROP_TOP_K:
    g_value_set_uint (value, self->frame.top_k);
    break;
  case PROP_POST_MESSAGES:
    g_value_set_boolean (value, self->frame.post_messages);
    break;
  default:
    return FALSE;
  }
  return TRUE;
}
