/* SPDX-License-Identifier: MIT */
#include "trainer/plot/plot.h"

#include <cairo-svg.h>
#include <math.h>

#include "model/files/json-object.h"

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

/* The bytes of a PNG; NULL on error. */
static GString *
figure_png (const PlotFigure *self, GError **error)
{
  g_autoptr (GString) bytes = g_string_new (NULL);
  const double longest = MAX (self->width, self->height);
  const double zoom =
      4 * self->width * self->height <= MOST_PNG_PIXELS && 2 * longest <= MOST_PNG_SIDE ? 2 : 1;
  cairo_surface_t *surface = cairo_image_surface_create (
      CAIRO_FORMAT_RGB24, (int)ceil (self->width * zoom), (int)ceil (self->height * zoom));
  draw_figure (self, &plot_light, surface, zoom);
  cairo_status_t status = cairo_surface_status (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream (surface, append, bytes);
  cairo_surface_destroy (surface);
  return check_status (status, self->name, error) ? g_steal_pointer (&bytes) : NULL;
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
