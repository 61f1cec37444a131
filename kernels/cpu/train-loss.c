/* SPDX-License-Identifier: MIT */
/*
 * Softmax cross entropy. With weights w (all 1 without), label l and smoothing s, a picture's loss
 * is the sum over classes c of -t[c] log p[c] for the target t[c] = (1 - s) w[l] [c = l] + s /
 * classes w[c], and the batch's is their sum over the sum of all w[l]: as torch.nn.CrossEntropyLoss
 * defines it. In double precision by one thread, for there is little of it.
 */
#include "kernels/cpu/train.h"

#include <math.h>

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

CkStatus
ck_cpu_cross_entropy (CkBackend *self, int64_t batch, int64_t classes, const float *logits,
                      const int32_t *labels, const float *class_weights, float smoothing,
                      float factor, double *loss, float *dlogits)
{
  const Target target = { classes, class_weights, smoothing };
  double sum = 0, weight = 0;
  size_t bytes;

  if (batch < 1 || classes < 1 || !ck_size_product (batch, classes, sizeof (float), &bytes) ||
      !(smoothing >= 0 && smoothing <= 1))
    return CK_BAD_SHAPE;
  for (int64_t b = 0; b < batch; b++) {
    if (labels[b] < 0 || labels[b] >= classes)
      return CK_BAD_SHAPE;
    weight += class_weights != NULL ? class_weights[labels[b]] : 1;
  }
  /* A batch whose labels weigh nothing teaches nothing. */
  weight = weight > 0 ? 1 / weight : 0;
  for (int64_t b = 0; b < batch; b++)
    sum += picture_loss (&target, labels[b], logits + b * classes, factor * weight,
                         dlogits != NULL ? dlogits + b * classes : NULL);
  *loss = sum * weight;
  return CK_OK;
}
