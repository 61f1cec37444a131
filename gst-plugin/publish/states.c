/* SPDX-License-Identifier: MIT */
/* The present label of each cow, zone and frame. */
#include "gst-plugin/publish/states.h"

#include "gst-plugin/common/custom-meta.h"

/* As many cows as cowbehavior keeps tracks, and as many zones. */
#define MOST_STATES (2 * GST_COW_TRACKER_MAX)

typedef struct {
  char *label;
  guint64 frame;     /* number of the last frame that had it */
  GstClockTime when; /* running time of the picture that its result is of */
} State;

struct _GstCowPublishStates {
  GHashTable *states; /* name -> State */
};

static void
state_free (gpointer data)
{
  State *self = data;

  g_free (self->label);
  g_free (self);
}

GstCowPublishStates *
gst_cow_publish_states_new (void)
{
  GstCowPublishStates *self = g_new (GstCowPublishStates, 1);

  self->states = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, state_free);
  return self;
}

void
gst_cow_publish_states_free (GstCowPublishStates *self)
{
  g_hash_table_unref (self->states);
  g_free (self);
}

gboolean
gst_cow_publish_states_update (GstCowPublishStates *self, const char *name, const char *label,
                               guint64 frame)
{
  State *state = g_hash_table_lookup (self->states, name);
  gboolean changed = !state || g_strcmp0 (state->label, label) != 0;

  if (!state) {
    /* Metadata that cowbehavior did not write may name any number of cows. Those beyond the limit
     * are not remembered, so that each of their labels counts as a change. */
    if (g_hash_table_size (self->states) >= MOST_STATES)
      return TRUE;
    state = g_new0 (State, 1);
    state->when = GST_CLOCK_TIME_NONE;
    g_hash_table_insert (self->states, g_strdup (name), state);
  }
  if (changed) {
    g_free (state->label);
    state->label = g_strdup (label);
  }
  state->frame = frame;
  return changed;
}

gboolean
gst_cow_publish_states_renew (GstCowPublishStates *self, const char *name, GstClockTime when)
{
  State *state = g_hash_table_lookup (self->states, name);
  const gboolean other = state && state->when != when;

  if (state)
    state->when = when;
  return other;
}

void
gst_cow_publish_states_expire (GstCowPublishStates *self, guint64 frame,
                               void (*gone) (const char *name, gpointer data), gpointer data)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    const State *state = value;

    if (frame - state->frame <= GST_COW_TRACKER_PATIENCE)
      continue;
    gone (name, data);
    g_hash_table_iter_remove (&iter);
  }
}
