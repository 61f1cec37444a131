/* SPDX-License-Identifier: MIT */
/*
 * Attention of some queries of one head in whole numbers (quantised.h): its two products are made
 * of codes, everything between and behind them in fp32.
 *
 *  - Queries, rotated and scaled, and keys, rotated, are codes of 16 bits with a scale for each row
 *    and block of 64, as rows of a linear layer are, but that no number is an outlier. They are so
 *    in int8 too: an error of a score is a relative one of its exponential, and networks with
 *    massive activations do not bear scores of 8 bits (kernels/README.md).
 *  - Exponentials and values are codes of 16 or 8 bits in parts of up to CK_PART_KEYS keys. The
 *    largest exponential of a part is the largest code, whatever the other parts have; values have
 *    a scale for each part and column. What all patches see most, class token and registers, would
 *    leave nothing of the others' exponentials: it is a part of its own.
 *  - Sums of exponentials are those of the codes. Exponentials are 2^x by a polynomial that is as
 *    exact as the codes need.
 *  - Where a query or a key is not finite, or so large that a score might not be, all that it
 *    reaches is NaN, and so is a column of values that are not finite.
 *
 * All sums within a part are exact, and whatever is not is made in one order: each level gives the
 * bits of plain C. A row's numbers depend on the keys and their number and on nothing of the other
 * rows.
 */
#ifndef CK_CPU_ATTENTION_CODES_H
#define CK_CPU_ATTENTION_CODES_H

#include "kernels/attention-parts.h"
#include "kernels/cpu/attention-head.h"

/* The larger of two scales; NaN if one of them is. */
static inline float
ck_larger_scale (float a, float b)
{
  return b <= a || a != a ? a : b;
}

/* All NULL in int8 where these features have no such products. */
void ck_attention_codes_init_c (CkAttentionOps *int16, CkAttentionOps *int8);
void ck_attention_codes_init_avx2 (CkAttentionOps *int16, CkAttentionOps *int8);
void ck_attention_codes_init_avx512 (CkAttentionOps *int16, CkAttentionOps *int8);
void ck_attention_codes_init_avx512_vnni (CkAttentionOps *int16, CkAttentionOps *int8);
void ck_attention_codes_init_neon (CkAttentionOps *int16, CkAttentionOps *int8);

#endif /* CK_CPU_ATTENTION_CODES_H */
