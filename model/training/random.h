/* SPDX-License-Identifier: MIT */
/* Random numbers that are a function of what they are for, not of what was drawn before: a resumed
 * or repeated computation gets the same.
 */
#ifndef COW_RANDOM_H
#define COW_RANDOM_H

#include <glib.h>

G_BEGIN_DECLS

/* A key for part `index` of what `key` stands for (splitmix64's finaliser; Steele et al., 2014). */
guint64 cow_random_key (guint64 key, guint64 index);
/* Number `index` of a key, uniform in [0, 1). */
double cow_random_unit (guint64 key, guint64 index);
/* Number `index` of a key, standard normal (Box and Muller). */
double cow_random_normal (guint64 key, guint64 index);

G_END_DECLS

#endif
