/* SPDX-License-Identifier: MIT */
/*
 * Random changes of a picture that leave its class what it is: those of the cow recipes, by
 * albumentations' definitions, done with libvips.
 *
 * They apply to the picture at the network's size, after resizing and before normalising, so that a
 * copy that was not changed is what evaluation sees, and the cost does not depend on the camera.
 */
#ifndef COW_TRAINER_AUGMENT_H
#define COW_TRAINER_AUGMENT_H

#include "model/adapter/preprocess.h"
#include "model/network/detection.h"

G_BEGIN_DECLS

typedef enum {
  COW_AUGMENT_NONE,
  COW_AUGMENT_LIGHT,
  COW_AUGMENT_MEDIUM,
  COW_AUGMENT_HEAVY,
  COW_AUGMENT_FRAMES /* of whole frames with boxes: what stands upright stays so */
} CowAugment;

/* "none" | "light" | "medium" | "heavy" | "frames" */
const char *cow_augment_name (CowAugment level);
gboolean cow_augment_parse (const char *name, CowAugment *level);

/* Changes rgb [height, width, 3] in place, as the key says: the same key gives the same picture.
 * From any thread. */
gboolean cow_augment_run (CowAugment level, guint64 key, guint8 *rgb, int width, int height,
                          GError **error);

/*
 * Where boxes of the picture lie in its changed copy, in place: upright boxes around theirs, which
 * may reach outside. The same level, key and size give the map that cow_augment_run () uses.
 */
void cow_augment_boxes (CowAugment level, guint64 key, int width, int height, CowBounds *boxes,
                        guint n);

G_END_DECLS

#endif
