/* SPDX-License-Identifier: MIT */
#include "trainer/eval/drawn-boxes.h"

#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "trainer/plot/plot.h"

#define LINE_PX   2
#define QUALITY   90
#define LEAST_TAG 12 /* px, of letters; those of large pictures are a fortieth of their height */
#define TAG_SHARE 40.
#define TAG_EDGE  3

static const guint8 amber[3] = { 255, 196, 0 };

/* ---- boxes ----------------------------------------------------------------------------------- */

/* A horizontal or vertical stroke, as far as it is inside. */
static void
fill (Picture *picture, int x0, int y0, int x1, int y1)
{
  for (int y = MAX (y0, 0); y < MIN (y1, picture->height); y++)
    for (int x = MAX (x0, 0); x < MIN (x1, picture->width); x++)
      memcpy (picture->rgb + 3 * ((gsize)y * (gsize)picture->width + (gsize)x), amber, 3);
}

static void
outline (Picture *picture, const CowBounds *box)
{
  const int x0 = (int)box->x, y0 = (int)box->y, x1 = (int)(box->x + box->w),
            y1 = (int)(box->y + box->h);

  fill (picture, x0, y0, x1, y0 + LINE_PX);
  fill (picture, x0, y1 - LINE_PX, x1, y1);
  fill (picture, x0, y0, x0 + LINE_PX, y1);
  fill (picture, x1 - LINE_PX, y0, x1, y1);
}

/* ---- tags ------------------------------------------------------------------------------------ */

/* A tag as pixels of its own, black on amber; cairo_surface_destroy. */
static cairo_surface_t *
make_tag (const char *text, double size)
{
  const PlotText style = { .size = size };
  const int width = (int)ceil (plot_text_width (&style, text)) + 2 * TAG_EDGE,
            height = (int)ceil (1.35 * size) + TAG_EDGE;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  PlotCanvas canvas = { cairo_create (surface), &plot_light };

  cairo_set_source_rgb (canvas.cr, amber[0] / 255., amber[1] / 255., amber[2] / 255.);
  cairo_paint (canvas.cr);
  const PlotText middle = { .size = size, .y_align = .5 };
  plot_text (&canvas, TAG_EDGE, height / 2.0, &middle, text);
  cairo_destroy (canvas.cr);
  cairo_surface_flush (surface);
  return surface;
}

/* Copies a tag to (left, top), as far as it is inside. */
static void
paste (Picture *picture, cairo_surface_t *tag, int left, int top)
{
  const int width = cairo_image_surface_get_width (tag),
            height = cairo_image_surface_get_height (tag);
  const gsize stride = (gsize)cairo_image_surface_get_stride (tag);
  const guint8 *pixels = cairo_image_surface_get_data (tag);

  for (int y = MAX (-top, 0); pixels && y < MIN (height, picture->height - top); y++) {
    const guint32 *row = (const guint32 *)(const void *)(pixels + (gsize)y * stride);
    for (int x = MAX (-left, 0); x < MIN (width, picture->width - left); x++) {
      guint8 *rgb =
          picture->rgb + 3 * ((gsize)(top + y) * (gsize)picture->width + (gsize)(left + x));
      rgb[0] = (guint8)(row[x] >> 16);
      rgb[1] = (guint8)(row[x] >> 8);
      rgb[2] = (guint8)row[x];
    }
  }
}

/* Above the box; inside of it where there is no room. */
static void
tag_box (Picture *picture, const CowBounds *box, const char *text)
{
  cairo_surface_t *tag = make_tag (text, MAX (LEAST_TAG, picture->height / TAG_SHARE));
  const int above = (int)box->y - cairo_image_surface_get_height (tag);
  const int room = picture->width - cairo_image_surface_get_width (tag);

  paste (picture, tag, CLAMP ((int)box->x, 0, MAX (room, 0)), above < 0 ? (int)box->y : above);
  cairo_surface_destroy (tag);
}

void
drawn_boxes_draw (Picture *picture, const GArray *boxes, char *const *tags)
{
  for (guint i = 0; i < boxes->len; i++)
    outline (picture, &g_array_index (boxes, CowDetection, i).box);
  for (guint i = 0; tags && i < boxes->len; i++)
    tag_box (picture, &g_array_index (boxes, CowDetection, i).box, tags[i]);
}

/* ---- the file -------------------------------------------------------------------------------- */

gboolean
drawn_boxes_write (const Picture *picture, const char *path, GError **error)
{
  const gsize n = 3 * (gsize)picture->width * (gsize)picture->height;
  VipsImage *image = vips_image_new_from_memory (picture->rgb, n, picture->width, picture->height,
                                                 3, VIPS_FORMAT_UCHAR);
  void *bytes = NULL;
  size_t n_bytes;

  if (!image || vips_jpegsave_buffer (image, &bytes, &n_bytes, "Q", QUALITY, NULL) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s", path, vips_error_buffer ());
    vips_error_clear ();
    g_clear_object (&image);
    return FALSE;
  }
  g_object_unref (image);
  const gboolean ok = cow_bytes_write (bytes, n_bytes, path, error);
  g_free (bytes);
  return ok;
}
