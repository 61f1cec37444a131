/* SPDX-License-Identifier: MIT */
/* The file is held as a whole: a table of millions of pictures is some hundred megabytes, and
 * fields then need no copies. */
#include "trainer/data/csv.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "trainer/data/text-file.h"

static gboolean
read_text (Csv *self, GError **error)
{
  GError *local = NULL;
  GStatBuf status;
  gsize n_bytes;

  if (g_stat (self->path, &status) != 0) {
    const int code = errno;
    g_set_error (error, COW_ERROR, code == ENOENT ? COW_ERROR_NOT_FOUND : COW_ERROR_IO, "%s: %s",
                 self->path, g_strerror (code));
    return FALSE;
  }
  if (!S_ISREG (status.st_mode) || status.st_size > CSV_MOST_BYTES) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not a table: %s", self->path,
                 S_ISREG (status.st_mode) ? "the file is larger than 1 GiB" : "not a regular file");
    return FALSE;
  }
  if (!g_file_get_contents (self->path, &self->text, &n_bytes, &local)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s", self->path, local->message);
    g_error_free (local);
    return FALSE;
  }
  self->text = text_file_decode (self->path, self->text, &n_bytes, &self->encoding, error);
  if (!self->text)
    return FALSE;
  self->next = self->text;
  self->end = self->text + n_bytes;
  self->next_line = 1;
  return TRUE;
}

/* Whether a line ends with this character: LF, or CR where none follows. */
static gboolean
ends_line (const char *c)
{
  return *c == '\n' || (*c == '\r' && c[1] != '\n');
}

/* Takes a quoted field, whose opening quote is at `next`, out of its quotes; gives its end, or
 * NULL. */
static char *
unquote (Csv *self, GError **error)
{
  const guint line = self->next_line;
  char *out = self->next, *in = self->next + 1;

  for (; in < self->end && !(in[0] == '"' && in[1] != '"'); in++) {
    self->next_line += ends_line (in);
    if (*in == '"')
      in++;
    *out++ = *in;
  }
  if (in >= self->end) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s:%u: a quote that opens here is never closed", self->path, line);
    return NULL;
  }
  self->next = in + 1;
  if (self->next < self->end && !strchr ("\r\n", *self->next) && *self->next != self->separator) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%u: text follows a closing quote",
                 self->path, self->next_line);
    return NULL;
  }
  return out;
}

/* Takes the field at `next`, ends it with a zero and moves behind what separates it; *last when the
 * row ends with it. NULL on error. */
static const char *
take_field (Csv *self, gboolean *last, GError **error)
{
  const char *field = self->next;
  char *stop;

  if (self->next < self->end && *self->next == '"') {
    stop = unquote (self, error);
    if (!stop)
      return NULL;
  } else {
    while (self->next < self->end && *self->next != self->separator &&
           !strchr ("\r\n", *self->next))
      self->next++;
    stop = self->next;
  }
  *last = self->next >= self->end || *self->next != self->separator;
  if (self->next < self->end && *self->next == '\r' && self->next[1] == '\n')
    self->next++;
  if (self->next < self->end) {
    self->next_line += ends_line (self->next);
    self->next++;
  }
  *stop = '\0';
  return field;
}

/* The fields of the next row that is not empty, to `fields`; none at the end. */
static gboolean
take_row (Csv *self, GPtrArray *fields, GError **error)
{
  gboolean last = FALSE;

  while (self->next < self->end && strchr ("\r\n", *self->next))
    self->next_line += ends_line (self->next++);
  self->line = self->next_line;
  while (self->next < self->end && !last) {
    const char *field = take_field (self, &last, error);
    if (!field)
      return FALSE;
    if (fields->len == CSV_MOST_COLUMNS) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%u: more than %d fields in a row",
                   self->path, self->line, CSV_MOST_COLUMNS);
      return FALSE;
    }
    g_ptr_array_add (fields, (gpointer)field);
    /* A separator at the very end of the file is followed by one more, empty field. */
    if (!last && self->next >= self->end) {
      g_ptr_array_add (fields, (gpointer) "");
      last = TRUE;
    }
  }
  return TRUE;
}

/* ---- the separator --------------------------------------------------------------------------- */

#define SEPARATORS ",;\t|"

/* Obeys a first line "sep=;", which spreadsheets write and hide; FALSE when there is none. */
static gboolean
take_hint (Csv *self)
{
  const char *text = self->next;
  const gboolean quoted = *text == '"';
  text += quoted;
  if (g_ascii_strncasecmp (text, "sep=", 4) != 0 || !text[4] || strchr ("\r\n\"", text[4]))
    return FALSE;
  const char separator = text[4];
  text += 5;
  if (quoted && *text == '"')
    text++;
  if (*text && !strchr ("\r\n", *text))
    return FALSE;
  self->separator = separator;
  self->next = (char *)text;
  return TRUE;
}

