/* SPDX-License-Identifier: MIT */
#include "trainer/plot.h"

#include <cairo-svg.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

#include "model/json-object.h"

/* Above this many pixels (256 MB) a figure's PNG is not doubled. */
#define MOST_PNG_PIXELS (1 << 26)
/* Wider and longer pictures Cairo does not make. */
#define MOST_PNG_SIDE 32000

const PlotColour plot_palette[PLOT_N_COLOURS] = {
  [PLOT_BLUE] = { 0, .447, .698 },   [PLOT_ORANGE] = { .902, .624, 0 },    [PLOT_GREEN] = { 0, .620, .451 },
  [PLOT_SKY] = { .337, .706, .914 }, [PLOT_VERMILION] = { .835, .369, 0 }, [PLOT_PURPLE] = { .8, .475, .655 },
};
const PlotColour plot_ink = { .13, .14, .16 }, plot_muted = { .38, .40, .43 }, plot_grid = { .88, .89, .90 }, plot_paper = { 1, 1, 1 };

/* ---- text and colour ------------------------------------------------------------------------------------------------------------- */

void
plot_set_colour (cairo_t *cr, const PlotColour *colour)
{
  cairo_set_source_rgb (cr, colour->red, colour->green, colour->blue);
}

/* Sizes are in pixels and not rounded to the device's, so that SVG and PNG look alike. */
static PangoLayout *
new_layout (cairo_t *cr)
{
  PangoLayout *layout = pango_cairo_create_layout (cr);
  PangoContext *context = pango_layout_get_context (layout);
  cairo_font_options_t *options = cairo_font_options_create ();
  cairo_get_font_options (cr, options);
  pango_cairo_context_set_font_options (context, options);
  pango_context_set_round_glyph_positions (context, FALSE);
  pango_layout_context_changed (layout);
  cairo_font_options_destroy (options);
  return layout;
}

static PangoLayout *
make_layout (cairo_t *cr, const PlotText *style, const char *text)
{
  PangoLayout *layout = new_layout (cr);
  PangoFontDescription *font = pango_font_description_new ();
  pango_font_description_set_family_static (font, "Sans");
  pango_font_description_set_absolute_size (font, (style->size > 0 ? style->size : PLOT_TEXT_SIZE) * PANGO_SCALE);
  pango_font_description_set_weight (font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_text (layout, text, -1);
  if (style->most_width > 0) {
    int width;
    pango_layout_get_size (layout, &width, NULL);
    if (width > style->most_width * PANGO_SCALE) {
      pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
      pango_layout_set_width (layout, (int)(style->most_width * PANGO_SCALE));
    }
  }
  return layout;
}

static void
layout_size (PangoLayout *layout, double *width, double *height)
{
  PangoRectangle logical;
  pango_layout_get_extents (layout, NULL, &logical);
  *width = (double)logical.width / PANGO_SCALE;
  *height = (double)logical.height / PANGO_SCALE;
}

void
plot_text (cairo_t *cr, double x, double y, const PlotText *style, const char *text)
{
  g_autoptr (PangoLayout) layout = make_layout (cr, style, text);
  double width, height;
  layout_size (layout, &width, &height);
  cairo_save (cr);
  plot_set_colour (cr, style->colour ? style->colour : &plot_ink);
  cairo_translate (cr, x, y);
  cairo_rotate (cr, style->angle);
  cairo_move_to (cr, -width * style->x_align, -height * style->y_align);
  pango_cairo_show_layout (cr, layout);
  cairo_restore (cr);
}

double
plot_text_width (cairo_t *cr, const PlotText *style, const char *text)
{
  g_autoptr (PangoLayout) layout = make_layout (cr, style, text);
  double width, height;
  layout_size (layout, &width, &height);
  return width;
}

double
plot_texts_width (cairo_t *cr, const PlotText *style, const char *const *texts, guint n)
{
  double widest = 0;
  for (guint i = 0; i < n; i++)
    widest = MAX (widest, plot_text_width (cr, style, texts[i]));
  return widest;
}

void
plot_legend (cairo_t *cr, double x, double y, const char *const *names, const PlotColour *const *colours, guint n)
{
  const PlotText style = { .y_align = .5 };
  for (guint i = 0; i < n; i++) {
    plot_bar (cr, x, y - 5, 10, 10, colours[i]);
    plot_text (cr, x + 16, y, &style, names[i]);
    x += 16 + plot_text_width (cr, &style, names[i]) + 20;
  }
}

char *
plot_count_text (guint64 count)
{
  g_autofree char *digits = g_strdup_printf ("%" G_GUINT64_FORMAT, count);
  const gsize n = strlen (digits);
  GString *text = g_string_new (NULL);
  for (gsize i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0)
      g_string_append_c (text, ',');
    g_string_append_c (text, digits[i]);
  }
  return g_string_free (text, FALSE);
}

