/* SPDX-License-Identifier: MIT */
#include "model/adapter/label-text.h"

#include <string.h>

gboolean
cow_label_is_plain (const char *name)
{
  return strstr (name, COW_LABEL_SEPARATOR) == NULL && g_ascii_strcasecmp (name, COW_LABEL_NONE);
}

void
cow_label_decide (const float *probabilities, const float *thresholds, guint n, guint8 *shown)
{
  for (guint c = 0; c < n; c++)
    shown[c] = probabilities[c] >= thresholds[c];
}

char *
cow_label_text (const char *const *classes, const guint8 *shown, guint n)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint c = 0; c < n; c++)
    if (shown[c])
      g_string_append_printf (text, "%s%s", text->len > 0 ? COW_LABEL_SEPARATOR : "", classes[c]);
  return g_strdup (text->len > 0 ? text->str : COW_LABEL_NONE);
}
