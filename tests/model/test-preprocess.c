/* SPDX-License-Identifier: MIT */
/* Preprocessing against OpenCV and Pillow, byte for byte, in every pixel layout; regions, colour
 * matrices and refused pictures. */
#include <math.h>

#include "model/adapter/preprocess.h"
#include "model/files/safetensors.h"
#include "model/network/device.h"

static CkDevice *
device_open (void)
{
  g_autoptr (GError) error = NULL;
  CkDevice *device = cow_device_open (NULL, 1, &error);
  g_assert_no_error (error);
  return device;
}

static CowSafetensors *
data_open (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_getenv ("COW_TEST_DATA"), name, NULL);
  CowSafetensors *file = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < cow_safetensors_n_tensors (file); i++)
    g_assert_true (cow_tensor_read (cow_safetensors_nth (file, i), &error));
  return file;
}

static CkPicture
rgb_picture (const guint8 *data, int width, int height)
{
  return (CkPicture){ .layout = CK_RGB8,
                      .width = width,
                      .height = height,
                      .plane = { data },
                      .stride = { 3 * (gint64)width },
                      .pixel_stride = 3,
                      .offset = { 0, 1, 2 } };
}

/* Resizes a region with unit normalisation and gives the bytes that came out, as [3, height,
 * width]. */
static guint8 *
run_to_bytes (const CkPicture *picture, const CowRegion *region, CkInterpolation interpolation,
              int width, int height)
{
  g_autoptr (GError) error = NULL;
  const CowPreprocess preprocess = { width, height, interpolation, COW_UNIT, COW_STRETCH };
  const gsize n = cow_preprocess_size (&preprocess);
  g_autofree float *out = g_new (float, n);
  guint8 *bytes = g_malloc (n);
  g_autoptr (CkDevice) device = device_open ();
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, NULL);

  cow_preparer_run (preparer, &preprocess, picture, region, out, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < n; i++) {
    bytes[i] = (guint8)lrintf (out[i] * 255.0f);
    g_assert_cmpfloat (out[i], ==, (float)bytes[i] / 255.0f);
  }
  return bytes;
}

/* expected is [height, width, 3]. */
static void
assert_resized (const CkPicture *picture, const CowRegion *region, CkInterpolation interpolation,
                const CowTensor *expected)
{
  g_assert_nonnull (expected);
  const int height = (int)expected->dims[0], width = (int)expected->dims[1], plane = width * height;
  g_autofree guint8 *found = run_to_bytes (picture, region, interpolation, width, height);

  for (int i = 0; i < plane; i++)
    for (int c = 0; c < 3; c++)
      if (found[c * plane + i] != expected->data[3 * i + c])
        g_error ("%s: pixel %d, channel %d is %d, expected %d", expected->name, i, c,
                 found[c * plane + i], expected->data[3 * i + c]);
}

static void
test_golden (void)
{
  g_autoptr (CowSafetensors) file = data_open ("golden/preprocess/resized.safetensors");
  const CkPicture picture = rgb_picture (cow_safetensors_get (file, "rgb")->data, 320, 240);

  assert_resized (&picture, NULL, CK_BILINEAR, cow_safetensors_get (file, "cv2_linear_224"));
  assert_resized (&picture, NULL, CK_BILINEAR_ANTIALIASED,
                  cow_safetensors_get (file, "pil_bilinear_224"));
}

static const char *const cases[] = {
  "upscale", "downscale", "half", "same",  "crop",   "corner",
  "pixel",   "column",    "row",  "mixed", "to-one", "extremes"
};

static const CowTensor *
case_tensor (const CowSafetensors *file, const char *name, const char *part)
{
  g_autofree char *key = g_strconcat (name, ".", part, NULL);
  const CowTensor *tensor = cow_safetensors_get (file, key);
  g_assert_nonnull (tensor);
  return tensor;
}

