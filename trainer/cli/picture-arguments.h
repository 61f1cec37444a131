/* SPDX-License-Identifier: MIT */
/* Pictures and folders on a command line, the same for every verb, and what is said of them. */
#ifndef COW_TRAINER_PICTURE_ARGUMENTS_H
#define COW_TRAINER_PICTURE_ARGUMENTS_H

#include "trainer/data/scan.h"

/* pictures_find (), which says on standard error what was left out. */
GPtrArray *picture_arguments (char *const *paths, GError **error);

/* Says a remark (NULL: none) about the *n-th picture that has one on standard error; after some,
 * only picture_remarks_end () says how many more there were. */
void picture_remark (guint *n, const char *path, const char *remark);
void picture_remarks_end (guint n);

#endif
