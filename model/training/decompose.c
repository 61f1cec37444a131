/* SPDX-License-Identifier: MIT */
/*
 * Singular triples by Lanczos' iteration on W^T W with full reorthogonalisation, which ends when
 * those that are asked for are exact: some multiples of the rank instead of all of a matrix's
 * values (Golub & Van Loan, Matrix Computations, chapters 8.3 and 10). LAPACK, which computes all,
 * would be a dependency for this alone, with threads and rounding of its own.
 */
#include "model/training/decompose.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "model/files/error.h"
#include "model/training/random.h"

#define EXACT     1e-11 /* a residual, as a share of the largest value of W^T W */
#define DEPENDENT 1e-12 /* a vector of which less than this is left is a sum of those before it */

/* ---- vectors --------------------------------------------------------------------------------- */

/* Several sums side by side, which compilers make vectors of; their order is fixed. */
#define LANES 8

static double
dot (const double *x, const double *y, gsize n)
{
  double sums[LANES] = { 0 }, sum = 0;
  gsize i = 0;
  for (; i + LANES <= n; i += LANES)
    for (gsize l = 0; l < LANES; l++)
      sums[l] += x[i + l] * y[i + l];
  for (; i < n; i++)
    sum += x[i] * y[i];
  for (gsize l = 0; l < LANES; l++)
    sum += sums[l];
  return sum;
}

static double
dot_floats (const float *x, const double *y, gsize n)
{
  double sums[LANES] = { 0 }, sum = 0;
  gsize i = 0;
  for (; i + LANES <= n; i += LANES)
    for (gsize l = 0; l < LANES; l++)
      sums[l] += (double)x[i + l] * y[i + l];
  for (; i < n; i++)
    sum += (double)x[i] * y[i];
  for (gsize l = 0; l < LANES; l++)
    sum += sums[l];
  return sum;
}

/* x minus its parts along the n_rows orthonormal rows of q [n_rows, n]; twice is enough. */
static void
orthogonalise (const double *q, gsize n_rows, gsize n, double *x)
{
  for (int pass = 0; pass < 2; pass++)
    for (gsize row = 0; row < n_rows; row++) {
      const double part = dot (q + row * n, x, n);
      for (gsize i = 0; i < n; i++)
        x[i] -= part * q[row * n + i];
    }
}

/* Makes x orthogonal to the rows of q and of length 1; returns what was left of it. Where that is
 * nothing, as seen from `size`, x becomes another such vector, and 0 is returned. */
static double
next_direction (const double *q, gsize n_rows, gsize n, double size, guint64 key, double *x)
{
  orthogonalise (q, n_rows, n, x);
  double length = sqrt (dot (x, x, n)), left = length;
  for (guint64 again = 0; length <= DEPENDENT * size; again++) {
    const guint64 other = cow_random_key (key, n_rows + (again << 32));
    for (gsize i = 0; i < n; i++)
      x[i] = cow_random_normal (other, i);
    orthogonalise (q, n_rows, n, x);
    length = sqrt (dot (x, x, n));
    size = 1;
    left = 0;
  }
  for (gsize i = 0; i < n; i++)
    x[i] /= length;
  return left;
}

/* ---- a symmetric tridiagonal matrix ---------------------------------------------------------- */

/*
 * One implicit QR step with Wilkinson's shift on rows first to last of a matrix with that diagonal
 * and other[i] beside i and i + 1. Rows of z are turned along.
 */
static void
qr_step (double *diagonal, double *other, gsize first, gsize last, double *z, gsize n)
{
  const double half = (diagonal[last - 1] - diagonal[last]) / 2, beside = other[last - 1],
               shift = diagonal[last] -
                       beside * beside / (half + copysign (hypot (half, beside), half));
  double x = diagonal[first] - shift, y = other[first];
  for (gsize k = first; k < last; k++) {
    const double length = hypot (x, y), c = length > 0 ? x / length : 1,
                 s = length > 0 ? y / length : 0;
    const double upper = diagonal[k], lower = diagonal[k + 1], between = other[k];
    if (k > first)
      other[k - 1] = length;
    diagonal[k] = c * c * upper + 2 * c * s * between + s * s * lower;
    diagonal[k + 1] = s * s * upper - 2 * c * s * between + c * c * lower;
    other[k] = c * s * (lower - upper) + (c * c - s * s) * between;
    x = other[k];
    if (k + 1 < last) {
      y = s * other[k + 1];
      other[k + 1] *= c;
    }
    double *p = z + k * n, *q = p + n;
    for (gsize i = 0; i < n; i++) {
      const double old = p[i];
      p[i] = c * old + s * q[i];
      q[i] = c * q[i] - s * old;
    }
  }
}

