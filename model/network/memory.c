/* SPDX-License-Identifier: MIT */
#include "model/network/memory.h"

#include "model/files/host-memory.h"
#include "model/files/nf4.h"
#include "model/network/vit-parts.h"

#define STEPS    64 /* of the share of weights that is streamed */
#define VECTORS  16 /* a layer, each of which the driver rounds up to so many bytes: */
#define ROUNDING 512
#define SLOTS    2  /* for streamed weights */
#define REST     50 /* of the whole memory one part stays free */
#define VARIABLE "COWBEHAVIOR_GPU_MEMORY"

/* ---- plans ----------------------------------------------------------------------------------- */

/* Completes what the backbone says of its linear layers; how many bytes their weights take on the
 * device, where they are streamed, and how large the largest of these is. */
static void
plan_linear (CowMemory *self, CkDevice *device, const CowMemoryUse *use, GArray *linear,
             double streamed, gsize *largest)
{
  const CowBackboneConfig *backbone = use->backbone;
  const CkWeightUses uses = cow_precision_uses (backbone->precision);
  CowBackboneConfig config = *backbone;
  config.streamed = streamed;
  g_autofree gboolean *from_host = cow_backbone_streamed (&config);
  *largest = 0;
  for (guint i = 0; i < linear->len; i++) {
    CkLinearShape *shape = &g_array_index (linear, CkLinearShape, i);
    gsize bytes;
    shape->source.type = use->storage;
    shape->source.block = COW_NF4_BLOCK;
    shape->uses = uses;
    shape->trains = use->from_scratch;
    if (use->from_scratch ||
        ck_weight_bytes (device, &shape->source, (CkWeightUses)(uses | CK_USE_FORWARD), &bytes) !=
            CK_OK)
      continue; /* it is a parameter */
    if (from_host[i]) {
      self->streamed += bytes;
      *largest = MAX (*largest, bytes);
    } else {
      self->weights += bytes;
    }
  }
}

/* Adapters, and all that is no weight of a linear layer. */
static guint64
other_bytes (const CowMemoryUse *use, const GArray *linear)
{
  gint64 others = use->from_scratch ? 0 : use->backbone->klass->n_parameters (use->backbone);
  for (guint i = 0; i < linear->len; i++) {
    const CkLinearShape *shape = &g_array_index (linear, CkLinearShape, i);
    const gint64 out = shape->source.out, in = shape->source.in;
    if (!use->from_scratch)
      others -= out * in;
    if (shape->rank > 0)
      others += (use->training ? 0 : shape->rank * (in + out)) + (use->adapter.dora ? out : 0);
  }
  if (!use->training)
    others += use->head;
  return (guint64)others * sizeof (float) + (guint64)linear->len * VECTORS * ROUNDING;
}

void
cow_memory_plan (CowMemory *self, CkDevice *device, const CowMemoryUse *use, double streamed)
{
  g_auto (CowPassShapes) shapes = { 0 };
  const gsize picture = 3 * (gsize)use->height * (gsize)use->width * sizeof (float);
  gsize largest;
  use->backbone->klass->shapes (use->backbone, &use->adapter, use->batch, use->height, use->width,
                                &shapes);
  shapes.attention.products = cow_vit_attention_products (device, shapes.attention.products);
  *self = (CowMemory){ .parameters = use->parameters };
  plan_linear (self, device, use, shapes.linear, streamed, &largest);
  self->weights += other_bytes (use, shapes.linear);
  self->activations = use->activations + (gsize)(use->batch + use->ready) * picture;
  self->slots = SLOTS * largest;
  shapes.plan.training = use->training;
  shapes.plan.n_linear = (int)shapes.linear->len;
  shapes.plan.linear = (const CkLinearShape *)(void *)shapes.linear->data;
  shapes.plan.n_convolutions = (int)shapes.convolutions->len;
  shapes.plan.convolutions = (const CkConvolution *)(void *)shapes.convolutions->data;
  self->scratch = ck_scratch_bytes (device, &shapes.plan);
  self->device = self->weights + self->activations + self->scratch + self->parameters + self->slots;
}

gboolean
cow_memory_fit (CowMemory *self, CkDevice *device, const CowMemoryUse *use, guint64 available,
                double *streamed)
{
  CowMemory least = { 0 };
  for (int step = 0; step <= STEPS; step++) {
    *streamed = (double)step / STEPS;
    cow_memory_plan (self, device, use, *streamed);
    if (self->device <= available)
      return TRUE;
    if (step == 0 || self->device < least.device)
      least = *self;
  }
  *self = least;
  *streamed = 0;
  return FALSE;
}

