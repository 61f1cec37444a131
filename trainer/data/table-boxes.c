/* SPDX-License-Identifier: MIT */
#include "trainer/data/table-boxes.h"
#include "trainer/host/words.h"

#include <math.h>
#include <string.h>

#define MOST_NUMBER 1e6

/* In the order in which they are looked for: a table with corners may have the width and height of
 * its pictures beside them. Without what separates words, and without "bbox" before them. */
static const struct {
  BoxLayout layout;
  const char *names[4];
} layouts[] = {
  { BOX_CORNERS, { "xmin", "ymin", "xmax", "ymax" } },
  { BOX_CORNERS, { "minx", "miny", "maxx", "maxy" } },
  { BOX_CORNERS, { "x1", "y1", "x2", "y2" } },
  { BOX_CORNERS, { "x0", "y0", "x1", "y1" } },
  { BOX_CORNERS, { "left", "top", "right", "bottom" } },
  { BOX_CORNERS, { "xtl", "ytl", "xbr", "ybr" } },
  { BOX_SIZE, { "left", "top", "width", "height" } },
  { BOX_SIZE, { "left", "top", "w", "h" } },
  { BOX_SIZE, { "x", "y", "w", "h" } },
  { BOX_SIZE, { "x", "y", "width", "height" } },
  { BOX_SIZE, { "xmin", "ymin", "width", "height" } },
  { BOX_SIZE, { "xmin", "ymin", "w", "h" } },
  { BOX_SIZE, { "x1", "y1", "width", "height" } },
  { BOX_SIZE, { "x1", "y1", "w", "h" } },
  { BOX_CENTRE, { "xcenter", "ycenter", "width", "height" } },
  { BOX_CENTRE, { "xcentre", "ycentre", "width", "height" } },
  { BOX_CENTRE, { "centerx", "centery", "width", "height" } },
  { BOX_CENTRE, { "xcenter", "ycenter", "w", "h" } },
  { BOX_CENTRE, { "cx", "cy", "w", "h" } },
  { BOX_CENTRE, { "cx", "cy", "width", "height" } },
  { BOX_CENTRE, { "xc", "yc", "w", "h" } },
};

/* ---- columns --------------------------------------------------------------------------------- */

/* A column's name in small letters, without what separates words and without "bbox" and the like
 * before it; *prefixed tells that it was there. */
static char *
plain_name (const char *column, gboolean *prefixed)
{
  static const char *const prefixes[] = { "boundingbox", "bndbox", "bbox", "box",
                                          "rect",        "roi",    "crop", "region" };
  GString *plain = g_string_new (NULL);

  for (; *column; column++)
    if (g_ascii_isalnum (*column))
      g_string_append_c (plain, g_ascii_tolower (*column));
  *prefixed = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (prefixes) && !*prefixed; i++)
    if (g_str_has_prefix (plain->str, prefixes[i])) {
      *prefixed = TRUE;
      g_string_erase (plain, 0, (gssize)strlen (prefixes[i]));
    }
  return g_string_free (plain, FALSE);
}

/* Whether a column that is not read looks like one of boxes. */
static gboolean
looks_like_box (const char *column, gboolean found)
{
  static const char *const words[] = { "polygon", "segmentation", "geometry", "coordinates" };
  gboolean prefixed;
  g_autofree char *plain = plain_name (column, &prefixed);

  /* The width and height of the picture stand beside its corners. */
  if (found && !prefixed && (g_str_equal (plain, "width") || g_str_equal (plain, "height")))
    return FALSE;
  if (prefixed && !*plain)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (plain, words[i]))
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (layouts); i++)
    for (guint k = 0; k < 4; k++)
      if (g_str_equal (plain, layouts[i].names[k]) &&
          (prefixed || !(g_str_equal (plain, "width") || g_str_equal (plain, "height") ||
                         g_str_equal (plain, "w") || g_str_equal (plain, "h"))))
        return TRUE;
  return FALSE;
}

static gboolean
find_layout (TableBoxes *self, const Csv *csv, guint which, GPtrArray *plain)
{
  for (guint k = 0; k < 4; k++) {
    self->columns[k] = -1;
    for (guint i = 0; i < csv->n_columns && self->columns[k] < 0; i++)
      if (g_str_equal (plain->pdata[i], layouts[which].names[k]))
        self->columns[k] = (int)i;
    if (self->columns[k] < 0)
      return FALSE;
  }
  self->layout = layouts[which].layout;
  return TRUE;
}

static gboolean
is_read (const TableBoxes *self, guint column)
{
  for (guint k = 0; k < 4; k++)
    if (self->columns[0] >= 0 && self->columns[k] == (int)column)
      return TRUE;
  return FALSE;
}