/* How many of the needed columns the first row has with this separator. */
static guint
count_needed (const Csv *self, char separator, const char *const *needed)
{
  /* Fields are unquoted in place, so a copy is read; names of columns take no megabyte. */
  const gsize n = MIN ((gsize)(self->end - self->next), 1 << 20);
  g_autofree char *copy = g_strndup (self->next, n);
  Csv header = { .path = self->path,
                 .next = copy,
                 .end = copy + strlen (copy),
                 .next_line = 1,
                 .separator = separator };
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  guint found = 0;

  if (!take_row (&header, names, NULL))
    return 0;
  for (; *needed; needed++)
    for (guint i = 0; i < names->len; i++) {
      g_autofree char *name = g_strstrip (g_strdup (names->pdata[i]));
      if (g_ascii_strcasecmp (name, *needed) == 0) {
        found++;
        break;
      }
    }
  return found;
}

/* The one that gives most of the needed columns; else the first that the first line has. */
static char
find_separator (const Csv *self, const char *const *needed)
{
  const gsize n = strcspn (self->next, "\r\n");
  guint most = 0;
  char best = '\0';

  for (const char *c = SEPARATORS; needed && *c; c++) {
    const guint found = count_needed (self, *c, needed);
    if (found > most) {
      most = found;
      best = *c;
    }
  }
  for (const char *c = SEPARATORS; *c && !best; c++)
    if (memchr (self->next, *c, n))
      best = *c;
  return best ? best : ',';
}

/* ---- columns --------------------------------------------------------------------------------- */

static gboolean
read_columns (Csv *self, const char *const *needed, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  if (!take_hint (self))
    self->separator = find_separator (self, needed);
  if (!take_row (self, names, error))
    return FALSE;
  if (names->len == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: the table is empty; its first line must name the columns", self->path);
    return FALSE;
  }
  self->n_columns = names->len;
  self->columns = g_new0 (char *, self->n_columns + 1);
  self->fields = g_new0 (const char *, self->n_columns);
  for (guint i = 0; i < names->len; i++)
    self->columns[i] = g_strstrip (g_strdup (names->pdata[i]));
  return TRUE;
}

Csv *
csv_open (const char *path, const char *const *needed, GError **error)
{
  g_autoptr (Csv) self = g_new0 (Csv, 1);

  self->path = g_strdup (path);
  if (!read_text (self, error) || !read_columns (self, needed, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
csv_free (Csv *self)
{
  if (!self)
    return;
  g_free (self->path);
  g_strfreev (self->columns);
  g_free (self->fields);
  g_free (self->text);
  g_free (self);
}

int
csv_column (const Csv *self, const char *name)
{
  for (guint i = 0; i < self->n_columns; i++)
    if (g_str_equal (self->columns[i], name))
      return (int)i;
  for (guint i = 0; i < self->n_columns; i++)
    if (g_ascii_strcasecmp (self->columns[i], name) == 0)
      return (int)i;
  return -1;
}

gboolean
csv_check_single (const Csv *self, int column, GError **error)
{
  for (guint i = 0; i < self->n_columns; i++)
    if ((int)i != column && g_ascii_strcasecmp (self->columns[i], self->columns[column]) == 0) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s has two columns \"%s\" (columns %u and %u): rename one of them", self->path,
                   self->columns[i], MIN (i, (guint)column) + 1, MAX (i, (guint)column) + 1);
      return FALSE;
    }
  return TRUE;
}

gboolean
csv_require (const Csv *self, const char *name, const char *what, guint *index, GError **error)
{
  const int found = csv_column (self, name);

  if (found >= 0) {
    *index = (guint)found;
    return csv_check_single (self, found, error);
  }
  g_autofree char *columns = g_strjoinv (", ", self->columns);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s has no column \"%s\" for %s; its columns are: %s", self->path, name, what,
               columns);
  return FALSE;
}

gboolean
csv_next (Csv *self, gboolean *more, GError **error)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_new ();

  if (!take_row (self, fields, error))
    return FALSE;
  *more = fields->len > 0;
  if (*more && fields->len != self->n_columns) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s:%u: %u fields, but the first line names %u columns", self->path, self->line,
                 fields->len, self->n_columns);
    return FALSE;
  }
  for (guint i = 0; i < fields->len; i++)
    self->fields[i] = fields->pdata[i];
  return TRUE;
}

gboolean
csv_is_missing (const char *field)
{
  static const char *const words[] = { "",     "na",     "n/a",  "#n/a",    "nan",    "-nan",
                                       "null", "none",   "nil",  "-",       "--",     "?",
                                       ".",    "#null!", "<na>", "#value!", "missing" };
  g_autofree char *plain = g_strstrip (g_ascii_strdown (field, -1));

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (plain, words[i]))
      return TRUE;
  return FALSE;
}
