/* SPDX-License-Identifier: MIT */
/* How linear layers make whole numbers of a row, on all devices. */
#ifndef CK_CODE_RULES_H
#define CK_CODE_RULES_H

#define CK_CODE_BLOCK 64 /* elements that share a scale */

/* The largest code: 64 products of two such stay within 32 bits, 8 bits are full, or they are
 * narrow codes. */
#define CK_CODE_MAX_16     5792
#define CK_CODE_MAX_8      127
#define CK_CODE_MAX_NARROW 90

/* Of a block, the largest magnitude over the mean of all from which on it is an outlier. A block of
 * normally distributed numbers has 4 times its mean magnitude as the largest, one behind a GELU 10
 * times. */
#define CK_OUTLIER        20
#define CK_OUTLIER_NARROW 11 /* narrow codes leave less to the others */

#define CK_OUTLIERS_MAX 4 /* a block */

#endif /* CK_CODE_RULES_H */
