/* SPDX-License-Identifier: MIT */
/* Shapes, element types, and the one way in which a tensor's values become fp32: checked for NaN
 * and infinities, since one of them in a weight spreads over every result. */
#include "model/files/tensor.h"

#include <string.h>

#include "model/files/error.h"

static const struct {
  const char *name;
  gsize size;
} dtypes[COW_N_DTYPES] = {
  [COW_F32] = { "F32", 4 },   [COW_F64] = { "F64", 8 }, [COW_F16] = { "F16", 2 },
  [COW_BF16] = { "BF16", 2 }, [COW_U8] = { "U8", 1 },   [COW_I8] = { "I8", 1 },
  [COW_I16] = { "I16", 2 },   [COW_I32] = { "I32", 4 }, [COW_I64] = { "I64", 8 },
  [COW_BOOL] = { "BOOL", 1 },
};

gboolean
cow_dtype_is_floating (CowDtype dtype)
{
  return dtype == COW_F32 || dtype == COW_F64 || dtype == COW_F16 || dtype == COW_BF16;
}

gsize
cow_dtype_size (CowDtype dtype)
{
  return dtypes[dtype].size;
}

const char *
cow_dtype_name (CowDtype dtype)
{
  return dtypes[dtype].name;
}

gboolean
cow_dtype_parse (const char *name, CowDtype *dtype)
{
  for (guint i = 0; i < COW_N_DTYPES; i++)
    if (g_str_equal (name, dtypes[i].name)) {
      *dtype = i;
      return TRUE;
    }
  return FALSE;
}

/* A dimension of 0 makes the whole empty, but the others must still not overflow: callers multiply
 * parts of shapes. */
gboolean
cow_shape_count (const gint64 *dims, guint n_dims, CowDtype dtype, gsize *count, gsize *n_bytes)
{
  gsize product = 1, bytes, total = 1;

  for (guint i = 0; i < n_dims; i++) {
    if (dims[i] < 0 || (guint64)dims[i] > G_MAXSIZE ||
        !g_size_checked_mul (&product, product, (gsize)MAX (dims[i], 1)))
      return FALSE;
    total *= (gsize)dims[i];
  }
  if (!g_size_checked_mul (&bytes, product, dtypes[dtype].size) || bytes > G_MAXSSIZE)
    return FALSE;
  if (count != NULL)
    *count = total;
  if (n_bytes != NULL)
    *n_bytes = total * dtypes[dtype].size;
  return TRUE;
}

gsize
cow_tensor_count (const CowTensor *tensor)
{
  return tensor->n_bytes / dtypes[tensor->dtype].size;
}

char *
cow_tensor_shape_text (const CowTensor *tensor)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < tensor->n_dims; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", tensor->dims[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

gboolean
cow_tensor_has_shape (const CowTensor *tensor, guint n_dims, const gint64 *dims)
{
  return tensor->n_dims == n_dims &&
         (n_dims == 0 || memcmp (tensor->dims, dims, n_dims * sizeof *dims) == 0);
}

