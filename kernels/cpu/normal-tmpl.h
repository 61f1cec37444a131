/* SPDX-License-Identifier: MIT */
/* The share of a normal distribution below a number, which GELU is made of, over vectors of any
 * width. */
#ifndef CK_CPU_NORMAL_TMPL_H
#define CK_CPU_NORMAL_TMPL_H

#include "kernels/cpu/vectors-tmpl.h"

#ifdef v_lookup
/*
 * The share of a normal distribution below x, for x from -5.5 to 0: a polynomial of the distance to
 * the nearest quarter, whose terms are looked up; minimax in the absolute error, 2e-8. Arithmetic
 * makes it 4e-8.
 */
static inline vf
v_normal_share (vf x)
{
  static const float terms[5][32] = {
    /* of the quarters 0, -1/4, ..., -5.5 */
    { 0.500000000f,    0.401293665f,    0.308537543f,    0.22662735f,     0.158655256f,
      0.105649777f,    0.066807203f,    0.0400591567f,   0.0227501318f,   0.0122244721f,
      0.00620966498f,  0.00297976332f,  0.00134989806f,  0.000577025115f, 0.000232629129f,
      8.84173132e-05f, 3.16712612e-05f, 1.06885363e-05f, 3.39767848e-06f, 1.01708565e-06f,
      2.86652551e-07f, 7.60499645e-08f, 1.89896152e-08f },
    { 0.398942053f,    0.38666746f,     0.352064967f,    0.301137447f,    0.241971031f,
      0.182649538f,    0.129518047f,    0.0862776488f,   0.0539911389f,   0.0317396857f,
      0.0175282508f,   0.00909347739f,  0.00443176413f,  0.00202898216f,  0.000872638542f,
      0.000352569536f, 0.000133816313f, 4.77119065e-05f, 1.59807623e-05f, 5.02829471e-06f,
      1.48626418e-06f, 4.12688877e-07f, 1.07676847e-07f },
    { -1.50928281e-05f, 0.0483331345f,   0.0880157277f,   0.112926036f,    0.120984964f,
      0.114155561f,     0.0971383229f,   0.075492911f,    0.0539912321f,   0.0357073024f,
      0.0219104774f,    0.0125036724f,   0.00664775074f,  0.00329716527f,  0.00152715901f,
      0.000661090657f,  0.000267644064f, 0.000101393103f, 3.59589903e-05f, 1.19431052e-05f,
      3.71599481e-06f,  1.08342329e-06f, 2.97468773e-07f },
    { -0.0668289885f,  -0.0602517612f,  -0.0439187698f,  -0.0219604056f,  -7.84968288e-05f,
      0.0170066841f,   0.0268683918f,   0.0295736939f,   0.026951516f,    0.0214813109f,
      0.0153501853f,   0.0099679539f,   0.00593074365f,  0.00325069646f,  0.00164758763f,
      0.000774318643f, 0.00033813421f,  0.000137420793f, 5.20427602e-05f, 1.83846987e-05f,
      6.06323738e-06f, 1.86812713e-06f, 4.96761345e-07f },
    { -0.00310307299f, -0.0117789963f,  -0.0200866424f,  -0.0228608921f,  -0.0201091748f,
      -0.0136591187f,  -0.00608902099f, 0.000357479992f, 0.00446240604f,  0.00611011405f,
      0.00592001388f,  0.00475070439f,  0.00332689122f,  0.0020831544f,   0.00118214404f,
      0.000613089127f, 0.000292224402f, 0.000128520347f, 5.23071249e-05f, 1.97447825e-05f,
      6.92476215e-06f, 2.25956637e-06f, 9.17014404e-07f },
  };
  /* ends in quarters, whose number so is in its lowest bits */
  const vf quarters = v_sub (v_set (0x1.8p21f), x),
           rest = v_add (x, v_sub (quarters, v_set (0x1.8p21f)));
  vf p = v_lookup (terms[4], quarters);

#  pragma GCC unroll 4
  for (int i = 3; i >= 0; i--)
    p = v_fma (p, rest, v_lookup (terms[i], quarters));
  return p;
}
#else
/*
 * The share of a normal distribution below x, for x from -5.5 to 0: 2 to the power of a polynomial
 * that is fitted to its logarithm, minimax in the absolute error, 2e-8. Arithmetic makes it 9e-8.
 */
static inline vf
v_normal_share (vf x)
{
  vf p = v_fma (v_set (-1.799242e-6f), x, v_set (-2.81549801e-5f));

  p = v_fma (p, x, v_set (-1.38488322e-4f));
  p = v_fma (p, x, v_set (2.38723602e-4f));
  p = v_fma (p, x, v_set (7.17945211e-3f));
  p = v_fma (p, x, v_set (5.2565515e-2f));
  p = v_fma (p, x, v_set (-4.59188432e-1f));
  p = v_fma (p, x, v_set (1.15110731f));
  p = v_fma (p, x, v_set (-9.9999994e-1f));
  return v_exp2_negative (p);
}
#endif

/* -|x|, but not less than where v_normal_share () ends; what is below changes nothing in fp32. */
static inline vf
v_normal_bound (vf x)
{
  return v_max (v_set (-5.5f), v_copy_sign (x, v_set (-1)));
}

#endif /* CK_CPU_NORMAL_TMPL_H */
