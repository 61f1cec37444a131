/* SPDX-License-Identifier: MIT */
/*
 * Work is done again and again, each time in a child of its own where something else is refused.
 * Every time it must end with an error or with the answer that it gives where nothing is refused;
 * a child that ends in another way, or does not end, fails the test.
 *
 * How many places are tried is bounded; with COW_NO_MEMORY=all in the environment it is each one.
 */
#ifndef COW_TEST_OUTCOMES_H
#define COW_TEST_OUTCOMES_H

#include "tests/no-memory/failing.h"

#define OUTCOMES_MOST 65536 /* bytes of an answer */

typedef struct {
  gsize n_bytes;
  guint8 bytes[OUTCOMES_MOST];
} Answer;

/* Adds to an answer; aborts where it gets too large. */
void answer_add (Answer *self, gconstpointer data, gsize n_bytes);

typedef struct {
  const char *name;
  /* What comes before anything is refused, and what must not fail; may be NULL. */
  gpointer (*begin) (gconstpointer data);
  /* What is tested; `begun` is what begin () gave. FALSE with an error, else the answer. */
  gboolean (*run) (gconstpointer data, gpointer begun, Answer *answer, GError **error);
  gconstpointer data;
} Work;

/* Does the work in a child where nothing is refused. */
void outcomes_without (const Work *work);
/* Refuses each allocation, once and for good, and memory beyond each of some sizes. */
void outcomes_of_memory (const Work *work);
/* The sizes alone, for work in which libvips does not survive single refusals. */
void outcomes_of_sizes (const Work *work);
/* Refuses all threads; libgomp has not started any either. */
void outcomes_of_threads (const Work *work);

#endif
