/* SPDX-License-Identifier: MIT */
/* From Y'CbCr to RGB. */
#ifndef CK_CPU_COLOUR_H
#define CK_CPU_COLOUR_H

#include "kernels/kernels.h"

typedef struct {
  /*
   * n pixels as CkPicture's comment has it. y, u, v [n]: a sample each, of two bytes for CK_P010;
   * rgb [3, n]: planes of bytes. Of the picture only layout and coefficients are looked at. The
   * same bytes at every level.
   */
  void (*yuv_to_rgb) (const CkPicture *picture, int64_t n, const uint8_t *y, const uint8_t *u,
                      const uint8_t *v, uint8_t *rgb);
} CkColourOps;

void ck_colour_init_c (CkColourOps *ops);
void ck_colour_init_avx2 (CkColourOps *ops);
void ck_colour_init_avx512 (CkColourOps *ops);
void ck_colour_init_neon (CkColourOps *ops);

#endif /* CK_CPU_COLOUR_H */
