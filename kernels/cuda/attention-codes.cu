/* SPDX-License-Identifier: MIT */
/*
 * Attention in whole numbers, with the bits of kernels/cpu/attention-codes-c.c: sums of products
 * are exact, and everything else is written with its roundings.
 *
 * A warp has 16 queries. It goes through the keys of a part, and what a lane then has of their
 * scores becomes codes of exponentials, of which it keeps four in a register: they are what it has
 * to have of the left matrix of the second product, because values lie in that order. The products'
 * weights follow from the greatest scores of all parts of a chunk, so the second product comes when
 * the chunk's parts are done.
 */
#include "kernels/cuda/attention-codes.h"
#include "kernels/cuda/attention-rotated.h"
#include "kernels/cuda/codes-device.h"
#include "kernels/cuda/instructions.h"

enum {
  BLOCK = CK_CODED_BLOCK,
  WARPS = CK_CODED_QUERIES / 16,
  TILES = CK_PART_KEYS / 8,   /* of 8 keys in a part */
  GROUPS = CK_PART_KEYS / 16, /* registers of codes of a row of a part */
  KEY_STRIDE = BLOCK + 16,    /* so that eight rows lie in different banks */
  COLUMN_STRIDE = CK_CODED_COLUMN + 16
};

static_assert (CK_CUDA_QUANTISE_LANES == CK_CODED_LANES && CK_CUDA_BLOCK == BLOCK,
               "a block of codes is made as those of linear layers are");

/* A key's bytes, or a column's. */
struct alignas (16) Sixteen
{
  uint32_t word[4];
};

/* ---- numbers --------------------------------------------------------------------------------- */

/* The value of a code; no number where a value of the block is not finite. */
static __device__ __forceinline__ float
code_scale (float max, float sum, float code_max)
{
  return sum < INFINITY ? __fdiv_rn (max, code_max) : NAN;
}

static __device__ __forceinline__ float
code_inverse (float max, float code_max)
{
  const float inverse = __fdiv_rn (code_max, max);

  return inverse < INFINITY ? inverse : 0;
}

static __device__ __forceinline__ int
encode (float x, float inverse)
{
  const float scaled = __fmul_rn (x, inverse);

  return fabsf (scaled) < INFINITY ? __float2int_rn (scaled) : 0;
}

/* p 2^n, of which the exponent stays in bounds. */
static __device__ __forceinline__ float
scale_by_power (float p, int n)
{
  return __fmul_rn (p, __int_as_float ((n + 127) << 23));
}

/* 2^x for x <= 0. */
static __device__ __forceinline__ float
exp2_negative (float x)
{
  const float bounded = x < -125 ? -125 : x, n = rintf (bounded), r = __fsub_rn (bounded, n);
  float p = __fmaf_rn (1.53211389e-4f, r, 1.3390173e-3f);

  p = __fmaf_rn (p, r, 9.61852691e-3f);
  p = __fmaf_rn (p, r, 5.55036236e-2f);
  p = __fmaf_rn (p, r, 2.40226478e-1f);
  p = __fmaf_rn (p, r, 6.93147181e-1f);
  p = __fmaf_rn (p, r, 1);
  return x != x ? x : scale_by_power (p, __float2int_rn (n));
}

/* At 1.5 * 2^23 the spacing of floats is 1: a sum's low bits are a whole number. */
#define MAGIC      12582912.0f
#define MAGIC_BITS 0x4B400000

/* The code of 2^x for x <= 0, 0 where x is no number. */
static __device__ __forceinline__ uint32_t
encode_exp (float x)
{
  constexpr float terms[] = CK_EXP_8;
  const float bounded = fmaxf (x, CK_EXP_LOWEST), sum = __fadd_rn (bounded, MAGIC),
              nearest = __fsub_rn (sum, MAGIC);
  const bool is_above = nearest > bounded;
  const float rest = __fsub_rn (bounded, is_above ? __fsub_rn (nearest, 1) : nearest);
  float p = CK_EXP_MAX_8 * terms[3];

  p = __fmaf_rn (p, rest, CK_EXP_MAX_8 * terms[2]);
  p = __fmaf_rn (p, rest, CK_EXP_MAX_8 * terms[1]);
  p = __fmaf_rn (p, rest, CK_EXP_MAX_8 * terms[0]);
  /* times 2^floor (x): the shift leaves nothing of MAGIC_BITS */
  p = __uint_as_float (__float_as_uint (p) + ((__float_as_uint (sum) - (is_above ? 1 : 0)) << 23));
  return __float_as_uint (__fadd_rn (p, MAGIC)) - MAGIC_BITS;
}

