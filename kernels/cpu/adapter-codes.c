/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/adapter-codes.h"

#include "kernels/sizes.h"

#define LINE     16 /* floats of a cache line, of which all parts of memory are multiples */
#define LOW_ROWS 32 /* rows a task */
#define GROUP    4  /* blocks that are quantised at once */

static int64_t
count_blocks (int64_t n)
{
  return ck_ceil_div (n, CK_CODE_BLOCK);
}

/* Floats that the codes of n rows take. */
static int64_t
code_floats (const CkQuantisedOps *products, int64_t n, int64_t cols)
{
  return n * count_blocks (cols) * CK_CODE_BLOCK * products->code_size / (int64_t)sizeof (float);
}

/* And their scales. */
static int64_t
scale_floats (int64_t n, int64_t cols)
{
  return ck_round_up (n * count_blocks (cols), LINE);
}

/* ---- low ------------------------------------------------------------------------------------- */

/* Floats from the memory's start to each part: of low, of down as strips, of the scratch memory of
 * down's rows, and of a thread's rows of low. */
typedef struct {
  int64_t low_scales, low_sums, strips, scales, codes, row_scales, low, end;
} Places;

static Places
place (const CkAdapterCodes *self, int threads)
{
  const CkQuantisedOps *products = self->products;
  const int64_t rank = self->adapter->rank, in = self->in,
                stride = ck_round_up (rank, products->strip);
  Places at;

  at.low_scales = code_floats (products, self->rows, rank);
  at.low_sums = at.low_scales + scale_floats (self->rows, rank);
  at.strips = at.low_sums + scale_floats (self->rows * products->sums, rank);
  at.scales = at.strips + code_floats (products, stride, in);
  at.codes = at.scales + scale_floats (stride, in);
  at.row_scales = at.codes + code_floats (products, rank, in);
  at.low = at.row_scales + scale_floats (rank, in);
  at.end = at.low + threads * LOW_ROWS * stride;
  return at;
}

bool
ck_adapter_codes_memory (const CkQuantisedOps *products, const CkAdapter *adapter, int64_t rows,
                         int64_t in, int threads, size_t *floats)
{
  /* more floats than place () counts for an element of down and of low, of a block of each */
  const int64_t rank = ck_round_up (adapter->rank, CK_CODE_BLOCK), most = 8 * sizeof (float),
                cols = ck_round_up (in, CK_CODE_BLOCK);
  const CkAdapterCodes self = { .products = products, .adapter = adapter, .rows = rows, .in = in };
  size_t bytes;

  if (!ck_size_product (rank, cols, most, &bytes) ||
      !ck_size_product (rank, ck_max (rows, LINE), most, &bytes) ||
      !ck_size_product (rank, threads, LOW_ROWS * most, &bytes))
    return false;
  *floats = (size_t)place (&self, threads).end;
  return true;
}

/* What the tasks share. */
typedef struct {
  const CkAdapterCodes *self;
  const CkCodedRows *x;
  int64_t stride; /* of low: whole strips */
  float *strips, *scales, *codes, *row_scales, *low;
} Job;

static CkStatus
pack_row (const void *data, int64_t row, int member)
{
  const Job *job = data;
  const CkAdapterCodes *self = job->self;
  const CkQuantisedOps *products = self->products;
  const int64_t strip = row / products->strip, n = products->strip;

  ck_strip_pack_row (products, self->in, self->adapter->down + row * self->in, row % n,
                     job->strips + strip * code_floats (products, n, self->in),
                     job->scales + strip * n * count_blocks (self->in),
                     job->codes + row * code_floats (products, 1, self->in),
                     job->row_scales + row * count_blocks (self->in));
  return CK_OK;
}

/* low += what the outliers of a row of x add. */
static void
add_outliers (const Job *job, int64_t row, float *low)
{
  const CkAdapter *adapter = job->self->adapter;
  const CkOutlier *outlier;
  CkOutlierPlace place = { 0 };

  while ((outlier = ck_coded_rows_next_outlier (job->x, row, &place)) != NULL)
    for (int64_t r = 0; r < adapter->rank; r++)
      low[r] += outlier->value * adapter->down[r * job->self->in + outlier->column];
}

/* Rows [first, end) of low. */
static CkStatus
multiply_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkAdapterCodes *self = job->self;
  const CkQuantisedOps *products = self->products;
  const CkCodes codes = ck_coded_rows_from (job->x, first);
  const int64_t n = products->strip, rank = self->adapter->rank, blocks = self->low.blocks;
  float *low = job->low + member * LOW_ROWS * job->stride;

  for (int64_t strip = 0; strip < job->stride / n; strip++)
    products->multiply (
        end - first, &codes, job->strips + strip * code_floats (products, n, self->in),
        job->scales + strip * n * count_blocks (self->in), NULL, n, low + strip * n, job->stride);
  for (int64_t row = first; row < end; row++, low += job->stride) {
    if (ck_coded_rows_has_outliers (job->x, row))
      add_outliers (job, row, low);
    products->quantise (rank, low, (float *)self->low.codes + code_floats (products, row, rank),
                        self->low.scales + row * blocks,
                        self->low.sums + row * blocks * products->sums, NULL);
  }
  return CK_OK;
}

