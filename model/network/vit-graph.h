/* SPDX-License-Identifier: MIT */
/* A vision transformer, with its adapter merged, as a graph of operations. */
#ifndef COW_VIT_GRAPH_H
#define COW_VIT_GRAPH_H

#include "model/network/graph.h"

G_BEGIN_DECLS

/* From `pixels` [batch, 3, height, width] to `features` [batch, hidden]; weights are read while the
 * file is written. COW_ERROR_MISMATCH, as opening the network would say. */
gboolean cow_vit_graph (const CowVitConfig *config, CowGraph *graph, const char *pixels,
                        const char *features, GError **error);

G_END_DECLS

#endif
