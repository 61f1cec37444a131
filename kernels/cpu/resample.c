/* SPDX-License-Identifier: MIT */
/*
 * Crop, resize, convert and normalise in one pass over the rows of a picture that the result needs.
 *
 * Two filters, each bit for bit what the tools do that adapters are trained with: OpenCV's
 * INTER_LINEAR for 8 bits (resize.cpp: 11-bit weights, rows blended after columns in 32 bits) and
 * Pillow's BILINEAR (Resample.c: 22-bit weights, columns first, back to 8 bits, then rows; Pillow
 * 13 and later do the rows first where that is cheaper, which may differ by 1 of 255). Y'CbCr
 * pictures are turned into 8-bit RGB tap by tap first, so that the result is that of resizing the
 * converted picture.
 *
 * No team of threads is used: every camera's streaming thread prepares its own crops.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"
#include "kernels/taps.h"

#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------- */

/* Crops change in size from picture to picture: what they need is rounded up so far that a stream
 * soon has enough for all of them. */
static size_t
round_up (size_t bytes)
{
  size_t rounded = 4096;

  while (rounded < bytes && rounded <= SIZE_MAX / 2)
    rounded *= 2;
  return rounded < bytes ? bytes : rounded;
}

/* Memory for all parts that were taken, which `parts` counts anew; false when there is none. */
static bool
parts_begin (CkParts *parts, CkCpuStream *cpu)
{
  *parts = (CkParts){ .memory = ck_scratch_get (&cpu->rows, round_up (parts->bytes)) };
  return parts->memory != NULL;
}

/* ---- pixels ---------------------------------------------------------------------------------- */

/* Places of pixels in a row; an array of columns, or the columns [first, first + n) where it is
 * NULL. */
typedef struct {
  int64_t n;
  int first;
  const int *column; /* [n] or NULL */
} Columns;

/* Pixels side by side in memory, one every `stride` bytes. */
typedef struct {
  const uint8_t *data;
  int stride;
  int offset[3]; /* byte of R, of G, of B */
} Pixels;

/* Scratch for one row of a Y'CbCr picture; all NULL for RGB. */
typedef struct {
  const CkCpuOps *ops;
  uint8_t *y, *u, *v; /* [n], of two bytes each for CK_P010 */
  uint8_t *rgb;       /* [3, n]: planes, for loops that become vector code */
} Scratch;

/* Where the samples of a row are: the bytes of the first, and from one to the next (a chroma sample
 * serves two columns). */
typedef struct {
  const uint8_t *y, *u, *v; /* u and v NULL: grey */
  int y_step, chroma_step;
} Row;

static Row
row_of (const CkPicture *picture, int row)
{
  const uint8_t *first = picture->plane[0] + row * picture->stride[0];
  const uint8_t *second =
      picture->plane[1] ? picture->plane[1] + row / 2 * picture->stride[1] : NULL;

  switch (picture->layout) {
  case CK_NV12:
    return (Row){ first, second, second + 1, 1, 2 };
  case CK_P010:
    return (Row){ first, second, second + 2, 2, 4 };
  case CK_YUY2:
    return (Row){ first, first + 1, first + 3, 2, 4 };
  case CK_UYVY:
    return (Row){ first + 1, first, first + 2, 2, 4 };
  case CK_GRAY8:
    return (Row){ first, NULL, NULL, 1, 0 };
  case CK_I420:
  case CK_RGB8:
    break;
  }
  return (Row){ first, second, picture->plane[2] + row / 2 * picture->stride[2], 1, 1 };
}

/* Chroma samples, `step` bytes apart, each twice: those of the columns [first, first + n). */
static void
repeat_chroma (const uint8_t *chroma, int step, int first, int64_t n, uint8_t *out)
{
  const uint8_t *in = chroma + (int64_t)(first / 2) * step;
  int64_t i = 0;

  if (first & 1) {
    out[i++] = *in;
    in += step;
  }
  for (; i + 1 < n; i += 2, in += step)
    out[i] = out[i + 1] = *in;
  if (i < n)
    out[i] = *in;
}

