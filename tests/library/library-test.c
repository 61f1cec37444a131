/* SPDX-License-Identifier: MIT */
/* Points, pictures and comparisons for the tests of the calls. */
#include "library-test.h"

#include <stdio.h>

static int number, n_failed;

void
points_begin (int after)
{
  number = after;
}

int
points_failed (void)
{
  return n_failed;
}

void
point (int passed, const char *label)
{
  printf ("%sok %d %s\n", passed ? "" : "not ", ++number, label);
  fflush (stdout);
  n_failed += !passed;
}

CowBehaviorPicture
picture_new (unsigned char *rgb, int seed)
{
  for (int i = 0; i < WIDTH * HEIGHT; i++) {
    int x = i % WIDTH, y = i / WIDTH;
    rgb[3 * i] = (unsigned char)(5 * x + seed);
    rgb[3 * i + 1] = (unsigned char)(8 * y);
    rgb[3 * i + 2] = (unsigned char)(3 * x + 2 * y + 17 * seed);
  }
  return (CowBehaviorPicture){ .size = sizeof (CowBehaviorPicture),
                               .format = COW_BEHAVIOR_RGB,
                               .width = WIDTH,
                               .height = HEIGHT,
                               .plane = { rgb },
                               .stride = { 3 * WIDTH } };
}

int
near (const float *a, const float *b, size_t n, float most)
{
  for (size_t i = 0; i < n; i++)
    if (!(a[i] - b[i] <= most && b[i] - a[i] <= most))
      return 0;
  return 1;
}
