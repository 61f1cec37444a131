/* SPDX-License-Identifier: MIT */
/* The colours of behaviours can be told apart, also by people who lack one kind of cone. */
#include <glib.h>
#include <math.h>

#include "gst-plugin/overlay/view.h"

#define N_COLOURS 10

/* The matrices give linear RGB as seen by normal eyes and by those without one kind of cone:
 * Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision
 * Deficiency, 2009, severity 1. */
static const struct {
  const char *name;
  gdouble matrix[3][3];
} eyes[] = {
  { "usual", { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } } },
  { "protanopia",
    { { .152286, 1.052583, -.204868 },
      { .114503, .786281, .099216 },
      { -.003882, -.048116, 1.051998 } } },
  { "deuteranopia",
    { { .367322, .860646, -.227968 },
      { .280085, .672501, .047413 },
      { -.011820, .042940, .968881 } } },
  { "tritanopia",
    { { 1.255528, -.076749, -.178779 },
      { -.078411, .930809, .147602 },
      { .004733, .691367, .303900 } } },
};

static gdouble
linear (guint value)
{
  const gdouble v = value / 255.0;

  return v <= 0.04045 ? v / 12.92 : pow ((v + 0.055) / 1.055, 2.4);
}

static gdouble
lab_curve (gdouble t)
{
  return t > 0.008856 ? cbrt (t) : 7.787 * t + 16.0 / 116.0;
}

/* Converts an sRGB colour to CIELAB, white point D65. */
static void
to_lab (guint32 colour, const gdouble matrix[3][3], gdouble lab[3])
{
  const gdouble rgb[3] = { linear (colour >> 16 & 0xff), linear (colour >> 8 & 0xff),
                           linear (colour & 0xff) };
  gdouble seen[3], x, y, z;

  for (guint i = 0; i < 3; i++)
    seen[i] = CLAMP (matrix[i][0] * rgb[0] + matrix[i][1] * rgb[1] + matrix[i][2] * rgb[2], 0, 1);
  x = lab_curve ((0.4124 * seen[0] + 0.3576 * seen[1] + 0.1805 * seen[2]) / 0.9505);
  y = lab_curve (0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2]);
  z = lab_curve ((0.0193 * seen[0] + 0.1192 * seen[1] + 0.9505 * seen[2]) / 1.089);
  lab[0] = 116 * y - 16;
  lab[1] = 500 * (x - y);
  lab[2] = 200 * (y - z);
}

static gdouble
distance (gint a, gint b, const gdouble matrix[3][3])
{
  gdouble one[3], other[3];

  to_lab (gst_cow_view_colour (a), matrix, one);
  to_lab (gst_cow_view_colour (b), matrix, other);
  return hypot (hypot (one[0] - other[0], one[1] - other[1]), one[2] - other[2]);
}

static void
test_apart (void)
{
  for (guint e = 0; e < G_N_ELEMENTS (eyes); e++) {
    gdouble least = G_MAXDOUBLE;

    for (gint a = 0; a < N_COLOURS; a++) {
      for (gint b = 0; b < a; b++)
        least = MIN (least, distance (a, b, eyes[e].matrix));
    }
    g_test_message ("%s: %.1f", eyes[e].name, least);
    g_assert_cmpfloat (least, >, e == 0 ? 30 : 13);
  }
}

/* Grey is reserved for "unknown": no class looks like it. */
static void
test_unknown (void)
{
  for (guint e = 0; e < G_N_ELEMENTS (eyes); e++) {
    for (gint a = 0; a < N_COLOURS; a++)
      g_assert_cmpfloat (distance (a, -1, eyes[e].matrix), >, 10);
  }
}

static void
test_constant (void)
{
  g_assert_cmphex (gst_cow_view_colour (3), ==, gst_cow_view_colour (3 + N_COLOURS));
  g_assert_cmphex (gst_cow_view_colour (-1), ==, gst_cow_view_colour (G_MININT));
  gst_cow_view_colour (G_MAXINT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/palette/apart", test_apart);
  g_test_add_func ("/palette/unknown", test_unknown);
  g_test_add_func ("/palette/constant", test_constant);
  return g_test_run ();
}
