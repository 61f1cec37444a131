/* SPDX-License-Identifier: MIT */
/*
 * Backbones as a class: families of vision transformers as data, tokens of chosen layers, memory as
 * predicted, the table of kinds, and devices by name.
 */
#include <math.h>
#include <string.h>

#include "kernels/device.h"
#include "model/files/vit-sizes.h"
#include "model/files/vit-layout.h"
#include "model/network/backbones.h"
#include "model/network/device.h"
#include "model/network/positions.h"
#include "model/network/vit-parts.h"
#include "model/training/network.h"
#include "model/training/random.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"

#define BATCH 2

/* A backbone on a device, and pictures for it in device memory. */
typedef struct {
  CkDevice *device;
  CkStream *stream;
  CowCheckpoint *checkpoint;
  CowBackboneConfig config;
  CowBackbone *backbone;
  int side;
  float *pixels;
} Opened;

/* Opens the backbone at a path; with the config `vit` where that is not NULL. */
static void
open_at (Opened *self, const char *path, const CowVitConfig *vit, int side)
{
  g_autoptr (GError) error = NULL;
  const gsize n = (gsize)(BATCH * 3 * side * side);
  g_autofree float *pixels = g_new (float, n);
  *self = (Opened){ .side = side };
  self->device = cow_device_open ("cpu", 1, &error);
  g_assert_no_error (error);
  self->stream = cow_stream_new (self->device, 0, &error);
  g_assert_no_error (error);
  self->checkpoint = cow_checkpoint_open (path, &error);
  g_assert_no_error (error);
  if (vit)
    cow_backbone_config_init (&self->config, vit->family->model_type, vit);
  else
    cow_backbone_config_read (path, self->checkpoint, NULL, &self->config, &error);
  g_assert_no_error (error);
  self->backbone =
      self->config.klass->open (self->stream, &self->config, self->checkpoint, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < n; i++)
    pixels[i] = (float)cow_random_unit (5, i);
  self->pixels = ck_alloc (self->stream, n * sizeof (float));
  ck_upload (self->stream, self->pixels, pixels, n * sizeof (float));
}

static void
close_it (Opened *self)
{
  ck_free (self->stream, self->pixels);
  cow_backbone_free (self->backbone);
  cow_checkpoint_close (self->checkpoint);
  ck_stream_free (self->stream);
  ck_device_close (self->device);
}

static float *
download (CkStream *stream, const float *device, gsize n)
{
  float *host = g_new (float, n);
  g_assert_cmpint (ck_download (stream, host, device, n * sizeof (float)), ==, CK_OK);
  return host;
}

/* ---- families are data ----------------------------------------------------------------------- */

/* A family that no row has: learned positions and layer scales, patches of 14, Hugging Face's
 * names. */
static CowVitConfig
mixed_config (CowVitFamily *family)
{
  *family = *cow_vit_family_default ();
  family->title = "mixed vision transformer";
  family->rotary = FALSE;
  family->learned_positions = TRUE;
  return (CowVitConfig){
    .family = family,
    .hidden_size = 32,
    .n_layers = 2,
    .n_heads = 2,
    .intermediate_size = 48,
    .patch_size = 14,
    .n_channels = 3,
    .image_size = 56,
    .q_bias = TRUE,
    .k_bias = TRUE,
    .v_bias = TRUE,
    .o_bias = TRUE,
    .mlp_bias = TRUE,
    .norm_epsilon = 1e-6f,
    .rope_theta = 100,
  };
}

/* Trains it for a step, so that nothing is as it was initialised, and writes it; gives its features
 * of the pictures. */
