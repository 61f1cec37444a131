/* SPDX-License-Identifier: MIT */
/*
 * Everything that a run trains, in four flat arrays on the device: values, gradients and Adam's
 * two moments. Names and shapes say which part is which tensor, so that the optimiser, clipping and
 * checkpoints need to know no network.
 */
#ifndef COW_PARAMETERS_H
#define COW_PARAMETERS_H

#include "model/files/error.h"
#include "model/files/tensor.h"

G_BEGIN_DECLS

typedef struct {
  char *name; /* as the file that it is saved to calls it */
  guint n_dims;
  gint64 dims[4];
  gsize offset, count; /* in floats */
} CowParameter;

typedef struct {
  CkStream *stream; /* borrowed */
  GArray *list;     /* of CowParameter */
  gsize count;      /* floats of all */
  /* [count] each, device memory, after cow_parameters_allocate () */
  float *values, *gradients, *first, *second;
  /* The other array of gradients, which exists from a step's second micro-batch on, and how many
   * micro-batches the step has had. */
  float *earlier;
  guint n_batches;
  /* Where a mean is kept (cow_parameters_keep_mean ()): the sum of the values after each step, each
   * times `decay` for every step since; and the values while the mean stands in their place. */
  float *sum, *kept;
  double decay;
  gboolean shown; /* it does */
  /* Device memory of a step: the gradients' sum of squares, the factor that clips them, and the
   * optimiser's numbers */
  double *squares;
  float *factor;
  CkAdamWStep *step; /* [COW_N_RATES] */
} CowParameters;

/* Which parameters the optimiser treats alike where LoRA+ gives them rates of their own. */
typedef enum {
  COW_RATE_A,          /* lora_A, and matrices that are no adapter's */
  COW_RATE_B,          /* lora_B and vectors: at `ratio` times the rate */
  COW_RATE_B_NO_DECAY, /* biases: likewise, and without weight decay */
  COW_N_RATES
} CowRate;

/* The optimiser's settings, as torch.optim.AdamW has them. */
typedef struct {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  gint64 step; /* from 1 */
  /* LoRA+ (Hayou et al., 2024), with the groups of PEFT's create_loraplus_optimizer (); its group
   * of adapters on embeddings has no member here. 0 or 1: one rate, and decay for all. */
  double ratio;
} CowAdamW;

CowParameters *cow_parameters_new (CkStream *stream);
void cow_parameters_free (CowParameters *self);
/* Registers a tensor and returns its index; before cow_parameters_allocate (). */
guint cow_parameters_add (CowParameters *self, const char *name, guint n_dims, const gint64 *dims);
/* Reserves the arrays; moments and gradients are 0. */
gboolean cow_parameters_allocate (CowParameters *self, GError **error);
const CowParameter *cow_parameters_get (const CowParameters *self, guint i);
float *cow_parameters_value (const CowParameters *self, guint i);
float *cow_parameters_gradient (const CowParameters *self, guint i);
/* Copies a tensor from or to host memory [count]. */
gboolean cow_parameters_set (CowParameters *self, guint i, const float *host, GError **error);
gboolean cow_parameters_read (const CowParameters *self, guint i, float *host, GError **error);

/* Writes n tensors from the first-th on as a safetensors file under their names. */
gboolean cow_parameters_write (const CowParameters *self, guint first, guint n, const char *path,
                               GError **error);

/*
 * Brackets a micro-batch, whose gradients are then computed from 0 and added to those of the step's
 * earlier ones in the order of their index. After cow_parameters_end_batch (), `gradients` is the
 * sum.
 */
gboolean cow_parameters_begin_batch (CowParameters *self, GError **error);
gboolean cow_parameters_end_batch (CowParameters *self, GError **error);
/*
 * Enqueues one AdamW step on the gradients of the micro-batches since the last one; their global
 * norm is clipped to max_norm (0: not at all). A norm that is no finite number changes nothing.
 */
gboolean cow_parameters_step (CowParameters *self, const CowAdamW *settings, double max_norm,
                              GError **error);
/*
 * From now on keeps an exponential moving average (EMA) of the values after each step, of `decay`
 * at least 0 and below 1. cow_parameters_show_mean () puts it in the place of the values: after n
 * steps, at least one, (1 - decay) / (1 - decay^n) of the sum of decay^(n - k) times those after
 * step k, which is Adam's way to begin at no value. cow_parameters_show_values () takes it back;
 * between the two no step is made. Both may be called again, and where no mean is kept.
 */
gboolean cow_parameters_keep_mean (CowParameters *self, double decay, GError **error);
gboolean cow_parameters_show_mean (CowParameters *self, gint64 n, GError **error);
gboolean cow_parameters_show_values (CowParameters *self, GError **error);
/* Waits for the norm of the last step's gradients before clipping. */
gboolean cow_parameters_norm (const CowParameters *self, double *norm, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowParameters, cow_parameters_free)

G_END_DECLS

#endif
