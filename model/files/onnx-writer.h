/* SPDX-License-Identifier: MIT */
/*
 * A network as an ONNX file: operations, the tensors that they begin with, inputs, outputs and
 * metadata. Constants are small and kept; weights are asked for one by one while the file is
 * written, so that one of them is in memory at a time. Used by one thread.
 *
 * Protobuf's encoding is written here (onnx.proto's field numbers, five messages): a library for it
 * would want each message whole in memory, and a copy of ONNX's own description of them.
 */
#ifndef COW_ONNX_WRITER_H
#define COW_ONNX_WRITER_H

#include <glib.h>

G_BEGIN_DECLS

#define COW_ONNX_OPSET  17 /* the set of operations that nodes are of, */
#define COW_ONNX_FORMAT 8  /* and the version of the format that came with it (ir_version) */
#define COW_ONNX_BATCH  -1 /* in place of a size: however many pictures there are */
#define COW_ONNX_DIMS   5  /* of a tensor, at most */

typedef struct _CowOnnxWriter CowOnnxWriter;

typedef struct {
  const char *name;
  enum { COW_ONNX_FLOAT, COW_ONNX_INT, COW_ONNX_INTS } type;
  float value;
  gint64 values[4]; /* the first of them is COW_ONNX_INT's */
  guint n;
} CowOnnxAttribute;

/* Fills a weight's values, row by row; FALSE with an error ends the writing. */
typedef gboolean (*CowOnnxFill) (gpointer user_data, float *values, GError **error);

typedef struct {
  guint64 bytes;  /* of all tensors */
  gboolean apart; /* whether they are in PATH.data */
} CowOnnxSizes;

CowOnnxWriter *cow_onnx_writer_new (const char *path);
/* A key and a value that programs may read beside the graph. */
void cow_onnx_writer_metadata (CowOnnxWriter *self, const char *key, const char *value);
/* What the graph takes and gives: fp32 of that shape, COW_ONNX_BATCH among the sizes. */
void cow_onnx_writer_input (CowOnnxWriter *self, const char *name, guint n_dims,
                            const gint64 *dims);
void cow_onnx_writer_output (CowOnnxWriter *self, const char *name, guint n_dims,
                             const gint64 *dims);
/* An operation, after those that it reads from; inputs and outputs end with NULL. It is called as
 * its first output. */
void cow_onnx_writer_node (CowOnnxWriter *self, const char *operation, const char *const *inputs,
                           const char *const *outputs, const CowOnnxAttribute *attributes, guint n);
/* Constants: whole numbers [n], which are copied; fp32, which are taken and freed with g_free. */
void cow_onnx_writer_integers (CowOnnxWriter *self, const char *name, guint n,
                               const gint64 *values);
void cow_onnx_writer_floats (CowOnnxWriter *self, const char *name, guint n_dims,
                             const gint64 *dims, float *values);
/* A weight, fp32, that `fill` gives when its turn comes; user_data is freed with the writer. */
void cow_onnx_writer_weight (CowOnnxWriter *self, const char *name, guint n_dims,
                             const gint64 *dims, CowOnnxFill fill, gpointer user_data,
                             GDestroyNotify destroy);
/*
 * Writes the file, and where `apart` is set or it would be larger than protobuf's 2 GiB, the values
 * of its tensors to PATH.data beside it, which the file names. A graph that is there must never
 * read another one's values, so then PATH must be new: COW_ERROR_ARGUMENT. COW_ERROR_IO,
 * COW_ERROR_MEMORY, and what `fill` says; PATH is as it was then.
 */
gboolean cow_onnx_writer_finish (CowOnnxWriter *self, gboolean apart, CowOnnxSizes *sizes,
                                 GError **error);
void cow_onnx_writer_free (CowOnnxWriter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowOnnxWriter, cow_onnx_writer_free)

G_END_DECLS

#endif
