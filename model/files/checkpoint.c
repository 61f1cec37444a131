/* SPDX-License-Identifier: MIT */
/* Finds the files of a network, opens each with its reader, and keeps one table of all tensors
 * under their translated names. */
#include "model/files/checkpoint.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "model/files/checkpoint-names.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "model/files/tensor-file.h"
#include "model/files/tensor-names.h"

typedef struct {
  CowTensor tensor; /* owns its name */
  const CowTensorFile *file;
} Entry;

struct _CowCheckpoint {
  gint holders;
  char *path;
  GPtrArray *files;    /* CowTensorFile */
  GPtrArray *entries;  /* Entry */
  GHashTable *by_name; /* name -> Entry */
  char *root;          /* what stands before the network's names, or NULL */
  guint n_outside;     /* tensors that do not begin with it */
  char *note;
  CowNamesOf names_of;
};

static void
free_file (gpointer data)
{
  cow_tensor_file_clear (data);
  g_free (data);
}

static void
free_entry (gpointer data)
{
  g_free (((Entry *)data)->tensor.name);
  g_free (data);
}

/* Opens a file, and owns it from then on. */
static const CowTensorFile *
open_file (CowCheckpoint *self, const char *path, GError **error)
{
  CowTensorFile *file = g_new0 (CowTensorFile, 1);

  g_ptr_array_add (self->files, file);
  return cow_tensor_file_open (file, path, error) ? file : NULL;
}

/* A shard is a file of the model's own folder; anything else could make a model read files that its
 * user never named. */
static gboolean
check_shard_name (const char *name, const char *index, GError **error)
{
  if (*name != '\0' && strchr (name, '/') == NULL && strchr (name, '\\') == NULL &&
      !g_str_equal (name, ".") && !g_str_equal (name, "..") &&
      (g_str_has_suffix (name, ".safetensors") || g_str_has_suffix (name, ".bin")))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: shard \"%s\": the plain name of a .safetensors or .bin file in the same folder "
               "was expected",
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
check_shard (const CowTensorFile *file, const char *shard, const char *index, GHashTable *map,
             GError **error)
{
  GHashTableIter iter;
  gpointer name, where;

  g_hash_table_iter_init (&iter, map);
  while (g_hash_table_iter_next (&iter, &name, &where))
    if (g_str_equal (where, shard) && cow_tensor_file_get (file, name) == NULL) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "%s: tensor %s is not in %s, where the index has it", index, (char *)name,
                   shard);
      return FALSE;
    }
  for (guint i = 0; i < cow_tensor_file_n (file); i++) {
    const char *tensor = cow_tensor_file_nth (file, i)->name;

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
    const CowTensorFile *file = open_file (self, path, error);

    if (file == NULL || !check_shard (file, shard, index, map, error))
      return FALSE;
  }
  return TRUE;
}

/* A file of a folder that may hold weights under another name; NULL: none. Free with g_free. */
static char *
find_weights (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  char *found = NULL;
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if ((g_str_has_suffix (name, ".safetensors") || g_str_has_suffix (name, ".pth") ||
         g_str_has_suffix (name, ".pt") || g_str_has_suffix (name, ".bin")) &&
        *name != '.' && (!found || strcmp (name, found) < 0)) {
      g_free (found);
      found = g_strdup (name);
    }
  return found;
}

static gboolean
refuse_adapter (const char *path, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: is an adapter, not a model: give it as --adapter (adapter=), and as "
               "model the base that it was trained on",
               path);
  return FALSE;
}

static gboolean
holds_any (const char *folder, const char *const *names)
{
  for (; *names; names++) {
    g_autofree char *file = g_build_filename (folder, *names, NULL);
    if (cow_path_exists (file))
      return TRUE;
  }
  return FALSE;
}

/* Says what a folder without weights is, as far as its other files tell. An adapter that is a whole
 * network has a config.json too: it is one that lost its weights. */
static gboolean
refuse_folder (const char *path, GError **error)
{
  static const char *const adapters[] = { "adapter_config.json", "adapter_model.safetensors",
                                          "adapter_model.bin", NULL },
                           *const heads[] = { "cowbehavior.json", "classifier.safetensors",
                                              "best_classifier.pth", NULL },
                           *const networks[] = { "config.json", NULL };
  if (holds_any (path, adapters) || (holds_any (path, heads) && !holds_any (path, networks)))
    return refuse_adapter (path, error);
  g_autofree char *weights = find_weights (path);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s: has neither model.safetensors nor model.safetensors.index.json, nor "
               "pytorch_model.bin%s%s%s",
               path, weights ? "; it holds " : "", weights ? weights : "",
               weights ? ", which can be named itself" : "");
  return FALSE;
}

