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
#include "model/network/detector-file.h"

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
        !cow_adapter_start_is_target ((const char *const *)targets, module))
      continue;
    work.adapters += 2 * work.tokens * layers * cow_recipe_whole_rank (recipe) * (double)(in + out);
    if (cow_recipe_kind (recipe)->dora)
      work.norms += 2 * layers * cow_recipe_whole_rank (recipe) * (double)in * (double)out;
  }
  work.linear +=
      2 * work.tokens * hidden * config->n_channels * config->patch_size * config->patch_size;
  work.attention = 4 * work.tokens * work.tokens * hidden * layers;
  return work;
}

/* A forward pass that gives features alone: the last layer computes the class token only, from keys
 * and values of all tokens. */
static Work
count_features (const CowRecipe *recipe, const CowVitConfig *config)
{
  Work work = count_work (recipe, config);
  const double others = work.tokens - 1;

  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (module != COW_K && module != COW_V &&
        cow_vit_config_module (config, module, &out, &in, &bias))
      work.linear -= 2 * others * (double)out * (double)in;
  }
  work.attention -= 4 * others * work.tokens * config->hidden_size;
  return work;
}

static void
plan_transformer (CowPlanTime *self, const CowRecipe *recipe, const CowPlanInput *input,
                  const CowPlan *plan, const CowSpeed *speed)
{
  const Work work = count_work (recipe, &input->backbone.vit);
  const gboolean scratch = !cow_recipe_has_base (recipe);
  const double head = input->detector
                          ? 2 * cow_detector_operations (input->detector, recipe->preprocess.height,
                                                         recipe->preprocess.width)
                          : 0;
  const double forward = work.linear / speed->linear + work.attention / speed->attention +
                         work.adapters / speed->linear;
  /* Attention computes its scores again: five products instead of two. */
  const double back = work.linear / speed->linear_input +
                      2.5 * work.attention / speed->attention_back +
                      (scratch ? work.linear : 2 * work.adapters) / speed->linear_weight;

  const gboolean frozen = cow_kind_reads_tokens (cow_recipe_kind (recipe));

  self->val_picture = BETWEEN * (forward + head / speed->linear);
  self->train_picture = BETWEEN * (forward * (plan->checkpointing ? 2 : 1) + (frozen ? 0 : back) +
                                   3 * head / speed->linear);
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
    const Work work = count_features (recipe, &input->backbone.vit);
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
 * Seconds that this process has computed, divided by the threads of the stream: what a clock on
 * the wall shows where nothing else runs. Others' work on this machine now is no reason to expect
 * it all through a run. A GPU's time is that of the wall.
 */
static double
computed_seconds (CkStream *stream)
{
  const int processors = (int)g_get_num_processors ();
  CkDeviceState state;
  struct timespec time;

  if (ck_device_state (stream->device, &state))
    return 1e-6 * (double)g_get_monotonic_time ();
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return ((double)time.tv_sec + 1e-9 * (double)time.tv_nsec) /
         MIN (stream->device->threads, processors);
}

/* An operation that was enqueued, waited for. */
static CkStatus
wait_for (CkStream *stream, CkStatus enqueued)
{
  return enqueued == CK_OK ? ck_synchronize (stream) : enqueued;
}

/* Seconds of the fastest of some calls, which wait for their work; negative when one fails. */
static double
time_calls (CkStream *stream, CkStatus (*call) (gpointer), gpointer data, GError **error)
{
  double best = -1, sum = 0;

  if (!cow_check (call (data), error, "measuring this machine"))
    return -1;
  for (guint i = 0; i < MOST_CALLS && sum < LEAST_SECONDS; i++) {
    const double start = computed_seconds (stream);
    if (!cow_check (call (data), error, "measuring this machine"))
      return -1;
    const double seconds = MAX (computed_seconds (stream) - start, 1e-7);
    best = best < 0 ? seconds : MIN (best, seconds);
    sum += seconds;
  }
  return best;
}

/* A rate, or 0 with an error. */
static double
rate (CkStream *stream, double operations, CkStatus (*call) (gpointer), gpointer data,
      GError **error)
{
  const double seconds = time_calls (stream, call, data, error);
  return seconds > 0 ? operations / seconds : 0;
}

/* Device memory with numbers that no operation finds special. */
static float *
make_floats (CkStream *stream, gint64 n, GPtrArray *owned, GError **error)
{
  g_autofree float *host = g_try_new (float, n);
  float *device = host ? ck_alloc (stream, (gsize)n * sizeof (float)) : NULL;

  if (!device) {
    cow_check (CK_NO_MEMORY, error, "measuring this machine");
    return NULL;
  }
  g_ptr_array_add (owned, device);
  for (gint64 i = 0; i < n; i++)
    host[i] = (float)((i * 7919) % 1009 - 504) / 1009;
  return cow_check (ck_upload (stream, device, host, (gsize)n * sizeof (float)), error,
                    "measuring this machine")
             ? device
             : NULL;
}

static void
free_floats (CkStream *stream, GPtrArray *owned)
{
  for (guint i = 0; i < owned->len; i++)
    ck_free (stream, owned->pdata[i]);
  g_ptr_array_set_size (owned, 0);
}

/* -- a linear layer -- */

typedef struct {
  CkStream *stream;
  CkWeight *weight;
  gint64 rows, out, in;
  float *x, *y, *dx, *dweight;
} LinearJob;

static CkStatus
linear_forward (gpointer data)
{
  LinearJob *job = data;
  const CkLinear op = {
    .weight = job->weight, .rows = job->rows, .x = ck_f32 (job->x), .y = ck_f32 (job->y)
  };
  return wait_for (job->stream, job->stream->operations->linear (job->stream, &op));
}

static CkStatus
linear_input (gpointer data)
{
  LinearJob *job = data;
  const CkLinearBackward op = {
    .weight = job->weight, .rows = job->rows, .x = job->x, .dy = job->y, .dx = job->dx
  };
  return wait_for (job->stream, job->stream->training->linear_backward (job->stream, &op));
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
  return wait_for (job->stream, job->stream->training->linear_backward (job->stream, &op));
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
  *source = (CkWeightSource){ .type = storage,
                              .out = out,
                              .in = in,
                              .host_data = data,
                              .host_absmax = *absmax,
                              .block = COW_NF4_BLOCK };
  memcpy (source->code, cow_nf4_code, sizeof source->code);
  return data;
}

/* Whether a weight is measured as one that trains: from scratch, and in fp32 without packing. */
static gboolean
is_dense (CkType storage, const CowRecipe *recipe)
{
  return storage == CK_F32 &&
         (!cow_recipe_has_base (recipe) || cow_recipe_precision (recipe) == COW_PRECISION_FP32);
}

/* Such a one lies on the device. */
static gboolean
place_weight (LinearJob *job, CkWeightSource *source, const CowRecipe *recipe, GPtrArray *owned,
              GError **error)
{
  const CkWeightUses uses = (CkWeightUses)(CK_USE_FORWARD | CK_USE_BACKWARD |
                                           cow_precision_uses (cow_recipe_precision (recipe)));
  if (is_dense (source->type, recipe)) {
    source->host_data = NULL;
    if (!(source->parameters = make_floats (job->stream, job->out * job->in, owned, error)))
      return FALSE;
  }
  return cow_check (ck_weight_new (job->stream->device, source, uses, &job->weight), error,
                    "measuring this machine");
}

static gboolean
run_linear (CowSpeed *self, LinearJob *job, gboolean dense, GError **error)
{
  const double operations = 2 * (double)job->rows * (double)job->out * (double)job->in;

  self->linear = rate (job->stream, operations, linear_forward, job, error);
  self->linear_input =
      self->linear > 0 ? rate (job->stream, operations, linear_input, job, error) : 0;
  /* An adapter's products with its own weights are dense, too. */
  self->linear_weight = self->linear_input > 0 && dense
                            ? rate (job->stream, operations, linear_weight, job, error)
                            : self->linear_input;
  return self->linear_weight > 0;
}

static gboolean
measure_linear (CowSpeed *self, CkStream *stream, const CowRecipe *recipe,
                const CowPlanInput *input, GError **error)
{
  const CowVitConfig *config = &input->backbone.vit;
  const double tokens = count_tokens (recipe, config),
               width = (double)config->hidden_size * config->intermediate_size;
  LinearJob job = { .stream = stream, .out = config->intermediate_size, .in = config->hidden_size };
  const gboolean dense = is_dense (input->storage, recipe);
  g_autoptr (GPtrArray) owned = g_ptr_array_new ();
  g_autofree float *absmax = NULL;
  CkWeightSource source;

  job.rows = MAX ((gint64)MIN (recipe->batch * tokens, MOST_OPERATIONS / (2 * width)), 1);
  g_autofree void *data = make_weight (input->storage, job.out, job.in, &source, &absmax);
  gboolean ok = cow_check (data && (absmax || input->storage != CK_NF4) ? CK_OK : CK_NO_MEMORY,
                           error, "measuring this machine") &&
                place_weight (&job, &source, recipe, owned, error) &&
                (job.x = make_floats (stream, job.rows * job.in, owned, error)) &&
                (job.y = make_floats (stream, job.rows * job.out, owned, error)) &&
                (job.dx = make_floats (stream, job.rows * job.in, owned, error)) &&
                (!dense || (job.dweight = make_floats (stream, job.out * job.in, owned, error))) &&
                run_linear (self, &job, dense, error);
  ck_weight_free (stream->device, job.weight);
  free_floats (stream, owned);
  return ok;
}

/* -- attention -- */

typedef struct {
  CkStream *stream;
  CkAttentionBackward op;
} AttentionJob;

static CkStatus
attention_forward (gpointer data)
{
  AttentionJob *job = data;
  return wait_for (job->stream, job->stream->operations->attention (job->stream, &job->op.forward));
}

static CkStatus
attention_backward (gpointer data)
{
  AttentionJob *job = data;
  return wait_for (job->stream, job->stream->training->attention_backward (job->stream, &job->op));
}

static gboolean
measure_attention (CowSpeed *self, CkStream *stream, const CowRecipe *recipe,
                   const CowVitConfig *config, GError **error)
{
  const gint64 tokens = (gint64)count_tokens (recipe, config), hidden = config->hidden_size;
  const double operations = 4 * (double)tokens * (double)tokens * (double)hidden;
  const gint64 batch = CLAMP ((gint64)(MOST_OPERATIONS / operations), 1, recipe->batch);
  g_autoptr (GPtrArray) owned = g_ptr_array_new ();
  float *arrays[8];
  gboolean ok = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (arrays) && ok; i++)
    ok = (arrays[i] = make_floats (stream, batch * tokens * hidden, owned, error)) != NULL;
  if (ok) {
    AttentionJob job = { .stream = stream };
    job.op.forward = (CkAttention){ .batch = batch,
                                    .tokens = tokens,
                                    .heads = config->n_heads,
                                    .head_dim = hidden / config->n_heads };
    job.op.forward.q = arrays[0];
    job.op.forward.k = arrays[1];
    job.op.forward.v = arrays[2];
    job.op.forward.out = ck_f32 (arrays[3]);
    job.op.dout = arrays[4];
    job.op.dq = arrays[5];
    job.op.dk = arrays[6];
    job.op.dv = arrays[7];
    self->attention = rate (stream, (double)batch * operations, attention_forward, &job, error);
    self->attention_back = self->attention > 0 ? rate (stream, 2.5 * (double)batch * operations,
                                                       attention_backward, &job, error)
                                               : 0;
    ok = self->attention_back > 0;
  }
  free_floats (stream, owned);
  return ok;
}

