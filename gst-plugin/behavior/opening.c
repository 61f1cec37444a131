/* SPDX-License-Identifier: MIT */
#include "gst-plugin/behavior/opening.h"

#include "model/adapter/base-find.h"
#include "model/files/locate.h"
#include "model/files/printable.h"

void
gst_cow_opening_fail (GstElement *element, GstMessageType type, const char *properties,
                      const CowClassifierOptions *options, const GError *error)
{
  GstResourceError code = GST_RESOURCE_ERROR_SETTINGS;
  /* Programs print it on terminals, and it may hold names of a file. */
  g_autofree gchar *shown = cow_printable (error->message, FALSE);

  if (g_error_matches (error, COW_ERROR, COW_ERROR_NOT_FOUND))
    code = GST_RESOURCE_ERROR_NOT_FOUND;
  else if (g_error_matches (error, COW_ERROR, COW_ERROR_IO))
    code = GST_RESOURCE_ERROR_READ;
  else if (g_error_matches (error, COW_ERROR, COW_ERROR_MEMORY) ||
           g_error_matches (error, COW_ERROR, COW_ERROR_DEVICE))
    code = GST_RESOURCE_ERROR_FAILED;

  gst_element_message_full (
      element, type, GST_RESOURCE_ERROR, code, g_strdup_printf ("%s: %s", properties, shown),
      options ? g_strdup_printf ("model=%s adapter=%s device=%s precision=%s (%s, code %d)",
                                 GST_STR_NULL (options->model), GST_STR_NULL (options->adapter),
                                 GST_STR_NULL (options->device),
                                 cow_precision_name (options->precision),
                                 g_quark_to_string (error->domain), error->code)
              : NULL,
      __FILE__, GST_FUNCTION, __LINE__);
}

/* Whether a path property leads to something, or may be left unset; else posts an error. */
static gboolean
check_path (GstElement *element, const CowClassifierOptions *options, const char *property,
            const char *value, const char *meaning)
{
  g_autofree gchar *prefix = g_strdup_printf ("property %s", property);
  g_autofree gchar *path = NULL;
  g_autoptr (GError) error = NULL;

  if ((!value || !*value) && g_str_equal (property, "model") && options->adapter)
    return TRUE; /* the adapter says which */
  if (!value || !*value)
    error = g_error_new (COW_ERROR, COW_ERROR_ARGUMENT, "not set; set it to %s", meaning);
  else
    path = cow_locate (value, &error);
  if (error)
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, prefix, options, error);
  return error == NULL;
}

/* Of an element that has no demonstration the adapter is what the user has to name. */
static gboolean
check_paths (GstElement *element, const CowClassifierOptions *options)
{
  return (!options->detects || check_path (element, options, "adapter", options->adapter,
                                           "an adapter folder that finds cows in whole frames")) &&
         check_path (element, options, "model", options->model,
                     "the folder or file of a vision transformer") &&
         check_path (element, options, "adapter", options->adapter,
                     "an adapter folder with a classifier head");
}

void
gst_cow_opening_use_demonstration (GstElement *element, CowClassifierOptions *options)
{
  const char *name = options->detects ? COW_DEMONSTRATION_DETECT : COW_DEMONSTRATION_ADAPTER;
  g_autofree char *model = NULL, *adapter = NULL;

  if (options->model || options->adapter)
    return;
  model = cow_locate (COW_DEMONSTRATION_MODEL, NULL);
  adapter = cow_locate (name, NULL);
  if (!model || !adapter)
    return;
  GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS, (COW_DEMONSTRATION_WARNING),
                       ("model=%s adapter=%s", model, adapter));
  options->model = g_strdup (COW_DEMONSTRATION_MODEL);
  options->adapter = g_strdup (name);
}

gboolean
gst_cow_opening_check (GstElement *element, CowEngine *engine, GstCowFrameSettings *settings,
                       const GError *zones_error)
{
  g_autoptr (GError) error = NULL;
  GArray *mask;

  if (zones_error) {
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, "property zones", NULL, zones_error);
    return FALSE;
  }
  if (settings->region == GST_COW_INFERENCE_REGION_ZONES &&
      (!settings->zones || settings->zones->len == 0)) {
    error = g_error_new (COW_ERROR, COW_ERROR_ARGUMENT, "not set; inference-region=zones needs it");
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, "property zones", NULL, error);
    return FALSE;
  }
  /* The stream makes a mask of its own; here only its error matters. */
  mask = gst_cow_frame_settings_mask (settings, engine, &error);
  g_clear_pointer (&mask, g_array_unref);
  if (error)
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, "property classes", NULL, error);
  return error == NULL;
}

void
gst_cow_opening_report (GstElement *element, CowEngine *engine, const CowPrecisionChoice *choice)
{
  GstDebugCategory *log;

  GST_DEBUG_CATEGORY_GET (log, "cowbehavior");
  GST_CAT_INFO_OBJECT (log, element, "%s on %s in %s, %u classes", cow_engine_name (engine),
                       cow_engine_device_text (engine), cow_engine_precision_text (engine),
                       cow_engine_n_classes (engine));
  if (cow_engine_warning (engine))
    GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS,
                         ("properties model, adapter: %s", cow_engine_warning (engine)), (NULL));
  if (cow_engine_note (engine))
    GST_ELEMENT_INFO (element, RESOURCE, SETTINGS,
                      ("properties model, adapter: %s", cow_engine_note (engine)), (NULL));
  if (choice->why)
    GST_CAT_INFO_OBJECT (log, element, "precision=auto is %s: %s",
                         cow_engine_precision_text (engine), choice->why);
  /* It took time, or there was none for it: the user is told. */
  if (choice->tried_now)
    GST_ELEMENT_INFO (
        element, RESOURCE, SETTINGS,
        ("property precision: auto is %s, %s", cow_engine_precision_text (engine), choice->why),
        (NULL));
  if (cow_engine_memory_text (engine))
    GST_ELEMENT_INFO (element, RESOURCE, SETTINGS,
                      ("property device: %s", cow_engine_memory_text (engine)), (NULL));
  if (choice->warning)
    GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS, ("property precision: %s", choice->warning),
                         (NULL));
}

gboolean
gst_cow_opening_check_labels (const char *adapter, GError **error)
{
  g_autofree char *path = adapter && *adapter ? cow_locate (adapter, NULL) : NULL;
  g_autoptr (CowCard) card = path ? cow_card_read (path, NULL, NULL) : NULL;

  if (!card || !card->multiple)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s gives a picture several labels; labels, smoothing, counts and bouts of a stream "
               "are of one: `cow-trainer predict`, libcowbehavior and `cow-trainer export` take it",
               path);
  return FALSE;
}

CowEngine *
gst_cow_opening_engine (GstElement *element, const CowClassifierOptions *options)
{
  CowClassifierOptions resolved = *options;
  g_auto (CowPrecisionChoice) choice = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *base = NULL;
  CowEngine *engine;

  if (!check_paths (element, options))
    return NULL;
  if (!gst_cow_opening_check_labels (options->adapter, &error)) {
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, "property adapter", options, error);
    return NULL;
  }
  if (!cow_base_complete (options->adapter, &resolved.model, &base, &error)) {
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, "property model: not set", options, error);
    return NULL;
  }
  cow_precision_resolve (&resolved, &choice);
  engine = cow_engine_get (&resolved, &error);
  if (!engine)
    gst_cow_opening_fail (element, GST_MESSAGE_ERROR, "properties model, adapter, device", options,
                          error);
  else
    gst_cow_opening_report (element, engine, &choice);
  return engine;
}
