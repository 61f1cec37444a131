/* SPDX-License-Identifier: MIT */
/* Draws boxes, tags and the time-budget strip with Cairo and Pango. */
#include "gst-plugin/overlay/draw.h"

#include <math.h>

/* The ground behind letters is dark and translucent. */
static const double ground[4] = { 0.06, 0.07, 0.09, 0.82 };
static const double fades[GST_COW_FADE_STEPS] = { 1.0, 0.85, 0.65, 0.5 };

/* The size of letters by the height of the frame, px: relatively larger in small frames. */
#define TEXT_SIZE(height) (7.5 + 0.0165 * (height))
#define SMALL_TEXT        0.85
/* The largest width of a tag as a multiple of the height of its letters. */
#define TAG_WIDTH 24

#define SEAM 1 /* px */

void
gst_cow_pen_init (GstCowPen *pen, const GstVideoInfo *info, gint line_width, const char *font)
{
  const gint height = GST_VIDEO_INFO_HEIGHT (info);

  *pen = (GstCowPen){ .width = GST_VIDEO_INFO_WIDTH (info), .height = height };
  pen->line = gst_cow_even (line_width > 0 ? line_width : CLAMP (height / 240, 2, 8));
  pen->stretch =
      CLAMP ((gdouble)GST_VIDEO_INFO_PAR_D (info) / MAX (GST_VIDEO_INFO_PAR_N (info), 1), 0.25, 4);
  pen->fonts = pango_cairo_font_map_new ();
  pen->context = pango_font_map_create_context (pen->fonts);
  pen->font = pango_font_description_from_string (font ? font : "Sans Bold");
  if (pango_font_description_get_size (pen->font) <= 0)
    pango_font_description_set_absolute_size (pen->font, TEXT_SIZE (height) * PANGO_SCALE);
  else if (!pango_font_description_get_size_is_absolute (pen->font))
    pango_font_description_set_absolute_size (
        pen->font, pango_font_description_get_size (pen->font) * 96.0 / 72.0);
  pen->text = CLAMP (PANGO_PIXELS (pango_font_description_get_size (pen->font)), 4, 1024);
  pango_font_description_set_absolute_size (pen->font, pen->text * PANGO_SCALE);
}

void
gst_cow_pen_clear (GstCowPen *pen)
{
  g_clear_pointer (&pen->font, pango_font_description_free);
  g_clear_object (&pen->context);
  g_clear_object (&pen->fonts);
}

/* ---- pixels ---------------------------------------------------------------------------------- */

typedef struct {
  GstBuffer *buffer;
  GstMapInfo map;
  cairo_surface_t *surface;
  cairo_t *cr;
} Canvas;

static Canvas
canvas_new (gint width, gint height)
{
  const gint stride = cairo_format_stride_for_width (CAIRO_FORMAT_ARGB32, width);
  const gsize size = (gsize)stride * (gsize)height;
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0 };
  gint strides[GST_VIDEO_MAX_PLANES] = { stride };
  Canvas canvas = { .buffer = gst_buffer_new_allocate (NULL, size, NULL) };

  gst_buffer_memset (canvas.buffer, 0, 0, size);
  gst_buffer_add_video_meta_full (canvas.buffer, GST_VIDEO_FRAME_FLAG_NONE,
                                  GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, (guint)width,
                                  (guint)height, 1, offsets, strides);
  gst_buffer_map (canvas.buffer, &canvas.map, GST_MAP_READWRITE);
  canvas.surface = cairo_image_surface_create_for_data (canvas.map.data, CAIRO_FORMAT_ARGB32, width,
                                                        height, stride);
  canvas.cr = cairo_create (canvas.surface);
  return canvas;
}

static GstBuffer *
canvas_finish (Canvas *canvas)
{
  cairo_destroy (canvas->cr);
  cairo_surface_finish (canvas->surface);
  cairo_surface_destroy (canvas->surface);
  gst_buffer_unmap (canvas->buffer, &canvas->map);
  return canvas->buffer;
}

static void
set_colour (cairo_t *cr, guint32 colour, gdouble alpha)
{
  cairo_set_source_rgba (cr, (colour >> 16 & 0xff) / 255.0, (colour >> 8 & 0xff) / 255.0,
                         (colour & 0xff) / 255.0, alpha);
}

static void
add_rounded (cairo_t *cr, gdouble x, gdouble y, gdouble w, gdouble h, gdouble radius)
{
  radius = MIN (radius, MIN (w, h) / 2);
  cairo_new_sub_path (cr);
  cairo_arc (cr, x + w - radius, y + radius, radius, -G_PI_2, 0);
  cairo_arc (cr, x + w - radius, y + h - radius, radius, 0, G_PI_2);
  cairo_arc (cr, x + radius, y + h - radius, radius, G_PI_2, G_PI);
  cairo_arc (cr, x + radius, y + radius, radius, G_PI, 3 * G_PI_2);
  cairo_close_path (cr);
}

/* ---- boxes ----------------------------------------------------------------------------------- */

