/* SPDX-License-Identifier: MIT */
/*
 * What others in a process ask of the driver: GStreamer's CUDA library, whose elements make a
 * context of their own. Memory of such a context is no kernel's to touch: it lies outside the
 * region (memory.h), and only copies that name the context reach it.
 */
#ifndef COW_CUDA_OTHERS_H
#define COW_CUDA_OTHERS_H

#include "kernels/cuda/driver.h"

/* Frees memory of a context that is not the primary one; false: it is none. */
bool others_free (CkCuMemory memory);

#endif /* COW_CUDA_OTHERS_H */
