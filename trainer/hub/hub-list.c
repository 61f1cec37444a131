/* SPDX-License-Identifier: MIT */
/* The listing of a repository: which of its files are wanted, and that no name leads out of the
 * folder. */
#include <string.h>

#include "model/files/json-object.h"
#include "trainer/hub/hub-private.h"

#define MOST_LISTING (32 << 20)
#define MOST_DEPTH   8
#define MOST_NAME    200

void
hub_file_free (HubFile *file)
{
  g_free (file->path);
  g_free (file->sha256);
  g_free (file->blob_id);
  g_free (file);
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Whether a file holds weights in PyTorch's own format, which are fetched where a repository has no
 * safetensors. */
static gboolean
is_pickle (const char *path)
{
  const char *slash = strrchr (path, '/'), *name = slash ? slash + 1 : path;
  return (g_str_has_prefix (name, "pytorch_model") || g_str_has_prefix (name, "adapter_model")) &&
         (g_str_has_suffix (name, ".bin") || g_str_has_suffix (name, ".bin.index.json"));
}

/* Whether a file is of use, by the last part of its name; nothing hidden is (.git,
 * .ipynb_checkpoints). */
static gboolean
is_wanted (const char *path)
{
  static const char *const names[] = { "config.json", "preprocessor_config.json",
                                       "adapter_config.json", "cowbehavior.json" };
  const char *slash = strrchr (path, '/'), *name = slash ? slash + 1 : path;

  if (*path == '.' || strstr (path, "/."))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i]))
      return TRUE;
  return g_str_has_suffix (name, ".safetensors") ||
         g_str_has_suffix (name, ".safetensors.index.json") || is_pickle (path) ||
         (g_str_has_suffix (name, ".pth") && strstr (name, "classifier")) ||
         g_str_has_prefix (name, "README") || g_str_has_prefix (name, "LICENSE") ||
         g_str_has_prefix (name, "LICENCE");
}

/* Whether a name from the server stays below the folder on every file system: plain parts, no
 * control characters. */
static gboolean
is_safe (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);

  if (!g_utf8_validate (path, -1, NULL) || g_strv_length (parts) > MOST_DEPTH)
    return FALSE;
  for (char **part = parts; *part; part++) {
    const gsize n = strlen (*part);
    if (n == 0 || n > MOST_NAME || **part == '.' || (*part)[n - 1] == ' ' || strpbrk (*part, "\\:"))
      return FALSE;
    for (const char *p = *part; *p; p = g_utf8_next_char (p))
      if (!g_unichar_isprint (g_utf8_get_char (p)))
        return FALSE;
  }
  /* Our own unfinished files. */
  return !g_str_has_suffix (path, ".part") && !g_str_has_suffix (path, ".part.etag");
}

/* ---- The listing ----------------------------------------------------------------------------- */

static char *
lower_hash (const char *text, gsize n_digits)
{
  g_autofree char *lower = text ? g_ascii_strdown (text, -1) : NULL;
  return hub_is_hash (lower, n_digits) ? g_steal_pointer (&lower) : NULL;
}

/* An entry {rfilename, size, blobId, lfs {sha256 or oid, size}}; sets *file only when it is wanted.
 */
static gboolean
read_entry (JsonObject *entry, const char *where, HubFile **file, GError **error)
{
  const char *path = NULL, *blob_id = NULL, *sha256 = NULL, *oid = NULL;
  JsonObject *lfs = NULL;
  gint64 size = -1;

  if (!cow_json_get_string (entry, where, "rfilename", &path, error))
    return FALSE;
  if (!path || !is_wanted (path))
    return TRUE;
  if (!is_safe (path)) {
    g_autofree char *shown = http_readable (path, -1, NULL);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: the file name \"%s\" is not one that is written to disk", where, shown);
    return FALSE;
  }
  if (!cow_json_get_int (entry, where, "size", 0, G_MAXINT64, &size, error) ||
      !cow_json_get_string (entry, where, "blobId", &blob_id, error) ||
      !cow_json_get_object (entry, where, "lfs", &lfs, error))
    return FALSE;
  if (lfs && (!cow_json_get_string (lfs, where, "sha256", &sha256, error) ||
              !cow_json_get_string (lfs, where, "oid", &oid, error) ||
              !cow_json_get_int (lfs, where, "size", 0, G_MAXINT64, &size, error)))
    return FALSE;
  if (size < 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s has no size", where, path);
    return FALSE;
  }
  *file = g_new0 (HubFile, 1);
  (*file)->path = g_strdup (path);
  (*file)->size = (guint64)size;
  (*file)->sha256 = lower_hash (sha256 ? sha256 : oid, 64);
  /* Of a large file, Git keeps only a pointer, and blobId is the pointer's. */
  (*file)->blob_id = lfs ? NULL : lower_hash (blob_id, 40);
  return TRUE;
}