/* A row that lies in neighbouring bytes of planes: what most cameras and decoders give. */
static void
gather_run (const Row *row, const Columns *columns, const Scratch *scratch)
{
  memcpy (scratch->y, row->y + columns->first, (size_t)columns->n);
  if (!row->u)
    return;
  repeat_chroma (row->u, row->chroma_step, columns->first, columns->n, scratch->u);
  repeat_chroma (row->v, row->chroma_step, columns->first, columns->n, scratch->v);
}

/* The three samples of each pixel, of `bytes` bytes each, which the compiler sees as a constant. */
static inline __attribute__ ((always_inline)) void
gather_each (const Row *row, const Columns *columns, const Scratch *scratch, const int bytes)
{
  const uint8_t *restrict from_y = row->y, *restrict from_u = row->u, *restrict from_v = row->v;
  uint8_t *restrict y = scratch->y, *restrict u = scratch->u, *restrict v = scratch->v;
  const int *restrict column = columns->column;
  const unsigned first = (unsigned)columns->first;
  const int64_t n = columns->n, y_step = row->y_step, chroma_step = row->chroma_step;

  for (int64_t i = 0; i < n; i++) {
    const unsigned x = column ? (unsigned)column[i] : first + (unsigned)i;
    memcpy (y + i * bytes, from_y + x * y_step, (size_t)bytes);
    if (!from_u)
      continue;
    memcpy (u + i * bytes, from_u + (x >> 1) * chroma_step, (size_t)bytes);
    memcpy (v + i * bytes, from_v + (x >> 1) * chroma_step, (size_t)bytes);
  }
}

static void
gather_yuv (const CkPicture *picture, int y, const Columns *columns, const Scratch *scratch)
{
  const Row row = row_of (picture, y);

  if (picture->layout == CK_P010)
    gather_each (&row, columns, scratch, 2);
  else if (!columns->column && row.y_step == 1)
    gather_run (&row, columns, scratch);
  else
    gather_each (&row, columns, scratch, 1);
}

static void
scratch_take (Scratch *scratch, CkParts *parts, const CkCpuOps *ops, const CkPicture *picture,
              int64_t n)
{
  const size_t bytes = picture->layout == CK_P010 ? 2 : 1, pixels = (size_t)n;

  *scratch = (Scratch){ .ops = ops };
  if (picture->layout == CK_RGB8)
    return;
  scratch->y = ck_parts_take (parts, pixels, bytes);
  scratch->u = ck_parts_take (parts, pixels, bytes);
  scratch->v = ck_parts_take (parts, pixels, bytes);
  scratch->rgb = ck_parts_take (parts, pixels, 3);
}

/* Before the first row of n pixels. */
static void
scratch_fill (const Scratch *scratch, const CkPicture *picture, int64_t n)
{
  if (picture->layout != CK_GRAY8)
    return;
  memset (scratch->u, 128, (size_t)n); /* which gathering leaves as they are */
  memset (scratch->v, 128, (size_t)n);
}

/* The pixels of a row that `columns` names, in their order, as RGB in `scratch`. */
static Pixels
convert_row (const CkPicture *picture, int row, const Columns *columns, const Scratch *scratch)
{
  gather_yuv (picture, row, columns, scratch);
  scratch->ops->colour.yuv_to_rgb (picture, columns->n, scratch->y, scratch->u, scratch->v,
                                   scratch->rgb);
  return (Pixels){ .data = scratch->rgb,
                   .stride = 1,
                   .offset = { 0, (int)columns->n, 2 * (int)columns->n } };
}

/* An RGB row from column `x` on, where it lies. */
static Pixels
borrow_row (const CkPicture *picture, int row, int x)
{
  return (Pixels){ .data = picture->plane[0] + row * picture->stride[0] +
                           (int64_t)x * picture->pixel_stride,
                   .stride = picture->pixel_stride,
                   .offset = { picture->offset[0], picture->offset[1], picture->offset[2] } };
}

/* ---- values ---------------------------------------------------------------------------------- */

/* What each byte becomes in each channel of the result. */
typedef struct {
  float value[3][256];
} Normalise;

static void
normalise_init (Normalise *self, const CkResample *resample)
{
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < 256; i++)
      self->value[c][i] = ((float)i / 255.0f - resample->mean[c]) / resample->std[c];
}

