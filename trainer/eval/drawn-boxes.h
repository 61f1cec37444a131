/* SPDX-License-Identifier: MIT */
/* Pictures with a box around each cow that was found, and a tag with what is said of her. Any
 * thread. */
#ifndef COW_TRAINER_DRAWN_BOXES_H
#define COW_TRAINER_DRAWN_BOXES_H

#include "model/network/detection.h"
#include "trainer/data/pictures.h"

G_BEGIN_DECLS

/* Draws into the picture: `boxes` of CowDetection, px of it; `tags` [boxes->len], or NULL. */
void drawn_boxes_draw (Picture *picture, const GArray *boxes, char *const *tags);
/* The picture as a JPEG; a file of that name is replaced. */
gboolean drawn_boxes_write (const Picture *picture, const char *path, GError **error);

G_END_DECLS

#endif