gint
gst_cow_pen_border (const GstCowPen *pen)
{
  return pen->line + 2 * SEAM;
}

/* The line lies inside the box, so that it is whole at the edges of the frame, too. */
GstBuffer *
gst_cow_draw_box (const GstCowPen *pen, const GstVideoRectangle *box, const GstVideoRectangle *part,
                  guint32 colour, guint fade, gboolean dashed)
{
  const gdouble border = gst_cow_pen_border (pen), dashes[] = { 4.0 * pen->line, 3.0 * pen->line };
  Canvas canvas = canvas_new (part->w, part->h);
  cairo_t *cr = canvas.cr;

  cairo_translate (cr, -part->x, -part->y);
  add_rounded (cr, border / 2, border / 2, MAX (box->w - border, 1), MAX (box->h - border, 1),
               border / 2);
  if (dashed)
    cairo_set_dash (cr, dashes, G_N_ELEMENTS (dashes), 0);
  cairo_set_line_width (cr, border);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.45 * fades[fade]);
  cairo_stroke_preserve (cr);
  cairo_set_operator (cr, CAIRO_OPERATOR_SOURCE);
  cairo_set_line_width (cr, pen->line);
  set_colour (cr, colour, fades[fade]);
  cairo_stroke (cr);
  return canvas_finish (&canvas);
}

/* ---- tags ------------------------------------------------------------------------------------ */

