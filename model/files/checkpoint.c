/* SPDX-License-Identifier: MIT */
/* Finds the files of a network, opens each with its reader, and keeps one table of all tensors
 * under their translated names. */
#include "model/files/checkpoint.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "model/files/checkpoint-names.h"
#include "model/files/error.h"
#include "model/files/json.h"
#include "model/files/safetensors.h"
#include "model/files/torchfile.h"

/* One of the two, the other NULL. */
typedef struct {
  CowSafetensors *safetensors;
  CowTorchfile *torchfile;
  gboolean k_bias; /* it has learned positions, as timm's networks, whose k has a bias */
} File;

typedef struct {
  CowTensor tensor; /* owns its name */
  File *file;
} Entry;

struct _CowCheckpoint {
  char *path;
  GPtrArray *files;    /* File */
  GPtrArray *entries;  /* Entry */
  GHashTable *by_name; /* name -> Entry */
};

static void
free_file (gpointer data)
{
  File *file = data;

  cow_safetensors_close (file->safetensors);
  cow_torchfile_close (file->torchfile);
  g_free (file);
}

static void
free_entry (gpointer data)
{
  g_free (((Entry *)data)->tensor.name);
  g_free (data);
}

static const char *
file_path (const File *file)
{
  return file->safetensors != NULL ? cow_safetensors_path (file->safetensors)
                                   : cow_torchfile_path (file->torchfile);
}

static guint
file_n_tensors (const File *file)
{
  return file->safetensors != NULL ? cow_safetensors_n_tensors (file->safetensors)
                                   : cow_torchfile_n_tensors (file->torchfile);
}

static const CowTensor *
file_nth (const File *file, guint i)
{
  return file->safetensors != NULL ? cow_safetensors_nth (file->safetensors, i)
                                   : cow_torchfile_nth (file->torchfile, i);
}

/* Opens a file with the reader that its name asks for, and owns it from then on. */
static File *
open_file (CowCheckpoint *self, const char *path, GError **error)
{
  File *file = g_new0 (File, 1);

  g_ptr_array_add (self->files, file);
  if (g_str_has_suffix (path, ".safetensors"))
    file->safetensors = cow_safetensors_open (path, error);
  else if (g_str_has_suffix (path, ".pth") || g_str_has_suffix (path, ".pt") ||
           g_str_has_suffix (path, ".bin"))
    file->torchfile = cow_torchfile_open (path, error);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a folder, a .safetensors or a .pth file was expected", path);
  return file->safetensors != NULL || file->torchfile != NULL ? file : NULL;
}

static gboolean
add_tensor (CowCheckpoint *self, File *file, const CowTensor *tensor, GError **error)
{
  CowTensor views[COW_TRANSLATE_MAX];
  guint n_views;
  gboolean unique = TRUE;

  if (!cow_translate_tensor (tensor, file->k_bias, file_path (file), views, &n_views, error))
    return FALSE;
  for (guint i = 0; i < n_views; i++) {
    Entry *entry = g_new (Entry, 1);

    entry->tensor = views[i];
    entry->file = file;
    g_ptr_array_add (self->entries, entry);
    if (unique && !g_hash_table_insert (self->by_name, entry->tensor.name, entry)) {
      unique = FALSE;
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: tensor %s: there are two of that name (%s)", file_path (file), tensor->name,
                   entry->tensor.name);
    }
  }
  return unique;
}

static gboolean
add_file (CowCheckpoint *self, const char *path, GError **error)
{
  File *file = open_file (self, path, error);

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < file_n_tensors (file); i++)
    file->k_bias |= g_str_equal (file_nth (file, i)->name, "pos_embed");
  for (guint i = 0; i < file_n_tensors (file); i++)
    if (!add_tensor (self, file, file_nth (file, i), error))
      return FALSE;
  return TRUE;
}

/* A shard is a file of the model's own folder; anything else could make a model read files that its
 * user never named. */
static gboolean
check_shard_name (const char *name, const char *index, GError **error)
{
  if (*name != '\0' && strchr (name, '/') == NULL && strchr (name, '\\') == NULL &&
      !g_str_equal (name, ".") && !g_str_equal (name, "..") &&
      g_str_has_suffix (name, ".safetensors"))
    return TRUE;
  g_set_error (
      error, COW_ERROR, COW_ERROR_FORMAT,
      "%s: shard \"%s\": the plain name of a .safetensors file in the same folder was expected",
      index, name);
  return FALSE;
}

/* Reads the index: tensor -> shard in *map, and the shards in the order of their names. */
static gboolean
read_index (JsonObject *weight_map, const char *index, GHashTable *map, GPtrArray *shards,
            GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  JsonObjectIter iter;
  const char *tensor;
  JsonNode *node;

  json_object_iter_init (&iter, weight_map);
  while (json_object_iter_next (&iter, &tensor, &node)) {
    const char *shard;

    if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: weight_map: the name of a shard was expected for tensor %s", index, tensor);
      return FALSE;
    }
    shard = json_node_get_string (node);
    if (!check_shard_name (shard, index, error))
      return FALSE;
    g_hash_table_insert (map, (gpointer)tensor, (gpointer)shard);
    if (g_hash_table_add (seen, (gpointer)shard))
      g_ptr_array_add (shards, (gpointer)shard);
  }
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Index and shard must tell the same: a tensor that only one of them knows belongs to another
 * version of the network. */
