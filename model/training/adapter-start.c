/* SPDX-License-Identifier: MIT */
#include "model/training/adapter-start.h"

#include <math.h>
#include <string.h>

#include "model/files/floats.h"
#include "model/network/linear.h"
#include "model/training/decompose.h"
#include "model/training/random.h"

/* What the adapter will sit on. */
typedef struct {
  CkStream *stream;
  const CowCheckpoint *checkpoint;
  const CowVitConfig *config;
} Base;

/* PEFT's rule. */
gboolean
cow_adapter_start_is_target (const char *const *targets, CowModule module)
{
  for (; *targets; targets++) {
    g_autofree char *suffix = g_strconcat (".", *targets, NULL);
    if (g_str_equal (*targets, "all-linear") || g_str_equal (*targets, cow_module_name (module)) ||
        g_str_has_suffix (cow_module_name (module), suffix))
      return TRUE;
  }
  return FALSE;
}

int
cow_adapter_start_rank (CowLoraInit init, int rank)
{
  return init == COW_INIT_DEFAULT ? rank : 2 * rank;
}

static int
whole_rank (const CowAdapterStart *self)
{
  return cow_adapter_start_rank (self->init, self->rank);
}

/* alpha of the whole rank that leaves the scale as it is. */
static float
whole_alpha (const CowAdapterStart *self)
{
  const double share = (double)whole_rank (self) / self->rank;
  return (float)(self->alpha * (self->rslora ? sqrt (share) : share));
}

static gboolean
allocate_lora (CowLora *lora, const CowAdapterStart *self, gint64 out, gint64 in, GError **error)
{
  const double rank = self->rank;
  *lora = (CowLora){ .in = in,
                     .out = out,
                     .rank = whole_rank (self),
                     .fixed = whole_rank (self) - self->rank,
                     .alpha = whole_alpha (self),
                     .scale = (float)(self->alpha / (self->rslora ? sqrt (rank) : rank)) };
  lora->a = cow_floats_new ((gsize)(lora->rank * in), "lora_A", error);
  lora->b = lora->a ? cow_floats_new ((gsize)(out * lora->rank), "lora_B", error) : NULL;
  if (lora->b && self->dora)
    lora->magnitude = g_new0 (float, out);
  return lora->b != NULL;
}

/* PEFT's first values: A uniform in +-1 / sqrt (in), B zero. DoRA's magnitude follows from the
 * weight later. */
static void
fill_random (CowLora *lora, guint64 key)
{
  const double bound = 1 / sqrt ((double)lora->in);
  for (gint64 i = 0; i < lora->rank * lora->in; i++)
    lora->a[i] = (float)(bound * (2 * cow_random_unit (key, (guint64)i) - 1));
}

/* The values of a module's weight, dequantised; NULL on error. */
static float *
read_weight (const Base *base, const char *name, gint64 out, gint64 in, GError **error)
{
  CowLinear linear;
  g_autofree float *values = cow_floats_new ((gsize)(out * in), name, error);
  if (!values ||
      !cow_linear_init_weight (&linear, base->stream, base->checkpoint, name, out, in, NULL, error))
    return NULL;
  const gboolean read = cow_linear_merged (&linear, values, error);
  cow_linear_clear (&linear);
  return read ? g_steal_pointer (&values) : NULL;
}

/* lora_A is what trains above what is fixed, lora_B the same beside its negative. */
static void
double_parts (CowLora *lora, const float *a, const float *b)
{
  const gint64 half = lora->rank / 2;
  memcpy (lora->a, a, (gsize)(half * lora->in) * sizeof *a);
  memcpy (lora->a + half * lora->in, a, (gsize)(half * lora->in) * sizeof *a);
  for (gint64 o = 0; o < lora->out; o++)
    for (gint64 r = 0; r < half; r++) {
      lora->b[o * lora->rank + r] = b[o * half + r];
      lora->b[o * lora->rank + half + r] = -b[o * half + r];
    }
}

