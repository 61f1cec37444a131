/* SPDX-License-Identifier: MIT */
/* The numbers of fields and types are those of onnx.proto (github.com/onnx/onnx, IR version 8);
 * the encoding is protobuf's (protobuf.dev/programming-guides/encoding). */
#include "model/files/onnx-writer.h"

#include <string.h>

#include "cow-build.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/floats.h"

#define SMALL                                                                                      \
  1024 /* bytes of a tensor that stays in the graph where others are apart: readers want
                      the constants of shapes there */

typedef struct {
  char *name;
  gint64 dims[COW_ONNX_DIMS];
  guint n_dims;
  gboolean whole; /* whole numbers of 64 bits in place of fp32 */
  gsize n_bytes;
  gpointer values; /* of a constant */
  CowOnnxFill fill;
  gpointer user_data;
  GDestroyNotify destroy;
  gint64 offset; /* in PATH.data, or -1: in the graph */
} Tensor;

struct _CowOnnxWriter {
  char *path;
  GByteArray *model, *graph; /* fields of the messages, but for the tensors */
  GArray *tensors;           /* of Tensor, in the order of the file */
};

/* ---- protobuf -------------------------------------------------------------------------------- */

enum { VARINT = 0, BYTES = 2, FIXED32 = 5 };

static void
put_varint (GByteArray *to, guint64 value)
{
  guint8 byte;
  for (; value >= 0x80; value >>= 7) {
    byte = (guint8)(value | 0x80);
    g_byte_array_append (to, &byte, 1);
  }
  byte = (guint8)value;
  g_byte_array_append (to, &byte, 1);
}

static void
put_integer (GByteArray *to, guint field, gint64 value)
{
  put_varint (to, field << 3 | VARINT);
  put_varint (to, (guint64)value);
}

static void
put_float (GByteArray *to, guint field, float value)
{
  guint32 bits;
  memcpy (&bits, &value, sizeof bits);
  bits = GUINT32_TO_LE (bits);
  put_varint (to, field << 3 | FIXED32);
  g_byte_array_append (to, (const guint8 *)&bits, sizeof bits);
}

/* The beginning of a field of so many bytes, which follow. */
static void
put_length (GByteArray *to, guint field, guint64 n_bytes)
{
  put_varint (to, field << 3 | BYTES);
  put_varint (to, n_bytes);
}

static void
put_text (GByteArray *to, guint field, const char *text)
{
  put_length (to, field, strlen (text));
  g_byte_array_append (to, (const guint8 *)text, (guint)strlen (text));
}

/* Takes the message. */
static void
put_message (GByteArray *to, guint field, GByteArray *message)
{
  put_length (to, field, message->len);
  g_byte_array_append (to, message->data, message->len);
  g_byte_array_unref (message);
}

/* ---- what is declared ------------------------------------------------------------------------ */

static void
tensor_clear (gpointer data)
{
  Tensor *tensor = data;
  g_free (tensor->name);
  g_free (tensor->values);
  if (tensor->destroy)
    tensor->destroy (tensor->user_data);
}

CowOnnxWriter *
cow_onnx_writer_new (const char *path)
{
  CowOnnxWriter *self = g_new0 (CowOnnxWriter, 1);
  GByteArray *operations = g_byte_array_new ();
  self->path = g_strdup (path);
  self->model = g_byte_array_new ();
  self->graph = g_byte_array_new ();
  self->tensors = g_array_new (FALSE, TRUE, sizeof (Tensor));
  g_array_set_clear_func (self->tensors, tensor_clear);
  put_integer (self->model, 1, COW_ONNX_FORMAT);
  put_text (self->model, 2, "cowbehavior");
  put_text (self->model, 3, COW_VERSION);
  put_text (operations, 1, ""); /* ONNX's own */
  put_integer (operations, 2, COW_ONNX_OPSET);
  put_message (self->model, 8, operations);
  put_text (self->graph, 2, "classifier");
  return self;
}

void
cow_onnx_writer_free (CowOnnxWriter *self)
{
  if (!self)
    return;
  g_byte_array_unref (self->model);
  g_byte_array_unref (self->graph);
  g_array_unref (self->tensors);
  g_free (self->path);
  g_free (self);
}

void
cow_onnx_writer_metadata (CowOnnxWriter *self, const char *key, const char *value)
{
  GByteArray *entry = g_byte_array_new ();
  put_text (entry, 1, key);
  put_text (entry, 2, value);
  put_message (self->model, 14, entry);
}

/* A ValueInfoProto: a name, and in two messages around it a type and a shape. */
static void
put_value (CowOnnxWriter *self, guint field, const char *name, guint n_dims, const gint64 *dims)
{
  GByteArray *value = g_byte_array_new (), *type = g_byte_array_new (),
             *tensor = g_byte_array_new (), *shape = g_byte_array_new ();
  for (guint i = 0; i < n_dims; i++) {
    GByteArray *size = g_byte_array_new ();
    if (dims[i] == COW_ONNX_BATCH)
      put_text (size, 2, "batch");
    else
      put_integer (size, 1, dims[i]);
    put_message (shape, 1, size);
  }
  put_integer (tensor, 1, 1); /* fp32 */
  put_message (tensor, 2, shape);
  put_message (type, 1, tensor);
  put_text (value, 1, name);
  put_message (value, 2, type);
  put_message (self->graph, field, value);
}

