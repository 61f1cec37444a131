/* SPDX-License-Identifier: MIT */
/* Two adapters that were asked of the same pictures: `eval --against`. */
#ifndef COW_TRAINER_AGAINST_H
#define COW_TRAINER_AGAINST_H

#include "trainer/eval/evaluation.h"
#include "trainer/eval/thumbnails.h"

G_BEGIN_DECLS

typedef struct {
  const CowEvaluation *here, *there; /* borrowed */
  /* Of guint, which of the pictures: those that only one of both gets right, of several labels all.
   */
  GArray *gained, *lost;
  /* How likely chance alone divides those so unevenly or more: McNemar's exact test, two-sided. */
  double p;
} CowAgainst;

/* McNemar's exact two-sided p for two counts: 2 sum_{k <= min} C (n, k) / 2^n, at most 1. */
double cow_mcnemar (guint gained, guint lost);

/* Both were computed, with the same classes in one order; COW_ERROR_MISMATCH when they are not of
 * the same pictures. */
CowAgainst *cow_against_new (const CowEvaluation *here, const CowEvaluation *there, GError **error);
void cow_against_free (CowAgainst *self);

/* Lines for a terminal; free with g_free. */
char *cow_against_text (const CowAgainst *self);
/* Writes the numbers and the pictures that changed to FOLDER/against.json. */
gboolean cow_against_write (const CowAgainst *self, const char *folder, GError **error);
/* The part of the page; `thumbnails` as in cow_report_html (). */
void cow_against_append (GString *html, const CowAgainst *self, Thumbnails *thumbnails);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowAgainst, cow_against_free)

G_END_DECLS

#endif
