/* SPDX-License-Identifier: MIT */
/*
 * replay-adapter RUN [BASE]: repeats a run that PEFT recorded, and says how far ours is from it.
 *
 * RUN is a folder with start/ and end/ adapter folders and run.safetensors (images, labels, losses,
 * grad_norms), as tests/data/golden/plain/train_lora. BASE is the network (default: RUN/base, else
 * RUN/../nf4). The head starts as start/classifier.safetensors, else as
 * RUN/../classifier.safetensors. The settings are those of the recorded runs: batches of 4 pictures
 * in order, 2 of them a step, loss over 2, clipping to 1, AdamW (1e-3, .9, .999, 1e-8, .01), a
 * warm-up of 4 steps and a cosine to .1, smoothing .1, no dropout. With COW_REPLAY_CHECKPOINTING=on
 * each layer is computed again in the backward pass. Exits 0 within the limits: losses 1e-4,
 * gradient norms 1e-3 relative, final tensors 1e-3.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/network/device.h"
#include "model/training/network.h"
#include "model/files/safetensors.h"

#define BATCH        4
#define ACCUMULATION 2
#define WARM_UP      4
#define LOSS_LIMIT   1e-4
#define NORM_LIMIT   1e-3
#define TENSOR_LIMIT 1e-3

/* Leaves with what went wrong. */
static void
check (GError *error)
{
  if (!error)
    return;
  g_printerr ("replay-adapter: %s\n", error->message);
  exit (2);
}

static float *
floats (const CowSafetensors *file, const char *name, const CowTensor **tensor)
{
  GError *error = NULL;
  *tensor = cow_safetensors_get (file, name);
  if (!*tensor) {
    g_printerr ("replay-adapter: %s has no tensor %s\n", cow_safetensors_path (file), name);
    exit (2);
  }
  float *values = g_new (float, cow_tensor_count (*tensor));
  cow_tensor_to_f32 (*tensor, cow_safetensors_path (file), values, &error);
  check (error);
  return values;
}

/* The first of two paths below `folder` that exists. */
static char *
either (const char *folder, const char *first, const char *second)
{
  g_autofree char *path = g_build_filename (folder, first, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS) ? g_steal_pointer (&path)
                                                : g_build_filename (folder, second, NULL);
}

static double
learning_rate (int step, int n_steps)
{
  const double factor = step < WARM_UP
                            ? (step + 1.) / WARM_UP
                            : .1 + .45 * (1 + cos (G_PI * (step - WARM_UP) / (n_steps - WARM_UP)));
  return 1e-3 * factor;
}

typedef struct {
  CowNetwork *network;
  const float *images; /* [n, 3, height, width] */
  int n, height, width;
  gint32 *labels;
} Run;

/* Enqueues one micro-batch. */
static void
micro_batch (const Run *run, int k)
{
  GError *error = NULL;
  const int at = BATCH * k % run->n;
  const gsize picture = 3 * (gsize)run->height * (gsize)run->width;
  cow_network_forward (run->network, run->images + (gsize)at * picture, BATCH, run->height,
                       run->width, TRUE, (guint64)k, &error);
  check (error);
  cow_network_loss (run->network, run->labels + at, NULL, .1f, TRUE, 1.f / ACCUMULATION, &error);
  check (error);
}

/* Repeats all steps; the worst differences of losses and, relative, of norms. */
static void
repeat (const Run *run, const float *losses, const float *norms, int n_steps, double *worst_loss,
        double *worst_norm)
{
  *worst_loss = *worst_norm = 0;
  for (int step = 0; step < n_steps; step++) {
    GError *error = NULL;
    double norm = 0;
    guint n;
    for (int m = 0; m < ACCUMULATION; m++)
      micro_batch (run, step * ACCUMULATION + m);
    const CowAdamW settings = {
      (float)learning_rate (step, n_steps), .9f, .999f, 1e-8f, .01f, step + 1, 1
    };
    cow_network_step (run->network, &settings, 1, &error);
    check (error);
    const CowPass *passes = cow_network_read (run->network, &n, &norm, &error);
    check (error);
    for (int m = 0; m < ACCUMULATION; m++) {
      const double off = fabs (passes[m].loss - losses[step * ACCUMULATION + m]);
      *worst_loss = off <= *worst_loss ? *worst_loss : off; /* a NaN counts as worst */
    }
    const double off = fabs (norm - norms[step]) / norms[step];
    *worst_norm = off <= *worst_norm ? *worst_norm : off;
  }
}

/* The largest difference of any tensor that both files hold under one name; every tensor of
 * `expected` must be there. */
static double
compare_files (const char *found_path, const char *expected_path)
{
  GError *error = NULL;
  g_autoptr (CowSafetensors) found = cow_safetensors_open (found_path, &error);
  check (error);
  g_autoptr (CowSafetensors) expected = cow_safetensors_open (expected_path, &error);
  check (error);
  double worst = 0;
  for (guint i = 0; i < cow_safetensors_n_tensors (expected); i++) {
    const CowTensor *a, *b;
    const char *name = cow_safetensors_nth (expected, i)->name;
    g_autofree float *x = floats (expected, name, &a), *y = floats (found, name, &b);
    if (cow_tensor_count (a) != cow_tensor_count (b))
      return INFINITY;
    for (gsize v = 0; v < cow_tensor_count (a); v++) {
      const double off = fabs ((double)x[v] - y[v]);
      worst = off <= worst ? worst : off;
    }
  }
  return worst;
}

