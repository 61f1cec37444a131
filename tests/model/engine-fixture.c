/* SPDX-License-Identifier: MIT */
#include "tests/model/engine-fixture.h"

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "model/adapter/card.h"
#include "tests/model/golden.h"

/* An adapter folder with a head, laid out as the published cow models: adapter, head and card in
 * their places. */
static char *
make_adapter (const char *network, const char *adapter)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-adapter-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *from = golden_path (network),
                  *lora = g_build_filename (folder, "lora_adapters", NULL);
  g_autofree char *classifier = g_build_filename (folder, "classifier", NULL);
  g_assert_cmpint (g_mkdir (lora, 0755) + g_mkdir (classifier, 0755), ==, 0);
  const char *const files[][3] = { { adapter, "adapter_config.json", lora },
                                   { adapter, "adapter_model.safetensors", lora },
                                   { "", "best_classifier.pth", classifier } };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *source = g_build_filename (from, files[i][0], files[i][1], NULL),
                    *target = g_build_filename (files[i][2], files[i][1], NULL);
    g_autoptr (GFile) a = g_file_new_for_path (source), b = g_file_new_for_path (target);
    g_file_copy (a, b, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
    g_assert_no_error (error);
  }
  g_autoptr (CowCard) card = cow_card_new_default ();
  card->preprocess.width = card->preprocess.height = 64;
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
  return folder;
}

static void
remove_folder (const char *folder)
{
  const char *const names[] = { "lora_adapters/adapter_config.json",
                                "lora_adapters/adapter_model.safetensors",
                                "lora_adapters",
                                "classifier/best_classifier.pth",
                                "classifier",
                                "cowbehavior.json",
                                "" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
}

void
engine_fixture_set_up (EngineFixture *self, gconstpointer data)
{
  g_autofree char *folder = golden_path ("plain");
  self->model = g_build_filename (folder, "nf4", NULL);
  self->adapter = make_adapter ("plain", "lora_q_r8");
  self->options = (CowClassifierOptions){ .model = self->model, .adapter = self->adapter };
  self->rgb = g_malloc (96 * 128 * 3);
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  for (guint i = 0; i < 96 * 128 * 3; i++)
    self->rgb[i] = (guint8)g_rand_int_range (random, 0, 256);
  self->picture = (CkPicture){ .layout = CK_RGB8,
                               .width = 128,
                               .height = 96,
                               .plane = { self->rgb },
                               .stride = { 128 * 3 },
                               .pixel_stride = 3,
                               .offset = { 0, 1, 2 } };
}

void
engine_fixture_tear_down (EngineFixture *self, gconstpointer data)
{
  remove_folder (self->adapter);
  g_free (self->model);
  g_free (self->adapter);
  g_free (self->rgb);
}
