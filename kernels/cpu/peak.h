/* SPDX-License-Identifier: MIT */
/*
 * Loops that do nothing but multiply-adds with operands in registers: the most that a set of
 * instructions reaches on this processor, by which products are judged. A set that multiplies a
 * type of numbers by instructions of its own has a loop of these.
 */
#ifndef CK_CPU_PEAK_H
#define CK_CPU_PEAK_H

#include "kernels/kernels.h"

typedef struct {
  /* The result means nothing, but has to be computed. */
  float (*run) (int64_t rounds);
  int operations; /* of a round; a multiply-add counts as two */
} CkPeakLoop;

typedef struct {
  CkPeakLoop loops[CK_NF4 + 1]; /* by the CkType of the factors; run is NULL where there is none */
} CkPeakOps;

void ck_peak_init_c (CkPeakOps *ops);
void ck_peak_init_avx2 (CkPeakOps *ops);
void ck_peak_init_avx512 (CkPeakOps *ops);
void ck_peak_init_neon (CkPeakOps *ops);

#endif /* CK_CPU_PEAK_H */
