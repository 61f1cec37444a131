/* SPDX-License-Identifier: MIT */
/*
 * Memory and threads that are refused. A program that links failing.c has its own malloc, calloc,
 * realloc, memalign, aligned_alloc, posix_memalign, free, mmap, munmap and pthread_create, which
 * all its libraries use too; they are glibc's, but between start () and end () they refuse what
 * they are told to refuse, in every thread.
 *
 * Small blocks that somebody asks of GLib in a way that ends the process where there are none
 * (g_malloc, g_new, g_slice_alloc) are never refused: GLib's promise is that these cannot fail. Of
 * this project's code that holds below FAILING_LARGE only; what is larger has to be asked for so
 * that it can be refused (g_try_malloc).
 */
#ifndef COW_TEST_FAILING_H
#define COW_TEST_FAILING_H

#include <glib.h>

#define FAILING_LARGE 65536 /* bytes */

/* What is refused; all fields 0: nothing. */
typedef struct {
  /* That allocation of ours or of libvips, counted from 1, and `for_good` all after it. Other
   * libraries (oneDNN, libgomp, lcms, libexif) end the process, or leave out what they had no room
   * for, when they are refused. So memory is looked for before they are called, which only a budget
   * can tell. */
  guint64 nth;
  gboolean for_good;
  /* Allocations, oneDNN's and libgomp's too, beyond so many bytes more than at the start */
  gint64 budget;
  /* All threads */
  gboolean threads;
} FailingHow;

typedef struct {
  guint64 n;       /* allocations that `nth` counts */
  gint64 peak;     /* the most bytes more than at the start */
  guint64 refused; /* allocations and threads */
  guint64 onednn;  /* allocations of oneDNN and libgomp */
} FailingCounts;

/* FALSE where a sanitizer has taken the allocator's place. */
gboolean failing_can (void);
void failing_start (const FailingHow *how);
FailingCounts failing_end (void);
/* Of the process so far: threads that libgomp started. */
guint failing_n_omp_threads (void);

#endif