/* -- the optimiser -- */

typedef struct {
  CkStream *stream;
  CkAdamW op;
} AdamJob;

static CkStatus
adam_step (gpointer data)
{
  AdamJob *job = data;
  return wait_for (job->stream, job->stream->training->adamw (job->stream, &job->op));
}

static gboolean
measure_optimiser (CowSpeed *self, CkStream *stream, GError **error)
{
  const CkAdamWStep step = ck_adamw_step (1e-6, .9, .999, 1e-8, 0, 1);
  g_autoptr (GPtrArray) owned = g_ptr_array_new ();
  AdamJob job = { .stream = stream, .op.n = ADAM_COUNT };
  float *numbers = NULL, *arrays[4];
  gboolean ok = TRUE;

  G_STATIC_ASSERT (sizeof step % sizeof (float) == 0);
  for (guint i = 0; i < G_N_ELEMENTS (arrays) && ok; i++)
    ok = (arrays[i] = make_floats (stream, ADAM_COUNT, owned, error)) != NULL;
  /* The step's numbers, and the factor behind them */
  const gsize n_step = sizeof step / sizeof (float);
  ok = ok && (numbers = make_floats (stream, (gint64)n_step + 1, owned, error)) != NULL;
  if (ok) {
    /* A second moment is never negative. */
    CkStatus status = stream->operations->fill (stream, arrays[2], ADAM_COUNT, 1e-4f);
    if (status == CK_OK)
      status = ck_upload (stream, numbers, &step, sizeof step);
    if (status == CK_OK)
      status = stream->operations->fill (stream, numbers + n_step, 1, 1);
    job.op.step = (const CkAdamWStep *)(void *)numbers;
    job.op.factor = numbers + n_step;
    job.op.gradients = arrays[0];
    job.op.first = arrays[1];
    job.op.second = arrays[2];
    job.op.parameters = arrays[3];
    ok = cow_check (status, error, "measuring this machine");
  }
  self->optimiser = ok ? rate (stream, ADAM_COUNT, adam_step, &job, error) : 0;
  free_floats (stream, owned);
  return self->optimiser > 0;
}