CkStatus
ck_adapter_codes_init (CkAdapterCodes *self, const CkCpuStream *cpu, const CkAdapter *adapter,
                       int64_t rows, int64_t in, const CkCodedRows *x, float *memory)
{
  Places at;
  Job job;

  *self = (CkAdapterCodes){ .products = x->products, .adapter = adapter, .rows = rows, .in = in };
  at = place (self, cpu->threads);
  self->low = (CkCodes){ memory, memory + at.low_scales, (int32_t *)(memory + at.low_sums),
                         count_blocks (adapter->rank) };
  job = (Job){ .self = self,
               .x = x,
               .stride = ck_round_up (adapter->rank, x->products->strip),
               .strips = memory + at.strips,
               .scales = memory + at.scales,
               .codes = memory + at.codes,
               .row_scales = memory + at.row_scales,
               .low = memory + at.low };
  /* the outputs of the last strip that there are not */
  memset (job.scales, 0, (size_t)(job.stride * count_blocks (in)) * sizeof (float));
  ck_team_run (cpu->threads, adapter->rank, pack_row, &job);
  return ck_team_run_chunks (cpu->threads, rows, LOW_ROWS, multiply_rows, &job);
}

/* ---- up -------------------------------------------------------------------------------------- */

/* Rows of up that are quantised at once, each from a block on: a few short ones, or a long one. */
static int64_t
count_at_once (int64_t rank)
{
  return rank <= CK_CODE_BLOCK ? GROUP : 1;
}

/* Elements of a block of which one may not be 0. */
static int64_t
count_used (int64_t rank)
{
  return ck_min (ck_round_up (rank, 8), CK_CODE_BLOCK);
}

int64_t
ck_adapter_codes_panel (const CkQuantisedOps *products, const CkAdapter *adapter, int64_t outs)
{
  const int64_t rank = adapter->rank, n = count_at_once (rank);

  return code_floats (products, outs + n, rank) + scale_floats (outs, rank) +
         scale_floats (n, rank);
}

/* The codes of one row of up into its lane of a strip. */
static void
place_codes (const CkAdapterCodes *self, const uint32_t *codes, int64_t lane, uint32_t *strip)
{
  const CkQuantisedOps *products = self->products;
  const int64_t size = products->code_size, word = (int64_t)sizeof (uint32_t),
                used = count_used (self->adapter->rank) * size / word;

  for (int64_t block = 0; block < self->low.blocks; block++)
    for (int64_t i = 0; i < used; i++) {
      const int64_t at = block * CK_CODE_BLOCK * size / word + i;

      strip[ck_strip_place (products, lane, at)] = ck_strip_word (products, codes[at]);
    }
}

/* Rows [row, row + n) of up, of which the first is output `out` of the panel. */
static void
pack_up (const CkAdapterCodes *self, int64_t row, int64_t n, int64_t out, const CkStrips *strips,
         uint32_t *codes, float *row_scales)
{
  const CkQuantisedOps *products = self->products;
  const int64_t rank = self->adapter->rank, blocks = self->low.blocks, strip = products->strip;
  const float *up = self->adapter->up + row * rank;
  float padded[GROUP][CK_CODE_BLOCK] = { { 0 } };

  for (int64_t i = 0; blocks == 1 && i < n; i++)
    memcpy (padded[i], up + i * rank, (size_t)rank * sizeof *up);
  if (blocks == 1)
    products->quantise (n * CK_CODE_BLOCK, padded[0], codes, row_scales, NULL, NULL);
  else
    products->quantise (rank, up, codes, row_scales, NULL, NULL);
  for (int64_t i = 0; i < n; i++, out++) {
    const int64_t lane = out % strip;
    char *to = (char *)strips->codes + out / strip * strips->code_stride;
    float *scales = (float *)strips->scales + out / strip * strips->scale_stride;

    place_codes (self, codes + i * code_floats (products, 1, rank), lane, (uint32_t *)to);
    for (int64_t block = 0; block < blocks; block++)
      scales[block * strip + lane] = row_scales[i * blocks + block] * self->adapter->scale;
  }
}

CkStrips
ck_adapter_codes_strips (const CkAdapterCodes *self, int64_t first, int64_t outs, float *buffer)
{
  const CkQuantisedOps *products = self->products;
  const int64_t rank = self->adapter->rank, strip = products->strip,
                all = ck_round_up (outs, strip), n = count_at_once (rank);
  float *scales = buffer + code_floats (products, all, rank),
        *row_scales = scales + scale_floats (all, rank),
        *codes = row_scales + scale_floats (n, rank);
  const CkStrips strips = { (const char *)buffer,
                            code_floats (products, strip, rank) * (int64_t)sizeof (float), scales,
                            strip * self->low.blocks };

  memset (scales, 0, (size_t)(all * self->low.blocks) * sizeof *scales);
  for (int64_t out = 0; out < outs; out += n)
    pack_up (self, first + out, ck_min (n, outs - out), out, &strips, (uint32_t *)codes,
             row_scales);
  return strips;
}

CkSecondProduct
ck_adapter_codes_from (const CkAdapterCodes *self, int64_t row, const CkStrips *strips)
{
  return (CkSecondProduct){
    .x = ck_codes_from (self->products, &self->low, row),
    .strip = strips->codes,
    .scales = strips->scales,
    .used = count_used (self->adapter->rank),
  };
}