/* The larger of two scales; no number if one of them is none. */
static __device__ __forceinline__ float
larger_scale (float a, float b)
{
  return b <= a || a != a ? a : b;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* 16 threads make a block of codes: of the head's queries, and behind these of its keys. */
CK_KERNEL (ck_cuda_attention_encode_rows, CkCudaCodedAttention, CK_CODED_THREADS)
{
  const int head = blockIdx.x, lane = threadIdx.x % CK_CODED_LANES,
            number =
                blockIdx.y * (CK_CODED_THREADS / CK_CODED_LANES) + threadIdx.x / CK_CODED_LANES,
            block = number % a.blocks, row = number / a.blocks;
  const bool is_query = row < a.queries, there = row < a.queries + a.tokens;
  const int i = is_query ? row : row - a.queries, rows = is_query ? a.queries : a.tokens;
  const int token = is_query ? i : (i + a.shift) % a.tokens;
  const float *from = (is_query ? a.q : a.k) + ck_row_offset (a.heads, a.half, head, rows, token);
  const CkRotatedRows rotated = { a.heads, a.half, a.prefix, a.cos, a.sin };
  float x[CK_CUDA_EACH], sum;

#pragma unroll
  for (int j = 0; j < CK_CUDA_EACH; j++) {
    const int c = block * BLOCK + lane + CK_CODED_LANES * j;

    x[j] =
        there && c < 2 * a.half ? ck_rotated (rotated, from, token, is_query ? a.scale : 1, c) : 0;
  }
  const float max = ck_magnitudes (x, &sum), inverse = code_inverse (max, CK_CUDA_CODE_MAX_16);
  const int64_t at = (int64_t)head * rows + i;
  if (!there)
    return;
  int8_t *codes = (is_query ? a.q_codes : a.k_codes) + (2 * at * a.blocks + block) * BLOCK;
#pragma unroll
  for (int j = 0; j < CK_CUDA_EACH; j++) {
    const int code = encode (x[j], inverse), low = (int8_t)code;

    codes[lane + CK_CODED_LANES * j] = (int8_t)((code - low) >> 8);
    codes[a.blocks * BLOCK + lane + CK_CODED_LANES * j] = (int8_t)low;
  }
  if (lane == 0)
    (is_query ? a.q_scales : a.k_scales)[at * a.blocks + block] =
        code_scale (max, sum, CK_CUDA_CODE_MAX_16);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The first key of a part; of one that there is not: all keys. */
static __device__ __forceinline__ int
part_first (const CkCudaCodedAttention &a, int part)
{
  return part >= a.parts ? a.tokens : min (part * a.part_size, a.regular);
}

static __device__ __forceinline__ int
part_keys (const CkCudaCodedAttention &a, int part)
{
  return part_first (a, part + 1) - part_first (a, part);
}

/* Four codes of a column: what a lane's register has to have. */
static __device__ __forceinline__ uint32_t
pack (int a, int b, int c, int d)
{
  return (uint32_t)(a & 255) | (uint32_t)(b & 255) << 8 | (uint32_t)(c & 255) << 16 |
         (uint32_t)d << 24;
}

/* A thread makes a column of a part. */
CK_KERNEL (ck_cuda_attention_encode_values, CkCudaCodedAttention, CK_CODED_THREADS)
{
  const int head = blockIdx.x,
            number = blockIdx.y * (CK_CODED_THREADS / BLOCK) + threadIdx.x / BLOCK,
            part = number / a.blocks, c = number % a.blocks * BLOCK + threadIdx.x % BLOCK;
  const bool there = c < 2 * a.half;
  const int first = part_first (a, part), n = part_keys (a, part);
  const int64_t width = 2 * (int64_t)a.heads * a.half;
  const float *v = a.v + ck_row_offset (a.heads, a.half, head, a.tokens, 0) + c;
  float max = 0, sum = 0;
  int codes_sum = 0;

  if (part >= a.parts)
    return;
#pragma unroll 4
  for (int i = 0; i < n && there; i++) {
    const float x = fabsf (v[(first + i + a.shift) % a.tokens * width]);

    max = fmaxf (max, x);
    sum = __fadd_rn (sum, x);
  }
  const float inverse = code_inverse (max, CK_CUDA_CODE_MAX);
  const int64_t at = ((int64_t)head * a.parts + part) * a.blocks * BLOCK + c;
#pragma unroll 1
  for (int group = 0; group < CK_CODED_COLUMN / 16; group++) {
    int codes[16];

#pragma unroll
    for (int i = 0; i < 16; i++) {
      const int key = 16 * group + i;

      codes[i] =
          key < n && there ? encode (v[(first + key + a.shift) % a.tokens * width], inverse) : 0;
      codes_sum += codes[i];
    }
    Sixteen bytes;
#pragma unroll
    for (int t = 0; t < 4; t++)
      bytes.word[t] = pack (codes[2 * t], codes[2 * t + 1], codes[8 + 2 * t], codes[9 + 2 * t]);
    *(Sixteen *)(a.v_codes + at * CK_CODED_COLUMN + 16 * group) = bytes;
  }
  a.v_scales[at] = code_scale (max, sum, CK_CUDA_CODE_MAX);
  a.v_sums[at] = codes_sum;
}

/* ---- memory of a block ----------------------------------------------------------------------- */

/* A block of a part's keys, high and low. */
struct Keys {
  int8_t codes[2][CK_PART_KEYS][KEY_STRIDE];
  float scales[CK_PART_KEYS];
};

/* Some columns of a chunk's values. */
struct Values {
  int8_t codes[CK_PARTS][CK_CODED_COLUMNS][COLUMN_STRIDE];
  float scales[CK_PARTS][CK_CODED_COLUMNS];
  /* of codes, 128 times, because exponentials lie 128 lower; above MAGIC_BITS */
  int32_t sums[CK_PARTS][CK_CODED_COLUMNS];
};

struct CodedShared {
  uint32_t exps[CK_PARTS][2 * GROUPS][CK_CODED_THREADS]; /* each thread's own */
  union {
    Keys keys;
    Values values;
  };
};

static_assert (sizeof (CodedShared) == CK_CODED_SHARED, "the host knows the size");

/* A block of a part's keys, by the whole block of threads. */
static __device__ __forceinline__ void
copy_keys (const CkCudaCodedAttention &a, int head, int part, int block, Keys &to)
{
  const int n = part_keys (a, part), first = part_first (a, part);

#pragma unroll 1
  for (int unit = threadIdx.x; unit < 2 * CK_PART_KEYS * 4; unit += CK_CODED_THREADS) {
    const int plane = unit / (CK_PART_KEYS * 4), key = unit / 4 % CK_PART_KEYS, at = unit % 4 * 16;
    const int64_t row = 2 * ((int64_t)head * a.tokens + first + min (key, n - 1)) + plane;

    ck_copy_async (&to.codes[plane][key][at], a.k_codes + (row * a.blocks + block) * BLOCK + at,
                   key < n);
  }
#pragma unroll 1
  for (int key = threadIdx.x; key < CK_PART_KEYS; key += CK_CODED_THREADS)
    to.scales[key] =
        key < n ? a.k_scales[((int64_t)head * a.tokens + first + key) * a.blocks + block] : 0;
  ck_copy_commit ();
  ck_copy_wait<0> ();
}

/* Columns of a chunk's parts from `column` on. */
static __device__ __forceinline__ void
copy_values (const CkCudaCodedAttention &a, int head, int part, int column, Values &to)
{
  const int units = CK_CODED_COLUMN / 16, width = a.blocks * BLOCK;
  const int64_t first = (int64_t)head * a.parts * width + column;

#pragma unroll 1
  for (int unit = threadIdx.x; unit < CK_PARTS * CK_CODED_COLUMNS * units;
       unit += CK_CODED_THREADS) {
    const int p = unit / (CK_CODED_COLUMNS * units), c = unit / units % CK_CODED_COLUMNS,
              at = unit % units * 16;
    const int64_t from = first + (int64_t)min (part + p, a.parts - 1) * width + c;

    ck_copy_async (&to.codes[p][c][at], a.v_codes + from * CK_CODED_COLUMN + at,
                   part + p < a.parts);
  }
#pragma unroll 1
  for (int unit = threadIdx.x; unit < CK_PARTS * CK_CODED_COLUMNS; unit += CK_CODED_THREADS) {
    const int p = unit / CK_CODED_COLUMNS, c = unit % CK_CODED_COLUMNS;
    const int64_t from = first + (int64_t)min (part + p, a.parts - 1) * width + c;

    to.scales[p][c] = a.v_scales[from];
    to.sums[p][c] = 128 * a.v_sums[from] + MAGIC_BITS;
  }
  ck_copy_commit ();
  ck_copy_wait<0> ();
}

/* ---- a warp's queries ------------------------------------------------------------------------ */

/* Of the two rows that a lane has, g and g + 8 of the warp's 16, and of the keys so far. */
struct Rows {
  int head;
  int query[2]; /* which they are; those that there are not are the last */
  float most[2], total[2];
};

/* What a chunk's parts weigh. */
struct Weights {
  float factor[CK_PARTS][2], keep[2], scale[2];
};

static __device__ __forceinline__ Rows
find_rows (const CkCudaCodedAttention &a)
{
  const int first =
      blockIdx.x % a.tiles * CK_CODED_QUERIES + threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
  Rows rows;

  rows.head = blockIdx.x / a.tiles;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    rows.query[i] = min (first + 8 * i, a.queries - 1);
    rows.most[i] = -INFINITY;
    rows.total[i] = 0;
  }
  return rows;
}

/* scores[j] += of a block of the rows' codes with the keys of a part. */
static __device__ __forceinline__ void
add_block (const CkCudaCodedAttention &a, const Rows &rows, int block, int n, const Keys &keys,
           float (&scores)[TILES][4], float *greatest)
{
  const int lane = threadIdx.x % 32, t = lane % 4;
  uint32_t high[2][4], low[2][4];
  float scale[2];

#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int64_t row = (int64_t)rows.head * a.queries + rows.query[i];
    const int8_t *codes = a.q_codes + (2 * row * a.blocks + block) * BLOCK + 4 * t;

    scale[i] = a.q_scales[row * a.blocks + block];
#pragma unroll
    for (int part = 0; part < 4; part++) { /* of 16 elements */
      high[part / 2][i + part % 2 * 2] = *(const uint32_t *)(codes + 16 * part);
      low[part / 2][i + part % 2 * 2] = *(const uint32_t *)(codes + a.blocks * BLOCK + 16 * part);
    }
  }
#pragma unroll
  for (int j = 0; j < TILES; j++) {
    int32_t highs[4] = {}, mixed[4] = {}, lows[4] = {};
    uint32_t key_high[4], key_low[4];

    if (8 * j >= n)
      continue;
    ck_load_matrices (key_high, &keys.codes[0][8 * j + lane % 8][lane / 8 * 16]);
    ck_load_matrices (key_low, &keys.codes[1][8 * j + lane % 8][lane / 8 * 16]);
#pragma unroll
    for (int step = 0; step < 2; step++) {
      ck_mma_s8 (highs, high[step], key_high + 2 * step);
      ck_mma_s8 (mixed, high[step], key_low + 2 * step);
      ck_mma_s8 (mixed, low[step], key_high + 2 * step);
      ck_mma_s8 (lows, low[step], key_low + 2 * step);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float of_key = keys.scales[8 * j + 2 * t + i % 2];
      const uint32_t sum =
          ((uint32_t)highs[i] << 16) + ((uint32_t)mixed[i] << 8) + (uint32_t)lows[i];

      *greatest = larger_scale (*greatest, of_key);
      scores[j][i] =
          __fmaf_rn ((float)(int32_t)sum, __fmul_rn (scale[i / 2], of_key), scores[j][i]);
    }
  }
}

