/* SPDX-License-Identifier: MIT */
/*
 * Convolution by oneDNN. Activations lie as it likes them already; weights go to and from its own
 * formats, which one pass over them costs.
 *
 * oneDNN has threads of its own, OpenMP's, and shares the gradient of weights among them in a way
 * that depends on how many there are. So each of its primitives is made for one thread, and run in
 * the one that calls it, for one picture, or for gradients of weights for a slice of the batch.
 * OpenMP never starts a thread here: it is linked because oneDNN asks it how many there are to be,
 * which is set for each thread that calls. The team takes slices, and the slices' gradients of
 * weights are added up in their order. Gradients of large weights are also cut by output channels,
 * so that little has to be added.
 *
 * Without memory oneDNN throws exceptions of C++, or goes on with code that is not there, and
 * OpenMP ends the process. So before either is called memory is looked for, several times what they
 * have been seen to take.
 */
#include "kernels/cpu/dnnl-compat.h"
#include "kernels/cpu/convolution.h"
#include "kernels/shapes.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TASKS   32  /* of weight gradients, if the batch has as many pictures */
#define BLOCK   64  /* output channels of a task of weights, if that divides them */
#define AT_ONCE 256 /* floats that are added up together */

/* Bytes: oneDNN 2.6 takes at most 2.2 MB to make a plan and 6 MB when one runs for the first time,
 * where its own matrix products make their code then; 4 KB when it runs again. */
#define TO_MAKE (32 << 20)
#define TO_RUN  CK_DNNL_TO_RUN

/* One direction of one shape, whatever the batch where a task is one picture. */
typedef struct Plan Plan;
struct Plan {
  CkConvolution shape;
  CkConvolutionDirection direction;
  int64_t slice;                /* pictures a task: one, or for TO_WEIGHTS more, the last fewer */
  int64_t block, n_blocks;      /* output channels a task: all, or for TO_WEIGHTS a part */
  int64_t out_area;             /* pixels of an output picture */
  dnnl_primitive_t whole, rest; /* for a slice, and for a last one with fewer pictures or NULL */
  dnnl_primitive_t reorder;     /* of weights, NULL where torch's format is oneDNN's choice: for
                               TO_WEIGHTS of a block to it, else of a part from it */
  int64_t part, n_parts;        /* output channels that a task reorders from torch's format: a part
                               where the formats can be cut, or all */
  int64_t part_plain, part_floats; /* from a part to the next in torch's format, and in oneDNN's */
  int64_t weight_floats;           /* of a block in oneDNN's format */
  int64_t plain_floats;            /* of a block in torch's */
  int64_t scratch_floats;          /* that oneDNN wants for a slice */
  atomic_bool has_run;
  Plan *next;
};

struct CkConvolutions {
  dnnl_engine_t engine;
  dnnl_primitive_attr_t attributes;
  Plan *plans;
};

/* A tensor that a primitive works on. */
typedef struct {
  int argument;
  dnnl_query_t query; /* for its description */
  const float *data;
} Tensor;

/* One call. */
typedef struct {
  const CkConvolutions *all;
  Plan *plan;
  int64_t batch, n_slices;
  const float *x, *y;   /* inputs, or where the outputs go; y also is dy */
  const float *weights; /* in oneDNN's format */
  const float *plain;   /* and in torch's */
  float *dweight;       /* for TO_WEIGHTS, in torch's */
  float *memory;  /* the weights that this call reordered, or for TO_WEIGHTS gradients [n_slices,
                     n_blocks, weight_floats] */
  float *buffers; /* buffer_floats a thread: oneDNN's scratch, then a block of dy or of weights */
  int64_t buffer_floats;
} Job;

static int64_t
round_up (int64_t n)
{
  return (n + 15) / 16 * 16;
}

/* ---- memory for oneDNN ----------------------------------------------------------------------- */

