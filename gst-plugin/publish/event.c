/* SPDX-License-Identifier: MIT */
/* A frame's results as one line of JSON, in the shape that DL Streamer's gvametaconvert writes. The
 * text is written directly and not from a tree, because the streaming thread makes it. */
#include "gst-plugin/publish/event.h"

#include <math.h>
#include <string.h>

#include "gst-plugin/common/analytics.h"
#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"

void
gst_cow_publish_event_collect (GstBuffer *buffer, GArray *objects)
{
  const GstMetaInfo *info = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME);
  gpointer state = NULL;
  GstMeta *meta;

  while (info && (meta = gst_buffer_iterate_meta_filtered (buffer, &state, info->api))) {
    const GstStructure *results = gst_custom_meta_get_structure ((GstCustomMeta *)meta);
    const guint n = gst_cow_behavior_n_objects (results);

    for (guint i = 0; i < n; i++) {
      const GstStructure *object = gst_cow_behavior_object (results, i);

      if (object)
        g_array_append_val (objects, ((GstCowPublishObject){ results, object }));
    }
  }
}

GstCowPublishPlace
gst_cow_publish_place_of (const GstStructure *object)
{
  GstCowPublishPlace place = { .region = gst_structure_get_string (object, "region") };
  const char *type = gst_structure_get_string (object, "roi_type");

  if (!place.region)
    place.region = gst_cow_place_name (GST_COW_PLACE_FRAME);
  if (g_str_equal (place.region, gst_cow_place_name (GST_COW_PLACE_ZONE)))
    place.zone = type;
  if (g_str_equal (place.region, gst_cow_place_name (GST_COW_PLACE_ROI)))
    place.type = type;
  place.has_track = gst_structure_get_uint64 (object, "track_id", &place.track);
  return place;
}

char *
gst_cow_publish_time_text (gint64 us)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (us / G_USEC_PER_SEC);
  g_autofree char *seconds = time ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%S") : NULL;

  if (!seconds || strlen (seconds) != strlen ("2026-01-31T00:00:00"))
    return NULL;
  return g_strdup_printf ("%s.%06dZ", seconds, (int)(us % G_USEC_PER_SEC));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void
gst_cow_publish_append_string (GString *json, const char *text)
{
  g_autofree char *valid = NULL;

  if (!text) {
    g_string_append (json, "null");
    return;
  }
  if (!g_utf8_validate (text, -1, NULL))
    text = valid = g_utf8_make_valid (text, -1);
  g_string_append_c (json, '"');
  for (const char *p = text; *p; p++) {
    const guchar c = (guchar)*p;

    if (c == '"' || c == '\\')
      g_string_append_printf (json, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
      g_string_append_printf (json, "\\u%04x", c);
    else
      g_string_append_c (json, *p);
  }
  g_string_append_c (json, '"');
}

/* Six digits are more than a probability is accurate to. */
static void
append_double (GString *json, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (isfinite (value))
    g_string_append (json, g_ascii_formatd (text, sizeof text, "%.6g", value));
  else
    g_string_append (json, "null");
}

/* Appends a comma where something is before, and the key. */
static void
append_key (GString *json, const char *key)
{
  const char last = json->str[json->len - 1];

  if (last != '{' && last != '[')
    g_string_append_c (json, ',');
  if (key)
    g_string_append_printf (json, "\"%s\":", key);
}

static void
append_text_field (GString *json, const char *key, const GstStructure *structure, const char *field)
{
  const char *text = gst_structure_get_string (structure, field);

  if (text) {
    append_key (json, key);
    gst_cow_publish_append_string (json, text);
  }
}

static void
append_int_field (GString *json, const char *key, const GstStructure *structure, const char *field)
{
  gint value;

  if (gst_structure_get_int (structure, field, &value)) {
    append_key (json, key);
    g_string_append_printf (json, "%d", value);
  }
}

static void
append_uint_field (GString *json, const char *key, const GstStructure *structure, const char *field)
{
  guint value;

  if (gst_structure_get_uint (structure, field, &value)) {
    append_key (json, key);
    g_string_append_printf (json, "%u", value);
  }
}

static void
append_double_field (GString *json, const char *key, const GstStructure *structure,
                     const char *field)
{
  gdouble value;

  if (gst_structure_get_double (structure, field, &value)) {
    append_key (json, key);
    append_double (json, value);
  }
}

/* ---- the parts of an event ------------------------------------------------------------------- */

/* Appends a time, or leaves it out. */
static void
append_time (GString *json, const char *key, gint64 us)
{
  g_autofree char *text = gst_cow_publish_time_text (us);

  if (!text)
    return;
  append_key (json, key);
  g_string_append_printf (json, "\"%s\"", text);
}

/* The region of interest that the detector attached: the one with its id, or without an id the one
 * in its place. */
static GstVideoRegionOfInterestMeta *
find_roi (GstBuffer *buffer, const GstStructure *object)
{
  guint x = 0, y = 0, w = 0, h = 0;
  gint id = -1;
  gpointer state = NULL;
  GstMeta *meta;

  gst_structure_get_int (object, "id", &id);
  gst_structure_get (object, "x", G_TYPE_UINT, &x, "y", G_TYPE_UINT, &y, "w", G_TYPE_UINT, &w, "h",
                     G_TYPE_UINT, &h, NULL);
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;

    if (g_strcmp0 (g_quark_to_string (roi->roi_type),
                   gst_structure_get_string (object, "roi_type")) != 0)
      continue;
    if (id >= 0 ? roi->id == id : roi->x == x && roi->y == y && roi->w == w && roi->h == h)
      return roi;
  }
  return NULL;
}

