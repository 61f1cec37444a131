/* SPDX-License-Identifier: MIT */
/* Crops of pictures of every layout, on the host and on the device: the floats of level "c". */
#include "tests/kernels/harness.h"

#include <stdlib.h>
#include <string.h>

/* ---- pictures -------------------------------------------------------------------------------- */

/* A picture of noise in one piece of memory. */
typedef struct {
  CkPicture picture;
  uint8_t *memory;
  size_t bytes;
  size_t offset[3]; /* of each plane */
} TestPicture;

/* Bytes of a row of a plane and its rows, 0 where there is no such plane. */
static void
plane_size (const CkPicture *picture, int plane, size_t *row, size_t *rows)
{
  const size_t width = (size_t)picture->width, height = (size_t)picture->height,
               half_width = (width + 1) / 2, half_height = (height + 1) / 2;
  const bool is_chroma = plane > 0;

  *row = *rows = 0;
  switch (picture->layout) {
  case CK_RGB8:
    *row = is_chroma ? 0 : width * (size_t)picture->pixel_stride;
    break;
  case CK_NV12:
    *row = plane == 0 ? width : plane == 1 ? 2 * half_width : 0;
    break;
  case CK_P010:
    *row = plane == 0 ? 2 * width : plane == 1 ? 4 * half_width : 0;
    break;
  case CK_I420:
    *row = is_chroma ? half_width : width;
    break;
  case CK_YUY2:
  case CK_UYVY:
    *row = is_chroma ? 0 : 4 * half_width;
    break;
  case CK_GRAY8:
    *row = is_chroma ? 0 : width;
    break;
  }
  if (*row > 0)
    *rows = is_chroma ? half_height : height;
}

/* Rows are longer than what is read of them, and of CK_RGB8 R, G and B lie in another order. */
static TestPicture
test_picture_new (CkPixelLayout layout, int width, int height, int pixel_stride)
{
  TestPicture test = { .picture = { .layout = layout,
                                    .width = width,
                                    .height = height,
                                    .pixel_stride = pixel_stride,
                                    .offset = { pixel_stride - 1, 0, 1 },
                                    .y_offset = 16,
                                    .y_gain = 1.1643836f,
                                    .r_v = 1.5960267f,
                                    .g_u = -0.3917623f,
                                    .g_v = -0.8129676f,
                                    .b_u = 2.0172321f } };

  for (int plane = 0; plane < 3; plane++) {
    size_t row, rows;

    plane_size (&test.picture, plane, &row, &rows);
    test.picture.stride[plane] = (int64_t)row + 2 * plane + 2;
    test.offset[plane] = test.bytes;
    test.bytes += rows * (size_t)test.picture.stride[plane];
  }
  test.memory = malloc (test.bytes);
  for (size_t i = 0; i < test.bytes; i++)
    test.memory[i] = (uint8_t)random_bits ();
  return test;
}

/* The picture with its planes at `memory`. */
static CkPicture
placed (const TestPicture *test, CkPlace place, const uint8_t *memory)
{
  CkPicture picture = test->picture;

  picture.place = place;
  for (int plane = 0; plane < 3; plane++) {
    size_t row, rows;

    plane_size (&picture, plane, &row, &rows);
    picture.plane[plane] = rows > 0 ? memory + test->offset[plane] : NULL;
  }
  return picture;
}

/* ---- one crop -------------------------------------------------------------------------------- */

typedef struct {
  int x, y, w, h, out_width, out_height;
} Crop;

/* Up, down, as it is, odd begins, edges, rows that are far apart, single pixels. */
static const Crop crops[] = {
  { 0, 0, 37, 23, 8, 5 },  { 0, 0, 37, 23, 37, 23 }, { 3, 5, 11, 7, 26, 19 },
  { 7, 1, 29, 22, 9, 31 }, { 36, 22, 1, 1, 3, 2 },   { 1, 0, 1, 23, 4, 4 },
  { 0, 9, 37, 1, 5, 3 },   { 5, 2, 20, 21, 1, 1 },   { 11, 3, 17, 19, 6, 4 },
};

static void
resample (CkStream *stream, const TestPicture *test, CkPlace place, CkResample op, float *out,
          int64_t first)
{
  const uint8_t *memory = place == CK_ON_HOST ? test->memory : D_BYTES (test->memory, test->bytes);

  op.picture = placed (test, place, memory);
  op.out = D (out) + first;
  CHECK (settled (stream, stream->operations->resample (stream, &op)) == CK_OK);
}

