/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-sheet.h"

#include "model/files/error.h"
#include "model/files/file-writer.h"

#define GAP     6    /* pixels between pictures */
#define CAPTION 22   /* pixels below a behaviour's pictures */
#define HEIGHT  0.68 /* height of a cell per width: most cows are longer than high */

static cairo_status_t
append (void *png, const unsigned char *bytes, unsigned int n)
{
  g_byte_array_append (png, bytes, n);
  return CAIRO_STATUS_SUCCESS;
}

gboolean
render_png_write (cairo_surface_t *surface, const char *path, GError **error)
{
  g_autoptr (GByteArray) png = g_byte_array_new ();
  const cairo_status_t status = cairo_surface_write_to_png_stream (surface, append, png);

  cairo_surface_destroy (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    return cow_bytes_write (png->data, png->len, path, error);
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: the picture cannot be written: %s", path,
               cairo_status_to_string (status));
  return FALSE;
}

/* Draws an example of a behaviour; neighbours on the sheet never show the same cow. */
static cairo_surface_t *
example (const RenderSheetOptions *options, int behaviour, int i)
{
  const guint64 key =
      cow_random_key (cow_random_key (options->seed, (guint64)behaviour), (guint64)i);
  const RenderShot shot = {
    .behaviour = (RenderBehaviour)behaviour,
    .light = render_style_light (options->style, key),
    .cow_key = key,
    .camera_key = key,
    .calf = render_behaviour_is_play ((RenderBehaviour)behaviour),
    .key = key,
    .size = options->size,
  };
  return render_picture (&shot);
}

static void
draw_cell (cairo_t *cr, const RenderSheetOptions *options, int behaviour, double x, double y)
{
  for (int i = 0; i < options->each; i++, x += options->size + GAP) {
    cairo_surface_t *picture = example (options, behaviour, i);
    const double width = cairo_image_surface_get_width (picture),
                 height = cairo_image_surface_get_height (picture);
    const double room = options->size * HEIGHT, scale = MIN (room / height, options->size / width);

    cairo_save (cr);
    cairo_translate (cr, x + (options->size - width * scale) / 2, y + (room - height * scale) / 2);
    cairo_scale (cr, scale, scale);
    cairo_set_source_surface (cr, picture, 0, 0);
    cairo_paint (cr);
    cairo_restore (cr);
    cairo_surface_destroy (picture);
  }
}

static void
draw_caption (cairo_t *cr, const char *text, double x, double y)
{
  cairo_set_source_rgb (cr, 0.12, 0.12, 0.12);
  cairo_select_font_face (cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size (cr, 14);
  cairo_move_to (cr, x, y);
  cairo_show_text (cr, text);
}

gboolean
render_sheet_write (const char *path, const RenderSheetOptions *options, GError **error)
{
  const int cell_width = options->each * (options->size + GAP),
            cell_height = (int)(options->size * HEIGHT) + CAPTION + GAP;
  const int rows = (RENDER_N_BEHAVIOURS + options->columns - 1) / options->columns;
  cairo_surface_t *surface = cairo_image_surface_create (
      CAIRO_FORMAT_RGB24, GAP + options->columns * cell_width, GAP + rows * cell_height);
  cairo_t *cr = cairo_create (surface);

  cairo_set_source_rgb (cr, 0.97, 0.97, 0.96);
  cairo_paint (cr);
  for (int behaviour = 0; behaviour < RENDER_N_BEHAVIOURS; behaviour++) {
    const double x = GAP + (behaviour % options->columns) * cell_width,
                 y = GAP + behaviour / options->columns * cell_height;
    draw_cell (cr, options, behaviour, x, y);
    draw_caption (cr, render_behaviour_label ((RenderBehaviour)behaviour), x + 2,
                  y + options->size * HEIGHT + 16);
  }
  cairo_destroy (cr);
  return render_png_write (surface, path, error);
}
