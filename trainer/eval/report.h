/* SPDX-License-Identifier: MIT */
/*
 * An evaluation as one page for people: a file that needs nothing else, opens without a network, is
 * readable on a phone and follows the reader's choice of light or dark. Everything that comes from
 * files is escaped.
 */
#ifndef COW_TRAINER_REPORT_H
#define COW_TRAINER_REPORT_H

#include "trainer/eval/against.h"

G_BEGIN_DECLS

/* The text of report.html; `against` NULL: of one adapter; `history` of CowEpoch, or NULL;
 * `thumbnails` of the evaluation's set, or NULL for a page without pictures. Free with g_free; NULL
 * when a figure cannot be drawn. */
char *cow_report_html (const CowEvaluation *evaluation, const CowAgainst *against,
                       const GArray *history, Thumbnails *thumbnails, GError **error);

G_END_DECLS

#endif
