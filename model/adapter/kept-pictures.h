/* SPDX-License-Identifier: MIT */
/*
 * A few pictures that an adapter keeps beside its weights, as the network sees them before they are
 * normalised, so that what depends on pictures can be measured wherever the adapter goes
 * (network/precision-resolve.h). They are one tensor, "pictures" [n, height, width, 3] of bytes
 * (RGB), in FOLDER/pictures.safetensors: who only runs a network needs no decoder of pictures.
 */
#ifndef COW_KEPT_PICTURES_H
#define COW_KEPT_PICTURES_H

#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

#define COW_KEPT_PICTURES_MOST 1024

typedef struct {
  guint n; /* 0: none */
  int width, height;
  guint8 *rgb; /* [n, height, width, 3] */
} CowKeptPictures;

/* Whether a folder keeps any. */
gboolean cow_kept_pictures_present (const char *folder);
/* Reads the first ones, `most` at most; n is 0 where the folder keeps none. Writers put pictures of
 * all classes first. COW_ERROR_FORMAT on a file that breaks its format. */
gboolean cow_kept_pictures_read (CowKeptPictures *self, const char *folder, guint most,
                                 GError **error);
/* Writes them, where there are any. */
gboolean cow_kept_pictures_write (const CowKeptPictures *self, const char *folder, GError **error);
/* Copies what one folder keeps to another, if it keeps any. */
gboolean cow_kept_pictures_carry (const char *from, const char *to, GError **error);
/* Pixels [n, 3, height, width] for a network; free with g_free. */
float *cow_kept_pictures_prepare (const CowKeptPictures *self, const CowPreprocess *preprocess,
                                  CkDevice *device, GError **error);
void cow_kept_pictures_clear (CowKeptPictures *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowKeptPictures, cow_kept_pictures_clear)

G_END_DECLS

#endif
