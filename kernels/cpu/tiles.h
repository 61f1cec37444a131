/* SPDX-License-Identifier: MIT */
/* How the output of a product is cut for a team, where no element depends on the cut. */
#ifndef CK_CPU_TILES_H
#define CK_CPU_TILES_H

#include "kernels/sizes.h"

/* Tiles of `group` rows by `panel` columns; the last of each may be smaller. */
typedef struct {
  int64_t panel, n_panels, group, n_groups;
} CkTiles;

/* What limits them. */
typedef struct {
  int64_t unit;        /* panels are a multiple of it */
  int64_t least, most; /* columns a panel, before they are rounded up to units */
  int64_t group;       /* rows a group, at most */
  int64_t group_least; /* fewer are not worth a panel of their own */
} CkTileLimits;

/* Cuts [rows, cols] so that every thread has as many tiles as the others, and tiles are large. */
static inline CkTiles
ck_tiles (int64_t rows, int64_t cols, int64_t threads, CkTileLimits limits)
{
  int64_t panels = ck_round_up (ck_ceil_div (cols, limits.most), threads),
          groups = ck_ceil_div (rows, limits.group);
  CkTiles tiles;

  panels = ck_min (panels, ck_ceil_div (cols, limits.least));
  tiles.panel = ck_round_up (ck_ceil_div (cols, panels), limits.unit);
  tiles.n_panels = ck_ceil_div (cols, tiles.panel);
  if (groups * tiles.n_panels < threads)
    groups =
        ck_max (groups, ck_min (ck_ceil_div (threads, tiles.n_panels), rows / limits.group_least));
  tiles.group = ck_ceil_div (rows, groups);
  tiles.n_groups = ck_ceil_div (rows, tiles.group);
  return tiles;
}

#endif /* CK_CPU_TILES_H */
