/* SPDX-License-Identifier: MIT */
/* Convolution in plain C (convolution-c.c) and by oneDNN (convolution-dnnl.c). */
#ifndef CK_CPU_CONVOLUTION_H
#define CK_CPU_CONVOLUTION_H

#include "kernels/cpu/cpu-stream.h"

extern const CkConvolutionOps ck_convolution_c, ck_convolution_dnnl;

/* What a stream keeps for oneDNN's. */
void ck_convolutions_free (CkConvolutions *convolutions);

#endif /* CK_CPU_CONVOLUTION_H */
