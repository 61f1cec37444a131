/* SPDX-License-Identifier: MIT */
/*
 * Pixels to tokens. A convolution whose stride is its width is a linear layer over patches, which
 * are gathered from the pictures on their way into the product (tiles-device.h).
 */
#include "kernels/cuda/embed.h"

#include "kernels/cuda/tiles-device.h"
#include "kernels/cuda/values-device.h"

namespace
{

/* Lines: patches of all pictures; places: (channel, row, column) in a patch. */
struct Patches {
  const CkCudaEmbed &a;

  typedef const float *Line; /* the patch's corner in the first channel, or NULL */

  __device__ __forceinline__ Line line (int32_t index) const
  {
    const int32_t picture = ck_divide (index, a.by_patches), rest = index - picture * a.patches,
                  row = ck_divide (rest, a.by_across), col = rest - row * a.across;

    return index < a.rows ? a.pixels + picture * a.channels * a.height * a.width +
                                (row * a.width + col) * a.patch
                          : nullptr;
  }

  /* How far from the corner. */
  __device__ __forceinline__ int32_t at (int32_t place) const
  {
    const int32_t channel = ck_divide (place, a.by_area),
                  rest = place - channel * a.patch * a.patch, row = ck_divide (rest, a.by_patch);

    return (channel * a.height + row) * a.width + rest - row * a.patch;
  }

  __device__ __forceinline__ CkQuad quad (Line corner, int32_t place) const
  {
    CkQuad quad = {};

    if (corner == nullptr || place >= a.cols)
      return quad;
    if (a.patch % 4 == 0)
      return ck_quad_load (corner + at (place), 4);
#pragma unroll
    for (int i = 0; i < 4; i++)
      quad.v[i] = place + i < a.cols ? corner[at (place + i)] : 0;
    return quad;
  }
};

/* Lines: rows of the weight; places: its columns. */
struct Weights {
  const CkCudaValues &values;
  const float *code;

  typedef int64_t Line; /* its first element, or -1 */

  __device__ __forceinline__ Line line (int32_t index) const
  {
    return index < values.rows ? index * values.cols : -1;
  }

  __device__ __forceinline__ CkQuad quad (Line first, int32_t place) const
  {
    CkQuad quad = {};

    if (first >= 0) {
      const float4 four = ck_values_4 (values, code, first + place, values.cols - place);

      quad = CkQuad{ { four.x, four.y, four.z, four.w } };
    }
    return quad;
  }
};

/* Lines: patches of all pictures; places: elements of their tokens' gradients. */
struct Gradients {
  const CkCudaEmbed &a;

  typedef const float *Line;

  __device__ __forceinline__ Line line (int32_t index) const
  {
    const int64_t picture = ck_divide (index, a.by_patches);

    return index < a.rows ? a.dtokens + (index + (picture + 1) * a.n_prefix) * (int64_t)a.dim
                          : nullptr;
  }

  __device__ __forceinline__ CkQuad quad (Line line, int32_t place) const
  {
    return line != nullptr ? ck_quad_load (line + place, a.dim - place) : CkQuad{};
  }
};

template <int T> struct Shared {
  CkTiles<T> tiles;
  float code[16];
};

template <int T>
__device__ __forceinline__ void
forward (const CkCudaEmbed &a, Shared<T> &shared)
{
  const Patches patches = { a };
  const Weights weights = { a.weight, shared.code };
  const int32_t first = blockIdx.x / a.tiles_across * 16 * T,
                col = blockIdx.x % a.tiles_across * 16 * T;
  float sums[T][T];

  ck_load_code (a.weight, shared.code);
  __syncthreads ();
  {
    CkAlongK<T, Patches> rows (patches, first);
    CkAlongK<T, Weights> cols (weights, col);

    ck_tile_product (shared.tiles, rows, cols, 0, a.cols, sums);
  }
  ck_tile_store<T> (sums, [&] (int32_t i, int32_t j, const CkQuad &quad) {
    const int32_t picture = ck_divide (first + i, a.by_patches),
                  token = a.n_prefix + first + i - picture * a.patches, c = col + j,
                  left = a.dim - c;
    CkQuad out = quad;

    if (first + i >= a.rows || left <= 0)
      return;
    if (a.bias != nullptr) {
      const CkQuad bias = ck_quad_load (a.bias + c, left);

#pragma unroll
      for (int k = 0; k < 4; k++)
        out.v[k] += bias.v[k];
    }
    if (a.position != nullptr) {
      const CkQuad position = ck_quad_load (a.position + (int64_t)token * a.dim + c, left);

#pragma unroll
      for (int k = 0; k < 4; k++)
        out.v[k] += position.v[k];
    }
    ck_quad_store (a.tokens + ((int64_t)picture * (a.n_prefix + a.patches) + token) * a.dim + c,
                   left, out);
  });
}

/* A share's sums. */
template <int T>
__device__ __forceinline__ void
to_weight (const CkCudaEmbed &a, CkTiles<T> &tiles)
{
  const Gradients gradients = { a };
  const Patches patches = { a };
  const int32_t first = blockIdx.x / a.tiles_across * 16 * T,
                col = blockIdx.x % a.tiles_across * 16 * T, begin = blockIdx.y * a.share,
                end = a.rows - begin > a.share ? begin + a.share : a.rows;
  float *to = a.sums + (int64_t)blockIdx.y * a.dim * a.cols;
  float sums[T][T];

  {
    CkAlongRows<T, Gradients> rows (gradients, first);
    CkAlongRows<T, Patches> cols (patches, col);

    ck_tile_product (tiles, rows, cols, begin, end, sums);
  }
  ck_tile_store<T> (sums, [&] (int32_t i, int32_t j, const CkQuad &quad) {
    if (first + i < a.dim)
      ck_quad_store (to + (int64_t)(first + i) * a.cols + col + j, a.cols - (col + j), quad);
  });
}

struct Summed {
  float part[CK_CUDA_EMBED_LANES][CK_CUDA_EMBED_COLS];
};

} /* namespace */