/* The scores of n keys to codes, which go to `exps`; the rows' greatest score and sum of codes. */
static __device__ __forceinline__ void
soften (int n, float (&scores)[TILES][4], uint32_t (*exps)[CK_CODED_THREADS], float *most,
        int *sums)
{
  const int t = threadIdx.x % 4;

#pragma unroll
  for (int i = 0; i < 2; i++) {
    float max = -INFINITY;
    int sum = 0;

#pragma unroll
    for (int j = 0; j < TILES; j++)
#pragma unroll
      for (int e = 0; e < 2; e++)
        if (8 * j + 2 * t + e < n)
          max = fmaxf (max, scores[j][2 * i + e]);
    max = fmaxf (max, __shfl_xor_sync (0xffffffff, max, 1));
    max = fmaxf (max, __shfl_xor_sync (0xffffffff, max, 2));
#pragma unroll
    for (int group = 0; group < GROUPS; group++) {
      uint32_t codes[4];

#pragma unroll
      for (int k = 0; k < 4; k++) {
        const int j = 2 * group + k / 2;
        const bool there = 8 * j + 2 * t + k % 2 < n;

        codes[k] = there ? encode_exp (__fsub_rn (scores[j][2 * i + k % 2], max)) : 0;
        sum += (int)codes[k];
      }
      /* less 128, so that they have a sign */
      exps[2 * group + i][threadIdx.x] =
          __byte_perm (__byte_perm (codes[0], codes[1], 0x0040),
                       __byte_perm (codes[2], codes[3], 0x0040), 0x5410) ^
          0x80808080;
    }
    sum += __shfl_xor_sync (0xffffffff, sum, 1);
    sum += __shfl_xor_sync (0xffffffff, sum, 2);
    most[i] = max;
    sums[i] = sum;
  }
}

