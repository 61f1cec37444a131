/* SPDX-License-Identifier: MIT */
#include "model/network/graph.h"

#include <math.h>

#include "model/files/floats.h"

#define MOST_INPUTS 8

const char *
cow_graph_name (CowGraph *self, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return g_string_chunk_insert_const (self->names, text);
}

const char *
cow_graph_node (CowGraph *self, const char *output, const char *operation,
                const CowOnnxAttribute *attributes, guint n, const char *input, ...)
{
  const char *inputs[MOST_INPUTS + 1] = { input }, *const outputs[] = { output, NULL };
  va_list arguments;
  va_start (arguments, input);
  for (guint i = 1; inputs[i - 1] && i <= MOST_INPUTS; i++)
    inputs[i] = va_arg (arguments, const char *);
  va_end (arguments);
  cow_onnx_writer_node (self->onnx, operation, inputs, outputs, attributes, n);
  return output;
}

const char *
cow_graph_number (CowGraph *self, const char *name, float value)
{
  const gint64 dims[] = { 1 };
  cow_onnx_writer_floats (self->onnx, name, 1, dims, g_memdup2 (&value, sizeof value));
  return name;
}

const char *
cow_graph_device (CowGraph *self, const char *name, guint n_dims, const gint64 *dims,
                  const float *device, GError **error)
{
  gsize n = 1;
  for (guint i = 0; i < n_dims; i++)
    n *= (gsize)dims[i];
  g_autofree float *host = cow_floats_new (n, name, error);
  if (!host || !cow_check (ck_download (self->stream, host, device, n * sizeof *host), error,
                           "downloading %s", name))
    return NULL;
  cow_onnx_writer_floats (self->onnx, name, n_dims, dims, g_steal_pointer (&host));
  return name;
}

const char *
cow_graph_linear (CowGraph *self, const char *output, const char *x, const char *weight,
                  const char *bias)
{
  const CowOnnxAttribute transposed = { .name = "transB", .type = COW_ONNX_INT, .values = { 1 } };
  return cow_graph_node (self, output, "Gemm", &transposed, 1, x, weight, bias, NULL);
}

const char *
cow_graph_norm (CowGraph *self, const char *output, const char *x, const char *weight,
                const char *bias, float epsilon)
{
  const CowOnnxAttribute small = { .name = "epsilon", .type = COW_ONNX_FLOAT, .value = epsilon };
  return cow_graph_node (self, output, "LayerNormalization", &small, 1, x, weight, bias, NULL);
}

/* x (1 + erf (x / sqrt 2)) / 2; this set of operations has no GELU. */
static const char *
gelu (CowGraph *self, const char *x)
{
  const char *root = cow_graph_number (self, cow_graph_name (self, "%s.root", x), (float)M_SQRT2),
             *one = cow_graph_number (self, cow_graph_name (self, "%s.one", x), 1),
             *half = cow_graph_number (self, cow_graph_name (self, "%s.half", x), .5f);
  const char *y = cow_graph_plain (self, cow_graph_name (self, "%s.divided", x), "Div", x, root);
  y = cow_graph_plain (self, cow_graph_name (self, "%s.erf", x), "Erf", y);
  y = cow_graph_plain (self, cow_graph_name (self, "%s.raised", x), "Add", y, one);
  y = cow_graph_plain (self, cow_graph_name (self, "%s.times", x), "Mul", x, y);
  return cow_graph_plain (self, cow_graph_name (self, "%s.gelu", x), "Mul", y, half);
}

const char *
cow_graph_activate (CowGraph *self, CkActivation activation, const char *x)
{
  const char *y;
  switch (activation) {
  case CK_GELU:
    return gelu (self, x);
  case CK_SILU:
    y = cow_graph_plain (self, cow_graph_name (self, "%s.sigmoid", x), "Sigmoid", x);
    return cow_graph_plain (self, cow_graph_name (self, "%s.silu", x), "Mul", x, y);
  case CK_RELU:
    return cow_graph_plain (self, cow_graph_name (self, "%s.relu", x), "Relu", x);
  case CK_IDENTITY:
    break;
  }
  return x;
}
