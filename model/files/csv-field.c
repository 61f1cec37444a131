/* SPDX-License-Identifier: MIT */
#include "model/files/csv-field.h"

#include <string.h>

void
cow_csv_append_field (GString *row, const char *field)
{
  if (!strpbrk (field, ",\"\r\n")) {
    g_string_append (row, field);
    return;
  }
  g_string_append_c (row, '"');
  for (; *field; field++) {
    if (*field == '"')
      g_string_append_c (row, '"');
    g_string_append_c (row, *field);
  }
  g_string_append_c (row, '"');
}

void
cow_csv_append_name (GString *row, const char *name)
{
  g_autoptr (GString) plain = g_string_new (NULL);
  g_autofree char *valid = name ? g_utf8_make_valid (name, -1) : NULL;

  if (valid && *valid && strchr ("=+-@", *valid))
    g_string_append_c (plain, '\'');
  for (const char *p = valid; p && *p; p = g_utf8_next_char (p)) {
    const gunichar c = g_utf8_get_char (p);

    g_string_append_unichar (plain, g_unichar_iscntrl (c) ? ' ' : c);
  }
  cow_csv_append_field (row, plain->str);
}