/* ---- figures --------------------------------------------------------------------------------------------------------------------- */

static void
prepare_context (cairo_t *cr)
{
  cairo_font_options_t *options = cairo_font_options_create ();
  cairo_font_options_set_hint_style (options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options (cr, options);
  cairo_font_options_destroy (options);
}

cairo_t *
plot_measure_new (void)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_A8, 1, 1);
  cairo_t *cr = cairo_create (surface);
  cairo_surface_destroy (surface);
  prepare_context (cr);
  return cr;
}

/* Draws all and lets the surface finish; `surface` is taken. */
static cairo_status_t
draw_figure (const PlotFigure *self, cairo_surface_t *surface, double zoom, const char *png)
{
  const double most = self->width - 2 * PLOT_EDGE;
  const PlotText title = { .size = 16, .bold = TRUE, .most_width = most }, subtitle = { .colour = &plot_muted, .most_width = most };
  cairo_t *cr = cairo_create (surface);
  prepare_context (cr);
  cairo_scale (cr, zoom, zoom);
  plot_set_colour (cr, &plot_paper);
  cairo_paint (cr);
  plot_text (cr, PLOT_EDGE, 12, &title, self->title);
  if (self->subtitle)
    plot_text (cr, PLOT_EDGE, 34, &subtitle, self->subtitle);
  self->draw (cr, self->data);
  cairo_status_t status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS && png)
    status = cairo_surface_write_to_png (surface, png);
  cairo_surface_finish (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  return status;
}

static gboolean
check_status (cairo_status_t status, const char *where, GError **error)
{
  if (status == CAIRO_STATUS_SUCCESS)
    return TRUE;
  g_set_error (error, COW_ERROR, status == CAIRO_STATUS_NO_MEMORY ? COW_ERROR_MEMORY : COW_ERROR_IO, "%s: the figure cannot be drawn: %s",
               where, cairo_status_to_string (status));
  return FALSE;
}

static cairo_status_t
append (void *closure, const unsigned char *data, unsigned int length)
{
  g_string_append_len (closure, (const char *)data, (gssize)length);
  return CAIRO_STATUS_SUCCESS;
}

char *
plot_figure_svg (const PlotFigure *self, GError **error)
{
  GString *text = g_string_new (NULL);
  cairo_surface_t *surface = cairo_svg_surface_create_for_stream (append, text, self->width, self->height);
  cairo_svg_surface_set_document_unit (surface, CAIRO_SVG_UNIT_PX);
  if (check_status (draw_figure (self, surface, 1, NULL), self->name, error))
    return g_string_free (text, FALSE);
  g_string_free (text, TRUE);
  return NULL;
}

gboolean
plot_figure_write (const PlotFigure *self, const char *folder, GError **error)
{
  g_autofree char *png_name = g_strconcat (self->name, ".png", NULL), *svg_name = g_strconcat (self->name, ".svg", NULL);
  g_autofree char *png = g_build_filename (folder, png_name, NULL), *svg = g_build_filename (folder, svg_name, NULL);
  g_autofree char *text = plot_figure_svg (self, error);
  if (!text || !cow_text_write (text, svg, error))
    return FALSE;
  const double longest = MAX (self->width, self->height);
  const double zoom = 4 * self->width * self->height <= MOST_PNG_PIXELS && 2 * longest <= MOST_PNG_SIDE ? 2 : 1;
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int)ceil (self->width * zoom), (int)ceil (self->height * zoom));
  return check_status (draw_figure (self, surface, zoom, png), png, error);
}

void
plot_figure_clear (PlotFigure *self)
{
  g_clear_pointer (&self->title, g_free);
  g_clear_pointer (&self->subtitle, g_free);
}
