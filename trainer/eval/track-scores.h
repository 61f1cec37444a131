/* SPDX-License-Identifier: MIT */
/*
 * How well cows were followed, as TrackEval counts it: CLEAR MOT (Bernardin and Stiefelhagen,
 * 2008), identity (Ristani et al., 2016) and HOTA (Luiten et al., 2021). Plain arithmetic; any
 * thread.
 */
#ifndef COW_TRACK_SCORES_H
#define COW_TRACK_SCORES_H

#include "model/network/detection.h"

G_BEGIN_DECLS

/* Where one cow is in one frame. Numbers of frames and cows are the caller's. */
typedef struct {
  guint64 frame;
  gint64 id;
  CowBounds place;
} CowTrackBox;

/* A pair of a true and a found box counts from an overlap of .5 on, but in HOTA, DetA, AssA and
 * LocA, which are means over overlaps of .05, .1, ... .95. */
typedef struct {
  guint64 n_true, n_found;              /* boxes */
  guint n_true_tracks, n_found_tracks;  /* ids */
  guint64 missed, ghosts;               /* FN, FP */
  guint64 switches, fragments;          /* IDSW, Frag */
  double mota, motp;                    /* up to 1; MOTA may be below 0 */
  double idf1, id_precision, id_recall; /* 0..1 */
  double hota, det_a, ass_a, loc_a;     /* 0..1 */
} CowTrackScores;

/*
 * Of n_true boxes and n_found ones, in any order; 0 of either give zeros (and a LocA of 1), as
 * TrackEval does. COW_ERROR_FORMAT for boxes that are no finite places with a size, for a cow that
 * is twice in one frame, and for more pairs of cows than 2^24 or of boxes in a frame than 2^20.
 */
gboolean cow_track_scores (const CowTrackBox *truth, gsize n_true, const CowTrackBox *found,
                           gsize n_found, CowTrackScores *scores, GError **error);

G_END_DECLS

#endif
