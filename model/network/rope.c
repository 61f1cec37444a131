/* SPDX-License-Identifier: MIT */
#include "model/network/rope.h"

#include <math.h>
#include <string.h>

void
cow_rope_clear (CowRope *self, CkStream *stream)
{
  ck_free (stream, self->cos);
  ck_free (stream, self->sin);
  memset (self, 0, sizeof *self);
}

/*
 * For patch (i, j) of a rows x cols grid: y = factor (2 (i + 1/2) / rows - 1), x likewise; f_m =
 * theta^(-4 m / d), m < d / 4; the d / 2 angles are 2 pi [y f, x f], tiled twice.
 */
static void
fill (const CowVitConfig *config, int rows, int cols, float factor, float *cosines, float *sines)
{
  const int dim = config->hidden_size / config->n_heads, quarter = dim / 4;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) {
      const double at[2] = { factor * (2 * (i + .5) / rows - 1),
                             factor * (2 * (j + .5) / cols - 1) };
      const gsize base = ((gsize)i * cols + j) * dim;
      for (int c = 0; c < dim; c++) {
        const int half = c % (dim / 2);
        const double angle =
            2 * G_PI * at[half / quarter] * pow (config->rope_theta, -4. * (half % quarter) / dim);
        cosines[base + c] = (float)cos (angle);
        sines[base + c] = (float)sin (angle);
      }
    }
}

gboolean
cow_rope_ensure (CowRope *self, CkStream *stream, const CowVitConfig *config, int rows, int cols,
                 float factor, GError **error)
{
  if (self->rows == rows && self->cols == cols && self->factor == factor)
    return TRUE;
  cow_rope_clear (self, stream);
  const gsize n = (gsize)rows * cols * (config->hidden_size / config->n_heads),
              bytes = n * sizeof (float);
  g_autofree float *cosines = g_try_new (float, n), *sines = g_try_new (float, n);
  self->cos = ck_alloc (stream, bytes);
  self->sin = ck_alloc (stream, bytes);
  CkStatus status = cosines && sines && self->cos && self->sin ? CK_OK : CK_NO_MEMORY;
  if (status == CK_OK) {
    fill (config, rows, cols, factor, cosines, sines);
    status = ck_upload (stream, self->cos, cosines, bytes);
  }
  if (status == CK_OK)
    status = ck_upload (stream, self->sin, sines, bytes);
  if (status != CK_OK) {
    cow_rope_clear (self, stream);
    return cow_check (status, error, "position angles of a %d x %d grid", rows, cols);
  }
  self->rows = rows;
  self->cols = cols;
  self->factor = factor;
  return TRUE;
}
