/* SPDX-License-Identifier: MIT */
/* Checks what callers hand in, clips regions and sets conversion numbers; the arithmetic itself is
 * CkOperations.resample's. */
#include "model/adapter/preprocess.h"

#include <math.h>

/* As large as libvips, video encoders and CkOperations.resample go; keeps every product of two
 * sides inside 32 bits. */
#define MOST_PIXELS 32768

static const struct {
  const char *name;
  float mean[3], std[3];
} normalisations[] = {
  [COW_UNIT] = { "unit", { 0.0f, 0.0f, 0.0f }, { 1.0f, 1.0f, 1.0f } },
  [COW_IMAGENET] = { "imagenet", { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f } },
  [COW_SATELLITE] = { "satellite", { 0.430f, 0.411f, 0.296f }, { 0.213f, 0.156f, 0.143f } },
};

/* What is beside a picture that keeps its shape: the usual grey of detectors (Ultralytics,
 * YOLOX). */
#define GREY 114

static const char *const fits[] = {
  [COW_STRETCH] = "stretch",
  [COW_LETTERBOX] = "letterbox",
};

static const char *const interpolations[] = {
  [CK_BILINEAR] = "bilinear",
  [CK_BILINEAR_ANTIALIASED] = "bilinear-antialiased",
};

CowPreprocess
cow_preprocess_default (void)
{
  return (CowPreprocess){
    .width = 224, .height = 224, .interpolation = CK_BILINEAR, .normalisation = COW_UNIT
  };
}

const char *
cow_interpolation_name (CkInterpolation interpolation)
{
  g_return_val_if_fail ((guint)interpolation < G_N_ELEMENTS (interpolations), NULL);
  return interpolations[interpolation];
}

gboolean
cow_interpolation_parse (const char *name, CkInterpolation *interpolation)
{
  for (guint i = 0; i < G_N_ELEMENTS (interpolations); i++)
    if (g_strcmp0 (name, interpolations[i]) == 0) {
      *interpolation = (CkInterpolation)i;
      return TRUE;
    }
  return FALSE;
}

const char *
cow_fit_name (CowFit fit)
{
  g_return_val_if_fail ((guint)fit < G_N_ELEMENTS (fits), NULL);
  return fits[fit];
}

gboolean
cow_fit_parse (const char *name, CowFit *fit)
{
  for (guint i = 0; i < G_N_ELEMENTS (fits); i++)
    if (g_strcmp0 (name, fits[i]) == 0) {
      *fit = (CowFit)i;
      return TRUE;
    }
  return FALSE;
}

const char *
cow_normalisation_name (CowNormalisation normalisation)
{
  g_return_val_if_fail ((guint)normalisation < G_N_ELEMENTS (normalisations), NULL);
  return normalisations[normalisation].name;
}

gboolean
cow_normalisation_parse (const char *name, CowNormalisation *normalisation)
{
  for (guint i = 0; i < G_N_ELEMENTS (normalisations); i++)
    if (g_strcmp0 (name, normalisations[i].name) == 0) {
      *normalisation = (CowNormalisation)i;
      return TRUE;
    }
  return FALSE;
}

void
cow_normalisation_values (CowNormalisation normalisation, float mean[3], float std[3])
{
  g_return_if_fail ((guint)normalisation < G_N_ELEMENTS (normalisations));
  for (guint c = 0; c < 3; c++) {
    mean[c] = normalisations[normalisation].mean[c];
    std[c] = normalisations[normalisation].std[c];
  }
}

gboolean
cow_normalisation_find (const double mean[3], const double std[3], double tolerance,
                        CowNormalisation *normalisation)
{
  for (guint i = 0; i < G_N_ELEMENTS (normalisations); i++) {
    gboolean same = TRUE;
    for (guint c = 0; c < 3; c++)
      same = same && fabs (mean[c] - (double)normalisations[i].mean[c]) <= tolerance &&
             fabs (std[c] - (double)normalisations[i].std[c]) <= tolerance;
    if (same) {
      *normalisation = (CowNormalisation)i;
      return TRUE;
    }
  }
  return FALSE;
}

char *
cow_preprocess_text (const CowPreprocess *self)
{
  return g_strdup_printf ("%dx%d, %s%s%s, %s", self->width, self->height,
                          self->fit == COW_STRETCH ? "" : cow_fit_name (self->fit),
                          self->fit == COW_STRETCH ? "" : ", ",
                          cow_interpolation_name (self->interpolation),
                          cow_normalisation_name (self->normalisation));
}

gsize
cow_preprocess_size (const CowPreprocess *self)
{
  return (gsize)3 * (gsize)self->width * (gsize)self->height;
}