static float
bits_to_float (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Subnormals go through
 * integers, so that they survive a processor that is set to flush them. */
static float
half_to_float (guint16 half)
{
  guint32 sign = (guint32)(half & 0x8000) << 16;
  guint32 rest = (guint32)(half & 0x7fff) << 13;

  if ((half & 0x7c00) == 0x7c00)
    return bits_to_float (sign | 0x7f800000 | rest);
  if ((half & 0x7c00) == 0)
    return (sign != 0 ? -0x1p-24f : 0x1p-24f) * (float)(half & 0x3ff);
  return bits_to_float (sign | (rest + ((127 - 15) << 23)));
}

gboolean
cow_tensor_read (const CowTensor *tensor, GError **error)
{
  return tensor->mapping == NULL ||
         cow_mapping_read (tensor->mapping, tensor->data, tensor->n_bytes, error);
}

gboolean
cow_tensor_copy (const CowTensor *tensor, gsize first, gsize n_bytes, void *to, GError **error)
{
  if (tensor->mapping != NULL)
    return cow_mapping_copy (tensor->mapping, tensor->data + first, n_bytes, to, error);
  if (n_bytes > 0)
    memcpy (to, tensor->data + first, n_bytes);
  return TRUE;
}

/* n elements; memcpy, since the data of a file may be unaligned. */
static void
convert (CowDtype dtype, const guint8 *data, gsize n, float *out)
{
  guint16 half;
  double wide;

  switch (dtype) {
  case COW_F32:
    memcpy (out, data, n * 4);
    break;
  case COW_F64:
    for (gsize i = 0; i < n; i++) {
      memcpy (&wide, data + 8 * i, 8);
      out[i] = (float)wide;
    }
    break;
  case COW_F16:
    for (gsize i = 0; i < n; i++) {
      memcpy (&half, data + 2 * i, 2);
      out[i] = half_to_float (half);
    }
    break;
  default: /* COW_BF16: the callers admit floating-point types only */
    for (gsize i = 0; i < n; i++) {
      memcpy (&half, data + 2 * i, 2);
      out[i] = bits_to_float ((guint32)half << 16);
    }
  }
}

/* Values that are checked at once: enough to vectorise, small enough to stay in the first cache. */
#define BLOCK 1024
#define PIECE (16 * BLOCK) /* values that are read at once where they are not in memory */

static gboolean
block_is_finite (const float *values, gsize n)
{
  guint32 bad = 0, bits;

  for (gsize i = 0; i < n; i++) {
    memcpy (&bits, values + i, 4);
    bad |= (bits & 0x7f800000) == 0x7f800000;
  }
  return bad == 0;
}

static gboolean
is_finite (float value)
{
  return block_is_finite (&value, 1);
}

static gboolean
report_not_finite (const CowTensor *tensor, const char *file, const float *values, gsize first,
                   GError **error)
{
  gsize i = 0;
  const char *what;

  while (is_finite (values[i]))
    i++;
  what = values[i] != values[i] ? "nan" : "inf";
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: tensor %s has %s at element %" G_GSIZE_FORMAT " (weights must be finite)", file,
               tensor->name, what, first + i);
  return FALSE;
}

static gboolean
check_floating (const CowTensor *tensor, const char *file, GError **error)
{
  if (cow_dtype_is_floating (tensor->dtype))
    return TRUE;
  g_set_error (
      error, COW_ERROR, COW_ERROR_MISMATCH,
      "%s: tensor %s is of type %s, a floating-point one (F32, F64, F16, BF16) was expected", file,
      tensor->name, dtypes[tensor->dtype].name);
  return FALSE;
}

/* Elements from `first` on, whose bytes are here, to out or, where it is NULL, only checked. */
static gboolean
convert_piece (const CowTensor *tensor, const char *file, const guint8 *bytes, gsize first, gsize n,
               float *out, GError **error)
{
  float values[BLOCK];

  for (gsize i = 0; i < n; i += BLOCK) {
    const gsize m = MIN (BLOCK, n - i);
    float *to = out != NULL ? out + first + i : values;

    convert (tensor->dtype, bytes + i * dtypes[tensor->dtype].size, m, to);
    if (!block_is_finite (to, m))
      return report_not_finite (tensor, file, to, first + i, error);
  }
  return TRUE;
}

static gboolean
convert_all (const CowTensor *tensor, const char *file, float *out, GError **error)
{
  const gsize count = cow_tensor_count (tensor), size = dtypes[tensor->dtype].size;
  g_autofree guint8 *buffer = NULL;

  if (!check_floating (tensor, file, error))
    return FALSE;
  if (tensor->mapping != NULL) {
    buffer = g_try_malloc (MIN (count, PIECE) * size);
    if (buffer == NULL && count > 0)
      return cow_check (CK_NO_MEMORY, error, "%s: reading %s", file, tensor->name);
  }
  for (gsize i = 0; i < count; i += PIECE) {
    const gsize n = MIN (PIECE, count - i);
    const guint8 *bytes = tensor->data + i * size;

    if (tensor->mapping != NULL)
      bytes = cow_mapping_view (tensor->mapping, bytes, n * size, buffer, error);
    if (bytes == NULL || !convert_piece (tensor, file, bytes, i, n, out, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cow_tensor_to_f32 (const CowTensor *tensor, const char *file, float *out, GError **error)
{
  return convert_all (tensor, file, out, error);
}

gboolean
cow_tensor_check_finite (const CowTensor *tensor, const char *file, GError **error)
{
  return convert_all (tensor, file, NULL, error);
}
