/* SPDX-License-Identifier: MIT */
/* Labels out of the exports of the programs that people label pictures with. */
#ifndef COW_TRAINER_LABEL_EXCHANGE_H
#define COW_TRAINER_LABEL_EXCHANGE_H

#include "trainer/data/label-match.h"

G_BEGIN_DECLS

/* Reads an export, of Label Studio (JSON or JSON-MIN) or CVAT, by its first character. Saves
 * nothing. COW_ERROR_NOT_FOUND, _IO, _FORMAT. */
gboolean cow_labels_read (const char *path, CowCropTable *table, CowLabelCounts *counts,
                          GError **error);

G_END_DECLS

#endif
