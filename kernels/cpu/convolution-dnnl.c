/* SPDX-License-Identifier: MIT */
/*
 * Convolution by oneDNN. Activations lie as it likes them already; weights go to and from its own
 * formats, which one pass over them costs.
 *
 * oneDNN shares the gradient of weights among threads in a way that depends on how many there are.
 * So each of its primitives is made for one thread and for one picture, or for gradients of weights
 * for a slice of the batch. The team takes slices, and the slices' gradients of weights are added
 * up in their order. Gradients of large weights are also cut by output channels, so that little has
 * to be added.
 */
#include "kernels/cpu/dnnl-compat.h"
#include "kernels/cpu/convolution.h"
#include "kernels/shapes.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define TASKS   32  /* of weight gradients, if the batch has as many pictures */
#define BLOCK   64  /* output channels of a task of weight gradients, if that divides them */
#define AT_ONCE 256 /* floats that are added up together */

/* One direction of one shape. */
typedef struct Plan Plan;
struct Plan {
  CkConvolution shape;
  CkConvolutionDirection direction;
  int64_t slice, n_slices;      /* pictures a task: one, or for TO_WEIGHTS more, the last fewer */
  int64_t block, n_blocks;      /* output channels a task: all, or for TO_WEIGHTS a part */
  int64_t out_area;             /* pixels of an output picture */
  dnnl_primitive_t whole, rest; /* for a slice, and for a last one with fewer pictures or NULL */
  dnnl_primitive_t reorder; /* of a block's weights from torch's format, or for TO_WEIGHTS to it;
                               NULL where that is oneDNN's choice */
  int64_t weight_floats;    /* of a block in oneDNN's format */
  int64_t plain_floats;     /* of a block in torch's */
  int64_t scratch_floats;   /* that oneDNN wants for a slice */
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
  const Plan *plan;
  const float *x, *y;   /* inputs, or where the outputs go; y also is dy */
  const float *weights; /* in oneDNN's format */
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
  all = calloc (1, sizeof *all);
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

/* Between torch's format of weights and the plan's, unless they are one. */
static dnnl_status_t
create_reorder (const CkConvolutions *all, Plan *plan)
{
  const CkConvolution *c = &plan->shape;
  const dnnl_dims_t dims = { plan->block, c->in, c->kernel, c->kernel };
  const CkDnnlDesc theirs = weight_desc (plan);
  const bool back = plan->direction == CK_CONVOLUTION_TO_WEIGHTS;
  dnnl_primitive_desc_t desc = NULL;
  dnnl_memory_desc_t plain;
  dnnl_status_t status = ck_dnnl_desc_init (&plain, dims, dnnl_oihw);

  if (status != dnnl_success)
    return status;
  if (!dnnl_memory_desc_equal (theirs, CK_DNNL_DESC (plain))) {
    status = dnnl_reorder_primitive_desc_create (&desc, back ? theirs : CK_DNNL_DESC (plain),
                                                 all->engine, back ? CK_DNNL_DESC (plain) : theirs,
                                                 all->engine, NULL);
    if (status == dnnl_success)
      status = dnnl_primitive_create (&plan->reorder, desc);
    dnnl_primitive_desc_destroy (desc);
  }
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
  plan->n_slices = ck_ceil_div (c->batch, plan->slice);
}

/* oneDNN makes primitives for as many threads as OpenMP would use now: one, but weights that all
 * tasks share may be reordered by all. */
static dnnl_status_t
prepare (const CkConvolutions *all, Plan *plan, int threads)
{
  const int64_t rest = plan->shape.batch % plan->slice;
  dnnl_status_t status;

  omp_set_num_threads (1);
  status = create_convolution (all, plan, plan->slice, NULL, &plan->whole);
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
  if (plan->direction != CK_CONVOLUTION_TO_WEIGHTS)
    omp_set_num_threads (threads);
  return create_reorder (all, plan);
}

/* The plan of a shape and direction, made when it first comes. */
static CkStatus
find_plan (CkConvolutions *all, const CkConvolution *shape, CkConvolutionDirection direction,
           int threads, const Plan **found)
{
  const int omp_threads = omp_get_max_threads ();
  dnnl_status_t status;
  Plan *plan = all->plans;

  while (plan != NULL &&
         (plan->direction != direction || memcmp (&plan->shape, shape, sizeof *shape) != 0))
    plan = plan->next;
  *found = plan;
  if (plan != NULL)
    return CK_OK;
  plan = calloc (1, sizeof *plan);
  if (plan == NULL)
    return CK_NO_MEMORY;
  plan->shape = *shape;
  plan->direction = direction;
  cut (plan);
  status = prepare (all, plan, threads);
  omp_set_num_threads (omp_threads);
  if (status != dnnl_success) {
    plan_free (plan);
    return ck_status_from_dnnl (status);
  }
  plan->next = all->plans;
  all->plans = plan;
  *found = plan;
  return CK_OK;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* In the calling thread, and with oneDNN's threads as they were when the primitive was made. */
static CkStatus
execute (const CkConvolutions *all, const_dnnl_primitive_t primitive, int n, const Tensor *tensors)
{
  dnnl_exec_arg_t arguments[4] = { { 0 } };
  dnnl_stream_t stream = NULL;
  dnnl_status_t status = dnnl_stream_create (&stream, all->engine, dnnl_stream_default_flags);

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
  return ck_status_from_dnnl (status);
}

/* A block's weights between torch's format and oneDNN's. */
static CkStatus
reorder (const CkConvolutions *all, const Plan *plan, const float *from, float *to)
{
  const Tensor tensors[] = { { DNNL_ARG_FROM, dnnl_query_src_md, from },
                             { DNNL_ARG_TO, dnnl_query_dst_md, to } };
  return execute (all, plan->reorder, 2, tensors);
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
run_task (const Job *job, int64_t task, float *buffer)
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
  const Plan *plan = job->plan;
  const CkConvolution *c = &plan->shape;
  const int64_t block = task % plan->n_blocks, first = task / plan->n_blocks * plan->slice;
  const int64_t pictures = ck_min (plan->slice, c->batch - first);
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
  return execute (job->all, pictures < plan->slice ? plan->rest : plan->whole, 4, tensors);
}

/* dweight += the sum of a block's gradients over the slices. */
static CkStatus
add_block (const Job *job, int64_t block, float *plain, float *dweight)
{
  const Plan *plan = job->plan;
  float *sum = job->memory + block * plan->weight_floats;
  CkStatus status = CK_OK;

  for (int64_t first = 0; first < plan->weight_floats; first += AT_ONCE) {
    const int64_t n = ck_min (AT_ONCE, plan->weight_floats - first);

    for (int64_t slice = 1; slice < plan->n_slices; slice++) {
      const float *term = sum + slice * plan->n_blocks * plan->weight_floats + first;
#pragma omp simd
      for (int64_t i = 0; i < n; i++)
        sum[first + i] += term[i];
    }
  }
  if (plan->reorder != NULL)
    status = reorder (job->all, plan, sum, plain);
  else
    plain = sum;
#pragma omp simd
  for (int64_t i = 0; i < (status == CK_OK ? plan->plain_floats : 0); i++)
    dweight[block * plan->plain_floats + i] += plain[i];
  return status;
}

/* All tasks; dweight NULL but for TO_WEIGHTS. */
static CkStatus
run (const Job *job, int threads, float *dweight)
{
  const Plan *plan = job->plan;
  const int omp_threads = omp_get_max_threads ();
  CkStatus result = CK_OK;

  omp_set_num_threads (1); /* a team of one isn't a parallel region to oneDNN */
#pragma omp parallel num_threads(threads)
  {
    float *buffer = job->buffers + omp_get_thread_num () * job->buffer_floats;
    CkStatus status = CK_OK;

#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < plan->n_slices * plan->n_blocks; task++)
      status = ck_worse (status, run_task (job, task, buffer));
    if (dweight != NULL) {
#pragma omp for schedule(dynamic)
      for (int64_t block = 0; block < plan->n_blocks; block++)
        status = ck_worse (status, add_block (job, block, buffer, dweight));
    }
    if (status != CK_OK) {
#pragma omp atomic write
      result = status;
    }
  }
  omp_set_num_threads (omp_threads);
  return result;
}

/* Memory for the call: weights or sums, then each thread's buffer. */
static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  const Plan *plan = job->plan;
  const bool to_weights = plan->direction == CK_CONVOLUTION_TO_WEIGHTS;
  const int64_t tensors = to_weights              ? plan->n_slices * plan->n_blocks
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
  const int omp_threads = omp_get_max_threads ();
  Job job = { .all = convolutions_of (cpu), .x = x, .y = y, .weights = weight };
  CkStatus status;

  if (job.all == NULL)
    return CK_NO_MEMORY;
  status = find_plan (cpu->convolutions, shape, direction, cpu->threads, &job.plan);
  if (status == CK_OK)
    status = reserve (&job, cpu);
  if (status == CK_OK && dweight == NULL && job.plan->reorder != NULL) {
    omp_set_num_threads (cpu->threads);
    status = reorder (job.all, job.plan, weight, job.memory);
    omp_set_num_threads (omp_threads);
    job.weights = job.memory;
  }
  return status == CK_OK ? run (&job, cpu->threads, dweight) : status;
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
