/* SPDX-License-Identifier: MIT */
#include "model/engine/pieces.h"

#include "model/network/frame-fit.h"

/* An edge is touched within this, in px of the frame that the network saw. */
#define TOUCH 2.0
/* Two boxes are of one animal where their intersection is more of their union than the one, or more
 * of the smaller one than the other. */
#define SAME_UNION 0.5
#define SAME_PART  0.7

/* `place` is where the region lies in what the network saw. */
static gboolean
is_cut (const CowBounds *box, const CowRegion *place, const CowRegion *region, int across, int down)
{
  return (box->x < place->x + TOUCH && region->x > 0) ||
         (box->y < place->y + TOUCH && region->y > 0) ||
         (box->x + box->w > place->x + place->w - TOUCH && region->x + region->w < across) ||
         (box->y + box->h > place->y + place->h - TOUCH && region->y + region->h < down);
}

void
cow_pieces_add (GArray *pieces, const CowDetection *found, guint n, guint first_row,
                const CowPreprocess *preprocess, const CowRegion *region, int across, int down)
{
  const CowRegion place = cow_preprocess_place (preprocess, region->w, region->h);

  for (guint i = 0; i < n; i++) {
    CowPiece piece = { found[i], is_cut (&found[i].box, &place, region, across, down) };

    if (!cow_frame_fit_back (preprocess, region->w, region->h, &piece.found.box))
      continue;
    piece.found.row += first_row;
    piece.found.box.x += region->x;
    piece.found.box.y += region->y;
    g_array_append_val (pieces, piece);
  }
}

/* Whole ones first, then the surest. */
static gint
compare_pieces (gconstpointer a, gconstpointer b)
{
  const CowPiece *p = a, *q = b;

  if (p->cut != q->cut)
    return p->cut ? 1 : -1;
  return p->found.score > q->found.score ? -1 : p->found.score < q->found.score;
}

static gint
compare_scores (gconstpointer a, gconstpointer b)
{
  const CowDetection *p = a, *q = b;

  return p->score > q->score ? -1 : p->score < q->score;
}

static gboolean
is_same (const CowBounds *a, const CowBounds *b)
{
  const double smaller = MIN (a->w * a->h, b->w * b->h);

  return cow_bounds_iou (a, b) > SAME_UNION ||
         (smaller > 0 && cow_bounds_shared (a, b) > SAME_PART * smaller);
}

void
cow_pieces_merge (GArray *pieces, guint n, guint most, GArray *detections)
{
  g_array_set_size (detections, 0);
  g_array_sort (pieces, compare_pieces);
  for (guint i = 0; i < pieces->len; i++) {
    const CowDetection *found = &g_array_index (pieces, CowPiece, i).found;
    gboolean known = FALSE;

    for (guint k = 0; k < detections->len && !known && n > 1; k++)
      known = is_same (&g_array_index (detections, CowDetection, k).box, &found->box);
    if (!known)
      g_array_append_vals (detections, found, 1);
  }
  g_array_sort (detections, compare_scores);
  g_array_set_size (detections, MIN (detections->len, most));
}