/* PiSSA's and OLoRA's first values of the module of that name. */
static gboolean
fill_decomposed (const Base *base, CowLora *lora, const CowAdapterStart *self, const char *name,
                 guint64 key, GError **error)
{
  const gint64 rank = self->rank, out = lora->out, in = lora->in;
  if (rank > MIN (out, in)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s is %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT ", so that %s starts with a rank "
                 "of %" G_GINT64_FORMAT " at most, not %d",
                 name, out, in, self->init == COW_INIT_PISSA ? "PiSSA" : "OLoRA", MIN (out, in),
                 self->rank);
    return FALSE;
  }
  g_autofree float *w = read_weight (base, name, out, in, error),
                   *a = w ? cow_floats_new ((gsize)(rank * in), "lora_A", error) : NULL,
                   *b = a ? cow_floats_new ((gsize)(out * rank), "lora_B", error) : NULL;
  if (!b || !(self->init == COW_INIT_PISSA
                  ? cow_decompose_pissa (w, out, in, rank, (double)lora->scale, key, a, b, error)
                  : cow_decompose_olora (w, out, in, rank, key, a, b, error)))
    return FALSE;
  double_parts (lora, a, b);
  return TRUE;
}

/* The adapter of module i of all; *lora stays NULL without an error where it gets none. */
static gboolean
start_lora (const Base *base, const CowAdapterStart *self, int i, CowLora **lora, GError **error)
{
  const CowModule module = (CowModule)(i % COW_N_MODULES);
  const guint64 key = cow_random_key (self->seed, (guint64)i);
  gint64 out, in;
  gboolean bias;
  if (!cow_vit_config_module (base->config, module, &out, &in, &bias) ||
      !cow_adapter_start_is_target (self->targets, module))
    return TRUE;
  *lora = g_new0 (CowLora, 1);
  if (!allocate_lora (*lora, self, out, in, error))
    return FALSE;
  if (self->init == COW_INIT_DEFAULT) {
    fill_random (*lora, key);
    return TRUE;
  }
  g_autofree char *name =
      g_strdup_printf ("layer.%d.%s", i / COW_N_MODULES, cow_module_name (module));
  return fill_decomposed (base, *lora, self, name, key, error);
}

static CowAdapter *
empty_adapter (const CowAdapterStart *self, int n_layers)
{
  CowAdapter *adapter = g_new0 (CowAdapter, 1);
  adapter->dora = self->dora;
  adapter->rslora = self->rslora;
  adapter->rank = whole_rank (self);
  adapter->alpha = whole_alpha (self);
  adapter->dropout = self->dropout;
  adapter->base = g_path_get_basename (self->model);
  adapter->target_modules = g_strdupv ((char **)self->targets);
  adapter->n_layers = n_layers;
  adapter->loras = g_new0 (CowLora *, n_layers * COW_N_MODULES);
  return adapter;
}

CowAdapter *
cow_adapter_start (const CowAdapterStart *self, CkStream *stream, const CowCheckpoint *checkpoint,
                   const CowVitConfig *config, GError **error)
{
  const Base base = { stream, checkpoint, config };
  g_autoptr (CowAdapter) adapter = empty_adapter (self, config->n_layers);
  guint n = 0;
  for (int i = 0; i < config->n_layers * COW_N_MODULES; i++) {
    if (!start_lora (&base, self, i, &adapter->loras[i], error))
      return NULL;
    n += adapter->loras[i] != NULL;
  }
  if (n > 0)
    return g_steal_pointer (&adapter);
  g_autofree char *targets = g_strjoinv (", ", (char **)self->targets);
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "targets \"%s\": no linear layer of %s has such a name; expected all-linear or "
               "some of q_proj k_proj v_proj o_proj gate_proj "
               "up_proj down_proj",
               targets, self->model);
  return NULL;
}
