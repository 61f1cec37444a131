/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* mmap and mmap64 are two names here, not one. */
#undef _FILE_OFFSET_BITS
#include "tests/model/allocations.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/cpu/convolution.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#  define SANITIZED 1
#elif defined __has_feature
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED 1
#  endif
#endif

#define FRAMES 32

static atomic_bool watching;
static atomic_uint ours, onednn;
/* The first of ours: who gets to write it, and what was written. */
static atomic_bool example_taken;
static void *example[FRAMES];
static int n_example;

#ifndef SANITIZED

/* glibc's own, under the names by which whoever replaces them finds them. */
void *__libc_malloc (size_t bytes);
void *__libc_calloc (size_t n, size_t bytes);
void *__libc_realloc (void *memory, size_t bytes);
void *__libc_memalign (size_t alignment, size_t bytes);

/* Looking for the caller allocates too. */
static _Thread_local gboolean inside __attribute__ ((tls_model ("initial-exec")));

/* Libraries that allocate for whoever called them. */
static gboolean
allocates_for_others (const char *library)
{
  static const char *const names[] = { "/libc.so", "/libstdc++.so", "/libglib-2.0.so" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strstr (library, names[i]))
      return TRUE;
  return FALSE;
}

/* Whether the first in the stack who allocates for himself is oneDNN, or its OpenMP, which keeps
 * something for each thread from the first task of oneDNN's that the thread happens to take. */
static gboolean
is_onednn (void *const *frames, int n, const void *caller)
{
  int i = 0;
  while (i < n && frames[i] != caller)
    i++;
  for (; i < n; i++) {
    Dl_info info;
    if (!dladdr (frames[i], &info) || !info.dli_fname || allocates_for_others (info.dli_fname))
      continue;
    return strstr (info.dli_fname, "/libdnnl.so") || strstr (info.dli_fname, "/libmkldnn.so") ||
           strstr (info.dli_fname, "/libgomp.so");
  }
  return FALSE;
}

static void
count (const void *caller, size_t bytes)
{
  void *frames[FRAMES];
  if (!atomic_load_explicit (&watching, memory_order_relaxed) || inside)
    return;
  inside = TRUE;
  const int n = backtrace (frames, FRAMES);
  if (bytes == CK_DNNL_TO_RUN || is_onednn (frames, n, caller)) {
    atomic_fetch_add (&onednn, 1);
  } else {
    atomic_fetch_add (&ours, 1);
    if (!atomic_exchange (&example_taken, TRUE)) {
      memcpy (example, frames, sizeof frames);
      n_example = n;
    }
  }
  inside = FALSE;
}

/* The libraries are to find these before glibc's. */
#  define EXPORT __attribute__ ((visibility ("default")))

#  define COUNT(bytes) count (__builtin_return_address (0), bytes)

EXPORT void *
malloc (size_t bytes)
{
  COUNT (bytes);
  return __libc_malloc (bytes);
}

EXPORT void *
calloc (size_t n, size_t bytes)
{
  COUNT (n * bytes);
  return __libc_calloc (n, bytes);
}

EXPORT void *
realloc (void *memory, size_t bytes)
{
  COUNT (bytes);
  return __libc_realloc (memory, bytes);
}

EXPORT void *
memalign (size_t alignment, size_t bytes)
{
  COUNT (bytes);
  return __libc_memalign (alignment, bytes);
}

EXPORT void *
aligned_alloc (size_t alignment, size_t bytes)
{
  COUNT (bytes);
  return __libc_memalign (alignment, bytes);
}

EXPORT int
posix_memalign (void **memory, size_t alignment, size_t bytes)
{
  COUNT (bytes);
  *memory = __libc_memalign (alignment, bytes);
  return *memory || bytes == 0 ? 0 : ENOMEM;
}

EXPORT void *
mmap (void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
  COUNT (bytes);
  return (void *)syscall (SYS_mmap, address, bytes, protection, flags, fd, offset);
}

EXPORT void *
mmap64 (void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
  COUNT (bytes);
  return (void *)syscall (SYS_mmap, address, bytes, protection, flags, fd, offset);
}

#endif

gboolean
allocations_can_count (void)
{
#ifdef SANITIZED
  return FALSE;
#else
  return TRUE;
#endif
}

void
allocations_watch (void)
{
  void *frame;
  backtrace (&frame, 1); /* loads what it needs when it is first called */
  atomic_store (&ours, 0);
  atomic_store (&onednn, 0);
  atomic_store (&example_taken, FALSE);
  n_example = 0;
  atomic_store (&watching, TRUE);
}

Allocations
allocations_end (void)
{
  atomic_store (&watching, FALSE);
  Allocations found = { .ours = atomic_load (&ours), .onednn = atomic_load (&onednn) };
  if (n_example > 0) {
    char **lines = backtrace_symbols (example, n_example);
    g_autoptr (GString) text = g_string_new (NULL);
    for (int i = 0; i < n_example; i++)
      g_string_append_printf (text, "%s\n", lines[i]);
    free (lines);
    found.example = g_string_free (g_steal_pointer (&text), FALSE);
  }
  return found;
}

void
allocations_clear (Allocations *self)
{
  g_clear_pointer (&self->example, g_free);
}
