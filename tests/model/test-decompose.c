/* SPDX-License-Identifier: MIT */
/* Decompositions of matrices by what defines them: triples that the matrix maps onto each other,
 * the largest ones, equal ones too; orthonormal columns whose products give the matrix back. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "model/training/decompose.h"
#include "model/training/random.h"

typedef struct {
  const char *name;
  int out, in, rank;
  int content;  /* rank of the matrix; 0: full, of random numbers */
  double decay; /* of its values, one after the other; 1: all are equal */
} Case;

static const Case cases[] = {
  { "random", 60, 40, 5, 0, 0 },     { "wide", 30, 90, 8, 0, 0 },
  { "whole", 24, 17, 17, 0, 0 },     { "one", 1, 5, 1, 0, 0 },
  { "decaying", 80, 70, 6, 70, .8 }, { "equal", 40, 40, 7, 40, 1 },
  { "deficient", 50, 30, 9, 4, .5 }, { "zero", 20, 20, 3, -1, 0 },
  { "large", 300, 200, 16, 0, 0 },
};

/* Orthonormal rows [n, size]. */
static double *
make_rows (int n, int size, guint64 key)
{
  double *q = g_new (double, n *size);
  for (int r = 0; r < n; r++) {
    double *row = q + r * size, length = 0;
    for (int i = 0; i < size; i++)
      row[i] = cow_random_normal (cow_random_key (key, (guint64)r), (guint64)i);
    for (int before = 0; before < 2 * r; before++) {
      const double *other = q + before % r * size;
      double part = 0;
      for (int i = 0; i < size; i++)
        part += other[i] * row[i];
      for (int i = 0; i < size; i++)
        row[i] -= part * other[i];
    }
    for (int i = 0; i < size; i++)
      length += row[i] * row[i];
    for (int i = 0; i < size; i++)
      row[i] /= sqrt (length);
  }
  return q;
}

static float *
make (const Case *c)
{
  float *w = g_new0 (float, c->out * c->in);
  for (int i = 0; c->content == 0 && i < c->out * c->in; i++)
    w[i] = (float)cow_random_normal (5, (guint64)i);
  if (c->content <= 0)
    return w;
  g_autofree double *u = make_rows (c->content, c->out, 6), *v = make_rows (c->content, c->in, 7);
  for (int r = 0; r < c->content; r++)
    for (int o = 0; o < c->out; o++)
      for (int i = 0; i < c->in; i++)
        w[o * c->in + i] += (float)(pow (c->decay, r) * u[r * c->out + o] * v[r * c->in + i]);
  return w;
}

/* The square of the length of row or column r, elements `stride` apart. */
static double
square (const float *x, int n, int stride)
{
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += (double)x[i * stride] * x[i * stride];
  return sum;
}

/* The largest factor by which w maps a vector, by iteration. */
static double
largest_value (const double *w, int out, int in)
{
  g_autofree double *x = g_new (double, in), *y = g_new (double, out);
  double value = 0;
  for (int i = 0; i < in; i++)
    x[i] = cow_random_normal (9, (guint64)i);
  for (int pass = 0; pass < 3000; pass++) {
    double length = 0;
    for (int i = 0; i < in; i++)
      length += x[i] * x[i];
    length = sqrt (length);
    if (length < 1e-30)
      return 0;
    value = sqrt (length);
    for (int o = 0; o < out; o++) {
      y[o] = 0;
      for (int i = 0; i < in; i++)
        y[o] += w[o * in + i] * x[i] / length;
    }
    for (int i = 0; i < in; i++) {
      x[i] = 0;
      for (int o = 0; o < out; o++)
        x[i] += w[o * in + i] * y[o];
    }
  }
  return value;
}

/* w - scale b a */
static double *
rest_of (const Case *c, const float *w, double scale, const float *a, const float *b)
{
  double *rest = g_new (double, c->out * c->in);
  for (int o = 0; o < c->out; o++)
    for (int i = 0; i < c->in; i++) {
      double sum = 0;
      for (int r = 0; r < c->rank; r++)
        sum += (double)b[o * c->rank + r] * a[r * c->in + i];
      rest[o * c->in + i] = w[o * c->in + i] - scale * sum;
    }
  return rest;
}

/* Each side has the root of value / scale, values descend, and the rest has none that is larger
 * than the last of them: so they are the largest. */
static void
test_pissa (gconstpointer data)
{
  const Case *c = data;
  GError *error = NULL;
  const double scale = 1.7;
  g_autofree float *w = make (c), *a = g_new (float, c->rank * c->in),
                   *b = g_new (float, c->out * c->rank);
  g_assert_true (cow_decompose_pissa (w, c->out, c->in, c->rank, scale, 3, a, b, &error));
  double last = INFINITY;
  for (int r = 0; r < c->rank; r++) {
    const double of_a = scale * square (a + r * c->in, c->in, 1),
                 of_b = scale * square (b + r, c->out, c->rank);
    g_assert_cmpfloat_with_epsilon (of_a, of_b, 1e-5 * (1 + of_a));
    g_assert_cmpfloat (of_a, <=, last * (1 + 1e-5) + 1e-6);
    last = of_a;
  }
  g_autofree double *rest = rest_of (c, w, scale, a, b);
  const double left = largest_value (rest, c->out, c->in);
  g_test_message ("the last value is %g, the rest's largest %g", last, left);
  if (c->rank == MIN (c->out, c->in))
    g_assert_cmpfloat (left, <, 1e-5);
  else
    g_assert_cmpfloat (left, <=, last * (1 + 1e-4) + 1e-5);
  /* Nothing of the triples is left. */
  for (int r = 0; r < c->rank; r++)
    for (int o = 0; o < c->out; o++) {
      double sum = 0;
      for (int i = 0; i < c->in; i++)
        sum += rest[o * c->in + i] * a[r * c->in + i];
      g_assert_cmpfloat_with_epsilon (sum, 0, 1e-4);
    }
}

/* Q's columns are orthonormal, R is triangular, and the first columns of the matrix come back. */
static void
test_olora (gconstpointer data)
{
  const Case *c = data;
  GError *error = NULL;
  g_autofree float *w = make (c), *a = g_new (float, c->rank * c->in),
                   *b = g_new (float, c->out * c->rank);
  g_assert_true (cow_decompose_olora (w, c->out, c->in, c->rank, 3, a, b, &error));
  for (int r = 0; r < c->rank; r++) {
    for (int s = 0; s < c->rank; s++) {
      double sum = 0;
      for (int o = 0; o < c->out; o++)
        sum += (double)b[o * c->rank + r] * b[o * c->rank + s];
      g_assert_cmpfloat_with_epsilon (sum, r == s, 1e-6);
    }
    for (int i = 0; i < r; i++)
      g_assert_cmpfloat (a[r * c->in + i], ==, 0);
    g_assert_cmpfloat (a[r * c->in + r], >=, -1e-6);
  }
  g_autofree double *rest = rest_of (c, w, 1, a, b);
  for (int o = 0; o < c->out; o++)
    for (int r = 0; r < c->rank; r++)
      g_assert_cmpfloat_with_epsilon (rest[o * c->in + r], 0, 1e-5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *pissa = g_strconcat ("/decompose/pissa/", cases[i].name, NULL),
                    *olora = g_strconcat ("/decompose/olora/", cases[i].name, NULL);
    g_test_add_data_func (pissa, &cases[i], test_pissa);
    g_test_add_data_func (olora, &cases[i], test_olora);
  }
  return g_test_run ();
}
