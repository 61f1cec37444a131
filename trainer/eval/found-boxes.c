/* SPDX-License-Identifier: MIT */
#include "trainer/eval/found-boxes.h"

#include <errno.h>
#include <unistd.h>

#include "model/files/csv-field.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "model/files/printable.h"
#include "trainer/data/file-names.h"

static const char *const names[] = { "table", "csv", "jsonl", "coco", NULL };

struct _FoundBoxes {
  FoundBoxesFormat format;
  CowFileWriter *file;  /* NULL: standard output */
  GString *annotations; /* COCO: they come behind all images */
  guint64 n_pictures, n_boxes;
};

gboolean
found_boxes_format_parse (const char *name, FoundBoxesFormat *format)
{
  for (guint i = 0; names[i]; i++)
    if (g_str_equal (name, names[i])) {
      *format = (FoundBoxesFormat)i;
      return TRUE;
    }
  return FALSE;
}

static gboolean
put (FoundBoxes *self, const GString *text, GError **error)
{
  if (self->file)
    return cow_file_writer_write (self->file, text->str, text->len, error);
  if (cow_write_all (STDOUT_FILENO, text->str, text->len))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "standard output: %s", g_strerror (errno));
  return FALSE;
}

FoundBoxes *
found_boxes_new (FoundBoxesFormat format, const char *path, GError **error)
{
  static const char *const heads[] = {
    "picture                                      left     top   width  height  score\n",
    "image_path,x,y,width,height,score\n", "",
    "{\"categories\":[{\"id\":1,\"name\":\"cow\"}],\"images\":["
  };
  g_autoptr (FoundBoxes) self = g_new0 (FoundBoxes, 1);
  g_autoptr (GString) head = g_string_new (heads[format]);

  self->format = format;
  self->annotations = g_string_new (NULL);
  if (path && !(self->file = cow_file_writer_new (path, error)))
    return NULL;
  return put (self, head, error) ? g_steal_pointer (&self) : NULL;
}

/* ---- one box --------------------------------------------------------------------------------- */

/* A tenth of a pixel is more than is known. */
static void
add_numbers (GString *text, const CowBounds *box, const char *between)
{
  g_string_append_printf (text, "%.1f%s%.1f%s%.1f%s%.1f", box->x, between, box->y, between, box->w,
                          between, box->h);
}

static void
add_row (FoundBoxes *self, GString *text, const char *picture, const CowDetection *found)
{
  const CowBounds *box = &found->box;
  const double score = (double)found->score;

  if (self->format == FOUND_BOXES_TABLE) {
    g_autofree char *shown = cow_printable (picture, FALSE);
    g_string_append_printf (text, "%-40s %8.1f%8.1f%8.1f%8.1f  %.3f\n", shown, box->x, box->y,
                            box->w, box->h, score);
    return;
  }
  if (self->format == FOUND_BOXES_CSV) {
    cow_csv_append_field (text, picture);
    g_string_append_c (text, ',');
    add_numbers (text, box, ",");
    g_string_append_printf (text, ",%.4f\n", score);
    return;
  }
  g_autofree char *name = file_name_text (picture);
  g_string_append (text, "{\"image_path\":");
  cow_json_append_string (text, name);
  g_string_append (text, ",\"bbox\":[");
  add_numbers (text, box, ",");
  g_string_append_printf (text, "],\"score\":%.4f}\n", score);
}

static void
add_annotation (FoundBoxes *self, const CowDetection *found)
{
  g_string_append_printf (self->annotations,
                          "%s\n{\"id\":%" G_GUINT64_FORMAT ",\"image_id\":%" G_GUINT64_FORMAT
                          ",\"category_id\":1,\"iscrowd\":0,\"bbox\":[",
                          self->n_boxes > 0 ? "," : "", self->n_boxes + 1, self->n_pictures);
  add_numbers (self->annotations, &found->box, ",");
  g_string_append_printf (self->annotations, "],\"area\":%.1f,\"score\":%.4f}",
                          found->box.w * found->box.h, (double)found->score);
}

/* ---- a picture ------------------------------------------------------------------------------- */

gboolean
found_boxes_add (FoundBoxes *self, const char *picture, int width, int height, const GArray *boxes,
                 GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  self->n_pictures++;
  if (self->format == FOUND_BOXES_COCO) {
    g_autofree char *name = file_name_text (picture);
    g_string_append_printf (text, "%s\n{\"id\":%" G_GUINT64_FORMAT ",\"file_name\":",
                            self->n_pictures > 1 ? "," : "", self->n_pictures);
    cow_json_append_string (text, name);
    g_string_append_printf (text, ",\"width\":%d,\"height\":%d}", width, height);
  }
  for (guint i = 0; i < boxes->len; i++, self->n_boxes++)
    if (self->format == FOUND_BOXES_COCO)
      add_annotation (self, &g_array_index (boxes, CowDetection, i));
    else
      add_row (self, text, picture, &g_array_index (boxes, CowDetection, i));
  return put (self, text, error);
}

gboolean
found_boxes_finish (FoundBoxes *self, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (self->format == FOUND_BOXES_COCO)
    g_string_append_printf (text, "\n],\"annotations\":[%s\n]}\n", self->annotations->str);
  return put (self, text, error) && (!self->file || cow_file_writer_finish (self->file, error));
}

void
found_boxes_free (FoundBoxes *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->file, cow_file_writer_free);
  g_string_free (self->annotations, TRUE);
  g_free (self);
}