/* The greatest scale of a row's blocks. */
static __device__ __forceinline__ float
largest_scale (const CkCudaCodedAttention &a, const Rows &rows, int i)
{
  const float *scales = a.q_scales + ((int64_t)rows.head * a.queries + rows.query[i]) * a.blocks;
  float greatest = 0;

#pragma unroll 1
  for (int block = 0; block < a.blocks; block++)
    greatest = larger_scale (greatest, scales[block]);
  return greatest;
}

/* What the parts of a chunk weigh, whose greatest scores and sums of codes are known. */
static __device__ __forceinline__ Weights
weigh (const CkCudaCodedAttention &a, int part, const float (&most)[CK_PARTS][2],
       const int (&sums)[CK_PARTS][2], float greatest, Rows &rows)
{
  const float limit =
      __fmul_rn (__fmul_rn (CK_CUDA_CODE_MAX_16, CK_CUDA_CODE_MAX_16), (float)(a.blocks * BLOCK));
  Weights weights;

#pragma unroll
  for (int i = 0; i < 2; i++) {
    const float before = rows.most[i],
                bound = __fmul_rn (__fmul_rn (largest_scale (a, rows, i), greatest), limit),
                bad = bound < INFINITY ? 0 : NAN;
    float max = before, share[CK_PARTS], total;

#pragma unroll
    for (int p = 0; p < CK_PARTS; p++)
      max = fmaxf (max, most[p][i]);
#pragma unroll
    for (int p = 0; p < CK_PARTS; p++) {
      weights.factor[p][i] = exp2_negative (__fsub_rn (most[p][i], max));
      share[p] = __fmul_rn (weights.factor[p][i], (float)sums[p][i]);
    }
    weights.keep[i] = exp2_negative (__fsub_rn (before, max));
    total =
        __fadd_rn (__fadd_rn (__fadd_rn (share[0], share[2]), __fadd_rn (share[1], share[3])), bad);
    if (part > 0)
      total = __fadd_rn (__fmul_rn (weights.keep[i], rows.total[i]), total);
    rows.most[i] = max;
    rows.total[i] = total;
    weights.scale[i] = part + CK_PARTS >= a.parts ? __fdiv_rn (1, total) : 1;
  }
  return weights;
}

