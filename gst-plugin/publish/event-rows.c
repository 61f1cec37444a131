/* SPDX-License-Identifier: MIT */
#include "gst-plugin/publish/event-rows.h"

#include <math.h>

#include "model/files/csv-field.h"

static double
confidence_of (const GstStructure *object)
{
  gdouble value;

  return gst_structure_get_double (object, "confidence", &value) ? value : NAN;
}

static void
append_number (GString *rows, const GstStructure *structure, const char *field)
{
  guint value;

  g_string_append_c (rows, ',');
  if (gst_structure_get_uint (structure, field, &value))
    g_string_append_printf (rows, "%u", value);
}

static void
append_name (GString *rows, const char *name)
{
  g_string_append_c (rows, ',');
  cow_csv_append_name (rows, name);
}

static void
append_object (GString *rows, CowEventRow *row, const char *camera_clock,
               const GstCowPublishObject *item)
{
  const GstStructure *object = item->object;
  const GstCowPublishPlace place = gst_cow_publish_place_of (object);
  g_autofree char *track =
      place.has_track ? g_strdup_printf ("%" G_GUINT64_FORMAT, place.track) : NULL;

  row->zone = place.zone;
  row->track = track;
  row->label = gst_structure_get_string (object, "label");
  row->confidence = confidence_of (object);
  cow_event_row_append (rows, row);
  append_name (rows, camera_clock);
  append_name (rows, place.region);
  append_name (rows, place.type);
  append_number (rows, object, "x");
  append_number (rows, object, "y");
  append_number (rows, object, "w");
  append_number (rows, object, "h");
  append_number (rows, object, "frames_ago");
  append_name (rows, gst_structure_get_string (item->results, "model_name"));
}

char *
gst_cow_publish_event_rows_new (const GstCowMoment *moment, const char *source, gint64 now_us,
                                const GArray *objects)
{
  g_autoptr (GString) rows = g_string_sized_new (128 * (1 + objects->len));
  g_autofree char *wall_clock = now_us >= 0 ? gst_cow_publish_time_text (now_us) : NULL;
  g_autofree char *camera_clock =
      GST_CLOCK_TIME_IS_VALID (moment->wall_clock)
          ? gst_cow_publish_time_text ((gint64)(moment->wall_clock / GST_USECOND))
          : NULL;
  const gboolean timed = moment->stream_time <= G_MAXINT64;
  CowEventRow row = { .source = source,
                      .time = timed ? (gint64)moment->stream_time : -1,
                      .wall_clock = wall_clock };

  for (guint i = 0; i < objects->len; i++) {
    if (i > 0)
      g_string_append_c (rows, '\n');
    append_object (rows, &row, camera_clock, &g_array_index (objects, GstCowPublishObject, i));
  }
  return g_ref_string_new_len (rows->str, (gssize)rows->len);
}
