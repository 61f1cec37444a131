/* SPDX-License-Identifier: MIT */
/*
 * Pixels to tokens, backward: the patches are gathered again, and the rest is the backward of the
 * linear layer over them; the prefix and the positions get the sums of their tokens' gradients over
 * the batch.
 */
#include "kernels/cpu/embed.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

typedef struct {
  const CkEmbedBackward *op;
  int64_t tokens; /* a picture */
} Sums;

/* One token of every picture. */
static CkStatus
sum_token (const void *data, int64_t token, int member)
{
  const Sums *sums = data;
  const CkEmbedBackward *op = sums->op;
  const int64_t dim = op->forward.dim, tokens = sums->tokens;

  for (int64_t b = 0; b < op->forward.batch; b++) {
    const float *d = op->dtokens + (b * tokens + token) * dim;

    for (int64_t i = 0; i < dim && op->dposition != NULL; i++)
      op->dposition[token * dim + i] += d[i];
    for (int64_t i = 0; i < dim && op->dprefix != NULL && token < op->forward.n_prefix; i++)
      op->dprefix[token * dim + i] += d[i];
  }
  return CK_OK;
}

/* dweight and dbias from patches [first, first + n) of one picture; rows [n, channels * patch *
 * patch] is scratch. */
static CkStatus
add_patches (CkStream *self, const CkEmbedBackward *op, const float *picture, const float *dtokens,
             int64_t first, int64_t n, float *rows)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkEmbed *e = &op->forward;
  const CkLinearBackward linear = {
    .weight = e->weight,
    .rows = n,
    .x = rows,
    .dy = dtokens + (e->n_prefix + first) * e->dim,
    .gradients = { .weight = op->dweight, .bias = op->dbias },
  };

  if (op->dweight != NULL)
    ck_embed_gather (cpu, e, picture, first, n, rows);
  return ck_cpu_linear_backward (self, &linear);
}

CkStatus
ck_cpu_embed_backward (CkStream *self, const CkEmbedBackward *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkEmbed *e = &op->forward;
  CkStatus status = ck_check_embed_backward (op);
  Sums sums = { .op = op };
  int64_t patches, chunk;
  float *rows;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  patches = e->height / e->patch * (e->width / e->patch);
  sums.tokens = e->n_prefix + patches;
  chunk = ck_embed_chunk (e);
  rows = ck_scratch_get (&cpu->patches,
                         (size_t)(chunk * e->channels * e->patch * e->patch) * sizeof (float));
  if (rows == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);

  ck_team_run (cpu->threads, op->dposition != NULL ? sums.tokens : e->n_prefix, sum_token, &sums);
  if (op->dweight == NULL && op->dbias == NULL)
    return CK_OK;
  for (int64_t b = 0; b < e->batch; b++)
    for (int64_t first = 0; first < patches && status == CK_OK; first += chunk)
      status = add_patches (self, op, e->pixels + b * e->channels * e->height * e->width,
                            op->dtokens + b * sums.tokens * e->dim, first,
                            ck_min (chunk, patches - first), rows);
  return status;
}
