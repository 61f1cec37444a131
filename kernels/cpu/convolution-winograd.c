/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of 3 x 3 with stride 1 by Winograd's transforms (winograd.h) and our own matrix
 * products: 16 products of numbers make 2 x 2 pixels that took 36.
 *
 * A chunk of tiles, of one picture or of several, is transformed into places [16, tiles, in], which
 * is multiplied with the transformed weights at each place; an element of a product depends on `in`
 * alone (gemm.h), so chunks may follow the batch and the team. Towards the input it is the same
 * with the weights turned around. A gradient of weights sums over tiles: slices of the batch are cut
 * by the shape alone, and their sums are added up in their order. A task of it is one row of places,
 * whose transforms need nothing of the other rows.
 */
#include "kernels/cpu/convolution.h"
#include "kernels/shapes.h"

#include <string.h>

#define STEP   CK_WINOGRAD_STEP
#define SIDE   CK_WINOGRAD_SIDE
#define PLACES (SIDE * SIDE)
#define TAPS   9
#define BLOCK  64  /* columns of a product */
#define TILES  96  /* a chunk, at most */
#define SUMMED 192 /* tiles that a gradient of weights transforms at once */
#define SLICES 8   /* of it, if there are as many pictures and `in` is one block */
#define INPUTS 128 /* channels of x of its tasks */
#define FEWEST 16  /* channels for which this is worth it */

/* A call. Towards the input, `in` and `out` are those of the convolution that makes it: x is dy. */
typedef struct {
  const CkCpuStream *cpu;
  int64_t in, out, height, width;
  int64_t tile_rows, tile_cols, n_tiles; /* of a picture; of all */
  const float *x;
  float *y; /* or dy */
  const float *weight;
  bool turned; /* towards the input */
  float *dweight;
  int64_t blocks;                      /* of columns */
  float *weights;                      /* [PLACES, blocks, in, BLOCK] */
  int64_t chunk;                       /* tiles a task */
  int64_t pictures, slices, in_blocks; /* of a gradient of weights: pictures a slice */
  float *sums;                         /* [slices, PLACES, in, out] */
  float *nothing; /* zeros for pixels beyond the border, then a place where results beyond it go */
  float *buffers; /* buffer_floats a thread */
  int64_t buffer_floats;
} Job;

bool
ck_winograd_takes (const CkCpuStream *cpu, const CkConvolution *c)
{
  return cpu->ops->winograd.input != NULL && c->kernel == 3 && c->stride == 1 && c->padding == 1 &&
         ck_min (c->in, c->out) >= FEWEST;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* G t for three numbers, n times. */
static void
spread (int64_t n, const float *t0, const float *t1, const float *t2, float *places, int64_t stride)
{
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const float half = .5f * (t0[i] + t2[i]), middle = .5f * t1[i];

    places[i] = t0[i];
    places[stride + i] = half + middle;
    places[2 * stride + i] = half - middle;
    places[3 * stride + i] = t2[i];
  }
}

/* G^T t. */
static void
gather (int64_t n, const float *t, int64_t stride, float *t0, float *t1, float *t2)
{
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const float a = t[stride + i], b = t[2 * stride + i];

    t0[i] = t[i] + .5f * (a + b);
    t1[i] = .5f * (a - b);
    t2[i] = .5f * (a + b) + t[3 * stride + i];
  }
}

/* The weights of one input channel and a block of outputs. */
static CkStatus
transform_weights (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const int64_t block = task % job->blocks, input = task / job->blocks, first = block * BLOCK,
                n = ck_min (BLOCK, job->out - first);
  float taps[TAPS][BLOCK] = { { 0 } }, rows[SIDE][3][BLOCK];
  float *to = job->weights + (block * job->in + input) * BLOCK;
  const int64_t stride = job->blocks * job->in * BLOCK;

  for (int64_t i = 0; i < n; i++) {
    const float *w = job->weight + TAPS * (job->turned ? input * job->out + first + i
                                                       : (first + i) * job->in + input);
    for (int tap = 0; tap < TAPS; tap++)
      taps[job->turned ? TAPS - 1 - tap : tap][i] = w[tap];
  }
  for (int col = 0; col < 3; col++)
    spread (BLOCK, taps[col], taps[3 + col], taps[6 + col], rows[0][col], 3 * BLOCK);
  for (int row = 0; row < SIDE; row++)
    spread (BLOCK, rows[row][0], rows[row][1], rows[row][2], to + row * SIDE * stride, stride);
  return CK_OK;
}

/* ---- pixels ---------------------------------------------------------------------------------- */

