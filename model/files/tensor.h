/* SPDX-License-Identifier: MIT */
/* A named array in a file: a view, never an owner. */
#ifndef COW_TENSOR_H
#define COW_TENSOR_H

#include "model/files/mapping.h"

G_BEGIN_DECLS

#define COW_MAX_DIMS 8

typedef enum {
  COW_F32,
  COW_F64,
  COW_F16,
  COW_BF16,
  COW_U8,
  COW_I8,
  COW_I16,
  COW_I32,
  COW_I64,
  COW_BOOL,
  COW_N_DTYPES
} CowDtype;

typedef struct {
  char *name; /* as the network calls it; owned by the file that the tensor came from */
  CowDtype dtype;
  guint n_dims; /* 0 for a scalar */
  gint64 dims[COW_MAX_DIMS];
  const guint8 *data; /* row-major, little-endian; may be unaligned; see cow_tensor_read () */
  gsize n_bytes;      /* always cow_tensor_count () * cow_dtype_size () */
  const CowMapping *mapping; /* the file that the data are of; NULL: they are in memory */
} CowTensor;

/* F32, F64, F16 or BF16. */
gboolean cow_dtype_is_floating (CowDtype dtype);
/* Bytes of one element. */
gsize cow_dtype_size (CowDtype dtype);
/* "F32", "BF16", ... as safetensors writes it. */
const char *cow_dtype_name (CowDtype dtype);
/* The type of a safetensors name; FALSE when there is none. */
gboolean cow_dtype_parse (const char *name, CowDtype *dtype);

/* The number of elements of a shape, checked: FALSE on a negative dimension or when it or its size
 * in bytes overflows. */
gboolean cow_shape_count (const gint64 *dims, guint n_dims, CowDtype dtype, gsize *count,
                          gsize *n_bytes);
gsize cow_tensor_count (const CowTensor *tensor);
/* "[128, 3, 16, 16]", for messages; free with g_free. */
char *cow_tensor_shape_text (const CowTensor *tensor);
gboolean cow_tensor_has_shape (const CowTensor *tensor, guint n_dims, const gint64 *dims);

/* Brings the data into memory, where they stay while the file is open and nobody releases them;
 * before that they must not be touched. COW_ERROR_IO, also where the file was changed. */
gboolean cow_tensor_read (const CowTensor *tensor, GError **error);
/* Copies bytes [first, first + n_bytes) of the data, which need not be in memory. */
gboolean cow_tensor_copy (const CowTensor *tensor, gsize first, gsize n_bytes, void *to,
                          GError **error);

/*
 * Copies a tensor of any floating-point type to fp32 [count]. COW_ERROR_FORMAT when a value is NaN
 * or infinite (message: file, tensor, index), COW_ERROR_MISMATCH when the type is not a
 * floating-point one, COW_ERROR_IO. `file` is for the message. The data need not be in memory, and
 * are not brought there.
 */
gboolean cow_tensor_to_f32 (const CowTensor *tensor, const char *file, float *out, GError **error);
/* The same check without the copy. */
gboolean cow_tensor_check_finite (const CowTensor *tensor, const char *file, GError **error);

G_END_DECLS

#endif
