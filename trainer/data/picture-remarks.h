/* SPDX-License-Identifier: MIT */
/* What there is to say of pictures that were read by several threads, again and again: each is
 * counted once, and of each kind of remark one picture is named. */
#ifndef COW_TRAINER_PICTURE_REMARKS_H
#define COW_TRAINER_PICTURE_REMARKS_H

#include "trainer/data/pictures.h"

G_BEGIN_DECLS

typedef struct _CowPictureRemarks CowPictureRemarks;

CowPictureRemarks *cow_picture_remarks_new (void);
void cow_picture_remarks_free (CowPictureRemarks *self);
/* Counts a picture that was read from `path`, where there is something to say of it. Any thread. */
void cow_picture_remarks_add (CowPictureRemarks *self, const char *path, const Picture *picture);
/* What has come since the last call: a text for each kind, "a.png: its alpha is ... (and 11 more
 * pictures)". The picture that is named is the first by name. Free with g_ptr_array_unref. */
GPtrArray *cow_picture_remarks_take (CowPictureRemarks *self);

G_END_DECLS

#endif