static CowRegion
case_region (const CowSafetensors *file, const char *name)
{
  gint32 box[4];
  memcpy (box, case_tensor (file, name, "box")->data, sizeof box);
  return (CowRegion){ GINT32_FROM_LE (box[0]), GINT32_FROM_LE (box[1]), GINT32_FROM_LE (box[2]),
                      GINT32_FROM_LE (box[3]) };
}

static void
test_shapes (void)
{
  g_autoptr (CowSafetensors) file = data_open ("preprocess/resized.safetensors");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const CowTensor *rgb = case_tensor (file, cases[i], "picture");
    /* A copy of exact size, so that a checker sees a read beyond its end. */
    g_autofree guint8 *data = g_memdup2 (rgb->data, rgb->n_bytes);
    const CkPicture picture = rgb_picture (data, (int)rgb->dims[1], (int)rgb->dims[0]);
    const CowRegion region = case_region (file, cases[i]);

    assert_resized (&picture, &region, CK_BILINEAR, case_tensor (file, cases[i], "opencv"));
    assert_resized (&picture, &region, CK_BILINEAR_ANTIALIASED,
                    case_tensor (file, cases[i], "pillow"));
  }
}

/* The same pixels as BGRx with padded rows. */
static void
test_pixel_order (void)
{
  g_autoptr (CowSafetensors) file = data_open ("preprocess/resized.safetensors");
  const CowTensor *rgb = case_tensor (file, "crop", "picture");
  const int height = (int)rgb->dims[0], width = (int)rgb->dims[1], stride = 4 * width + 12;
  g_autofree guint8 *data = g_malloc0 ((gsize)stride * height);
  const CowRegion region = case_region (file, "crop");

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++)
        data[y * stride + 4 * x + 2 - c] = rgb->data[3 * (y * width + x) + c];
  const CkPicture picture = { .layout = CK_RGB8,
                              .width = width,
                              .height = height,
                              .plane = { data },
                              .stride = { stride },
                              .pixel_stride = 4,
                              .offset = { 2, 1, 0 } };
  assert_resized (&picture, &region, CK_BILINEAR, case_tensor (file, "crop", "opencv"));
  assert_resized (&picture, &region, CK_BILINEAR_ANTIALIASED, case_tensor (file, "crop", "pillow"));
}

/* ---- Y'CbCr ---------------------------------------------------------------------------------- */

static guint8
to_byte (float value)
{
  return (guint8)CLAMP (rintf (value), 0.0f, 255.0f);
}

/* Two bytes, the lower first, of which the upper 10 bits are the sample, in units of 0..255. */
static float
sample10 (const guint8 *at)
{
  return (float)((at[1] << 8 | at[0]) / 64) / 4.0f;
}

/* Y, U and V of a pixel, each layout written out by its definition. */
static void
samples_of (const CkPicture *picture, int x, int y, float yuv[3])
{
  const guint8 *row = picture->plane[0] + y * picture->stride[0];
  const guint8 *second = picture->plane[1] ? picture->plane[1] + y / 2 * picture->stride[1] : NULL;
  const guint8 *third = picture->plane[2] ? picture->plane[2] + y / 2 * picture->stride[2] : NULL;
  const guint8 *group = row + x / 2 * 4;

  switch (picture->layout) {
  case CK_NV12:
    memcpy (yuv, (float[]){ row[x], second[x / 2 * 2], second[x / 2 * 2 + 1] }, 3 * sizeof (float));
    break;
  case CK_I420:
    memcpy (yuv, (float[]){ row[x], second[x / 2], third[x / 2] }, 3 * sizeof (float));
    break;
  case CK_YUY2:
    memcpy (yuv, (float[]){ group[x % 2 ? 2 : 0], group[1], group[3] }, 3 * sizeof (float));
    break;
  case CK_UYVY:
    memcpy (yuv, (float[]){ group[x % 2 ? 3 : 1], group[0], group[2] }, 3 * sizeof (float));
    break;
  case CK_P010:
    memcpy (yuv,
            (float[]){ sample10 (row + 2 * x), sample10 (second + x / 2 * 4),
                       sample10 (second + x / 2 * 4 + 2) },
            3 * sizeof (float));
    break;
  case CK_GRAY8:
    memcpy (yuv, (float[]){ row[x], 128, 128 }, 3 * sizeof (float));
    break;
  case CK_RGB8:
    g_assert_not_reached ();
  }
}

