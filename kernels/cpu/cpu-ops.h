/* SPDX-License-Identifier: MIT */
/*
 * The inner operations, a small table for each concept. An inner operation runs in the calling
 * thread, on a row or a tile, and is all that a new set of instructions has to write. Each table
 * has a function that fills it in plain C, and one for each set that does some of it better.
 */
#ifndef CK_CPU_OPS_H
#define CK_CPU_OPS_H

#include "kernels/cpu/attention-codes.h"
#include "kernels/cpu/attention-head.h"
#include "kernels/cpu/colour.h"
#include "kernels/cpu/cpu-features.h"
#include "kernels/cpu/dequantise.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/peak.h"
#include "kernels/cpu/quantised.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/training-ops.h"
#include "kernels/cpu/winograd.h"

typedef struct {
  CkGemmOps products;
  CkQuantisedOps int16, int8; /* all NULL where these features have no instructions for it */
  CkDequantiseOps dequantise;
  CkRowOps rows;
  CkAttentionOps attention;
  CkAttentionOps attention_int16, attention_int8; /* as int16, int8 */
  CkColourOps colour;
  CkTrainingOps training;
  CkWinogradOps winograd; /* NULL in plain C, which computes convolutions as they are defined */
  CkPeakOps peak;
} CkCpuOps;

/* Those that multiply CK_I16 or CK_I8. */
static inline const CkQuantisedOps *
ck_cpu_products (const CkCpuOps *ops, CkType type)
{
  return type == CK_I16 ? &ops->int16 : &ops->int8;
}

/* The best of these features. */
void ck_cpu_ops_init (CkCpuOps *ops, CkCpuFeatures features);

#endif /* CK_CPU_OPS_H */
