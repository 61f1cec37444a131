/* SPDX-License-Identifier: MIT */
/* SHA-256 of what a run stands on, in hexadecimal; free with g_free. */
#ifndef COW_TRAINER_HASHES_H
#define COW_TRAINER_HASHES_H

#include "trainer/data/frames.h"

/*
 * Of the weights of a model: every tensor's name, type, shape and values in the order of names, so
 * that sharding and the container do not matter. Reads all of it, with a line of progress;
 * G_IO_ERROR_CANCELLED when the user asks to stop.
 */
char *hash_model (const char *path, GError **error);
/* Of what training sees of a set: classes, and each picture's path, part, class and split; with
 * `sizes` its size in bytes, too. Of whole frames (else NULL) their boxes as well.
 * COW_ERROR_NOT_FOUND: a picture whose size nobody tells. */
char *hash_dataset (const CowDataset *dataset, const CowFrames *frames, gboolean sizes,
                    GError **error);

#endif
