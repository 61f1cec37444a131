/* SPDX-License-Identifier: MIT */
/* What the target `mqtt` has a broker keep. */
#include "gst-plugin/publish/mqtt-states.h"

#include <string.h>

#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/publish/topics.h"

/* States that are kept at most, including those that the broker is to delete; and as many of an
 * earlier run. */
#define MOST_STATES 2048
/* A zone of an earlier run is deleted when so long after the first of this one it was not seen. */
#define SETTLED (10 * G_USEC_PER_SEC)

typedef struct {
  char *label;  /* NULL: the broker is to delete it */
  gboolean due; /* not yet published */
} State;

struct _GstCowPublishMqttStates {
  char *prefix, *source;
  char *base;            /* PREFIX/SOURCE */
  char *discovery_topic; /* NULL: no discovery */

  GMutex lock;
  GHashTable *states;      /* name -> State */
  GHashTable *left_behind; /* names of zones and frames that the broker has, and nobody saw */
  gint64 first_seen;       /* g_get_monotonic_time () of the first zone or frame; 0: none yet */
  char **classes;          /* all labels; NULL: not known yet */
  char *model;             /* what answers, for people; NULL: not known yet */
  gboolean has_cows;       /* a cow was seen, so that they are counted */
  gboolean count_due;      /* since then one came, went or did something else */
  gboolean discover_due;   /* the published device is out of date */
  gboolean online;
  gboolean finishing; /* no more will be seen */
};

static void
state_free (gpointer data)
{
  g_free (((State *)data)->label);
  g_free (data);
}

GstCowPublishMqttStates *
gst_cow_publish_mqtt_states_new (const char *prefix, const char *source,
                                 const char *discovery_topic)
{
  GstCowPublishMqttStates *self = g_new0 (GstCowPublishMqttStates, 1);
  g_autofree char *level = gst_cow_publish_topic_level (source);

  self->prefix = g_strdup (prefix);
  self->source = g_utf8_make_valid (source, -1);
  self->base = g_strconcat (prefix, "/", level, NULL);
  self->discovery_topic = g_strdup (discovery_topic);
  self->states = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, state_free);
  self->left_behind = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_mutex_init (&self->lock);
  return self;
}

void
gst_cow_publish_mqtt_states_free (GstCowPublishMqttStates *self)
{
  g_free (self->prefix);
  g_free (self->source);
  g_free (self->base);
  g_free (self->discovery_topic);
  g_hash_table_unref (self->states);
  g_hash_table_unref (self->left_behind);
  g_strfreev (self->classes);
  g_free (self->model);
  g_mutex_clear (&self->lock);
  g_free (self);
}