/* The formula of CkPicture, pixel by pixel over the whole picture. */
static guint8 *
convert_picture (const CkPicture *picture)
{
  guint8 *rgb = g_malloc ((gsize)3 * picture->width * picture->height), *out = rgb;

  for (int y = 0; y < picture->height; y++)
    for (int x = 0; x < picture->width; x++) {
      float yuv[3] = { 0 };
      samples_of (picture, x, y, yuv);
      const float luma = (yuv[0] - picture->y_offset) * picture->y_gain;
      const float cb = yuv[1] - 128.0f, cr = yuv[2] - 128.0f;
      *out++ = to_byte (luma + picture->r_v * cr);
      *out++ = to_byte (luma + picture->g_u * cb + picture->g_v * cr);
      *out++ = to_byte (luma + picture->b_u * cb);
    }
  return rgb;
}

static guint8 *
noise (GRand *random, gsize n)
{
  guint8 *data = g_malloc (n);
  for (gsize i = 0; i < n; i++)
    data[i] = (guint8)g_rand_int_range (random, 0, 256);
  return data;
}

static void
assert_same_as_converted (const CkPicture *picture, const CowRegion *region,
                          CkInterpolation interpolation, int width, int height)
{
  g_autofree guint8 *converted = convert_picture (picture);
  const CkPicture rgb = rgb_picture (converted, picture->width, picture->height);
  g_autofree guint8 *expected = run_to_bytes (&rgb, region, interpolation, width, height);
  g_autofree guint8 *found = run_to_bytes (picture, region, interpolation, width, height);
  g_assert_cmpmem (found, (gsize)3 * width * height, expected, (gsize)3 * width * height);
}

/* Sets the strides to the shortest that a layout can have; 0 for planes that it lacks. */
static void
plane_bytes (CkPicture *picture)
{
  const gint64 width = picture->width, half = (width + 1) / 2;
  const gint64 shortest[][3] = {
    [CK_NV12] = { width, 2 * half, 0 },     [CK_I420] = { width, half, half },
    [CK_YUY2] = { 4 * half, 0, 0 },         [CK_UYVY] = { 4 * half, 0, 0 },
    [CK_P010] = { 2 * width, 4 * half, 0 }, [CK_GRAY8] = { width, 0, 0 }
  };

  memcpy (picture->stride, shortest[picture->layout], sizeof picture->stride);
}

static void
test_yuv (void)
{
  static const struct {
    int width, height;
    CowRegion region;
    int out_width, out_height;
  } shapes[] = { { 64, 48, { 0, 0, 64, 48 }, 32, 32 }, { 33, 21, { 0, 0, 33, 21 }, 16, 16 },
                 { 33, 21, { 5, 3, 28, 18 }, 48, 32 }, { 31, 17, { 30, 16, 1, 1 }, 8, 8 },
                 { 1, 1, { 0, 0, 1, 1 }, 4, 4 },       { 50, 40, { 7, 9, 20, 30 }, 7, 50 } };
  g_autoptr (GRand) random = g_rand_new_with_seed (3);

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    for (int layout = CK_NV12; layout <= CK_GRAY8; layout++) {
      CkPicture picture = { .layout = (CkPixelLayout)layout,
                            .width = shapes[i].width,
                            .height = shapes[i].height };
      g_autofree guint8 *first = NULL, *second = NULL, *third = NULL;
      plane_bytes (&picture);
      /* planes of exact size, so that a checker sees a read beyond their end */
      picture.plane[0] = first = noise (random, (gsize)picture.stride[0] * picture.height);
      picture.plane[1] = second =
          noise (random, (gsize)picture.stride[1] * ((picture.height + 1) / 2));
      picture.plane[2] = third =
          noise (random, (gsize)picture.stride[2] * ((picture.height + 1) / 2));
      cow_picture_set_matrix (&picture, 0.299, 0.114, i % 2);
      for (int interpolation = CK_BILINEAR; interpolation <= CK_BILINEAR_ANTIALIASED;
           interpolation++)
        assert_same_as_converted (&picture, &shapes[i].region, interpolation, shapes[i].out_width,
                                  shapes[i].out_height);
    }
  }
}