/* Finds the confidence of the GstAnalytics object detection at an object's place; FALSE if there
 * is none. The object is cut to the frame, so a detection that reaches over the edge is cut
 * here, too. */
static gboolean
find_analytics_confidence (GstBuffer *buffer, const GstCowMoment *moment,
                           const GstStructure *object, double *confidence)
{
  const char *type = gst_structure_get_string (object, "roi_type");
  g_autoptr (GArray) detections = g_array_new (FALSE, FALSE, sizeof (GstCowDetection));
  guint x, y, w, h;

  if (!gst_structure_get (object, "x", G_TYPE_UINT, &x, "y", G_TYPE_UINT, &y, "w", G_TYPE_UINT, &w,
                          "h", G_TYPE_UINT, &h, NULL))
    return FALSE;
  gst_cow_analytics_collect (buffer, detections);
  for (guint i = 0; i < detections->len; i++) {
    const GstCowDetection *detection = &g_array_index (detections, GstCowDetection, i);
    const gint64 left = MAX (detection->x, 0), top = MAX (detection->y, 0),
                 right = MIN ((gint64)detection->x + detection->w, moment->width),
                 bottom = MIN ((gint64)detection->y + detection->h, moment->height);

    if (left != x || top != y || right - left != w || bottom - top != h ||
        (detection->type && g_strcmp0 (g_quark_to_string (detection->type), type) != 0))
      continue;
    *confidence = detection->confidence;
    return TRUE;
  }
  return FALSE;
}

/* Appends a detection: its box as fractions of the frame, and label and confidence of the detector
 * under the names of DL Streamer. The confidence is that of GstAnalytics, or of a region of
 * interest if the detector wrote no other metadata; only a region of interest has the detector's
 * label id. */
static void
append_detection (GString *json, GstBuffer *buffer, const GstCowMoment *moment,
                  const GstStructure *object)
{
  GstVideoRegionOfInterestMeta *roi = find_roi (buffer, object);
  GstStructure *said = roi ? gst_video_region_of_interest_meta_get_param (roi, "detection") : NULL;
  double confidence;
  guint x, y, w, h;

  append_key (json, "detection");
  g_string_append_c (json, '{');
  if (moment->width > 0 && moment->height > 0 &&
      gst_structure_get (object, "x", G_TYPE_UINT, &x, "y", G_TYPE_UINT, &y, "w", G_TYPE_UINT, &w,
                         "h", G_TYPE_UINT, &h, NULL)) {
    append_key (json, "bounding_box");
    g_string_append (json, "{\"x_min\":");
    append_double (json, (double)x / moment->width);
    g_string_append (json, ",\"y_min\":");
    append_double (json, (double)y / moment->height);
    g_string_append (json, ",\"x_max\":");
    append_double (json, ((double)x + w) / moment->width);
    g_string_append (json, ",\"y_max\":");
    append_double (json, ((double)y + h) / moment->height);
    g_string_append_c (json, '}');
  }
  append_text_field (json, "label", object, "roi_type");
  if (said)
    append_int_field (json, "label_id", said, "label_id");
  if (find_analytics_confidence (buffer, moment, object, &confidence)) {
    append_key (json, "confidence");
    append_double (json, confidence);
  } else if (said) {
    append_double_field (json, "confidence", said, "confidence");
  }
  g_string_append_c (json, '}');
}

