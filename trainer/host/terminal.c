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

/* ---- help ------------------------------------------------------------------------------------ */

/* How many bytes of the text are its next word; a quoted one may have spaces. */
static gsize
word_length (const char *text)
{
  gboolean quoted = FALSE;
  gsize n = 0;

  for (; text[n] && (quoted || text[n] != ' '); n++)
    quoted ^= text[n] == '"';
  return n;
}

/* A command goes on in the next line behind a backslash, as a shell reads it; what is said of it
 * behind some spaces has a line of its own. */
static void
append_command (GString *out, const char *line, guint columns)
{
  const guint margin = (guint)strspn (line, " ");
  const char *remark = strstr (line + margin, "   ");
  guint used = margin;

  g_string_append_printf (out, "%*s", (int)margin, "");
  for (const char *word = line + margin; *word && word != remark;) {
    const gsize n = word_length (word);
    g_autofree char *text = g_strndup (word, n);
    const guint width = words_columns (text);

    /* " \\" has to fit behind it, too. */
    if (word > line + margin && used + 1 + width + 2 > columns && !g_str_equal (text, "\\")) {
      g_string_append_printf (out, " \\\n%*s", (int)margin + INDENT, "");
      used = margin + INDENT;
    } else if (word > line + margin) {
      g_string_append_c (out, ' ');
      used++;
    }
    g_string_append (out, text);
    used += width;
    word += n;
    if (word != remark)
      word += strspn (word, " ");
  }
  if (remark)
    g_string_append_printf (out, "\n%*s%s", (int)margin + INDENT * 2, "",
                            remark + strspn (remark, " "));
}

/* A line that is indented: a command, or a name and behind two spaces what it is. */
static void
append_indented (GString *out, const char *line, guint columns)
{
  const char *first = line + strspn (line, " "), *behind = strstr (first, "  ");
  const guint indent = behind ? (guint)(behind - line) + (guint)strspn (behind, " ") : 0;

  if (words_columns (line) <= columns)
    g_string_append (out, line);
  else if (g_str_has_prefix (first, "cow-trainer ") || g_str_has_prefix (first, "--"))
    append_command (out, line, columns);
  else
    append_broken (out, line,
                   indent > 0 && indent < columns / 2 ? indent : (guint)(first - line) + INDENT,
                   columns);
}

char *
terminal_flow (const char *text, guint columns)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) paragraph = g_string_new (NULL);
  GString *out = g_string_new (NULL);

  for (char **line = lines; *line; line++) {
    const gboolean is_prose = **line && **line != ' ';

    if (is_prose)
      g_string_append_printf (paragraph, "%s%s", paragraph->len > 0 ? " " : "", *line);
    if (is_prose && line[1] && *line[1] && *line[1] != ' ')
      continue;
    if (is_prose)
      append_broken (out, paragraph->str, 0, columns);
    else
      append_indented (out, *line, columns);
    g_string_truncate (paragraph, 0);
    if (line[1])
      g_string_append_c (out, '\n');
  }
  return g_string_free (out, FALSE);
}