static void
assert_colour (double kr, double kb, gboolean full_range, const guint8 yuv[3], const guint8 rgb[3])
{
  const guint8 u[2] = { yuv[1], yuv[2] };
  CkPicture picture = {
    .layout = CK_NV12, .width = 1, .height = 1, .plane = { yuv, u }, .stride = { 1, 2 }
  };
  cow_picture_set_matrix (&picture, kr, kb, full_range);
  g_autofree guint8 *found = run_to_bytes (&picture, NULL, CK_BILINEAR, 1, 1);
  for (int c = 0; c < 3; c++)
    g_assert_cmpint (ABS (found[c] - rgb[c]), <=, 1);
}

/* Reference values: the colour bars of ITU-R BT.601, BT.709 and BT.2020, to the nearest code. */
static void
test_matrix (void)
{
  const guint8 white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 }, red[3] = { 255, 0, 0 },
               blue[3] = { 0, 0, 255 };

  assert_colour (0.299, 0.114, FALSE, (const guint8[]){ 235, 128, 128 }, white);
  assert_colour (0.299, 0.114, FALSE, (const guint8[]){ 16, 128, 128 }, black);
  assert_colour (0.299, 0.114, FALSE, (const guint8[]){ 81, 90, 240 }, red);
  assert_colour (0.2126, 0.0722, FALSE, (const guint8[]){ 63, 102, 240 }, red);
  assert_colour (0.2126, 0.0722, FALSE, (const guint8[]){ 32, 240, 118 }, blue);
  assert_colour (0.2627, 0.0593, FALSE, (const guint8[]){ 74, 97, 240 }, red);
  assert_colour (0.299, 0.114, TRUE, (const guint8[]){ 76, 85, 255 },
                 (const guint8[]){ 254, 0, 0 });
  assert_colour (0.299, 0.114, TRUE, (const guint8[]){ 255, 128, 128 }, white);
}

