/* SPDX-License-Identifier: MIT */
/* Topics of MQTT, and the discovery message for Home Assistant: https://www.home-
 * assistant.io/integrations/mqtt/#device-discovery-payload */
#include "gst-plugin/publish/topics.h"

#include <string.h>

#include "cow-build.h"
#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/publish/event.h"

#define MOST_LEVEL_BYTES 200

static gboolean
is_special (char c)
{
  return g_ascii_iscntrl (c) || strchr ("/+#%", c);
}

char *
gst_cow_publish_topic_level (const char *name)
{
  g_autoptr (GString) level = g_string_new (NULL);
  g_autofree char *valid = g_utf8_make_valid (name, -1);

  for (const char *p = valid; *p && level->len < MOST_LEVEL_BYTES; p = g_utf8_next_char (p)) {
    const gunichar c = g_utf8_get_char (p);

    if (c < 0x80 && (is_special ((char)c) || (c == '$' && p == valid)))
      g_string_append_printf (level, "%%%02X", c);
    else if (!g_unichar_iscntrl (c) && (c & 0xfffe) != 0xfffe) /* brokers refuse these */
      g_string_append_unichar (level, c);
  }
  if (level->len == 0)
    g_string_append (level, "unnamed");
  return g_strdup (level->str);
}

char *
gst_cow_publish_topic_of (const GstStructure *object)
{
  const char *region = gst_structure_get_string (object, "region"),
             *type = gst_structure_get_string (object, "roi_type");
  guint64 track;

  if (g_strcmp0 (region, "frame") == 0)
    return g_strdup ("frame");
  if (g_strcmp0 (region, "zone") == 0 && type) {
    g_autofree char *level = gst_cow_publish_topic_level (type);

    return g_strconcat ("zone/", level, NULL);
  }
  if (g_strcmp0 (region, "roi") == 0 && gst_structure_get_uint64 (object, "track_id", &track))
    return g_strdup_printf ("track/%" G_GUINT64_FORMAT, track);
  return NULL;
}

char *
gst_cow_publish_topic_of_count (const char *label)
{
  g_autofree char *level = gst_cow_publish_topic_level (label);

  return g_strconcat ("count/", level, NULL);
}

gboolean
gst_cow_publish_topic_is_count (const char *name)
{
  return g_str_has_prefix (name, "count/");
}

gboolean
gst_cow_publish_topic_stays (const char *name)
{
  return !g_str_has_prefix (name, "track/");
}

/* ---- Home Assistant -------------------------------------------------------------------------- */

/* A readable id that is different for different texts: those with other characters get a hash. */
static char *
identifier (const char *text)
{
  g_autofree char *plain = g_strdup (text), *hash = NULL;

  g_strcanon (plain, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-", '_');
  if (g_str_equal (plain, text) && strlen (plain) <= 64)
    return g_steal_pointer (&plain);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  return g_strdup_printf ("%.64s_%.8s", plain, hash);
}

char *
gst_cow_publish_device_id (const char *prefix, const char *source)
{
  g_autofree char *both = g_strconcat (prefix, "_", source, NULL);

  return identifier (both);
}

/* The name that a person sees: "pen 1" for "zone/pen 1", "Lying" for "count/Lying". */
static char *
display_name (const char *name)
{
  const char *zone = strchr (name, '/');
  char *plain = zone ? g_uri_unescape_string (zone + 1, NULL) : g_strdup ("Behavior");

  return plain ? plain : g_strdup (name);
}

static void
append_pair (GString *json, const char *key, const char *value)
{
  g_string_append_printf (json, "\"%s\":", key);
  gst_cow_publish_append_string (json, value);
}

/* What the state of a label can be. Home Assistant has a state of its own for what is not known,
 * which a template reaches by nothing, and refuses states that are not among the options. */
static void
append_options (GString *json, const char *const *labels)
{
  g_string_append (json, ",\"value_template\":\"{{ none if value == '" GST_COW_LABEL_UNKNOWN
                         "' else value }}\"");
  if (!labels || !*labels)
    return;
  g_string_append (json, ",\"device_class\":\"enum\",\"options\":[");
  for (const char *const *label = labels; *label; label++) {
    if (label > labels)
      g_string_append_c (json, ',');
    gst_cow_publish_append_string (json, *label);
  }
  g_string_append_c (json, ']');
}

static void
append_sensor (GString *json, const GstCowPublishDevice *device, const char *id, const char *name)
{
  g_autofree char *component = identifier (name), *display = display_name (name);
  g_autofree char *unique = g_strconcat (id, "_", component, NULL),
                  *topic = g_strconcat (device->base, "/", name, NULL);

  gst_cow_publish_append_string (json, component);
  g_string_append (json, ":{\"platform\":\"sensor\",");
  append_pair (json, "name", display);
  g_string_append_c (json, ',');
  append_pair (json, "unique_id", unique);
  g_string_append_c (json, ',');
  append_pair (json, "state_topic", topic);
  g_string_append (json, ",\"icon\":\"mdi:cow\"");
  if (gst_cow_publish_topic_is_count (name))
    g_string_append (json, ",\"state_class\":\"measurement\",\"unit_of_measurement\":\"cows\"");
  else
    append_options (json, device->labels);
  g_string_append_c (json, '}');
}

char *
gst_cow_publish_device_text (const GstCowPublishDevice *device)
{
  g_autoptr (GString) json = g_string_new ("{\"device\":{\"identifiers\":[");
  g_autofree char *id = gst_cow_publish_device_id (device->prefix, device->source);
  g_autofree char *available = g_strconcat (device->base, "/available", NULL);
  gboolean first = TRUE;

  gst_cow_publish_append_string (json, id);
  g_string_append (json, "],");
  append_pair (json, "name", device->source);
  if (device->model) {
    g_string_append_c (json, ',');
    append_pair (json, "model", device->model);
  }
  g_string_append (json,
                   ",\"manufacturer\":\"cowbehavior\",\"sw_version\":\"" COW_VERSION
                   "\"},\"origin\":{\"name\":\"cowbehavior\",\"sw_version\":\"" COW_VERSION "\"},");
  append_pair (json, "availability_topic", available);
  g_string_append (json, ",\"components\":{");
  for (const GList *name = device->names; name; name = name->next) {
    if (!gst_cow_publish_topic_stays (name->data))
      continue;
    if (!first)
      g_string_append_c (json, ',');
    append_sensor (json, device, id, name->data);
    first = FALSE;
  }
  for (const GList *name = device->removed; name; name = name->next) {
    g_autofree char *component = identifier (name->data);

    if (!first)
      g_string_append_c (json, ',');
    gst_cow_publish_append_string (json, component);
    g_string_append (json, ":{\"platform\":\"sensor\"}");
    first = FALSE;
  }
  g_string_append (json, "}}");
  return g_strdup (json->str);
}
