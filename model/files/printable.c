/* SPDX-License-Identifier: MIT */
#include "model/files/printable.h"

/* Those that Unicode has for the direction of writing, and its ends of lines and paragraphs. */
static gboolean
is_mark (gunichar c)
{
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
         c == 0x200f || c == 0x061c || c == 0x2028 || c == 0x2029;
}

static void
append (GString *out, const char *at, gunichar c, gboolean lines)
{
  if (lines && (c == '\n' || c == '\t'))
    g_string_append_c (out, (char)c);
  else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || is_mark (c))
    g_string_append_printf (out, "\\u%04x", c);
  else
    g_string_append_len (out, at, g_utf8_next_char (at) - at);
}

char *
cow_printable (const char *text, gboolean lines)
{
  GString *out = g_string_new (NULL);
  const char *bad;

  while (*text) {
    g_utf8_validate (text, -1, &bad);
    for (; text < bad; text = g_utf8_next_char (text))
      append (out, text, g_utf8_get_char (text), lines);
    if (*text)
      g_string_append_printf (out, "\\x%02x", (guint8)*text++);
  }
  return g_string_free (out, FALSE);
}
