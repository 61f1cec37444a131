/* SPDX-License-Identifier: MIT */
/*
 * list-fields MODEL ADAPTER EVENTS: runs frames through cowbehavior and cowpublish and lists the
 * fields of what applications read, with their types: element messages, metadata, statistics.
 * cowpublish writes its events to the file EVENTS. Fields that depend on what a frame carries are
 * there too: the frames have a detection with an identity, and a camera's clock. Nobody listens at
 * the two addresses, which are there for their statistics.
 */
#include <gst/gst.h>
#include <gst/video/video.h>

#define PIPELINE                                                                                   \
  "videotestsrc num-buffers=4 ! video/x-raw,format=RGB,width=96,height=64,framerate=10/1 ! "       \
  "identity name=detector ! "                                                                      \
  "cowbehavior name=behavior inference-region=%s zones=\"pen=0,0,0.5,1\" mode=blocking "           \
  "inference-interval=2 ! "                                                                        \
  "cowpublish name=publish source=barn http-url=http://127.0.0.1:9/ mqtt-url=mqtt://127.0.0.1:9 "  \
  "drain-timeout=0 ! "                                                                             \
  "fakesink name=sink sync=false"

/* Lines, each once; frames are looked at in the streaming thread, messages in the main one. */
static GHashTable *facts;
static GMutex facts_lock;

static void add_fact (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
add_fact (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  char *fact = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_mutex_lock (&facts_lock);
  g_hash_table_add (facts, fact);
  g_mutex_unlock (&facts_lock);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void list_value (const char *where, const GValue *value);

static void
list_structure (const char *where, const GstStructure *structure)
{
  for (int i = 0; i < gst_structure_n_fields (structure); i++) {
    const char *name = gst_structure_nth_field_name (structure, (guint)i);
    g_autofree char *path = g_strdup_printf ("%s.%s", where, name);
    list_value (path, gst_structure_get_value (structure, name));
  }
}

static void
list_value (const char *where, const GValue *value)
{
  if (GST_VALUE_HOLDS_ARRAY (value)) {
    g_autofree char *element = g_strconcat (where, "[]", NULL);
    for (guint i = 0; i < gst_value_array_get_size (value); i++)
      list_value (element, gst_value_array_get_value (value, i));
    add_fact ("%s GstValueArray", where);
  } else if (GST_VALUE_HOLDS_STRUCTURE (value)) {
    const GstStructure *structure = gst_value_get_structure (value);
    add_fact ("%s structure %s", where, gst_structure_get_name (structure));
    list_structure (where, structure);
  } else
    add_fact ("%s %s", where, G_VALUE_TYPE_NAME (value));
}

/* ---- frames ---------------------------------------------------------------------------------- */

static GstPadProbeReturn
detect (GstPad *pad, GstPadProbeInfo *info, gpointer with_roi)
{
  static GstStaticCaps since_1970 = GST_STATIC_CAPS ("timestamp/x-unix");
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  g_autoptr (GstCaps) clock = gst_static_caps_get (&since_1970);

  info->data = buffer;
  gst_buffer_add_reference_timestamp_meta (
      buffer, clock, GST_BUFFER_PTS (buffer) + 1700000000 * GST_SECOND, GST_CLOCK_TIME_NONE);
  if (!with_roi)
    return GST_PAD_PROBE_OK;
  GstVideoRegionOfInterestMeta *roi =
      gst_buffer_add_video_region_of_interest_meta (buffer, "cow", 8, 8, 48, 40);
  roi->id = 3;
  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("object_id", "id", G_TYPE_INT, 7, NULL));
  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("detection", "label", G_TYPE_STRING, "cow", "label_id", G_TYPE_INT,
                              19, "confidence", G_TYPE_DOUBLE, .9, NULL));
  return GST_PAD_PROBE_OK;
}

static void
list_region (const GstVideoRegionOfInterestMeta *roi)
{
  for (const GList *l = roi->params; l; l = l->next) {
    const GstStructure *param = l->data;
    /* The others are the detector's, which is this program. */
    if (gst_structure_has_name (param, "classification"))
      list_structure ("GstVideoRegionOfInterestMeta classification", param);
  }
}

