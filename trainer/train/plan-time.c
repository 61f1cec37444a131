/* SPDX-License-Identifier: MIT */
/*
 * Time: the operations of a pass are counted from the network's shape; the rates at which this
 * machine does them are measured on one linear layer and one attention of that shape (of networks
 * without tokens: on the network itself). What lies between them, norms and sums, is a share on
 * top.
 */
#include "trainer/train/plan.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "model/files/nf4.h"
#include "model/files/vit-layout.h"

#define MOST_OPERATIONS 20e9 /* of one measured call */
#define LEAST_SECONDS   .05  /* a call is repeated for so long, */
#define MOST_CALLS      8    /* but no more often */
#define BETWEEN         1.12 /* everything that is neither a linear layer nor attention */
#define ADAM_COUNT      (1 << 20)
#define WHOLE_BATCH     8

/* ---- counting -------------------------------------------------------------------------------- */

typedef struct {
  double tokens, linear, attention; /* operations of one picture's forward */
  double adapters;                  /* operations of the adapters' forward */
  double norms;                     /* operations a step for DoRA's row norms */
} Work;

static double
count_tokens (const CowRecipe *recipe, const CowVitConfig *config)
{
  return (double)cow_vit_config_n_tokens (config, recipe->preprocess.height,
                                          recipe->preprocess.width);
}

static Work
count_work (const CowRecipe *recipe, const CowVitConfig *config)
{
  const double layers = config->n_layers, hidden = config->hidden_size;
  g_auto (GStrv) targets = g_strsplit (recipe->targets, ",", -1);
  Work work = { .tokens = count_tokens (recipe, config) };

  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (!cow_vit_config_module (config, module, &out, &in, &bias))
      continue;
    work.linear += 2 * work.tokens * layers * (double)out * (double)in;
    if (!cow_recipe_is_adapted (recipe) ||
        !cow_network_is_target ((const char *const *)targets, module))
      continue;
    work.adapters += 2 * work.tokens * layers * recipe->rank * (double)(in + out);
    if (cow_recipe_kind (recipe)->dora)
      work.norms += 2 * layers * recipe->rank * (double)in * (double)out;
  }
  work.linear +=
      2 * work.tokens * hidden * config->n_channels * config->patch_size * config->patch_size;
  work.attention = 4 * work.tokens * work.tokens * hidden * layers;
  return work;
}

static void
plan_transformer (CowPlanTime *self, const CowRecipe *recipe, const CowPlanInput *input,
                  const CowPlan *plan, const CowSpeed *speed)
{
  const Work work = count_work (recipe, &input->backbone.vit);
  const gboolean scratch = !cow_recipe_has_base (recipe);
  const double forward = work.linear / speed->linear + work.attention / speed->attention +
                         work.adapters / speed->linear;
  /* Attention computes its scores again: five products instead of two. */
  const double back = work.linear / speed->linear_input +
                      2.5 * work.attention / speed->attention_back +
                      (scratch ? work.linear : 2 * work.adapters) / speed->linear_weight;

  self->val_picture = BETWEEN * forward;
  self->train_picture = BETWEEN * (forward * (plan->checkpointing ? 2 : 1) + back);
  self->step = (double)plan->trained / speed->optimiser + work.norms / speed->linear;
}