static gboolean
check_shard (const CowSafetensors *file, const char *shard, const char *index, GHashTable *map,
             GError **error)
{
  GHashTableIter iter;
  gpointer name, where;

  g_hash_table_iter_init (&iter, map);
  while (g_hash_table_iter_next (&iter, &name, &where))
    if (g_str_equal (where, shard) && cow_safetensors_get (file, name) == NULL) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "%s: tensor %s is not in %s, where the index has it", index, (char *)name,
                   shard);
      return FALSE;
    }
  for (guint i = 0; i < cow_safetensors_n_tensors (file); i++) {
    const char *tensor = cow_safetensors_nth (file, i)->name;

    where = g_hash_table_lookup (map, tensor);
    if (where == NULL || !g_str_equal (where, shard)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: shard %s holds tensor %s, which the index %s%s", index, shard, tensor,
                   where == NULL ? "does not know" : "has in ", where == NULL ? "" : (char *)where);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
add_shards (CowCheckpoint *self, const char *index, GError **error)
{
  g_autoptr (JsonNode) root = cow_json_read (index, error);
  g_autoptr (GHashTable) map = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) shards = g_ptr_array_new ();
  JsonNode *node;

  if (root == NULL)
    return FALSE;
  node = json_object_get_member (json_node_get_object (root), "weight_map");
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: has no weight_map", index);
    return FALSE;
  }
  if (!read_index (json_node_get_object (node), index, map, shards, error))
    return FALSE;
  g_ptr_array_sort (shards, compare_names);
  for (guint i = 0; i < shards->len; i++) {
    const char *shard = g_ptr_array_index (shards, i);
    g_autofree char *path = g_build_filename (self->path, shard, NULL);
    const File *file;

    if (!add_file (self, path, error))
      return FALSE;
    file = g_ptr_array_index (self->files, self->files->len - 1);
    if (!check_shard (file->safetensors, shard, index, map, error))
      return FALSE;
  }
  return TRUE;
}

/* As transformers: the single file first. */
static gboolean
add_folder (CowCheckpoint *self, GError **error)
{
  g_autofree char *single = g_build_filename (self->path, "model.safetensors", NULL);
  g_autofree char *index = g_build_filename (self->path, "model.safetensors.index.json", NULL);

  if (g_file_test (single, G_FILE_TEST_EXISTS))
    return add_file (self, single, error);
  if (g_file_test (index, G_FILE_TEST_EXISTS))
    return add_shards (self, index, error);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s: has neither model.safetensors nor model.safetensors.index.json", self->path);
  return FALSE;
}

CowCheckpoint *
cow_checkpoint_open (const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) self = g_new0 (CowCheckpoint, 1);
  gboolean ok;

  self->path = g_strdup (path);
  self->files = g_ptr_array_new_with_free_func (free_file);
  self->entries = g_ptr_array_new_with_free_func (free_entry);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: no such file or folder", path);
    return NULL;
  }
  ok = g_file_test (path, G_FILE_TEST_IS_DIR) ? add_folder (self, error)
                                              : add_file (self, path, error);
  return ok ? g_steal_pointer (&self) : NULL;
}

void
cow_checkpoint_close (CowCheckpoint *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_name);
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->files);
  g_free (self->path);
  g_free (self);
}

const char *
cow_checkpoint_path (const CowCheckpoint *self)
{
  return self->path;
}

guint
cow_checkpoint_n_tensors (const CowCheckpoint *self)
{
  return self->entries->len;
}

const CowTensor *
cow_checkpoint_nth (const CowCheckpoint *self, guint i)
{
  return &((const Entry *)g_ptr_array_index (self->entries, i))->tensor;
}

static const Entry *
find_entry (const CowCheckpoint *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

const CowTensor *
cow_checkpoint_find (const CowCheckpoint *self, const char *name)
{
  const Entry *entry = find_entry (self, name);

  return entry != NULL ? &entry->tensor : NULL;
}

const CowTensor *
cow_checkpoint_get (const CowCheckpoint *self, const char *name, guint n_dims, const gint64 *dims,
                    GError **error)
{
  const Entry *entry = find_entry (self, name);
  CowTensor wanted = { .n_dims = n_dims };
  g_autofree char *wanted_text = NULL, *found_text = NULL;

  if (entry != NULL && cow_tensor_has_shape (&entry->tensor, n_dims, dims))
    return &entry->tensor;
  memcpy (wanted.dims, dims, n_dims * sizeof *dims);
  wanted_text = cow_tensor_shape_text (&wanted);
  if (entry == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: tensor %s %s is missing", self->path,
                 name, wanted_text);
  } else {
    found_text = cow_tensor_shape_text (&entry->tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: tensor %s has shape %s, %s was expected", file_path (entry->file), name,
                 found_text, wanted_text);
  }
  return NULL;
}

const char *
cow_checkpoint_file_of (const CowCheckpoint *self, const CowTensor *tensor)
{
  const Entry *entry = find_entry (self, tensor->name);

  return entry != NULL ? file_path (entry->file) : self->path;
}

void
cow_checkpoint_release_pages (const CowCheckpoint *self, const CowTensor *tensor)
{
  const Entry *entry = find_entry (self, tensor->name);

  if (entry == NULL)
    return;
  if (entry->file->safetensors != NULL)
    cow_safetensors_release_pages (entry->file->safetensors, tensor);
  else
    cow_torchfile_release_pages (entry->file->torchfile, tensor);
}
