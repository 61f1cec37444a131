/* SPDX-License-Identifier: MIT */
#include "model/network/dora.h"

#include <math.h>

/* y [rows, out] = x W^T in fp32, nothing after it. All in device memory. */
static CkStatus
multiply (CkStream *stream, const CkWeight *weight, const float *x, gint64 rows, float *y)
{
  const CkLinear plain = { .weight = weight, .rows = rows, .x = ck_f32 (x), .y = ck_f32 (y) };
  return stream->operations->linear (stream, &plain);
}

/* y = x w^T of two small dense matrices in device memory: x [rows, in], w [out, in]. */
static CkStatus
multiply_dense (CkStream *stream, const float *x, gint64 rows, const float *w, gint64 out,
                gint64 in, float *y)
{
  CkWeightSource source = { .type = CK_F32, .out = out, .in = in, .parameters = w };
  CkWeight *weight = NULL;
  CkStatus status = ck_weight_new (stream->device, &source, CK_USE_FORWARD, &weight);
  if (status == CK_OK)
    status = multiply (stream, weight, x, rows, y);
  if (status == CK_OK)
    status = ck_synchronize (stream); /* before the weight goes */
  ck_weight_free (stream->device, weight);
  return status;
}

/* The squared norm of every row of the dequantised weight, to squares [out], a panel of rows at a
 * time. */
CkStatus
cow_dora_row_squares (CkStream *stream, const CkWeight *weight, gint64 out, gint64 in,
                      double *squares)
{
  const gint64 panel = CLAMP (4194304 / in, 1, out);
  g_autofree float *host = g_try_new (float, panel *in);
  float *device = ck_alloc (stream, (size_t)(panel * in) * sizeof (float));
  CkStatus status = host && device ? CK_OK : CK_NO_MEMORY;
  for (gint64 first = 0; first < out && status == CK_OK; first += panel) {
    gint64 rows = MIN (panel, out - first);
    status = stream->operations->weight_dequantise (stream, weight, first, rows, device);
    if (status == CK_OK)
      status = ck_download (stream, host, device, (size_t)(rows * in) * sizeof (float));
    for (gint64 r = 0; r < rows && status == CK_OK; r++) {
      double sum = 0;
      for (gint64 c = 0; c < in; c++)
        sum += (double)host[r * in + c] * host[r * in + c];
      squares[first + r] = sum;
    }
  }
  ck_free (stream, device);
  return status;
}

CkStatus
cow_dora_norms (CkStream *stream, const CkWeight *weight, gint64 out, gint64 in,
                const CkAdapter *adapter, const double *squares, double *norms)
{
  const gint64 rank = adapter->rank;
  const gsize wide = (gsize)(rank * out) * sizeof (float);
  float *wa = ck_alloc (stream, wide), *baa = ck_alloc (stream, wide);
  float *aa = ck_alloc (stream, (gsize)(rank * rank) * sizeof (float));
  g_autofree float *wa_host = g_try_malloc (wide), *baa_host = g_try_malloc (wide),
                   *b_host = g_try_malloc (wide);
  CkStatus status = wa && baa && aa && wa_host && baa_host && b_host ? CK_OK : CK_NO_MEMORY;
  if (status == CK_OK)
    status = multiply (stream, weight, adapter->down, rank, wa);
  if (status == CK_OK)
    status = multiply_dense (stream, adapter->down, rank, adapter->down, rank, in, aa);
  if (status == CK_OK)
    status = multiply_dense (stream, adapter->up, out, aa, rank, rank, baa);
  if (status == CK_OK)
    status = ck_download (stream, wa_host, wa, wide);
  if (status == CK_OK)
    status = ck_download (stream, baa_host, baa, wide);
  if (status == CK_OK)
    status = ck_download (stream, b_host, adapter->up, wide);
  for (gint64 o = 0; o < out && status == CK_OK; o++) {
    double cross = 0, square = 0, s = adapter->scale;
    for (gint64 r = 0; r < rank; r++) {
      cross += (double)wa_host[r * out + o] * b_host[o * rank + r];
      square += (double)baa_host[o * rank + r] * b_host[o * rank + r];
    }
    norms[o] = sqrt (MAX (squares[o] + 2 * s * cross + s * s * square, 0));
  }
  ck_free (stream, wa);
  ck_free (stream, baa);
  ck_free (stream, aa);
  return status;
}