void
cow_plan_time (CowPlanTime *self, const CowRecipe *recipe, const CowPlanInput *input,
               const CowPlan *plan, const CowSpeed *speed)
{
  const double n_train = (double)input->n_train * cow_recipe_copies (recipe),
               n_val = (double)input->n_val;
  const double steps = ceil (n_train / recipe->batch / recipe->gradient_accumulation);

  *self = (CowPlanTime){ .step = (double)plan->trained / speed->optimiser };
  if (!input->backbone.klass->n_tokens) {
    self->train_picture = speed->picture;
    self->val_picture = speed->picture_forward;
  } else if (cow_recipe_kind (recipe)->cached) {
    const Work work = count_work (recipe, &input->backbone.vit);
    const double head = 2 * (double)plan->head / speed->linear;
    self->features = (n_train + n_val) * BETWEEN *
                     (work.linear / speed->linear + work.attention / speed->attention);
    self->train_picture = 3 * head;
    self->val_picture = head;
  } else
    plan_transformer (self, recipe, input, plan, speed);
  self->epoch = n_train * self->train_picture + n_val * self->val_picture + steps * self->step;
  self->run = self->features + recipe->epochs * self->epoch;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/*
 * Seconds that this process has computed, divided by the threads of the backend: what a clock on
 * the wall shows where nothing else runs. Others' work on this machine now is no reason to expect
 * it all through a run.
 */
static double
computed_seconds (void)
{
  const char *limit = g_getenv ("OMP_NUM_THREADS");
  const guint64 n = limit ? g_ascii_strtoull (limit, NULL, 10) : 0,
                processors = g_get_num_processors ();
  struct timespec time;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return ((double)time.tv_sec + 1e-9 * (double)time.tv_nsec) /
         (double)(n > 0 ? MIN (n, processors) : processors);
}

/* Seconds of the fastest of some calls; negative when one fails. */
static double
time_calls (CkStatus (*call) (gpointer), gpointer data, GError **error)
{
  double best = -1, sum = 0;

  if (!cow_check (call (data), error, "measuring this machine"))
    return -1;
  for (guint i = 0; i < MOST_CALLS && sum < LEAST_SECONDS; i++) {
    const double start = computed_seconds ();
    if (!cow_check (call (data), error, "measuring this machine"))
      return -1;
    const double seconds = MAX (computed_seconds () - start, 1e-7);
    best = best < 0 ? seconds : MIN (best, seconds);
    sum += seconds;
  }
  return best;
}

/* A rate, or 0 with an error. */
static double
rate (double operations, CkStatus (*call) (gpointer), gpointer data, GError **error)
{
  const double seconds = time_calls (call, data, error);
  return seconds > 0 ? operations / seconds : 0;
}

/* Device memory with numbers that no operation finds special. */
static float *
make_floats (CkBackend *backend, gint64 n, GPtrArray *owned, GError **error)
{
  g_autofree float *host = g_try_new (float, n);
  float *device = host ? backend->alloc (backend, (gsize)n * sizeof (float)) : NULL;

  if (!device) {
    cow_check (CK_NO_MEMORY, error, "measuring this machine");
    return NULL;
  }
  g_ptr_array_add (owned, device);
  for (gint64 i = 0; i < n; i++)
    host[i] = (float)((i * 7919) % 1009 - 504) / 1009;
  return cow_check (backend->upload (backend, device, host, (gsize)n * sizeof (float)), error,
                    "measuring this machine")
             ? device
             : NULL;
}

static void
free_floats (CkBackend *backend, GPtrArray *owned)
{
  for (guint i = 0; i < owned->len; i++)
    backend->free (backend, owned->pdata[i]);
  g_ptr_array_set_size (owned, 0);
}

/* -- a linear layer -- */

typedef struct {
  CkBackend *backend;
  CkWeight *weight;
  gint64 rows, out, in;
  float *x, *y, *dx, *dweight;
} LinearJob;

static CkStatus
linear_forward (gpointer data)
{
  LinearJob *job = data;
  const CkLinear layer = { .weight = job->weight };
  const CkInput input = { CK_F32, job->x };
  return job->backend->linear (job->backend, &layer, job->rows, &input, job->y);
}

static CkStatus
linear_input (gpointer data)
{
  LinearJob *job = data;
  const CkLinearBackward op = {
    .weight = job->weight, .rows = job->rows, .x = job->x, .dy = job->y, .dx = job->dx
  };
  return job->backend->training->linear_backward (job->backend, &op);
}

static CkStatus
linear_weight (gpointer data)
{
  LinearJob *job = data;
  const CkLinearBackward op = { .weight = job->weight,
                                .rows = job->rows,
                                .x = job->x,
                                .dy = job->y,
                                .gradients = { .weight = job->dweight } };
  return job->backend->training->linear_backward (job->backend, &op);
}

/* The bytes of a weight [out, in] of any type; what they say does not matter to its speed. */
static void *
make_weight (CkType storage, gint64 out, gint64 in, CkWeightSource *source, float **absmax)
{
  const gsize n = (gsize)out * (gsize)in,
              bytes = storage == CK_NF4 ? (n + 1) / 2 : n * (storage == CK_F32 ? 4 : 2);
  const gsize n_blocks = (n + COW_NF4_BLOCK - 1) / COW_NF4_BLOCK;
  void *data = g_try_malloc (bytes);

  *absmax = storage == CK_NF4 ? g_try_new (float, n_blocks) : NULL;
  for (gsize i = 0; *absmax && i < n_blocks; i++)
    (*absmax)[i] = .01f;
  /* Of each type, a small number. */
  if (data && storage == CK_F32)
    for (gsize i = 0; i < n; i++)
      ((float *)data)[i] = (float)(i % 251) / 25100;
  else if (data)
    memset (data, 0x31, bytes);
  *source = (CkWeightSource){
    .type = storage, .out = out, .in = in, .data = data, .absmax = *absmax, .block = COW_NF4_BLOCK
  };
  memcpy (source->code, cow_nf4_code, sizeof source->code);
  return data;
}

static gboolean
run_linear (CowSpeed *self, LinearJob *job, gboolean dense, GError **error)
{
  const double operations = 2 * (double)job->rows * (double)job->out * (double)job->in;

  self->linear = rate (operations, linear_forward, job, error);
  self->linear_input = self->linear > 0 ? rate (operations, linear_input, job, error) : 0;
  /* An adapter's products with its own weights are dense, too. */
  self->linear_weight = self->linear_input > 0 && dense
                            ? rate (operations, linear_weight, job, error)
                            : self->linear_input;
  return self->linear_weight > 0;
}

static gboolean
measure_linear (CowSpeed *self, CkBackend *backend, const CowRecipe *recipe,
                const CowPlanInput *input, GError **error)
{
  const CowVitConfig *config = &input->backbone.vit;
  const double tokens = count_tokens (recipe, config),
               width = (double)config->hidden_size * config->intermediate_size;
  LinearJob job = { .backend = backend,
                    .out = config->intermediate_size,
                    .in = config->hidden_size };
  const gboolean dense = input->storage == CK_F32;
  g_autoptr (GPtrArray) owned = g_ptr_array_new ();
  g_autofree float *absmax = NULL;
  CkWeightSource source;

  job.rows = MAX ((gint64)MIN (recipe->batch * tokens, MOST_OPERATIONS / (2 * width)), 1);
  g_autofree void *data = make_weight (input->storage, job.out, job.in, &source, &absmax);
  gboolean ok = cow_check (data && (absmax || input->storage != CK_NF4)
                               ? backend->weight_new (backend, &source, &job.weight)
                               : CK_NO_MEMORY,
                           error, "measuring this machine") &&
                (job.x = make_floats (backend, job.rows * job.in, owned, error)) &&
                (job.y = make_floats (backend, job.rows * job.out, owned, error)) &&
                (job.dx = make_floats (backend, job.rows * job.in, owned, error)) &&
                (!dense || (job.dweight = make_floats (backend, job.out * job.in, owned, error))) &&
                run_linear (self, &job, dense, error);
  backend->weight_free (backend, job.weight);
  free_floats (backend, owned);
  return ok;
}

/* -- attention -- */

typedef struct {
  CkBackend *backend;
  CkAttentionBackward op;
} AttentionJob;

static CkStatus
attention_forward (gpointer data)
{
  AttentionJob *job = data;
  return job->backend->attention (job->backend, &job->op.forward);
}

static CkStatus
attention_backward (gpointer data)
{
  AttentionJob *job = data;
  return job->backend->training->attention_backward (job->backend, &job->op);
}

static gboolean
measure_attention (CowSpeed *self, CkBackend *backend, const CowRecipe *recipe,
                   const CowVitConfig *config, GError **error)
{
  const gint64 tokens = (gint64)count_tokens (recipe, config), hidden = config->hidden_size;
  const double operations = 4 * (double)tokens * (double)tokens * (double)hidden;
  const gint64 batch = CLAMP ((gint64)(MOST_OPERATIONS / operations), 1, recipe->batch);
  g_autoptr (GPtrArray) owned = g_ptr_array_new ();
  float *arrays[8];
  gboolean ok = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (arrays) && ok; i++)
    ok = (arrays[i] = make_floats (backend, batch * tokens * hidden, owned, error)) != NULL;
  if (ok) {
    AttentionJob job = { .backend = backend };
    job.op.forward = (CkAttention){ .batch = batch,
                                    .tokens = tokens,
                                    .heads = config->n_heads,
                                    .head_dim = hidden / config->n_heads };
    job.op.forward.q = arrays[0];
    job.op.forward.k = arrays[1];
    job.op.forward.v = arrays[2];
    job.op.forward.out = arrays[3];
    job.op.dout = arrays[4];
    job.op.dq = arrays[5];
    job.op.dk = arrays[6];
    job.op.dv = arrays[7];
    self->attention = rate ((double)batch * operations, attention_forward, &job, error);
    self->attention_back = self->attention > 0 ? rate (2.5 * (double)batch * operations,
                                                       attention_backward, &job, error)
                                               : 0;
    ok = self->attention_back > 0;
  }
  free_floats (backend, owned);
  return ok;
}