/* Planes in the middle of larger ones: the same values, and what is around them stays. */
static void
check_gaps (CkStream *stream, const TestPicture *test, CkResample op, const float *want)
{
  enum { EDGE = 3 };
  const int64_t row = op.out_width + 2 * EDGE, rows = op.out_height + 2 * EDGE, plane = row * rows;
  float *out = floats_new (3 * plane);

  for (int64_t i = 0; i < 3 * plane; i++)
    out[i] = 9;
  op.out_row = row;
  op.out_plane = plane;
  resample (stream, test, CK_ON_HOST, op, out, EDGE * row + EDGE);
  for (int64_t i = 0; i < 3 * plane; i++) {
    const int64_t c = i / plane, y = i % plane / row - EDGE, x = i % row - EDGE;
    const int inside = x >= 0 && x < op.out_width && y >= 0 && y < op.out_height;
    const float expected = inside ? want[(c * op.out_height + y) * op.out_width + x] : 9;
    if (memcmp (&out[i], &expected, sizeof expected) != 0) {
      fail ("filter %d to %d x %d in larger planes: value %lld is %g, not %g", op.interpolation,
            op.out_width, op.out_height, (long long)i, out[i], expected);
      break;
    }
  }
  floats_free (out, 3 * plane);
}

static void
check_crop (CkStream *stream, CkStream *oracle, const TestPicture *test, const Crop *crop,
            CkInterpolation interpolation)
{
  const CkResample op = { .x = crop->x,
                          .y = crop->y,
                          .w = crop->w,
                          .h = crop->h,
                          .interpolation = interpolation,
                          .out_width = crop->out_width,
                          .out_height = crop->out_height,
                          .out_row = crop->out_width,
                          .out_plane = (int64_t)crop->out_width * crop->out_height,
                          .mean = { .485f, .456f, .406f },
                          .std = { .229f, .224f, .225f } };
  const int64_t n = 3 * (int64_t)crop->out_width * crop->out_height;
  float *want = floats_new (n);

  resample (oracle, test, CK_ON_HOST, op, want, 0);
  for (int place = CK_ON_HOST; place <= CK_ON_DEVICE; place++) {
    float *out = floats_new (n);

    resample (stream, test, (CkPlace)place, op, out, 0);
    for (int64_t i = 0; i < n; i++)
      if (memcmp (&out[i], &want[i], sizeof *out) != 0) {
        fail ("layout %d, place %d, filter %d, %d x %d from (%d, %d) to %d x %d: value %lld is %g, "
              "not %g",
              test->picture.layout, place, interpolation, crop->w, crop->h, crop->x, crop->y,
              crop->out_width, crop->out_height, (long long)i, out[i], want[i]);
        break;
      }
    floats_free (out, n);
  }
  check_gaps (stream, test, op, want);
  floats_free (want, n);
}

/* Rows that overlap, and planes that do. */
static void
check_refused (CkStream *stream, const TestPicture *test)
{
  static const int64_t gaps[][2] = { { 3, 20 }, { 4, 18 }, { 0, 20 }, { 5, 23 }, { 4, -1 } };
  float *out = floats_new (64);
  CkResample op = { .picture = placed (test, CK_ON_HOST, test->memory),
                    .w = 8,
                    .h = 8,
                    .out_width = 4,
                    .out_height = 5,
                    .std = { 1, 1, 1 } };

  for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
    op.out = D (out);
    op.out_row = gaps[i][0];
    op.out_plane = gaps[i][1];
    CHECK (settled (stream, stream->operations->resample (stream, &op)) == CK_BAD_SHAPE);
  }
  floats_free (out, 64);
}

void
check_resample (CkStream *stream, CkStream *oracle)
{
  case_begin ();
  for (int layout = CK_RGB8; layout <= CK_GRAY8; layout++)
    for (int pixel_stride = 3; pixel_stride <= (layout == CK_RGB8 ? 4 : 3); pixel_stride++) {
      TestPicture test = test_picture_new ((CkPixelLayout)layout, 37, 23, pixel_stride);

      for (size_t c = 0; c < sizeof crops / sizeof *crops; c++) {
        check_crop (stream, oracle, &test, &crops[c], CK_BILINEAR);
        check_crop (stream, oracle, &test, &crops[c], CK_BILINEAR_ANTIALIASED);
      }
      check_refused (stream, &test);
      free (test.memory);
    }
  case_end ("resample", stream_name (stream));
}
