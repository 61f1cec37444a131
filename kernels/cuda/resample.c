/* SPDX-License-Identifier: MIT */
/*
 * Crop, resize, convert and normalise: a picture on the device is read where it lies; of one on the
 * host the rows of the region that are needed go to the device first, and of these no more than
 * the region's bytes.
 */
#include "kernels/cuda/launch.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/resample.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"
#include "kernels/taps.h"

#include <string.h>

/* ---- layouts --------------------------------------------------------------------------------- */

/* A plane is made of units, each of which serves 1 << shift_x columns and 1 << shift_y rows. */
typedef struct {
  int bytes, shift_x, shift_y;
} Plane;

/* The samples of a pixel; the first one's columns and rows are the picture's. */
typedef struct {
  int plane, at, step;
} Sample;

typedef struct {
  int n_planes, n_samples;
  Plane plane[3];
  Sample sample[3];
} Layout;

#define CHROMA(bytes)                                                                              \
  {                                                                                                \
    bytes, 1, 1                                                                                    \
  }

/* By CkPixelLayout; what CK_RGB8 has depends on the picture. */
static const Layout layouts[] = {
  [CK_NV12] = { 2, 3, { { 1, 0, 0 }, CHROMA (2) }, { { 0, 0, 1 }, { 1, 0, 2 }, { 1, 1, 2 } } },
  [CK_I420] = { 3,
                3,
                { { 1, 0, 0 }, CHROMA (1), CHROMA (1) },
                { { 0, 0, 1 }, { 1, 0, 1 }, { 2, 0, 1 } } },
  [CK_YUY2] = { 1, 3, { { 4, 1, 0 } }, { { 0, 0, 2 }, { 0, 1, 4 }, { 0, 3, 4 } } },
  [CK_UYVY] = { 1, 3, { { 4, 1, 0 } }, { { 0, 1, 2 }, { 0, 0, 4 }, { 0, 2, 4 } } },
  [CK_P010] = { 2, 3, { { 2, 0, 0 }, CHROMA (4) }, { { 0, 0, 2 }, { 1, 0, 4 }, { 1, 2, 4 } } },
  [CK_GRAY8] = { 1, 1, { { 1, 0, 0 } }, { { 0, 0, 1 } } },
};

static Layout
layout_of (const CkPicture *picture)
{
  const int step = picture->pixel_stride;

  if (picture->layout != CK_RGB8)
    return layouts[picture->layout];
  return (Layout){ 1,
                   3,
                   { { step, 0, 0 } },
                   { { 0, picture->offset[0], step },
                     { 0, picture->offset[1], step },
                     { 0, picture->offset[2], step } } };
}

/* ---- pictures that lie elsewhere ------------------------------------------------------------- */

/* What a region needs of a plane, once it is on the device: units from (left, top) on. */
typedef struct {
  int left, top;
  int64_t rows, row_bytes;
  size_t offset; /* in the memory that all planes share */
} Part;

/* Whether a picture lies where kernels of this device cannot read it. */
static bool
is_elsewhere (const CkDevice *device, const CkPicture *picture)
{
  return picture->place == CK_ON_HOST ||
         (picture->native != NULL && picture->native != device->native);
}

/* Whether rows are so far apart that few of them are needed. */
static bool
is_paired (const CkResample *op)
{
  return op->picture.place == CK_ON_HOST && op->interpolation == CK_BILINEAR &&
         op->h > 2 * op->out_height;
}

static size_t
round_up (size_t bytes)
{
  return (bytes + 255) / 256 * 256;
}

/* The parts of a picture that lies elsewhere, and the bytes of all of them. */
static size_t
find_parts (const CkResample *op, const Layout *layout, Part *parts)
{
  size_t bytes = 0;

  for (int p = 0; p < layout->n_planes; p++) {
    const Plane *plane = &layout->plane[p];
    const int last_x = (op->x + op->w - 1) >> plane->shift_x,
              last_y = (op->y + op->h - 1) >> plane->shift_y;
    Part *part = &parts[p];

    part->left = op->x >> plane->shift_x;
    part->top = op->y >> plane->shift_y;
    part->rows = is_paired (op) ? 2 * (int64_t)op->out_height : last_y - part->top + 1;
    part->row_bytes = (int64_t)(last_x - part->left + 1) * plane->bytes;
    part->offset = bytes;
    bytes += round_up ((size_t)part->rows * (size_t)part->row_bytes);
  }
  return bytes;
}

