/* SPDX-License-Identifier: MIT */
/* CVAT: "CVAT for images 1.1", XML with a tag a picture. */
#ifndef COW_TRAINER_CVAT_H
#define COW_TRAINER_CVAT_H

#include "trainer/data/label-match.h"

G_BEGIN_DECLS

/* Writes annotations to upload into a task of these pictures, and beside them the task's labels,
 * PATH with .json for its ending. classes ends with NULL. COW_ERROR_IO. */
gboolean cow_cvat_write (const CowCropTable *table, const char *const *classes, const char *path,
                         GError **error);
/* Takes the labels of an export's text, and counts what is no tag; `path` is for messages.
 * COW_ERROR_FORMAT. */
gboolean cow_cvat_read (CowLabels *labels, const char *text, gsize n_bytes, const char *path,
                        CowLabelCounts *counts, GError **error);

/* The value of an attribute, as GMarkupParser gives them; NULL where there is none. */
const char *cow_cvat_attribute (const char **names, const char **values, const char *name);

G_END_DECLS

#endif