CowRegion
cow_preprocess_place (const CowPreprocess *self, int width, int height)
{
  CowRegion place = { 0, 0, self->width, self->height };

  if (self->fit == COW_STRETCH)
    return place;
  /* Products of two sides, in whole numbers: which side is the longer one does not depend on
   * rounding. The other is rounded to nearest. */
  const gint64 across = (gint64)self->width * height, down = (gint64)self->height * width;
  if (across > down)
    place.w = (int)MAX ((2 * down + height) / (2 * height), 1);
  else
    place.h = (int)MAX ((2 * across + width) / (2 * width), 1);
  place.x = (self->width - place.w) / 2;
  place.y = (self->height - place.h) / 2;
  return place;
}

/* [*start, *start + *length) cut down to [0, most); 64 bits, because start + length may leave int.
 */
static gboolean
clip_span (int *start, int *length, int most)
{
  const gint64 from = MAX (*start, 0), to = MIN ((gint64)*start + *length, most);

  if (*length < 1 || to <= from)
    return FALSE;
  *start = (int)from;
  *length = (int)(to - from);
  return TRUE;
}

gboolean
cow_region_clip (CowRegion *region, int width, int height, GError **error)
{
  CowRegion clipped = *region;

  if (!clip_span (&clipped.x, &clipped.w, width) || !clip_span (&clipped.y, &clipped.h, height)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "region x=%d y=%d w=%d h=%d has no pixel inside the picture of %d x %d", region->x,
                 region->y, region->w, region->h, width, height);
    return FALSE;
  }
  *region = clipped;
  return TRUE;
}

void
cow_picture_set_matrix (CkPicture *picture, double kr, double kb, gboolean full_range)
{
  const double kg = 1.0 - kr - kb;
  /* White of 10 bits and full range is 1023, whose quarter is more than 255. */
  const double full = picture->layout == CK_P010 ? 255.0 / 255.75 : 1.0;
  const double chroma = full_range ? full : 255.0 / 224.0;

  picture->y_offset = full_range ? 0.0f : 16.0f;
  picture->y_gain = (float)(full_range ? full : 255.0 / 219.0);
  picture->r_v = (float)(2.0 * (1.0 - kr) * chroma);
  picture->g_u = (float)(-2.0 * (1.0 - kb) * kb / kg * chroma);
  picture->g_v = (float)(-2.0 * (1.0 - kr) * kr / kg * chroma);
  picture->b_u = (float)(2.0 * (1.0 - kb) * chroma);
}

/* The bytes that a row of each plane must have, 0 for planes that the layout lacks. */
static gboolean
row_bytes (const CkPicture *picture, gint64 row[3], GError **error)
{
  const gint64 chroma = ((gint64)picture->width + 1) / 2;

  row[0] = picture->width;
  row[1] = row[2] = 0;
  switch (picture->layout) {
  case CK_RGB8:
    row[0] = (gint64)picture->width * picture->pixel_stride;
    for (guint i = 0; i < 3; i++)
      if (picture->pixel_stride < 3 || picture->pixel_stride > 4 || picture->offset[i] < 0 ||
          picture->offset[i] >= picture->pixel_stride) {
        g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                     "an RGB picture with %d bytes a pixel and a channel at byte %d",
                     picture->pixel_stride, picture->offset[i]);
        return FALSE;
      }
    return TRUE;
  case CK_NV12:
    row[1] = 2 * chroma;
    return TRUE;
  case CK_I420:
    row[1] = row[2] = chroma;
    return TRUE;
  case CK_YUY2:
  case CK_UYVY:
    row[0] = 4 * chroma;
    return TRUE;
  case CK_P010:
    row[0] = 2 * (gint64)picture->width;
    row[1] = 4 * chroma;
    return TRUE;
  case CK_GRAY8:
    return TRUE;
  }
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "unknown picture layout %d",
               (int)picture->layout);
  return FALSE;
}

/* Planes that are there and rows that are long enough, so that a resample cannot read outside them.
 */
static gboolean
check_picture (const CkPicture *picture, GError **error)
{
  gint64 row[3];

  if (picture->width < 1 || picture->width > MOST_PIXELS || picture->height < 1 ||
      picture->height > MOST_PIXELS) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "a picture of %d x %d; sides must be 1 to %d pixels", picture->width,
                 picture->height, MOST_PIXELS);
    return FALSE;
  }
  if (!row_bytes (picture, row, error))
    return FALSE;
  for (guint i = 0; i < 3; i++)
    if (row[i] > 0 && (!picture->plane[i] || picture->stride[i] < row[i])) {
      g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                   "plane %u of a %d x %d picture %s: stride %" G_GINT64_FORMAT
                   ", a row has %" G_GINT64_FORMAT " bytes",
                   i, picture->width, picture->height,
                   picture->plane[i] ? "has too short rows" : "is missing", picture->stride[i],
                   row[i]);
      return FALSE;
    }
  return TRUE;
}

