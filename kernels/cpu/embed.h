/* SPDX-License-Identifier: MIT */
/* What embedding and its backward share. */
#ifndef CK_CPU_EMBED_H
#define CK_CPU_EMBED_H

#include "kernels/cpu/cpu-stream.h"

/* Patches [first, first + n) of one picture as rows [n, channels * patch * patch], by the team. */
void ck_embed_gather (const CkCpuStream *cpu, const CkEmbed *embed, const float *picture,
                      int64_t first, int64_t n, float *rows);
/* How many rows are gathered at once. */
int64_t ck_embed_chunk (const CkEmbed *embed);

#endif /* CK_CPU_EMBED_H */
