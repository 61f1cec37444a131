/* SPDX-License-Identifier: MIT */
/*
 * Reading safetensors. The format: u64 (little-endian) length of the header, the header, a JSON
 * object {NAME: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {string:
 * string}}, then the data that the offsets count into. Everything is checked at opening, so that a
 * CowTensor in hand can be trusted: https://github.com/huggingface/safetensors#format .
 */
#include "model/files/safetensors.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/foreign.h"
#include "model/files/json.h"
#include "model/files/mapping.h"

#define MAX_HEADER 100000000 /* as the format's own reader */

struct _CowSafetensors {
  CowMapping mapping;
  GArray *tensors;      /* CowTensor, in the order of their data */
  GHashTable *by_name;  /* name -> CowTensor in `tensors` */
  GHashTable *metadata; /* string -> string */
};

static gboolean bad (const CowSafetensors *self, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
bad (const CowSafetensors *self, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s", self->mapping.path, what);
  return FALSE;
}

/* An array of at most `max` integers >= 0; doubles, which json-glib would round, are none. */
static gboolean
read_integers (JsonObject *entry, const char *member, guint max, gint64 *values, guint *n)
{
  JsonNode *node = json_object_get_member (entry, member);
  JsonArray *array;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  array = json_node_get_array (node);
  *n = json_array_get_length (array);
  if (*n > max)
    return FALSE;
  for (guint i = 0; i < *n; i++) {
    JsonNode *element = json_array_get_element (array, i);

    if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_INT64 ||
        json_node_get_int (element) < 0)
      return FALSE;
    values[i] = json_node_get_int (element);
  }
  return TRUE;
}

static gboolean
read_dtype (CowSafetensors *self, JsonObject *entry, CowTensor *tensor, GError **error)
{
  JsonNode *node = json_object_get_member (entry, "dtype");

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      json_node_get_value_type (node) != G_TYPE_STRING)
    return bad (self, error, "tensor %s has no dtype", tensor->name);
  if (cow_dtype_parse (json_node_get_string (node), &tensor->dtype))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: tensor %s is of type \"%s\"; F32, F64, F16, BF16, U8, I8, I16, I32, I64 and "
               "BOOL are known",
               self->mapping.path, tensor->name, json_node_get_string (node));
  return FALSE;
}

/* One member of the header. `data` holds the bytes behind the header; offsets are checked against
 * them in check_layout (). */
static gboolean
read_tensor (CowSafetensors *self, JsonObject *entry, CowTensor *tensor, const guint8 *data,
             gsize data_size, GError **error)
{
  gint64 offsets[2];
  guint n_offsets;
  gsize n_bytes;

  if (!read_dtype (self, entry, tensor, error))
    return FALSE;
  if (!read_integers (entry, "shape", COW_MAX_DIMS, tensor->dims, &tensor->n_dims))
    return bad (self, error, "tensor %s: shape must be an array of at most %d integers >= 0",
                tensor->name, COW_MAX_DIMS);
  if (!cow_shape_count (tensor->dims, tensor->n_dims, tensor->dtype, NULL, &n_bytes))
    return bad (self, error, "tensor %s: its shape is more than any memory holds", tensor->name);
  if (!read_integers (entry, "data_offsets", 2, offsets, &n_offsets) || n_offsets != 2 ||
      offsets[0] > offsets[1])
    return bad (self, error, "tensor %s: data_offsets must be two integers, 0 <= begin <= end",
                tensor->name);
  if ((guint64)(offsets[1] - offsets[0]) != n_bytes)
    return bad (self, error,
                "tensor %s: its data_offsets hold %" G_GINT64_FORMAT
                " bytes, its type and shape need %" G_GSIZE_FORMAT,
                tensor->name, offsets[1] - offsets[0], n_bytes);
  if ((guint64)offsets[1] > data_size)
    return bad (self, error,
                "truncated: its header promises %" G_GINT64_FORMAT
                " bytes of data for tensor %s, the file has %" G_GSIZE_FORMAT,
                offsets[1], tensor->name, data_size);
  tensor->data = data + offsets[0];
  tensor->mapping = &self->mapping;
  tensor->n_bytes = n_bytes;
  return TRUE;
}

static gboolean
read_metadata (CowSafetensors *self, JsonNode *node, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return bad (self, error, "__metadata__ must be an object of strings");
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &key, &value)) {
    if (!JSON_NODE_HOLDS_VALUE (value) || json_node_get_value_type (value) != G_TYPE_STRING)
      return bad (self, error, "__metadata__ must be an object of strings");
    g_hash_table_insert (self->metadata, g_strdup (key), g_strdup (json_node_get_string (value)));
  }
  return TRUE;
}

static gboolean
read_entries (CowSafetensors *self, JsonObject *root, const guint8 *data, gsize data_size,
              GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  json_object_iter_init (&iter, root);
  while (json_object_iter_next (&iter, &name, &value)) {
    CowTensor tensor = { 0 };

    if (!g_utf8_validate (name, -1, NULL))
      return bad (self, error, "a tensor's name is not UTF-8");
    if (g_str_equal (name, "__metadata__")) {
      if (!read_metadata (self, value, error))
        return FALSE;
      continue;
    }
    if (!JSON_NODE_HOLDS_OBJECT (value))
      return bad (self, error, "tensor %s: its entry in the header must be an object", name);
    tensor.name = g_strdup (name);
    g_array_append_val (self->tensors, tensor);
    if (!read_tensor (self, json_node_get_object (value),
                      &g_array_index (self->tensors, CowTensor, self->tensors->len - 1), data,
                      data_size, error))
      return FALSE;
  }
  return TRUE;
}

