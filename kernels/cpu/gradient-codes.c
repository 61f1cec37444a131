/* SPDX-License-Identifier: MIT */
/* Gradients of weights in whole numbers. */
#include "kernels/cpu/gradient-codes.h"

#include "kernels/sizes.h"

#include <string.h>

#define SIDE        128 /* rows and columns of dW a task */
#define PACK_BLOCKS 4   /* blocks of a strip that a task packs */
#define BLOCKS      32  /* multiplied before the next strip's turn: 128 KiB of a strip of 32 */

/* The columns of a matrix as strips. */
typedef struct {
  const float *data; /* [rows, cols] */
  int64_t cols, strips;
  char *codes;   /* [strips, blocks, strip groups] */
  float *scales; /* [strips, blocks, strip] */
} Columns;

typedef struct {
  const CkQuantisedOps *products;
  int64_t rows, blocks, strip;
  Columns dy, x;
  int64_t side;   /* SIDE in whole strips */
  int64_t across; /* tasks a row of dW */
  float *dweight;
  float *buffers; /* [side, side] a thread */
} Job;

static int64_t
block_bytes (const Job *job)
{
  return CK_CODE_BLOCK * job->strip * job->products->code_size;
}

static size_t
strips_bytes (const Job *job, const Columns *columns)
{
  return (size_t)(columns->strips * job->blocks * (block_bytes (job) + job->strip * 4));
}

static CkStatus
pack (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const int64_t shares = ck_ceil_div (job->blocks, PACK_BLOCKS), n_dy = job->dy.strips * shares,
                first = task % shares * PACK_BLOCKS,
                end = ck_min (first + PACK_BLOCKS, job->blocks);
  const Columns *columns = task < n_dy ? &job->dy : &job->x;
  const int64_t strip = (task < n_dy ? task : task - n_dy) / shares, col = strip * job->strip;

  for (int64_t block = first; block < end; block++) {
    const int64_t row = block * CK_CODE_BLOCK, at = strip * job->blocks + block;

    job->products->pack_block (
        ck_min (CK_CODE_BLOCK, job->rows - row), ck_min (job->strip, columns->cols - col),
        columns->data + row * columns->cols + col, columns->cols,
        columns->codes + at * block_bytes (job), columns->scales + at * job->strip);
  }
  return CK_OK;
}

/* y [strip, side] += strips of dy and x. */
static void
multiply (const Job *job, int64_t out_strip, int64_t in_strip, int64_t first, int64_t blocks,
          float *y)
{
  const int64_t a = out_strip * job->blocks + first, b = in_strip * job->blocks + first;

  job->products->multiply_strips (
      blocks, job->dy.codes + a * block_bytes (job), job->dy.scales + a * job->strip,
      job->x.codes + b * block_bytes (job), job->x.scales + b * job->strip, y, job->side);
}

static CkStatus
make_tile (const void *data, int64_t tile, int member)
{
  const Job *job = data;
  const int64_t side = job->side, first_out = tile / job->across * side,
                first_in = tile % job->across * side;
  const int64_t outs = ck_min (side, job->dy.cols - first_out),
                ins = ck_min (side, job->x.cols - first_in);
  float *buffer = job->buffers + member * side * side;

  memset (buffer, 0, (size_t)(side * side) * sizeof *buffer);
  for (int64_t first = 0; first < job->blocks; first += BLOCKS)
    for (int64_t o = 0; o < outs; o += job->strip)
      for (int64_t i = 0; i < ins; i += job->strip)
        multiply (job, (first_out + o) / job->strip, (first_in + i) / job->strip, first,
                  ck_min (BLOCKS, job->blocks - first), buffer + o * side + i);
  for (int64_t o = 0; o < outs; o++) {
    float *sum = job->dweight + (first_out + o) * job->x.cols + first_in;

#pragma omp simd
    for (int64_t i = 0; i < ins; i++)
      sum[i] += buffer[o * side + i];
  }
  return CK_OK;
}

/* All strips, then each thread's buffer. */
static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  const int64_t widest = job->dy.cols + job->x.cols + 2 * job->strip;
  size_t most, threads;
  char *memory;

  /* Codes and scales of a row take less than four bytes a column. */
  if (!ck_size_product (job->blocks * CK_CODE_BLOCK, widest, 4, &most) ||
      !ck_size_product (job->side * job->side, cpu->threads, sizeof (float), &threads))
    return CK_NO_MEMORY;
  memory = ck_scratch_get (&cpu->strips,
                           strips_bytes (job, &job->dy) + strips_bytes (job, &job->x) + threads);
  if (memory == NULL)
    return CK_NO_MEMORY;
  job->dy.codes = memory;
  job->x.codes = job->dy.codes + job->dy.strips * job->blocks * block_bytes (job);
  job->buffers = (float *)(job->x.codes + job->x.strips * job->blocks * block_bytes (job));
  job->dy.scales = job->buffers + threads / sizeof (float);
  job->x.scales = job->dy.scales + job->dy.strips * job->blocks * job->strip;
  return CK_OK;
}

CkStatus
ck_gradient_codes_add (CkCpuStream *cpu, int64_t rows, int64_t out, int64_t in, const float *dy,
                       const float *x, float *dweight)
{
  const CkQuantisedOps *products = &cpu->ops->int16;
  const int64_t strip = products->strip, blocks = ck_ceil_div (rows, CK_CODE_BLOCK);
  Job job = {
    .products = products,
    .rows = rows,
    .blocks = blocks,
    .strip = strip,
    .dy = { .data = dy, .cols = out, .strips = ck_ceil_div (out, strip) },
    .x = { .data = x, .cols = in, .strips = ck_ceil_div (in, strip) },
    .side = ck_max (SIDE / strip, 1) * strip,
    .dweight = dweight,
  };
  CkStatus status = reserve (&job, cpu);

  if (status != CK_OK)
    return status;
  job.across = ck_ceil_div (in, job.side);
  ck_team_run (cpu->threads, (job.dy.strips + job.x.strips) * ck_ceil_div (blocks, PACK_BLOCKS),
               pack, &job);
  return ck_team_run (cpu->threads, ck_ceil_div (out, job.side) * job.across, make_tile, &job);
}
