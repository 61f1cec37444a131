/* SPDX-License-Identifier: MIT */
/*
 * First values of adapters out of the weight that they sit on: a matrix W [out, in] as b a plus a
 * rest, with a [rank, in] and b [out, rank]. Plain C in double precision and in one thread, so that
 * every processor gives the same bits.
 */
#ifndef COW_DECOMPOSE_H
#define COW_DECOMPOSE_H

#include <glib.h>

G_BEGIN_DECLS

/*
 * PiSSA (Meng et al., 2024): the `rank` largest singular triples, each side with the root of
 * value / scale, so that scale b a is the best approximation of W. Signs of a triple are arbitrary,
 * and so are vectors of equal values. `key` seeds the start of the iteration, which results do not
 * depend on but by rounding. rank is at most the smaller side. COW_ERROR_MEMORY.
 */
gboolean cow_decompose_pissa (const float *w, gint64 out, gint64 in, gint64 rank, double scale,
                              guint64 key, float *a, float *b, GError **error);
/*
 * OLoRA (Büyükakyüz, 2024): the first `rank` columns of Q and rows of R of W = Q R, where R's
 * diagonal is not negative; LAPACK, which PEFT asks, may have both with the other sign.
 */
gboolean cow_decompose_olora (const float *w, gint64 out, gint64 in, gint64 rank, guint64 key,
                              float *a, float *b, GError **error);

G_END_DECLS

#endif
