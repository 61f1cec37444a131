/* SPDX-License-Identifier: MIT */
/* The properties of `cowpublish`: its own, and those of all targets. */
#include "gst-plugin/publish/settings.h"

#include "gst-plugin/publish/property.h"
#include "gst-plugin/publish/targets.h"

GType
gst_cow_publish_events_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_PUBLISH_ALL, "Each frame with results", "all" },
    { GST_COW_PUBLISH_CLASSIFIED, "Each frame in which something was classified anew",
      "classified" },
    { GST_COW_PUBLISH_ON_CHANGE, "Cows and zones whose label changed", "on-change" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowPublishEvents", values));
  return type;
}

GType
gst_cow_publish_leaky_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_PUBLISH_LEAKY_AUTO, "As live pipelines and recordings need it", "auto" },
    { GST_COW_PUBLISH_LEAKY_NO, "The stream waits for room", "no" },
    { GST_COW_PUBLISH_LEAKY_DOWNSTREAM, "The oldest events are dropped", "downstream" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowPublishLeaky", values));
  return type;
}

static const GstCowPublishProperty rows[] = {
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (GstCowPublishOwn, source),
    .name = "source",
    .nick = "Source",
    .blurb = "Name of the camera or recording in events and topics; unset: the element's name" },
  { .type = GST_COW_PUBLISH_ENUM,
    GST_COW_PUBLISH_MEMBER (GstCowPublishOwn, post_events),
    .name = "post-events",
    .nick = "Post events",
    .blurb = "Which results become events",
    .number = GST_COW_PUBLISH_ALL,
    .enum_type = gst_cow_publish_events_get_type },
  { .type = GST_COW_PUBLISH_UINT,
    GST_COW_PUBLISH_MEMBER (GstCowPublishOwn, queue_size),
    .name = "queue-size",
    .nick = "Queue size",
    .blurb =
        "Events that wait for each target at most (and 16 MiB); see leaky for when there is no "
        "more room",
    .number = 1000,
    .min = 1,
    .max = 1000000 },
  { .type = GST_COW_PUBLISH_ENUM,
    GST_COW_PUBLISH_MEMBER (GstCowPublishOwn, leaky),
    .name = "leaky",
    .nick = "Leaky",
    .blurb = "What happens when a queue is full: the oldest events are dropped, and counted in "
             "stats (auto: in live pipelines), or the stream waits (auto: recordings)",
    .number = GST_COW_PUBLISH_LEAKY_AUTO,
    .enum_type = gst_cow_publish_leaky_get_type },
  { .type = GST_COW_PUBLISH_UINT,
    GST_COW_PUBLISH_MEMBER (GstCowPublishOwn, drain_timeout_ms),
    .name = "drain-timeout",
    .nick = "Drain timeout",
    .blurb =
        "Milliseconds that stopping waits for events that are still queued, and that the end of "
        "a recording waits for the next one that is sent; the rest is dropped, and counted",
    .number = 2000,
    .max = 600000 },
};

static const GstCowPublishProperties own = GST_COW_PUBLISH_PROPERTIES (GstCowPublishOwn, rows);

/* ---- which id is whose ----------------------------------------------------------------------- */

/* Ids begin at 1: the element's own, then those of each target. The table that has this one, and
 * its row there; *target is the index of that target, or -1. NULL: nobody has it. */
static const GstCowPublishProperties *
find (guint id, gint *target, guint *row)
{
  const GstCowPublishProperties *properties = &own;

  *row = id - 1;
  for (*target = -1; *row >= properties->n;) {
    *row -= properties->n;
    if (++*target == (gint)gst_cow_publish_n_targets)
      return NULL;
    properties = &gst_cow_publish_targets[*target]->properties;
  }
  return properties;
}

guint
gst_cow_publish_settings_install (GObjectClass *klass)
{
  guint id = 1;

  gst_cow_publish_properties_install (&own, klass, id);
  id += own.n;
  for (guint i = 0; i < gst_cow_publish_n_targets; i++) {
    gst_cow_publish_properties_install (&gst_cow_publish_targets[i]->properties, klass, id);
    id += gst_cow_publish_targets[i]->properties.n;
  }
  g_object_class_install_property (
      klass, id,
      g_param_spec_boxed (
          "stats", "Statistics",
          "For each target: events queued, sent and dropped, failures, whether it is connected",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  return id;
}

/* ---- values ---------------------------------------------------------------------------------- */

void
gst_cow_publish_settings_init (GstCowPublishSettings *self)
{
  self->own = gst_cow_publish_values_new (&own);
  self->targets = g_new (gpointer, gst_cow_publish_n_targets);
  for (guint i = 0; i < gst_cow_publish_n_targets; i++)
    self->targets[i] = gst_cow_publish_values_new (&gst_cow_publish_targets[i]->properties);
}

void
gst_cow_publish_settings_copy (const GstCowPublishSettings *self, GstCowPublishSettings *to)
{
  to->own = gst_cow_publish_values_copy (&own, self->own);
  to->targets = g_new (gpointer, gst_cow_publish_n_targets);
  for (guint i = 0; i < gst_cow_publish_n_targets; i++)
    to->targets[i] =
        gst_cow_publish_values_copy (&gst_cow_publish_targets[i]->properties, self->targets[i]);
}

void
gst_cow_publish_settings_clear (GstCowPublishSettings *self)
{
  gst_cow_publish_values_free (&own, self->own);
  for (guint i = 0; i < gst_cow_publish_n_targets; i++)
    gst_cow_publish_values_free (&gst_cow_publish_targets[i]->properties, self->targets[i]);
  g_free (self->targets);
}

gboolean
gst_cow_publish_settings_set (GstCowPublishSettings *self, guint id, const GValue *value)
{
  gint target;
  guint row;
  const GstCowPublishProperties *properties = find (id, &target, &row);

  if (properties)
    gst_cow_publish_values_set (properties, target < 0 ? self->own : self->targets[target], row,
                                value);
  return properties != NULL;
}

gboolean
gst_cow_publish_settings_get (GstCowPublishSettings *self, guint id, GValue *value)
{
  gint target;
  guint row;
  const GstCowPublishProperties *properties = find (id, &target, &row);

  if (properties)
    gst_cow_publish_values_get (properties, target < 0 ? self->own : self->targets[target], row,
                                value);
  return properties != NULL;
}
