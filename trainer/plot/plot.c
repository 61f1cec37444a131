/* SPDX-License-Identifier: MIT */
#include "trainer/plot/plot.h"

#include <cairo-svg.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"

/* Above this many pixels (256 MB) a figure's PNG is not doubled. */
#define MOST_PNG_PIXELS (1 << 26)
/* Wider and longer pictures Cairo does not make. */
#define MOST_PNG_SIDE 32000

/* ---- colours --------------------------------------------------------------------------------- */

typedef struct {
  double red, green, blue;
} Rgb;

struct _PlotTheme {
  Rgb colours[PLOT_N_COLOURS];
};

const PlotTheme plot_light = { {
    [PLOT_INK] = { .13, .14, .16 },
    [PLOT_MUTED] = { .38, .40, .43 },
    [PLOT_GRID] = { .88, .89, .90 },
    [PLOT_PAPER] = { 1, 1, 1 },
    [PLOT_BLUE] = { 0, .447, .698 },
    [PLOT_ORANGE] = { .902, .624, 0 },
    [PLOT_GREEN] = { 0, .620, .451 },
    [PLOT_VERMILION] = { .835, .369, 0 },
} };
/* The same hues, lighter, on the report's dark paper. */
const PlotTheme plot_dark = { {
    [PLOT_INK] = { .91, .92, .94 },
    [PLOT_MUTED] = { .64, .66, .70 },
    [PLOT_GRID] = { .24, .26, .29 },
    [PLOT_PAPER] = { .110, .122, .141 },
    [PLOT_BLUE] = { .302, .667, .902 },
    [PLOT_ORANGE] = { .941, .706, .235 },
    [PLOT_GREEN] = { .235, .749, .588 },
    [PLOT_VERMILION] = { .937, .502, .208 },
} };

static Rgb
shade (const PlotCanvas *canvas, PlotColour colour, double share)
{
  const Rgb paper = canvas->theme->colours[PLOT_PAPER], full = canvas->theme->colours[colour];
  return (Rgb){ paper.red + (full.red - paper.red) * share,
                paper.green + (full.green - paper.green) * share,
                paper.blue + (full.blue - paper.blue) * share };
}

void
plot_set_shade (PlotCanvas *canvas, PlotColour colour, double share)
{
  const Rgb c = shade (canvas, colour, share);
  cairo_set_source_rgb (canvas->cr, c.red, c.green, c.blue);
}

void
plot_set_colour (PlotCanvas *canvas, PlotColour colour)
{
  plot_set_shade (canvas, colour, 1);
}

/* Relative luminance, as WCAG 2 defines it for contrasts. */
static double
luminance (Rgb c)
{
  const double parts[] = { c.red, c.green, c.blue }, weights[] = { .2126, .7152, .0722 };
  double sum = 0;
  for (int i = 0; i < 3; i++)
    sum +=
        weights[i] * (parts[i] <= .04045 ? parts[i] / 12.92 : pow ((parts[i] + .055) / 1.055, 2.4));
  return sum;
}

static double
contrast (double a, double b)
{
  return (MAX (a, b) + .05) / (MIN (a, b) + .05);
}

PlotColour
plot_text_on_shade (const PlotCanvas *canvas, PlotColour colour, double share)
{
  const double ground = luminance (shade (canvas, colour, share));
  const double ink = luminance (shade (canvas, PLOT_INK, 1)),
               paper = luminance (shade (canvas, PLOT_PAPER, 1));
  const PlotColour dark = ink < paper ? PLOT_INK : PLOT_PAPER,
                   light = ink < paper ? PLOT_PAPER : PLOT_INK;
  /* The formula is known to be too kind to dark text on saturated colours. */
  return contrast (ground, MIN (ink, paper)) >= 1.4 * contrast (ground, MAX (ink, paper)) ? dark
                                                                                          : light;
}

/* ---- figures --------------------------------------------------------------------------------- */