const char *
gst_cow_publish_mqtt_states_base (const GstCowPublishMqttStates *self)
{
  return self->base;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void
put_state (GstCowPublishMqttStates *self, const char *name, const char *label)
{
  const gboolean stays = gst_cow_publish_topic_stays (name);
  State *state = g_hash_table_lookup (self->states, name);

  if (!state) {
    if (g_hash_table_size (self->states) >= MOST_STATES)
      return;
    state = g_new0 (State, 1);
    g_hash_table_insert (self->states, g_strdup (name), state);
  }
  if (stays && label) {
    g_hash_table_remove (self->left_behind, name);
    if (self->first_seen == 0)
      self->first_seen = g_get_monotonic_time ();
  }
  self->discover_due |= stays && !state->label != !label;
  g_free (state->label);
  state->label = g_strdup (label);
  state->due = TRUE;
}

static void
note_classes (GstCowPublishMqttStates *self, const GValue *classes)
{
  g_autoptr (GStrvBuilder) builder = NULL;
  g_auto (GStrv) new = NULL;

  if (!classes || !GST_VALUE_HOLDS_ARRAY (classes))
    return;
  builder = g_strv_builder_new ();
  for (guint i = 0; i < gst_value_array_get_size (classes); i++) {
    const GValue *class = gst_value_array_get_value (classes, i);

    if (G_VALUE_HOLDS_STRING (class) && g_value_get_string (class))
      g_strv_builder_add (builder, g_value_get_string (class));
  }
  new = g_strv_builder_end (builder);
  if (self->classes &&
      g_strv_equal ((const gchar *const *)self->classes, (const gchar *const *)new))
    return;
  g_strfreev (self->classes);
  self->classes = g_steal_pointer (&new);
  self->discover_due = self->count_due = TRUE;
}

static void
note_model (GstCowPublishMqttStates *self, const GstStructure *results)
{
  const char *name = gst_structure_get_string (results, "model_name");
  g_autofree char *model = NULL;

  if (name)
    model = g_strconcat (
        name, gst_cow_meta_is_demonstration (results) ? " (" GST_COW_DEMONSTRATION_TEXT ")" : "",
        NULL);
  if (!model || g_strcmp0 (model, self->model) == 0)
    return;
  g_free (self->model);
  self->model = g_steal_pointer (&model);
  self->discover_due = TRUE;
}

void
gst_cow_publish_mqtt_states_set (GstCowPublishMqttStates *self, const char *name, const char *label,
                                 const GstStructure *results)
{
  g_mutex_lock (&self->lock);
  if (!gst_cow_publish_topic_stays (name)) {
    self->has_cows |= label != NULL;
    self->count_due = TRUE;
  }
  if (label || self->online) {
    put_state (self, name, label);
    if (results) {
      note_classes (self, gst_structure_get_value (results, "classes"));
      note_model (self, results);
    }
  } else if (g_hash_table_remove (self->states, name)) {
    /* A state that the broker still has is found and deleted after the next connection. */
    self->discover_due = TRUE;
  }
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_mqtt_states_connected (GstCowPublishMqttStates *self)
{
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    State *state = value;

    state->due = TRUE;
    if (!state->label)
      g_hash_table_iter_remove (&iter);
  }
  self->discover_due = TRUE;
  self->online = TRUE;
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_mqtt_states_disconnected (GstCowPublishMqttStates *self)
{
  g_mutex_lock (&self->lock);
  self->online = FALSE;
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_mqtt_states_found (GstCowPublishMqttStates *self, const char *topic)
{
  const gsize n = strlen (self->base);
  const char *name = topic + n + 1;

  if (strncmp (topic, self->base, n) != 0 || topic[n] != '/')
    return;
  g_mutex_lock (&self->lock);
  if (g_hash_table_contains (self->states, name)) {
    /* It is one of this run's. */
  } else if (!gst_cow_publish_topic_stays (name)) {
    put_state (self, name, NULL);
  } else if ((g_str_equal (name, "frame") || g_str_has_prefix (name, "zone/") ||
              gst_cow_publish_topic_is_count (name)) &&
             g_hash_table_size (self->left_behind) < MOST_STATES) {
    g_hash_table_add (self->left_behind, g_strdup (name));
  }
  g_mutex_unlock (&self->lock);
}

void
gst_cow_publish_mqtt_states_finish (GstCowPublishMqttStates *self)
{
  GHashTableIter iter;
  gpointer name, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    State *state = value;

    if (gst_cow_publish_topic_stays (name))
      continue;
    g_clear_pointer (&state->label, g_free);
    state->due = TRUE;
  }
  self->finishing = self->count_due = TRUE;
  g_mutex_unlock (&self->lock);
}

/* ---- how many cows do what, under the lock --------------------------------------------------- */

static void
add_to_count (GHashTable *counts, const char *label, guint n)
{
  char *name = gst_cow_publish_topic_of_count (label);
  const guint before = GPOINTER_TO_UINT (g_hash_table_lookup (counts, name));

  g_hash_table_replace (counts, name, GUINT_TO_POINTER (before + n));
}

/* The number of cows for each name of a count, also those that no cow has. */
static GHashTable *
count_cows (GstCowPublishMqttStates *self)
{
  GHashTable *counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name, value;

  for (char **class = self->classes; class && *class; class ++)
    add_to_count (counts, *class, 0);
  add_to_count (counts, GST_COW_LABEL_UNKNOWN, 0);
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (!gst_cow_publish_topic_stays (name) && ((State *)value)->label)
      add_to_count (counts, ((State *)value)->label, 1);
  return counts;
}

/* Home Assistant would have an entity for each cow that ever had a number, so it gets one for each
 * behaviour. */
static void
recount (GstCowPublishMqttStates *self)
{
  g_autoptr (GHashTable) counts = count_cows (self);
  g_autoptr (GList) known = g_hash_table_get_keys (self->states);
  GHashTableIter iter;
  gpointer name, n;

  for (const GList *each = known; each; each = each->next)
    if (gst_cow_publish_topic_is_count (each->data) && !g_hash_table_contains (counts, each->data))
      put_state (self, each->data, NULL);
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &name, &n)) {
    const State *state = g_hash_table_lookup (self->states, name);
    g_autofree char *text = g_strdup_printf ("%u", GPOINTER_TO_UINT (n));

    if (!state || g_strcmp0 (state->label, text) != 0)
      put_state (self, name, text);
  }
  self->count_due = FALSE;
}