/* The rows of a part, for copying. */
typedef struct {
  const CkResample *op;
  const Plane *plane;
  const Part *part;
  const uint8_t *data; /* of the plane */
  int64_t stride;
} Rows;

static const void *
find_row (const void *data, int64_t i)
{
  const Rows *rows = data;
  const CkResample *op = rows->op;
  int64_t row = rows->part->top + i;

  if (is_paired (op)) {
    const CkLinearTaps taps =
        ck_linear_taps ((int)(i / 2), ck_linear_step (op->h, op->out_height), op->h, false);

    row = (op->y + taps.at[i % 2]) >> rows->plane->shift_y;
  }
  return rows->data + row * rows->stride + (int64_t)rows->part->left * rows->plane->bytes;
}

/* Parts of a picture of the host, or of another context's, come to `memory`. */
static void
bring (CkCudaStream *stream, const CkResample *op, const Layout *layout, const Part *parts,
       uint8_t *memory)
{
  for (int p = 0; p < layout->n_planes; p++) {
    const Rows rows = { op, &layout->plane[p], &parts[p], op->picture.plane[p],
                        op->picture.stride[p] };

    if (op->picture.place == CK_ON_HOST)
      ck_cuda_upload_rows (stream, memory + parts[p].offset, parts[p].rows,
                           (size_t)parts[p].row_bytes, find_row, &rows);
    else
      ck_cuda_copy_rows_from (stream, memory + parts[p].offset, parts[p].rows,
                              (size_t)parts[p].row_bytes, op->picture.native, find_row (&rows, 0),
                              rows.stride);
  }
}

/* ---- regions --------------------------------------------------------------------------------- */

/* Of a picture on the device, or of parts of one that lie at `memory`. */
static CkCudaRegion
region_of (const CkResample *op, const Layout *layout, const Part *parts, const uint8_t *memory)
{
  const CkPicture *picture = &op->picture;
  CkCudaRegion region = { .colour = picture->layout == CK_RGB8   ? CK_CUDA_RGB
                                    : picture->layout == CK_P010 ? CK_CUDA_YUV_DEEP
                                                                 : CK_CUDA_YUV,
                          .paired = is_paired (op),
                          .x = op->x,
                          .y = op->y,
                          .w = op->w,
                          .h = op->h,
                          .y_offset = picture->y_offset,
                          .y_gain = picture->y_gain,
                          .r_v = picture->r_v,
                          .g_u = picture->g_u,
                          .g_v = picture->g_v,
                          .b_u = picture->b_u };

  for (int i = 0; i < layout->n_samples; i++) {
    const Sample *sample = &layout->sample[i];
    const Plane *plane = &layout->plane[sample->plane];
    const bool is_chroma = i > 0 && picture->layout != CK_RGB8;
    CkCudaSamples *to = &region.sample[i];

    to->step = sample->step;
    to->shift_x = is_chroma ? plane->shift_x : 0;
    to->shift_y = is_chroma ? plane->shift_y : 0;
    if (memory == NULL) {
      to->data = picture->plane[sample->plane] + sample->at;
      to->stride = picture->stride[sample->plane];
      continue;
    }
    to->data = memory + parts[sample->plane].offset + sample->at;
    to->stride = parts[sample->plane].row_bytes;
    to->left = parts[sample->plane].left << plane->shift_x >> to->shift_x;
    to->top = parts[sample->plane].top << plane->shift_y >> to->shift_y;
  }
  return region;
}

/* ---- filters --------------------------------------------------------------------------------- */

static uint32_t
blocks_of (int64_t threads)
{
  return (uint32_t)ck_ceil_div (threads, CK_RESAMPLE_THREADS);
}

static void
resample_linear (CkCudaStream *stream, const CkResample *op, const CkCudaRegion *region)
{
  CkCudaLinearResample arguments = { .region = *region,
                                     .width = op->out_width,
                                     .height = op->out_height,
                                     .step_x = ck_linear_step (op->w, op->out_width),
                                     .step_y = ck_linear_step (op->h, op->out_height),
                                     .out = op->out,
                                     .row = op->out_row,
                                     .plane = op->out_plane };

  memcpy (arguments.mean, op->mean, sizeof arguments.mean);
  memcpy (arguments.std, op->std, sizeof arguments.std);
  ck_cuda_launch (stream, "ck_cuda_resample_linear",
                  (CkCudaGrid){ blocks_of (op->out_width), (uint32_t)op->out_height, 1 },
                  CK_RESAMPLE_THREADS, 0, &arguments, sizeof arguments);
}

