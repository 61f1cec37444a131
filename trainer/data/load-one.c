/* SPDX-License-Identifier: MIT */
/*
 * One picture's way to the network. A copy that is not augmented takes exactly the way of
 * evaluation and of the element. The others are resized by the same code, augmented as 8-bit RGB at
 * the network's size, then normalised by the same code, whose resizing from a size to itself
 * changes nothing.
 */
#include <math.h>

#include "trainer/data/loader.h"
#include "trainer/data/pictures.h"

static CkPicture
wrap_rgb (const guint8 *rgb, int width, int height)
{
  return (CkPicture){ .layout = CK_RGB8,
                      .width = width,
                      .height = height,
                      .plane = { rgb },
                      .stride = { 3 * (gint64)width },
                      .pixel_stride = 3,
                      .offset = { 0, 1, 2 } };
}

/* The sample's part of its picture, resized and normalised. */
static gboolean
prepare (CowPreparer *preparer, const CowSample *sample, const CowPreprocess *preprocess,
         float *out, GError **error)
{
  g_auto (Picture) decoded = { 0 };
  CowRegion region;

  if (!picture_read (sample->path, &decoded, error))
    return FALSE;
  const CkPicture picture = wrap_rgb (decoded.rgb, decoded.width, decoded.height);
  const gboolean part = cow_sample_region (sample, decoded.width, decoded.height, &region);
  if (cow_preparer_run (preparer, preprocess, &picture, part ? &region : NULL, out, error))
    return TRUE;
  g_prefix_error (error, "%s: ", sample->path);
  return FALSE;
}

/* `floats` [3, height, width] is scratch. */
static gboolean
load_rgb (const CowLoaderOptions *options, CowPreparer *preparer, const CowLoadItem *item,
          float *floats, guint8 *rgb, GError **error)
{
  const CowSample *sample = cow_dataset_sample (options->dataset, item->sample);
  CowPreprocess unit = options->preprocess;

  unit.normalisation = COW_UNIT;
  if (!prepare (preparer, sample, &unit, floats, error))
    return FALSE;
  /* Values are n / 255 for whole n, so nothing is lost here. */
  const gsize plane = (gsize)unit.width * (gsize)unit.height;
  for (gsize i = 0; i < plane; i++)
    for (gsize c = 0; c < 3; c++)
      rgb[3 * i + c] = (guint8)lrintf (floats[c * plane + i] * 255);
  if (item->copy == 0 ||
      cow_augment_run (options->augment, item->key, rgb, unit.width, unit.height, error))
    return TRUE;
  g_prefix_error (error, "%s: ", sample->path);
  return FALSE;
}

gboolean
cow_load_rgb (const CowLoaderOptions *options, CowPreparer *preparer, const CowLoadItem *item,
              guint8 *rgb, GError **error)
{
  g_autofree float *floats = g_try_new (float, cow_preprocess_size (&options->preprocess));

  if (!floats)
    return cow_check (CK_NO_MEMORY, error, "a picture");
  return load_rgb (options, preparer, item, floats, rgb, error);
}

gboolean
cow_load_one (const CowLoaderOptions *options, CowPreparer *preparer, const CowLoadItem *item,
              float *out, GError **error)
{
  const CowPreprocess *preprocess = &options->preprocess;

  if (item->copy == 0 || options->augment == COW_AUGMENT_NONE)
    return prepare (preparer, cow_dataset_sample (options->dataset, item->sample), preprocess, out,
                    error);
  g_autofree guint8 *rgb = g_try_malloc (cow_preprocess_size (preprocess));
  if (!rgb)
    return cow_check (CK_NO_MEMORY, error, "a picture");
  if (!load_rgb (options, preparer, item, out, rgb, error))
    return FALSE;
  const CkPicture picture = wrap_rgb (rgb, preprocess->width, preprocess->height);
  return cow_preparer_run (preparer, preprocess, &picture, NULL, out, error);
}
