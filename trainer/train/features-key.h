/* SPDX-License-Identifier: MIT */
/* The key under which features are kept. */
#ifndef COW_TRAINER_FEATURES_KEY_H
#define COW_TRAINER_FEATURES_KEY_H

#include "trainer/train/features-cache.h"

/* SHA-256 in hexadecimal of all that the features of `items` depend on; free with g_free. */
char *features_key (const CowFeaturesOptions *options, const GArray *items, GError **error);

#endif
