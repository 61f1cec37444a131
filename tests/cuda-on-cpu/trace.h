/* SPDX-License-Identifier: MIT */
/* Where in the text of a kernel the running thread is. */
#ifndef COW_CUDA_TRACE_H
#define COW_CUDA_TRACE_H

/* Prints the lines of kernels that called, innermost first, on stderr; where binutils is not
 * installed, addresses. */
void print_trace (void);

#endif /* COW_CUDA_TRACE_H */
