/* SPDX-License-Identifier: MIT */
/*
 * What cows do: what was said of the boxes that are told, beside what the data have, as a confusion
 * matrix with cows that were missed and boxes that are no cows (ghosts). Names of both sides are
 * the same where they differ in case or in the form of Unicode alone, and need not be as many.
 * Used by one thread.
 */
#ifndef COW_TRAINER_BOX_BEHAVIOURS_H
#define COW_TRAINER_BOX_BEHAVIOURS_H

#include "trainer/eval/metrics.h"

G_BEGIN_DECLS

typedef struct {
  GStrv names;  /* [n] and NULL: what the network tells, in its order, then what the data have
                   besides */
  guint n;      /* of these */
  guint n_told; /* the first of them, which the network tells */
  guint *place; /* [classes of the data]: index in names */
  CowConfusion *confusion; /* [n, n]: cows that are found, of which the data say what they do */
  guint64 *missed;         /* [n] cows that are not, by what they do */
  guint64 *ghosts;         /* [n] by what is said of them */
  guint64 n_unknown;       /* cows that are found, of which the data do not say it */

  /* Of cow_box_behaviours_compute () */
  CowMetrics *metrics; /* of the confusion */
  CowConfusion *whole; /* [n + 1, n + 1]: the confusion, a column of missed and a row of ghosts */
  GStrv rows, columns; /* [n + 1] and NULL: their names */
} CowBoxBehaviours;

/* `told` and `classes` (the data's): NULL-terminated. */
CowBoxBehaviours *cow_box_behaviours_new (const char *const *told, const char *const *classes);
void cow_box_behaviours_free (CowBoxBehaviours *self);
/* A cow: `behaviour` is the data's class, -1 where they have none; `said` what the network tells
 * of her, -1 where she is missed. */
void cow_box_behaviours_add (CowBoxBehaviours *self, int behaviour, int said);
/* A box without a cow. */
void cow_box_behaviours_add_ghost (CowBoxBehaviours *self, guint said);
/* Whether that is right of her; not of a cow of which the data do not say it. */
gboolean cow_box_behaviours_is_right (const CowBoxBehaviours *self, int behaviour, guint said);
/* Metrics and the whole matrix, once all cows are there. */
void cow_box_behaviours_compute (CowBoxBehaviours *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowBoxBehaviours, cow_box_behaviours_free)

G_END_DECLS

#endif
