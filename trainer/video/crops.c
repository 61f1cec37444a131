/* SPDX-License-Identifier: MIT */
#include "trainer/video/crops.h"

#include <cairo.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "trainer/data/file-names.h"
#include "trainer/plot/plot.h"

#define NS        G_GINT64_CONSTANT (1000000000)
#define MS        (NS / 1000)
#define SAVE_US   (5 * G_USEC_PER_SEC)
#define MOST_STEM 80 /* bytes of a recording's name in names of crops */

/* Training keeps a session on one side: a tenth of the recording, within these limits. */
#define SHORTEST_SESSION (10 * NS)
#define LONGEST_SESSION  (300 * NS)

typedef struct {
  const CowCropOptions *options;
  CowCropCounts *counts;
  CowCutter *cutter;
  char *video, *stem; /* of the rows; a folder of its own below crops/ */
  gint64 saved_us;
} Job;

/* ---- pictures -------------------------------------------------------------------------------- */

/* A name for a file: what is neither a letter nor a digit becomes "_", and then a number says which
 * name it was. */
static char *
safe_name (const char *name)
{
  g_autofree char *text = file_name_text (name);
  GString *safe = g_string_new (NULL);

  for (const char *c = text; *c && safe->len < MOST_STEM; c = g_utf8_next_char (c)) {
    const gunichar letter = g_utf8_get_char (c);

    if (g_unichar_isalnum (letter) || letter == '-' || letter == '_')
      g_string_append_unichar (safe, letter);
    else
      g_string_append_c (safe, '_');
  }
  if (!g_str_equal (safe->str, text))
    g_string_append_printf (safe, "-%08x", g_str_hash (text));
  return g_string_free (safe, FALSE);
}

static char *
crop_path (const Job *self, const CowCut *cut, guint i, gint64 time)
{
  const gint64 ms = (time + MS / 2) / MS;
  g_autofree char *zone = cut->zone ? safe_name (cut->zone) : NULL;
  g_autofree char *who = zone                           ? g_strconcat ("-", zone, NULL)
                         : cut->track                   ? g_strconcat ("-cow", cut->track, NULL)
                         : self->options->cutting.boxes ? g_strdup_printf ("-%u", i + 1)
                                                        : g_strdup ("");

  return g_strdup_printf ("crops/%s/%09" G_GINT64_FORMAT "%s.png", self->stem, ms, who);
}

static gboolean
write_picture (const Job *self, const GstVideoFrame *frame, const CowCut *cut, const char *name,
               GError **error)
{
  g_autofree char *path = g_build_filename (self->options->folder, name, NULL);
  const gsize stride = (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);
  guint8 *pixels = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (frame, 0) + (gsize)cut->place[1] * stride +
                   COW_CUTTER_PIXEL * (gsize)cut->place[0];
  cairo_surface_t *surface = cairo_image_surface_create_for_data (
      pixels, CAIRO_FORMAT_RGB24, cut->place[2], cut->place[3], (int)stride);
  g_autoptr (GString) png = plot_surface_png (surface, path, error);

  cairo_surface_destroy (surface);
  return png && cow_bytes_write (png->str, png->len, path, error);
}

static gint64
session_ns (const Job *self)
{
  const gint64 length = cow_cutter_length (self->cutter);

  return length > 0 ? CLAMP (length / 10, SHORTEST_SESSION, LONGEST_SESSION) : LONGEST_SESSION;
}

static void
add_row (Job *self, const CowCut *cut, const char *name, gint64 time)
{
  const gint64 ms = (time + MS / 2) / MS;
  g_autofree char *seconds =
                      g_strdup_printf ("%" G_GINT64_FORMAT ".%03d", ms / 1000, (int)(ms % 1000)),
                  *area = g_strdup_printf ("%d %d %d %d", cut->place[0], cut->place[1],
                                           cut->place[2], cut->place[3]),
                  *session = g_strdup_printf ("%s %" G_GINT64_FORMAT, self->stem,
                                              time / session_ns (self) + 1);
  const char *const fields[COW_CROP_N_COLUMNS] = {
    name,
    cut->label ? cut->label : "",
    self->video,
    seconds,
    cut->zone ? cut->zone : "",
    cut->track ? cut->track : "",
    area,
    session,
  };

  cow_crop_table_add (self->options->table, fields);
  self->counts->n_new++;
}

