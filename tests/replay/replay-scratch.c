/* SPDX-License-Identifier: MIT */
/*
 * replay-scratch FILE [NETWORK]: repeats what torchvision and timm computed of networks with
 * weights from a formula (pipelines/demo/formula.h), and says how far ours is from it.
 *
 * FILE holds for resnet18 and vit_small, or the one that NETWORK names: NETWORK.eval_logits [2, 9]
 * before and .eval_logits_after four steps, .train_losses [4] of those steps, and .names, the
 * tensors' names and shapes as text, one a line. The steps: batches of four pictures with the
 * labels 0 3 5 8, smoothing .1, AdamW (1e-4, .9, .999, 1e-8, 1e-4), no dropout, no clipping. Exits
 * 0 when our network has just those tensors, its first logits and the losses are within 1e-3, and
 * its last logits within 1e-2: AdamW's first steps follow the sign of gradients that rounding
 * decides, so that torch itself, in double precision, is 5e-4 away from what it recorded in single
 * precision of ResNet.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/network/device.h"
#include "model/training/network.h"
#include "model/network/resnet.h"
#include "model/files/safetensors.h"
#include "pipelines/demo/formula.h"

#define N_CLASSES   9
#define SIDE        224
#define PICTURE     (3 * SIDE * SIDE)
#define N_EVAL      2
#define N_TRAIN     4
#define LIMIT       1e-3
#define AFTER_LIMIT 1e-2

/* Leaves with what went wrong. */
static void
check (GError *error)
{
  if (!error)
    return;
  g_printerr ("replay-scratch: %s\n", error->message);
  exit (2);
}

/* A recorded tensor of n floats. */
static float *
floats (const CowSafetensors *file, const char *network, const char *what, gsize n)
{
  GError *error = NULL;
  g_autofree char *name = g_strconcat (network, ".", what, NULL);
  const CowTensor *tensor = cow_safetensors_get (file, name);
  if (!tensor || cow_tensor_count (tensor) != n) {
    g_printerr ("replay-scratch: %s: %s of %" G_GSIZE_FORMAT " values expected\n",
                cow_safetensors_path (file), name, n);
    exit (2);
  }
  float *values = g_new (float, n);
  cow_tensor_to_f32 (tensor, cow_safetensors_path (file), values, &error);
  check (error);
  return values;
}

/* ---- names and weights ----------------------------------------------------------------------- */

/* What the recorded network calls a tensor of ours: the head's are numbered. */
static char *
recorded_name (const char *network, const char *name)
{
  const gboolean resnet = g_str_equal (network, "resnet18");
  if (!g_ascii_isdigit (*name))
    return g_strconcat ("net.", name, NULL);
  return g_strconcat (resnet ? "net.fc." : "head.", name, NULL);
}

/* "NAME (2, 3)" as Python prints a shape. */
static char *
describe (const char *name, const gint64 *dims, guint n_dims)
{
  g_autoptr (GString) text = g_string_new (name);
  g_string_append (text, " (");
  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT "%s", i > 0 ? " " : "", dims[i],
                            i + 1 < n_dims || n_dims == 1 ? "," : "");
  g_string_append_c (text, ')');
  return g_strdup (text->str);
}

/* Sets a tensor by the formula and crosses it off the recorded names. */
static void
fill (const char *network, const char *name, const gint64 *dims, guint n_dims, GHashTable *names,
      float *values)
{
  g_autofree char *recorded = recorded_name (network, name),
                  *line = describe (recorded, dims, n_dims);
  g_autofree char *full = g_strconcat (network, ".", recorded, NULL);
  if (!g_hash_table_remove (names, line)) {
    g_printerr ("replay-scratch: the recorded %s has no \"%s\"\n", network, line);
    exit (1);
  }
  cow_formula_fill (full, dims, n_dims, values);
}

static void
fill_running (const char *network_name, CowNetwork *network, GHashTable *names)
{
  GError *error = NULL;
  gsize count;
  float *values;
  cow_network_buffer (network, 0, &count, &values, &error);
  check (error);
  for (int i = 0; i < COW_RESNET_N_UNITS; i++)
    for (int part = 2; part < COW_RESNET_N_NORM; part++) {
      const gint64 out = cow_resnet_units[i].out;
      g_autofree char *name =
          g_strconcat (cow_resnet_units[i].norm, ".", cow_resnet_norm_names[part], NULL);
      fill (network_name, name, &out, 1, names, values);
      values += out;
    }
}

static void
fill_all (const char *network_name, CowNetwork *network, GHashTable *names)
{
  GError *error = NULL;
  CowParameters *parameters = cow_network_parameters (network);
  for (guint i = 0; i < parameters->list->len; i++) {
    const CowParameter *parameter = cow_parameters_get (parameters, i);
    g_autofree float *values = g_new (float, parameter->count);
    fill (network_name, parameter->name, parameter->dims, parameter->n_dims, names, values);
    cow_parameters_set (parameters, i, values, &error);
    check (error);
  }
  if (cow_network_n_buffers (network) > 0)
    fill_running (network_name, network, names);
  cow_network_refresh (network, &error);
  check (error);
}