/* ---- OpenCV's INTER_LINEAR ------------------------------------------------------------------- */

#define LINE 64 /* bytes of a cache line */

/* Memory of one call. */
typedef struct {
  Scratch scratch;
  CkLinearTaps *x, *y; /* [out_width], [out_height] */
  int *column;         /* [2, out_width] of the picture: all first taps, then all second ones */
  int16_t *weight;     /* [2, out_width] of these */
  int16_t *row[2]; /* [3, out_width] blended columns of an even and of an odd row of the crop, over
                      CK_LINEAR_SCALE / 128 */
  uint8_t *byte;   /* [out_width] */
} Linear;

static void
linear_take (Linear *self, CkParts *parts, const CkCpuOps *ops, const CkResample *resample)
{
  const size_t width = (size_t)resample->out_width, height = (size_t)resample->out_height;

  scratch_take (&self->scratch, parts, ops, &resample->picture, 2 * (int64_t)width);
  self->x = ck_parts_take (parts, width, sizeof (CkLinearTaps));
  self->y = ck_parts_take (parts, height, sizeof (CkLinearTaps));
  self->column = ck_parts_take (parts, width, 2 * sizeof (int));
  self->weight = ck_parts_take (parts, width, 2 * sizeof (int16_t));
  self->row[0] = ck_parts_take (parts, width, 3 * sizeof (int16_t));
  self->row[1] = ck_parts_take (parts, width, 3 * sizeof (int16_t));
  self->byte = ck_parts_take (parts, width, 1);
}

static void
linear_fill (CkLinearTaps *taps, int in, int out, bool columns)
{
  const double step = ck_linear_step (in, out);

  for (int i = 0; i < out; i++)
    taps[i] = ck_linear_taps (i, step, in, columns);
}

static bool
linear_init (Linear *self, CkCpuStream *cpu, const CkResample *resample)
{
  const size_t width = (size_t)resample->out_width;
  CkParts parts = { 0 };

  linear_take (self, &parts, cpu->ops, resample);
  if (!parts_begin (&parts, cpu))
    return false;
  linear_take (self, &parts, cpu->ops, resample);
  scratch_fill (&self->scratch, &resample->picture, 2 * (int64_t)width);
  linear_fill (self->x, resample->w, resample->out_width, true);
  linear_fill (self->y, resample->h, resample->out_height, false);
  for (size_t i = 0; i < 2 * width; i++) {
    self->column[i] = resample->x + self->x[i % width].at[i / width];
    self->weight[i] = self->x[i % width].weight[i / width];
  }
  return true;
}

/* Row `row` of an RGB picture, its columns blended. */
static void
linear_row_rgb (const Linear *self, const CkResample *resample, int row, int16_t *out)
{
  const Pixels pixels = borrow_row (&resample->picture, row, resample->x);
  const int width = resample->out_width;

  for (int i = 0; i < width; i++) {
    const CkLinearTaps *taps = &self->x[i];
    const uint8_t *a = pixels.data + (int64_t)taps->at[0] * pixels.stride;
    const uint8_t *b = pixels.data + (int64_t)taps->at[1] * pixels.stride;
    for (int c = 0; c < 3; c++)
      out[(int64_t)c * width + i] = ck_linear_columns (a[pixels.offset[c]], b[pixels.offset[c]],
                                                       taps->weight[0], taps->weight[1]);
  }
}

/* Of any other. */
static void
linear_row (const Linear *self, const CkResample *resample, int row, int16_t *out)
{
  const int width = resample->out_width;
  const Columns columns = { .n = 2 * (int64_t)width, .column = self->column };

  if (resample->picture.layout == CK_RGB8) {
    linear_row_rgb (self, resample, row, out);
    return;
  }
  const Pixels pixels = convert_row (&resample->picture, row, &columns, &self->scratch);
  for (int c = 0; c < 3; c++) {
    const uint8_t *restrict a = pixels.data + pixels.offset[c], *restrict b = a + width;
    const int16_t *restrict weight_a = self->weight, *restrict weight_b = weight_a + width;
    int16_t *restrict to = out + (int64_t)c * width;
#pragma omp simd
    for (int i = 0; i < width; i++)
      to[i] = ck_linear_columns (a[i], b[i], weight_a[i], weight_b[i]);
  }
}