/* The first one at once, so that no other recording takes the name of the folder. */
static gboolean
save_sometimes (Job *self, GError **error)
{
  const gint64 now = g_get_monotonic_time ();

  if (self->saved_us > 0 && now - self->saved_us < SAVE_US)
    return TRUE;
  self->saved_us = now;
  return cow_crop_table_save (self->options->table, error);
}

static gboolean
on_cut (const GstVideoFrame *frame, const CowCut *cut, guint number, gint64 time, gpointer data,
        GError **error)
{
  Job *self = data;
  g_autofree char *name = crop_path (self, cut, number, time);

  if (!write_picture (self, frame, cut, name, error))
    return FALSE;
  add_row (self, cut, name, time);
  return save_sometimes (self, error);
}

/* ---- a recording ----------------------------------------------------------------------------- */

/* The folder below crops/ that the table's rows of this recording are in; else the recording's
 * name, with a number where another recording's are there. */
static char *
choose_stem (const Job *self)
{
  const CowCropTable *table = self->options->table;
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *name = g_path_get_basename (self->options->cutting.path);
  char *dot = strrchr (name, '.'), *stem;

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    g_autofree char *folder = g_path_get_dirname (cow_crop_table_get (table, i, COW_CROP_PATH));

    stem = g_path_get_basename (folder);
    if (g_str_equal (cow_crop_table_get (table, i, COW_CROP_VIDEO), self->video))
      return stem;
    g_hash_table_add (taken, stem);
  }
  if (dot && dot != name)
    *dot = '\0';
  stem = safe_name (name);
  for (guint i = 2; g_hash_table_contains (taken, stem); i++) {
    g_autofree char *plain = safe_name (name);
    g_free (stem);
    stem = g_strdup_printf ("%s-%u", plain, i);
  }
  return stem;
}

static gboolean
make_folder (const Job *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->options->folder, "crops", self->stem, NULL);

  return cow_folder_make (path, error);
}

/* Pictures that are there already are not cut out again, and get the label of their bout where they
 * have none. */
static void
look_at_table (Job *self)
{
  CowCropTable *table = self->options->table;

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    if (!g_str_equal (cow_crop_table_get (table, i, COW_CROP_VIDEO), self->video))
      continue;
    const char *label = cow_cutter_note (self->cutter, cow_crop_table_get (table, i, COW_CROP_ZONE),
                                         cow_crop_table_get (table, i, COW_CROP_TRACK),
                                         cow_crop_table_time (table, i));
    self->counts->n_before++;
    if (!label || *cow_crop_table_get (table, i, COW_CROP_LABEL))
      continue;
    cow_crop_table_set_label (table, i, label);
    self->counts->n_labelled++;
  }
}

gboolean
cow_crops_cut (const CowCropOptions *options, CowCropCounts *counts, GError **error)
{
  static const CowCutterSink sink = { on_cut, NULL };
  g_autofree char *absolute = g_canonicalize_filename (options->cutting.path, NULL),
                  *video = file_name_text (absolute), *stem = NULL;
  g_autoptr (CowCutter) cutter = cow_cutter_new (&options->cutting);
  Job self = { .options = options, .counts = counts, .cutter = cutter, .video = video };

  *counts = (CowCropCounts){ 0 };
  self.stem = stem = choose_stem (&self);
  look_at_table (&self);
  gboolean ok =
      make_folder (&self, error) && cow_cutter_run (cutter, &sink, &self, &counts->cutter, error);
  return cow_crop_table_save (options->table, ok ? error : NULL) && ok;
}