CK_KERNEL_BLOCKS (ck_cuda_embed_small, CkCudaEmbed, CK_CUDA_TILE_THREADS, 4)
{
  CK_SHARED (Shared<CK_CUDA_TILE_SMALL>, shared);

  forward (a, shared);
}

CK_KERNEL (ck_cuda_embed_large, CkCudaEmbed, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (Shared<CK_CUDA_TILE_LARGE>, shared);

  forward (a, shared);
}

/* The tokens that no patch stands behind. */
CK_KERNEL (ck_cuda_embed_prefix, CkCudaEmbed, CK_CUDA_EMBED_THREADS)
{
  const int64_t n = (int64_t)a.n_prefix * a.dim,
                at = (int64_t)blockIdx.x * CK_CUDA_EMBED_THREADS + threadIdx.x;
  float value;

  if (at >= n)
    return;
  value = a.prefix[at];
  if (a.position != nullptr)
    value += a.position[at];
  for (int64_t picture = blockIdx.y; picture < a.batch; picture += gridDim.y)
    a.tokens[picture * (a.n_prefix + a.patches) * a.dim + at] = value;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* What belongs to a token's place gets the sum over the pictures, in their order. */
CK_KERNEL (ck_cuda_embed_places, CkCudaEmbed, CK_CUDA_EMBED_THREADS)
{
  const int64_t n = (int64_t)(a.n_prefix + a.patches) * a.dim, prefix = (int64_t)a.n_prefix * a.dim,
                at = (int64_t)blockIdx.x * CK_CUDA_EMBED_THREADS + threadIdx.x;
  const bool to_prefix = a.dprefix != nullptr && at < prefix, to_position = a.dposition != nullptr;
  float sum_prefix, sum_position;

  if (at >= n || !(to_prefix || to_position))
    return;
  sum_prefix = to_prefix ? a.dprefix[at] : 0;
  sum_position = to_position ? a.dposition[at] : 0;
#pragma unroll 4
  for (int64_t picture = 0; picture < a.batch; picture++) {
    const float d = a.dtokens[picture * n + at];

    sum_prefix += d;
    sum_position += d;
  }
  if (to_prefix)
    a.dprefix[at] = sum_prefix;
  if (to_position)
    a.dposition[at] = sum_position;
}

CK_KERNEL (ck_cuda_embed_to_weight_small, CkCudaEmbed, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_SMALL>, tiles);

  to_weight (a, tiles);
}

CK_KERNEL (ck_cuda_embed_to_weight_large, CkCudaEmbed, CK_CUDA_TILE_THREADS)
{
  CK_SHARED (CkTiles<CK_CUDA_TILE_LARGE>, tiles);

  to_weight (a, tiles);
}

/* A chunk of the patches' share of dbias. */
CK_KERNEL (ck_cuda_embed_to_bias, CkCudaEmbed, CK_CUDA_EMBED_COLS *CK_CUDA_EMBED_LANES)
{
  CK_SHARED (Summed, shared);
  const Gradients gradients = { a };
  const int in_strip = threadIdx.x % CK_CUDA_EMBED_COLS, lane = threadIdx.x / CK_CUDA_EMBED_COLS;
  const int32_t col = blockIdx.x % a.tiles_across * CK_CUDA_EMBED_COLS + in_strip,
                chunk = blockIdx.x / a.tiles_across, first = chunk * CK_CUDA_EMBED_ROWS + lane;
  float sum = 0;

#pragma unroll 8
  for (int i = 0; i < CK_CUDA_EMBED_ROWS / CK_CUDA_EMBED_LANES; i++) {
    const float *line = gradients.line (first + i * CK_CUDA_EMBED_LANES);

    sum += line != nullptr && col < a.dim ? line[col] : 0;
  }
  shared.part[lane][in_strip] = sum;
  __syncthreads ();
  if (lane != 0 || col >= a.dim)
    return;
  for (int i = 1; i < CK_CUDA_EMBED_LANES; i++)
    sum += shared.part[i][in_strip];
  a.sums[(int64_t)chunk * a.dim + col] = sum;
}
