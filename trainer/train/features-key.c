/* SPDX-License-Identifier: MIT */
#include "trainer/train/features-key.h"

#include <glib/gstdio.h>

#include "trainer/train/hashes.h"

#define VERSION     2 /* raised when the same input gives other features */
#define HEADER_SIZE 65536

static gboolean
add_file (GChecksum *sum, const char *path, GError **error)
{
  GStatBuf status;
  if (g_stat (path, &status) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: no such file", path);
    return FALSE;
  }
  hash_add_text (sum, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld", path,
                 (gint64)status.st_size, (gint64)status.st_mtim.tv_sec,
                 (long)status.st_mtim.tv_nsec);
  return TRUE;
}

/* The first bytes of a file: for a safetensors file, its header. */
static void
add_start (GChecksum *sum, const char *path)
{
  g_autofree guchar *bytes = g_malloc (HEADER_SIZE);
  FILE *file = g_fopen (path, "rb");
  if (!file)
    return;
  g_checksum_update (sum, bytes, (gssize)fread (bytes, 1, HEADER_SIZE, file));
  fclose (file);
}

static gboolean
add_model (GChecksum *sum, const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *config = g_build_filename (path, "config.json", NULL);

  for (guint i = 0; checkpoint && i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const char *file = cow_checkpoint_file_of (checkpoint, cow_checkpoint_nth (checkpoint, i));
    if (!g_hash_table_add (seen, (gpointer)file))
      continue;
    if (!add_file (sum, file, error))
      return FALSE;
    add_start (sum, file);
  }
  add_start (sum, config);
  return checkpoint != NULL;
}

char *
features_key (const CowFeaturesOptions *options, const GArray *items, GError **error)
{
  const CowPreprocess *p = &options->preprocess;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  hash_add_text (sum, "features %d, %dx%d %s %s, %s", VERSION, p->width, p->height,
                 cow_interpolation_name (p->interpolation),
                 cow_normalisation_name (p->normalisation), cow_augment_name (options->augment));
  if (!add_model (sum, options->model, error))
    return NULL;
  for (guint i = 0; i < items->len; i++) {
    const CowLoadItem *item = &g_array_index (items, CowLoadItem, i);
    const CowSample *sample = cow_dataset_sample (options->dataset, item->sample);
    hash_add_text (sum, "%u %" G_GUINT64_FORMAT, item->copy, item->copy > 0 ? item->key : 0);
    if (item->copy > 0)
      continue; /* the picture itself came just before */
    hash_add_text (sum, "%d %a %a %a %a", sample->box_kind, sample->box[0], sample->box[1],
                   sample->box[2], sample->box[3]);
    if (!add_file (sum, sample->path, error))
      return NULL;
  }
  return g_strdup (g_checksum_get_string (sum));
}
