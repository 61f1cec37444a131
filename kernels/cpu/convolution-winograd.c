/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of 3 x 3 with stride 1 by Winograd's transforms (winograd.h) and our own matrix
 * products: 16 products of numbers make 2 x 2 pixels that took 36. Rounding stays within the limit
 * that oneDNN's is held to (3e-6 of a gradient's largest element).
 *
 * A chunk of tiles, of one picture or of several, is transformed into places [16, tiles, in], which
 * is multiplied with the transformed weights at each place. An element of a product depends on `in`
 * alone (gemm.h), so chunks may follow the batch and the team. Towards the input it is the same
 * with the weights turned around.
 *
 * A gradient of weights sums over tiles: slices of the batch are cut by the shape alone, and their
 * sums are added up in their order. The transforms of one row of places need nothing of the other
 * rows, which so are tasks of their own where the sums of all would not stay in a cache.
 */
#include "kernels/cpu/convolution.h"
#include "kernels/shapes.h"

#include <string.h>

#define STEP         CK_WINOGRAD_STEP
#define SIDE         CK_WINOGRAD_SIDE
#define PLACES       (SIDE * SIDE)
#define TAPS         9
#define FEWEST       16   /* channels, ... */
#define FEWEST_TILES 32   /* ... and tiles of a picture, for which it pays to transform weights */
#define BLOCK        64   /* columns of a product */
#define TILES        96   /* a chunk, at most */
#define RUN          16   /* input channels whose weights a thread transforms in one go */
#define SUMMED       192  /* tiles that a gradient of weights transforms at once */
#define INPUTS       128  /* input channels of a task of it */
#define TASKS        32   /* of it, about */
#define FEW_SUMS     4096 /* so few sums a place stay in the cache for all rows of places */

/* A call. Towards the input, x is dy and y is dx, and `in` and `out` are theirs. */
typedef struct {
  const CkCpuStream *cpu;
  int64_t in, out, height, width;
  int64_t tile_rows, tile_cols, n_tiles; /* of a picture; of all */
  const float *x;
  const float *weight;
  float *y;       /* or dy, which is not written to */
  float *dweight; /* for a gradient of weights */
  bool turned;    /* towards the input */
  int64_t blocks; /* of outputs */
  int64_t chunk;  /* tiles a task */
  /* Of a gradient of weights: pictures a slice, parts of `in`, rows of places a task. */
  int64_t pictures, slices, in_blocks, rows;
  float *shared;  /* weights [PLACES, blocks, in, BLOCK], or sums [slices, PLACES, in, out] */
  float *nothing; /* zeros for pixels beyond the border */
  float *buffers; /* buffer_floats a thread */
  int64_t buffer_floats;
} Job;

