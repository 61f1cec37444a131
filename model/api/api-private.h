/* SPDX-License-Identifier: MIT */
/* Shared by the files of the library: the handle, errors, and structures of other versions. */
#ifndef COW_API_PRIVATE_H
#define COW_API_PRIVATE_H

#include "model/api/cowbehavior.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

struct CowBehavior {
  CowEngine *engine;
  guint max_batch;
  char *precision; /* what it computes in, and why */
  char *warning;   /* or NULL */
  /* With several labels: the combinations that were given out, char * each; under the lock. */
  GMutex lock;
  GHashTable *labels;
};

/* Returns the status of an error and copies its text to *message if that is not NULL. Takes
 * ownership of the error; NULL gives COW_BEHAVIOR_OK. */
CowBehaviorStatus cow_api_finish (GError *error, char **message);

/* Copies a caller's structure, which begins with its size, into one of `known` bytes. Every version
 * has the first `least` bytes; fields that the caller's version lacks become 0. Errors:
 * COW_ERROR_ARGUMENT for an invalid size; COW_ERROR_UNSUPPORTED if fields that this version does
 * not know are not 0. `what` is for the message. */
gboolean cow_api_copy (void *copy, gsize known, gsize least, const void *given, const char *what,
                       GError **error);

/* Translates a caller's picture, checked except for its regions, for kernels/; borrows the
 * pixels. */
gboolean cow_api_picture (const CowBehaviorPicture *given, CkPicture *picture, GError **error);

G_END_DECLS

#endif
