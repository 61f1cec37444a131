/* SPDX-License-Identifier: MIT */
/*
 * The losses of classification, in double precision by one thread, for there is little of it.
 *
 * Softmax cross entropy. With weights w (all 1 without), label l and smoothing s, a picture's loss
 * is the sum over classes c of -t[c] log p[c] for the target t[c] = (1 - s) w[l] [c = l] + s /
 * classes w[c], and the batch's is their sum over the sum of all w[l]: as torch.nn.CrossEntropyLoss
 * defines it.
 *
 * Binary cross entropy: kernels/training.h says what it is. With log (1 - p) = log p - x for a
 * logit x, an element's loss is (1 - t) x - (1 + (w - 1) t) log p, which no logit makes infinite.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <math.h>

/* ---- softmax cross entropy ------------------------------------------------------------------- */

typedef struct {
  int64_t classes;
  const float *weights; /* or NULL */
  double smoothing;
} Target;

static double
target_at (const Target *target, int32_t label, int64_t c)
{
  const double weight = target->weights != NULL ? target->weights[c] : 1;
  return weight *
         (target->smoothing / (double)target->classes + (c == label ? 1 - target->smoothing : 0));
}

/* One picture's loss; with dlogits not NULL also its gradient, times `factor`. */
static double
picture_loss (const Target *target, int32_t label, const float *logits, double factor,
              float *dlogits)
{
  double max = -INFINITY, sum = 0, loss = 0, total = 0;

  for (int64_t c = 0; c < target->classes; c++)
    max = fmax (max, logits[c]);
  for (int64_t c = 0; c < target->classes; c++)
    sum += exp (logits[c] - max);
  for (int64_t c = 0; c < target->classes; c++) {
    const double t = target_at (target, label, c);

    total += t;
    loss -= t != 0 ? t * (logits[c] - max - log (sum)) : 0;
  }
  for (int64_t c = 0; c < target->classes && dlogits != NULL; c++)
    dlogits[c] =
        (float)(factor * (total * exp (logits[c] - max) / sum - target_at (target, label, c)));
  return loss;
}

/* The sum of the labels' weights; CK_BAD_SHAPE where a label is no class. */
static CkStatus
sum_weights (const CkCrossEntropy *op, double *weight)
{
  *weight = 0;
  for (int64_t b = 0; b < op->batch; b++) {
    if (op->labels[b] < 0 || op->labels[b] >= op->classes)
      return CK_BAD_SHAPE;
    *weight += op->class_weights != NULL ? op->class_weights[op->labels[b]] : 1;
  }
  return CK_OK;
}

CkStatus
ck_cpu_cross_entropy (CkStream *self, const CkCrossEntropy *op)
{
  const Target target = { op->classes, op->class_weights, op->smoothing };
  CkCpuStream *cpu = (CkCpuStream *)self;
  CkStatus status = ck_check_cross_entropy (op);
  double sum = 0, weight;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  status = sum_weights (op, &weight);
  if (status != CK_OK)
    return ck_cpu_finish (cpu, status);
  /* A batch whose labels weigh nothing teaches nothing. */
  weight = weight > 0 ? 1 / weight : 0;
  for (int64_t b = 0; b < op->batch; b++)
    sum += picture_loss (&target, op->labels[b], op->logits + b * op->classes, op->factor * weight,
                         op->dlogits != NULL ? op->dlogits + b * op->classes : NULL);
  *op->loss = sum * weight;
  return CK_OK;
}

/* ---- binary cross entropy -------------------------------------------------------------------- */

/* The loss of one class of a picture; *gradient is its derivative. */
static double
class_loss (double logit, double target, double weight, double *gradient)
{
  const double small = exp (-fabs (logit)); /* never above 1 */
  const double log_p = fmin (logit, 0) - log1p (small);
  const double p = (logit >= 0 ? 1 : small) / (1 + small), scale = 1 + (weight - 1) * target;

  *gradient = 1 - target - scale * (1 - p);
  return (1 - target) * logit - scale * log_p;
}

CkStatus
ck_cpu_binary_cross_entropy (CkStream *self, const CkBinaryCrossEntropy *op)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_binary_cross_entropy (op);
  const int64_t n = op->batch * op->classes;
  double sum = 0;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  for (int64_t i = 0; i < n; i++) {
    const double weight = op->positive_weights != NULL ? op->positive_weights[i % op->classes] : 1;
    double gradient;

    sum += class_loss (op->logits[i], op->targets[i], weight, &gradient);
    if (op->dlogits != NULL)
      op->dlogits[i] = (float)(op->factor * gradient / (double)n);
  }
  *op->loss = sum / (double)n;
  return CK_OK;
}