bool
ck_winograd_takes (const CkCpuStream *cpu, const CkConvolution *c)
{
  return cpu->ops->winograd.input != NULL && c->kernel == 3 && c->stride == 1 && c->padding == 1 &&
         ck_min (c->in, c->out) >= FEWEST &&
         ck_ceil_div (c->height, STEP) * ck_ceil_div (c->width, STEP) >= FEWEST_TILES;
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
static void
transform_weights (const Job *job, int64_t block, int64_t input)
{
  const int64_t first = block * BLOCK, n = ck_min (BLOCK, job->out - first);
  float taps[TAPS][BLOCK] = { { 0 } }, rows[SIDE][3][BLOCK];
  float *to = job->shared + (block * job->in + input) * BLOCK;
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
}

/* Of blocks with all their input channels, one after the other. */
static CkStatus
transform_run (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;

  for (int64_t i = first; i < end; i++)
    transform_weights (job, i / job->in, i % job->in);
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
                                   job->shared + (place * job->blocks + block) * job->in * BLOCK,
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

/* The floats of a call's memory. */
typedef struct {
  int64_t shared, zeros;
  size_t bytes; /* of these and the threads' buffers */
} Memory;

/* `shared` [n, in, cols], zeros, buffers of threads; false where they cannot be counted. */
static bool
count (const Job *job, int64_t n, int64_t cols, Memory *memory)
{
  size_t shared, buffers;

  memory->zeros = ck_round_up (ck_max (job->in, job->out), 16);
  if (!ck_size_product (n, job->in, cols, &shared) ||
      !ck_size_product (job->cpu->threads, job->buffer_floats, 1, &buffers))
    return false;
  memory->shared = (int64_t)shared;
  return ck_size_product (memory->shared + memory->zeros + (int64_t)buffers, sizeof (float), 1,
                          &memory->bytes);
}

static CkStatus
reserve (CkCpuStream *cpu, Job *job, int64_t n, int64_t cols)
{
  Memory memory;

  if (!count (job, n, cols, &memory))
    return CK_NO_MEMORY;
  job->shared = ck_scratch_get (&cpu->planes, memory.bytes);
  if (job->shared == NULL)
    return CK_NO_MEMORY;
  job->nothing = job->shared + memory.shared;
  job->buffers = job->nothing + memory.zeros;
  memset (job->nothing, 0, (size_t)memory.zeros * sizeof (float));
  return CK_OK;
}

static void
cut_chunks (Job *job)
{
  const int64_t n_chunks = ck_round_up (ck_ceil_div (job->n_tiles, TILES), job->cpu->threads);

  job->chunk = ck_ceil_div (job->n_tiles, n_chunks);
  job->buffer_floats = ck_round_up (PLACES * job->chunk * (job->in + BLOCK) + BLOCK, 16);
}

static CkStatus
convolve (CkCpuStream *cpu, Job *job)
{
  CkStatus status;

  cut_chunks (job);
  status = reserve (cpu, job, PLACES * job->blocks, BLOCK);
  if (status == CK_OK)
    status = ck_team_run_chunks (cpu->threads, job->in * job->blocks, RUN, transform_run, job);
  if (status == CK_OK)
    status = ck_team_run (cpu->threads, ck_ceil_div (job->n_tiles, job->chunk), make_chunk, job);
  return status;
}

/* ---- gradients of weights -------------------------------------------------------------------- */

/* A row of places of some tiles, for a block of input channels, added to its sums. */
static CkStatus
sum_row (const Job *job, int row, int64_t first, int64_t n, int64_t from, bool begins, float *sums,
         float *buffer)
{
  const CkCpuOps *ops = job->cpu->ops;
  const int64_t in = ck_min (INPUTS, job->in - from);
  float *inputs = buffer, *gradients = buffer + SIDE * SUMMED * INPUTS;
  CkStatus status = CK_OK;

  for (int64_t tile = 0; tile < n; tile++) {
    const float *pixels[PLACES];

    find_pixels (job, first + tile, SIDE, job->in, job->x + from, job->nothing, pixels);
    ops->winograd.input (row, in, pixels, inputs + tile * in, SUMMED * in);
    find_pixels (job, first + tile, STEP, job->out, job->y, job->nothing, pixels);
    ops->winograd.gradient (row, job->out, pixels, gradients + tile * job->out, SUMMED * job->out);
  }
  sums += (row * SIDE * job->in + from) * job->out;
  for (int col = 0; col < SIDE && status == CK_OK; col++)
    status = ops->products.gemm_tn (in, job->out, n, 1, inputs + col * SUMMED * in, in,
                                    gradients + col * SUMMED * job->out, job->out, begins ? 0 : 1,
                                    sums + col * job->in * job->out, job->out);
  return status;
}

/* A slice, rows of places and a block of input channels: their sums over the slice's tiles. */
static CkStatus
sum_tiles (const void *data, int64_t task, int member)
{
  const Job *job = data;
  const int64_t parts = SIDE / job->rows, from = task % job->in_blocks * INPUTS,
                row = task / job->in_blocks % parts * job->rows,
                slice = task / job->in_blocks / parts;
  const int64_t a_slice = job->pictures * job->tile_rows * job->tile_cols, start = slice * a_slice,
                end = ck_min (start + a_slice, job->n_tiles);
  float *sums = job->shared + slice * PLACES * job->in * job->out;
  CkStatus status = CK_OK;

  for (int64_t first = start; first < end; first += SUMMED)
    for (int64_t i = row; i < row + job->rows && status == CK_OK; i++)
      status = sum_row (job, (int)i, first, ck_min (SUMMED, end - first), from, first == start,
                        sums, job->buffers + member * job->buffer_floats);
  return status;
}

/* dweight += the sums over the slices, of one input channel and a block of outputs. */
static void
add_weights (const Job *job, int64_t block, int64_t input)
{
  const int64_t first = block * BLOCK, n = ck_min (BLOCK, job->out - first);
  float places[SIDE][SIDE][BLOCK], rows[SIDE][3][BLOCK], taps[TAPS][BLOCK];

  for (int place = 0; place < PLACES; place++) {
    const float *sum = job->shared + (place * job->in + input) * job->out + first;
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
}

static CkStatus
add_run (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;

  for (int64_t i = first; i < end; i++)
    add_weights (job, i / job->in, i % job->in);
  return CK_OK;
}

static void
cut_slices (Job *job, int64_t batch)
{
  job->in_blocks = ck_ceil_div (job->in, INPUTS);
  job->rows = job->in * job->out <= FEW_SUMS ? SIDE : 1;
  job->pictures = ck_ceil_div (batch, ck_max (TASKS * job->rows / SIDE / job->in_blocks, 1));
  job->slices = ck_ceil_div (batch, job->pictures);
  job->buffer_floats = SIDE * SUMMED * (INPUTS + job->out);
}

static CkStatus
sum_gradients (CkCpuStream *cpu, Job *job, int64_t batch)
{
  CkStatus status;

  cut_slices (job, batch);
  status = reserve (cpu, job, job->slices * PLACES, job->out);
  if (status == CK_OK)
    status =
        ck_team_run (cpu->threads, job->slices * SIDE / job->rows * job->in_blocks, sum_tiles, job);
  if (status == CK_OK)
    status = ck_team_run_chunks (cpu->threads, job->in * job->blocks, RUN, add_run, job);
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

size_t
ck_winograd_scratch (const CkCpuStream *cpu, const CkConvolution *c, bool training)
{
  Job jobs[] = { describe (cpu, c, false), describe (cpu, c, true), describe (cpu, c, false) };
  size_t bytes = 0;

  cut_chunks (&jobs[0]);
  cut_chunks (&jobs[1]);
  cut_slices (&jobs[2], c->batch);
  for (int i = 0; i < (training ? 3 : 1); i++) {
    const Job *job = &jobs[i];
    Memory memory;

    if (!count (job, PLACES * (i < 2 ? job->blocks : job->slices), i < 2 ? BLOCK : job->out,
                &memory))
      return 0;
    bytes = memory.bytes > bytes ? memory.bytes : bytes;
  }
  return bytes;
}
