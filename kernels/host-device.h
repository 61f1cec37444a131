/* SPDX-License-Identifier: MIT */
/* For functions that the host's C and the kernels of GPUs have from one text. */
#ifndef CK_HOST_DEVICE_H
#define CK_HOST_DEVICE_H

#ifdef __CUDACC__
#  define CK_HOST_DEVICE static __device__ __forceinline__
#else
#  define CK_HOST_DEVICE static inline
#endif

#endif /* CK_HOST_DEVICE_H */