static float *
train_mixed (const CowVitConfig *config, const Opened *pictures, const char *folder)
{
  g_autoptr (GError) error = NULL;
  CkStream *stream = pictures->stream;
  const int side = pictures->side;
  const gint32 labels[BATCH] = { 0, 2 };
  const CowAdamW settings = { .1, .9, .999, 1e-8, .01, 1, 1 };
  guint n;
  const CowNetworkOptions options = {
    .kind = COW_NETWORK_DINOV3, .n_classes = 3, .seed = 3, .config = *config, .batch = BATCH
  };
  g_autofree float *pixels = download (stream, pictures->pixels, (gsize)(BATCH * 3 * side * side));
  g_autoptr (CowNetwork) network = cow_network_new (stream, &options, &error);
  g_assert_no_error (error);
  g_assert_true (cow_network_forward (network, pixels, BATCH, side, side, TRUE, 1, &error));
  g_assert_true (cow_network_loss (network, labels, NULL, 0, TRUE, 1, &error));
  g_assert_true (cow_network_step (network, &settings, 0, &error));
  g_assert_nonnull (cow_network_read (network, &n, NULL, &error));
  g_assert_false (cow_network_forward (network, pixels, 1, side, side + 14, FALSE, 1, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "squares of 56"));
  g_clear_error (&error);
  CowTrainedBackbone *backbone = cow_network_backbone (network);
  const float *features =
      backbone->klass->forward (backbone, pictures->pixels, BATCH, side, side, FALSE, 1, &error);
  g_assert_no_error (error);
  g_assert_true (backbone->klass->write (backbone, folder, &error));
  return download (stream, features, (gsize)(BATCH * config->hidden_size));
}

static void
test_family (void)
{
  CowVitFamily family;
  const CowVitConfig config = mixed_config (&family);
  char *folder = scratch_new ();
  g_autofree char *golden = golden_path ("plain/fp32");
  Opened pictures, mixed;
  open_at (&pictures, golden, NULL, config.image_size);
  g_autofree float *expected = train_mixed (&config, &pictures, folder);
  close_it (&pictures);
  open_at (&mixed, folder, &config, config.image_size);
  g_assert_nonnull (cow_checkpoint_find (mixed.checkpoint, "embeddings.position_embeddings"));
  g_assert_nonnull (cow_checkpoint_find (mixed.checkpoint, "layer.1.layer_scale2.lambda1"));
  const float *features = mixed.config.klass->features (mixed.backbone, mixed.pixels, BATCH,
                                                        mixed.side, mixed.side, NULL);
  g_assert_nonnull (features);
  g_autofree float *found = download (mixed.stream, features, (gsize)(BATCH * config.hidden_size));
  for (int i = 0; i < BATCH * config.hidden_size; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], 2e-5);
  close_it (&mixed);
  scratch_free (folder);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* The tokens behind one layer of a backbone. */
static float *
tokens_of (Opened *self, int layer)
{
  const gint64 n = BATCH * cow_backbone_n_tokens (&self->config, self->side, self->side) *
                   self->config.n_features;
  float *device = ck_alloc (self->stream, (gsize)n * sizeof (float));
  g_assert_nonnull (self->config.klass->tokens (self->backbone, self->pixels, BATCH, self->side,
                                                self->side, &layer, 1, &device, NULL));
  float *host = download (self->stream, device, (gsize)n);
  ck_free (self->stream, device);
  return host;
}

/* A folder with the golden network's first layer alone. */
static void
cut_network (const char *from, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *source = g_build_filename (from, "model.safetensors", NULL),
                  *target = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (from, &error);
  g_autoptr (GArray) edits = g_array_new (TRUE, TRUE, sizeof (ScratchEdit));
  g_assert_no_error (error);
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const char *name = cow_checkpoint_nth (checkpoint, i)->name;
    if (g_str_has_prefix (name, "layer.1."))
      g_array_append_val (edits, ((ScratchEdit){ .name = name, .drop = TRUE }));
  }
  g_assert_cmpuint (edits->len, >, 10);
  scratch_copy_tensors (source, target, (const ScratchEdit *)(void *)edits->data);
  scratch_copy_json (from, folder, "config.json", "num_hidden_layers", "1");
}

/* Tokens of several layers come from one pass, those of a middle layer are the last ones of the
 * network cut off there, and the features do not depend on what else is asked for. */
