/* SPDX-License-Identifier: MIT */
/* Writing safetensors: the header is known once all tensors are declared, so the data go straight
 * behind it. What a declaration does wrong is kept and reported by the first call that can fail. */
#include "model/files/safetensors.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"

#define PIECE ((gsize)1 << 20) /* bytes of a tensor that are copied at once */

struct _CowSafetensorsWriter {
  char *path;
  JsonObject *header, *metadata;
  gsize declared, written; /* bytes of data */
  CowFileWriter *file;     /* NULL before the first write */
  GError *declaration;     /* the first mistake in the declarations */
};

CowSafetensorsWriter *
cow_safetensors_writer_new (const char *path)
{
  CowSafetensorsWriter *self = g_new0 (CowSafetensorsWriter, 1);

  self->path = g_strdup (path);
  self->header = json_object_new ();
  return self;
}

void
cow_safetensors_writer_metadata (CowSafetensorsWriter *self, const char *key, const char *value)
{
  if (self->metadata == NULL) {
    self->metadata = json_object_new ();
    json_object_set_object_member (self->header, "__metadata__", self->metadata);
  }
  json_object_set_string_member (self->metadata, key, value);
}

static JsonArray *
integers (const gint64 *values, guint n)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < n; i++)
    json_array_add_int_element (array, values[i]);
  return array;
}

void
cow_safetensors_writer_declare (CowSafetensorsWriter *self, const char *name, CowDtype dtype,
                                const gint64 *dims, guint n_dims)
{
  gsize n_bytes, end = 0;
  gint64 offsets[2];
  const char *wrong = NULL;
  JsonObject *entry;

  if (self->file != NULL)
    wrong = "is declared after data were written";
  else if (!g_utf8_validate (name, -1, NULL) || g_str_equal (name, "__metadata__"))
    wrong = "is no name for a tensor";
  else if (json_object_has_member (self->header, name))
    wrong = "is declared twice";
  else if (n_dims > COW_MAX_DIMS || !cow_shape_count (dims, n_dims, dtype, NULL, &n_bytes) ||
           !g_size_checked_add (&end, self->declared, n_bytes) || end > G_MAXINT64)
    wrong = "has a shape that no file holds";
  if (wrong != NULL) {
    if (self->declaration == NULL)
      self->declaration =
          g_error_new (COW_ERROR, COW_ERROR_ARGUMENT, "%s: tensor %s %s", self->path, name, wrong);
    return;
  }
  offsets[0] = (gint64)self->declared;
  offsets[1] = (gint64)end;
  entry = json_object_new ();
  json_object_set_string_member (entry, "dtype", cow_dtype_name (dtype));
  json_object_set_array_member (entry, "shape", integers (dims, n_dims));
  json_object_set_array_member (entry, "data_offsets", integers (offsets, 2));
  json_object_set_object_member (self->header, name, entry);
  self->declared = end;
}

/* The header with its length before it, padded with blanks so that the data start at a multiple of
 * 8 bytes. */
static GString *
header_text (CowSafetensorsWriter *self)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *json = NULL;
  GString *text = g_string_new (NULL);
  guint64 length;

  json_node_set_object (root, self->header);
  json = cow_json_text (root, FALSE);
  g_string_append_len (text, "        ", 8);
  g_string_append (text, json);
  while (text->len % 8 != 0)
    g_string_append_c (text, ' ');
  length = GUINT64_TO_LE (text->len - 8);
  memcpy (text->str, &length, 8);
  return text;
}

static gboolean
start (CowSafetensorsWriter *self, GError **error)
{
  if (self->declaration != NULL) {
    g_propagate_error (error, g_error_copy (self->declaration));
    return FALSE;
  }
  g_autoptr (GString) header = header_text (self);
  self->file = cow_file_writer_new (self->path, error);
  return self->file != NULL && cow_file_writer_write (self->file, header->str, header->len, error);
}

gboolean
cow_safetensors_writer_write (CowSafetensorsWriter *self, const void *data, gsize n_bytes,
                              GError **error)
{
  if (self->file == NULL && !start (self, error))
    return FALSE;
  if (n_bytes > self->declared - self->written) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: the tensors declared have %" G_GSIZE_FORMAT
                 " bytes, at least %" G_GSIZE_FORMAT " more were given",
                 self->path, self->declared, n_bytes - (self->declared - self->written));
    return FALSE;
  }
  self->written += n_bytes;
  return cow_file_writer_write (self->file, data, n_bytes, error);
}

gboolean
cow_safetensors_writer_copy (CowSafetensorsWriter *self, const CowTensor *tensor, GError **error)
{
  g_autofree guint8 *piece = g_try_malloc (MIN (tensor->n_bytes, PIECE));

  if (piece == NULL && tensor->n_bytes > 0)
    return cow_check (CK_NO_MEMORY, error, "copying %s", tensor->name);

  for (gsize at = 0; at < tensor->n_bytes; at += PIECE) {
    const gsize n = MIN (PIECE, tensor->n_bytes - at);

    if (!cow_tensor_copy (tensor, at, n, piece, error) ||
        !cow_safetensors_writer_write (self, piece, n, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cow_safetensors_writer_finish (CowSafetensorsWriter *self, GError **error)
{
  if (self->file == NULL && !start (self, error))
    return FALSE;
  if (self->written != self->declared) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: the tensors declared have %" G_GSIZE_FORMAT " bytes, only %" G_GSIZE_FORMAT
                 " were given",
                 self->path, self->declared, self->written);
    return FALSE;
  }
  return cow_file_writer_finish (self->file, error);
}

void
cow_safetensors_writer_free (CowSafetensorsWriter *self)
{
  if (self == NULL)
    return;
  cow_file_writer_free (self->file);
  json_object_unref (self->header);
  g_clear_error (&self->declaration);
  g_free (self->path);
  g_free (self);
}
