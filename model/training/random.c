/* SPDX-License-Identifier: MIT */
#include "model/training/random.h"

#include <math.h>

guint64
cow_random_key (guint64 key, guint64 index)
{
  guint64 z = key + (index + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

double
cow_random_unit (guint64 key, guint64 index)
{
  return (double)(cow_random_key (key, index) >> 11) * 0x1p-53;
}

double
cow_random_normal (guint64 key, guint64 index)
{
  const double u = 1 - cow_random_unit (key, 2 * index), v = cow_random_unit (key, 2 * index + 1);
  return sqrt (-2 * log (u)) * cos (2 * G_PI * v);
}
