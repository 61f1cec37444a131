/* SPDX-License-Identifier: MIT */
/*
 * Pixels to tokens. A convolution whose stride is its width is a linear layer over patches: each
 * patch is gathered as one row, in the order of the convolution's weight [dim, channels, patch,
 * patch], a bounded number of patches at a time, and linear () does the rest.
 */
#include "kernels/cpu/embed.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <string.h>

#define GATHERED (4 * 1024 * 1024) /* bytes of patches at once, or one patch if that is larger */

typedef struct {
  const CkEmbed *embed;
  const float *picture;
  int64_t first; /* patch */
  float *rows;
} Gather;

static CkStatus
gather_patch (const void *data, int64_t task, int member)
{
  const Gather *g = data;
  const CkEmbed *e = g->embed;
  const int64_t across = e->width / e->patch, index = g->first + task;
  const float *corner =
      g->picture + index / across * e->patch * e->width + index % across * e->patch;
  float *row = g->rows + task * e->channels * e->patch * e->patch;

  for (int64_t channel = 0; channel < e->channels; channel++) {
    for (int64_t line = 0; line < e->patch; line++) {
      memcpy (row, corner + (channel * e->height + line) * e->width,
              (size_t)e->patch * sizeof (float));
      row += e->patch;
    }
  }
  return CK_OK;
}

void
ck_embed_gather (const CkCpuStream *cpu, const CkEmbed *e, const float *picture, int64_t first,
                 int64_t n, float *rows)
{
  const Gather gather = { e, picture, first, rows };

  ck_team_run (cpu->threads, n, gather_patch, &gather);
}

int64_t
ck_embed_chunk (const CkEmbed *e)
{
  const int64_t patches = e->height / e->patch * (e->width / e->patch),
                cols = e->channels * e->patch * e->patch;
  const int64_t chunk = GATHERED / (cols * (int64_t)sizeof (float));

  if (chunk < 1)
    return 1;
  return chunk < patches ? chunk : patches;
}

/* The tokens that no patch stands behind. */
static void
put_prefix (const CkEmbed *e, float *tokens)
{
  const int64_t n = e->n_prefix * e->dim;

  if (n > 0)
    memcpy (tokens, e->prefix, (size_t)n * sizeof (float));
  for (int64_t i = 0; e->position != NULL && i < n; i++)
    tokens[i] += e->position[i];
}

CkStatus
ck_cpu_embed (CkStream *self, const CkEmbed *e)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  CkStatus status = ck_check_embed (e);
  CkLinear layer = { .weight = e->weight, .bias = e->bias };
  int64_t patches, cols, chunk;
  float *rows;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  patches = e->height / e->patch * (e->width / e->patch);
  cols = e->channels * e->patch * e->patch;
  chunk = ck_embed_chunk (e);
  rows = ck_scratch_get (&cpu->patches, (size_t)(chunk * cols) * sizeof (float));
  if (rows == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);

  for (int64_t b = 0; b < e->batch; b++) {
    const float *picture = e->pixels + b * e->channels * e->height * e->width;
    float *tokens = e->tokens + b * (e->n_prefix + patches) * e->dim;

    put_prefix (e, tokens);
    for (int64_t first = 0; first < patches; first += chunk) {
      const int64_t n = first + chunk < patches ? chunk : patches - first;

      ck_embed_gather (cpu, e, picture, first, n, rows);
      if (e->position != NULL)
        layer.residual = e->position + (e->n_prefix + first) * e->dim;
      layer.rows = n;
      layer.x = ck_f32 (rows);
      layer.y = ck_f32 (tokens + (e->n_prefix + first) * e->dim);
      status = ck_cpu_linear (self, &layer);
      if (status != CK_OK)
        return status;
    }
  }
  return CK_OK;
}