/* -- a whole network -- */

/* Passes of a real network on grey pictures. */
static gboolean
measure_network (CowSpeed *self, CkStream *stream, const CowRecipe *recipe,
                 const CowPlanInput *input, GError **error)
{
  const CowNetworkOptions options = { .kind = (CowNetworkKind)recipe->kind,
                                      .n_classes = MAX (input->n_classes, 2) };
  const CowPreprocess *p = &recipe->preprocess;
  const int batch = MIN (recipe->batch, WHOLE_BATCH);
  g_autoptr (CowNetwork) network = cow_network_new (stream, &options, error);
  g_autofree float *pixels = g_try_new0 (float, cow_preprocess_size (p) * (gsize)batch);
  g_autofree gint32 *labels = g_new0 (gint32, batch);
  guint n_passes;

  if (!network || (!pixels && !cow_check (CK_NO_MEMORY, error, "measuring this machine")))
    return FALSE;
  /* The first pass allocates; the second is measured. */
  for (guint pass = 0; pass < 2; pass++) {
    const double start = computed_seconds (stream);
    if (!cow_network_forward (network, pixels, batch, p->height, p->width, TRUE, 0, error) ||
        !cow_check (ck_synchronize (stream), error, "measuring this machine"))
      return FALSE;
    self->picture_forward = (computed_seconds (stream) - start) / batch;
    if (!cow_network_loss (network, labels, NULL, 0, TRUE, 1, error) ||
        !cow_network_read (network, &n_passes, NULL, error))
      return FALSE;
    self->picture = (computed_seconds (stream) - start) / batch;
  }
  return TRUE;
}

gboolean
cow_speed_measure (CowSpeed *self, CkStream *stream, const CowRecipe *recipe,
                   const CowPlanInput *input, GError **error)
{
  *self = (CowSpeed){ 0 };
  if (!measure_optimiser (self, stream, error))
    return FALSE;
  if (!input->backbone.klass->n_tokens)
    return measure_network (self, stream, recipe, input, error);
  return measure_linear (self, stream, recipe, input, error) &&
         measure_attention (self, stream, recipe, &input->backbone.vit, error);
}
