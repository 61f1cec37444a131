/* SPDX-License-Identifier: MIT */
/* From Y'CbCr to RGB, compiled for the processors that the compiler targets by itself. */
#define INIT(concept) ck_##concept##_init_c
#include "kernels/cpu/colour-tmpl.h"