/* Two columns of each of the rows, added to what earlier chunks gave. */
static __device__ __forceinline__ void
put (const CkCudaCodedAttention &a, const Rows &rows, int part, int c, const Weights &weights,
     const float (&totals)[4])
{
  const int first =
      blockIdx.x % a.tiles * CK_CODED_QUERIES + threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;

#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int row = i / 2;
    float *to =
        a.out + ck_row_offset (a.heads, a.half, rows.head, a.queries, rows.query[row]) + c + i % 2;
    float total = totals[i];

    if (first + 8 * row >= a.queries || c + i % 2 >= 2 * a.half)
      continue;
    if (part > 0)
      total = __fmaf_rn (weights.keep[row], *to, total);
    *to = __fmul_rn (weights.scale[row], total);
  }
}

/* The rows' exponentials times the columns that are in shared memory, from `column` on. */
static __device__ __forceinline__ void
mix (const CkCudaCodedAttention &a, const Rows &rows, int part, int column,
     const CodedShared &shared, const Weights &weights)
{
  const int lane = threadIdx.x % 32, t = lane % 4, row = lane % 8, matrix = lane / 8;
  float totals[CK_CODED_COLUMNS / 8][4] = {};

#pragma unroll 1
  for (int p = 0; p < CK_PARTS && part + p < a.parts; p++) {
    const int n = part_keys (a, part + p);
    int32_t sums[CK_CODED_COLUMNS / 8][4] = {};
    float factor[2] = { weights.factor[0][0], weights.factor[0][1] };

#pragma unroll
    for (int other = 1; other < CK_PARTS; other++)
#pragma unroll
      for (int i = 0; i < 2; i++)
        factor[i] = other == p ? weights.factor[other][i] : factor[i];
#pragma unroll
    for (int step = 0; step < CK_CODED_COLUMN / 32; step++) { /* of 32 keys */
      uint32_t exps[4];

      if (32 * step >= n)
        continue;
#pragma unroll
      for (int i = 0; i < 4; i++) /* of what is behind the last group values are 0 */
        exps[i] = 4 * step + i < 2 * GROUPS ? shared.exps[p][4 * step + i][threadIdx.x] : 0;
#pragma unroll
      for (int tile = 0; tile < CK_CODED_COLUMNS / 8; tile += 2) {
        uint32_t columns[4]; /* of two tiles of 8 columns, two halves each */

        ck_load_matrices (
            columns,
            &shared.values.codes[p][8 * (tile + matrix / 2) + row][32 * step + matrix % 2 * 16]);
        ck_mma_s8 (sums[tile], exps, columns);
        ck_mma_s8 (sums[tile + 1], exps, columns + 2);
      }
    }
#pragma unroll
    for (int tile = 0; tile < CK_CODED_COLUMNS / 8; tile++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int c = 8 * tile + 2 * t + i % 2;
        const float sum =
            __fsub_rn (__int_as_float (sums[tile][i] + shared.values.sums[p][c]), MAGIC);

        totals[tile][i] =
            __fmaf_rn (sum, __fmul_rn (factor[i / 2], shared.values.scales[p][c]), totals[tile][i]);
      }
  }
#pragma unroll
  for (int tile = 0; tile < CK_CODED_COLUMNS / 8; tile++)
    put (a, rows, part, column + 8 * tile + 2 * t, weights, totals[tile]);
}