static int
compare_files (gconstpointer a, gconstpointer b)
{
  const HubFile *x = *(HubFile *const *)a, *y = *(HubFile *const *)b;
  return x->size < y->size ? -1 : x->size > y->size ? 1 : strcmp (x->path, y->path);
}

static gboolean
is_weights (const HubFile *file)
{
  return g_str_has_suffix (file->path, ".safetensors") || g_str_has_suffix (file->path, ".pth") ||
         (is_pickle (file->path) && g_str_has_suffix (file->path, ".bin"));
}

/* Adds an entry of "siblings", if it is wanted. */
static gboolean
add_entry (GPtrArray *files, GHashTable *paths, JsonNode *node, const char *where, GError **error)
{
  HubFile *file = NULL;

  if (!JSON_NODE_HOLDS_OBJECT (node)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: an entry of \"siblings\" is not an object", where);
    return FALSE;
  }
  if (!read_entry (json_node_get_object (node), where, &file, error))
    return FALSE;
  if (!file)
    return TRUE;
  g_ptr_array_add (files, file);
  if (g_hash_table_add (paths, file->path))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: it names %s twice", where, file->path);
  return FALSE;
}

/* Leaves out PyTorch's files where the same weights are there as safetensors. */
static void
drop_pickles (GPtrArray *files)
{
  gboolean any = FALSE;
  for (guint i = 0; i < files->len; i++)
    any = any || g_str_has_suffix (((const HubFile *)files->pdata[i])->path, "model.safetensors") ||
          g_str_has_suffix (((const HubFile *)files->pdata[i])->path, ".safetensors.index.json");
  for (guint i = files->len; any && i-- > 0;)
    if (is_pickle (((const HubFile *)files->pdata[i])->path))
      g_ptr_array_remove_index (files, i);
}

static GPtrArray *
read_entries (Hub *self, JsonArray *entries, const char *where, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func ((GDestroyNotify)hub_file_free);
  g_autoptr (GHashTable) paths = g_hash_table_new (g_str_hash, g_str_equal);
  gboolean any_weights = FALSE;

  for (guint i = 0; entries && i < json_array_get_length (entries); i++)
    if (!add_entry (files, paths, json_array_get_element (entries, i), where, error))
      return NULL;
  drop_pickles (files);
  for (guint i = 0; i < files->len; i++)
    any_weights = any_weights || is_weights (files->pdata[i]);
  if (!any_weights) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_NOT_FOUND,
        "%s at \"%s\" holds no .safetensors and no classifier: nothing that this program reads",
        self->repository, self->revision);
    return NULL;
  }
  g_ptr_array_sort (files, compare_files);
  return g_steal_pointer (&files);
}

/* The listing's text; tries again when the connection fails. */
static GBytes *
get_listing (Hub *self, const HubObserver *observer, GError **error)
{
  g_autofree char *revision = g_uri_escape_string (self->revision, NULL, FALSE);
  g_autofree char *path =
      g_strdup_printf ("/api/models/%s/revision/%s?blobs=true", self->repository, revision);

  for (guint failures = 0;;) {
    g_auto (HubAnswer) answer = { 0 };
    g_autoptr (GError) why = NULL;
    gboolean transient;
    if (hub_get (self, path, 0, NULL, &answer, &transient, &why)) {
      GBytes *text = http_read_all (answer.body, MOST_LISTING, NULL, &why);
      if (text)
        return text;
      transient = why->domain != COW_ERROR;
    }
    if (!transient || ++failures == HUB_TRIES) {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
    hub_pause (self, observer, failures, why);
  }
}

GPtrArray *
hub_read_listing (Hub *self, const char *text, gsize n_bytes, char **commit, GError **error)
{
  g_autofree char *where = g_strdup_printf ("the listing of %s", self->repository);
  g_autoptr (JsonObject) root = cow_json_parse_object (text, n_bytes, where, error);
  const char *sha = NULL;
  JsonArray *entries = NULL;

  if (!root || !cow_json_get_array (root, where, "siblings", &entries, error) ||
      !cow_json_get_string (root, where, "sha", &sha, error))
    return NULL;
  GPtrArray *files = read_entries (self, entries, where, error);
  *commit = files ? lower_hash (sha, 40) : NULL;
  return files;
}

GPtrArray *
hub_list (Hub *self, const HubObserver *observer, GError **error)
{
  g_autoptr (GBytes) text = get_listing (self, observer, error);
  if (!text)
    return NULL;
  gsize n = 0;
  const char *data = g_bytes_get_data (text, &n);
  /* All files of one state of the repository, whatever happens to the branch meanwhile. */
  g_clear_pointer (&self->commit, g_free);
  return hub_read_listing (self, data ? data : "", n, &self->commit, error);
}