PlotFigure *
plot_figure_new (const char *name, const char *title, const char *subtitle)
{
  PlotFigure *self = g_new0 (PlotFigure, 1);
  self->name = name;
  self->title = g_strdup (title);
  self->subtitle = g_strdup (subtitle);
  return self;
}

void
plot_figure_free (PlotFigure *self)
{
  if (!self)
    return;
  g_free (self->title);
  g_free (self->subtitle);
  g_free (self->layout);
  g_free (self);
}

/* Draws all of it; what went wrong is in the surface's status. */
static void
draw_figure (const PlotFigure *self, const PlotTheme *theme, cairo_surface_t *surface, double zoom)
{
  const double most = self->width - 2 * PLOT_EDGE;
  const PlotText title = { .size = 16, .bold = TRUE, .most_width = most },
                 subtitle = { .colour = PLOT_MUTED, .most_width = most };
  cairo_t *cr = cairo_create (surface);
  PlotCanvas canvas = { cr, theme };
  cairo_scale (cr, zoom, zoom);
  plot_set_colour (&canvas, PLOT_PAPER);
  cairo_paint (cr);
  plot_text (&canvas, PLOT_EDGE, 14, &title, self->title);
  if (self->subtitle)
    plot_text (&canvas, PLOT_EDGE, 37, &subtitle, self->subtitle);
  self->draw (self, &canvas);
  cairo_destroy (cr);
}

static gboolean
check_status (cairo_status_t status, const char *where, GError **error)
{
  if (status == CAIRO_STATUS_SUCCESS)
    return TRUE;
  g_set_error (error, COW_ERROR, status == CAIRO_STATUS_NO_MEMORY ? COW_ERROR_MEMORY : COW_ERROR_IO,
               "%s: the figure cannot be drawn: %s", where, cairo_status_to_string (status));
  return FALSE;
}

static cairo_status_t
append (void *closure, const unsigned char *data, unsigned int length)
{
  g_string_append_len (closure, (const char *)data, (gssize)length);
  return CAIRO_STATUS_SUCCESS;
}

char *
plot_figure_svg (const PlotFigure *self, const PlotTheme *theme, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  cairo_surface_t *surface =
      cairo_svg_surface_create_for_stream (append, text, self->width, self->height);
  cairo_svg_surface_set_document_unit (surface, CAIRO_SVG_UNIT_PX);
  draw_figure (self, theme, surface, 1);
  cairo_surface_finish (surface);
  const cairo_status_t status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  return check_status (status, self->name, error) ? g_string_free (g_steal_pointer (&text), FALSE)
                                                  : NULL;
}

