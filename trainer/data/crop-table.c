/* SPDX-License-Identifier: MIT */
#include "trainer/data/crop-table.h"

#include <math.h>

#include "model/files/csv-field.h"
#include "model/files/file-writer.h"
#include "trainer/data/csv.h"

#define NS 1e9

static const char *const names[COW_CROP_N_COLUMNS + 1] = {
  "image_path", "label", "video", "time", "zone", "track", "area", "session", NULL,
};

struct _CowCropTable {
  char *path;
  GPtrArray *columns;               /* of char *: all that the file has */
  guint places[COW_CROP_N_COLUMNS]; /* where ours are among them */
  GPtrArray *rows;                  /* of GStrv [columns] */
  GHashTable *by_path;              /* the picture's path -> its row + 1; borrowed */
  GHashTable *labels;               /* the same -> a label that is not written yet */
  GPtrArray *added;                 /* of GStrv [COW_CROP_N_COLUMNS], not written yet */
};

/* ---- reading --------------------------------------------------------------------------------- */

static const char *
field (const CowCropTable *self, const GStrv row, CowCropColumn column)
{
  return row[self->places[column]];
}

static void
append (CowCropTable *self, GStrv row)
{
  g_ptr_array_add (self->rows, row);
  g_hash_table_insert (self->by_path, (gpointer)field (self, row, COW_CROP_PATH),
                       GUINT_TO_POINTER (self->rows->len));
}

/* A table with no rows and our columns. */
static void
reset (CowCropTable *self)
{
  g_hash_table_remove_all (self->by_path);
  g_ptr_array_set_size (self->rows, 0);
  g_ptr_array_set_size (self->columns, 0);
  for (guint i = 0; i < COW_CROP_N_COLUMNS; i++) {
    g_ptr_array_add (self->columns, g_strdup (names[i]));
    self->places[i] = i;
  }
}

