/* SPDX-License-Identifier: MIT */
/* Weights on the CPU. */
#ifndef CK_CPU_WEIGHT_H
#define CK_CPU_WEIGHT_H

#include "kernels/cpu/cpu-stream.h"

/*
 * Weights for products of whole numbers. 4-bit codes in blocks of 64 stay where they are and are
 * unpacked strip by strip whenever they are used; everything else becomes strips once.
 */
typedef struct {
  CkWeight base;
  void *copy; /* of the source's data where that was not aligned for its type; else NULL */

  const CkQuantisedOps *products; /* NULL: fp32 */
  void *strips;                   /* [strips, blocks, strip groups], or NULL: */
  float *scales;                  /* [strips, blocks, strip]; NULL with the former */
  int16_t table[16];              /* the code of each 4-bit code */
  float unit;                     /* and the value of code 1 in a block whose absmax is 1 */
} CkCpuWeight;

CkStatus ck_cpu_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                            CkWeight **weight);
void ck_cpu_weight_free (CkDevice *device, CkWeight *weight);

/* Column `column` of outputs [first, first + outs) in fp32. */
void ck_weight_dequantise_column (const CkCpuOps *ops, const CkWeight *weight, int64_t column,
                                  int64_t first, int64_t outs, float *out);

/* Elements [first, first + n) of the flattened matrix, in the calling thread; they must exist. */
void ck_weight_dequantise_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first,
                               int64_t n, float *out);

#endif /* CK_CPU_WEIGHT_H */
