/* SPDX-License-Identifier: MIT */
/* Named parts of the picture, as a user writes them. */
#include "gst-plugin/behavior/zones.h"

#include <math.h>
#include <string.h>

#define MAX_POINTS 256
/* How far a sum of decimal fractions may be above 1. */
#define SLACK 1e-6

static void
clear_zone (gpointer data)
{
  g_free (((GstCowZone *)data)->name);
}

static gboolean
wrong (GError **error, const char *zone, const char *what, const char *found)
{
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "zone \"%s\": %s, found \"%s\"; expected NAME=x,y,w,h or NAME=x,y x,y x,y ...", zone,
               what, found);
  return FALSE;
}

/* Reads exactly n numbers that are separated by commas. */
static gboolean
parse_numbers (const char *zone, const char *text, guint n, gdouble *numbers, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  if (g_strv_length (parts) != n)
    return wrong (error, zone, n == 2 ? "a corner has two numbers" : "a rectangle has four numbers",
                  text);
  for (guint i = 0; i < n; i++) {
    const char *part = g_strstrip (parts[i]);
    char *end;

    numbers[i] = g_ascii_strtod (part, &end);
    if (end == part || *end)
      return wrong (error, zone, "not a number", part);
    if (!isfinite (numbers[i]) || numbers[i] < 0 || numbers[i] > 1)
      return wrong (error, zone, "numbers are fractions of the frame, from 0 to 1", part);
  }
  return TRUE;
}

static gboolean
parse_rectangle (GstCowZone *zone, const char *text, GError **error)
{
  gdouble numbers[4];

  if (!parse_numbers (zone->name, text, 4, numbers, error))
    return FALSE;
  if (numbers[2] <= 0 || numbers[3] <= 0)
    return wrong (error, zone->name, "width and height must be more than 0", text);
  if (numbers[0] + numbers[2] > 1 + SLACK || numbers[1] + numbers[3] > 1 + SLACK)
    return wrong (error, zone->name, "the rectangle reaches beyond the frame", text);
  zone->x = numbers[0];
  zone->y = numbers[1];
  zone->w = MIN (numbers[2], 1 - numbers[0]);
  zone->h = MIN (numbers[3], 1 - numbers[1]);
  return TRUE;
}

static gboolean
parse_polygon (GstCowZone *zone, char **corners, const char *text, GError **error)
{
  gdouble right = 0, bottom = 0;
  guint n = 0;

  zone->x = zone->y = 1;
  for (; *corners; corners++) {
    gdouble at[2];

    if (!**corners)
      continue;
    if (++n > MAX_POINTS)
      return wrong (error, zone->name, "more than " G_STRINGIFY (MAX_POINTS) " corners", *corners);
    if (!parse_numbers (zone->name, *corners, 2, at, error))
      return FALSE;
    zone->x = MIN (zone->x, at[0]);
    zone->y = MIN (zone->y, at[1]);
    right = MAX (right, at[0]);
    bottom = MAX (bottom, at[1]);
  }
  if (n < 3)
    return wrong (error, zone->name, "a polygon has at least three corners", text);
  zone->w = right - zone->x;
  zone->h = bottom - zone->y;
  if (zone->w <= 0 || zone->h <= 0)
    return wrong (error, zone->name, "the corners lie on one line", text);
  return TRUE;
}

/* Takes blanks around commas away, so that blanks that are left separate corners. */
static char *
without_blanks (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  for (char **part = parts; *part; part++)
    g_strstrip (*part);
  return g_strjoinv (",", parts);
}

static gboolean
parse_shape (GstCowZone *zone, const char *text, GError **error)
{
  g_autofree char *shape = without_blanks (text);
  g_auto (GStrv) words = g_strsplit_set (g_strstrip (shape), " \t\n", -1);

  if (!*shape)
    return wrong (error, zone->name, "nothing after \"=\"", text);
  return g_strv_length (words) == 1 ? parse_rectangle (zone, shape, error)
                                    : parse_polygon (zone, words, shape, error);
}

static gboolean
check_name (const char *name, const GArray *zones, const char *text, GError **error)
{
  if (!*name)
    return wrong (error, name, "a zone needs a name", text);
  if (strlen (name) > GST_COW_ZONE_MAX_NAME)
    return wrong (error, name, "a name has at most " G_STRINGIFY (GST_COW_ZONE_MAX_NAME) " bytes",
                  text);
  for (guint i = 0; i < zones->len; i++) {
    if (g_str_equal (g_array_index (zones, GstCowZone, i).name, name))
      return wrong (error, name, "the name is there twice", text);
  }
  return TRUE;
}

static gboolean
parse_zone (char *text, GArray *zones, GError **error)
{
  char *equals = strchr (text, '=');
  GstCowZone zone = { 0 };

  if (!equals)
    return wrong (error, text, "\"=\" is missing", text);
  *equals = '\0';
  if (!check_name (g_strstrip (text), zones, equals + 1, error))
    return FALSE;
  zone.name = g_strdup (text);
  if (!parse_shape (&zone, equals + 1, error)) {
    clear_zone (&zone);
    return FALSE;
  }
  g_array_append_val (zones, zone);
  return TRUE;
}

GArray *
gst_cow_zones_parse (const char *text, GError **error)
{
  g_autoptr (GArray) zones = g_array_new (FALSE, FALSE, sizeof (GstCowZone));
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ";", -1);

  g_array_set_clear_func (zones, clear_zone);
  /* Messages quote pieces of it. */
  if (text && !g_utf8_validate (text, -1, NULL)) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "zones: the text is not UTF-8, as names have to be");
    return NULL;
  }
  for (char **part = parts; *part; part++) {
    if (!*g_strstrip (*part))
      continue;
    if (zones->len == GST_COW_ZONES_MAX) {
      wrong (error, *part, "more than " G_STRINGIFY (GST_COW_ZONES_MAX) " zones", *part);
      return NULL;
    }
    if (!parse_zone (*part, zones, error))
      return NULL;
  }
  return g_steal_pointer (&zones);
}

/* The pixels from `start` on for `length`, both fractions of `size`: whole ones, at least one,
 * inside. */
static void
to_pixels (gdouble start, gdouble length, gint size, int *from, int *n)
{
  *from = CLAMP ((int)lrint (start * size), 0, size - 1);
  *n = CLAMP ((int)lrint ((start + length) * size) - *from, 1, size - *from);
}

CowRegion
gst_cow_zone_region (const GstCowZone *zone, gint width, gint height)
{
  CowRegion region;

  to_pixels (zone->x, zone->w, width, &region.x, &region.w);
  to_pixels (zone->y, zone->h, height, &region.y, &region.h);
  return region;
}
