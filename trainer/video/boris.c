/* SPDX-License-Identifier: MIT */
#include "trainer/video/boris.h"

#include <json-glib/json-glib.h>

#include "model/files/json.h"
#include "trainer/data/file-names.h"

struct _CowBoris {
  JsonObject *subjects, *behaviours, *observations;
  GHashTable *known; /* names of subjects */
  char *date;        /* of the first recording */
};

static void
add_behaviour (CowBoris *self, const char *code)
{
  g_autofree char *index = g_strdup_printf ("%u", json_object_get_size (self->behaviours));
  JsonObject *behaviour = json_object_new ();

  json_object_set_string_member (behaviour, "type", "State event");
  json_object_set_string_member (behaviour, "key", "");
  json_object_set_string_member (behaviour, "code", code);
  json_object_set_string_member (behaviour, "description", "");
  json_object_set_string_member (behaviour, "color", "");
  json_object_set_string_member (behaviour, "category", "");
  json_object_set_object_member (behaviour, "modifiers", json_object_new ());
  json_object_set_string_member (behaviour, "excluded", "");
  json_object_set_string_member (behaviour, "coding map", "");
  json_object_set_object_member (self->behaviours, index, behaviour);
}

CowBoris *
cow_boris_new (const char *const *classes)
{
  CowBoris *self = g_new0 (CowBoris, 1);

  self->subjects = json_object_new ();
  self->behaviours = json_object_new ();
  self->observations = json_object_new ();
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (; *classes; classes++)
    add_behaviour (self, *classes);
  add_behaviour (self, "unknown");
  return self;
}

void
cow_boris_free (CowBoris *self)
{
  json_object_unref (self->subjects);
  json_object_unref (self->behaviours);
  json_object_unref (self->observations);
  g_hash_table_unref (self->known);
  g_free (self->date);
  g_free (self);
}

static void
add_subject (CowBoris *self, const char *name)
{
  g_autofree char *index = g_strdup_printf ("%u", json_object_get_size (self->subjects));
  JsonObject *subject;

  if (!g_hash_table_add (self->known, g_strdup (name)))
    return;
  subject = json_object_new ();
  json_object_set_string_member (subject, "key", "");
  json_object_set_string_member (subject, "name", name);
  json_object_set_string_member (subject, "description", "");
  json_object_set_object_member (self->subjects, index, subject);
}

/* ---- an observation -------------------------------------------------------------------------- */

/* The beginning or the end of a bout. */
typedef struct {
  gint64 time;
  gboolean begins;
  const CowBout *bout;
} Mark;

/* An end goes before a beginning of the same time, so that no subject does two things at once. */
static int
compare_marks (gconstpointer a, gconstpointer b)
{
  const Mark *x = a, *y = b;

  return x->time != y->time ? (x->time < y->time ? -1 : 1) : x->begins - y->begins;
}

static JsonArray *
events_of (const CowObservation *seen)
{
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (Mark));
  JsonArray *events = json_array_new ();

  for (guint i = 0; i < seen->bouts->len; i++) {
    const CowBout *bout = &g_array_index (seen->bouts, CowBout, i);
    const Mark both[] = { { bout->start, TRUE, bout }, { bout->end, FALSE, bout } };

    g_array_append_vals (marks, both, 2);
  }
  g_array_sort (marks, compare_marks);
  for (guint i = 0; i < marks->len; i++) {
    const Mark *mark = &g_array_index (marks, Mark, i);
    const CowSubject *subject = seen->subjects->pdata[mark->bout->subject];
    JsonArray *event = json_array_new ();

    json_array_add_double_element (event, (double)cow_observation_ms (mark->time) / 1000);
    json_array_add_string_element (event, subject->name);
    json_array_add_string_element (event, seen->labels->pdata[mark->bout->label]);
    json_array_add_string_element (event, "");
    json_array_add_string_element (event, "");
    json_array_add_array_element (events, event);
  }
  return events;
}

/* {"PATH": value} below a name */
static void
add_medium (JsonObject *info, const char *name, const char *path, JsonNode *value)
{
  JsonObject *media = json_object_new ();

  json_object_set_member (media, path, value);
  json_object_set_object_member (info, name, media);
}

static JsonNode *
number (double value)
{
  return json_node_init_double (json_node_alloc (), value);
}

static JsonObject *
media_info (const CowVideoSource *source, const char *path)
{
  JsonObject *info = json_object_new (), *offset = json_object_new ();

  add_medium (info, "length", path, number ((double)source->length / 1e9));
  add_medium (info, "fps", path, number (source->fps));
  add_medium (info, "hasVideo", path, json_node_init_boolean (json_node_alloc (), TRUE));
  add_medium (info, "hasAudio", path, json_node_init_boolean (json_node_alloc (), FALSE));
  json_object_set_double_member (offset, "1", 0);
  json_object_set_object_member (info, "offset", offset);
  return info;
}

static char *
date_of (const CowVideoSource *source)
{
  g_autoptr (GDateTime) date = cow_video_source_date (source);

  return g_date_time_format (date, "%Y-%m-%dT%H:%M:%S");
}

void
cow_boris_add (CowBoris *self, const CowVideoSource *source, const CowObservation *seen)
{
  JsonObject *observation = json_object_new (), *players = json_object_new ();
  JsonArray *player = json_array_new ();
  g_autofree char *whole = g_canonicalize_filename (source->path, NULL),
                  *path = file_name_text (whole), *date = date_of (source);

  for (guint i = 0; i < seen->subjects->len; i++)
    add_subject (self, ((const CowSubject *)seen->subjects->pdata[i])->name);
  if (!self->date)
    self->date = g_strdup (date);
  json_array_add_string_element (player, path);
  json_object_set_array_member (players, "1", player);
  json_object_set_object_member (observation, "file", players);
  json_object_set_string_member (observation, "type", "MEDIA");
  json_object_set_string_member (observation, "date", date);
  json_object_set_string_member (observation, "description", "cow-trainer annotate");
  json_object_set_double_member (observation, "time offset", 0);
  json_object_set_array_member (observation, "events", events_of (seen));
  json_object_set_object_member (observation, "independent_variables", json_object_new ());
  json_object_set_boolean_member (observation, "close_behaviors_between_videos", FALSE);
  json_object_set_object_member (observation, "media_info", media_info (source, path));
  json_object_set_object_member (self->observations, source->source, observation);
}

char *
cow_boris_text (const CowBoris *self)
{
  g_autoptr (JsonObject) project = json_object_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);

  json_object_set_string_member (project, "time_format", "hh:mm:ss");
  json_object_set_string_member (project, "project_date", self->date ? self->date : "");
  json_object_set_string_member (project, "project_name", "cow-trainer annotate");
  json_object_set_string_member (project, "project_description", "");
  json_object_set_string_member (project, "project_format_version", "7.0");
  json_object_set_object_member (project, "subjects_conf", json_object_ref (self->subjects));
  json_object_set_object_member (project, "behaviors_conf", json_object_ref (self->behaviours));
  json_object_set_object_member (project, "observations", json_object_ref (self->observations));
  json_object_set_array_member (project, "behavioral_categories", json_array_new ());
  json_object_set_object_member (project, "independent_variables", json_object_new ());
  json_object_set_object_member (project, "coding_map", json_object_new ());
  json_object_set_array_member (project, "behaviors_coding_map", json_array_new ());
  json_object_set_object_member (project, "converters", json_object_new ());
  json_node_set_object (root, project);
  return cow_json_text (root, TRUE);
}
