/* SPDX-License-Identifier: MIT */
/* A target of cowpublish without its element. */
#include "tests/fuzz/publish.h"

#include <string.h>

void
fuzz_publish_check (GError **error)
{
  g_assert_true (!*error || (g_utf8_validate ((*error)->message, -1, NULL) &&
                             !strstr ((*error)->message, FUZZ_PASSWORD)));
  g_clear_error (error);
}

static void
on_warning (gpointer queue, GError *error)
{
  fuzz_publish_check (&error);
}

static void
set_row (const GstCowPublishProperties *properties, gpointer values, guint row, const char *text)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (properties->rows[row].type == GST_COW_PUBLISH_ENUM) {
    g_value_init (&value, properties->rows[row].enum_type ());
    g_assert_true (gst_value_deserialize (&value, text));
  } else {
    g_value_init (&value, G_TYPE_STRING);
    g_value_set_string (&value, text);
  }
  gst_cow_publish_values_set (properties, values, row, &value);
}

static void
set (const GstCowPublishProperties *properties, gpointer values, const char *name, const char *text)
{
  for (guint row = 0; row < properties->n; row++)
    if (g_str_equal (properties->rows[row].name, name))
      set_row (properties, values, row, text);
}

GstCowPublishTarget *
fuzz_publish_open (const GstCowPublishTargetClass *class, const char *const *settings)
{
  gpointer values = gst_cow_publish_values_new (&class->properties);
  g_autoptr (GError) error = NULL;

  for (; *settings; settings += 2)
    set (&class->properties, values, settings[0], settings[1]);
  GstCowPublishTarget *target = class->open (values, "barn", &error);
  g_assert_no_error (error);
  target->class = class;
  target->warn = on_warning;
  gst_cow_publish_values_free (&class->properties, values);
  return target;
}

void
fuzz_publish_send (GstCowPublishTarget *target)
{
  char one[] = "{\"event\":1}", two[] = "{\"event\":2}", *const lines[] = { one, two };
  GstCowLine fates[] = { GST_COW_LINE_LEFT, GST_COW_LINE_LEFT };
  const guint n = MIN (target->most_lines, 2);
  g_autoptr (GError) error = NULL;

  const GstCowDelivery delivery = target->class->send (target, lines, n, fates, NULL, &error);
  g_assert_true ((delivery == GST_COW_DELIVERY_DONE) == (error == NULL));
  for (guint i = 0; i < n; i++)
    g_assert_true (delivery != GST_COW_DELIVERY_DONE || fates[i] == GST_COW_LINE_SENT);
  fuzz_publish_check (&error);
}
