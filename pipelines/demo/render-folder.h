/* SPDX-License-Identifier: MIT */
/* A folder with a folder of pictures for each class, and a table; cow-trainer reads either. */
#ifndef COW_RENDER_FOLDER_H
#define COW_RENDER_FOLDER_H

#include "pipelines/demo/render-picture.h"

typedef struct {
  guint64 seed;
  RenderStyle style;
  int size;       /* of a picture's longer side, pixels */
  int per_class;  /* pictures, all splits together */
  gboolean split; /* into train, val and test: 70, 15 and 15 % */
} RenderFolderOptions;

/* Writes FOLDER[/SPLIT]/CLASS/COW-NUMBER.png and FOLDER/labels.csv (image_path, label, source (the
 * light), cow_id[, split]). No cow and no camera is in two splits. A picture depends only on seed,
 * split, class and number. */
gboolean render_folder_write (const char *folder, const RenderFolderOptions *options,
                              GError **error);

#endif