static void
test_layers (void)
{
  g_autofree char *golden = golden_path ("plain/fp32");
  char *folder = scratch_new ();
  Opened whole, cut;
  const int layers[] = { 0, 1 };
  cut_network (golden, folder);
  open_at (&whole, golden, NULL, 64);
  open_at (&cut, folder, NULL, 64);
  const gsize n = (gsize)(BATCH * cow_backbone_n_tokens (&whole.config, 64, 64) *
                          whole.config.n_features),
              bytes = n * sizeof (float),
              feature_bytes = (gsize)(BATCH * whole.config.n_features) * sizeof (float);
  float *out[] = { ck_alloc (whole.stream, bytes), ck_alloc (whole.stream, bytes) };
  const float *features = whole.config.klass->tokens (whole.backbone, whole.pixels, BATCH, 64, 64,
                                                      layers, 2, out, NULL);
  g_assert_nonnull (features);
  g_autofree float *both = download (whole.stream, features, feature_bytes / sizeof (float)),
                   *first = download (whole.stream, out[0], n),
                   *last = download (whole.stream, out[1], n);
  features = whole.config.klass->features (whole.backbone, whole.pixels, BATCH, 64, 64, NULL);
  g_autofree float *none = download (whole.stream, features, feature_bytes / sizeof (float)),
                   *expected_first = tokens_of (&cut, 0), *expected_last = tokens_of (&whole, 1);
  g_assert_cmpmem (first, bytes, expected_first, bytes);
  g_assert_cmpmem (last, bytes, expected_last, bytes);
  g_assert_cmpint (memcmp (first, last, bytes), !=, 0);
  g_assert_cmpmem (both, feature_bytes, none, feature_bytes);
  ck_free (whole.stream, out[0]);
  ck_free (whole.stream, out[1]);
  close_it (&whole);
  close_it (&cut);
  scratch_free (folder);
}

/* ---- learned positions ----------------------------------------------------------------------- */

static CkStatus
failing_upload (CkStream *stream, void *to, const void *from, size_t bytes)
{
  return CK_DEVICE_ERROR;
}

/* That the positions of `side` x `side` patches are on the device. */
static void
check_positions (CowVitVectors *vectors, CkStream *stream, const CowVitConfig *config, int side)
{
  g_autoptr (GError) error = NULL;
  const gsize n = (gsize)(1 + side * side) * (gsize)config->hidden_size;
  g_autofree float *found = g_new (float, n), *expected = g_new (float, n);
  const int pixels = side * config->patch_size;
  cow_vit_positions_ensure (vectors, stream, config, pixels, pixels, &error);
  g_assert_no_error (error);
  ck_download (stream, found, vectors->positions, n * sizeof *found);
  g_assert_true (cow_positions_fit (config, vectors->learned, side, side, expected, NULL));
  g_assert_cmpmem (found, n * sizeof *found, expected, n * sizeof *expected);
}