/* Takes memory of `n` elements; *bytes counts it. */
static void *
take (uint8_t *memory, size_t *bytes, int64_t n, size_t size)
{
  void *part = memory != NULL ? memory + *bytes : NULL;

  *bytes += round_up ((size_t)n * size);
  return part;
}

static CkCudaTriangles
take_triangles (uint8_t *memory, size_t *bytes, int in, int out)
{
  CkCudaTriangles triangles;

  triangles.first = take (memory, bytes, out, sizeof (int32_t));
  triangles.n = take (memory, bytes, out, sizeof (int32_t));
  triangles.weight =
      take (memory, bytes, out * ck_triangle_size ((double)in / out), sizeof (int32_t));
  return triangles;
}

/* The arguments' memory, or with none the bytes of it. */
static size_t
take_antialiased (const CkResample *op, uint8_t *memory, CkCudaAntialiasedResample *arguments)
{
  size_t bytes = 0;

  if (op->interpolation != CK_BILINEAR_ANTIALIASED)
    return 0;
  arguments->x = take_triangles (memory, &bytes, op->w, op->out_width);
  arguments->y = take_triangles (memory, &bytes, op->h, op->out_height);
  arguments->columns = take (memory, &bytes, op->h, 3 * (size_t)op->out_width);
  return bytes;
}

static void
resample_antialiased (CkCudaStream *stream, const CkResample *op, const CkCudaRegion *region,
                      uint8_t *memory)
{
  const uint32_t across = blocks_of (op->out_width);
  CkCudaAntialiasedResample arguments = { .region = *region,
                                          .width = op->out_width,
                                          .height = op->out_height,
                                          .scale_x = (double)op->w / op->out_width,
                                          .scale_y = (double)op->h / op->out_height,
                                          .out = op->out,
                                          .row = op->out_row,
                                          .plane = op->out_plane };

  take_antialiased (op, memory, &arguments);
  memcpy (arguments.mean, op->mean, sizeof arguments.mean);
  memcpy (arguments.std, op->std, sizeof arguments.std);
  ck_cuda_launch (stream, "ck_cuda_resample_triangles",
                  (CkCudaGrid){ blocks_of ((int64_t)op->out_width + op->out_height), 1, 1 },
                  CK_RESAMPLE_THREADS, 0, &arguments, sizeof arguments);
  ck_cuda_launch (stream, "ck_cuda_resample_columns", (CkCudaGrid){ across, (uint32_t)op->h, 1 },
                  CK_RESAMPLE_THREADS, 0, &arguments, sizeof arguments);
  ck_cuda_launch (stream, "ck_cuda_resample_rows",
                  (CkCudaGrid){ across, (uint32_t)op->out_height, 3 }, CK_RESAMPLE_THREADS, 0,
                  &arguments, sizeof arguments);
}

/* ---- */

CkStatus
ck_cuda_resample (CkStream *self, const CkResample *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkStatus status = ck_check_resample (op);
  CkCudaAntialiasedResample sizes;
  Part parts[3];
  Layout layout;
  CkCudaRegion region;
  uint8_t *memory = NULL;
  size_t staged = 0, bytes;

  if (status != CK_OK)
    return status;
  if (op->picture.layout == CK_RGB8 && op->picture.pixel_stride != 3 &&
      op->picture.pixel_stride != 4)
    return CK_UNSUPPORTED;
  layout = layout_of (&op->picture);
  if (is_elsewhere (self->device, &op->picture))
    staged = find_parts (op, &layout, parts);
  bytes = staged + take_antialiased (op, NULL, &sizes);
  if (bytes > 0) {
    memory = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_PICTURE, bytes);
    if (memory == NULL)
      return ck_cuda_status (stream);
  }
  if (staged > 0)
    bring (stream, op, &layout, parts, memory);
  region = region_of (op, &layout, parts, staged > 0 ? memory : NULL);
  if (op->interpolation == CK_BILINEAR)
    resample_linear (stream, op, &region);
  else
    resample_antialiased (stream, op, &region, memory + staged);
  return ck_cuda_status (stream);
}