CK_KERNEL (ck_cuda_attention_int8, CkCudaCodedAttention, CK_CODED_THREADS)
{
  CK_SHARED (CodedShared, shared);
  Rows rows = find_rows (a);

#pragma unroll 1
  for (int part = 0; part < a.parts; part += CK_PARTS) {
    float most[CK_PARTS][2], greatest = 0;
    int sums[CK_PARTS][2];

#pragma unroll
    for (int p = 0; p < CK_PARTS; p++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        most[p][i] = -INFINITY;
        sums[p][i] = 0;
      }
#pragma unroll 1
    for (int p = 0; p < CK_PARTS && part + p < a.parts; p++) {
      const int n = part_keys (a, part + p);
      float scores[TILES][4] = {}, part_most[2];
      int part_sums[2];

#pragma unroll 1
      for (int block = 0; block < a.blocks; block++) {
        __syncthreads ();
        copy_keys (a, rows.head, part + p, block, shared.keys);
        __syncthreads ();
        add_block (a, rows, block, n, shared.keys, scores, &greatest);
      }
      soften (n, scores, shared.exps[p], part_most, part_sums);
#pragma unroll
      for (int other = 0; other < CK_PARTS; other++)
#pragma unroll
        for (int i = 0; i < 2; i++)
          if (other == p) {
            most[other][i] = part_most[i];
            sums[other][i] = part_sums[i];
          }
    }
    greatest = larger_scale (greatest, __shfl_xor_sync (0xffffffff, greatest, 1));
    greatest = larger_scale (greatest, __shfl_xor_sync (0xffffffff, greatest, 2));
    const Weights weights = weigh (a, part, most, sums, greatest, rows);
#pragma unroll 1
    for (int column = 0; column < 2 * a.half; column += CK_CODED_COLUMNS) {
      __syncthreads ();
      copy_values (a, rows.head, part, column, shared.values);
      __syncthreads ();
      mix (a, rows, part, column, shared, weights);
    }
  }
}
