/* SPDX-License-Identifier: MIT */
/* Text in figures. */
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

#include "trainer/plot/plot.h"

/* Sizes are in pixels and not rounded to the device's, so that SVG and PNG look alike. */
static PangoLayout *
new_layout (cairo_t *cr)
{
  PangoLayout *layout = pango_cairo_create_layout (cr);
  PangoContext *context = pango_layout_get_context (layout);
  cairo_font_options_t *options = cairo_font_options_create ();
  cairo_font_options_set_hint_style (options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
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
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  pango_font_description_set_family_static (font, "Sans");
  pango_font_description_set_absolute_size (font, (style->size > 0 ? style->size : PLOT_TEXT_SIZE) *
                                                      PANGO_SCALE);
  pango_font_description_set_weight (font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_text (layout, valid, -1);
  if (style->most_width > 0) {
    int width;
    pango_layout_get_size (layout, &width, NULL);
    if (width > style->most_width * PANGO_SCALE) {
      pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_MIDDLE);
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
plot_text (PlotCanvas *canvas, double x, double y, const PlotText *style, const char *text)
{
  cairo_t *cr = canvas->cr;
  g_autoptr (PangoLayout) layout = make_layout (cr, style, text);
  double width, height;
  layout_size (layout, &width, &height);
  cairo_save (cr);
  plot_set_colour (canvas, style->colour);
  cairo_translate (cr, x, y);
  cairo_rotate (cr, style->angle);
  cairo_move_to (cr, -width * style->x_align, -height * style->y_align);
  pango_cairo_show_layout (cr, layout);
  cairo_restore (cr);
}

double
plot_texts_width (const PlotText *style, const char *const *texts, guint n)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_A8, 1, 1);
  cairo_t *cr = cairo_create (surface);
  double widest = 0;
  for (guint i = 0; i < n; i++) {
    g_autoptr (PangoLayout) layout = make_layout (cr, style, texts[i]);
    double width, height;
    layout_size (layout, &width, &height);
    widest = MAX (widest, width);
  }
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return widest;
}

double
plot_text_width (const PlotText *style, const char *text)
{
  return plot_texts_width (style, &text, 1);
}

void
plot_legend (PlotCanvas *canvas, double x, double y, const char *const *names,
             const PlotColour *colours, guint n)
{
  const PlotText style = { .y_align = .5 };
  for (guint i = 0; i < n; i++) {
    plot_bar (canvas, x, y - 5, 10, 10, colours[i]);
    plot_text (canvas, x + 16, y, &style, names[i]);
    x += 16 + plot_text_width (&style, names[i]) + 20;
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