/* Saves what was trained and holds it against the recorded end. */
static double
compare_end (CowNetwork *network, const char *end)
{
  GError *error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("cow-replay-XXXXXX", &error);
  check (error);
  cow_network_save (network, folder, &error);
  check (error);
  double worst = 0;
  const char *const files[] = { "adapter_model.safetensors", "classifier.safetensors",
                                "adapter_config.json" };
  for (int i = 0; i < 3; i++) {
    g_autofree char *found = g_build_filename (folder, files[i], NULL),
                    *expected = g_build_filename (end, files[i], NULL);
    if (i < 2)
      worst = MAX (worst, compare_files (found, expected));
    remove (found);
  }
  remove (folder);
  return worst;
}

static gint32 *
read_labels (const CowSafetensors *file, int n)
{
  const CowTensor *tensor = cow_safetensors_get (file, "labels");
  if (!tensor || tensor->dtype != COW_I64 || cow_tensor_count (tensor) != (gsize)n) {
    g_printerr ("replay-adapter: %s: labels [%d] of I64 expected\n", cow_safetensors_path (file),
                n);
    exit (2);
  }
  gint32 *labels = g_new (gint32, n);
  for (int i = 0; i < n; i++) {
    gint64 label;
    if (!cow_tensor_copy (tensor, 8 * (gsize)i, 8, &label, NULL))
      exit (2);
    labels[i] = (gint32)label;
  }
  return labels;
}

static CowNetwork *
open_network (CkStream *stream, const char *folder, const char *base, gint64 side)
{
  GError *error = NULL;
  g_autofree char *start = g_build_filename (folder, "start", NULL),
                  *config_path = g_build_filename (start, "adapter_config.json", NULL);
  g_autofree char *head =
                      either (folder, "start/classifier.safetensors", "../classifier.safetensors"),
                  *config = NULL;
  g_autofree char *head_folder = g_path_get_dirname (head);
  g_file_get_contents (config_path, &config, NULL, &error);
  check (error);
  const gboolean dora = strstr (config, "\"use_dora\": true") != NULL;
  const CowNetworkOptions options = {
    .kind = dora ? COW_NETWORK_DORA : COW_NETWORK_LORA,
    .n_classes = 9,
    .model = base,
    .start = start,
    .start_head = head_folder,
    .checkpointing = g_strcmp0 (g_getenv ("COW_REPLAY_CHECKPOINTING"), "on") == 0
                         ? COW_CHECKPOINTING_ON
                         : COW_CHECKPOINTING_OFF,
    .image_size = (int)side,
    .batch = BATCH
  };
  CowNetwork *network = cow_network_new (stream, &options, &error);
  check (error);
  return network;
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  if (argc < 2 || argc > 3) {
    g_printerr ("Usage: replay-adapter RUN [BASE]\n");
    return 2;
  }
  CkDevice *device = cow_device_open (NULL, 0, &error);
  check (error);
  CkStream *stream = cow_stream_new (device, 0, &error);
  check (error);
  g_autofree char *base = argc > 2 ? g_strdup (argv[2]) : either (argv[1], "base", "../nf4");
  g_autofree char *path = g_build_filename (argv[1], "run.safetensors", NULL),
                  *end = g_build_filename (argv[1], "end", NULL);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, &error);
  check (error);
  const CowTensor *images, *losses, *norms;
  g_autofree float *image_values = floats (file, "images", &images),
                   *loss_values = floats (file, "losses", &losses);
  g_autofree float *norm_values = floats (file, "grad_norms", &norms);
  const int n = (int)images->dims[0], n_steps = (int)cow_tensor_count (norms);
  if (images->n_dims != 4 || n % BATCH != 0 ||
      cow_tensor_count (losses) != (gsize)n_steps * ACCUMULATION) {
    g_printerr (
        "replay-adapter: %s: images [4 k, 3, h, w] and two losses a gradient norm expected\n",
        path);
    return 2;
  }
  g_autofree gint32 *labels = read_labels (file, n);
  g_autoptr (CowNetwork) network = open_network (stream, argv[1], base, images->dims[2]);
  const Run run = { network, image_values, n, (int)images->dims[2], (int)images->dims[3], labels };
  double worst_loss, worst_norm;
  repeat (&run, loss_values, norm_values, n_steps, &worst_loss, &worst_norm);
  const double worst_tensor = compare_end (network, end);
  printf ("%s: losses differ by at most %.2e (limit %.0e), gradient norms by %.2e of themselves "
          "(%.0e), final tensors by %.2e (%.0e)\n",
          argv[1], worst_loss, LOSS_LIMIT, worst_norm, NORM_LIMIT, worst_tensor, TENSOR_LIMIT);
  g_clear_pointer (&network, cow_network_free);
  ck_stream_free (stream);
  ck_device_close (device);
  return worst_loss <= LOSS_LIMIT && worst_norm <= NORM_LIMIT && worst_tensor <= TENSOR_LIMIT ? 0
                                                                                              : 1;
}