/* -- the optimiser -- */

typedef struct {
  CkBackend *backend;
  float *arrays[4];
} AdamJob;

static CkStatus
adam_step (gpointer data)
{
  AdamJob *job = data;
  const CkAdamW settings = {
    .learning_rate = 1e-6, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .step = 1
  };
  return job->backend->training->adamw (job->backend, &settings, 1, ADAM_COUNT, job->arrays[0],
                                        job->arrays[1], job->arrays[2], job->arrays[3]);
}

static gboolean
measure_optimiser (CowSpeed *self, CkBackend *backend, GError **error)
{
  g_autoptr (GPtrArray) owned = g_ptr_array_new ();
  AdamJob job = { .backend = backend };
  gboolean ok = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (job.arrays) && ok; i++)
    ok = (job.arrays[i] = make_floats (backend, ADAM_COUNT, owned, error)) != NULL;
  /* A second moment is never negative. */
  ok = ok && cow_check (backend->training->fill (backend, job.arrays[2], ADAM_COUNT, 1e-4f), error,
                        "measuring this machine");
  self->optimiser = ok ? rate (ADAM_COUNT, adam_step, &job, error) : 0;
  free_floats (backend, owned);
  return self->optimiser > 0;
}

/* -- a whole network -- */

/* Passes of a real network on grey pictures. */
static gboolean
measure_network (CowSpeed *self, CkBackend *backend, const CowRecipe *recipe,
                 const CowPlanInput *input, GError **error)
{
  const CowNetworkOptions options = { .kind = (CowNetworkKind)recipe->kind,
                                      .n_classes = MAX (input->n_classes, 2) };
  const CowPreprocess *p = &recipe->preprocess;
  const int batch = MIN (recipe->batch, WHOLE_BATCH);
  g_autoptr (CowNetwork) network = cow_network_new (backend, &options, error);
  g_autofree float *pixels = g_try_new0 (float, cow_preprocess_size (p) * (gsize)batch);
  g_autofree gint32 *labels = g_new0 (gint32, batch);
  double loss;

  if (!network || (!pixels && !cow_check (CK_NO_MEMORY, error, "measuring this machine")))
    return FALSE;
  /* The first pass allocates; the second is measured. */
  for (guint pass = 0; pass < 2; pass++) {
    const double start = computed_seconds ();
    if (!cow_network_forward (network, pixels, batch, p->height, p->width, TRUE, 0, error))
      return FALSE;
    self->picture_forward = (computed_seconds () - start) / batch;
    if (!cow_network_loss (network, labels, NULL, 0, TRUE, 1, &loss, error))
      return FALSE;
    self->picture = (computed_seconds () - start) / batch;
  }
  return TRUE;
}

gboolean
cow_speed_measure (CowSpeed *self, CkBackend *backend, const CowRecipe *recipe,
                   const CowPlanInput *input, GError **error)
{
  *self = (CowSpeed){ 0 };
  if (!measure_optimiser (self, backend, error))
    return FALSE;
  if (!input->backbone.klass->n_tokens)
    return measure_network (self, backend, recipe, input, error);
  return measure_linear (self, backend, recipe, input, error) &&
         measure_attention (self, backend, recipe, &input->backbone.vit, error);
}
