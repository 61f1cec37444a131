/* SPDX-License-Identifier: MIT */
/* One picture in every format has the same result. */
#include "library-test.h"

#include <string.h>

#define PAD    5 /* bytes after each row, which must be ignored */
#define CHROMA ((WIDTH + 1) / 2)

static float expected[N_CLASSES];

static int
same (CowBehavior *behavior, const CowBehaviorPicture *picture)
{
  float answer[N_CLASSES];
  return cow_behavior_classify (behavior, picture, NULL, 1, answer, NULL) == COW_BEHAVIOR_OK &&
         near (expected, answer, N_CLASSES, 1e-6f);
}

/* Reorders the channels: `at` is the byte of R, G and B in a pixel of `step` bytes. */
static void
check_rgb (CowBehavior *behavior, const unsigned char *rgb, CowBehaviorFormat format, int step,
           const int at[3], const char *label)
{
  static unsigned char pixels[HEIGHT][4 * WIDTH + PAD];
  CowBehaviorPicture picture = { sizeof picture,       format, WIDTH, HEIGHT, { pixels },
                                 { sizeof pixels[0] }, 0,      0 };

  memset (pixels, 0xaa, sizeof pixels);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int c = 0; c < 3; c++)
        pixels[y][step * x + at[c]] = rgb[3 * (y * WIDTH + x) + c];
  point (same (behavior, &picture), label);
}

static void
test_orders (CowBehavior *behavior)
{
  static unsigned char rgb[3 * WIDTH * HEIGHT];
  CowBehaviorPicture picture = picture_new (rgb, 7);

  cow_behavior_classify (behavior, &picture, NULL, 1, expected, NULL);
  check_rgb (behavior, rgb, COW_BEHAVIOR_RGB, 3, (const int[]){ 0, 1, 2 }, "RGB");
  check_rgb (behavior, rgb, COW_BEHAVIOR_BGR, 3, (const int[]){ 2, 1, 0 }, "BGR");
  check_rgb (behavior, rgb, COW_BEHAVIOR_RGBX, 4, (const int[]){ 0, 1, 2 }, "RGBX");
  check_rgb (behavior, rgb, COW_BEHAVIOR_BGRX, 4, (const int[]){ 2, 1, 0 }, "BGRX");
  check_rgb (behavior, rgb, COW_BEHAVIOR_XRGB, 4, (const int[]){ 1, 2, 3 }, "XRGB");
  check_rgb (behavior, rgb, COW_BEHAVIOR_XBGR, 4, (const int[]){ 3, 2, 1 }, "XBGR");
  picture.format = COW_BEHAVIOR_BGR;
  point (!same (behavior, &picture), "the order of channels counts");
}

/* The value of a channel at a pixel: ramps in Y, and colours by the place of the chroma sample. */
static int
luma (int x, int y)
{
  return 40 + 3 * x + y;
}

static int
chroma (int x, int y, int v)
{
  return v ? 150 - 2 * y : 100 + 2 * x;
}

static int
rounded (double value)
{
  return value < 0 ? 0 : value > 255 ? 255 : (int)(value + 0.5);
}

/* The picture's RGB by the definition of the matrix; chroma of 4:2:2 or 4:2:0 that is the same in
 * every row. */
static CowBehaviorPicture
convert (unsigned char *rgb, double kr, double kb, int full)
{
  CowBehaviorPicture picture = picture_new (rgb, 0);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      double l = full ? luma (x, y) : (luma (x, y) - 16) * 255.0 / 219.0,
             scale = full ? 1.0 : 255.0 / 224.0;
      double u = (chroma (x / 2, y / 2, 0) - 128) * scale,
             v = (chroma (x / 2, y / 2, 1) - 128) * scale;
      double r = l + 2 * (1 - kr) * v, b = l + 2 * (1 - kb) * u;
      unsigned char *pixel = rgb + 3 * (y * WIDTH + x);
      pixel[0] = (unsigned char)rounded (r);
      pixel[1] = (unsigned char)rounded ((l - kr * r - kb * b) / (1 - kr - kb));
      pixel[2] = (unsigned char)rounded (b);
    }
  return picture;
}