/* Makes all of `out` grey where the picture does not fill it. */
static CkStatus
fill_grey (const CowPreprocess *self, CkStream *stream, const CowRegion *place, float *out)
{
  const gint64 plane = (gint64)self->width * self->height;
  const gboolean whole = place->w == self->width && place->h == self->height;
  CkStatus status = CK_OK;

  for (guint c = 0; c < 3 && !whole && status == CK_OK; c++)
    status = stream->operations->fill (
        stream, out + c * plane, plane,
        ((float)GREY / 255 - normalisations[self->normalisation].mean[c]) /
            normalisations[self->normalisation].std[c]);
  return status;
}

gboolean
cow_preprocess_run (const CowPreprocess *self, CkStream *stream, const CkPicture *picture,
                    const CowRegion *region, float *out, GError **error)
{
  CowRegion clipped = { 0, 0, picture->width, picture->height };
  CkResample resample = { .picture = *picture,
                          .interpolation = self->interpolation,
                          .out_row = self->width,
                          .out_plane = (gint64)self->width * self->height };

  if (self->width < 1 || self->width > MOST_PIXELS || self->height < 1 ||
      self->height > MOST_PIXELS || (guint)self->normalisation >= G_N_ELEMENTS (normalisations) ||
      (guint)self->fit >= G_N_ELEMENTS (fits)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "preprocessing to %d x %d, normalisation %d",
                 self->width, self->height, (int)self->normalisation);
    return FALSE;
  }
  if (!check_picture (picture, error))
    return FALSE;
  if (region)
    clipped = *region;
  if (!cow_region_clip (&clipped, picture->width, picture->height, error))
    return FALSE;

  resample.x = clipped.x;
  resample.y = clipped.y;
  resample.w = clipped.w;
  resample.h = clipped.h;
  for (guint i = 0; i < 3; i++) {
    resample.mean[i] = normalisations[self->normalisation].mean[i];
    resample.std[i] = normalisations[self->normalisation].std[i];
  }
  const CowRegion place = cow_preprocess_place (self, clipped.w, clipped.h);
  resample.out_width = place.w;
  resample.out_height = place.h;
  resample.out = out + (gint64)place.y * self->width + place.x;
  CkStatus status = fill_grey (self, stream, &place, out);
  if (status == CK_OK)
    status = stream->operations->resample (stream, &resample);
  return cow_check (status, error, "resizing %d x %d at %d, %d to %d x %d", clipped.w, clipped.h,
                    clipped.x, clipped.y, self->width, self->height);
}

/* ---- into the host's memory ------------------------------------------------------------------ */

struct _CowPreparer {
  CkStream *stream;
  float *pixels; /* device memory, [size] */
  gsize size;
};

CowPreparer *
cow_preparer_new (CkDevice *device, GError **error)
{
  CowPreparer *self = g_new0 (CowPreparer, 1);
  if (cow_check (ck_stream_new (device, 1, &self->stream), error, "preparing pictures"))
    return self;
  g_free (self);
  return NULL;
}

void
cow_preparer_free (CowPreparer *self)
{
  if (!self)
    return;
  ck_free (self->stream, self->pixels);
  ck_stream_free (self->stream);
  g_free (self);
}

static gboolean
reserve (CowPreparer *self, gsize size, GError **error)
{
  if (self->size >= size)
    return TRUE;
  ck_free (self->stream, self->pixels);
  self->pixels = ck_alloc (self->stream, size * sizeof (float));
  self->size = self->pixels ? size : 0;
  return self->pixels || cow_check (CK_NO_MEMORY, error, "a prepared picture");
}

gboolean
cow_preparer_run (CowPreparer *self, const CowPreprocess *preprocess, const CkPicture *picture,
                  const CowRegion *region, float *host_out, GError **error)
{
  const gsize size = cow_preprocess_size (preprocess);
  if (!reserve (self, MAX (size, 1), error) ||
      !cow_preprocess_run (preprocess, self->stream, picture, region, self->pixels, error))
    return FALSE;
  const CkStatus status = ck_download (self->stream, host_out, self->pixels, size * sizeof (float));
  if (status != CK_OK)
    ck_stream_reset (self->stream);
  return cow_check (status, error, "resizing to %d x %d", preprocess->width, preprocess->height);
}
