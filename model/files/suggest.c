/* SPDX-License-Identifier: MIT */
#include "model/files/suggest.h"

#include <string.h>

#define MOST_NEAR 3  /* names that are told */
#define PART      3  /* see badness () */
#define LONGEST   64 /* bytes of what somebody wrote; distances take their product */

/* Levenshtein's distance, case ignored. */
static guint
distance (const char *a, const char *b)
{
  const gsize m = strlen (b);
  g_autofree guint *row = g_new (guint, m + 1);
  for (gsize j = 0; j <= m; j++)
    row[j] = (guint)j;
  for (gsize i = 1; a[i - 1]; i++) {
    guint diagonal = row[0];
    row[0] = (guint)i;
    for (gsize j = 1; j <= m; j++) {
      const guint replaced = diagonal + (g_ascii_tolower (a[i - 1]) != g_ascii_tolower (b[j - 1]));
      diagonal = row[j];
      row[j] = MIN (replaced, MIN (row[j - 1], diagonal) + 1);
    }
  }
  return row[m];
}

/* How far a name is from what was written, one that is a part of the other being as good as a few
 * wrong letters; G_MAXUINT where it is not near. */
static guint
badness (const char *name, const char *wanted)
{
  const guint far = distance (wanted, name);
  if (strstr (name, wanted) || strstr (wanted, name))
    return MIN (far, PART);
  return far <= MAX (2, strlen (name) / 3) ? far : G_MAXUINT;
}

char *
cow_suggest_near (const char *const *names, const char *wanted)
{
  g_autoptr (GString) near = g_string_new (NULL);
  guint n = 0, end = LONGEST;
  if (!*wanted || strlen (wanted) > LONGEST)
    return NULL;
  /* The nearest, and those that are nearly so. */
  for (guint bad = 0; bad <= end; bad++)
    for (const char *const *name = names; *name && n < MOST_NEAR; name++)
      if (badness (*name, wanted) == bad) {
        g_string_append_printf (near, "%s%s", n++ > 0 ? ", " : "", *name);
        end = MIN (end, bad + 1);
      }
  return n > 0 ? g_strdup_printf ("did you mean %s?", near->str) : NULL;
}

char *
cow_suggest (const char *const *names, const char *wanted)
{
  char *near = cow_suggest_near (names, wanted);
  if (near)
    return near;
  g_autofree char *all = g_strjoinv (", ", (char **)names);
  return g_strdup_printf ("there are %s", all);
}
