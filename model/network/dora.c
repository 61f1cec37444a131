/* SPDX-License-Identifier: MIT */
#include "model/network/dora.h"

#include <math.h>

/* y [rows, out] = x W^T in fp32, nothing after it. All in device memory. */
static CkStatus
multiply (CkBackend *backend, const CkWeight *weight, const float *x, gint64 rows, float *y)
{
  CkLinear plain = { .weight = weight };
  CkInput input = { CK_F32, x };
  return backend->linear (backend, &plain, rows, &input, y);
}

/* y = x w^T of two small dense matrices in device memory: x [rows, in], w [out, in]. */
static CkStatus
multiply_dense (CkBackend *backend, const float *x, gint64 rows, const float *w, gint64 out,
                gint64 in, float *y)
{
  CkWeightSource source = { .type = CK_F32, .out = out, .in = in, .data = w };
  CkWeight *weight = NULL;
  CkStatus status = backend->weight_new (backend, &source, &weight);
  if (status == CK_OK)
    status = multiply (backend, weight, x, rows, y);
  backend->weight_free (backend, weight);
  return status;
}

/* The squared norm of every row of the dequantised weight, to squares [out], a panel of rows at a
 * time. */
CkStatus
cow_dora_row_squares (CkBackend *backend, const CkWeight *weight, gint64 out, gint64 in,
                      double *squares)
{
  const gint64 panel = CLAMP (4194304 / in, 1, out);
  g_autofree float *host = g_try_new (float, panel *in);
  float *device = backend->alloc (backend, (size_t)(panel * in) * sizeof (float));
  CkStatus status = host && device ? CK_OK : CK_NO_MEMORY;
  for (gint64 first = 0; first < out && status == CK_OK; first += panel) {
    gint64 rows = MIN (panel, out - first);
    status = backend->weight_decode (backend, weight, first, rows, device);
    if (status == CK_OK)
      status = backend->download (backend, host, device, (size_t)(rows * in) * sizeof (float));
    for (gint64 r = 0; r < rows && status == CK_OK; r++) {
      double sum = 0;
      for (gint64 c = 0; c < in; c++)
        sum += (double)host[r * in + c] * host[r * in + c];
      squares[first + r] = sum;
    }
  }
  backend->free (backend, device);
  return status;
}

CkStatus
cow_dora_norms (CkBackend *backend, const CkWeight *weight, gint64 out, gint64 in,
                const CkAdapter *adapter, const double *squares, double *norms)
{
  const gint64 rank = adapter->rank;
  const gsize wide = (gsize)(rank * out) * sizeof (float);
  float *wa = backend->alloc (backend, wide), *baa = backend->alloc (backend, wide);
  float *aa = backend->alloc (backend, (gsize)(rank * rank) * sizeof (float));
  g_autofree float *wa_host = g_try_malloc (wide), *baa_host = g_try_malloc (wide),
                   *b_host = g_try_malloc (wide);
  CkStatus status = wa && baa && aa && wa_host && baa_host && b_host ? CK_OK : CK_NO_MEMORY;
  if (status == CK_OK)
    status = multiply (backend, weight, adapter->down, rank, wa);
  if (status == CK_OK)
    status = multiply_dense (backend, adapter->down, rank, adapter->down, rank, in, aa);
  if (status == CK_OK)
    status = multiply_dense (backend, adapter->up, out, aa, rank, rank, baa);
  if (status == CK_OK)
    status = backend->download (backend, wa_host, wa, wide);
  if (status == CK_OK)
    status = backend->download (backend, baa_host, baa, wide);
  if (status == CK_OK)
    status = backend->download (backend, b_host, adapter->up, wide);
  for (gint64 o = 0; o < out && status == CK_OK; o++) {
    double cross = 0, square = 0, s = adapter->scale;
    for (gint64 r = 0; r < rank; r++) {
      cross += (double)wa_host[r * out + o] * b_host[o * rank + r];
      square += (double)baa_host[o * rank + r] * b_host[o * rank + r];
    }
    norms[o] = sqrt (MAX (squares[o] + 2 * s * cross + s * s * square, 0));
  }
  backend->free (backend, wa);
  backend->free (backend, baa);
  backend->free (backend, aa);
  return status;
}