/* Where the pixels of a tile lie, `side` a side; before and beyond the border `nothing`. */
static void
find_pixels (const Job *job, int64_t tile, int side, int64_t channels, const float *x,
             const float *nothing, const float **pixels)
{
  const int64_t a_picture = job->tile_rows * job->tile_cols, within = tile % a_picture,
                before = side == SIDE ? 1 : 0;
  const int64_t top = within / job->tile_cols * STEP - before,
                left = within % job->tile_cols * STEP - before;
  const float *picture = x + tile / a_picture * job->height * job->width * channels;

  for (int row = 0; row < side; row++)
    for (int col = 0; col < side; col++) {
      const int64_t y = top + row, at = left + col;
      const bool inside = y >= 0 && y < job->height && at >= 0 && at < job->width;

      pixels[row * side + col] = inside ? picture + (y * job->width + at) * channels : nothing;
    }
}

/* ---- forward, and towards the input ---------------------------------------------------------- */

static void
put_outputs (const Job *job, int64_t first, int64_t n, int64_t block, const float *places)
{
  const int64_t from = block * BLOCK, channels = ck_min (BLOCK, job->out - from);
  /* Results beyond the border go to a part of this thread's buffer, behind the places. */
  const float *rubbish = places + PLACES * job->chunk * BLOCK;

  for (int64_t tile = 0; tile < n; tile++) {
    const float *found[STEP * STEP];
    float *pixels[STEP * STEP];

    find_pixels (job, first + tile, STEP, job->out, job->y + from, rubbish, found);
    for (int i = 0; i < STEP * STEP; i++)
      pixels[i] = (float *)found[i];
    job->cpu->ops->winograd.output (channels, places + tile * BLOCK, job->chunk * BLOCK, pixels);
  }
}

static CkStatus
make_chunk (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const CkCpuOps *ops = job->cpu->ops;
  const int64_t first = task * job->chunk, n = ck_min (job->chunk, job->n_tiles - first),
                a_place = job->chunk * job->in;
  float *inputs = job->buffers + member * job->buffer_floats, *outputs = inputs + PLACES * a_place;
  CkStatus status = CK_OK;

  for (int64_t tile = 0; tile < n; tile++) {
    const float *pixels[PLACES];

    find_pixels (job, first + tile, SIDE, job->in, job->x, job->nothing, pixels);
    for (int row = 0; row < SIDE; row++)
      ops->winograd.input (row, job->in, pixels, inputs + row * SIDE * a_place + tile * job->in,
                           a_place);
  }
  for (int64_t block = 0; block < job->blocks && status == CK_OK; block++) {
    for (int place = 0; place < PLACES && status == CK_OK; place++)
      status = ops->products.gemm (false, n, ck_min (BLOCK, job->out - block * BLOCK), job->in, 1,
                                   inputs + place * a_place, job->in,
                                   job->weights + (place * job->blocks + block) * job->in * BLOCK,
                                   BLOCK, 0, outputs + place * job->chunk * BLOCK, BLOCK);
    put_outputs (job, first, n, block, outputs);
  }
  return status;
}

static Job
describe (const CkCpuStream *cpu, const CkConvolution *c, bool turned)
{
  Job job = { .cpu = cpu,
              .in = turned ? c->out : c->in,
              .out = turned ? c->in : c->out,
              .height = c->height,
              .width = c->width,
              .tile_rows = ck_ceil_div (c->height, STEP),
              .tile_cols = ck_ceil_div (c->width, STEP),
              .turned = turned };

  job.n_tiles = c->batch * job.tile_rows * job.tile_cols;
  job.blocks = ck_ceil_div (job.out, BLOCK);
  return job;
}

/* Memory for the call: `shared` floats, zeros for pixels beyond the border, buffers of threads. */
static float *
reserve (CkCpuStream *cpu, Job *job, int64_t shared)
{
  size_t bytes;
  float *memory;

  if (!ck_size_product (1, shared + job->in + job->out + cpu->threads * job->buffer_floats,
                        sizeof (float), &bytes))
    return NULL;
  memory = ck_scratch_get (&cpu->planes, bytes);
  if (memory == NULL)
    return NULL;
  job->buffers = memory + shared;
  job->nothing = job->buffers + cpu->threads * job->buffer_floats;
  memset (job->nothing, 0, (size_t)(job->in + job->out) * sizeof (float));
  return memory;
}

static CkStatus
convolve (CkCpuStream *cpu, Job *job)
{
  const int64_t n_chunks = ck_round_up (ck_ceil_div (job->n_tiles, TILES), cpu->threads);
  CkStatus status;

  job->chunk = ck_ceil_div (job->n_tiles, n_chunks);
  job->buffer_floats = ck_round_up (PLACES * job->chunk * (job->in + BLOCK) + BLOCK, 16);
  job->weights = reserve (cpu, job, PLACES * job->blocks * job->in * BLOCK);
  if (job->weights == NULL)
    return CK_NO_MEMORY;
  status = ck_team_run (cpu->threads, job->in * job->blocks, transform_weights, job);
  if (status == CK_OK)
    status = ck_team_run (cpu->threads, ck_ceil_div (job->n_tiles, job->chunk), make_chunk, job);
  return status;
}

/* ---- gradients of weights -------------------------------------------------------------------- */