/* Appends the track, or the id of a region without a track. */
static void
append_id (GString *json, const GstStructure *object)
{
  guint64 track;
  gint id;

  if (gst_structure_get_uint64 (object, "track_id", &track)) {
    append_key (json, "id");
    g_string_append_printf (json, "%" G_GUINT64_FORMAT, track);
  } else if (gst_structure_get_int (object, "id", &id) && id >= 0) {
    append_key (json, "id");
    g_string_append_printf (json, "%d", id);
  }
}

/* Appends what each row of a table says, too: zone or track, or that it is the frame. */
static void
append_place (GString *json, const GstCowPublishPlace *place)
{
  append_key (json, "region");
  gst_cow_publish_append_string (json, place->region);
  if (place->zone) {
    append_key (json, "zone");
    gst_cow_publish_append_string (json, place->zone);
  }
  if (place->has_track) {
    append_key (json, "track");
    g_string_append_printf (json, "%" G_GUINT64_FORMAT, place->track);
  }
}

static void
append_object (GString *json, GstBuffer *buffer, const GstCowMoment *moment,
               const GstCowPublishObject *item)
{
  const GstStructure *object = item->object;
  const GstCowPublishPlace place = gst_cow_publish_place_of (object);

  append_key (json, NULL);
  g_string_append_c (json, '{');
  append_uint_field (json, "x", object, "x");
  append_uint_field (json, "y", object, "y");
  append_uint_field (json, "w", object, "w");
  append_uint_field (json, "h", object, "h");
  append_id (json, object);
  append_text_field (json, "roi_type", object, "roi_type");
  append_place (json, &place);
  if (g_str_equal (place.region, gst_cow_place_name (GST_COW_PLACE_ROI)))
    append_detection (json, buffer, moment, object);
  append_key (json, "behavior");
  g_string_append_c (json, '{');
  append_text_field (json, "label", object, "label");
  append_int_field (json, "label_id", object, "label_id");
  append_double_field (json, "confidence", object, "confidence");
  append_key (json, "model");
  g_string_append_c (json, '{');
  append_text_field (json, "name", item->results, "model_name");
  g_string_append (json, "}}");
  append_uint_field (json, "frames_ago", object, "frames_ago");
  g_string_append_c (json, '}');
}

char *
gst_cow_publish_event_new (GstBuffer *buffer, const GstCowMoment *moment, const char *source,
                           gint64 now_us, const GArray *objects)
{
  g_autoptr (GString) json = g_string_sized_new (256 * (1 + objects->len));

  g_string_printf (json, "{\"resolution\":{\"width\":%d,\"height\":%d},\"source\":", moment->width,
                   moment->height);
  gst_cow_publish_append_string (json, source);
  if (GST_CLOCK_TIME_IS_VALID (moment->stream_time)) {
    append_key (json, "timestamp");
    g_string_append_printf (json, "%" G_GUINT64_FORMAT, moment->stream_time);
  }
  append_time (json, "system_timestamp", now_us);
  if (GST_CLOCK_TIME_IS_VALID (moment->wall_clock))
    append_time (json, "camera_timestamp", (gint64)(moment->wall_clock / GST_USECOND));
  append_key (json, "objects");
  g_string_append_c (json, '[');
  for (guint i = 0; i < objects->len; i++)
    append_object (json, buffer, moment, &g_array_index (objects, GstCowPublishObject, i));
  g_string_append (json, "]}");
  return g_ref_string_new_len (json->str, (gssize)json->len);
}