gboolean
table_boxes_find (TableBoxes *self, const Csv *csv, GError **error)
{
  g_autoptr (GPtrArray) plain = g_ptr_array_new_with_free_func (g_free);
  GString *unread = g_string_new (NULL);
  gboolean found = FALSE, ignored;

  *self = (TableBoxes){ 0 };
  for (guint i = 0; i < csv->n_columns; i++)
    g_ptr_array_add (plain, plain_name (csv->columns[i], &ignored));
  for (guint i = 0; i < G_N_ELEMENTS (layouts) && !found; i++)
    found = find_layout (self, csv, i, plain);
  if (!found)
    self->columns[0] = -1;
  for (guint i = 0; i < csv->n_columns; i++)
    if (!is_read (self, i) && looks_like_box (csv->columns[i], found))
      g_string_append_printf (unread, "%s%s", unread->len ? ", " : "", csv->columns[i]);
  self->unread = g_string_free (unread, unread->len == 0);
  for (guint k = 0; found && k < 4; k++)
    if (!csv_check_single (csv, self->columns[k], error))
      return FALSE;
  return TRUE;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static gboolean
fail (const TableBoxes *self, const Csv *csv, guint k, const char *why, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%u: %s = \"%s\"; %s", csv->path, csv->line,
               csv->columns[self->columns[k]], csv->fields[self->columns[k]], why);
  return FALSE;
}

/* To x, y, w, h. */
static void
to_size (BoxLayout layout, double box[4])
{
  for (guint k = 0; k < 2; k++)
    if (layout == BOX_CORNERS)
      box[k + 2] -= box[k];
    else if (layout == BOX_CENTRE)
      box[k] -= box[k + 2] / 2;
}

gboolean
table_boxes_read (TableBoxes *self, const Csv *csv, double box[4], gboolean *whole, GError **error)
{
  guint n_missing = 0, missing = 0;

  for (guint k = 0; k < 4; k++)
    if (csv_is_missing (csv->fields[self->columns[k]])) {
      n_missing++;
      missing = k;
    }
  *whole = n_missing == 4;
  if (*whole) {
    self->n_whole++;
    return TRUE;
  }
  if (n_missing > 0)
    return fail (self, csv, missing, "some of the box's numbers are empty", error);
  for (guint k = 0; k < 4; k++) {
    char *end;
    box[k] = g_ascii_strtod (csv->fields[self->columns[k]], &end);
    if (*g_strchug (end) != '\0' || !isfinite (box[k]) || fabs (box[k]) > MOST_NUMBER)
      return fail (self, csv, k, "a number of pixels, or a part of the picture, is expected",
                   error);
    self->most = MAX (self->most, fabs (box[k]));
  }
  to_size (self->layout, box);
  for (guint k = 2; k < 4; k++)
    if (!(box[k] > 0))
      return fail (self, csv, k, "the box is empty", error);
  if ((box[2] < 1 || box[3] < 1) && self->small_line == 0)
    self->small_line = csv->line;
  self->n++;
  return TRUE;
}

gboolean
table_boxes_finish (const TableBoxes *self, const Csv *csv, CowBoxKind *kind, GError **error)
{
  *kind = self->most <= 1 ? COW_BOX_NORMALISED : COW_BOX_PIXELS;
  if (self->columns[0] < 0 || *kind == COW_BOX_NORMALISED || self->small_line == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s:%u: a box smaller than a pixel, while others have numbers above 1: parts of the "
               "picture (0 to 1) or pixels are expected, the same in all rows",
               csv->path, self->small_line);
  return FALSE;
}

char *
table_boxes_text (const TableBoxes *self, const Csv *csv, CowBoxKind kind)
{
  static const char *const meanings[] = { [BOX_CORNERS] = "corners",
                                          [BOX_SIZE] = "left, top, width and height",
                                          [BOX_CENTRE] = "centre, width and height" };
  const int *c = self->columns;

  return g_strdup_printf ("boxes: %s, %s, %s and %s are %s, %s; %u row%s, %u mean%s the "
                          "whole picture",
                          csv->columns[c[0]], csv->columns[c[1]], csv->columns[c[2]],
                          csv->columns[c[3]], meanings[self->layout],
                          kind == COW_BOX_PIXELS ? "in pixels"
                                                 : "as parts of the picture (from 0 to 1)",
                          self->n, words_of (self->n, " has one", "s have one"), self->n_whole,
                          words_of (self->n_whole, "s", ""));
}

void
table_boxes_clear (TableBoxes *self)
{
  g_clear_pointer (&self->unread, g_free);
}
