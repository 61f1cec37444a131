/* SPDX-License-Identifier: MIT */
/* An evaluation of boxes as one page for people, as report.h makes one of classes. */
#ifndef COW_TRAINER_BOX_REPORT_H
#define COW_TRAINER_BOX_REPORT_H

#include "trainer/eval/box-evaluation.h"
#include "trainer/eval/thumbnails.h"

G_BEGIN_DECLS

/* The longer side of a frame on the page, px. */
#define COW_BOX_REPORT_FRAME_PX 480

/* The text of report.html; `history` of CowEpoch, or NULL; `thumbnails` of the frames as a set, or
 * NULL for a page without pictures. Free with g_free; NULL when a figure cannot be drawn. */
char *cow_box_report_html (const CowBoxEvaluation *evaluation, const CowDataset *dataset,
                           const GArray *history, Thumbnails *thumbnails, GError **error);

G_END_DECLS

#endif