/* All formats of Y'CbCr with one matrix and range. */
static void
check_yuv (CowBehavior *behavior, CowBehaviorMatrix matrix, CowBehaviorRange range,
           const char *label)
{
  static unsigned char y8[HEIGHT][WIDTH + PAD], uv8[CHROMA][2 * CHROMA + PAD],
      u8[CHROMA][CHROMA + PAD], v8[CHROMA][CHROMA + PAD], yuy2[HEIGHT][4 * CHROMA + PAD],
      uyvy[HEIGHT][4 * CHROMA + PAD], y16[HEIGHT][2 * WIDTH + PAD], uv16[CHROMA][4 * CHROMA + PAD];
  const CowBehaviorPicture pictures[] = {
    { sizeof (CowBehaviorPicture),
      COW_BEHAVIOR_NV12,
      WIDTH,
      HEIGHT,
      { y8, uv8 },
      { sizeof y8[0], sizeof uv8[0] },
      matrix,
      range },
    { sizeof (CowBehaviorPicture),
      COW_BEHAVIOR_I420,
      WIDTH,
      HEIGHT,
      { y8, u8, v8 },
      { sizeof y8[0], sizeof u8[0], sizeof v8[0] },
      matrix,
      range },
    { sizeof (CowBehaviorPicture),
      COW_BEHAVIOR_YUY2,
      WIDTH,
      HEIGHT,
      { yuy2 },
      { sizeof yuy2[0] },
      matrix,
      range },
    { sizeof (CowBehaviorPicture),
      COW_BEHAVIOR_UYVY,
      WIDTH,
      HEIGHT,
      { uyvy },
      { sizeof uyvy[0] },
      matrix,
      range },
    { sizeof (CowBehaviorPicture),
      COW_BEHAVIOR_P010,
      WIDTH,
      HEIGHT,
      { y16, uv16 },
      { sizeof y16[0], sizeof uv16[0] },
      matrix,
      range },
  };
  int right = 1;

  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      int u = chroma (x / 2, y / 2, 0), v = chroma (x / 2, y / 2, 1), l = luma (x, y);
      y8[y][x] = yuy2[y][2 * x] = uyvy[y][2 * x + 1] = y16[y][2 * x + 1] = (unsigned char)l;
      u8[y / 2][x / 2] = uv8[y / 2][x / 2 * 2] = yuy2[y][x / 2 * 4 + 1] = uyvy[y][x / 2 * 4] =
          uv16[y / 2][x / 2 * 4 + 1] = (unsigned char)u;
      v8[y / 2][x / 2] = uv8[y / 2][x / 2 * 2 + 1] = yuy2[y][x / 2 * 4 + 3] =
          uyvy[y][x / 2 * 4 + 2] = uv16[y / 2][x / 2 * 4 + 3] = (unsigned char)v;
    }
  /* In full range, white of ten bits is 1023, not four times 255. */
  for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++)
    right &= (pictures[i].format == COW_BEHAVIOR_P010 && range == COW_BEHAVIOR_FULL_RANGE) ||
             same (behavior, &pictures[i]);
  point (right, label);
}

static void
test_matrices (CowBehavior *behavior)
{
  static const struct {
    double kr, kb;
    CowBehaviorMatrix matrix;
    CowBehaviorRange range;
    const char *label;
  } cases[] = {
    { 0.299, 0.114, COW_BEHAVIOR_MATRIX_DEFAULT, COW_BEHAVIOR_RANGE_DEFAULT,
      "Y'CbCr of which nothing is said" },
    { 0.299, 0.114, COW_BEHAVIOR_BT601, COW_BEHAVIOR_FULL_RANGE, "BT.601 in full range" },
    { 0.2126, 0.0722, COW_BEHAVIOR_BT709, COW_BEHAVIOR_LIMITED_RANGE, "BT.709" },
    { 0.2627, 0.0593, COW_BEHAVIOR_BT2020, COW_BEHAVIOR_LIMITED_RANGE, "BT.2020" },
  };
  static unsigned char rgb[3 * WIDTH * HEIGHT];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    CowBehaviorPicture picture =
        convert (rgb, cases[i].kr, cases[i].kb, cases[i].range == COW_BEHAVIOR_FULL_RANGE);
    cow_behavior_classify (behavior, &picture, NULL, 1, expected, NULL);
    check_yuv (behavior, cases[i].matrix, cases[i].range, cases[i].label);
  }
}

static void
test_grey (CowBehavior *behavior)
{
  static unsigned char grey[HEIGHT][WIDTH], rgb[3 * WIDTH * HEIGHT];
  CowBehaviorPicture picture = picture_new (rgb, 0);
  CowBehaviorPicture flat = { sizeof flat, COW_BEHAVIOR_GRAY8, WIDTH, HEIGHT,
                              { grey },    { WIDTH },          0,     0 };

  for (int i = 0; i < WIDTH * HEIGHT; i++)
    grey[i / WIDTH][i % WIDTH] = rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] =
        (unsigned char)luma (i % WIDTH, i / WIDTH);
  cow_behavior_classify (behavior, &picture, NULL, 1, expected, NULL);
  point (same (behavior, &flat), "grey is of full range");
  flat.range = COW_BEHAVIOR_LIMITED_RANGE;
  point (!same (behavior, &flat), "unless it says so");
}

void
test_pictures (CowBehavior *behavior)
{
  test_orders (behavior);
  test_matrices (behavior);
  test_grey (behavior);
}
