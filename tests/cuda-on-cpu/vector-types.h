/* SPDX-License-Identifier: MIT */
/* CUDA's vector types, with its alignments, and what makes them. */
#ifndef COW_CUDA_VECTOR_TYPES_H
#define COW_CUDA_VECTOR_TYPES_H

#include <stdint.h>

#define COW_VECTOR_TYPES(T, Element, bytes)                                                        \
  struct alignas ((bytes)*2) T##2                                                                  \
  {                                                                                                \
    Element x, y;                                                                                  \
  };                                                                                               \
  struct T##3                                                                                      \
  {                                                                                                \
    Element x, y, z;                                                                               \
  };                                                                                               \
  struct alignas ((bytes) < 8 ? (bytes)*4 : 16) T##4                                               \
  {                                                                                                \
    Element x, y, z, w;                                                                            \
  };                                                                                               \
  static inline __attribute__ ((always_inline, unused)) T##2 make_##T##2(Element x, Element y)     \
  {                                                                                                \
    return { x, y };                                                                               \
  }                                                                                                \
  static inline __attribute__ ((always_inline, unused))                                            \
  T##3 make_##T##3(Element x, Element y, Element z)                                                \
  {                                                                                                \
    return { x, y, z };                                                                            \
  }                                                                                                \
  static inline __attribute__ ((always_inline, unused))                                            \
  T##4 make_##T##4(Element x, Element y, Element z, Element w)                                     \
  {                                                                                                \
    return { x, y, z, w };                                                                         \
  }

COW_VECTOR_TYPES (char, signed char, 1)
COW_VECTOR_TYPES (uchar, unsigned char, 1)
COW_VECTOR_TYPES (short, short, 2)
COW_VECTOR_TYPES (ushort, unsigned short, 2)
COW_VECTOR_TYPES (int, int, 4)
COW_VECTOR_TYPES (uint, unsigned int, 4)
COW_VECTOR_TYPES (float, float, 4)
COW_VECTOR_TYPES (longlong, long long int, 8)
COW_VECTOR_TYPES (ulonglong, unsigned long long int, 8)
COW_VECTOR_TYPES (double, double, 8)

#undef COW_VECTOR_TYPES

struct dim3 {
  unsigned int x, y, z;
};

#endif /* COW_CUDA_VECTOR_TYPES_H */
