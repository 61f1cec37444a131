/* SPDX-License-Identifier: MIT */
/* Convolution in plain C (convolution-c.c) and by oneDNN (convolution-dnnl.c). */
#ifndef CK_CPU_CONVOLUTION_H
#define CK_CPU_CONVOLUTION_H

#include "kernels/cpu/cpu-stream.h"

extern const CkConvolutionOps ck_convolution_c, ck_convolution_dnnl, ck_convolution_winograd;

/* Whether the last one of these computes this shape. */
bool ck_winograd_takes (const CkCpuStream *stream, const CkConvolution *shape);

/* What a stream keeps for oneDNN's. */
void ck_convolutions_free (CkConvolutions *convolutions);

#endif /* CK_CPU_CONVOLUTION_H */
