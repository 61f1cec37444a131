/* SPDX-License-Identifier: MIT */
#include "tests/model/training.h"

#include <math.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/training/random.h"
#include "tests/model/golden.h"

const TrainingCase training_cases[] = {
  { "lora-all", COW_NETWORK_LORA, "plain/nf4", "plain/lora_all_r16", 16, .batch = 3,
    .side = TRAINING_SIDE },
  { "lora-q-gated", COW_NETWORK_LORA, "gated7b/fp32", "gated7b/lora_q_r8", 8, "q_proj", .batch = 3,
    .side = TRAINING_SIDE },
  { "dora-q", COW_NETWORK_DORA, "plain/fp32", "plain/dora_q_r8", 8, "q_proj", .batch = 3,
    .side = TRAINING_SIDE },
  { "dora-all-gated", COW_NETWORK_DORA, "gated7b/nf4", "gated7b/dora_all_r16", 16, .batch = 3,
    .side = TRAINING_SIDE },
  { "frozen", COW_NETWORK_FROZEN, "plain/nf4", .batch = 4 },
  { "dinov3", COW_NETWORK_DINOV3, .batch = 3, .side = TRAINING_SIDE },
  { "dinov3-gated", COW_NETWORK_DINOV3, .gated = TRUE, .batch = 3, .side = TRAINING_SIDE },
  { "vit", COW_NETWORK_DINOV3, .timm = TRUE, .batch = 3, .side = TRAINING_SIDE },
  { "resnet18", COW_NETWORK_RESNET18, .batch = 3, .side = 48 },
  { .name = NULL },
};

CowVitConfig
training_config (const TrainingCase *sort)
{
  return (CowVitConfig){
    .family = cow_vit_family_find (sort->timm ? "timm_vit" : "dinov3_vit"),
    .hidden_size = 32,
    .n_layers = 2,
    .n_heads = 2,
    .intermediate_size = 48,
    .patch_size = 16,
    .n_channels = 3,
    .n_registers = sort->timm ? 0 : 2,
    .image_size = TRAINING_SIDE,
    .gated = sort->gated,
    .q_bias = TRUE,
    .k_bias = sort->timm,
    .v_bias = TRUE,
    .o_bias = TRUE,
    .mlp_bias = TRUE,
    .norm_epsilon = 1e-5f,
    .rope_theta = 100,
    .rope_rescale = sort->timm ? 0 : 1.5f,
  };
}

char *
training_base (const TrainingCase *sort)
{
  return sort->base ? golden_path (sort->base) : NULL;
}

const char *const *
training_targets (const TrainingCase *sort)
{
  static const char *const all[] = { "all-linear", NULL }, *const q[] = { "q_proj", NULL };
  return g_strcmp0 (sort->target, q[0]) == 0 ? q : all;
}

Training *
training_new (const TrainingCase *sort, const TrainingHow *how)
{
  GError *error = NULL;
  Training *self = g_new0 (Training, 1);
  g_autofree char *base = training_base (sort),
                  *start = sort->adapter && !how->fresh ? golden_path (sort->adapter) : NULL;
  g_autofree char *head = start ? g_path_get_dirname (start) : NULL;
  static const char *const targets[] = { "all-linear", NULL };
  const CowNetworkOptions options = {
    .kind = sort->kind,
    .n_classes = TRAINING_CLASSES,
    .seed = 7,
    .head_dropout = how->head_dropout,
    .model = base,
    .start = how->start ? how->start : start,
    .start_head = how->start ? how->start_head : head,
    .rank = 4,
    .alpha = 8,
    .adapter_dropout = how->adapter_dropout,
    .init = how->init,
    .rslora = how->rslora,
    .targets = targets,
    .checkpointing = how->checkpointing ? COW_CHECKPOINTING_ON : COW_CHECKPOINTING_OFF,
    .config = training_config (sort),
    .precision = how->precision,
    .streamed = how->streamed,
    .image_size = TRAINING_SIDE,
    .batch = sort->batch,
  };
  self->sort = sort;
  self->device = cow_device_open (how->device, how->threads, &error);
  g_assert_no_error (error);
  self->stream = cow_stream_new (self->device, 0, &error);
  g_assert_no_error (error);
  self->network = cow_network_new (self->stream, &options, &error);
  g_assert_no_error (error);
  const gsize n =
      (gsize)(sort->batch * (sort->side > 0 ? 3 * sort->side * sort->side : TRAINING_FEATURES));
  self->pixels = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    self->pixels[i] = (float)cow_random_unit (99, i);
  self->labels = g_new (gint32, sort->batch);
  for (int i = 0; i < sort->batch; i++)
    self->labels[i] = (5 * i + 2) % TRAINING_CLASSES;
  return self;
}

