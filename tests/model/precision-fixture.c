/* SPDX-License-Identifier: MIT */
#include "tests/model/precision-fixture.h"

#include "model/adapter/card.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"

static void
write_card (const char *adapter)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_free (card->kind);
  card->kind = g_strdup ("frozen");
  card->preprocess.width = card->preprocess.height = PRECISION_SIDE;
  cow_card_write (card, adapter, &error);
  g_assert_no_error (error);
}

void
precision_set_up (PrecisionFolders *self, gconstpointer data)
{
  g_autofree char *golden = golden_path ("plain"), *model = golden_path ("plain/fp32");
  self->model = scratch_new ();
  self->adapter = scratch_new ();
  scratch_copy (model, self->model, "config.json");
  scratch_copy (model, self->model, "model.safetensors");
  scratch_copy (golden, self->adapter, "classifier.safetensors");
  write_card (self->adapter);
}

void
precision_tear_down (PrecisionFolders *self, gconstpointer data)
{
  scratch_free (self->model);
  scratch_free (self->adapter);
}

CkDevice *
precision_device (void)
{
  g_autoptr (GError) error = NULL;
  CkDevice *device = cow_device_open ("cpu", 1, &error);
  g_assert_no_error (error);
  return device;
}

gboolean
precision_has_int16 (void)
{
  g_autoptr (CkDevice) device = precision_device ();
  if (cow_precision_check (device, COW_PRECISION_INT16, NULL))
    return TRUE;
  g_test_skip ("this processor has no int16");
  return FALSE;
}

float *
precision_pictures (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  float *pixels = g_new (float, PRECISION_N_PICTURES * 3 * PRECISION_SIDE * PRECISION_SIDE),
        *pixel = pixels;
  for (int p = 0; p < PRECISION_N_PICTURES; p++)
    for (int channel = 0; channel < 3; channel++) {
      float values[PRECISION_SIDE * PRECISION_SIDE];
      const int square = 4 << (p % 3);
      for (guint i = 0; i < G_N_ELEMENTS (values); i++)
        values[i] = (float)g_rand_double (random);
      for (int y = 0; y < PRECISION_SIDE; y++)
        for (int x = 0; x < PRECISION_SIDE; x++)
          *pixel++ = values[y / square * PRECISION_SIDE + x / square];
    }
  return pixels;
}
