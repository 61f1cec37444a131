/* SPDX-License-Identifier: MIT */
/* From a decoded picture to the network's input: the one path that training, evaluation and the
 * element share. */
#ifndef COW_PREPROCESS_H
#define COW_PREPROCESS_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef enum {
  COW_UNIT,     /* pixels in [0, 1]: what the cow recipes feed to DINOv3 */
  COW_IMAGENET, /* mean .485 .456 .406, std .229 .224 .225 */
  COW_SATELLITE /* mean .430 .411 .296, std .213 .156 .143: DINOv3's sat493m models */
} CowNormalisation;

typedef enum {
  COW_STRETCH,  /* the whole input is the picture, whatever that does to its shape */
  COW_LETTERBOX /* the picture keeps its shape, in the middle of grey (114) */
} CowFit;

typedef struct {
  int width, height; /* pixels; multiples of the network's patch */
  CkInterpolation interpolation;
  CowNormalisation normalisation;
  CowFit fit;
} CowPreprocess;

/* 224 x 224, bilinear, unit, stretched. */
CowPreprocess cow_preprocess_default (void);
/* "bilinear" | "bilinear-antialiased"; "unit" | "imagenet" | "satellite"; "stretch" | "letterbox",
 * as cowbehavior.json writes them. */
const char *cow_interpolation_name (CkInterpolation interpolation);
gboolean cow_interpolation_parse (const char *name, CkInterpolation *interpolation);
const char *cow_normalisation_name (CowNormalisation normalisation);
gboolean cow_normalisation_parse (const char *name, CowNormalisation *normalisation);
const char *cow_fit_name (CowFit fit);
gboolean cow_fit_parse (const char *name, CowFit *fit);
/* A normalisation's means and standard deviations of R, G, B; and the one of which none of them is
 * further away than `tolerance`, FALSE where there is none. */
void cow_normalisation_values (CowNormalisation normalisation, float mean[3], float std[3]);
gboolean cow_normalisation_find (const double mean[3], const double std[3], double tolerance,
                                 CowNormalisation *normalisation);
/* "640x368, letterbox, bilinear-antialiased, imagenet"; that it is stretched goes unsaid. Free with
 * g_free. */
char *cow_preprocess_text (const CowPreprocess *self);
/* Floats of one prepared picture: 3 * width * height. */
gsize cow_preprocess_size (const CowPreprocess *self);

/* A part of a picture in pixels. */
typedef struct {
  int x, y, w, h;
} CowRegion;

/*
 * Cuts a region down to the picture. FALSE, and COW_ERROR_ARGUMENT naming both, when nothing of it
 * is left (zero size or all outside).
 */
gboolean cow_region_clip (CowRegion *region, int width, int height, GError **error);

/* Where in its input a picture of these sides (at least 1) lies, whole pixels. */
CowRegion cow_preprocess_place (const CowPreprocess *self, int width, int height);

/* Sets the six conversion numbers of a CkPicture, whose layout is set, from the luma weights
 * (BT.601: .299 .114, BT.709: .2126 .0722, BT.2020: .2627 .0593). */
void cow_picture_set_matrix (CkPicture *picture, double kr, double kb, gboolean full_range);

/* Enqueues the preparation of one region (NULL: all of it) into out [3, height, width], device
 * memory. The picture is borrowed until an event behind it has passed. */
gboolean cow_preprocess_run (const CowPreprocess *self, CkStream *stream, const CkPicture *picture,
                             const CowRegion *region, float *out, GError **error);

/*
 * Prepares pictures one at a time into the host's memory: a stream of one thread, and room for a
 * picture on the device. Used by one thread at a time; any number of them share a device, which is
 * borrowed.
 */
typedef struct _CowPreparer CowPreparer;

CowPreparer *cow_preparer_new (CkDevice *device, GError **error);
void cow_preparer_free (CowPreparer *self);
/* The same as cow_preprocess_run (), to host_out; the picture is the caller's again. */
gboolean cow_preparer_run (CowPreparer *self, const CowPreprocess *preprocess,
                           const CkPicture *picture, const CowRegion *region, float *host_out,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowPreparer, cow_preparer_free)

G_END_DECLS

#endif