void
cow_onnx_writer_input (CowOnnxWriter *self, const char *name, guint n_dims, const gint64 *dims)
{
  put_value (self, 11, name, n_dims, dims);
}

void
cow_onnx_writer_output (CowOnnxWriter *self, const char *name, guint n_dims, const gint64 *dims)
{
  put_value (self, 12, name, n_dims, dims);
}

static GByteArray *
attribute_message (const CowOnnxAttribute *attribute)
{
  static const int types[] = { [COW_ONNX_FLOAT] = 1, [COW_ONNX_INT] = 2, [COW_ONNX_INTS] = 7 };
  GByteArray *message = g_byte_array_new ();
  put_text (message, 1, attribute->name);
  if (attribute->type == COW_ONNX_FLOAT)
    put_float (message, 2, attribute->value);
  else if (attribute->type == COW_ONNX_INT)
    put_integer (message, 3, attribute->values[0]);
  for (guint i = 0; attribute->type == COW_ONNX_INTS && i < attribute->n; i++)
    put_integer (message, 8, attribute->values[i]);
  put_integer (message, 20, types[attribute->type]);
  return message;
}

void
cow_onnx_writer_node (CowOnnxWriter *self, const char *operation, const char *const *inputs,
                      const char *const *outputs, const CowOnnxAttribute *attributes, guint n)
{
  GByteArray *node = g_byte_array_new ();
  for (; *inputs; inputs++)
    put_text (node, 1, *inputs);
  put_text (node, 3, *outputs);
  for (; *outputs; outputs++)
    put_text (node, 2, *outputs);
  put_text (node, 4, operation);
  for (guint i = 0; i < n; i++)
    put_message (node, 5, attribute_message (&attributes[i]));
  put_message (self->graph, 1, node);
}

static Tensor *
add_tensor (CowOnnxWriter *self, const char *name, guint n_dims, const gint64 *dims, gboolean whole)
{
  g_assert (n_dims <= COW_ONNX_DIMS);
  Tensor tensor = { .name = g_strdup (name),
                    .n_dims = n_dims,
                    .whole = whole,
                    .n_bytes = whole ? sizeof (gint64) : sizeof (float),
                    .offset = -1 };
  for (guint i = 0; i < n_dims; i++) {
    tensor.dims[i] = dims[i];
    tensor.n_bytes *= (gsize)dims[i];
  }
  g_array_append_val (self->tensors, tensor);
  return &g_array_index (self->tensors, Tensor, self->tensors->len - 1);
}

void
cow_onnx_writer_integers (CowOnnxWriter *self, const char *name, guint n, const gint64 *values)
{
  const gint64 dims[] = { n };
  add_tensor (self, name, 1, dims, TRUE)->values = g_memdup2 (values, n * sizeof *values);
}

void
cow_onnx_writer_floats (CowOnnxWriter *self, const char *name, guint n_dims, const gint64 *dims,
                        float *values)
{
  add_tensor (self, name, n_dims, dims, FALSE)->values = values;
}

void
cow_onnx_writer_weight (CowOnnxWriter *self, const char *name, guint n_dims, const gint64 *dims,
                        CowOnnxFill fill, gpointer user_data, GDestroyNotify destroy)
{
  Tensor *tensor = add_tensor (self, name, n_dims, dims, FALSE);
  tensor->fill = fill;
  tensor->user_data = user_data;
  tensor->destroy = destroy;
}

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct {
  CowOnnxWriter *onnx;
  char *data_name;             /* of the file of values; NULL: they are in the graph */
  CowFileWriter *model, *data; /* data NULL: as data_name */
  gpointer room;               /* for the largest weight */
} Job;

static void
put_entry (GByteArray *to, const char *key, const char *value)
{
  GByteArray *entry = g_byte_array_new ();
  put_text (entry, 1, key);
  put_text (entry, 2, value);
  put_message (to, 13, entry);
}

/* A TensorProto without its values, up to their length where they follow. */
static GByteArray *
tensor_message (const Tensor *tensor, const char *data_name)
{
  GByteArray *message = g_byte_array_new ();
  for (guint i = 0; i < tensor->n_dims; i++)
    put_integer (message, 1, tensor->dims[i]);
  put_integer (message, 2, tensor->whole ? 7 : 1);
  put_text (message, 8, tensor->name);
  if (tensor->offset < 0) {
    put_length (message, 9, tensor->n_bytes);
    return message;
  }
  g_autofree char *offset = g_strdup_printf ("%" G_GINT64_FORMAT, tensor->offset),
                  *length = g_strdup_printf ("%" G_GSIZE_FORMAT, tensor->n_bytes);
  put_entry (message, "location", data_name);
  put_entry (message, "offset", offset);
  put_entry (message, "length", length);
  put_integer (message, 14, 1);
  return message;
}