/* A slice, a row of places and a block of input channels: their sums over the slice's tiles. */
static CkStatus
sum_tiles (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const CkCpuOps *ops = job->cpu->ops;
  const int64_t block = task % job->in_blocks, row = task / job->in_blocks % SIDE,
                slice = task / job->in_blocks / SIDE, from = block * INPUTS,
                in = ck_min (INPUTS, job->in - from);
  const int64_t a_picture = job->tile_rows * job->tile_cols,
                start = slice * job->pictures * a_picture,
                end = ck_min (start + job->pictures * a_picture, job->n_tiles);
  float *inputs = job->buffers + member * job->buffer_floats,
        *gradients = inputs + SIDE * SUMMED * INPUTS;
  float *sums = job->sums + ((slice * SIDE + row) * SIDE * job->in + from) * job->out;
  CkStatus status = CK_OK;

  for (int64_t first = start; first < end && status == CK_OK; first += SUMMED) {
    const int64_t n = ck_min (SUMMED, end - first);

    for (int64_t tile = 0; tile < n; tile++) {
      const float *pixels[PLACES];

      find_pixels (job, first + tile, SIDE, job->in, job->x + from, job->nothing, pixels);
      ops->winograd.input ((int)row, in, pixels, inputs + tile * in, SUMMED * in);
      find_pixels (job, first + tile, STEP, job->out, job->y, job->nothing, pixels);
      ops->winograd.gradient ((int)row, job->out, pixels, gradients + tile * job->out,
                              SUMMED * job->out);
    }
    for (int col = 0; col < SIDE && status == CK_OK; col++)
      status = ops->products.gemm_tn (
          in, job->out, n, 1, inputs + col * SUMMED * in, in, gradients + col * SUMMED * job->out,
          job->out, first == start ? 0 : 1, sums + col * job->in * job->out, job->out);
  }
  return status;
}

/* dweight += the sums over the slices, of one input channel and a block of outputs. */
static CkStatus
add_weights (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const int64_t block = task % job->blocks, input = task / job->blocks, first = block * BLOCK,
                n = ck_min (BLOCK, job->out - first);
  float places[SIDE][SIDE][BLOCK], rows[SIDE][3][BLOCK], taps[TAPS][BLOCK];

  for (int place = 0; place < PLACES; place++) {
    const float *sum = job->sums + (place * job->in + input) * job->out + first;
    float *to = places[place / SIDE][place % SIDE];

    memcpy (to, sum, (size_t)n * sizeof (float));
    for (int64_t slice = 1; slice < job->slices; slice++) {
      sum += PLACES * job->in * job->out;
#pragma omp simd
      for (int64_t i = 0; i < n; i++)
        to[i] += sum[i];
    }
  }
  for (int row = 0; row < SIDE; row++)
    gather (n, places[row][0], BLOCK, rows[row][0], rows[row][1], rows[row][2]);
  for (int col = 0; col < 3; col++)
    gather (n, rows[0][col], 3 * BLOCK, taps[col], taps[3 + col], taps[6 + col]);
  for (int64_t i = 0; i < n; i++)
    for (int tap = 0; tap < TAPS; tap++)
      job->dweight[((first + i) * job->in + input) * TAPS + tap] += taps[tap][i];
  return CK_OK;
}

static CkStatus
sum_gradients (CkCpuStream *cpu, Job *job, int64_t batch)
{
  CkStatus status;

  job->in_blocks = ck_ceil_div (job->in, INPUTS);
  job->pictures = ck_ceil_div (batch, ck_max (SLICES / job->in_blocks, 1));
  job->slices = ck_ceil_div (batch, job->pictures);
  job->buffer_floats = SIDE * SUMMED * (INPUTS + job->out);
  job->sums = reserve (cpu, job, job->slices * PLACES * job->in * job->out);
  if (job->sums == NULL)
    return CK_NO_MEMORY;
  status = ck_team_run (cpu->threads, job->slices * SIDE * job->in_blocks, sum_tiles, job);
  if (status == CK_OK)
    status = ck_team_run (cpu->threads, job->in * job->blocks, add_weights, job);
  return status;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static CkStatus
forward (CkCpuStream *cpu, const CkConvolution *c, const float *x, const float *weight, float *y)
{
  Job job = describe (cpu, c, false);

  job.x = x;
  job.weight = weight;
  job.y = y;
  return convolve (cpu, &job);
}

static CkStatus
backward (CkCpuStream *cpu, const CkConvolution *c, const float *x, const float *weight,
          const float *dy, float *dx, float *dweight)
{
  Job to_input = describe (cpu, c, true), to_weights = describe (cpu, c, false);
  CkStatus status = CK_OK;

  to_input.x = dy;
  to_input.weight = weight;
  to_input.y = dx;
  to_weights.x = x;
  to_weights.y = (float *)dy;
  to_weights.dweight = dweight;
  if (dx != NULL)
    status = convolve (cpu, &to_input);
  if (status == CK_OK && dweight != NULL)
    status = sum_gradients (cpu, &to_weights, c->batch);
  return status;
}

const CkConvolutionOps ck_convolution_winograd = { forward, backward };