/* Positions that did not reach the device are not taken for those of any size. */
static void
test_positions (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = cow_device_open ("cpu", 1, &error);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  const CkDeviceClass *real = device->klass;
  CkDeviceClass failing = *real;
  const CowVitConfig config = {
    .family = cow_vit_family_find ("dinov2"), .hidden_size = 4, .patch_size = 14, .image_size = 28
  };
  float learned[5 * 4];
  CowVitVectors vectors = { .learned = learned };
  for (guint i = 0; i < G_N_ELEMENTS (learned); i++)
    learned[i] = (float)cow_random_unit (7, i);
  check_positions (&vectors, stream, &config, 2);
  failing.upload = failing_upload;
  device->klass = &failing;
  g_assert_false (cow_vit_positions_ensure (&vectors, stream, &config, 42, 42, &error));
  g_assert_nonnull (error);
  device->klass = real;
  check_positions (&vectors, stream, &config, 3);
  check_positions (&vectors, stream, &config, 2);
  ck_free (stream, vectors.positions);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const CkDeviceClass *real_class;
static gsize allocated_bytes;

static void *
counted_alloc (CkStream *stream, size_t bytes)
{
  allocated_bytes += bytes;
  return real_class->alloc (stream, bytes);
}

/* The first pass allocates what is predicted; a rotary network's angles come on top. */
static void
check_workspace (const char *path, int side)
{
  Opened opened;
  open_at (&opened, path, NULL, side);
  const CowBackboneConfig *config = &opened.config;
  real_class = opened.device->klass;
  CkDeviceClass counted = *real_class;
  counted.alloc = counted_alloc;
  opened.device->klass = &counted;
  allocated_bytes = 0;
  g_assert_nonnull (
      config->klass->features (opened.backbone, opened.pixels, BATCH, side, side, NULL));
  opened.device->klass = real_class;
  gsize angles = 0;
  if (config->vit.family && config->vit.family->rotary)
    angles = (gsize)(2 * (side / config->vit.patch_size) * (side / config->vit.patch_size) *
                     (config->vit.hidden_size / config->vit.n_heads)) *
             sizeof (float);
  g_assert_cmpuint (allocated_bytes, ==,
                    config->klass->workspace_bytes (config, BATCH, side, side) + angles);
  close_it (&opened);
}

static char *
write_scratch (CowNetworkKind kind, int side)
{
  g_autoptr (GError) error = NULL;
  char *folder = scratch_new ();
  g_autoptr (CkDevice) device = cow_device_open (NULL, 1, &error);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  const CowNetworkOptions options = {
    .kind = kind, .n_classes = 3, .seed = 1, .image_size = side, .batch = 1
  };
  g_autoptr (CowNetwork) network = cow_network_new (stream, &options, &error);
  g_assert_no_error (error);
  g_assert_true (cow_network_save (network, folder, &error));
  return folder;
}

static void
test_workspace (void)
{
  g_autofree char *plain = golden_path ("plain/fp32"), *gated = golden_path ("gated7b/nf4");
  char *resnet = write_scratch (COW_NETWORK_RESNET18, 64),
       *vit = write_scratch (COW_NETWORK_VIT, 64);
  check_workspace (plain, 64);
  check_workspace (gated, 64);
  check_workspace (resnet, 96);
  check_workspace (vit, 64);
  scratch_free (resnet);
  scratch_free (vit);
}

/* The buffers of a pass in numbers, so that one too many is noticed: at inference five as wide as
 * the tokens and one as wide as the MLP, whether that is gated or not. In training each layer's
 * last product is kept only where a magnitude behind it trains, and with dropout each adapter's
 * mask and its first product. */
static void
test_bytes (void)
{
  static const char *const all[] = { "all-linear", NULL }, *const q[] = { "q_proj", NULL };
  const CowNetworkOptions adapters[] = {
    { .kind = COW_NETWORK_DORA, .rank = 8, .targets = all },
    { .kind = COW_NETWORK_DORA, .rank = 8, .adapter_dropout = .1f, .targets = q },
    { .kind = COW_NETWORK_LORA, .rank = 8, .targets = all },
  };
  CowVitConfig vit;
  g_assert_true (cow_vit_config_of_size ("tiny", &vit));
  for (int gated = 0; gated < 2; gated++) {
    CowBackboneConfig config;
    vit.gated = gated;
    cow_backbone_config_init (&config, "dinov3_vit", &vit);
    const gsize hidden = 128, inner = 256, layers = 4, tokens = 1 + 4 + 4 * 6,
                rows = BATCH * tokens, picture = BATCH * hidden;
    const gsize pass = 8 * hidden + (gated ? 3 : 2) * inner,
                gradients = 6 * hidden + (gated ? 2 : 1) * inner;
    g_assert_cmpuint (config.klass->workspace_bytes (&config, BATCH, 64, 96), ==,
                      (rows * (5 * hidden + inner) + 2 * picture) * sizeof (float));
    for (int checkpointing = 0; checkpointing < 2; checkpointing++)
      for (guint i = 0; i < G_N_ELEMENTS (adapters); i++)
        g_assert_cmpuint (
            cow_network_activation_bytes (&adapters[i], &config, BATCH, 64, 96, checkpointing), ==,
            (rows * ((layers + 1 + (i == 0 ? layers : 1)) * hidden +
                     (checkpointing ? 1 : layers) * pass + gradients) +
             3 * picture) *
                    sizeof (float) +
                (i == 1 ? layers * rows * (hidden / 8 + 8 * sizeof (float)) : 0));
    const CowNetworkOptions frozen = { .kind = COW_NETWORK_FROZEN };
    g_assert_cmpuint (cow_network_activation_bytes (&frozen, &config, BATCH, 64, 96, FALSE), ==, 0);
  }
}

/* ---- the tables ------------------------------------------------------------------------------ */

/* Every kind is found by its name; a whole network's backbone is in the table, and what the kind
 * says of pictures is what the backbone takes. */
static void
test_kinds (void)
{
  g_assert_cmpuint (g_strv_length ((char **)cow_kind_names ()), ==, COW_N_NETWORKS);
  g_assert_null (cow_kind_find ("abacus"));
  CowVitConfig named;
  g_assert_true (cow_vit_config_of_size ("tiny", &named));
  for (int i = 0; i < COW_N_NETWORKS; i++) {
    const CowKind *kind = cow_kind ((CowNetworkKind)i);
    CowBackboneConfig config;
    g_assert_true (cow_kind_find (cow_kind_names ()[i]) == kind);
    g_assert_cmpint (kind->adapted || kind->cached || cow_kind_reads_tokens (kind), ==,
                     cow_kind_needs_base (kind));
    if (cow_kind_needs_base (kind))
      continue;
    cow_network_backbone_config ((CowNetworkKind)i, &named, 224, &config);
    g_assert_cmpstr (config.model_type, ==, kind->model_type);
    g_assert_true (config.klass->check_size (&config, 224, 224, NULL));
    g_assert_cmpint (config.klass->check_size (&config, 448, 448, NULL), ==, kind->side == 0);
    g_assert_cmpint (config.klass->check_size (&config, 16, 16, NULL), ==,
                     kind->side == 0 && kind->min_side == 0);
  }
}

static void
test_device (void)
{
  g_autoptr (GError) error = NULL;
  CowPrecision precision = COW_PRECISION_FP32;
  g_assert_cmpstr (cow_device_resolve (NULL, NULL), ==, "cpu");
  g_assert_cmpstr (cow_device_resolve ("", NULL), ==, "cpu");
  g_assert_cmpstr (cow_device_resolve ("auto", NULL), ==, "cpu");
  g_assert_cmpstr (cow_device_resolve ("cpu", NULL), ==, "cpu");
  if (g_strv_contains (ck_device_names (), "cuda")) {
    g_assert_cmpstr (cow_device_resolve ("cuda", NULL), ==, "cuda:0");
    g_assert_cmpstr (cow_device_resolve ("cuda:1", NULL), ==, "cuda:1");
  }
  g_assert_null (cow_device_resolve ("abacus:7", &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_assert_true (g_str_has_prefix (error->message,
                                   "device \"abacus:7\" is unknown; this build offers: auto, "));
  g_clear_error (&error);
  /* Unknown, or without a driver, or without so many GPUs: one clear error. */
  g_assert_null (cow_device_open ("cuda:63", 0, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_assert_true (g_str_has_prefix (error->message, "device \"cuda:63\""));
  g_clear_error (&error);
  /* A device that the build knows, and the machine lacks. */
  g_assert_null (cow_device_open ("cpu:3", 0, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "device \"cpu:3\": this machine has no such device");
  g_clear_error (&error);
  g_assert_true (cow_precision_parse ("auto", &precision, NULL));
  g_assert_cmpint (precision, ==, COW_PRECISION_AUTO);
  g_assert_false (cow_precision_parse ("int1", &precision, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==,
                   "precision \"int1\" is unknown; this build offers: auto, fp32, int16, "
                   "fp16, bf16, int8");
}

/* A level that this processor lacks is an error that names those that it has. */
static void
test_level (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = g_strdup (g_getenv ("COWBEHAVIOR_CPU"));
  g_setenv ("COWBEHAVIOR_CPU", "abacus", TRUE);
  g_assert_null (cow_device_open (NULL, 0, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "COWBEHAVIOR_CPU=\"abacus\""));
  if (before)
    g_setenv ("COWBEHAVIOR_CPU", before, TRUE);
  else
    g_unsetenv ("COWBEHAVIOR_CPU");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Where there is a GPU, auto would take it. */
  g_setenv ("CUDA_VISIBLE_DEVICES", "", TRUE);
  g_test_add_func ("/backbone/family", test_family);
  g_test_add_func ("/backbone/layers", test_layers);
  g_test_add_func ("/backbone/positions", test_positions);
  g_test_add_func ("/backbone/workspace", test_workspace);
  g_test_add_func ("/backbone/bytes", test_bytes);
  g_test_add_func ("/backbone/kinds", test_kinds);
  g_test_add_func ("/device/names", test_device);
  g_test_add_func ("/device/level", test_level);
  return g_test_run ();
}
