/* SPDX-License-Identifier: MIT */
/* Learned positions for other grids of patches than that which they were learned for. */
#ifndef COW_POSITIONS_H
#define COW_POSITIONS_H

#include "model/files/vit-config.h"

G_BEGIN_DECLS

/*
 * learned [class token's unless no_class_position, then side x side patches; hidden], of a network
 * whose family takes any size, to what is added to the tokens of a picture of rows x columns
 * patches: out [1 + registers + rows * columns, hidden]. Registers have none, and the class token
 * keeps its own. By config->position_rule, as torch.nn.functional.interpolate (mode="bicubic")
 * computes it; the grid that was learned is copied. COW_ERROR_MEMORY.
 */
gboolean cow_positions_fit (const CowVitConfig *config, const float *learned, int rows, int columns,
                            float *out, GError **error);

G_END_DECLS

#endif
