/* SPDX-License-Identifier: MIT */
/* The whole numbers that 4-bit codes stand for, where weights are multiplied as such. */
#ifndef CK_CODE_UNITS_H
#define CK_CODE_UNITS_H

#include <stdint.h>

/*
 * The value of the whole number 1 where a block's absmax is 1, and the whole numbers of at most
 * `most` for the 16 values in `table`. The values are few and always the same, so what they lose by
 * rounding does not average out: the unit under which they lose least is sought among those which
 * use at least three quarters of the whole numbers. 0, and `table` as it was, for values of which
 * none has a magnitude.
 */
float ck_code_unit (const float code[16], int64_t most, int16_t table[16]);

#endif /* CK_CODE_UNITS_H */