static gboolean
is_small (const double *diagonal, const double *other, gsize i)
{
  return fabs (other[i]) <= DBL_EPSILON * (fabs (diagonal[i]) + fabs (diagonal[i + 1])) + DBL_MIN;
}

/* The diagonal becomes the eigenvalues, the rows of z [n, n] their vectors, in any order. */
static void
solve_tridiagonal (double *diagonal, double *other, double *z, gsize n)
{
  memset (z, 0, n * n * sizeof *z);
  for (gsize i = 0; i < n; i++)
    z[i * n + i] = 1;
  for (gsize last = n - 1; last > 0;) {
    gsize first = last;
    while (first > 0 && !is_small (diagonal, other, first - 1))
      first--;
    if (first == last)
      last--;
    else
      qr_step (diagonal, other, first, last, z, n);
  }
}

/* ---- Lanczos --------------------------------------------------------------------------------- */

typedef struct {
  const float *w;
  gsize out, in, rank;
  guint64 key;
  gsize n, room;               /* vectors that there are, and that there is room for */
  double *vectors;             /* [room, in] */
  double *diagonal, *other;    /* [room], of W^T W among the vectors */
  double *values, *beside, *z; /* [n], [n], [n, n]: its eigenvalues, a copy of `other`, vectors */
  gsize *order;                /* [rank]: the largest values, descending */
} Lanczos;

static void
clear (Lanczos *self)
{
  g_free (self->vectors);
  g_free (self->diagonal);
  g_free (self->other);
  g_free (self->values);
  g_free (self->beside);
  g_free (self->z);
  g_free (self->order);
}

static gboolean
grow (Lanczos *self, gsize room, GError **error)
{
  double *vectors = g_try_realloc_n (self->vectors, room * self->in, sizeof *vectors);
  if (!vectors)
    return cow_check (CK_NO_MEMORY, error, "decomposing a weight of %" G_GSIZE_FORMAT " inputs",
                      self->in);
  self->vectors = vectors;
  self->diagonal = g_renew (double, self->diagonal, room);
  self->other = g_renew (double, self->other, room);
  self->values = g_renew (double, self->values, room);
  self->beside = g_renew (double, self->beside, room);
  g_clear_pointer (&self->z, g_free);
  self->z = g_try_new (double, room *room);
  self->room = room;
  return self->z || cow_check (CK_NO_MEMORY, error,
                               "decomposing a weight of %" G_GSIZE_FORMAT " inputs", self->in);
}

/* y = W^T W x */
static void
multiply (const Lanczos *self, const double *x, double *y)
{
  memset (y, 0, self->in * sizeof *y);
  for (gsize o = 0; o < self->out; o++) {
    const float *row = self->w + o * self->in;
    const double part = dot_floats (row, x, self->in);
    for (gsize i = 0; i < self->in; i++)
      y[i] += part * (double)row[i];
  }
}

/* Adds vectors up to the room that there is. */
static gboolean
iterate (Lanczos *self, GError **error)
{
  g_autofree double *x = g_try_new (double, self->in);
  if (!x)
    return cow_check (CK_NO_MEMORY, error, "decomposing a weight");
  for (; self->n < self->room; self->n++) {
    double *vector = self->vectors + self->n * self->in, size = 1;
    if (self->n == 0) {
      for (gsize i = 0; i < self->in; i++)
        x[i] = cow_random_normal (self->key, i);
    } else {
      multiply (self, vector - self->in, x);
      size = sqrt (dot (x, x, self->in));
      self->diagonal[self->n - 1] = dot (vector - self->in, x, self->in);
    }
    const double left = next_direction (self->vectors, self->n, self->in, size, self->key, x);
    if (self->n > 0)
      self->other[self->n - 1] = left;
    memcpy (vector, x, self->in * sizeof *x);
  }
  multiply (self, self->vectors + (self->n - 1) * self->in, x);
  self->diagonal[self->n - 1] = dot (self->vectors + (self->n - 1) * self->in, x, self->in);
  orthogonalise (self->vectors, self->n, self->in, x);
  self->other[self->n - 1] = sqrt (dot (x, x, self->in)); /* what the vectors leave out */
  return TRUE;
}

/* Puts the largest values in order. */
static void
sort_values (Lanczos *self)
{
  for (gsize r = 0; r < self->rank; r++) {
    gsize best = G_MAXSIZE;
    for (gsize i = 0; i < self->n; i++) {
      gboolean taken = FALSE;
      for (gsize before = 0; before < r; before++)
        taken |= self->order[before] == i;
      if (!taken && (best == G_MAXSIZE || self->values[i] > self->values[best]))
        best = i;
    }
    self->order[r] = best;
  }
}

