/* SPDX-License-Identifier: MIT */
/* Convolution in plain C (convolution-c.c) and by oneDNN (convolution-dnnl.c). */
#ifndef CK_CPU_CONVOLUTION_H
#define CK_CPU_CONVOLUTION_H

#include "kernels/cpu/cpu-stream.h"

extern const CkConvolutionOps ck_convolution_c, ck_convolution_dnnl, ck_convolution_winograd;

/* Whether the last one of these computes this shape. */
bool ck_winograd_takes (const CkCpuStream *stream, const CkConvolution *shape);
/* Bytes of scratch memory for one that it takes, with `training` backward, too; 0 where they cannot
 * be counted. */
size_t ck_winograd_scratch (const CkCpuStream *stream, const CkConvolution *shape, bool training);

/* Bytes that are looked for before oneDNN is called, for it to take; an odd number, by which tests
 * tell whom they are for. */
#define CK_DNNL_TO_RUN 65521

/* What a stream keeps for oneDNN's. */
void ck_convolutions_free (CkConvolutions *convolutions);

#endif /* CK_CPU_CONVOLUTION_H */