GString *
plot_surface_png (cairo_surface_t *surface, const char *where, GError **error)
{
  g_autoptr (GString) bytes = g_string_new (NULL);
  cairo_status_t status = cairo_surface_status (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream (surface, append, bytes);
  return check_status (status, where, error) ? g_steal_pointer (&bytes) : NULL;
}

/* The bytes of a PNG; NULL on error. */
static GString *
figure_png (const PlotFigure *self, GError **error)
{
  const double longest = MAX (self->width, self->height);
  const double zoom =
      4 * self->width * self->height <= MOST_PNG_PIXELS && 2 * longest <= MOST_PNG_SIDE ? 2 : 1;
  cairo_surface_t *surface = cairo_image_surface_create (
      CAIRO_FORMAT_RGB24, (int)ceil (self->width * zoom), (int)ceil (self->height * zoom));
  draw_figure (self, &plot_light, surface, zoom);
  GString *bytes = plot_surface_png (surface, self->name, error);
  cairo_surface_destroy (surface);
  return bytes;
}

gboolean
plot_figure_write (const PlotFigure *self, const char *folder, GError **error)
{
  g_autofree char *base = g_build_filename (folder, self->name, NULL);
  g_autofree char *png = g_strconcat (base, ".png", NULL), *svg = g_strconcat (base, ".svg", NULL);
  g_autofree char *text = plot_figure_svg (self, &plot_light, error);
  if (!text || !cow_text_write (text, svg, error))
    return FALSE;
  g_autoptr (GString) bytes = figure_png (self, error);
  return bytes && cow_bytes_write (bytes->str, bytes->len, png, error);
}

gboolean
plot_figures_write (const GPtrArray *figures, const char *folder, GError **error)
{
  for (guint i = 0; i < figures->len; i++)
    if (!plot_figure_write (figures->pdata[i], folder, error))
      return FALSE;
  return TRUE;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Text in figures. */

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

#define MOST_TICKS 64
#define FEW_POINTS 40 /* up to here a line shows its points */

/* ---- scales ---------------------------------------------------------------------------------- */

double
plot_at (const PlotScale *scale, double value)
{
  const double low = scale->log ? log (scale->min) : scale->min,
               high = scale->log ? log (scale->max) : scale->max;
  const double v = scale->log ? log (MAX (value, scale->min)) : value;
  return scale->from + CLAMP ((v - low) / (high - low), 0, 1) * (scale->to - scale->from);
}

/* 1, 2 or 5 times a power of ten, so that about one number stands every `gap` pixels. */
static double
step_of (const PlotScale *scale, double gap)
{
  const double rough = (scale->max - scale->min) * gap / MAX (fabs (scale->to - scale->from), gap);
  const double power = pow (10, floor (log10 (rough))), part = rough / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

void
plot_scale_round (PlotScale *scale)
{
  if (scale->log) {
    scale->min = pow (10, floor (log10 (scale->min) + 1e-9));
    scale->max = pow (10, ceil (log10 (scale->max) - 1e-9));
    if (scale->max <= scale->min)
      scale->max = scale->min * 10;
    return;
  }
  if (scale->max <= scale->min)
    scale->max = scale->min + 1;
  const double step = step_of (scale, 45);
  scale->min = floor (scale->min / step + 1e-9) * step;
  scale->max = ceil (scale->max / step - 1e-9) * step;
}

static guint
linear_ticks (const PlotScale *scale, double step, double *ticks)
{
  guint n = 0;
  for (double k = ceil (scale->min / step - 1e-9);
       n < MOST_TICKS && k * step <= scale->max + step * 1e-9; k++)
    ticks[n++] = k * step;
  return n;
}

/* Powers of ten; between them 2 and 5 where the scale spans few. */
static guint
log_ticks (const PlotScale *scale, double *ticks)
{
  const double factors[] = { 1, 2, 5 };
  const gboolean dense = scale->max / scale->min < 1001;
  guint n = 0;
  for (int power = (int)floor (log10 (scale->min) + 1e-9);
       pow (10, power) <= scale->max * 1.0000001; power++)
    for (guint f = 0; f < (dense ? 3 : 1); f++) {
      const double tick = factors[f] * pow (10, power);
      if (n < MOST_TICKS && tick >= scale->min * .9999999 && tick <= scale->max * 1.0000001)
        ticks[n++] = tick;
    }
  return n;
}

/* Marks of an axis; about `gap` pixels lie between them at least. */
static guint
axis_ticks (const PlotScale *scale, double gap, double *ticks)
{
  if (scale->log)
    return log_ticks (scale, ticks);
  const double step = step_of (scale, gap);
  return linear_ticks (scale, scale->whole ? MAX (step, 1) : step, ticks);
}

static void
tick_text (const PlotScale *scale, double tick, char *text, gsize n_text)
{
  if (scale->log)
    g_snprintf (text, n_text, "%.0e", tick);
  else
    g_snprintf (text, n_text, "%.6g", fabs (tick) < (scale->max - scale->min) * 1e-9 ? 0 : tick);
}

/* ---- axes ------------------------------------------------------------------------------------ */

void
plot_rule (PlotCanvas *canvas, double x0, double y0, double x1, double y1, PlotColour colour,
           gboolean dashed)
{
  const double dash[] = { 5, 4 };
  cairo_t *cr = canvas->cr;
  cairo_save (cr);
  plot_set_colour (canvas, colour);
  cairo_set_line_width (cr, 1);
  cairo_set_dash (cr, dash, dashed ? 2 : 0, 0);
  cairo_move_to (cr, x0, y0);
  cairo_line_to (cr, x1, y1);
  cairo_stroke (cr);
  cairo_restore (cr);
}

void
plot_axis_x (PlotCanvas *canvas, const PlotScale *x, double at, double far, const char *label)
{
  const PlotText number = { .size = 11, .x_align = .5, .colour = PLOT_MUTED },
                 name = { .x_align = .5, .colour = PLOT_MUTED };
  double ticks[MOST_TICKS];
  const guint n = axis_ticks (x, 50, ticks);
  for (guint i = 0; i < n; i++) {
    char text[32];
    const double here = plot_at (x, ticks[i]);
    tick_text (x, ticks[i], text, sizeof text);
    plot_rule (canvas, here, at, here, far, PLOT_GRID, FALSE);
    plot_text (canvas, here, at + 6, &number, text);
  }
  plot_rule (canvas, x->from, at, x->to, at, PLOT_MUTED, FALSE);
  plot_text (canvas, (x->from + x->to) / 2, at + 24, &name, label);
}

void
plot_axis_y (PlotCanvas *canvas, const PlotScale *y, double at, double far, const char *label)
{
  const PlotText number = { .size = 11, .x_align = 1, .y_align = .5, .colour = PLOT_MUTED };
  const PlotText name = { .x_align = .5, .angle = -G_PI / 2, .colour = PLOT_MUTED };
  double ticks[MOST_TICKS];
  const guint n = axis_ticks (y, 35, ticks);
  for (guint i = 0; i < n; i++) {
    char text[32];
    const double here = plot_at (y, ticks[i]);
    tick_text (y, ticks[i], text, sizeof text);
    plot_rule (canvas, at, here, far, here, PLOT_GRID, FALSE);
    plot_text (canvas, at - 7, here, &number, text);
  }
  plot_rule (canvas, at, y->from, at, y->to, PLOT_MUTED, FALSE);
  plot_text (canvas, at - PLOT_AXIS_Y_WIDTH, (y->from + y->to) / 2, &name, label);
}

/* ---- between them ---------------------------------------------------------------------------- */

void
plot_line (PlotCanvas *canvas, const PlotScale *x, const PlotScale *y, const double *xs,
           const double *ys, guint n, PlotColour colour, gboolean dashed)
{
  const double dash[] = { 6, 4 };
  cairo_t *cr = canvas->cr;
  gboolean drawing = FALSE;
  cairo_save (cr);
  plot_set_colour (canvas, colour);
  cairo_set_line_width (cr, 2);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  cairo_set_dash (cr, dash, dashed ? 2 : 0, 0);
  for (guint i = 0; i < n; i++) {
    if (isfinite (ys[i]) && drawing)
      cairo_line_to (cr, plot_at (x, xs[i]), plot_at (y, ys[i]));
    else if (isfinite (ys[i]))
      cairo_move_to (cr, plot_at (x, xs[i]), plot_at (y, ys[i]));
    drawing = isfinite (ys[i]);
  }
  cairo_stroke (cr);
  for (guint i = 0; i < n && n <= FEW_POINTS; i++)
    if (isfinite (ys[i])) {
      cairo_arc (cr, plot_at (x, xs[i]), plot_at (y, ys[i]), 3, 0, 2 * G_PI);
      cairo_fill (cr);
    }
  cairo_restore (cr);
}

void
plot_bar (PlotCanvas *canvas, double x, double y, double width, double height, PlotColour colour)
{
  plot_set_colour (canvas, colour);
  cairo_rectangle (canvas->cr, x, y, width, height);
  cairo_fill (canvas->cr);
}
