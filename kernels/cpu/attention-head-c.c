/* SPDX-License-Identifier: MIT */
/*
 * Attention of one head in plain C: the definition that all faster ones are tested against
 * (tests/kernels), and what runs where there is none. It is the formula out of the plain products,
 * softmax and rotation.
 */
#include "kernels/cpu/attention-head.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/rows.h"
#include "kernels/sizes.h"

#include <math.h>
#include <string.h>

/* The rotated keys, one rotated query, and its scores. */
static bool
scratch_c (const CkAttention *op, int64_t rows, size_t *floats)
{
  (void)rows;
  return ck_size_product (op->tokens + 1, op->head_dim + 1, 1, floats);
}

/* y = a token of one head, rotated if it has a position. */
static void
rotate (const CkRowOps *rows, const CkAttention *op, int64_t token, const float *x, float *y)
{
  const int64_t d = op->head_dim, position = token - op->prefix;

  memcpy (y, x, (size_t)d * sizeof *y);
  if (op->cos != NULL && position >= 0)
    rows->rope (d, op->cos + position * d, op->sin + position * d, y);
}

static CkStatus
attend_c (const CkAttention *op, const CkQueries *queries, float *scratch)
{
  const int64_t d = op->head_dim, n = op->tokens, width = op->heads * d,
                from = ck_query_offset (op, queries), keys_from = ck_key_offset (op, queries);
  const float scale = 1 / sqrtf ((float)d);
  float *keys = scratch, *query = keys + n * d, *scores = query + d;
  CkGemmOps products;
  CkRowOps rows;
  CkStatus status = CK_OK;

  ck_gemm_init_c (&products);
  ck_row_init_c (&rows);
  for (int64_t token = 0; token < n; token++)
    rotate (&rows, op, token, op->k + keys_from + token * width, keys + token * d);
  for (int64_t row = 0; row < queries->rows && status == CK_OK; row++) {
    float *out = (float *)op->out.data + from + row * width;

    rotate (&rows, op, queries->first + row, op->q + from + row * width, query);
    status = products.gemm (true, 1, n, d, scale, query, d, keys, d, 0, scores, n);
    if (status != CK_OK)
      break;
    rows.softmax (n, scores);
    status = products.gemm (false, 1, d, n, 1, scores, n, op->v + keys_from, width, 0, out, d);
  }
  return status;
}

void
ck_attention_init_c (CkAttentionOps *ops)
{
  *ops = (CkAttentionOps){ scratch_c, attend_c };
}
