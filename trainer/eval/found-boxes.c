/* SPDX-License-Identifier: MIT */
#include "trainer/eval/found-boxes.h"

#include <errno.h>
#include <unistd.h>

#include "model/files/csv-field.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "model/files/printable.h"
#include "model/network/argmax.h"
#include "trainer/data/file-names.h"

static const char *const names[] = { "table", "csv", "jsonl", "coco", NULL };

struct _FoundBoxes {
  FoundBoxesFormat format;
  gboolean recordings;           /* rows have a time */
  const char *const *behaviours; /* [n_behaviours], that are said of cows */
  guint n_behaviours;            /* 0: none are */
  CowFileWriter *file;           /* NULL: standard output */
  GString *text;                 /* that is to be written */
  GString *annotations;          /* COCO: they come behind all images */
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

gboolean
found_boxes_wait (const FoundBoxes *self)
{
  return self->text->len > 0;
}

gboolean
found_boxes_flush (FoundBoxes *self, GError **error)
{
  const gboolean ok =
      self->file ? cow_file_writer_write (self->file, self->text->str, self->text->len, error)
                 : cow_write_all (STDOUT_FILENO, self->text->str, self->text->len);

  if (!ok && !self->file)
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "standard output: %s", g_strerror (errno));
  g_string_truncate (self->text, 0);
  return ok;
}

/* The columns of what is said of cows, in tables. */
static void
add_head (FoundBoxes *self)
{
  if (self->n_behaviours == 0)
    return;
  g_string_truncate (self->text, self->text->len - 1);
  g_string_append (self->text, self->format == FOUND_BOXES_TABLE ? "  confidence  label"
                                                                 : ",pred_label,confidence");
  for (guint c = 0; self->format == FOUND_BOXES_CSV && c < self->n_behaviours; c++) {
    g_string_append_c (self->text, ',');
    cow_csv_append_field (self->text, self->behaviours[c]);
  }
  g_string_append_c (self->text, '\n');
}

/* What a cow does is her category, so that programs for annotation and `train` read the file. */
static void
add_categories (FoundBoxes *self)
{
  g_string_append (self->text, "{\"categories\":[");
  if (self->n_behaviours == 0)
    g_string_append (self->text, "{\"id\":1,\"name\":\"cow\"}");
  for (guint c = 0; c < self->n_behaviours; c++) {
    g_string_append_printf (self->text, "%s{\"id\":%u,\"name\":", c > 0 ? "," : "", c + 1);
    cow_json_append_string (self->text, self->behaviours[c]);
    g_string_append_c (self->text, '}');
  }
  g_string_append (self->text, "],\"images\":[");
}

FoundBoxes *
found_boxes_new (FoundBoxesFormat format, const char *path, gboolean recordings,
                 const char *const *behaviours, GError **error)
{
  static const char *const heads[][2] = {
    { "picture                                      left     top   width  height  score\n",
      "picture                                        time    left     top   width  height  "
      "score\n" },
    { "image_path,x,y,width,height,score\n", "image_path,time,x,y,width,height,score\n" },
    { "", "" },
    { "", "" }
  };
  g_autoptr (FoundBoxes) self = g_new0 (FoundBoxes, 1);

  self->format = format;
  self->recordings = recordings;
  self->text = g_string_new (heads[format][recordings]);
  self->annotations = g_string_new (NULL);
  self->behaviours = behaviours;
  self->n_behaviours = behaviours ? g_strv_length ((char **)behaviours) : 0;
  if (format == FOUND_BOXES_COCO)
    add_categories (self);
  else if (format != FOUND_BOXES_JSONL)
    add_head (self);
  if (path && !(self->file = cow_file_writer_new (path, error)))
    return NULL;
  return found_boxes_flush (self, error) ? g_steal_pointer (&self) : NULL;
}

/* ---- one box --------------------------------------------------------------------------------- */

/* A tenth of a pixel is more than is known. */
static void
add_numbers (GString *text, const CowBounds *box, const char *between)
{
  g_string_append_printf (text, "%.1f%s%.1f%s%.1f%s%.1f", box->x, between, box->y, between, box->w,
                          between, box->h);
}

/* "12.340", or "" of a picture. */
static char *
time_text (const FoundFrame *frame)
{
  const gint64 ms = (frame->time + 500000) / 1000000;

  return frame->time == FOUND_BOXES_NO_TIME
             ? g_strdup ("")
             : g_strdup_printf ("%" G_GINT64_FORMAT ".%03d", ms / 1000, (int)(ms % 1000));
}

/* What is said of a cow, with the probabilities of all. */
static void
add_said (FoundBoxes *self, const float *probabilities)
{
  const guint n = self->n_behaviours, said = cow_argmax (probabilities, n);
  const double confidence = (double)probabilities[said];
  GString *text = self->text;

  if (self->format == FOUND_BOXES_TABLE) {
    g_autofree char *shown = cow_printable (self->behaviours[said], FALSE);
    g_string_append_printf (text, "%12.3f  %s", confidence, shown);
  } else if (self->format == FOUND_BOXES_CSV) {
    g_string_append_c (text, ',');
    cow_csv_append_field (text, self->behaviours[said]);
    g_string_append_printf (text, ",%.6g", confidence);
    for (guint c = 0; c < n; c++)
      g_string_append_printf (text, ",%.6g", (double)probabilities[c]);
  } else {
    g_string_append (text, ",\"pred_label\":");
    cow_json_append_string (text, self->behaviours[said]);
    g_string_append_printf (text, ",\"confidence\":%.6g,\"probabilities\":{", confidence);
    for (guint c = 0; c < n; c++) {
      g_string_append (text, c > 0 ? "," : "");
      cow_json_append_string (text, self->behaviours[c]);
      g_string_append_printf (text, ":%.6g", (double)probabilities[c]);
    }
    g_string_append_c (text, '}');
  }
}