static void
list_tags (GType api)
{
  const char *const *tags = gst_meta_api_type_get_tags (api);

  for (; tags && *tags; tags++)
    add_fact ("GstCowBehaviorMeta tag %s", *tags);
}

static GstPadProbeReturn
look (GstPad *pad, GstPadProbeInfo *info, gpointer unused)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  gpointer state = NULL;

  for (GstMeta *meta; (meta = gst_buffer_iterate_meta (buffer, &state));) {
    if (meta->info->api == GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)
      list_region ((const GstVideoRegionOfInterestMeta *)meta);
    else if (gst_meta_info_is_custom (meta->info) &&
             gst_custom_meta_has_name ((GstCustomMeta *)meta, "GstCowBehaviorMeta")) {
      GstStructure *structure = gst_custom_meta_get_structure ((GstCustomMeta *)meta);
      add_fact ("GstCowBehaviorMeta structure %s", gst_structure_get_name (structure));
      list_structure ("GstCowBehaviorMeta", structure);
      list_tags (meta->info->api);
    }
  }
  return GST_PAD_PROBE_OK;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void
add_probe (GstElement *pipeline, const char *element, const char *pad, GstPadProbeCallback probe,
           gpointer data)
{
  g_autoptr (GstElement) found = gst_bin_get_by_name (GST_BIN (pipeline), element);
  g_autoptr (GstPad) place = gst_element_get_static_pad (found, pad);

  gst_pad_add_probe (place, GST_PAD_PROBE_TYPE_BUFFER, probe, data, NULL);
}

static void
set (GstElement *pipeline, const char *element, const char *property, const char *value)
{
  g_autoptr (GstElement) found = gst_bin_get_by_name (GST_BIN (pipeline), element);

  g_object_set (found, property, value, NULL);
}

static void
list_stats (GstElement *pipeline, const char *name)
{
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  g_autoptr (GstStructure) stats = NULL;
  g_autofree char *where = g_strdup_printf ("stats of cow%s", name);

  g_object_get (element, "stats", &stats, NULL);
  list_structure (where, stats);
}

/* Until the end; TRUE when that was a good one. */
static gboolean
hear (GstElement *pipeline)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);

  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, 60 * GST_SECOND, GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_autoptr (GError) error = NULL;
    if (!message)
      g_printerr ("list-fields: no end of the stream\n");
    if (!message || GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      return message != NULL;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error (message, &error, NULL);
      g_printerr ("list-fields: %s\n", error->message);
      return FALSE;
    }
    const GstStructure *structure = gst_message_get_structure (message);
    g_autofree char *where = g_strdup_printf ("message %s", gst_structure_get_name (structure));
    if (g_str_has_prefix (gst_structure_get_name (structure), "cow"))
      list_structure (where, structure);
  }
}

static gboolean
run (const char *region, char **argv)
{
  g_autofree char *description = g_strdup_printf (PIPELINE, region);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (description, &error);

  if (error) {
    g_printerr ("list-fields: %s\n", error->message);
    return FALSE;
  }
  set (pipeline, "behavior", "model", argv[1]);
  set (pipeline, "behavior", "adapter", argv[2]);
  set (pipeline, "publish", "file", argv[3]);
  add_probe (pipeline, "detector", "src", detect,
             GINT_TO_POINTER (g_str_equal (region, "roi-list")));
  add_probe (pipeline, "sink", "sink", look, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  const gboolean ok = hear (pipeline);
  if (ok) {
    list_stats (pipeline, "behavior");
    list_stats (pipeline, "publish");
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return ok;
}

int
main (int argc, char **argv)
{
  static const char *const regions[] = { "full-frame", "zones", "roi-list" };
  gboolean ok = TRUE;

  gst_init (NULL, NULL);
  if (argc != 4) {
    g_printerr ("usage: list-fields MODEL ADAPTER EVENTS\n");
    return 2;
  }
  facts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    ok = run (regions[i], argv) && ok;
  g_autoptr (GList) lines = g_list_sort (g_hash_table_get_keys (facts), (GCompareFunc)strcmp);
  for (const GList *l = lines; l; l = l->next)
    g_print ("%s\n", (const char *)l->data);
  return ok ? 0 : 1;
}
