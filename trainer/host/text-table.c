/* SPDX-License-Identifier: MIT */
#include "trainer/host/text-table.h"

#include "trainer/host/words.h"

#define GAP 2 /* columns of the terminal between two of the table's */

struct _TextTable {
  const TextColumn *columns;
  guint n;
  guint *widths;   /* [n] */
  GPtrArray *rows; /* of char * [n + 1] */
};

static void
free_row (gpointer row)
{
  g_strfreev (row);
}

TextTable *
text_table_new (const TextColumn *columns, guint n)
{
  TextTable *self = g_new0 (TextTable, 1);

  self->columns = columns;
  self->n = n;
  self->widths = g_new (guint, n);
  self->rows = g_ptr_array_new_with_free_func (free_row);
  for (guint c = 0; c < n; c++)
    self->widths[c] = words_columns (columns[c].name);
  return self;
}

void
text_table_free (TextTable *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->rows);
  g_free (self->widths);
  g_free (self);
}

void
text_table_add (TextTable *self, char *const *cells)
{
  char **row = g_new0 (char *, self->n + 2); /* the remark, and the end for g_strfreev () */

  for (guint c = 0; c < self->n; c++) {
    row[c] = cells[c];
    self->widths[c] = MAX (self->widths[c], words_columns (cells[c]));
  }
  row[self->n] = cells[self->n];
  g_ptr_array_add (self->rows, row);
}

/* ---- text ------------------------------------------------------------------------------------ */

static guint
width_of (const TextTable *self, const gboolean *shown)
{
  guint width = 0;

  for (guint c = 0; c < self->n; c++)
    width += shown[c] ? self->widths[c] + (width > 0 ? GAP : 0) : 0;
  return width;
}

/* Leaves out what has the highest rank, until the rest fits. */
static void
choose (const TextTable *self, guint width, gboolean *shown)
{
  for (guint c = 0; c < self->n; c++)
    shown[c] = TRUE;
  while (width > 0 && width_of (self, shown) > width) {
    guint last = self->n;

    for (guint c = 0; c < self->n; c++)
      if (shown[c] && self->columns[c].rank > 0 &&
          (last == self->n || self->columns[c].rank > self->columns[last].rank))
        last = c;
    if (last == self->n)
      return;
    shown[last] = FALSE;
  }
}

static void
append_cell (const TextTable *self, GString *text, guint c, const char *cell, gboolean is_first)
{
  const int padding = (int)(self->widths[c] - words_columns (cell));

  g_string_append_printf (text, "%*s", is_first ? 0 : GAP, "");
  if (self->columns[c].left)
    g_string_append_printf (text, "%s%*s", cell, padding, "");
  else
    g_string_append_printf (text, "%*s%s", padding, "", cell);
}

/* `cells` NULL: the names. */
static void
append_row (const TextTable *self, GString *text, char *const *cells, const gboolean *shown)
{
  gboolean is_first = TRUE;

  for (guint c = 0; c < self->n; c++) {
    if (!shown[c])
      continue;
    append_cell (self, text, c, cells ? cells[c] : self->columns[c].name, is_first);
    is_first = FALSE;
  }
  while (text->len > 0 && text->str[text->len - 1] == ' ')
    g_string_truncate (text, text->len - 1);
  if (cells && cells[self->n])
    g_string_append_printf (text, "%*s%s", GAP, "", cells[self->n]);
  g_string_append_c (text, '\n');
}

char *
text_table_text (const TextTable *self, guint width, const char *where)
{
  g_autofree gboolean *shown = g_new (gboolean, self->n);
  g_autoptr (GString) missing = g_string_new (NULL);
  GString *text = g_string_new (NULL);

  choose (self, width, shown);
  append_row (self, text, NULL, shown);
  for (guint i = 0; i < self->rows->len; i++)
    append_row (self, text, self->rows->pdata[i], shown);
  for (guint c = 0; c < self->n; c++)
    if (!shown[c])
      g_string_append_printf (missing, "%s%s", missing->len > 0 ? ", " : "", self->columns[c].name);
  if (missing->len > 0)
    g_string_append_printf (text, "(without %s: %s)\n", missing->str, where);
  return g_string_free (text, FALSE);
}