/* What only a row of a table needs: where the box is, and its score. */
static void
add_place (FoundBoxes *self, const FoundFrame *frame, const CowDetection *found)
{
  const CowBounds *box = &found->box;
  const double score = (double)found->score;
  GString *text = self->text;
  g_autofree char *time = time_text (frame);

  if (self->format == FOUND_BOXES_TABLE) {
    g_autofree char *shown = cow_printable (frame->path, FALSE);
    g_string_append_printf (text, "%-40s ", shown);
    if (self->recordings)
      g_string_append_printf (text, "%10s", time);
    g_string_append_printf (text, "%8.1f%8.1f%8.1f%8.1f  %.3f", box->x, box->y, box->w, box->h,
                            score);
    return;
  }
  if (self->format == FOUND_BOXES_CSV) {
    cow_csv_append_field (text, frame->path);
    if (self->recordings)
      g_string_append_printf (text, ",%s", time);
    g_string_append_c (text, ',');
    add_numbers (text, box, ",");
    g_string_append_printf (text, ",%.4f", score);
    return;
  }
  g_autofree char *name = file_name_text (frame->path);
  g_string_append (text, "{\"image_path\":");
  cow_json_append_string (text, name);
  if (*time)
    g_string_append_printf (text, ",\"time\":%s", time);
  g_string_append (text, ",\"bbox\":[");
  add_numbers (text, box, ",");
  g_string_append_printf (text, "],\"score\":%.4f", score);
}

/* `own`: probabilities of behaviours, or NULL. */
static void
add_row (FoundBoxes *self, const FoundFrame *frame, const CowDetection *found, const float *own)
{
  add_place (self, frame, found);
  if (own)
    add_said (self, own);
  g_string_append (self->text, self->format == FOUND_BOXES_JSONL ? "}\n" : "\n");
}

static void
add_annotation (FoundBoxes *self, const CowDetection *found, const float *own)
{
  const guint said = own ? cow_argmax (own, self->n_behaviours) : 0;

  g_string_append_printf (self->annotations,
                          "%s\n{\"id\":%" G_GUINT64_FORMAT ",\"image_id\":%" G_GUINT64_FORMAT
                          ",\"category_id\":%u,\"iscrowd\":0,\"bbox\":[",
                          self->n_boxes > 0 ? "," : "", self->n_boxes + 1, self->n_pictures,
                          said + 1);
  add_numbers (self->annotations, &found->box, ",");
  g_string_append_printf (self->annotations, "],\"area\":%.1f,\"score\":%.4f",
                          found->box.w * found->box.h, (double)found->score);
  if (own)
    g_string_append_printf (self->annotations, ",\"confidence\":%.4f", (double)own[said]);
  g_string_append_c (self->annotations, '}');
}

/* ---- a picture ------------------------------------------------------------------------------- */

static void
add_image (FoundBoxes *self, const FoundFrame *frame)
{
  g_autofree char *name = file_name_text (frame->path), *time = time_text (frame);

  g_string_append_printf (self->text, "%s\n{\"id\":%" G_GUINT64_FORMAT ",\"file_name\":",
                          self->n_pictures > 1 ? "," : "", self->n_pictures);
  cow_json_append_string (self->text, name);
  if (*time)
    g_string_append_printf (self->text, ",\"time\":%s", time);
  g_string_append_printf (self->text, ",\"width\":%d,\"height\":%d}", frame->width, frame->height);
}

void
found_boxes_add (FoundBoxes *self, const FoundFrame *frame, const GArray *boxes,
                 const float *probabilities)
{
  self->n_pictures++;
  if (self->format == FOUND_BOXES_COCO)
    add_image (self, frame);
  for (guint i = 0; i < boxes->len; i++, self->n_boxes++) {
    const CowDetection *found = &g_array_index (boxes, CowDetection, i);
    const float *own =
        self->n_behaviours > 0 ? probabilities + (gsize)found->row * self->n_behaviours : NULL;
    if (self->format == FOUND_BOXES_COCO)
      add_annotation (self, found, own);
    else
      add_row (self, frame, found, own);
  }
}

gboolean
found_boxes_finish (FoundBoxes *self, GError **error)
{
  if (self->format == FOUND_BOXES_COCO)
    g_string_append_printf (self->text, "\n],\"annotations\":[%s\n]}\n", self->annotations->str);
  return found_boxes_flush (self, error) &&
         (!self->file || cow_file_writer_finish (self->file, error));
}

void
found_boxes_free (FoundBoxes *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->file, cow_file_writer_free);
  g_string_free (self->text, TRUE);
  g_string_free (self->annotations, TRUE);
  g_free (self);
}