/* The recorded lines, but those of the counters that every batch norm of torch has. */
static GHashTable *
read_names (const CowSafetensors *file, const char *network)
{
  g_autofree char *name = g_strconcat (network, ".names", NULL);
  const CowTensor *tensor = cow_safetensors_get (file, name);
  if (!tensor || tensor->dtype != COW_U8) {
    g_printerr ("replay-scratch: %s: %s, text as U8, expected\n", cow_safetensors_path (file),
                name);
    exit (2);
  }
  g_autofree char *text = g_malloc0 (tensor->n_bytes + 1);
  if (!cow_tensor_copy (tensor, 0, tensor->n_bytes, text, NULL))
    exit (2);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (char **line = lines; *line; line++)
    if (**line && !strstr (*line, ".num_batches_tracked "))
      g_hash_table_add (names, g_strdup (*line));
  return names;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* The largest difference; a NaN counts as infinite. */
static double
worst_of (const float *found, const float *expected, gsize n)
{
  double worst = 0;
  for (gsize i = 0; i < n; i++) {
    const double off = fabs ((double)found[i] - expected[i]);
    worst = off <= worst ? worst : isnan (off) ? INFINITY : off;
  }
  return worst;
}

static double
compare_logits (CowNetwork *network, const float *pixels, const float *expected)
{
  GError *error = NULL;
  guint n;
  cow_network_forward (network, pixels, N_EVAL, SIDE, SIDE, FALSE, 0, &error);
  check (error);
  const CowPass *pass = cow_network_read (network, &n, NULL, &error);
  check (error);
  return worst_of (pass->logits, expected, N_EVAL * N_CLASSES);
}

static void
train (CowNetwork *network, const float *pixels, float *losses)
{
  static const gint32 labels[N_TRAIN] = { 0, 3, 5, 8 };
  for (int step = 0; step < 4; step++) {
    GError *error = NULL;
    double norm;
    guint n;
    const CowAdamW settings = { 1e-4, .9, .999, 1e-8, 1e-4, step + 1, 1 };
    if (cow_network_forward (network, pixels, N_TRAIN, SIDE, SIDE, TRUE, (guint64)step, &error) &&
        cow_network_loss (network, labels, NULL, .1f, TRUE, 1, &error))
      cow_network_step (network, &settings, 0, &error);
    check (error);
    const CowPass *pass = cow_network_read (network, &n, &norm, &error);
    check (error);
    losses[step] = (float)pass->loss;
  }
}

static float *
formula_pixels (const char *network, const char *what, gsize n)
{
  g_autofree char *name = g_strconcat (network, ".", what, NULL);
  float *pixels = g_new (float, n *PICTURE);
  cow_formula_u (name, 0, n * PICTURE, pixels);
  return pixels;
}

static gboolean
replay (CkStream *stream, const CowSafetensors *file, const char *name)
{
  GError *error = NULL;
  const CowNetworkOptions options = {
    .kind = g_str_equal (name, "resnet18") ? COW_NETWORK_RESNET18 : COW_NETWORK_VIT,
    .n_classes = N_CLASSES,
    .checkpointing = g_strcmp0 (g_getenv ("COW_REPLAY_CHECKPOINTING"), "on") == 0
                         ? COW_CHECKPOINTING_ON
                         : COW_CHECKPOINTING_OFF,
    .image_size = SIDE,
    .batch = N_TRAIN
  };
  g_autofree float *before = floats (file, name, "eval_logits", N_EVAL * N_CLASSES);
  g_autofree float *after = floats (file, name, "eval_logits_after", N_EVAL * N_CLASSES);
  g_autofree float *losses = floats (file, name, "train_losses", 4),
                   *pixels = formula_pixels (name, "pixels", N_EVAL);
  g_autofree float *train_pixels = formula_pixels (name, "train_pixels", N_TRAIN);
  g_autoptr (GHashTable) names = read_names (file, name);
  g_autoptr (CowNetwork) network = cow_network_new (stream, &options, &error);
  float found[4];
  check (error);
  fill_all (name, network, names);
  const double off_before = compare_logits (network, pixels, before);
  train (network, train_pixels, found);
  const double off_losses = worst_of (found, losses, 4),
               off_after = compare_logits (network, pixels, after);
  printf ("%s: logits before differ by at most %.2e, losses by %.2e (limit %.0e), logits after by "
          "%.2e (%.0e)\n",
          name, off_before, off_losses, LIMIT, off_after, AFTER_LIMIT);
  if (g_hash_table_size (names) > 0)
    printf ("%s: %u of its recorded tensors are none of ours\n", name, g_hash_table_size (names));
  return off_before <= LIMIT && off_losses <= LIMIT && off_after <= AFTER_LIMIT &&
         g_hash_table_size (names) == 0;
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  const char *const all[] = { "resnet18", "vit_small", NULL };
  if (argc < 2 || argc > 3 || (argc == 3 && !g_strv_contains (all, argv[2]))) {
    g_printerr ("Usage: replay-scratch FILE [resnet18|vit_small]\n");
    return 2;
  }
  CkDevice *device = cow_device_open (NULL, 0, &error);
  check (error);
  CkStream *stream = cow_stream_new (device, 0, &error);
  check (error);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (argv[1], &error);
  check (error);
  gboolean ok = TRUE;
  for (const char *const *name = all; *name; name++)
    if (argc < 3 || g_str_equal (argv[2], *name))
      ok &= replay (stream, file, *name);
  ck_stream_free (stream);
  ck_device_close (device);
  return ok ? 0 : 1;
}
