/* SPDX-License-Identifier: MIT */
/* What attention's operations, forward and backward, tell their kernels of the heads. */
#ifndef CK_CUDA_ATTENTION_HEADS_H
#define CK_CUDA_ATTENTION_HEADS_H

#include "kernels/cuda/attention-arguments.h"
#include "kernels/cuda/launch.h"

/* Chunks of a head's rows that a block keeps in shared memory: all, or 0 where they are too many.
 */
int32_t ck_cuda_held_chunks (const CkAttention *op);

/*
 * *heads but for `vectors`, and the grid: tiles of `tile` rows of `rows` (queries or tokens) of
 * each head of each picture, and each chunk by itself where none are kept. CK_UNSUPPORTED: more
 * than a kernel can count.
 */
CkStatus ck_cuda_heads (const CkAttention *op, int64_t rows, int64_t tile, CkCudaHeads *heads,
                        CkCudaGrid *grid);

/* Whether four elements of any row can be loaded or stored at once, also in n other matrices that
 * are as wide; NULL ones count as aligned. */
bool ck_cuda_heads_vectors (const CkAttention *op, const void *const *others, int n);

/* Bytes of shared memory: `kept` matrices of kept rows, `passing` chunks that go by, and weights.
 */
size_t ck_attention_shared (int32_t held, int32_t rows, int32_t kept, int32_t passing);

/* CkOperations.attention of CK_I8, and of CK_F16 and CK_BF16 where heads are small enough; the
 * shape is checked. */
CkStatus ck_cuda_attention_int8 (CkCudaStream *stream, const CkAttention *op);
bool ck_cuda_attention_takes_halves (const CkAttention *op);
CkStatus ck_cuda_attention_halves (CkCudaStream *stream, const CkAttention *op);

#endif /* CK_CUDA_ATTENTION_HEADS_H */