/* ---- what is due, under the lock ------------------------------------------------------------- */

static void
message_free (gpointer data)
{
  GstCowPublishMessage *self = data;

  g_free (self->topic);
  g_free (self->text);
  g_free (self);
}

static void
add_message (GPtrArray *messages, char *topic, char *text)
{
  GstCowPublishMessage *message = g_new (GstCowPublishMessage, 1);

  *message = (GstCowPublishMessage){ topic, text };
  g_ptr_array_add (messages, message);
}

/* The names that have a label, or those that have none any more. */
static GList *
names_of (GstCowPublishMqttStates *self, gboolean seen)
{
  GList *names = NULL;
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (!((State *)value)->label == !seen && gst_cow_publish_topic_stays (name))
      names = g_list_prepend (names, name);
  return g_list_sort (names, (GCompareFunc)strcmp);
}

/* Home Assistant forgets a sensor when the device has it with nothing but its platform, and then
 * not any more. */
static void
take_discovery (GstCowPublishMqttStates *self, GPtrArray *messages)
{
  g_autoptr (GList) names = names_of (self, TRUE), removed = names_of (self, FALSE);
  GstCowPublishDevice device = { .prefix = self->prefix,
                                 .source = self->source,
                                 .base = self->base,
                                 .model = self->model,
                                 .names = names,
                                 .removed = removed,
                                 .labels = (const char *const *)self->classes };

  self->discover_due = FALSE;
  if (removed) {
    add_message (messages, g_strdup (self->discovery_topic), gst_cow_publish_device_text (&device));
    device.removed = NULL;
  }
  add_message (messages, g_strdup (self->discovery_topic), gst_cow_publish_device_text (&device));
}

/* What an earlier run left is deleted when this one has shown which zones there are. */
static void
expire_left_behind (GstCowPublishMqttStates *self)
{
  g_autoptr (GList) names = NULL;

  if (self->first_seen == 0 || g_hash_table_size (self->left_behind) == 0 ||
      (!self->finishing && g_get_monotonic_time () - self->first_seen < SETTLED))
    return;
  names = g_hash_table_get_keys (self->left_behind);
  for (const GList *name = names; name; name = name->next) {
    put_state (self, name->data, NULL);
    self->discover_due = TRUE;
  }
  g_hash_table_remove_all (self->left_behind);
}

/* Discovery comes first, so that sensors exist when their states come. */
GPtrArray *
gst_cow_publish_mqtt_states_take_due (GstCowPublishMqttStates *self)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func (message_free);
  GHashTableIter iter;
  gpointer name, value;

  g_mutex_lock (&self->lock);
  if (self->discovery_topic && self->has_cows && self->count_due)
    recount (self);
  expire_left_behind (self);
  if (self->discovery_topic && self->discover_due && g_hash_table_size (self->states) > 0)
    take_discovery (self, messages);
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    State *state = value;

    if (!state->due)
      continue;
    state->due = FALSE;
    add_message (messages, g_strconcat (self->base, "/", name, NULL), g_strdup (state->label));
    if (!state->label)
      g_hash_table_iter_remove (&iter);
  }
  g_mutex_unlock (&self->lock);
  return messages;
}