static gboolean
take_columns (CowCropTable *self, const Csv *csv, GError **error)
{
  g_ptr_array_set_size (self->columns, 0);
  for (guint i = 0; i < csv->n_columns; i++)
    g_ptr_array_add (self->columns, g_strdup (csv->columns[i]));
  for (guint i = 0; i < COW_CROP_N_COLUMNS; i++)
    if (!csv_require (csv, names[i], "crops", &self->places[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
check_time (const CowCropTable *self, const Csv *csv, GError **error)
{
  const char *text = csv->fields[self->places[COW_CROP_TIME]];
  char *end;
  const double seconds = g_ascii_strtod (text, &end);

  if (end != text && !*end && seconds >= 0 && seconds < 1e9)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s:%u: time \"%s\"; seconds as 12.34 are expected", csv->path, csv->line, text);
  return FALSE;
}

static gboolean
read_rows (CowCropTable *self, Csv *csv, GError **error)
{
  for (;;) {
    gboolean more;

    if (!csv_next (csv, &more, error))
      return FALSE;
    if (!more)
      return TRUE;
    if (!check_time (self, csv, error))
      return FALSE;
    GStrv row = g_new0 (char *, csv->n_columns + 1);
    for (guint i = 0; i < csv->n_columns; i++)
      row[i] = g_strdup (csv->fields[i]);
    append (self, row);
  }
}

static gboolean
read_table (CowCropTable *self, GError **error)
{
  reset (self);
  if (!cow_path_exists (self->path))
    return TRUE;
  g_autoptr (Csv) csv = csv_open (self->path, names, error);

  return csv && take_columns (self, csv, error) && read_rows (self, csv, error);
}

CowCropTable *
cow_crop_table_open (const char *folder, GError **error)
{
  g_autoptr (CowCropTable) self = g_new0 (CowCropTable, 1);

  self->path = g_build_filename (folder, COW_CROP_TABLE, NULL);
  self->columns = g_ptr_array_new_with_free_func (g_free);
  self->rows = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  self->added = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  self->by_path = g_hash_table_new (g_str_hash, g_str_equal);
  self->labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return read_table (self, error) ? g_steal_pointer (&self) : NULL;
}

void
cow_crop_table_free (CowCropTable *self)
{
  g_hash_table_unref (self->by_path);
  g_hash_table_unref (self->labels);
  g_ptr_array_unref (self->columns);
  g_ptr_array_unref (self->rows);
  g_ptr_array_unref (self->added);
  g_free (self->path);
  g_free (self);
}

guint
cow_crop_table_n_rows (const CowCropTable *self)
{
  return self->rows->len;
}

const char *
cow_crop_table_get (const CowCropTable *self, guint row, CowCropColumn column)
{
  return field (self, self->rows->pdata[row], column);
}

gint64
cow_crop_table_time (const CowCropTable *self, guint row)
{
  return (gint64)llrint (g_ascii_strtod (cow_crop_table_get (self, row, COW_CROP_TIME), NULL) * NS);
}

int
cow_crop_table_find (const CowCropTable *self, const char *path)
{
  return GPOINTER_TO_INT (g_hash_table_lookup (self->by_path, path)) - 1;
}

/* ---- writing --------------------------------------------------------------------------------- */

static GStrv
row_of (const CowCropTable *self, const char *const *fields)
{
  GStrv row = g_new0 (char *, self->columns->len + 1);

  for (guint i = 0; i < COW_CROP_N_COLUMNS; i++)
    row[self->places[i]] = g_strdup (fields[i]);
  for (guint i = 0; i < self->columns->len; i++)
    if (!row[i])
      row[i] = g_strdup ("");
  return row;
}

void
cow_crop_table_add (CowCropTable *self, const char *const fields[COW_CROP_N_COLUMNS])
{
  GStrv copy = g_new0 (char *, COW_CROP_N_COLUMNS + 1);

  for (guint i = 0; i < COW_CROP_N_COLUMNS; i++)
    copy[i] = g_strdup (fields[i]);
  g_ptr_array_add (self->added, copy);
  append (self, row_of (self, fields));
}

static void
set_label (CowCropTable *self, guint row, const char *label)
{
  char **place = &((GStrv)self->rows->pdata[row])[self->places[COW_CROP_LABEL]];

  g_free (*place);
  *place = g_strdup (label);
}

void
cow_crop_table_set_label (CowCropTable *self, guint row, const char *label)
{
  g_hash_table_insert (self->labels, g_strdup (cow_crop_table_get (self, row, COW_CROP_PATH)),
                       g_strdup (label));
  set_label (self, row, label);
}

static void
append_row (GString *text, gpointer *fields, guint n)
{
  for (guint i = 0; i < n; i++) {
    if (i > 0)
      g_string_append_c (text, ',');
    cow_csv_append_field (text, fields[i]);
  }
  g_string_append_c (text, '\n');
}

gboolean
cow_crop_table_save (CowCropTable *self, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GHashTableIter labels;
  gpointer path, label;

  if (self->added->len == 0 && g_hash_table_size (self->labels) == 0)
    return TRUE;
  if (!read_table (self, error))
    return FALSE;
  for (guint i = 0; i < self->added->len; i++)
    if (cow_crop_table_find (self, ((GStrv)self->added->pdata[i])[COW_CROP_PATH]) < 0)
      append (self, row_of (self, (const char *const *)self->added->pdata[i]));
  g_hash_table_iter_init (&labels, self->labels);
  while (g_hash_table_iter_next (&labels, &path, &label))
    if (cow_crop_table_find (self, path) >= 0)
      set_label (self, (guint)cow_crop_table_find (self, path), label);
  append_row (text, self->columns->pdata, self->columns->len);
  for (guint i = 0; i < self->rows->len; i++)
    append_row (text, self->rows->pdata[i], self->columns->len);
  if (!cow_text_write (text->str, self->path, error))
    return FALSE;
  g_ptr_array_set_size (self->added, 0);
  g_hash_table_remove_all (self->labels);
  return TRUE;
}