static PangoLayout *
layout_new (const GstCowPen *pen, const char *text, gdouble size, PangoWeight weight)
{
  PangoLayout *layout = pango_layout_new (pen->context);
  g_autoptr (PangoFontDescription) font = pango_font_description_copy (pen->font);

  pango_font_description_set_absolute_size (font, pen->text * size * PANGO_SCALE);
  if (weight != PANGO_WEIGHT_NORMAL)
    pango_font_description_set_weight (font, weight);
  pango_layout_set_font_description (layout, font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
  pango_layout_set_text (layout, text, -1);
  return layout;
}

/* Limits the width of a layout and gives its extent, both in px of height. */
static gdouble
limit_width (PangoLayout *layout, gdouble limit)
{
  PangoRectangle logical;

  pango_layout_get_extents (layout, NULL, &logical);
  if (logical.width > limit * PANGO_SCALE) {
    pango_layout_set_width (layout, (int)(MAX (limit, 1) * PANGO_SCALE));
    pango_layout_get_extents (layout, NULL, &logical);
  }
  return (gdouble)logical.width / PANGO_SCALE;
}

static gdouble
layout_height (PangoLayout *layout)
{
  PangoRectangle logical;

  pango_layout_get_extents (layout, NULL, &logical);
  return (gdouble)logical.height / PANGO_SCALE;
}

static void
show_on_baseline (cairo_t *cr, PangoLayout *layout, gdouble x, gdouble baseline)
{
  cairo_move_to (cr, x, baseline - (gdouble)pango_layout_get_baseline (layout) / PANGO_SCALE);
  pango_cairo_show_layout (cr, layout);
}

/* A tag from left to right: a stripe in the colour of the class, label, details; below them the
 * bar. All are in px of height, before `stretch`. */
typedef struct {
  gdouble stripe, pad, label, details; /* widths */
  gdouble bar, text, width, height;
} TagShape;

static TagShape
measure_tag (const GstCowPen *pen, PangoLayout *label, PangoLayout *details, gboolean bar)
{
  const gdouble limit = MIN (pen->width / pen->stretch, TAG_WIDTH * pen->text);
  TagShape shape = { .stripe = MAX (3, round (pen->text * 0.28)), .pad = round (pen->text * 0.4) };

  shape.bar = bar ? gst_cow_even ((gint)(pen->text * 0.14)) : 0;
  shape.label = limit_width (label, limit - shape.stripe - 2 * shape.pad);
  if (details)
    shape.details =
        limit_width (details, MAX (limit - shape.stripe - 3 * shape.pad - shape.label, 1)) +
        shape.pad;
  shape.text = layout_height (label);
  shape.width =
      MIN (shape.stripe + shape.label + shape.details + 2 * shape.pad, pen->width / pen->stretch);
  shape.height = ceil (shape.text + pen->text * 0.2) + shape.bar;
  return shape;
}

static void
paint_tag (cairo_t *cr, const GstCowPen *pen, const TagShape *shape, gdouble height,
           PangoLayout *label, PangoLayout *details, gdouble confidence, guint32 colour)
{
  const gdouble above = height - shape->bar;
  const gdouble baseline =
      round ((above - shape->text) / 2 + (gdouble)pango_layout_get_baseline (label) / PANGO_SCALE);

  add_rounded (cr, 0, 0, shape->width, height, pen->text * 0.22);
  cairo_clip (cr);
  cairo_set_source_rgba (cr, ground[0], ground[1], ground[2], ground[3]);
  cairo_paint (cr);
  if (shape->bar > 0) {
    set_colour (cr, 0xffffff, 0.18);
    cairo_rectangle (cr, shape->stripe, above, shape->width, shape->bar);
    cairo_fill (cr);
    set_colour (cr, colour, 1);
    cairo_rectangle (cr, shape->stripe, above, (shape->width - shape->stripe) * confidence,
                     shape->bar);
    cairo_fill (cr);
  }
  set_colour (cr, colour, 1);
  cairo_rectangle (cr, 0, 0, shape->stripe, height);
  cairo_fill (cr);
  set_colour (cr, 0xffffff, 1);
  show_on_baseline (cr, label, shape->stripe + shape->pad, baseline);
  if (details) {
    set_colour (cr, 0xffffff, 0.72);
    show_on_baseline (cr, details, shape->stripe + 2 * shape->pad + shape->label, baseline);
  }
}

GstBuffer *
gst_cow_draw_tag (const GstCowPen *pen, const char *label, const char *details, gdouble confidence,
                  guint32 colour, guint fade)
{
  g_autoptr (PangoLayout) first = layout_new (pen, label, 1, PANGO_WEIGHT_NORMAL);
  g_autoptr (PangoLayout) second =
      details ? layout_new (pen, details, SMALL_TEXT, PANGO_WEIGHT_MEDIUM) : NULL;
  const TagShape shape = measure_tag (pen, first, second, confidence >= 0);
  const gint width = gst_cow_even (MIN ((gint)ceil (shape.width * pen->stretch), pen->width));
  const gint height = gst_cow_even (MIN ((gint)shape.height, pen->height));
  Canvas canvas = canvas_new (width, height);

  cairo_scale (canvas.cr, pen->stretch, 1);
  cairo_push_group (canvas.cr);
  paint_tag (canvas.cr, pen, &shape, height, first, second, confidence, colour);
  cairo_pop_group_to_source (canvas.cr);
  cairo_paint_with_alpha (canvas.cr, fades[fade]);
  return canvas_finish (&canvas);
}

/* ---- the strip ------------------------------------------------------------------------------- */

gint
gst_cow_pen_strip_height (const GstCowPen *pen)
{
  const gint height = gst_cow_even ((gint)(pen->text * 1.35));

  return pen->height >= 5 * height ? height : 0;
}

gint
gst_cow_strip_end (const GstCowPen *pen, const GstCowBudget *budget, guint i)
{
  const gdouble total = gst_cow_budget_total (budget);
  gdouble until = 0;

  if (i + 1 >= budget->shares->len)
    return pen->width;
  for (guint k = 0; k <= i; k++)
    until += g_array_index (budget->shares, GstCowShare, k).cow_seconds;
  return MIN (gst_cow_even ((gint)(pen->width * until / total)), pen->width);
}

/* The colour of letters: black on bright, white on dark, by the weighted sum of the components. */
static guint32
letters_on (guint32 colour)
{
  return 2 * (colour >> 16 & 0xff) + 5 * (colour >> 8 & 0xff) + (colour & 0xff) > 8 * 115
             ? 0x101010
             : 0xffffff;
}

/* Writes the label with its share where there is room, else the share, else nothing. */
static void
write_share (cairo_t *cr, const GstCowPen *pen, const GstCowShare *share, gdouble percent,
             gdouble from, gdouble to, gdouble height)
{
  g_autofree char *number = g_strdup_printf ("%.0f%%", percent);
  g_autofree char *both = g_strdup_printf ("%s %s", share->label, number);

  for (guint i = 0; i < 2; i++) {
    g_autoptr (PangoLayout) layout =
        layout_new (pen, i == 0 ? both : number, 0.8, PANGO_WEIGHT_BOLD);
    const gdouble width = limit_width (layout, pen->width / pen->stretch);

    if (width + pen->text * 0.5 > to - from)
      continue;
    set_colour (cr, letters_on (share->colour), 1);
    cairo_move_to (cr, (from + to - width) / 2, round ((height - layout_height (layout)) / 2));
    pango_cairo_show_layout (cr, layout);
    return;
  }
}

GstBuffer *
gst_cow_draw_strip (const GstCowPen *pen, const GstCowBudget *budget)
{
  const gint height = gst_cow_pen_strip_height (pen);
  const gdouble total = gst_cow_budget_total (budget);
  Canvas canvas = canvas_new (gst_cow_even (pen->width), height);
  cairo_t *cr = canvas.cr;
  gint from = 0;

  for (guint i = 0; i < budget->shares->len; i++) {
    const GstCowShare *share = &g_array_index (budget->shares, GstCowShare, i);
    const gint to = gst_cow_strip_end (pen, budget, i);

    set_colour (cr, share->colour, 0.92);
    cairo_rectangle (cr, from, 0, to - from, height);
    cairo_fill (cr);
    cairo_save (cr);
    cairo_scale (cr, pen->stretch, 1);
    write_share (cr, pen, share, 100 * share->cow_seconds / total, from / pen->stretch,
                 to / pen->stretch, height);
    cairo_restore (cr);
    from = to;
  }
  return canvas_finish (&canvas);
}
