/* SPDX-License-Identifier: MIT */
/* The instructions of AVX-VNNI on processors without them. */
#ifndef CHECK_AVX_VNNI_H
#define CHECK_AVX_VNNI_H

#include <stdbool.h>

/*
 * From now on vpdpbusd and vpdpwssd with the prefix VEX, over registers of 256 bits, are computed
 * in a handler of SIGILL, so that the very code that ships runs here. False where this processor or
 * its operating system has no registers of 256 bits.
 */
bool avx_vnni_emulate (void);

#endif /* CHECK_AVX_VNNI_H */