/* A frame is too large for the caches, and the rows that count are too far apart for the processor
 * to foresee the next. */
static void
linear_prefetch (const CkResample *resample, int y)
{
  const CkPicture *picture = &resample->picture;
  const int pixel =
      picture->layout == CK_RGB8 ? picture->pixel_stride : row_of (picture, resample->y + y).y_step;
  const uint8_t *row = picture->plane[0] + (resample->y + y) * (int64_t)picture->stride[0] +
                       (int64_t)resample->x * pixel;

  for (int64_t at = 0; at < (int64_t)resample->w * pixel; at += LINE)
    __builtin_prefetch (row + at);
}

static void
linear_blend (const int16_t *restrict a, const int16_t *restrict b, const int16_t weight[2],
              int width, uint8_t *restrict byte, const float *value, float *out)
{
  const int16_t weight_a = weight[0], weight_b = weight[1];

#pragma omp simd
  for (int i = 0; i < width; i++)
    byte[i] = ck_linear_rows (a[i], b[i], weight_a, weight_b);
  for (int i = 0; i < width; i++)
    out[i] = value[byte[i]];
}

static CkStatus
resample_linear (CkCpuStream *cpu, const CkResample *resample)
{
  const int width = resample->out_width, height = resample->out_height;
  Normalise normalise;
  Linear linear;
  int held[2] = {
    -1, -1
  }; /* the rows of the crop that linear.row holds; two neighbours never fall on the same one */

  normalise_init (&normalise, resample);
  if (!linear_init (&linear, cpu, resample))
    return CK_NO_MEMORY;
  for (int y = 0; y < height; y++) {
    const CkLinearTaps *taps = &linear.y[y];
    for (int k = 0; k < 2 && y + 1 < height; k++)
      linear_prefetch (resample, linear.y[y + 1].at[k]);
    for (int k = 0; k < 2; k++) {
      const int row = taps->at[k];
      if (held[row & 1] != row)
        linear_row (&linear, resample, resample->y + row, linear.row[row & 1]);
      held[row & 1] = row;
    }
    for (int c = 0; c < 3; c++)
      linear_blend (linear.row[taps->at[0] & 1] + (int64_t)c * width,
                    linear.row[taps->at[1] & 1] + (int64_t)c * width, taps->weight, width,
                    linear.byte, normalise.value[c],
                    resample->out + c * resample->out_plane + y * resample->out_row);
  }
  return CK_OK;
}

/* ---- Pillow's BILINEAR ----------------------------------------------------------------------- */

/* The taps of all output rows or columns. */
typedef struct {
  int size;        /* most taps of one */
  int *first, *n;  /* [out] */
  int32_t *weight; /* [out, size]; one's are those of ck_triangle_weight () */
} Triangles;

static void
triangles_fill (Triangles *self, int in, int out)
{
  const double scale = (double)in / out;

  for (int i = 0; i < out; i++) {
    const CkTriangle triangle = ck_triangle (i, scale, in);

    for (int k = 0; k < triangle.n; k++)
      self->weight[(int64_t)i * self->size + k] = ck_triangle_weight (&triangle, k);
    self->first[i] = triangle.first;
    self->n[i] = triangle.n;
  }
}

static void
triangles_take (Triangles *self, CkParts *parts, int in, int out)
{
  const int64_t size = ck_triangle_size ((double)in / out);

  self->size = (int)size;
  self->first = ck_parts_take (parts, (size_t)out, sizeof (int));
  self->n = ck_parts_take (parts, (size_t)out, sizeof (int));
  self->weight = ck_parts_take (parts, (size_t)out, (size_t)size * sizeof (int32_t));
}

/* Memory of one call. */
typedef struct {
  Scratch scratch;
  Triangles x, y;
  uint8_t *ring; /* [y.size, 3, out_width]: the last rows, columns done, row r at r % y.size */
  int32_t *sum;  /* [out_width] */
} Antialias;

