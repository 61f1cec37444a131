/* SPDX-License-Identifier: MIT */
/* The wall, the floor and the fixtures: boards or blocks, windows, a rail along the wall, posts,
 * slats, straw, stains. */
#include <math.h>

#include "pipelines/demo/render-scene.h"

static const RenderColour walls[] = {
  { 0.62, 0.58, 0.52 }, { 0.50, 0.42, 0.34 }, { 0.68, 0.69, 0.68 }, { 0.45, 0.50, 0.52 }
};
static const RenderColour straw[] = {
  { 0.84, 0.73, 0.46 }, { 0.74, 0.61, 0.34 }, { 0.90, 0.81, 0.56 }, { 0.60, 0.48, 0.27 }
};

static void
fill_box (cairo_t *cr, double x, double y, double width, double height)
{
  cairo_rectangle (cr, x, y, width, height);
  cairo_fill (cr);
}

static void
draw_boards (cairo_t *cr, const RenderBarn *self, RenderColour wall, RenderDice *dice)
{
  const RenderBox *area = &self->area;
  const double board = self->unit * render_between (dice, 0.18, 0.4);
  const gboolean blocks = render_chance (dice, 0.4);

  cairo_set_line_width (cr, MAX (self->unit * 0.02, 0.6));
  render_set (cr, render_shade (wall, 0.75), 0.7);
  for (double at = 0; !blocks && at < area->width; at += board) {
    cairo_move_to (cr, area->x + at, area->y);
    cairo_line_to (cr, area->x + at, self->floor_y);
  }
  for (double y = self->floor_y; blocks && y > area->y; y -= board) {
    cairo_move_to (cr, area->x, y);
    cairo_line_to (cr, area->x + area->width, y);
  }
  cairo_stroke (cr);
}

static void
draw_windows (cairo_t *cr, const RenderBarn *self, RenderLight light, RenderDice *dice)
{
  static const RenderColour outside[] = { { 0.86, 0.93, 0.96 },
                                          { 0.93, 0.70, 0.48 },
                                          { 0.06, 0.06, 0.07 } };
  const double width = self->unit * render_between (dice, 0.8, 1.6),
               gap = width + self->unit * render_between (dice, 1, 2.5);
  const double bottom = self->floor_y - self->unit * 0.9,
               height = self->unit * render_between (dice, 0.5, 0.9);

  for (double x = self->area.x - render_between (dice, 0, gap); x < self->area.x + self->area.width;
       x += gap) {
    cairo_set_source_rgb (cr, 0.28, 0.26, 0.25);
    fill_box (cr, x - self->unit * 0.04, bottom - height - self->unit * 0.04,
              width + self->unit * 0.08, height + self->unit * 0.08);
    render_set (cr, outside[light], 1);
    fill_box (cr, x, bottom - height, width, height);
    cairo_set_source_rgb (cr, 0.28, 0.26, 0.25);
    fill_box (cr, x + width / 2 - self->unit * 0.015, bottom - height, self->unit * 0.03, height);
  }
}

static void
draw_wall (cairo_t *cr, const RenderBarn *self, RenderLight light, RenderDice *dice)
{
  const RenderColour wall = render_shade (walls[render_pick (dice, G_N_ELEMENTS (walls))],
                                          render_between (dice, 0.8, 1.15));
  cairo_pattern_t *shade;

  render_set (cr, wall, 1);
  fill_box (cr, self->area.x, self->area.y, self->area.width, self->floor_y - self->area.y);
  draw_boards (cr, self, wall, dice);
  if (render_chance (dice, 0.7))
    draw_windows (cr, self, light, dice);
  shade = cairo_pattern_create_linear (0, self->floor_y - self->unit * 2.2, 0, self->floor_y);
  cairo_pattern_add_color_stop_rgba (shade, 0, 0, 0, 0, 0);
  cairo_pattern_add_color_stop_rgba (shade, 1, 0.05, 0.03, 0, 0.35);
  cairo_set_source (cr, shade);
  fill_box (cr, self->area.x, self->area.y, self->area.width, self->floor_y - self->area.y);
  cairo_pattern_destroy (shade);
}

/* The slots of a slatted floor lie closer together the farther away they are. */
static void
draw_concrete (cairo_t *cr, const RenderBarn *self, double bottom, RenderDice *dice)
{
  const double middle = self->area.x + self->area.width * render_between (dice, 0.2, 0.8),
               step = self->unit * 0.45;

  cairo_set_source_rgba (cr, 0.2, 0.18, 0.16, 0.3);
  cairo_set_line_width (cr, MAX (self->unit * 0.03, 0.6));
  for (double x = -self->area.width; x < 2 * self->area.width; x += step) {
    cairo_move_to (cr, middle + (self->area.x + x - middle) * 0.55, self->floor_y);
    cairo_line_to (cr, self->area.x + x, bottom);
  }
  cairo_stroke (cr);
  for (int i = 0; i < 7; i++) {
    cairo_set_source_rgba (cr, 0.24, 0.19, 0.12, render_between (dice, 0.08, 0.25));
    render_ellipse (cr, self->area.x + render_unit (dice) * self->area.width,
                    render_between (dice, self->floor_y, bottom),
                    self->unit * render_between (dice, 0.2, 0.8),
                    self->unit * render_between (dice, 0.05, 0.15), 0);
    cairo_fill (cr);
  }
}

static void
draw_floor (cairo_t *cr, const RenderBarn *self, RenderDice *dice)
{
  const double bottom = self->area.y + self->area.height, tone = render_between (dice, 0.85, 1.15);
  const RenderColour colour =
      render_shade (self->straw ? straw[1] : (RenderColour){ 0.55, 0.53, 0.49 }, tone);
  const double area = self->area.width * (bottom - self->floor_y) / (self->unit * self->unit);

  render_set (cr, colour, 1);
  fill_box (cr, self->area.x, self->floor_y, self->area.width, bottom - self->floor_y);
  if (!self->straw)
    draw_concrete (cr, self, bottom, dice);
  const RenderBounds strewn = { self->area.x, self->floor_y, self->area.x + self->area.width,
                                bottom };
  render_straws (
      cr, strewn, (int)MIN (area * (self->straw ? 26 : render_between (dice, 0, 6)), 2500),
      self->unit * 0.15, MAX (self->unit * 0.018, 0.7), straw, G_N_ELEMENTS (straw), dice);
}

static void
draw_rails (cairo_t *cr, const RenderBarn *self, RenderDice *dice)
{
  static const RenderColour steel = { 0.55, 0.57, 0.58 };
  const double left = self->area.x, right = left + self->area.width,
               gap = self->unit * render_between (dice, 1.6, 3);

  for (double x = left + render_between (dice, 0, gap); x < right; x += gap)
    render_pipe (cr, (RenderPoint){ x, self->floor_y + self->unit * 0.05 },
                 (RenderPoint){ x, self->floor_y - self->unit * 1.05 }, self->unit * 0.07, steel);
  for (int i = 0; i < 2; i++) {
    const double y = self->floor_y - self->unit * (0.5 + 0.45 * i);
    render_pipe (cr, (RenderPoint){ left, y }, (RenderPoint){ right, y }, self->unit * 0.055,
                 steel);
  }
}

void
render_barn_draw (cairo_t *cr, const RenderBarn *self, RenderLight light)
{
  RenderDice dice = render_dice (self->key, 0);

  draw_wall (cr, self, light, &dice);
  draw_floor (cr, self, &dice);
  if (render_chance (&dice, 0.6))
    draw_rails (cr, self, &dice);
}
