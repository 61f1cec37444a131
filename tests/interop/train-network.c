/* SPDX-License-Identifier: MIT */
/*
 * train-network KIND OUT FILE [MODEL TARGET RANK [INIT RSLORA RATIO STEPS]]: trains a few steps on
 * the pixel_values of a safetensors file and saves as the trainer does, for check_interop.py. KIND
 * is a card's; lora and dora need MODEL, TARGET and RANK. INIT is a number of CowLoraInit, RSLORA 0
 * or 1, RATIO LoRA+'s; with them there is no dropout, no clipping and no label smoothing, so that
 * another program can follow. A dinov3 is a small one. Pictures of a vit-small must be 224 px.
 */
#include <stdlib.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/files/vit-sizes.h"
#include "model/network/device.h"
#include "model/training/network.h"
#include "model/files/safetensors.h"

#define N_CLASSES 9
#define N_STEPS   3

/* How it trains. */
typedef struct {
  double rate, ratio, clip;
  float smoothing, dropout, head_dropout;
  int steps;
  CowLoraInit init;
  gboolean rslora;
} How;

static gboolean
train (CowNetwork *network, const How *how, const float *pixels, int batch, int height, int width,
       GError **error)
{
  g_autofree gint32 *labels = g_new (gint32, batch);
  for (int i = 0; i < batch; i++)
    labels[i] = i % N_CLASSES;
  for (int step = 1; step <= how->steps; step++) {
    double norm;
    guint n;
    const CowAdamW settings = { how->rate, .9, .999, 1e-8, .01, step, how->ratio };
    if (!cow_network_forward (network, pixels, batch, height, width, TRUE, (guint64)step, error) ||
        !cow_network_loss (network, labels, NULL, how->smoothing, TRUE, 1, error) ||
        !cow_network_step (network, &settings, how->clip, error) ||
        !cow_network_read (network, &n, &norm, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
save (CowNetwork *network, const char *kind, const char *folder, int height, int width,
      GError **error)
{
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_free (card->kind);
  card->kind = g_strdup (kind);
  card->preprocess.width = width;
  card->preprocess.height = height;
  return cow_network_save (network, folder, error) && cow_card_write (card, folder, error);
}

static gboolean
find_kind (const char *name, CowNetworkKind *kind)
{
  for (*kind = 0; *kind < COW_N_NETWORKS; (*kind)++)
    if (g_str_equal (name, cow_kind (*kind)->name))
      return TRUE;
  return FALSE;
}

/* From the arguments behind RANK, where there are any. */
static How
read_how (char **arguments, gboolean adapter)
{
  How how = { adapter ? 1e-2 : 1e-3, 1, 1, .1f, .1f, .2f, N_STEPS, COW_INIT_DEFAULT, FALSE };
  if (arguments)
    how = (How){ .rate = 1e-2,
                 .init = (CowLoraInit)atoi (arguments[0]),
                 .rslora = atoi (arguments[1]),
                 .ratio = g_ascii_strtod (arguments[2], NULL),
                 .steps = atoi (arguments[3]) };
  return how;
}

static gboolean
run (CkStream *stream, char **argv, CowNetworkKind kind, gboolean adapter, const How *how,
     GError **error)
{
  g_autoptr (CowSafetensors) file = cow_safetensors_open (argv[3], error);
  const CowTensor *tensor = file ? cow_safetensors_get (file, "pixel_values") : NULL;
  if (!tensor)
    return FALSE;
  const int batch = (int)tensor->dims[0], height = (int)tensor->dims[2],
            width = (int)tensor->dims[3];
  g_autofree float *pixels = g_new (float, cow_tensor_count (tensor));
  const char *const targets[] = { adapter ? argv[5] : NULL, NULL };
  CowNetworkOptions options = { .kind = kind,
                                .n_classes = N_CLASSES,
                                .seed = 5,
                                .head_dropout = how->head_dropout,
                                .adapter_dropout = how->dropout,
                                .init = how->init,
                                .rslora = how->rslora,
                                .image_size = height,
                                .batch = batch,
                                .targets = targets };
  if (adapter) {
    options.model = argv[4];
    options.rank = atoi (argv[6]);
    options.alpha = 2 * (float)options.rank;
  }
  cow_vit_config_of_size ("tiny", &options.config);
  if (!cow_tensor_to_f32 (tensor, argv[3], pixels, error))
    return FALSE;
  g_autoptr (CowNetwork) network = cow_network_new (stream, &options, error);
  return network && train (network, how, pixels, batch, height, width, error) &&
         save (network, argv[1], argv[2], height, width, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  CowNetworkKind kind;
  if ((argc != 4 && argc != 7 && argc != 11) || !find_kind (argv[1], &kind) ||
      (argc >= 7) != (kind <= COW_NETWORK_DORA)) {
    g_printerr ("usage: train-network KIND OUT FILE [MODEL TARGET RANK [INIT RSLORA RATIO "
                "STEPS]]\n");
    return 2;
  }
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, &error);
  g_autoptr (CkStream) stream = device ? cow_stream_new (device, 0, &error) : NULL;
  const How how = read_how (argc == 11 ? argv + 7 : NULL, argc >= 7);
  const gboolean done = stream && run (stream, argv, kind, argc >= 7, &how, &error);
  if (!done)
    g_printerr ("%s\n", error ? error->message : "no pixel_values");
  return done ? 0 : 1;
}
