/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/cpu-ops.h"

/* Each of these overwrites what it does better. */
void
ck_cpu_ops_init (CkCpuOps *ops, CkCpuFeatures features)
{
  ck_gemm_init_c (&ops->products);
  ck_quantised_init_c (&ops->int16, &ops->int8);
  ck_dequantise_init_c (&ops->dequantise);
  ck_row_init_c (&ops->rows);
  ck_attention_init_c (&ops->attention);
  ck_attention_codes_init_c (&ops->attention_int16, &ops->attention_int8);
  ck_colour_init_c (&ops->colour);
  ck_training_init_c (&ops->training);
  ops->winograd = (CkWinogradOps){ 0 };
  ck_peak_init_c (&ops->peak);
#if defined(__x86_64__)
  if (features & CK_CPU_AVX2) {
    ck_gemm_init_avx2 (&ops->products);
    ck_quantised_init_avx2 (&ops->int16, &ops->int8, &ops->peak);
    ck_dequantise_init_avx2 (&ops->dequantise);
    ck_row_init_avx2 (&ops->rows);
    ck_attention_init_avx2 (&ops->attention);
    ck_attention_codes_init_avx2 (&ops->attention_int16, &ops->attention_int8);
    ck_colour_init_avx2 (&ops->colour);
    ck_training_init_avx2 (&ops->training);
    ck_winograd_init_avx2 (&ops->winograd);
    ck_peak_init_avx2 (&ops->peak);
  }
  if (features & CK_CPU_AVX_VNNI)
    ck_quantised_init_avx2_vnni (&ops->int16, &ops->int8, &ops->peak);
  if (features & CK_CPU_AVX512) {
    ck_gemm_init_avx512 (&ops->products);
    ck_quantised_init_avx512 (&ops->int16, &ops->int8, &ops->peak);
    ck_dequantise_init_avx512 (&ops->dequantise);
    ck_row_init_avx512 (&ops->rows);
    ck_attention_init_avx512 (&ops->attention);
    ck_attention_codes_init_avx512 (&ops->attention_int16, &ops->attention_int8);
    ck_colour_init_avx512 (&ops->colour);
    ck_training_init_avx512 (&ops->training);
    ck_winograd_init_avx512 (&ops->winograd);
    ck_peak_init_avx512 (&ops->peak);
  }
  if (features & CK_CPU_AVX512_VNNI) {
    ck_quantised_init_avx512_vnni (&ops->int16, &ops->int8, &ops->peak);
    ck_attention_codes_init_avx512_vnni (&ops->attention_int16, &ops->attention_int8);
  }
#elif defined(__aarch64__)
  if (features & CK_CPU_NEON) {
    ck_gemm_init_neon (&ops->products);
    ck_quantised_init_neon (&ops->int16, &ops->int8, &ops->peak);
    ck_dequantise_init_neon (&ops->dequantise);
    ck_row_init_neon (&ops->rows);
    ck_attention_init_neon (&ops->attention);
    ck_attention_codes_init_neon (&ops->attention_int16, &ops->attention_int8);
    ck_colour_init_neon (&ops->colour);
    ck_training_init_neon (&ops->training);
    ck_winograd_init_neon (&ops->winograd);
    ck_peak_init_neon (&ops->peak);
  }
  if (features & CK_CPU_NEON_DOTPROD) {
    ck_quantised_init_neon_dotprod (&ops->int8, &ops->peak);
    /* Its products are of two numbers with signs, and exponentials have none. */
    ops->attention_int8 = ops->attention_int16;
  }
  if (features & CK_CPU_NEON_I8MM)
    ck_quantised_init_neon_i8mm (&ops->int8, &ops->peak);
#endif
}