/* ---- what there is --------------------------------------------------------------------------- */

gboolean
cow_memory_available (CkDevice *device, guint64 *bytes, GError **error)
{
  const char *text = g_getenv (VARIABLE);
  CkDeviceState state;
  guint64 most = G_MAXUINT64;
  if (text && *text && !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &most, NULL)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, VARIABLE "=\"%s\": bytes are expected",
                 text);
    return FALSE;
  }
  *bytes = ck_device_free_bytes (device);
  if (ck_device_state (device, &state)) {
    const guint64 rest = state.total_bytes / REST;
    *bytes = *bytes > rest ? *bytes - rest : 0;
  }
  *bytes = MIN (*bytes, most);
  return TRUE;
}

static gboolean
refuse (const CowMemory *self, CkDevice *device, const char *what, guint64 available,
        GError **error)
{
  CkDeviceState state;
  ck_device_state (device, &state);
  g_autofree char *all = cow_memory_bytes_text (self->device),
                  *free = cow_memory_bytes_text (available),
                  *total = cow_memory_bytes_text (state.total_bytes),
                  *weights = cow_memory_bytes_text (self->weights + self->slots),
                  *passes = cow_memory_bytes_text (self->activations + self->scratch),
                  *trained = cow_memory_bytes_text (self->parameters);
  g_set_error (error, COW_ERROR, COW_ERROR_MEMORY,
               "%s: needs %s (weights %s, activations %s%s%s)%s, %s free of %s on %s, %s", what,
               all, weights, passes,
               self->parameters > 0 ? ", parameters with gradients and moments " : "",
               self->parameters > 0 ? trained : "",
               self->streamed > 0 ? " although weights are streamed" : "", free, total,
               device->name, state.model);
  return FALSE;
}

/* A host that tells nothing has as much as is asked for. */
static gboolean
check_host (const CowMemory *self, const char *what, GError **error)
{
  const guint64 available = cow_host_memory_available ();
  if (self->streamed == 0 || available == 0 || self->streamed <= available)
    return TRUE;
  g_autofree char *wanted = cow_memory_bytes_text (self->streamed),
                  *there = cow_memory_bytes_text (available);
  g_set_error (
      error, COW_ERROR, COW_ERROR_MEMORY,
      "%s: %s of weights do not fit into the GPU's memory and would stay in the host's, of "
      "which %s are available",
      what, wanted, there);
  return FALSE;
}

gboolean
cow_memory_check (const CowMemory *self, CkDevice *device, guint64 available, const char *what,
                  GError **error)
{
  return self->device <= available ? check_host (self, what, error)
                                   : refuse (self, device, what, available, error);
}

gboolean
cow_memory_prepare (CowMemory *self, CkDevice *device, const CowMemoryUse *use, const char *what,
                    double *streamed, GError **error)
{
  guint64 available;
  *self = (CowMemory){ 0 };
  *streamed = 0;
  if (device->host_memory)
    return TRUE;
  if (!cow_memory_available (device, &available, error))
    return FALSE;
  if (available == G_MAXUINT64)
    return TRUE; /* it does not know */
  cow_memory_fit (self, device, use, available, streamed);
  return cow_memory_check (self, device, available, what, error);
}

/* ---- text ------------------------------------------------------------------------------------ */

char *
cow_memory_bytes_text (guint64 bytes)
{
  const double mib = (double)bytes / (1 << 20);
  return mib < 1      ? g_strdup_printf ("%.1f KiB", 1024 * mib)
         : mib < 1024 ? g_strdup_printf ("%.1f MiB", mib)
                      : g_strdup_printf ("%.2f GiB", mib / 1024);
}

char *
cow_memory_text (const CowMemory *self, CkDevice *device)
{
  if (self->streamed == 0)
    return NULL;
  g_autofree char *streamed = cow_memory_bytes_text (self->streamed),
                  *all = cow_memory_bytes_text (self->streamed + self->weights);
  return g_strdup_printf ("%s of %s of weights do not fit into the memory of %s: they stay in the "
                          "host's, and so much goes over the bus with every batch, whatever its "
                          "size",
                          streamed, all, device->name);
}

CkType
cow_memory_storage (const CowCheckpoint *checkpoint)
{
  const CowTensor *weight = cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight");
  if (cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight.absmax"))
    return CK_NF4;
  return !weight || weight->dtype == COW_F32 ? CK_F32
         : weight->dtype == COW_BF16         ? CK_BF16
                                             : CK_F16;
}
