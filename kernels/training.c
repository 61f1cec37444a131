/* SPDX-License-Identifier: MIT */
/* The part of training.h that the host computes. */
#include "kernels/training.h"

#include <math.h>

/* In double precision, as Python does. */
CkAdamWStep
ck_adamw_step (double learning_rate, double beta1, double beta2, double epsilon,
               double weight_decay, int64_t step)
{
  return (CkAdamWStep){
    .one_minus_beta1 = (float)(1 - beta1),
    .beta2 = (float)beta2,
    .one_minus_beta2 = (float)(1 - beta2),
    .second_moment_correction = (float)sqrt (1 - pow (beta2, (double)step)),
    .epsilon = (float)epsilon,
    .decay = (float)(1 - learning_rate * weight_decay),
    .step = (float)(learning_rate / (1 - pow (beta1, (double)step))),
  };
}
