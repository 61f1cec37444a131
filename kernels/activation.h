/* SPDX-License-Identifier: MIT */
/* Activations and their slopes in plain arithmetic, as level "c" defines them; on a GPU with its
 * own erff () and expf (). */
#ifndef CK_ACTIVATION_H
#define CK_ACTIVATION_H

#include <math.h>

#include "kernels/host-device.h"
#include "kernels/kernels.h"

/* activation: a CkActivation */
CK_HOST_DEVICE float
ck_activate (int activation, float t)
{
  switch (activation) {
  case CK_GELU:
    return 0.5f * t * (1 + erff (t * 0.70710678f));
  case CK_SILU:
    return t / (1 + expf (-t));
  case CK_RELU:
    return t < 0 ? 0 : t;
  }
  return t;
}

/* The derivative at x. */
CK_HOST_DEVICE float
ck_activation_slope (int activation, float x)
{
  float sigmoid;

  switch (activation) {
  case CK_GELU: /* Phi (x) + x phi (x), of the normal distribution */
    return 0.5f * (1 + erff (x * 0.70710678f)) + x * 0.39894228f * expf (-0.5f * x * x);
  case CK_SILU:
    sigmoid = 1 / (1 + expf (-x));
    return sigmoid * (1 + x * (1 - sigmoid));
  case CK_RELU:
    return x > 0 ? 1 : 0;
  }
  return 1;
}

#endif /* CK_ACTIVATION_H */
