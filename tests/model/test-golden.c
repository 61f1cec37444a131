/* SPDX-License-Identifier: MIT */
/*
 * The whole arithmetic against transformers + PEFT + bitsandbytes: features and logits of both
 * golden networks, in fp32, NF4 and under every adapter, for square and wide inputs, at every CPU
 * level of this machine; or on the GPU that COWBEHAVIOR_TEST_DEVICE puts in the place of the CPU.
 */
#include <math.h>

#include "model/adapter/head-weights.h"
#include "model/files/nf4.h"
#include "model/files/safetensors.h"
#include "model/network/backbones.h"
#include "model/network/vit.h"
#include "tests/model/golden.h"

#define LIMIT 1e-4

static const char *const networks[] = { "plain", "gated7b" };
static const char *const adapters[] = { "lora_q_r8", "lora_all_r16", "dora_q_r8", "dora_all_r16" };

/* A network of the golden data on a device of one level. */
typedef struct {
  CkDevice *device;
  CkStream *stream;
  CowCheckpoint *checkpoint;
  CowAdapter *adapter;
  CowBackbone *backbone;
} Network;

static void
network_open (Network *self, const char *level, const char *model, const char *adapter)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_path_get_dirname (model);
  /* Meta's file says nothing of the number of heads, and the golden networks' is not the real
   * sizes': take it from the other folder. */
  g_autofree char *config_folder =
      g_str_has_suffix (model, ".pth") ? g_build_filename (folder, "fp32", NULL) : g_strdup (model);
  CowBackboneConfig config;
  *self = (Network){ 0 };
  g_assert_cmpint (
      ck_device_open ("cpu", &(CkDeviceOptions){ .features = level, .threads = 2 }, &self->device),
      ==, CK_OK);
  g_assert_cmpint (ck_stream_new (self->device, 0, &self->stream), ==, CK_OK);
  self->checkpoint = cow_checkpoint_open (model, &error);
  g_assert_no_error (error);
  cow_backbone_config_read (config_folder, self->checkpoint, NULL, &config, &error);
  g_assert_no_error (error);
  if (adapter)
    self->adapter = cow_adapter_read (adapter, &config.vit, &error);
  g_assert_no_error (error);
  self->backbone =
      config.klass->open (self->stream, &config, self->checkpoint, self->adapter, &error);
  g_assert_no_error (error);
}

static void
network_close (Network *self)
{
  cow_backbone_free (self->backbone);
  cow_adapter_free (self->adapter);
  cow_checkpoint_close (self->checkpoint);
  ck_stream_free (self->stream);
  ck_device_close (self->device);
}

static void
assert_near (const float *found, const CowTensor *expected, const char *what)
{
  g_autofree float *values = golden_floats (expected);
  double worst = 0;
  for (gsize i = 0; i < cow_tensor_count (expected); i++)
    worst = MAX (worst, isfinite (found[i]) ? fabs ((double)found[i] - values[i]) : INFINITY);
  g_test_message ("%s: worst difference %.2e", what, worst);
  g_assert_cmpfloat (worst, <=, LIMIT);
}

/* Features of one input against TAG.INPUT.*, and the logits where the reference has them. */
static void
check_input (Network *network, const char *folder, const CowSafetensors *io, const char *tag,
             const char *input)
{
  g_autoptr (GError) error = NULL;
  const CowTensor *pixels = cow_safetensors_get (io, input);
  g_autofree float *values = golden_floats (pixels);
  const int batch = (int)pixels->dims[0], height = (int)pixels->dims[2],
            width = (int)pixels->dims[3];
  const CowBackboneConfig *config = &network->backbone->config;
  const int last = config->vit.n_layers - 1;
  const gint64 hidden = config->n_features, tokens = cow_backbone_n_tokens (config, height, width);
  const gsize state_bytes = (gsize)(batch * tokens * hidden) * sizeof (float),
              pooled_bytes = (gsize)(batch * hidden) * sizeof (float);
  CkStream *stream = network->stream;
  g_autofree float *state = g_malloc (state_bytes), *pooled = g_malloc (pooled_bytes),
                   *plain = g_malloc (pooled_bytes);
  float *on_device = ck_alloc (stream, (gsize)pixels->n_bytes),
        *tokens_on_device = ck_alloc (stream, state_bytes);
  ck_upload (stream, on_device, values, (gsize)pixels->n_bytes);
  const float *features = config->klass->tokens (network->backbone, on_device, batch, height, width,
                                                 &last, 1, &tokens_on_device, &error);
  g_assert_no_error (error);
  ck_download (stream, state, tokens_on_device, state_bytes);
  ck_download (stream, pooled, features, pooled_bytes);
  features = config->klass->features (network->backbone, on_device, batch, height, width, &error);
  g_assert_no_error (error);
  ck_download (stream, plain, features, pooled_bytes);
  ck_free (stream, on_device);
  ck_free (stream, tokens_on_device);
  g_autofree char *state_name = g_strdup_printf ("%s.%s.last_hidden_state", tag, input);
  g_autofree char *pooled_name = g_strdup_printf ("%s.%s.pooler_output", tag, input);
  assert_near (state, golden_tensor (io, state_name), state_name);
  assert_near (pooled, golden_tensor (io, pooled_name), pooled_name);
  /* The features are the class tokens, to the bit, whether tokens are asked for or not. */
  g_assert_cmpmem (plain, pooled_bytes, pooled, pooled_bytes);
  for (int i = 0; i < batch; i++)
    g_assert_cmpmem (pooled + i * hidden, (gsize)hidden * sizeof (float),
                     state + i * tokens * hidden, (gsize)hidden * sizeof (float));

  g_autofree char *logits_name = g_strdup_printf ("%s.logits", tag);
  if (!cow_safetensors_get (io, logits_name) || !g_str_equal (input, "pixel_values"))
    return;
  g_autofree float *logits = golden_head_logits (folder, pooled, batch, hidden);
  assert_near (logits, golden_tensor (io, logits_name), logits_name);
}

