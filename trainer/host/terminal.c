/* SPDX-License-Identifier: MIT */
#include "trainer/host/terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "trainer/host/words.h"

#define USUAL_COLUMNS 80
#define RED           "\033[1;31m"
#define YELLOW        "\033[1;33m"
#define PLAIN         "\033[0m"
#define INDENT        2 /* of a line that goes on */

static const char us[] = "cow-trainer:";

guint
terminal_columns (int descriptor)
{
  struct winsize size;

  if (!isatty (descriptor))
    return 0;
  return ioctl (descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u
                                                                       : USUAL_COLUMNS - 1;
}

gboolean
terminal_has_colour (int descriptor)
{
  const char *no_colour = g_getenv ("NO_COLOR"), *kind = g_getenv ("TERM");

  return isatty (descriptor) && !(no_colour && *no_colour) && g_strcmp0 (kind, "dumb") != 0;
}

/* Where a sentence in this line goes on; 0: it is none. */
static guint
indent_of (const char *line, gboolean is_message)
{
  const char *behind;

  if (is_message)
    return INDENT;
  if (!g_str_has_prefix (line, "  -") || !(behind = strstr (line + 2, "  ")))
    return 0;
  return (guint)(behind - line) + (guint)strspn (behind, " ");
}

/* The line's words with as many breaks as it needs. */
static void
append_broken (GString *out, const char *line, guint indent, guint columns)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  guint used = 0;

  for (char **word = words; *word; word++) {
    const guint width = words_columns (*word);
    if (word > words && used + 1 + width > columns && used > indent) {
      g_string_append_printf (out, "\n%*s", (int)indent, "");
      used = indent;
    } else if (word > words) {
      g_string_append_c (out, ' ');
      used++;
    }
    g_string_append (out, *word);
    used += width;
  }
}

/* Colours the first `n` bytes behind `at`. */
static void
colour (GString *out, gsize at, gsize n, const char *how)
{
  g_string_insert (out, (gssize)(at + n), PLAIN);
  g_string_insert (out, (gssize)at, how);
}

static void
append_line (GString *out, const char *line, guint columns, gboolean coloured, gboolean failure)
{
  static const char *const warnings[] = { "cow-trainer: warning:", "Warning:" };
  const gsize start = out->len;
  const gboolean ours = g_str_has_prefix (line, us);
  const char *warning = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (warnings) && !warning; i++)
    warning = g_str_has_prefix (line, warnings[i]) ? warnings[i] : NULL;
  const guint indent = indent_of (line, ours || warning);
  if (indent > 0 && indent < columns / 2 + columns / 8)
    append_broken (out, line, indent, columns);
  else
    g_string_append (out, line);
  if (!coloured)
    return;
  if (warning) {
    const gsize before = ours ? strlen (us) + 1 : 0;
    colour (out, start + before, strlen (warning) - before, YELLOW);
  } else if (ours && failure) {
    colour (out, start, strlen (us), RED);
  }
}

char *
terminal_lay_out (const char *text, guint columns, gboolean coloured, gboolean failure)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *out = g_string_new (NULL);

  for (char **line = lines; *line; line++) {
    if (line > lines)
      g_string_append_c (out, '\n');
    append_line (out, *line, columns, coloured, failure);
  }
  return g_string_free (out, FALSE);
}