/* Whether there is so much. Nothing keeps it from others, but they would have to be quick. */
static bool
has_memory_to_make (void)
{
  void *memory = mmap (NULL, TO_MAKE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    return false;
  munmap (memory, TO_MAKE);
  return true;
}

/* What is freed stays with this thread, which soon asks for it again. */
static bool
has_memory_to_run (void)
{
  void *volatile memory = malloc (TO_RUN); /* volatile: else the pair is left out */

  free (memory);
  return memory != NULL;
}

/* ---- what oneDNN makes ready ----------------------------------------------------------------- */

static void
plan_free (Plan *plan)
{
  dnnl_primitive_destroy (plan->whole);
  dnnl_primitive_destroy (plan->rest);
  dnnl_primitive_destroy (plan->reorder);
  free (plan);
}

void
ck_convolutions_free (CkConvolutions *all)
{
  if (all == NULL)
    return;
  for (Plan *plan = all->plans, *next; plan != NULL; plan = next) {
    next = plan->next;
    plan_free (plan);
  }
  dnnl_primitive_attr_destroy (all->attributes);
  dnnl_engine_destroy (all->engine);
  free (all);
}

/* The stream's, made when it is first asked for; NULL when it cannot be. */
static CkConvolutions *
convolutions_of (CkCpuStream *cpu)
{
  CkConvolutions *all = cpu->convolutions;

  if (all != NULL)
    return all;
  all = has_memory_to_make () ? calloc (1, sizeof *all) : NULL;
  if (all == NULL)
    return NULL;
  if (dnnl_engine_create (&all->engine, dnnl_cpu, 0) != dnnl_success ||
      dnnl_primitive_attr_create (&all->attributes) != dnnl_success ||
      dnnl_primitive_attr_set_scratchpad_mode (all->attributes, dnnl_scratchpad_mode_user) !=
          dnnl_success) {
    ck_convolutions_free (all);
    return NULL;
  }
  return cpu->convolutions = all;
}

static CkDnnlDesc
desc_of (const_dnnl_primitive_t primitive, dnnl_query_t query)
{
  const_dnnl_primitive_desc_t desc = NULL;

  dnnl_primitive_get_primitive_desc (primitive, &desc);
  return dnnl_primitive_desc_query_md (desc, query, 0);
}

static CkDnnlDesc
weight_desc (const Plan *plan)
{
  return desc_of (plan->whole, plan->direction == CK_CONVOLUTION_TO_WEIGHTS
                                   ? dnnl_query_diff_weights_md
                                   : dnnl_query_weights_md);
}

/* oneDNN wants to see the forward convolution before it makes a backward one. */
static dnnl_status_t
describe (const CkConvolutions *all, const Plan *plan, CkDnnlDesc x, CkDnnlDesc weight,
          CkDnnlDesc y, dnnl_primitive_desc_t *desc)
{
  const CkConvolution *c = &plan->shape;
  CkDnnlConvolution made = { .direction = CK_CONVOLUTION_FORWARD,
                             .strides = { c->stride, c->stride },
                             .padding = { c->padding, c->padding },
                             .attributes = all->attributes };
  dnnl_primitive_desc_t forward = NULL;
  dnnl_status_t status = ck_dnnl_convolution (&forward, all->engine, &made, x, weight, y);

  if (status != dnnl_success || plan->direction == CK_CONVOLUTION_FORWARD) {
    *desc = forward;
    return status;
  }
  made.direction = plan->direction;
  made.hint = forward;
  status = ck_dnnl_convolution (desc, all->engine, &made, x, weight, y);
  dnnl_primitive_desc_destroy (forward);
  return status;
}

/* The convolution of so many pictures; `weight` NULL: oneDNN chooses their format. */
static dnnl_status_t
create_convolution (const CkConvolutions *all, const Plan *plan, int64_t pictures,
                    CkDnnlDesc weight, dnnl_primitive_t *primitive)
{
  const CkConvolution *c = &plan->shape;
  const dnnl_dims_t x_dims = { pictures, c->in, c->height, c->width },
                    weight_dims = { plan->block, c->in, c->kernel, c->kernel };
  const dnnl_dims_t y_dims = { pictures, plan->block, ck_convolution_out (c, c->height),
                               ck_convolution_out (c, c->width) };
  dnnl_primitive_desc_t desc = NULL;
  dnnl_memory_desc_t x, y, any;
  dnnl_status_t status = ck_dnnl_desc_init (&x, x_dims, dnnl_nhwc);

  if (status != dnnl_success)
    return status;
  status = ck_dnnl_desc_init (&y, y_dims, dnnl_nhwc);
  if (status == dnnl_success) {
    status = ck_dnnl_desc_init (&any, weight_dims, dnnl_format_tag_any);
    if (status == dnnl_success) {
      status = describe (all, plan, CK_DNNL_DESC (x), weight != NULL ? weight : CK_DNNL_DESC (any),
                         CK_DNNL_DESC (y), &desc);
      ck_dnnl_desc_clear (&any);
    }
    ck_dnnl_desc_clear (&y);
  }
  ck_dnnl_desc_clear (&x);
  if (status == dnnl_success)
    status = dnnl_primitive_create (primitive, desc);
  dnnl_primitive_desc_destroy (desc);
  return status;
}

static dnnl_status_t
create_reorder_of (const CkConvolutions *all, CkDnnlDesc from, CkDnnlDesc to,
                   dnnl_primitive_t *reorder)
{
  dnnl_primitive_desc_t desc = NULL;
  dnnl_status_t status =
      dnnl_reorder_primitive_desc_create (&desc, from, all->engine, to, all->engine, NULL);

  if (status == dnnl_success)
    status = dnnl_primitive_create (reorder, desc);
  dnnl_primitive_desc_destroy (desc);
  return status;
}

/* The first BLOCK output channels of weights, and how far it is to the next ones. */
static dnnl_status_t
describe_part (const CkConvolution *c, CkDnnlDesc whole, dnnl_memory_desc_t *part,
               int64_t *distance)
{
  const dnnl_dims_t dims = { BLOCK, c->in, c->kernel, c->kernel }, none = { 0 }, second = { BLOCK };
  dnnl_memory_desc_t next;
  dnnl_dim_t start = 0, offset = 0;
  dnnl_status_t status = ck_dnnl_desc_part (&next, whole, dims, second, &offset);

  if (status != dnnl_success)
    return status;
  ck_dnnl_desc_clear (&next);
  *distance = offset;
  return ck_dnnl_desc_part (part, whole, dims, none, &start);
}

/* A reorder of a part of the output channels for all parts, which lie at equal distances. */
static dnnl_status_t
create_reorder_of_parts (const CkConvolutions *all, CkDnnlDesc from, CkDnnlDesc to, Plan *plan)
{
  dnnl_memory_desc_t part_from, part_to;
  dnnl_status_t status = describe_part (&plan->shape, from, &part_from, &plan->part_plain);

  if (status != dnnl_success)
    return status;
  status = describe_part (&plan->shape, to, &part_to, &plan->part_floats);
  if (status == dnnl_success) {
    status =
        create_reorder_of (all, CK_DNNL_DESC (part_from), CK_DNNL_DESC (part_to), &plan->reorder);
    ck_dnnl_desc_clear (&part_to);
  }
  ck_dnnl_desc_clear (&part_from);
  return status;
}

/* Between torch's format of weights and the plan's, unless they are one. */
static dnnl_status_t
create_reorder (const CkConvolutions *all, Plan *plan)
{
  const CkConvolution *c = &plan->shape;
  const dnnl_dims_t dims = { plan->block, c->in, c->kernel, c->kernel };
  const CkDnnlDesc theirs = weight_desc (plan);
  dnnl_memory_desc_t plain;
  dnnl_status_t status = ck_dnnl_desc_init (&plain, dims, dnnl_oihw);

  if (status != dnnl_success)
    return status;
  plan->part = c->out;
  plan->n_parts = 1;
  if (dnnl_memory_desc_equal (theirs, CK_DNNL_DESC (plain)))
    ;
  else if (plan->direction == CK_CONVOLUTION_TO_WEIGHTS)
    status = create_reorder_of (all, theirs, CK_DNNL_DESC (plain), &plan->reorder);
  else if (c->out > BLOCK && c->out % BLOCK == 0 &&
           create_reorder_of_parts (all, CK_DNNL_DESC (plain), theirs, plan) == dnnl_success) {
    plan->part = BLOCK;
    plan->n_parts = c->out / BLOCK;
  } else
    status = create_reorder_of (all, CK_DNNL_DESC (plain), theirs, &plan->reorder);
  ck_dnnl_desc_clear (&plain);
  return status;
}

static int64_t
floats_of (CkDnnlDesc desc)
{
  return (int64_t)((dnnl_memory_desc_get_size (desc) + sizeof (float) - 1) / sizeof (float));
}

/* By the shape alone, so that results do not depend on the team; and for what is a picture's own by
 * the picture, so that it does not depend on the batch, by which oneDNN may choose its way. */
static void
cut (Plan *plan)
{
  const CkConvolution *c = &plan->shape;

  plan->out_area = ck_convolution_out (c, c->height) * ck_convolution_out (c, c->width);
  plan->block =
      plan->direction == CK_CONVOLUTION_TO_WEIGHTS && c->out % BLOCK == 0 ? BLOCK : c->out;
  plan->n_blocks = c->out / plan->block;
  plan->plain_floats = plan->block * c->in * c->kernel * c->kernel;
  plan->slice = plan->direction == CK_CONVOLUTION_TO_WEIGHTS
                    ? ck_ceil_div (c->batch, ck_max (TASKS / plan->n_blocks, 1))
                    : 1;
}

static dnnl_status_t
prepare (const CkConvolutions *all, Plan *plan)
{
  const int64_t rest = plan->shape.batch % plan->slice;
  dnnl_status_t status = create_convolution (all, plan, plan->slice, NULL, &plan->whole);
  if (status == dnnl_success && rest > 0)
    status = create_convolution (all, plan, rest, weight_desc (plan), &plan->rest);
  if (status != dnnl_success)
    return status;
  plan->weight_floats = round_up (floats_of (weight_desc (plan)));
  plan->scratch_floats = floats_of (desc_of (plan->whole, dnnl_query_scratchpad_md));
  if (rest > 0)
    plan->scratch_floats =
        ck_max (plan->scratch_floats, floats_of (desc_of (plan->rest, dnnl_query_scratchpad_md)));
  plan->scratch_floats = round_up (plan->scratch_floats);
  return create_reorder (all, plan);
}

static CkStatus
make_plan (const CkConvolutions *all, Plan *plan)
{
  const int omp_threads = omp_get_max_threads ();
  dnnl_status_t status;

  if (!has_memory_to_make ())
    return CK_NO_MEMORY;
  cut (plan);
  /* oneDNN makes primitives for as many threads as OpenMP would use now. */
  omp_set_num_threads (1);
  status = prepare (all, plan);
  omp_set_num_threads (omp_threads);
  return ck_status_from_dnnl (status);
}

/* The plan of a shape and direction, made when it first comes. */
static CkStatus
find_plan (CkConvolutions *all, const CkConvolution *wanted, CkConvolutionDirection direction,
           Plan **found)
{
  CkConvolution shape = *wanted;
  CkStatus status;
  Plan *plan = all->plans;

  if (direction != CK_CONVOLUTION_TO_WEIGHTS)
    shape.batch = 1;
  while (plan != NULL &&
         (plan->direction != direction || memcmp (&plan->shape, &shape, sizeof shape) != 0))
    plan = plan->next;
  *found = plan;
  if (plan != NULL)
    return CK_OK;
  plan = calloc (1, sizeof *plan);
  if (plan == NULL)
    return CK_NO_MEMORY;
  plan->shape = shape;
  plan->direction = direction;
  status = make_plan (all, plan);
  if (status != CK_OK) {
    plan_free (plan);
    return status;
  }
  plan->next = all->plans;
  all->plans = plan;
  *found = plan;
  return CK_OK;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* In the calling thread alone, whichever of the team's it is: what OpenMP would use is each
 * thread's own setting. */
static CkStatus
execute (const Job *job, const_dnnl_primitive_t primitive, int n, const Tensor *tensors)
{
  const CkConvolutions *all = job->all;
  const int omp_threads = omp_get_max_threads ();
  dnnl_exec_arg_t arguments[4] = { { 0 } };
  dnnl_stream_t stream = NULL;
  dnnl_status_t status;

  if (!has_memory_to_run () || (!atomic_load (&job->plan->has_run) && !has_memory_to_make ()))
    return CK_NO_MEMORY;
  omp_set_num_threads (1);
  status = dnnl_stream_create (&stream, all->engine, dnnl_stream_default_flags);
  for (int i = 0; i < n && status == dnnl_success; i++) {
    arguments[i].arg = tensors[i].argument;
    status = dnnl_memory_create (&arguments[i].memory, desc_of (primitive, tensors[i].query),
                                 all->engine, (void *)tensors[i].data);
  }
  if (status == dnnl_success)
    status = dnnl_primitive_execute (primitive, stream, n, arguments);
  if (status == dnnl_success)
    status = dnnl_stream_wait (stream);
  for (int i = 0; i < n; i++)
    dnnl_memory_destroy (arguments[i].memory);
  dnnl_stream_destroy (stream);
  omp_set_num_threads (omp_threads);
  return ck_status_from_dnnl (status);
}

/* A block's or a part's weights between torch's format and oneDNN's. */
static CkStatus
reorder (const Job *job, const float *from, float *to)
{
  const Tensor tensors[] = { { DNNL_ARG_FROM, dnnl_query_src_md, from },
                             { DNNL_ARG_TO, dnnl_query_dst_md, to } };
  return execute (job, job->plan->reorder, 2, tensors);
}

/* Output channels [first, first + block) of rows of dy. */
static void
take_block (const Plan *plan, int64_t first, int64_t rows, const float *dy, float *block)
{
  for (int64_t row = 0; row < rows; row++)
    memcpy (block + row * plan->block, dy + row * plan->shape.out + first,
            (size_t)plan->block * sizeof (float));
}

static CkStatus
reorder_part (const void *data, int64_t part, int member)
{
  const Job *job = data;

  return reorder (job, job->plain + part * job->plan->part_plain,
                  job->memory + part * job->plan->part_floats);
}

static CkStatus
run_task (const void *data, int64_t task, int member)
{
  static const Tensor kinds[][3] = {
    [CK_CONVOLUTION_FORWARD] = { { DNNL_ARG_SRC, dnnl_query_src_md, NULL },
                                 { DNNL_ARG_WEIGHTS, dnnl_query_weights_md, NULL },
                                 { DNNL_ARG_DST, dnnl_query_dst_md, NULL } },
    [CK_CONVOLUTION_TO_INPUT] = { { DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, NULL },
                                  { DNNL_ARG_WEIGHTS, dnnl_query_weights_md, NULL },
                                  { DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, NULL } },
    [CK_CONVOLUTION_TO_WEIGHTS] = { { DNNL_ARG_SRC, dnnl_query_src_md, NULL },
                                    { DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, NULL },
                                    { DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, NULL } },
  };
  const Job *job = data;
  const Plan *plan = job->plan;
  const CkConvolution *c = &plan->shape;
  float *buffer = job->buffers + member * job->buffer_floats;
  const int64_t block = task % plan->n_blocks, first = task / plan->n_blocks * plan->slice;
  const int64_t pictures = ck_min (plan->slice, job->batch - first);
  const float *y = job->y + first * plan->out_area * c->out;
  Tensor tensors[4];

  if (plan->n_blocks > 1) {
    take_block (plan, block * plan->block, pictures * plan->out_area, y,
                buffer + plan->scratch_floats);
    y = buffer + plan->scratch_floats;
  }
  memcpy (tensors, kinds[plan->direction], sizeof kinds[0]);
  tensors[0].data = job->x + first * c->height * c->width * c->in;
  tensors[1].data = plan->direction == CK_CONVOLUTION_TO_WEIGHTS
                        ? job->memory + task * plan->weight_floats
                        : job->weights;
  tensors[2].data = y;
  tensors[3] = (Tensor){ DNNL_ARG_SCRATCHPAD, dnnl_query_scratchpad_md, buffer };
  return execute (job, pictures < plan->slice ? plan->rest : plan->whole, 4, tensors);
}

/* dweight += the sum of a block's gradients over the slices. */
static CkStatus
add_block (const void *data, int64_t block, int member)
{
  const Job *job = data;
  const Plan *plan = job->plan;
  float *plain = job->buffers + member * job->buffer_floats;
  float *sum = job->memory + block * plan->weight_floats;
  CkStatus status = CK_OK;

  for (int64_t first = 0; first < plan->weight_floats; first += AT_ONCE) {
    const int64_t n = ck_min (AT_ONCE, plan->weight_floats - first);

    for (int64_t slice = 1; slice < job->n_slices; slice++) {
      const float *term = sum + slice * plan->n_blocks * plan->weight_floats + first;
#pragma omp simd
      for (int64_t i = 0; i < n; i++)
        sum[first + i] += term[i];
    }
  }
  if (plan->reorder != NULL)
    status = reorder (job, sum, plain);
  else
    plain = sum;
#pragma omp simd
  for (int64_t i = 0; i < (status == CK_OK ? plan->plain_floats : 0); i++)
    job->dweight[block * plan->plain_floats + i] += plain[i];
  return status;
}

/* Memory for the call: weights or sums, then each thread's buffer. */
static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  const Plan *plan = job->plan;
  const bool to_weights = plan->direction == CK_CONVOLUTION_TO_WEIGHTS;
  const int64_t tensors = to_weights              ? job->n_slices * plan->n_blocks
                          : plan->reorder != NULL ? 1
                                                  : 0;
  size_t shared, threads;

  job->buffer_floats =
      plan->scratch_floats + (plan->n_blocks > 1 ? plan->slice * plan->out_area * plan->block : 0);
  job->buffer_floats = round_up (ck_max (job->buffer_floats, to_weights ? plan->plain_floats : 0));
  if (!ck_size_product (tensors, plan->weight_floats, sizeof (float), &shared) ||
      !ck_size_product (job->buffer_floats, cpu->threads, sizeof (float), &threads))
    return CK_NO_MEMORY;
  job->memory = ck_scratch_get (&cpu->planes, shared + threads + 1);
  if (job->memory == NULL)
    return CK_NO_MEMORY;
  job->buffers = job->memory + tensors * plan->weight_floats;
  return CK_OK;
}

static CkStatus
convolve (CkCpuStream *cpu, const CkConvolution *shape, CkConvolutionDirection direction,
          const float *x, const float *weight, const float *y, float *dweight)
{
  Job job = { .all = convolutions_of (cpu),
              .x = x,
              .y = y,
              .weights = weight,
              .plain = weight,
              .dweight = dweight,
              .batch = shape->batch };
  CkStatus status;

  if (job.all == NULL)
    return CK_NO_MEMORY;
  status = find_plan (cpu->convolutions, shape, direction, &job.plan);
  if (status == CK_OK) {
    job.n_slices = ck_ceil_div (job.batch, job.plan->slice);
    status = reserve (&job, cpu);
  }
  if (status == CK_OK && dweight == NULL && job.plan->reorder != NULL) {
    status = ck_team_run (cpu->threads, job.plan->n_parts, reorder_part, &job);
    job.weights = job.memory;
  }
  if (status == CK_OK)
    status = ck_team_run (cpu->threads, job.n_slices * job.plan->n_blocks, run_task, &job);
  if (status == CK_OK && dweight != NULL)
    status = ck_team_run (cpu->threads, job.plan->n_blocks, add_block, &job);
  if (status == CK_OK)
    atomic_store (&job.plan->has_run, true);
  return status;
}

static CkStatus
forward (CkCpuStream *cpu, const CkConvolution *shape, const float *x, const float *weight,
         float *y)
{
  return convolve (cpu, shape, CK_CONVOLUTION_FORWARD, x, weight, y, NULL);
}

static CkStatus
backward (CkCpuStream *cpu, const CkConvolution *shape, const float *x, const float *weight,
          const float *dy, float *dx, float *dweight)
{
  CkStatus status = CK_OK;

  if (dx != NULL)
    status = convolve (cpu, shape, CK_CONVOLUTION_TO_INPUT, dx, weight, dy, NULL);
  if (status == CK_OK && dweight != NULL)
    status = convolve (cpu, shape, CK_CONVOLUTION_TO_WEIGHTS, x, NULL, dy, dweight);
  return status;
}

const CkConvolutionOps ck_convolution_dnnl = { forward, backward };
