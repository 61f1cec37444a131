/* SPDX-License-Identifier: MIT */
/* What the files of the library share: the handle, failing, and structures of other versions. */
#ifndef COW_API_PRIVATE_H
#define COW_API_PRIVATE_H

#include "model/api/cowbehavior.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

struct CowBehavior {
  CowEngine *engine;
  guint max_batch;
};

/* The status of an error, whose text goes to *message where that is asked for. Takes the error;
 * NULL is COW_BEHAVIOR_OK. */
CowBehaviorStatus cow_api_finish (GError *error, char **message);

/*
 * Copies a structure of a caller, which opens with its size, into one of `known` bytes whose fields
 * up to `least` every version had. Fields that the caller's version lacks are 0. COW_ERROR_ARGUMENT
 * for a size that is none; COW_ERROR_UNSUPPORTED where fields that this version does not know are
 * not 0. `what` is for the message.
 */
gboolean cow_api_copy (void *copy, gsize known, gsize least, const void *given, const char *what,
                       GError **error);

/* A caller's picture, checked but for the regions, as kernels/ sees it; borrows the pixels. */
gboolean cow_api_picture (const CowBehaviorPicture *given, CkPicture *picture, GError **error);

G_END_DECLS

#endif
