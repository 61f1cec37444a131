/* SPDX-License-Identifier: MIT */
/* All targets that there are. */
#include "gst-plugin/publish/targets.h"

#define POINT(NAME) &gst_cow_publish_##NAME,

const GstCowPublishTargetClass *const gst_cow_publish_targets[] = { GST_COW_PUBLISH_TARGETS (
    POINT) };
const guint gst_cow_publish_n_targets = G_N_ELEMENTS (gst_cow_publish_targets);

gboolean
gst_cow_publish_target_is_wanted (const GstCowPublishTargetClass *class, gconstpointer settings)
{
  return *(gchar *const *)((const guint8 *)settings + class->properties.rows[0].offset) != NULL;
}

char *
gst_cow_publish_targets_list (void)
{
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < gst_cow_publish_n_targets; i++) {
    if (i > 0)
      g_string_append (list, i + 1 < gst_cow_publish_n_targets ? ", " : " or ");
    g_string_append (list, gst_cow_publish_targets[i]->properties.rows[0].name);
  }
  return g_strdup (list->str);
}
