/* SPDX-License-Identifier: MIT */
/* Label Studio: tasks and exports as JSON, and a labelling interface as XML. */
#ifndef COW_TRAINER_LABEL_STUDIO_H
#define COW_TRAINER_LABEL_STUDIO_H

#include "trainer/data/label-match.h"

G_BEGIN_DECLS

/* Writes the tasks, and beside them the interface, PATH with .xml for its ending. Labels of the
 * table become annotations. classes ends with NULL. COW_ERROR_IO. */
gboolean cow_label_studio_write (const CowCropTable *table, const char *const *classes,
                                 const char *path, GError **error);
/* Takes the labels of an export's text; `path` is for messages. COW_ERROR_FORMAT. */
gboolean cow_label_studio_read (CowLabels *labels, const char *text, gsize n_bytes,
                                const char *path, GError **error);

G_END_DECLS

#endif
