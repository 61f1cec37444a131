/* SPDX-License-Identifier: MIT */
/* The head of a detector on disk: detector.safetensors in an adapter folder. Shapes tell its sizes;
 * the layers that it reads stand in the header's metadata, "layers": "1 3". */
#ifndef COW_DETECTOR_FILE_H
#define COW_DETECTOR_FILE_H

#include "model/network/backbone.h"
#include "model/network/detector.h"

G_BEGIN_DECLS

#define COW_DETECTOR_FILE "detector.safetensors"

typedef struct {
  CowDetectorConfig config;
  float *tensors[COW_DETECTOR_TENSORS]; /* host memory, of the shapes of cow_detector_tensor () */
} CowDetectorFile;

/*
 * Reads the head in a folder, for the network that `backbone` describes. COW_ERROR_NOT_FOUND,
 * _FORMAT; _MISMATCH for a head of another network, and where `expected`, which may be NULL, is
 * another head's.
 */
CowDetectorFile *cow_detector_file_read (const char *folder, const CowBackboneConfig *backbone,
                                         const CowDetectorConfig *expected, GError **error);
gboolean cow_detector_file_write (const CowDetectorFile *self, const char *folder, GError **error);
void cow_detector_file_free (CowDetectorFile *self);

/* Whether a head can be on that network: its layers are there and ascend, and its sizes fit.
 * COW_ERROR_MISMATCH, _ARGUMENT. */
gboolean cow_detector_config_check (const CowDetectorConfig *self,
                                    const CowBackboneConfig *backbone, GError **error);
gboolean cow_detector_config_equal (const CowDetectorConfig *a, const CowDetectorConfig *b);
/*
 * The head that is trained on a network where nobody says otherwise: of that width, with cells of
 * `stride` px, on as many layers as there are, four at most, evenly over the depth. Completes
 * *self; COW_ERROR_ARGUMENT where the stride does not divide a token.
 */
gboolean cow_detector_config_for (CowDetectorConfig *self, const CowBackboneConfig *backbone,
                                  int width, int stride, GError **error);
gint64 cow_detector_n_parameters (const CowDetectorConfig *self);
/* Bytes of device memory that a pass of this batch takes beside the network's, in training with
 * gradients; and multiply-adds of a picture's forward pass. */
gsize cow_detector_bytes (const CowDetectorConfig *self, int batch, int height, int width);
double cow_detector_operations (const CowDetectorConfig *self, int height, int width);
/* Floats of a tensor. */
gsize cow_detector_tensor_count (const CowDetectorConfig *self, int tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowDetectorFile, cow_detector_file_free)

G_END_DECLS

#endif
