/* SPDX-License-Identifier: MIT */
/* Small pictures for a page, as the network sees them before values are normalised. */
#ifndef COW_TRAINER_THUMBNAILS_H
#define COW_TRAINER_THUMBNAILS_H

#include "trainer/data/dataset.h"
#include "trainer/data/loader.h"

G_BEGIN_DECLS

#define THUMBNAIL_MOST_PX 128 /* the longer side of a picture of one cow */

typedef struct _Thumbnails Thumbnails;

/* Of pictures of this set, prepared on this device; both are borrowed. The longer side has at most
 * `most_px`. Not for several threads at once. */
Thumbnails *thumbnails_new (const CowDataset *dataset, const CowPreprocess *preprocess,
                            CkDevice *device, int most_px, GError **error);
/* How pictures are prepared. */
const CowPreprocess *thumbnails_preprocess (const Thumbnails *self);
/* Width and height, px. */
void thumbnails_size (const Thumbnails *self, int *width, int *height);
/* A JPEG as "data:image/jpeg;base64,..."; `sample` is one of the set. NULL where it cannot be read
 * (any more). Free with g_free. */
char *thumbnails_uri (Thumbnails *self, const CowSample *sample, GError **error);
void thumbnails_free (Thumbnails *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Thumbnails, thumbnails_free)

G_END_DECLS

#endif