/* The same colours in 10 bits, and grey: code values of BT.709 and of SMPTE's 10-bit bars. */
static void
test_matrix_deep (void)
{
  static const struct {
    gboolean full_range;
    guint16 yuv[3];
    guint8 rgb[3];
  } colours[] = {
    { FALSE, { 940, 512, 512 }, { 255, 255, 255 } },
    { FALSE, { 64, 512, 512 }, { 0, 0, 0 } },
    { FALSE, { 250, 409, 960 }, { 255, 0, 0 } },
    { TRUE, { 1023, 512, 512 }, { 255, 255, 255 } },
    { TRUE, { 0, 512, 512 }, { 0, 0, 0 } },
    { TRUE, { 512, 512, 512 }, { 128, 128, 128 } },
    { FALSE, { 503, 512, 512 }, { 128, 128, 128 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (colours); i++) {
    guint8 y[2], uv[4];
    CkPicture picture = {
      .layout = CK_P010, .width = 1, .height = 1, .plane = { y, uv }, .stride = { 2, 4 }
    };
    for (guint c = 0; c < 3; c++) {
      guint8 *at = c == 0 ? y : uv + 2 * (c - 1);
      at[0] = (guint8)(colours[i].yuv[c] << 6 & 0xff) | 0x3f; /* the lower six bits do not count */
      at[1] = (guint8)(colours[i].yuv[c] >> 2);
    }
    cow_picture_set_matrix (&picture, 0.2126, 0.0722, colours[i].full_range);
    g_autofree guint8 *found = run_to_bytes (&picture, NULL, CK_BILINEAR, 1, 1);
    for (int c = 0; c < 3; c++)
      g_assert_cmpint (ABS (found[c] - colours[i].rgb[c]), <=, 1);
  }
}

/* ---- values, regions, refusals --------------------------------------------------------------- */

static void
test_normalisation (void)
{
  static const struct {
    const char *name;
    float mean[3], std[3];
  } expected[] = { { "unit", { 0, 0, 0 }, { 1, 1, 1 } },
                   { "imagenet", { .485f, .456f, .406f }, { .229f, .224f, .225f } },
                   { "satellite", { .430f, .411f, .296f }, { .213f, .156f, .143f } } };
  const guint8 pixel[3] = { 10, 130, 250 };
  const CkPicture picture = rgb_picture (pixel, 1, 1);
  g_autoptr (CkDevice) device = device_open ();
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autoptr (GError) error = NULL;
    CowPreprocess preprocess = cow_preprocess_default ();
    float out[3];
    preprocess.width = preprocess.height = 1;
    g_assert_true (cow_normalisation_parse (expected[i].name, &preprocess.normalisation));
    g_assert_cmpstr (cow_normalisation_name (preprocess.normalisation), ==, expected[i].name);
    cow_preparer_run (preparer, &preprocess, &picture, NULL, out, &error);
    g_assert_no_error (error);
    for (int c = 0; c < 3; c++)
      g_assert_cmpfloat (out[c], ==,
                         ((float)pixel[c] / 255.0f - expected[i].mean[c]) / expected[i].std[c]);
  }
}

static void
test_names (void)
{
  const CowPreprocess preprocess = cow_preprocess_default ();
  CkInterpolation interpolation;
  CowNormalisation normalisation;

  g_assert_cmpint (preprocess.width, ==, 224);
  g_assert_cmpint (preprocess.height, ==, 224);
  g_assert_cmpstr (cow_interpolation_name (preprocess.interpolation), ==, "bilinear");
  g_assert_cmpstr (cow_normalisation_name (preprocess.normalisation), ==, "unit");
  g_assert_true (cow_interpolation_parse ("bilinear-antialiased", &interpolation));
  g_assert_cmpint (interpolation, ==, CK_BILINEAR_ANTIALIASED);
  g_assert_false (cow_interpolation_parse ("bicubic", &interpolation));
  g_assert_false (cow_interpolation_parse (NULL, &interpolation));
  g_assert_false (cow_normalisation_parse ("", &normalisation));
}

static void
test_clip (void)
{
  static const struct {
    CowRegion region, clipped; /* clipped.w 0: refused */
  } regions[] = {
    { { 0, 0, 100, 50 }, { 0, 0, 100, 50 } },
    { { -10, -20, 30, 40 }, { 0, 0, 20, 20 } },
    { { 90, 40, 30, 30 }, { 90, 40, 10, 10 } },
    { { 1, 2, G_MAXINT, G_MAXINT }, { 1, 2, 99, 48 } },
    { { G_MININT, G_MININT, G_MAXINT, G_MAXINT }, { 0 } },
    { { -5, -5, G_MAXINT, G_MAXINT }, { 0, 0, 100, 50 } },
    { { G_MAXINT, 0, G_MAXINT, 1 }, { 0 } },
    { { 100, 0, 1, 1 }, { 0 } },
    { { 0, 50, 1, 1 }, { 0 } },
    { { 0, 0, 0, 1 }, { 0 } },
    { { 0, 0, 1, -1 }, { 0 } },
    { { 0, 0, G_MININT, G_MININT }, { 0 } },
    { { -3, 0, 3, 1 }, { 0 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (regions); i++) {
    g_autoptr (GError) error = NULL;
    CowRegion region = regions[i].region;
    const gboolean left = cow_region_clip (&region, 100, 50, &error);
    if (regions[i].clipped.w == 0) {
      g_assert_false (left);
      g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, "100 x 50"));
      continue;
    }
    g_assert_no_error (error);
    g_assert_cmpmem (&region, sizeof region, &regions[i].clipped, sizeof region);
  }
}

static void
assert_refused (const CowPreprocess *preprocess, const CkPicture *picture, const CowRegion *region,
                const char *names)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = device_open ();
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, NULL);
  float out[3 * 4 * 4];

  g_assert_false (cow_preparer_run (preparer, preprocess, picture, region, out, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  if (!strstr (error->message, names))
    g_error ("\"%s\" does not name \"%s\"", error->message, names);
}

static void
test_refused (void)
{
  const CowPreprocess good = { 4, 4, CK_BILINEAR, COW_UNIT, COW_STRETCH };
  guint8 data[8 * 8 * 3] = { 0 };
  const CkPicture picture = rgb_picture (data, 8, 8);
  const CowRegion outside = { 8, 0, 2, 2 };
  CowPreprocess preprocess = good;
  CkPicture bad = picture;

  assert_refused (&good, &picture, &outside, "x=8");
  bad.width = 0;
  assert_refused (&good, &bad, NULL, "0 x 8");
  bad.width = 32769;
  assert_refused (&good, &bad, NULL, "32769 x 8");
  bad = picture;
  bad.stride[0] = 23;
  assert_refused (&good, &bad, NULL, "stride 23");
  bad = picture;
  bad.plane[0] = NULL;
  assert_refused (&good, &bad, NULL, "plane 0");
  bad = picture;
  bad.offset[1] = 3;
  assert_refused (&good, &bad, NULL, "byte 3");
  bad = (CkPicture){
    .layout = CK_NV12, .width = 7, .height = 8, .plane = { data, data }, .stride = { 8, 7 }
  };
  assert_refused (&good, &bad, NULL, "plane 1");
  bad = (CkPicture){
    .layout = CK_YUY2, .width = 7, .height = 8, .plane = { data }, .stride = { 15 }
  };
  assert_refused (&good, &bad, NULL, "stride 15, a row has 16");
  bad = (CkPicture){
    .layout = CK_P010, .width = 7, .height = 8, .plane = { data, data }, .stride = { 14, 15 }
  };
  assert_refused (&good, &bad, NULL, "plane 1");
  bad.layout = (CkPixelLayout)9;
  assert_refused (&good, &bad, NULL, "layout 9");
  preprocess.width = 0;
  assert_refused (&preprocess, &picture, NULL, "0 x 4");
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct {
  CkDevice *device;
  const CkPicture *picture;
  const float *expected; /* [3, 32, 32] */
} Shared;

static gpointer
run_often (gpointer data)
{
  const Shared *shared = data;
  const CowPreprocess preprocess = { 32, 32, CK_BILINEAR_ANTIALIASED, COW_UNIT, COW_STRETCH };
  g_autoptr (CowPreparer) preparer = cow_preparer_new (shared->device, NULL);
  float out[3 * 32 * 32];

  for (int i = 0; i < 50; i++) {
    g_assert_true (cow_preparer_run (preparer, &preprocess, shared->picture, NULL, out, NULL));
    g_assert_cmpmem (out, sizeof out, shared->expected, sizeof out);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (4);
  g_autofree guint8 *data = noise (random, 3 * 90 * 70);
  const CkPicture picture = rgb_picture (data, 90, 70);
  const CowPreprocess preprocess = { 32, 32, CK_BILINEAR_ANTIALIASED, COW_UNIT, COW_STRETCH };
  float expected[3 * 32 * 32];
  g_autoptr (CkDevice) device = device_open ();
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, NULL);
  const Shared shared = { device, &picture, expected };
  GThread *threads[4];

  g_assert_true (cow_preparer_run (preparer, &preprocess, &picture, NULL, expected, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("resample", run_often, (gpointer)&shared);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* ---- pictures of another shape --------------------------------------------------------------- */

static void
assert_place (int width, int height, int across, int down, CowRegion expected)
{
  const CowPreprocess preprocess = { width, height, CK_BILINEAR, COW_UNIT, COW_LETTERBOX };
  const CowRegion place = cow_preprocess_place (&preprocess, across, down);

  g_assert_cmpint (place.x, ==, expected.x);
  g_assert_cmpint (place.y, ==, expected.y);
  g_assert_cmpint (place.w, ==, expected.w);
  g_assert_cmpint (place.h, ==, expected.h);
}

static void
test_place (void)
{
  assert_place (640, 368, 1920, 1080, (CowRegion){ 0, 4, 640, 360 });
  assert_place (640, 368, 640, 480, (CowRegion){ 74, 0, 491, 368 });
  assert_place (640, 368, 1280, 736, (CowRegion){ 0, 0, 640, 368 });
  assert_place (640, 368, 2, 1, (CowRegion){ 0, 24, 640, 320 });
  assert_place (16, 16, 32768, 1, (CowRegion){ 0, 7, 16, 1 });
  assert_place (16, 16, 1, 32768, (CowRegion){ 7, 0, 1, 16 });
  assert_place (8192, 1, 32768, 32768, (CowRegion){ 4095, 0, 1, 1 });
}

/* The picture is that of its size alone, byte for byte, and the rest is grey, in every
 * normalisation what pixels of 114 become. */
static void
test_letterbox (void)
{
  enum { ACROSS = 9, DOWN = 20, WIDTH = 32, HEIGHT = 24 };
  g_autofree guint8 *rgb = g_malloc (3 * ACROSS * DOWN);
  g_autoptr (CkDevice) device = device_open ();
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3 * ACROSS * DOWN; i++)
    rgb[i] = (guint8)(i * 37);
  const CkPicture picture = rgb_picture (rgb, ACROSS, DOWN);
  for (int k = 0; k < 6; k++) {
    CowPreprocess boxed = { WIDTH, HEIGHT, (CkInterpolation)(k % 2), (CowNormalisation)(k / 2),
                            COW_LETTERBOX },
                  plain = boxed, flat = boxed;
    static const guint8 grey[3] = { 114, 114, 114 };
    const CowRegion region = { 1, 2, 8, 16 };
    const CkPicture one = rgb_picture (grey, 1, 1);
    float out[3 * WIDTH * HEIGHT], whole[3 * WIDTH * HEIGHT], of_grey[3];
    const CowRegion place = cow_preprocess_place (&boxed, region.w, region.h);

    g_assert_cmpint (place.w, ==, 12);
    g_assert_cmpint (place.x, ==, 10);
    plain.fit = COW_STRETCH;
    plain.width = place.w;
    flat.width = flat.height = 1;
    cow_preparer_run (preparer, &boxed, &picture, &region, out, &error);
    g_assert_no_error (error);
    cow_preparer_run (preparer, &plain, &picture, &region, whole, &error);
    g_assert_no_error (error);
    cow_preparer_run (preparer, &flat, &one, NULL, of_grey, &error);
    g_assert_no_error (error);
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
      const int c = i / (WIDTH * HEIGHT), y = i / WIDTH % HEIGHT, x = i % WIDTH - place.x;
      const float expected =
          x >= 0 && x < place.w ? whole[(c * HEIGHT + y) * place.w + x] : of_grey[c];
      g_assert_cmpfloat (out[i], ==, expected);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/preprocess/golden", test_golden);
  g_test_add_func ("/preprocess/place", test_place);
  g_test_add_func ("/preprocess/letterbox", test_letterbox);
  g_test_add_func ("/preprocess/shapes", test_shapes);
  g_test_add_func ("/preprocess/pixel-order", test_pixel_order);
  g_test_add_func ("/preprocess/yuv", test_yuv);
  g_test_add_func ("/preprocess/matrix", test_matrix);
  g_test_add_func ("/preprocess/matrix-deep", test_matrix_deep);
  g_test_add_func ("/preprocess/normalisation", test_normalisation);
  g_test_add_func ("/preprocess/names", test_names);
  g_test_add_func ("/preprocess/clip", test_clip);
  g_test_add_func ("/preprocess/refused", test_refused);
  g_test_add_func ("/preprocess/threads", test_threads);
  return g_test_run ();
}
