/* SPDX-License-Identifier: MIT */
#include "trainer/video/elan.h"

#include <string.h>

#include "trainer/data/file-names.h"

/* Names as XML may hold them: no bytes that are not UTF-8, no control characters. */
static char *
xml_text (const char *text)
{
  g_autofree char *valid = file_name_text (text);

  for (char *c = valid; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  return g_markup_escape_text (valid, -1);
}

static void
add_head (GString *xml, const CowVideoSource *source)
{
  g_autoptr (GDateTime) made = cow_video_source_date (source), utc = g_date_time_to_utc (made);
  g_autofree char *whole = g_canonicalize_filename (source->path, NULL),
                  *uri = g_filename_to_uri (whole, NULL, NULL), *url = xml_text (uri ? uri : ""),
                  *date = g_date_time_format (utc, "%Y-%m-%dT%H:%M:%SZ");
  const gboolean mp4 = g_str_has_suffix (source->path, ".mp4");

  g_string_append_printf (
      xml,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<ANNOTATION_DOCUMENT AUTHOR=\"cow-trainer annotate\" DATE=\"%s\" FORMAT=\"3.0\" "
      "VERSION=\"3.0\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xsi:noNamespaceSchemaLocation=\"http://www.mpi.nl/tools/elan/EAFv3.0.xsd\">\n"
      "<HEADER MEDIA_FILE=\"\" TIME_UNITS=\"milliseconds\">\n"
      "<MEDIA_DESCRIPTOR MEDIA_URL=\"%s\" MIME_TYPE=\"%s\"/>\n</HEADER>\n",
      date, url, mp4 ? "video/mp4" : "unknown");
}

/* Two slots a bout, in the order of the bouts. */
static void
add_times (GString *xml, const CowObservation *seen)
{
  g_string_append (xml, "<TIME_ORDER>\n");
  for (guint i = 0; i < seen->bouts->len; i++) {
    const CowBout *bout = &g_array_index (seen->bouts, CowBout, i);

    g_string_append_printf (
        xml,
        "<TIME_SLOT TIME_SLOT_ID=\"ts%u\" TIME_VALUE=\"%" G_GINT64_FORMAT
        "\"/>\n<TIME_SLOT TIME_SLOT_ID=\"ts%u\" TIME_VALUE=\"%" G_GINT64_FORMAT "\"/>\n",
        2 * i + 1, cow_observation_ms (bout->start), 2 * i + 2, cow_observation_ms (bout->end));
  }
  g_string_append (xml, "</TIME_ORDER>\n");
}

static void
add_tier (GString *xml, const CowObservation *seen, guint subject)
{
  const CowSubject *who = seen->subjects->pdata[subject];
  g_autofree char *name = xml_text (who->name);

  g_string_append_printf (xml,
                          "<TIER LINGUISTIC_TYPE_REF=\"behaviour\" PARTICIPANT=\"%s\" "
                          "TIER_ID=\"%u %s\">\n",
                          name, subject + 1, name);
  for (guint i = 0; i < seen->bouts->len; i++) {
    const CowBout *bout = &g_array_index (seen->bouts, CowBout, i);
    g_autofree char *label = xml_text (seen->labels->pdata[bout->label]);

    if (bout->subject == subject)
      g_string_append_printf (xml,
                              "<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID=\"a%u\" "
                              "TIME_SLOT_REF1=\"ts%u\" TIME_SLOT_REF2=\"ts%u\"><ANNOTATION_VALUE>"
                              "%s</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>\n",
                              i + 1, 2 * i + 1, 2 * i + 2, label);
  }
  g_string_append (xml, "</TIER>\n");
}

char *
cow_elan_text (const CowVideoSource *source, const CowObservation *seen)
{
  GString *xml = g_string_new (NULL);

  add_head (xml, source);
  add_times (xml, seen);
  for (guint i = 0; i < seen->subjects->len; i++)
    add_tier (xml, seen, i);
  g_string_append (xml, "<LINGUISTIC_TYPE GRAPHIC_REFERENCES=\"false\" "
                        "LINGUISTIC_TYPE_ID=\"behaviour\" TIME_ALIGNABLE=\"true\"/>\n"
                        "</ANNOTATION_DOCUMENT>\n");
  return g_string_free (xml, FALSE);
}