/* As transformers: the single file first, safetensors before pickles. */
static gboolean
open_folder (CowCheckpoint *self, GError **error)
{
  static const struct {
    const char *name;
    gboolean index;
  } places[] = { { "model.safetensors", FALSE },
                 { "model.safetensors.index.json", TRUE },
                 { "pytorch_model.bin", FALSE },
                 { "pytorch_model.bin.index.json", TRUE } };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autofree char *path = g_build_filename (self->path, places[i].name, NULL);
    if (cow_path_exists (path))
      return places[i].index ? add_shards (self, path, error)
                             : open_file (self, path, error) != NULL;
  }
  return refuse_folder (self->path, error);
}

/* ---- names ----------------------------------------------------------------------------------- */

static gboolean
has_suffix (const CowTensor *tensor, const char *suffix)
{
  const gsize n = strlen (tensor->name), m = strlen (suffix);
  return g_str_has_suffix (tensor->name, suffix) && (n == m || tensor->name[n - m - 1] == '.');
}

/* What the names of all tensors together tell of each. */
static CowNameHints
find_hints (const CowCheckpoint *self)
{
  CowNameHints hints = { 0 };
  gint64 wide = 0, narrow = 0; /* rows of the first layer of an MLP, columns of the second */

  for (guint f = 0; f < self->files->len; f++) {
    const CowTensorFile *file = self->files->pdata[f];
    for (guint i = 0; i < cow_tensor_file_n (file); i++) {
      const CowTensor *tensor = cow_tensor_file_nth (file, i);
      hints.k_bias |= has_suffix (tensor, "pos_embed");
      if (has_suffix (tensor, "blocks.0.mlp.fc1.weight") && tensor->n_dims == 2)
        wide = tensor->dims[0];
      if (has_suffix (tensor, "blocks.0.mlp.fc2.weight") && tensor->n_dims == 2)
        narrow = tensor->dims[1];
    }
  }
  hints.packed_mlp = wide > 0 && narrow == wide / 2 && wide % 2 == 0;
  return hints;
}

/* Whose names they are, by tensors that only they have. */
static CowNamesOf
find_names_of (const CowCheckpoint *self)
{
  gboolean blocks = FALSE, meta = FALSE;

  for (guint f = 0; f < self->files->len; f++) {
    const CowTensorFile *file = self->files->pdata[f];
    for (guint i = 0; i < cow_tensor_file_n (file); i++) {
      const CowTensor *tensor = cow_tensor_file_nth (file, i);
      blocks |= strstr (tensor->name, "blocks.0.") != NULL;
      meta |= has_suffix (tensor, "mask_token") || has_suffix (tensor, "storage_tokens") ||
              has_suffix (tensor, "register_tokens");
    }
  }
  return !blocks ? COW_NAMES_HUGGING_FACE : meta ? COW_NAMES_META : COW_NAMES_IMAGE_MODELS;
}

/* Finds the network among all tensors, where dictionaries hold more than it. */
static gboolean
find_root (CowCheckpoint *self, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *other = NULL;

  for (guint f = 0; f < self->files->len; f++)
    for (guint i = 0; i < cow_tensor_file_n (self->files->pdata[f]); i++)
      g_ptr_array_add (names, cow_tensor_file_nth (self->files->pdata[f], i)->name);
  self->root = cow_names_find_network ((const char *const *)names->pdata, names->len, &other);
  if (!other)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: holds two networks, \"%s\" and \"%s\"; save the one that is meant alone",
               self->path, self->root, other);
  return FALSE;
}

/* Whether a tensor is the network's. Newer transformers put layers below "model.", and not the
 * other tensors, so that with no root at all everything is. */
static gboolean
is_inside (const CowCheckpoint *self, const char *name)
{
  if (!self->root || *self->root == '\0')
    return TRUE;
  g_autofree char *bare = cow_name_drop_transparent (name);
  return g_str_has_prefix (bare, self->root);
}

