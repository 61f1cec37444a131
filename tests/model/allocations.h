/* SPDX-License-Identifier: MIT */
/*
 * Counts what a test program allocates. A program that links allocations.c has its own malloc,
 * calloc, realloc, memalign, aligned_alloc, posix_memalign and mmap, which all its libraries use
 * too; they are glibc's, and between watch () and end () they count, in every thread.
 */
#ifndef COW_TEST_ALLOCATIONS_H
#define COW_TEST_ALLOCATIONS_H

#include <glib.h>

typedef struct {
  guint ours;    /* by this project's code, whether by itself or through GLib, libc or libstdc++ */
  guint onednn;  /* by oneDNN and its OpenMP, and to see whether they may */
  char *example; /* the places from which ours came first, a line each; NULL without one */
} Allocations;

/* FALSE where a sanitizer has taken the allocator's place. */
gboolean allocations_can_count (void);
void allocations_watch (void);
/* Free with allocations_clear. */
Allocations allocations_end (void);
void allocations_clear (Allocations *self);

#endif