void
training_free (Training *self)
{
  cow_network_free (self->network);
  ck_stream_free (self->stream);
  ck_device_close (self->device);
  g_free (self->pixels);
  g_free (self->labels);
  g_free (self);
}

double
training_pass (Training *self, guint64 key, gboolean backward)
{
  GError *error = NULL;
  guint n;
  g_assert_true (cow_network_forward (self->network, self->pixels, self->sort->batch,
                                      self->sort->side, self->sort->side, TRUE, key, &error));
  g_assert_no_error (error);
  g_assert_true (cow_network_loss (self->network, self->labels, NULL, .1f, backward, 1, &error));
  g_assert_no_error (error);
  const CowPass *pass = cow_network_read (self->network, &n, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 1);
  return pass->loss;
}

void
training_step (Training *self, int step)
{
  GError *error = NULL;
  double norm;
  guint n;
  const CowAdamW settings = { 1e-3, .9, .999, 1e-8, .01, step, 1 };
  training_pass (self, (guint64)step, TRUE);
  g_assert_true (cow_network_step (self->network, &settings, 1, &error));
  cow_network_read (self->network, &n, &norm, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (norm, >, 0);
}

static float *
copy (Training *self, const float *device)
{
  const gsize bytes = cow_network_parameters (self->network)->count * sizeof (float);
  float *host = g_malloc (bytes);
  g_assert_cmpint (ck_download (self->stream, host, device, bytes), ==, CK_OK);
  return host;
}

float *
training_values (Training *self)
{
  return copy (self, cow_network_parameters (self->network)->values);
}

float *
training_gradients (Training *self)
{
  return copy (self, cow_network_parameters (self->network)->gradients);
}

const TrainingCase *
training_case (const char *name)
{
  for (const TrainingCase *sort = training_cases; sort->name; sort++)
    if (g_str_equal (sort->name, name))
      return sort;
  g_assert_not_reached ();
}

double
training_distance (const float *a, const float *b, gsize n)
{
  double squares = 0, all = 0;
  for (gsize i = 0; i < n; i++) {
    squares += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    all += (double)b[i] * b[i];
  }
  return sqrt (squares / all);
}

float *
training_logits (Training *self)
{
  GError *error = NULL;
  guint n;
  g_assert_true (cow_network_forward (self->network, self->pixels, self->sort->batch,
                                      self->sort->side, self->sort->side, FALSE, 0, &error));
  const CowPass *pass = cow_network_read (self->network, &n, NULL, &error);
  g_assert_no_error (error);
  return g_memdup2 (pass->logits, (gsize)self->sort->batch * TRAINING_CLASSES * sizeof (float));
}

void
training_save (Training *self, const char *folder)
{
  GError *error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_assert_true (cow_network_save (self->network, folder, &error));
  g_assert_no_error (error);
  g_free (card->kind);
  card->kind = g_strdup (cow_kind (self->sort->timm ? COW_NETWORK_VIT : self->sort->kind)->name);
  card->preprocess.width = card->preprocess.height =
      self->sort->side > 0 ? self->sort->side : TRAINING_SIDE;
  g_assert_true (cow_card_write (card, folder, &error));
  g_assert_no_error (error);
}
