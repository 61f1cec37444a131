/* SPDX-License-Identifier: MIT */
#include "tests/model/scratch.h"

#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

char *
scratch_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-test-XXXXXX", &error);
  g_assert_no_error (error);
  return folder;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir =
      g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name (dir)) != NULL;) {
    g_autofree char *inside = g_build_filename (path, name, NULL);
    remove_tree (inside);
  }
  g_remove (path);
}

void
scratch_free (char *folder)
{
  remove_tree (folder);
  g_free (folder);
}

gboolean
scratch_is_empty (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  return dir == NULL || g_dir_read_name (dir) == NULL;
}

char *
scratch_read (const char *folder, const char *name, gsize *length)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text;
  g_file_get_contents (path, &text, length, &error);
  g_assert_no_error (error);
  return text;
}

void
scratch_write (const char *folder, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

void
scratch_copy (const char *from, const char *to, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (to, name, NULL);
  gsize length;
  g_autofree char *data = scratch_read (from, name, &length);
  g_file_set_contents (path, data, (gssize)length, &error);
  g_assert_no_error (error);
}

void
scratch_copy_json (const char *from, const char *to, const char *name, const char *key,
                   const char *value)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *source = scratch_read (from, name, NULL);
  g_autoptr (JsonNode) root = json_from_string (source, &error);
  g_assert_no_error (error);
  JsonObject *object = json_node_get_object (root);
  if (value == NULL) {
    json_object_remove_member (object, key);
  } else {
    JsonNode *node = json_from_string (value, &error);
    g_assert_no_error (error);
    json_object_set_member (object, key, node);
  }
  g_autofree char *text = json_to_string (root, TRUE);
  scratch_write (to, name, text);
}

static const ScratchEdit *
edit_of (const ScratchEdit *edits, const char *name)
{
  while (edits->name != NULL && strcmp (edits->name, name) != 0)
    edits++;
  return edits;
}

static void
declare (CowSafetensorsWriter *writer, const CowTensor *tensor, const ScratchEdit *edit)
{
  const char *name = edit->rename != NULL ? edit->rename : tensor->name;
  if (edit->n_dims > 0)
    cow_safetensors_writer_declare (writer, name, edit->dtype, edit->dims, edit->n_dims);
  else
    cow_safetensors_writer_declare (writer, name, tensor->dtype, tensor->dims, tensor->n_dims);
}

static void
write_tensor (CowSafetensorsWriter *writer, const CowTensor *tensor, const ScratchEdit *edit)
{
  g_autoptr (GError) error = NULL;
  gsize n_bytes = tensor->n_bytes;
  if (edit->n_dims > 0)
    g_assert_true (cow_shape_count (edit->dims, edit->n_dims, edit->dtype, NULL, &n_bytes));
  g_autofree guint8 *data = g_malloc0 (n_bytes + 1);
  if (edit->data != NULL)
    memcpy (data, edit->data, n_bytes);
  else if (n_bytes > 0)
    cow_tensor_copy (tensor, 0, MIN (n_bytes, tensor->n_bytes), data, &error);
  g_assert_no_error (error);
  cow_safetensors_writer_write (writer, data, n_bytes, &error);
  g_assert_no_error (error);
}

void
scratch_copy_tensors (const char *from, const char *to, const ScratchEdit *edits)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) source = cow_safetensors_open (from, &error);
  g_assert_no_error (error);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (to);
  for (int pass = 0; pass < 2; pass++)
    for (guint i = 0; i < cow_safetensors_n_tensors (source); i++) {
      const CowTensor *tensor = cow_safetensors_nth (source, i);
      const ScratchEdit *edit = edit_of (edits, tensor->name);
      if (!edit->drop)
        (pass == 0 ? declare : write_tensor) (writer, tensor, edit);
    }
  cow_safetensors_writer_finish (writer, &error);
  g_assert_no_error (error);
}