static gsize
bytes_inside (const Tensor *tensor)
{
  return tensor->offset < 0 ? tensor->n_bytes : 0;
}

/* The model's last field is the graph, and the graph's last ones the tensors: all lengths before
 * them are known without a value. */
static gboolean
write_start (const Job *job, GError **error)
{
  const CowOnnxWriter *onnx = job->onnx;
  g_autoptr (GByteArray) start = g_byte_array_new (), lengths = g_byte_array_new ();
  guint64 n_graph = onnx->graph->len;
  for (guint i = 0; i < onnx->tensors->len; i++) {
    const Tensor *tensor = &g_array_index (onnx->tensors, Tensor, i);
    g_autoptr (GByteArray) message = tensor_message (tensor, job->data_name);
    g_byte_array_set_size (lengths, 0);
    put_length (lengths, 5, message->len + bytes_inside (tensor));
    n_graph += lengths->len + message->len + bytes_inside (tensor);
  }
  g_byte_array_append (start, onnx->model->data, onnx->model->len);
  put_length (start, 7, n_graph);
  return cow_file_writer_write (job->model, start->data, start->len, error) &&
         cow_file_writer_write (job->model, onnx->graph->data, onnx->graph->len, error);
}

static gboolean
write_tensor (const Job *job, const Tensor *tensor, GError **error)
{
  g_autoptr (GByteArray) message = tensor_message (tensor, job->data_name),
                         start = g_byte_array_new ();
  const void *values = tensor->values ? tensor->values : job->room;
  if (tensor->fill && !tensor->fill (tensor->user_data, job->room, error))
    return FALSE;
  put_length (start, 5, message->len + bytes_inside (tensor));
  return cow_file_writer_write (job->model, start->data, start->len, error) &&
         cow_file_writer_write (job->model, message->data, message->len, error) &&
         cow_file_writer_write (tensor->offset < 0 ? job->model : job->data, values,
                                tensor->n_bytes, error);
}

/* Gives the tensors places in the file of values; the sum of all. */
static guint64
lay_out (CowOnnxWriter *self, gboolean apart)
{
  guint64 sum = 0;
  gint64 end = 0;
  for (guint i = 0; i < self->tensors->len; i++) {
    Tensor *tensor = &g_array_index (self->tensors, Tensor, i);
    sum += tensor->n_bytes;
    tensor->offset = apart && tensor->n_bytes >= SMALL ? end : -1;
    end += tensor->offset < 0 ? 0 : (gint64)tensor->n_bytes;
  }
  return sum;
}

static gboolean
check_apart (const CowOnnxWriter *self, const char *data_name, GError **error)
{
  if (!g_utf8_validate (data_name, -1, NULL)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: the file names that of its values, and must be called in UTF-8 for that",
                 self->path);
    return FALSE;
  }
  if (!cow_path_exists (self->path))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%s: there already; a graph with its values in a file of their own needs a new name",
               self->path);
  return FALSE;
}

static gboolean
write_all (Job *job, GError **error)
{
  CowOnnxWriter *self = job->onnx;
  gsize most = 1;
  for (guint i = 0; i < self->tensors->len; i++)
    most = MAX (most, g_array_index (self->tensors, Tensor, i).n_bytes);
  job->room = cow_floats_new (most / sizeof (float) + 1, "a weight", error);
  if (!job->room || !write_start (job, error))
    return FALSE;
  for (guint i = 0; i < self->tensors->len; i++)
    if (!write_tensor (job, &g_array_index (self->tensors, Tensor, i), error))
      return FALSE;
  /* Values before the graph that reads them. */
  return (!job->data || cow_file_writer_finish (job->data, error)) &&
         cow_file_writer_finish (job->model, error);
}

gboolean
cow_onnx_writer_finish (CowOnnxWriter *self, gboolean apart, CowOnnxSizes *sizes, GError **error)
{
  const guint64 bytes = lay_out (self, FALSE), room = self->model->len + self->graph->len;
  /* What stands before each tensor's values takes some tens of bytes. */
  apart |= bytes + room + 4096 * (guint64)self->tensors->len >= G_MAXINT32;
  lay_out (self, apart);
  g_autofree char *base = g_path_get_basename (self->path),
                  *data_name = apart ? g_strconcat (base, ".data", NULL) : NULL,
                  *data_path = apart ? g_strconcat (self->path, ".data", NULL) : NULL;
  Job job = { .onnx = self, .data_name = data_name };
  *sizes = (CowOnnxSizes){ bytes, apart };
  if (apart && !check_apart (self, data_name, error))
    return FALSE;
  job.model = cow_file_writer_new (self->path, error);
  job.data = job.model && apart ? cow_file_writer_new (data_path, error) : NULL;
  const gboolean written = job.model && (!apart || job.data) && write_all (&job, error);
  cow_file_writer_free (job.model);
  cow_file_writer_free (job.data);
  g_free (job.room);
  return written;
}