static gboolean
add_tensor (CowCheckpoint *self, const CowTensorFile *file, const CowNameHints *hints,
            const CowTensor *tensor, GError **error)
{
  CowTensor views[COW_TRANSLATE_MAX], inner = *tensor;
  guint n_views;
  gboolean unique = TRUE;
  g_autofree char *bare = cow_name_drop_transparent (tensor->name);

  inner.name = bare + (self->root ? strlen (self->root) : 0);
  if (!cow_translate_tensor (&inner, hints, views, &n_views, error))
    return FALSE;
  for (guint i = 0; i < n_views; i++) {
    Entry *entry = g_new (Entry, 1);

    entry->tensor = views[i];
    entry->file = file;
    g_ptr_array_add (self->entries, entry);
    if (unique && !g_hash_table_insert (self->by_name, entry->tensor.name, entry)) {
      unique = FALSE;
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: tensor %s: there are two of that name (%s)", cow_tensor_file_path (file),
                   tensor->name, entry->tensor.name);
    }
  }
  return unique;
}

static gboolean
add_tensors (CowCheckpoint *self, GError **error)
{
  CowNameHints hints = find_hints (self);

  if (!find_root (self, error))
    return FALSE;
  for (guint f = 0; f < self->files->len; f++) {
    const CowTensorFile *file = self->files->pdata[f];
    hints.file = cow_tensor_file_path (file);
    for (guint i = 0; i < cow_tensor_file_n (file); i++) {
      const CowTensor *tensor = cow_tensor_file_nth (file, i);
      if (strstr (tensor->name, ".lora_A.") || strstr (tensor->name, ".lora_B."))
        return refuse_adapter (cow_tensor_file_path (file), error);
      if (!is_inside (self, tensor->name))
        self->n_outside++;
      else if (!add_tensor (self, file, &hints, tensor, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* What was taken, for people: NULL where everything was, under the names that are expected. */
static char *
make_note (const CowCheckpoint *self)
{
  const gboolean below = self->root && *self->root;

  if (!below && self->names_of == COW_NAMES_HUGGING_FACE)
    return NULL;
  GString *text = g_string_new (cow_vit_names_whose (self->names_of));
  if (below)
    g_string_append_printf (text, ", below \"%s\"", self->root);
  if (self->n_outside > 0)
    g_string_append_printf (text, "; %u tensors beside it are left out", self->n_outside);
  return g_string_free (text, FALSE);
}

CowCheckpoint *
cow_checkpoint_open (const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) self = g_new0 (CowCheckpoint, 1);
  gboolean ok;

  self->holders = 1;
  self->path = g_strdup (path);
  self->files = g_ptr_array_new_with_free_func (free_file);
  self->entries = g_ptr_array_new_with_free_func (free_entry);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  if (!cow_path_exists (path)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: no such file or folder", path);
    return NULL;
  }
  ok =
      cow_path_is_folder (path) ? open_folder (self, error) : open_file (self, path, error) != NULL;
  if (!ok || !add_tensors (self, error))
    return NULL;
  self->names_of = find_names_of (self);
  self->note = make_note (self);
  return g_steal_pointer (&self);
}

CowCheckpoint *
cow_checkpoint_ref (CowCheckpoint *self)
{
  g_atomic_int_inc (&self->holders);
  return self;
}

gboolean
cow_checkpoint_check (const CowCheckpoint *self, GError **error)
{
  for (guint f = 0; f < self->files->len; f++)
    if (!cow_tensor_file_check (self->files->pdata[f], error))
      return FALSE;
  return TRUE;
}

void
cow_checkpoint_close (CowCheckpoint *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->holders))
    return;
  g_hash_table_unref (self->by_name);
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->files);
  g_free (self->root);
  g_free (self->note);
  g_free (self->path);
  g_free (self);
}

const char *
cow_checkpoint_path (const CowCheckpoint *self)
{
  return self->path;
}

const char *
cow_checkpoint_note (const CowCheckpoint *self)
{
  return self->note;
}

char *
cow_checkpoint_selection (const CowCheckpoint *self)
{
  return self->n_outside > 0 ? g_strdup_printf ("%s: %s", self->path, self->note) : NULL;
}

CowNamesOf
cow_checkpoint_names_of (const CowCheckpoint *self)
{
  return self->names_of;
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
                 "%s: tensor %s has shape %s, %s was expected", cow_tensor_file_path (entry->file),
                 name, found_text, wanted_text);
  }
  return NULL;
}

const char *
cow_checkpoint_file_of (const CowCheckpoint *self, const CowTensor *tensor)
{
  const Entry *entry = find_entry (self, tensor->name);

  return entry != NULL ? cow_tensor_file_path (entry->file) : self->path;
}

void
cow_checkpoint_release_pages (const CowCheckpoint *self, const CowTensor *tensor)
{
  const Entry *entry = find_entry (self, tensor->name);

  if (entry != NULL && g_atomic_int_get (&self->holders) == 1)
    cow_tensor_file_release_pages (entry->file, tensor);
}
