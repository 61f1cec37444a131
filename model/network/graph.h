/* SPDX-License-Identifier: MIT */
/*
 * What backbones and heads describe themselves with as a graph of operations (export.h): the files
 * that the values come from, and shorthands for what several of them do.
 *
 * A name stands for the result of an operation, or for a tensor. Texts that functions here return
 * are the graph's.
 */
#ifndef COW_GRAPH_H
#define COW_GRAPH_H

#include "model/adapter/adapter.h"
#include "model/files/error.h"
#include "model/files/model-folder.h"
#include "model/files/onnx-writer.h"

G_BEGIN_DECLS

typedef struct {
  const char *path;                /* of the file, for messages */
  CkStream *stream;                /* borrowed, as all of these */
  const CowCheckpoint *checkpoint; /* of the backbone */
  const CowAdapter *adapter;       /* or NULL */
  CowOnnxWriter *onnx;
  int height, width;          /* of the pictures, in pixels */
  GStringChunk *names;        /* what cow_graph_name () gave */
  CowTensorProgress progress; /* or NULL */
  gpointer user_data;
  guint64 done, total; /* bytes of weights, for the progress */
} CowGraph;

const char *cow_graph_name (CowGraph *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* An operation of one result, which is returned; inputs are names, NULL at the end. */
const char *cow_graph_node (CowGraph *self, const char *output, const char *operation,
                            const CowOnnxAttribute *attributes, guint n, const char *input,
                            ...) G_GNUC_NULL_TERMINATED;
#define cow_graph_plain(self, output, operation, ...)                                              \
  cow_graph_node (self, output, operation, NULL, 0, __VA_ARGS__, NULL)

/* Constants: one number; device memory, which is copied; both return the name. NULL on error. */
const char *cow_graph_number (CowGraph *self, const char *name, float value);
const char *cow_graph_device (CowGraph *self, const char *name, guint n_dims, const gint64 *dims,
                              const float *device, GError **error);

/* x [rows, in] of weight [out, in] and a bias [out] or NULL. */
const char *cow_graph_linear (CowGraph *self, const char *output, const char *x, const char *weight,
                              const char *bias);
/* Over the last dimension of x. */
const char *cow_graph_norm (CowGraph *self, const char *output, const char *x, const char *weight,
                            const char *bias, float epsilon);
/* y = activation (x); the name of x itself for the identity. */
const char *cow_graph_activate (CowGraph *self, CkActivation activation, const char *x);

G_END_DECLS

#endif