/* Solves what there is; whether the largest values are exact. */
static gboolean
solve (Lanczos *self)
{
  const gsize n = self->n;
  memcpy (self->values, self->diagonal, n * sizeof *self->values);
  memcpy (self->beside, self->other, n * sizeof *self->beside);
  solve_tridiagonal (self->values, self->beside, self->z, n);
  sort_values (self);
  const double limit = EXACT * self->values[self->order[0]];
  for (gsize r = 0; r < self->rank && n < self->in; r++)
    if (fabs (self->other[n - 1] * self->z[self->order[r] * n + n - 1]) > limit)
      return FALSE;
  return TRUE;
}

/* Triple r: v = sum of the vectors, W v = value u. */
static void
give_triple (const Lanczos *self, gsize r, double scale, double *v, double *u, float *a, float *b)
{
  const double *part = self->z + self->order[r] * self->n;
  memset (v, 0, self->in * sizeof *v);
  for (gsize k = 0; k < self->n; k++)
    for (gsize i = 0; i < self->in; i++)
      v[i] += part[k] * self->vectors[k * self->in + i];
  for (gsize o = 0; o < self->out; o++)
    u[o] = dot_floats (self->w + o * self->in, v, self->in);
  const double value = sqrt (dot (u, u, self->out)), root = sqrt (value / scale);
  for (gsize i = 0; i < self->in; i++)
    a[r * self->in + i] = (float)(root * v[i]);
  for (gsize o = 0; o < self->out; o++)
    b[o * self->rank + r] = value > 0 ? (float)(root / value * u[o]) : 0;
}

gboolean
cow_decompose_pissa (const float *w, gint64 out, gint64 in, gint64 rank, double scale, guint64 key,
                     float *a, float *b, GError **error)
{
  Lanczos self = { .w = w,
                   .out = (gsize)out,
                   .in = (gsize)in,
                   .rank = (gsize)rank,
                   .key = key,
                   .order = g_new (gsize, rank) };
  g_return_val_if_fail (rank >= 1 && rank <= MIN (out, in), FALSE);
  gsize room = MIN (self.in, 3 * self.rank + 32);
  gboolean good, exact = FALSE;
  while ((good = grow (&self, room, error) && iterate (&self, error)) && !(exact = solve (&self)))
    room = MIN (self.in, room + room / 2);
  g_autofree double *v = good ? g_try_new (double, in) : NULL,
                    *u = v ? g_try_new (double, out) : NULL;
  if (good && !u)
    good = cow_check (CK_NO_MEMORY, error, "decomposing a weight");
  for (gsize r = 0; good && r < self.rank; r++)
    give_triple (&self, r, scale, v, u, a, b);
  clear (&self);
  return good;
}

/* ---- OLoRA ----------------------------------------------------------------------------------- */

/* Rows of q [rank, out] become the first columns of Q. */
static void
orthonormal_columns (const float *w, gsize out, gsize in, gsize rank, guint64 key, double *q)
{
  for (gsize c = 0; c < rank; c++) {
    double *column = q + c * out;
    for (gsize o = 0; o < out; o++)
      column[o] = (double)w[o * in + c];
    next_direction (q, c, out, sqrt (dot (column, column, out)), key, column);
  }
}

gboolean
cow_decompose_olora (const float *w, gint64 out, gint64 in, gint64 rank, guint64 key, float *a,
                     float *b, GError **error)
{
  const gsize n_out = (gsize)out, n_in = (gsize)in, n = (gsize)rank;
  g_return_val_if_fail (rank >= 1 && rank <= MIN (out, in), FALSE);
  g_autofree double *q = g_try_new (double, n *n_out), *row = q ? g_try_new (double, n_in) : NULL;
  if (!row)
    return cow_check (CK_NO_MEMORY, error, "decomposing a weight");
  orthonormal_columns (w, n_out, n_in, n, key, q);
  for (gsize r = 0; r < n; r++) {
    memset (row, 0, n_in * sizeof *row);
    for (gsize o = 0; o < n_out; o++) {
      const double part = q[r * n_out + o];
      b[o * n + r] = (float)part;
      for (gsize i = 0; i < n_in; i++)
        row[i] += part * (double)w[o * n_in + i];
    }
    for (gsize i = 0; i < n_in; i++)
      a[r * n_in + i] = i < r ? 0 : (float)row[i]; /* R is zero below its diagonal */
  }
  return TRUE;
}
