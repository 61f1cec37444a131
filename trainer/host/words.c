/* SPDX-License-Identifier: MIT */
#include "trainer/host/words.h"

#include <math.h>
#include <string.h>

const char *
words_s (guint64 n)
{
  return n == 1 ? "" : "s";
}

const char *
words_of (guint64 n, const char *one, const char *many)
{
  return n == 1 ? one : many;
}

char *
words_number (double value)
{
  const double size = fabs (value);
  if (!isfinite (value))
    return g_strdup ("-");
  return g_strdup_printf ("%.*f", size < 9.995 ? 2 : size < 99.95 ? 1 : 0, value);
}

char *
words_digits (double value, guint digits)
{
  if (!isfinite (value))
    return g_strdup ("-");
  if (value == 0)
    return g_strdup ("0");
  /* 9.9996 has a digit more when it is rounded. */
  const double size = pow (10, floor (log10 (fabs (value))) - digits + 1),
               rounded = round (value / size) * size;
  const int whole = (int)floor (log10 (fabs (rounded)) + 1e-9) + 1;

  return g_strdup_printf ("%.*f", CLAMP ((int)digits - whole, 0, 12), value);
}

char *
words_time (double seconds)
{
  return seconds < 1        ? g_strdup ("less than 1 s")
         : seconds < 9.95   ? g_strdup_printf ("%.1f s", seconds)
         : seconds < 99.5   ? g_strdup_printf ("%.0f s", seconds)
         : seconds < 5400   ? g_strdup_printf ("%.0f min", seconds / 60)
         : seconds < 172800 ? g_strdup_printf ("%.1f h", seconds / 3600)
                            : g_strdup_printf ("%.1f days", seconds / 86400);
}

char *
words_clock (double seconds)
{
  const guint64 all = (guint64)(CLAMP (seconds, 0, 3.6e9) + 0.5);
  const guint second = (guint)(all % 60), minute = (guint)(all / 60 % 60);
  const guint64 hour = all / 3600;
  return hour > 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u", hour, minute, second)
                  : g_strdup_printf ("%u:%02u", minute, second);
}

/* ---- columns --------------------------------------------------------------------------------- */

static guint
columns_of (gunichar c)
{
  return g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
}

guint
words_columns (const char *text)
{
  guint columns = 0;
  for (; *text; text = g_utf8_next_char (text))
    columns += columns_of (g_utf8_get_char (text));
  return columns;
}

char *
words_fit (const char *text, guint columns)
{
  const guint dots = MIN (3, columns);
  const char *end = text;
  if (words_columns (text) <= columns)
    return g_strdup (text);
  for (guint taken = 0; taken + columns_of (g_utf8_get_char (end)) <= columns - dots;
       end = g_utf8_next_char (end))
    taken += columns_of (g_utf8_get_char (end));
  return g_strdup_printf ("%.*s%.*s", (int)(end - text), text, (int)dots, "...");
}
