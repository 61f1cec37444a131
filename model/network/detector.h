/* SPDX-License-Identifier: MIT */
/*
 * The head of a network that finds animals in whole frames: from the tokens of some layers to the
 * cells of detection.h. Tokens of all levels are joined and made narrower; two convolutions of 3 x
 * 3 let neighbours speak; each token then says what its cells hold. Layer norms and GELU are
 * between. Inference and training (training/detector-train.h) share the forward pass. One thread at
 * a time.
 */
#ifndef COW_DETECTOR_H
#define COW_DETECTOR_H

#include "model/files/error.h"
#include "model/network/buffer.h"
#include "model/network/detection.h"
#include "model/network/device.h"
#include "model/network/roi-align.h"

G_BEGIN_DECLS

#define COW_DETECTOR_MAX_LEVELS   4
#define COW_DETECTOR_UNITS        3 /* of a convolution, a norm and a GELU */
#define COW_DETECTOR_NORM_EPSILON 1e-5f

typedef struct {
  guint n_levels;
  int layers[COW_DETECTOR_MAX_LEVELS]; /* [n_levels], ascending, counted from 0 */
  gint64 n_features;                   /* of a token */
  int width;                           /* of a token within the head */
  int patch;                           /* px along a side of a token */
  int split;                           /* cells along a side of a token */
} CowDetectorConfig;

/* Its tensors, in the order in which they are registered, read and written. */
typedef enum {
  COW_DETECTOR_CONVOLUTION, /* of each unit: [width, in, kernel, kernel], */
  COW_DETECTOR_NORM_WEIGHT, /* [width], */
  COW_DETECTOR_NORM_BIAS,   /* [width] */
  COW_DETECTOR_UNIT_TENSORS,
  COW_DETECTOR_OUT_WEIGHT = COW_DETECTOR_UNITS * COW_DETECTOR_UNIT_TENSORS,
  COW_DETECTOR_OUT_BIAS, /* [outputs] */
  COW_DETECTOR_TENSORS
} CowDetectorTensor;

/* Name and shape of a tensor; the name is static. Returns how many dimensions it has. */
guint cow_detector_tensor (const CowDetectorConfig *config, int tensor, const char **name,
                           gint64 dims[4]);
/* What a token says: split * split * COW_CELL_VALUES numbers. */
gint64 cow_detector_n_outputs (const CowDetectorConfig *config);
/* The cells of a frame of these sides, which are multiples of the patch. */
CowCells cow_detector_cells (const CowDetectorConfig *config, int height, int width);
/* What the last unit gives of such a frame, which is the map that boxes are read from: a row of
 * numbers for each token. */
CowRoiMap cow_detector_map (const CowDetectorConfig *config, int height, int width);
/* The convolution of a unit (COW_DETECTOR_UNITS: the last product) on so many pictures. */
CkConvolution cow_detector_convolution (const CowDetectorConfig *config, int unit, int batch,
                                        int height, int width);

/* What a forward pass leaves, floats; rows are those of batch * rows * columns tokens. */
typedef struct {
  CkStream *stream; /* borrowed */
  gint64 rows;
  CowBuffer joined;                        /* [rows, n_levels * n_features] */
  CowBuffer convolved[COW_DETECTOR_UNITS]; /* [rows, width] each */
  CowBuffer normed[COW_DETECTOR_UNITS];    /* behind the norm */
  CowBuffer activated[COW_DETECTOR_UNITS]; /* behind the GELU; the last is the map */
  CowBuffer out, ones;                     /* [rows, outputs] */
} CowDetectorPass;

/* Makes room for a batch of frames; for cow_detector_pass_clear (). */
gboolean cow_detector_pass_ensure (CowDetectorPass *self, CkStream *stream,
                                   const CowDetectorConfig *config, int batch, int height,
                                   int width, GError **error);
void cow_detector_pass_clear (CowDetectorPass *self);

/*
 * tokens [n_levels], each [batch, n_prefix + rows * columns, n_features], with weights
 * [COW_DETECTOR_TENSORS]; all device memory. The result, pass->out.data, holds the cells of each
 * frame one after the other: [batch, cow_cells_n (), COW_CELL_VALUES].
 */
CkStatus cow_detector_forward (const CowDetectorConfig *config, float *const *weights,
                               const float *const *tokens, gint64 n_prefix, int batch, int height,
                               int width, CowDetectorPass *pass);

G_END_DECLS

#endif