static void
antialias_take (Antialias *self, CkParts *parts, const CkCpuOps *ops, const CkResample *resample)
{
  const size_t width = (size_t)resample->out_width;

  scratch_take (&self->scratch, parts, ops, &resample->picture, resample->w);
  triangles_take (&self->x, parts, resample->w, resample->out_width);
  triangles_take (&self->y, parts, resample->h, resample->out_height);
  self->ring = ck_parts_take (parts, (size_t)self->y.size, 3 * width);
  self->sum = ck_parts_take (parts, width, sizeof (int32_t));
}

static bool
antialias_init (Antialias *self, CkCpuStream *cpu, const CkResample *resample)
{
  CkParts parts = { 0 };

  antialias_take (self, &parts, cpu->ops, resample);
  if (!parts_begin (&parts, cpu))
    return false;
  antialias_take (self, &parts, cpu->ops, resample);
  scratch_fill (&self->scratch, &resample->picture, resample->w);
  triangles_fill (&self->x, resample->w, resample->out_width);
  triangles_fill (&self->y, resample->h, resample->out_height);
  return true;
}

/* Row `row` of the picture, its columns filtered, to out [3, out_width]. */
static void
antialias_row (const Antialias *self, const CkResample *resample, int row, uint8_t *out)
{
  const CkPicture *picture = &resample->picture;
  const Columns columns = { .n = resample->w, .first = resample->x };
  const Pixels pixels = picture->layout == CK_RGB8
                            ? borrow_row (picture, row, resample->x)
                            : convert_row (picture, row, &columns, &self->scratch);
  const int64_t width = resample->out_width;
  const int r_at = pixels.offset[0], g_at = pixels.offset[1], b_at = pixels.offset[2];

  for (int i = 0; i < width; i++) {
    const int32_t *weight = self->x.weight + (int64_t)i * self->x.size;
    const uint8_t *pixel = pixels.data + (int64_t)self->x.first[i] * pixels.stride;
    int32_t r = CK_TRIANGLE_HALF, g = r, b = r;
    for (int k = 0; k < self->x.n[i]; k++, pixel += pixels.stride) {
      r += pixel[r_at] * weight[k];
      g += pixel[g_at] * weight[k];
      b += pixel[b_at] * weight[k];
    }
    out[i] = ck_triangle_byte (r);
    out[width + i] = ck_triangle_byte (g);
    out[2 * width + i] = ck_triangle_byte (b);
  }
}

/* One channel of one output row from the rows in the ring. */
static void
antialias_blend (const Antialias *self, int y, int channel, int width, const float *value,
                 float *out)
{
  const int32_t *weight = self->y.weight + (int64_t)y * self->y.size;
  int32_t *restrict sum = self->sum;

  for (int i = 0; i < width; i++)
    sum[i] = CK_TRIANGLE_HALF;
  for (int k = 0; k < self->y.n[y]; k++) {
    const int slot = (self->y.first[y] + k) % self->y.size;
    const uint8_t *restrict row = self->ring + ((int64_t)slot * 3 + channel) * width;
#pragma omp simd
    for (int i = 0; i < width; i++)
      sum[i] += row[i] * weight[k];
  }
  for (int i = 0; i < width; i++)
    out[i] = value[ck_triangle_byte (sum[i])];
}

static CkStatus
resample_antialiased (CkCpuStream *cpu, const CkResample *resample)
{
  const int width = resample->out_width, height = resample->out_height;
  Normalise normalise;
  Antialias antialias;
  int next = 0; /* the first row of the crop that is not in the ring */

  normalise_init (&normalise, resample);
  if (!antialias_init (&antialias, cpu, resample))
    return CK_NO_MEMORY;
  for (int y = 0; y < height; y++) {
    for (; next < antialias.y.first[y] + antialias.y.n[y]; next++)
      antialias_row (&antialias, resample, resample->y + next,
                     antialias.ring + (int64_t)(next % antialias.y.size) * 3 * width);
    for (int c = 0; c < 3; c++)
      antialias_blend (&antialias, y, c, width, normalise.value[c],
                       resample->out + c * resample->out_plane + y * resample->out_row);
  }
  return CK_OK;
}

/* ---- */

CkStatus
ck_cpu_resample (CkStream *self, const CkResample *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_resample (op);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_cpu_finish (cpu, op->interpolation == CK_BILINEAR ? resample_linear (cpu, op)
                                                              : resample_antialiased (cpu, op));
}
