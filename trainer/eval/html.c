/* SPDX-License-Identifier: MIT */
#include "trainer/eval/html.h"

#include <string.h>

#include "trainer/plot/plot.h"

void
html_text (GString *html, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text ? text : "", -1);
  for (const char *c = valid; *c; c++)
    switch (*c) {
    case '&':
      g_string_append (html, "&amp;");
      break;
    case '<':
      g_string_append (html, "&lt;");
      break;
    case '>':
      g_string_append (html, "&gt;");
      break;
    case '"':
      g_string_append (html, "&quot;");
      break;
    case '\'':
      g_string_append (html, "&#39;");
      break;
    default:
      g_string_append_c (html, g_ascii_iscntrl (*c) ? ' ' : *c);
    }
}

void
html_tag (GString *html, const char *tag, const char *text)
{
  g_string_append_printf (html, "<%s>", tag);
  html_text (html, text);
  g_string_append_printf (html, "</%.*s>", (int)strcspn (tag, " "), tag);
}

void
html_count (GString *html, guint64 count)
{
  g_autofree char *text = plot_count_text (count);
  g_string_append (html, text);
}

void
html_cell (GString *html, double value)
{
  g_string_append_printf (html, "<td>%.4f</td>", value);
}

void
html_bar_cell (GString *html, double value)
{
  g_string_append_printf (html,
                          "<td>%.4f<span class=\"bar\"><i style=\"width:%.1f%%\"></i></span></td>",
                          value, 100 * value);
}
