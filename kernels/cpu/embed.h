/* SPDX-License-Identifier: MIT */
/* What embedding and its backward share. */
#ifndef CK_CPU_EMBED_H
#define CK_CPU_EMBED_H

#include "kernels/kernels.h"

/* One patch of one picture as a row [channels * patch * patch]. */
void ck_embed_gather (const CkEmbed *embed, const float *picture, int64_t index, float *row);
/* How many rows are gathered at once. */
int64_t ck_embed_chunk (const CkEmbed *embed);

#endif /* CK_CPU_EMBED_H */
