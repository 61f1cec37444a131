/* SPDX-License-Identifier: MIT */
/* The parts of the report that have pictures in them: what is taken for what, where each cell of
 * the matrix leads to its pictures, and the surest mistakes. */
#ifndef COW_TRAINER_REPORT_PICTURES_H
#define COW_TRAINER_REPORT_PICTURES_H

#include "trainer/eval/evaluation.h"
#include "trainer/eval/thumbnails.h"

G_BEGIN_DECLS

/* Classes up to which a matrix is drawn as a table. */
#define REPORT_MOST_CLASSES 30

/* The matrix as a table that fits a phone, and behind it each cell's pictures, which show when the
 * cell is chosen. `thumbnails` NULL: without pictures. */
void report_append_matrix (GString *html, const CowEvaluation *evaluation, Thumbnails *thumbnails);
/* Nothing where all is right. */
void report_append_mistakes (GString *html, const CowEvaluation *evaluation,
                             Thumbnails *thumbnails);
/* These pictures (of guint, which of the evaluation's), at most `most` of them, each with what was
 * said, how surely, and what is true. */
void report_append_pictures (GString *html, const CowEvaluation *evaluation, Thumbnails *thumbnails,
                             const GArray *which, guint most);

G_END_DECLS

#endif
