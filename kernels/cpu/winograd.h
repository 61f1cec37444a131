/* SPDX-License-Identifier: MIT */
/*
 * The transforms of Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin & Gray, 2016), for one tile
 * with all its channels:
 *
 *   y  = A^T ((G w G^T) (B^T d B)) A        dw = G^T ((A dy A^T) (B^T d B)) G
 *
 * d: 4 x 4 pixels of the input, y: 2 x 2 of the output; what is between the transforms is a product
 * at each of 4 x 4 places. Pixels are pointers to their channels, since those beyond the border
 * lie elsewhere. One row of places is made at a time; `stride`: floats from a place to the next.
 */
#ifndef CK_CPU_WINOGRAD_H
#define CK_CPU_WINOGRAD_H

#include <stdint.h>

#define CK_WINOGRAD_STEP 2 /* output pixels a side */
#define CK_WINOGRAD_SIDE 4 /* places and input pixels a side */

typedef struct {
  /* A row of B^T d B; `pixels` [4, 4]. */
  void (*input) (int row, int64_t channels, const float *const *pixels, float *places,
                 int64_t stride);
  /* A^T m A; `pixels` [2, 2]. */
  void (*output) (int64_t channels, const float *places, int64_t stride, float *const *pixels);
  /* A row of A dy A^T; `pixels` [2, 2]. */
  void (*gradient) (int row, int64_t channels, const float *const *pixels, float *places,
                    int64_t stride);
} CkWinogradOps;

void ck_winograd_init_avx2 (CkWinogradOps *ops);
void ck_winograd_init_avx512 (CkWinogradOps *ops);
void ck_winograd_init_neon (CkWinogradOps *ops);

#endif /* CK_CPU_WINOGRAD_H */
