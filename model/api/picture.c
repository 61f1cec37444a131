/* SPDX-License-Identifier: MIT */
/* Translates a caller's picture into the one of kernels/. Sizes, planes and strides are checked
 * where pictures are prepared (model/adapter/preprocess.c). */
#include "model/api/api-private.h"

static const struct {
  CkPixelLayout layout;
  int pixel_stride; /* RGB only, like the offsets of the bytes of R, G and B in a pixel */
  int offset[3];
} formats[] = {
  [COW_BEHAVIOR_NV12] = { .layout = CK_NV12 },
  [COW_BEHAVIOR_I420] = { .layout = CK_I420 },
  [COW_BEHAVIOR_YUY2] = { .layout = CK_YUY2 },
  [COW_BEHAVIOR_UYVY] = { .layout = CK_UYVY },
  [COW_BEHAVIOR_P010] = { .layout = CK_P010 },
  [COW_BEHAVIOR_GRAY8] = { .layout = CK_GRAY8 },
  [COW_BEHAVIOR_RGB] = { CK_RGB8, 3, { 0, 1, 2 } },
  [COW_BEHAVIOR_BGR] = { CK_RGB8, 3, { 2, 1, 0 } },
  [COW_BEHAVIOR_RGBX] = { CK_RGB8, 4, { 0, 1, 2 } },
  [COW_BEHAVIOR_BGRX] = { CK_RGB8, 4, { 2, 1, 0 } },
  [COW_BEHAVIOR_XRGB] = { CK_RGB8, 4, { 1, 2, 3 } },
  [COW_BEHAVIOR_XBGR] = { CK_RGB8, 4, { 3, 2, 1 } },
};

static const struct {
  double kr, kb; /* the weights of red and blue in Y' */
} matrices[] = {
  [COW_BEHAVIOR_MATRIX_DEFAULT] = { 0.299, 0.114 },
  [COW_BEHAVIOR_BT601] = { 0.299, 0.114 },
  [COW_BEHAVIOR_BT709] = { 0.2126, 0.0722 },
  [COW_BEHAVIOR_BT2020] = { 0.2627, 0.0593 },
};

static gboolean
set_colours (const CowBehaviorPicture *given, CkPicture *picture, GError **error)
{
  if ((guint)given->matrix >= G_N_ELEMENTS (matrices) ||
      (guint)given->range > COW_BEHAVIOR_FULL_RANGE) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "a picture of matrix %d and range %d, expected values of CowBehaviorMatrix and "
                 "CowBehaviorRange",
                 (int)given->matrix, (int)given->range);
    return FALSE;
  }
  const gboolean full = given->range == COW_BEHAVIOR_RANGE_DEFAULT
                            ? picture->layout == CK_GRAY8
                            : given->range == COW_BEHAVIOR_FULL_RANGE;
  cow_picture_set_matrix (picture, matrices[given->matrix].kr, matrices[given->matrix].kb, full);
  return TRUE;
}

gboolean
cow_api_picture (const CowBehaviorPicture *caller, CkPicture *picture, GError **error)
{
  CowBehaviorPicture given;
  if (!cow_api_copy (&given, sizeof given, sizeof given, caller, "CowBehaviorPicture", error))
    return FALSE;
  if ((guint)given.format < COW_BEHAVIOR_NV12 || (guint)given.format >= G_N_ELEMENTS (formats)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "a picture of format %d, expected a value of CowBehaviorFormat",
                 (int)given.format);
    return FALSE;
  }
  *picture = (CkPicture){ .layout = formats[given.format].layout,
                          .width = given.width,
                          .height = given.height,
                          .pixel_stride = formats[given.format].pixel_stride };
  for (guint i = 0; i < 3; i++) {
    picture->plane[i] = given.plane[i];
    picture->stride[i] = given.stride[i];
    picture->offset[i] = formats[given.format].offset[i];
  }
  return picture->layout == CK_RGB8 || set_colours (&given, picture, error);
}