static void
check_network (const char *level, const char *name, const char *weights, const char *tag,
               gboolean with_adapter)
{
  g_autofree char *folder = golden_path (name), *model = g_build_filename (folder, weights, NULL);
  g_autofree char *adapter = with_adapter ? g_build_filename (folder, tag, NULL) : NULL;
  g_autoptr (CowSafetensors) io = golden_open (name, "io.safetensors");
  Network network;
  network_open (&network, level, model, adapter);
  check_input (&network, folder, io, tag, "pixel_values");
  check_input (&network, folder, io, tag, "pixel_values_wide");
  check_input (&network, folder, io, tag,
               "pixel_values"); /* back again: the workspace follows the shape */
  network_close (&network);
}

static void
test_features (gconstpointer level)
{
  for (guint n = 0; n < G_N_ELEMENTS (networks); n++) {
    check_network (level, networks[n], "fp32", "fp32", FALSE);
    check_network (level, networks[n], "nf4", "nf4", FALSE);
    check_network (level, networks[n], "meta.pth", "fp32", FALSE);
    for (guint a = 0; a < G_N_ELEMENTS (adapters); a++)
      check_network (level, networks[n], "nf4", adapters[a], TRUE);
  }
}

/* The first layer's q weight with each adapter merged into it, against PEFT's merge. */
static void
test_merged (void)
{
  for (guint n = 0; n < G_N_ELEMENTS (networks); n++)
    for (guint a = 0; a < G_N_ELEMENTS (adapters); a++) {
      g_autoptr (GError) error = NULL;
      g_autofree char *folder = golden_path (networks[n]),
                      *model = g_build_filename (folder, "nf4", NULL);
      g_autofree char *adapter = g_build_filename (folder, adapters[a], NULL),
                      *inside = g_build_filename (networks[n], adapters[a], NULL);
      g_autoptr (CowSafetensors) check = golden_open (inside, "merged_check.safetensors");
      const CowTensor *expected = golden_tensor (check, "merged.q_proj0");
      g_autofree float *values = golden_floats (expected),
                       *merged = g_new (float, cow_tensor_count (expected));
      Network network;
      network_open (&network, NULL, model, adapter);
      cow_vit_merged_weight (network.backbone, 0, COW_Q, merged, &error);
      g_assert_no_error (error);
      double worst = 0;
      for (gsize i = 0; i < cow_tensor_count (expected); i++)
        worst = MAX (worst, fabs ((double)merged[i] - values[i]));
      g_test_message ("%s %s: merged q differs by at most %.2e", networks[n], adapters[a], worst);
      g_assert_cmpfloat (worst, <=, 1e-5);
      network_close (&network);
    }
}

/* Sides that are no multiples of the patch are refused, not rounded. */
static void
test_bad_input (void)
{
  const int sides[][2] = { { 0, 64 }, { 64, 0 }, { 65, 64 }, { 64, 8 }, { -16, 64 } };
  g_autofree char *folder = golden_path ("plain"), *model = g_build_filename (folder, "fp32", NULL);
  Network network;
  network_open (&network, NULL, model, NULL);
  float pixel = 0;
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (network.backbone->config.klass->features (network.backbone, &pixel, 1,
                                                             sides[i][0], sides[i][1], &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, "multiples of 16"));
  }
  network_close (&network);
}

/* Levels are the CPU's; a GPU has none. */
static gboolean
has_levels (void)
{
  CkDevice *device;
  g_assert_cmpint (ck_device_open ("cpu", NULL, &device), ==, CK_OK);
  const gboolean yes = !g_str_has_prefix (device->name, "cuda");
  ck_device_close (device);
  return yes;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  const char *const any[] = { "auto", NULL };
  for (const char *const *level = has_levels () ? ck_cpu_levels () : any; *level; level++) {
    g_autofree char *path = g_strdup_printf ("/golden/features/%s", *level);
    g_test_add_data_func (path, *level, test_features);
  }
  g_test_add_func ("/golden/merged", test_merged);
  g_test_add_func ("/golden/bad-input", test_bad_input);
  return g_test_run ();
}