/* By begin, then by end: an empty tensor comes before the one that starts where it does. */
static int
compare_data (gconstpointer a, gconstpointer b)
{
  const CowTensor *left = a, *right = b;

  if (left->data != right->data)
    return left->data < right->data ? -1 : 1;
  return left->n_bytes < right->n_bytes ? -1 : left->n_bytes > right->n_bytes;
}

/* The data of all tensors must cover the rest of the file exactly: overlaps and gaps are how one
 * file is made to mean two things. */
static gboolean
check_layout (CowSafetensors *self, const guint8 *data, gsize data_size, GError **error)
{
  const guint8 *end = data;

  g_array_sort (self->tensors, compare_data);
  for (guint i = 0; i < self->tensors->len; i++) {
    CowTensor *tensor = &g_array_index (self->tensors, CowTensor, i);

    if (tensor->data != end)
      return bad (self, error,
                  "tensor %s: its data start at byte %" G_GSIZE_FORMAT
                  ", those before it end at %" G_GSIZE_FORMAT " (%s)",
                  tensor->name, (gsize)(tensor->data - data), (gsize)(end - data),
                  tensor->data < end ? "they overlap" : "a gap");
    end += tensor->n_bytes;
    g_hash_table_insert (self->by_name, tensor->name, tensor);
  }
  if (end != data + data_size)
    return bad (self, error,
                "%" G_GSIZE_FORMAT " bytes follow the last tensor's data, none were expected",
                data_size - (gsize)(end - data));
  return TRUE;
}

static gboolean
read_header (CowSafetensors *self, GError **error)
{
  const CowMapping *mapping = &self->mapping;
  g_autoptr (JsonNode) root = NULL;
  guint64 length;
  gsize rest;

  if (mapping->size < 8)
    return bad (self, error, "has %" G_GSIZE_FORMAT " bytes, too few for a safetensors file",
                mapping->size);
  memcpy (&length, mapping->data, 8);
  length = GUINT64_FROM_LE (length);
  rest = mapping->size - 8;
  if (length > rest)
    return bad (self, error,
                "truncated, or no safetensors file: its first 8 bytes promise a header of "
                "%" G_GUINT64_FORMAT " bytes, the file has %" G_GSIZE_FORMAT " after them",
                length, rest);
  if (length > MAX_HEADER)
    return bad (self, error, "has a header of %" G_GUINT64_FORMAT " bytes, at most %d are allowed",
                length, MAX_HEADER);
  if (length == 0 || mapping->data[8] != '{')
    return bad (self, error, "no safetensors file: its header does not start with '{'");
  if (!cow_mapping_read (mapping, mapping->data, 8 + length, error))
    return FALSE;
  root = cow_json_parse ((const char *)mapping->data + 8, length, mapping->path, error);
  if (root == NULL)
    return FALSE;
  if (!read_entries (self, json_node_get_object (root), mapping->data + 8 + length, rest - length,
                     error))
    return FALSE;
  return check_layout (self, mapping->data + 8 + length, rest - length, error);
}

static void
clear_tensor (gpointer tensor)
{
  g_free (((CowTensor *)tensor)->name);
}

static CowSafetensors *
read_mapping (const CowMapping *mapping, GError **error)
{
  g_autoptr (CowSafetensors) self = g_new0 (CowSafetensors, 1);

  self->mapping = *mapping;
  self->tensors = g_array_new (FALSE, FALSE, sizeof (CowTensor));
  g_array_set_clear_func (self->tensors, clear_tensor);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const gsize start = MIN (mapping->size, COW_FOREIGN_BYTES);
  if (!cow_mapping_read (mapping, mapping->data, start, error))
    return NULL;
  if (read_header (self, error))
    return g_steal_pointer (&self);
  cow_foreign_explain (self->mapping.path, self->mapping.data, start, error);
  return NULL;
}

CowSafetensors *
cow_safetensors_open (const char *path, GError **error)
{
  CowMapping mapping;

  return cow_mapping_open (&mapping, path, error) ? read_mapping (&mapping, error) : NULL;
}

CowSafetensors *
cow_safetensors_open_bytes (const char *path, const guint8 *data, gsize size, GError **error)
{
  CowMapping mapping;

  cow_mapping_from_bytes (&mapping, path, data, size);
  return read_mapping (&mapping, error);
}

void
cow_safetensors_close (CowSafetensors *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->metadata);
  g_hash_table_unref (self->by_name);
  g_array_unref (self->tensors);
  cow_mapping_close (&self->mapping);
  g_free (self);
}

const char *
cow_safetensors_path (const CowSafetensors *self)
{
  return self->mapping.path;
}

guint
cow_safetensors_n_tensors (const CowSafetensors *self)
{
  return self->tensors->len;
}

const CowTensor *
cow_safetensors_nth (const CowSafetensors *self, guint i)
{
  return &g_array_index (self->tensors, CowTensor, i);
}

const CowTensor *
cow_safetensors_get (const CowSafetensors *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

const char *
cow_safetensors_metadata (const CowSafetensors *self, const char *key)
{
  return g_hash_table_lookup (self->metadata, key);
}

gboolean
cow_safetensors_check (const CowSafetensors *self, GError **error)
{
  return cow_mapping_check (&self->mapping, error);
}

void
cow_safetensors_release_pages (const CowSafetensors *self, const CowTensor *tensor)
{
  cow_mapping_release (&self->mapping, tensor->data, tensor->n_bytes);
}
