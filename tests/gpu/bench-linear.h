/* SPDX-License-Identifier: MIT */
/* A linear layer on its own, ours and cuBLASLt's. */
#ifndef COW_BENCH_LINEAR_H
#define COW_BENCH_LINEAR_H

/* argv: DEVICE OUT IN ROWS int8|bf16|fp16|fp32 SECONDS KERNELS. Prints one line, and returns what
 * the program exits with. */
int bench_linear (char **argv);

#endif /* COW_BENCH_LINEAR_H */
