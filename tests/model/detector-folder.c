/* SPDX-License-Identifier: MIT */
#include "tests/model/detector-folder.h"

#include <glib/gstdio.h>

#include "model/adapter/card.h"
#include "model/adapter/head-weights.h"
#include "model/files/safetensors.h"
#include "model/network/detector-file.h"

#define FEATURES 128 /* of a token of the golden network */
#define WIDTH    16  /* of the map */
#define LOOKS    8   /* numbers of how a cow looks */

const char *const detector_folder_behaviours[] = { "Lying", "Standing", "Walking", NULL };

static CowDetectorFile *
head_new (int n_features)
{
  const CowDetectorConfig config = { .n_levels = 2,
                                     .layers = { 0, 1 },
                                     .n_features = n_features,
                                     .width = WIDTH,
                                     .patch = 16,
                                     .split = 2 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (16);
  CowDetectorFile *file = g_new0 (CowDetectorFile, 1);

  file->config = config;
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++) {
    const gsize n = cow_detector_tensor_count (&config, i);
    const gboolean norm =
        i < COW_DETECTOR_OUT_WEIGHT && i % COW_DETECTOR_UNIT_TENSORS == COW_DETECTOR_NORM_WEIGHT;

    file->tensors[i] = g_new (float, n);
    for (gsize k = 0; k < n; k++)
      file->tensors[i][k] = norm ? 1.f : (float)g_rand_double_range (rand, -.3, .3);
  }
  return file;
}

static void
write_card (const char *folder, int width, int height, double threshold)
{
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text =
      g_strdup_printf ("{\"threshold\":{\"score\":%g}}", threshold); /* as `eval --save` keeps it */

  g_free (card->kind);
  card->kind = g_strdup (cow_kind (COW_NETWORK_TOKENS)->name);
  g_strfreev (card->classes);
  card->classes = g_strsplit ("cow", " ", 1);
  card->detects = TRUE;
  card->preprocess.width = width;
  card->preprocess.height = height;
  if (threshold > 0)
    cow_card_set_member (card, "evaluation", json_from_string (text, NULL));
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
}

void
detector_folder_write (const char *folder, int n_features, int width, int height, double threshold)
{
  g_autoptr (CowDetectorFile) head = head_new (n_features);
  g_autoptr (GError) error = NULL;

  cow_detector_file_write (head, folder, &error);
  g_assert_no_error (error);
  write_card (folder, width, height, threshold);
}

/* A head of one layer. */
static void
write_head (const char *folder, const char *name, guint32 seed, gint64 n_outputs)
{
  const CowRoiMap map = { .channels = WIDTH };
  const gint64 n = cow_roi_n_pooled (&map), weight[] = { n_outputs, n };
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree float *values = g_new (float, n_outputs *n);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autoptr (GError) error = NULL;

  for (gint64 i = 0; i < n_outputs * n; i++)
    values[i] = (float)g_rand_double_range (rand, -.3, .3);
  cow_safetensors_writer_declare (writer, "0.weight", COW_F32, weight, 2);
  cow_safetensors_writer_declare (writer, "0.bias", COW_F32, &n_outputs, 1);
  g_assert_true (
      cow_safetensors_writer_write (writer, values, (gsize)(n_outputs * n) * sizeof (float),
                                    &error) &&
      cow_safetensors_writer_write (writer, values, (gsize)n_outputs * sizeof (float), &error) &&
      cow_safetensors_writer_finish (writer, &error));
}

void
detector_folder_tell (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (folder, NULL, &error);

  g_assert_no_error (error);
  card->behaviours = g_strdupv ((char **)detector_folder_behaviours);
  g_assert_true (cow_card_write (card, folder, &error));
  write_head (folder, COW_HEAD_FILE, 17, g_strv_length (card->behaviours));
  write_head (folder, COW_IDENTITY_FILE, 18, LOOKS);
}

char *
detector_folder_new (double threshold)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-detector-XXXXXX", &error);

  g_assert_no_error (error);
  detector_folder_write (folder, FEATURES, DETECTOR_FOLDER_WIDTH, DETECTOR_FOLDER_HEIGHT,
                         threshold);
  return folder;
}

void
detector_folder_remove (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    g_assert_cmpint (g_remove (path), ==, 0);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}
