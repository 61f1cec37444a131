/* SPDX-License-Identifier: MIT */
/*
 * A network for other programs: base, adapter and head as one ONNX file in fp32, the adapter merged
 * into dequantised weights. How pictures are prepared, and what the numbers mean, is in the file's
 * metadata (docs/onnx.md). Beside the network that is open, one weight is in memory at a time.
 */
#ifndef COW_EXPORT_H
#define COW_EXPORT_H

#include "model/network/classifier.h"

G_BEGIN_DECLS

typedef struct {
  const char *path; /* of the file; one that is there is replaced, unless values are apart */
  gboolean apart;   /* values in a file of their own, as all networks beyond 2 GiB have them */
  CowTensorProgress progress; /* or NULL */
  gpointer user_data;
} CowExportOptions;

/*
 * Input: pixel_values [batch, 3, height, width]. Outputs: features [batch, n_features], and with a
 * head logits and probabilities [batch, classes]. The network may be open in any precision: its
 * files are read again. Errors are those of cow_onnx_writer_finish () and of opening a network. The
 * classifier's stream must be idle.
 */
gboolean cow_export (const CowClassifier *classifier, const CowExportOptions *options,
                     CowOnnxSizes *sizes, GError **error);

G_END_DECLS

#endif
