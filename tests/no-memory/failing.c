/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* mmap and mmap64 are two names here, not one. */
#undef _FILE_OFFSET_BITS
#include "tests/no-memory/failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#  define SANITIZED 1
#elif defined __has_feature
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED 1
#  endif
#endif

#define FRAMES 24

static atomic_bool watching;
static FailingHow how;
static atomic_ullong n, refused, onednn;
static atomic_llong used, peak;
static atomic_uint omp_threads;

#ifndef SANITIZED

/* glibc's own, under the names by which whoever replaces them finds them. */
void *__libc_malloc (size_t bytes);
void *__libc_calloc (size_t n, size_t bytes);
void *__libc_realloc (void *memory, size_t bytes);
void *__libc_memalign (size_t alignment, size_t bytes);
void __libc_free (void *memory);

/* Looking for the caller allocates too. */
static _Thread_local gboolean inside __attribute__ ((tls_model ("initial-exec")));

/* ---- who asks -------------------------------------------------------------------------------- */

/* What the code at an address is part of. */
typedef enum {
  UNKNOWN,
  PASSING, /* allocates for whoever called */
  GLIB,    /* too, and ends the process without memory */
  GLIB_TRIES,
  ONEDNN, /* and libgomp */
  VIPS,
  OURS,
  OTHER
} Part;

typedef struct {
  Part part;       /* OURS, ONEDNN or another library */
  gboolean aborts; /* asked of GLib so that it ends the process */
} Asker;

static gboolean
is_one_of (const char *library, const char *const *names)
{
  for (; *names; names++)
    if (strstr (library, *names))
      return TRUE;
  return FALSE;
}

static Part
look_up (const void *address)
{
  static const char *const passing[] = { "/libc.so", "/libstdc++.so", "/ld-linux", NULL },
                           *const glib[] = { "/libglib-2.0.so", "/libgobject-2.0.so", NULL },
                           *const dnnl[] = { "/libdnnl.so", "/libgomp.so", "/libomp.so", NULL };
  Dl_info info;

  if (!dladdr (address, &info) || !info.dli_fname || is_one_of (info.dli_fname, passing))
    return PASSING;
  if (is_one_of (info.dli_fname, glib))
    return info.dli_sname && g_str_has_prefix (info.dli_sname, "g_try_") ? GLIB_TRIES : GLIB;
  if (is_one_of (info.dli_fname, dnnl))
    return ONEDNN;
  if (strstr (info.dli_fname, "/libvips.so"))
    return VIPS;
  return !strstr (info.dli_fname, ".so") || strstr (info.dli_fname, "/libgstcow") ? OURS : OTHER;
}

/* The same, remembered: one word an address, whose upper bits are the address. */
static Part
part_of (const void *address)
{
  static atomic_uintptr_t known[8192];
  const uintptr_t key = (uintptr_t)address << 4;
  atomic_uintptr_t *place = &known[(uintptr_t)address * 2654435761u >> 7 & 8191];
  const uintptr_t found = atomic_load_explicit (place, memory_order_relaxed);

  if ((found & ~(uintptr_t)15) == key)
    return (Part)(found & 15);
  const Part part = look_up (address);
  atomic_store_explicit (place, key | part, memory_order_relaxed);
  return part;
}

typedef struct {
  const void *caller;
  gboolean begun;
  Part way; /* GLIB or GLIB_TRIES where it went through GLib */
  Asker asker;
} Search;

static _Unwind_Reason_Code
visit (struct _Unwind_Context *context, void *data)
{
  Search *self = data;
  const void *address = (const void *)_Unwind_GetIP (context);

  self->begun |= address == self->caller;
  if (!self->begun)
    return _URC_NO_REASON;
  const Part part = part_of (address);
  if (part == PASSING)
    return _URC_NO_REASON;
  if (part == GLIB || part == GLIB_TRIES) {
    if (self->way == UNKNOWN)
      self->way = part;
    return _URC_NO_REASON;
  }
  self->asker.part = part;
  return _URC_END_OF_STACK;
}

/* The first in the stack who allocates for himself. */
static Asker
find_asker (const void *caller)
{
  Search search = { .caller = caller };

  _Unwind_Backtrace (visit, &search);
  search.asker.aborts = search.way == GLIB;
  return search.asker;
}

/* ---- whether it is refused ------------------------------------------------------------------- */

static gboolean
refuses (const void *caller, size_t bytes)
{
  gboolean refuse = FALSE;

  if (!atomic_load_explicit (&watching, memory_order_relaxed) || inside)
    return FALSE;
  inside = TRUE;
  const Asker asker = find_asker (caller);
  if (asker.part == ONEDNN)
    atomic_fetch_add (&onednn, 1);
  if (!asker.aborts || (asker.part == OURS && bytes >= FAILING_LARGE)) {
    if (asker.part == OURS || asker.part == VIPS) {
      const guint64 number = atomic_fetch_add (&n, 1) + 1;
      refuse = how.nth > 0 && (number == how.nth || (how.for_good && number > how.nth));
    }
    refuse |= how.budget > 0 && (gint64)bytes > how.budget - (gint64)atomic_load (&used);
  }
  if (refuse && (atomic_fetch_add (&refused, 1) == 0 || asker.aborts)) {
    void *frames[FRAMES]; /* for whoever reads why it failed */
    backtrace_symbols_fd (frames, backtrace (frames, FRAMES), STDERR_FILENO);
  }
  inside = FALSE;
  return refuse;
}

static void
add (gint64 bytes)
{
  if (!atomic_load_explicit (&watching, memory_order_relaxed))
    return;
  const long long now = atomic_fetch_add (&used, bytes) + bytes;
  long long most = atomic_load (&peak);
  while (now > most && !atomic_compare_exchange_weak (&peak, &most, now))
    ;
}

static void *
given (void *memory)
{
  if (memory)
    add ((gint64)malloc_usable_size (memory));
  return memory;
}

/* ---- in the place of glibc's ----------------------------------------------------------------- */

/* The libraries are to find these before glibc's. */
#  define EXPORT __attribute__ ((visibility ("default")))

#  define REFUSES(bytes) refuses (__builtin_return_address (0), bytes)

static void *
refuse (void)
{
  errno = ENOMEM;
  return NULL;
}

EXPORT void *
malloc (size_t bytes)
{
  return REFUSES (bytes) ? refuse () : given (__libc_malloc (bytes));
}

EXPORT void *
calloc (size_t count, size_t bytes)
{
  return REFUSES (count * bytes) ? refuse () : given (__libc_calloc (count, bytes));
}

EXPORT void *
realloc (void *memory, size_t bytes)
{
  const gint64 before = memory ? (gint64)malloc_usable_size (memory) : 0;
  if (REFUSES (bytes))
    return refuse ();
  void *larger = given (__libc_realloc (memory, bytes));
  if (larger || bytes == 0)
    add (-before);
  return larger;
}

EXPORT void *
memalign (size_t alignment, size_t bytes)
{
  return REFUSES (bytes) ? refuse () : given (__libc_memalign (alignment, bytes));
}

EXPORT void *
aligned_alloc (size_t alignment, size_t bytes)
{
  return REFUSES (bytes) ? refuse () : given (__libc_memalign (alignment, bytes));
}

EXPORT int
posix_memalign (void **memory, size_t alignment, size_t bytes)
{
  if (REFUSES (bytes))
    return ENOMEM;
  *memory = given (__libc_memalign (alignment, bytes));
  return *memory || bytes == 0 ? 0 : ENOMEM;
}

EXPORT void
free (void *memory)
{
  if (memory)
    add (-(gint64)malloc_usable_size (memory));
  __libc_free (memory);
}

static void *
map (const void *caller, void *address, size_t bytes, int protection, int flags, int fd,
     off_t offset)
{
  if (refuses (caller, bytes)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void *memory = (void *)syscall (SYS_mmap, address, bytes, protection, flags, fd, offset);
  if (memory != MAP_FAILED)
    add ((gint64)bytes);
  return memory;
}

EXPORT void *
mmap (void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
  return map (__builtin_return_address (0), address, bytes, protection, flags, fd, offset);
}

EXPORT void *
mmap64 (void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
  return map (__builtin_return_address (0), address, bytes, protection, flags, fd, offset);
}

EXPORT int
munmap (void *address, size_t bytes)
{
  add (-(gint64)bytes);
  return (int)syscall (SYS_munmap, address, bytes);
}

EXPORT int
pthread_create (pthread_t *thread, const pthread_attr_t *attributes, void *(*start) (void *),
                void *data)
{
  typedef int Create (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  static Create *next;
  Dl_info info;

  if (dladdr (__builtin_return_address (0), &info) && info.dli_fname &&
      strstr (info.dli_fname, "omp.so"))
    atomic_fetch_add (&omp_threads, 1);
  if (atomic_load (&watching) && how.threads) {
    atomic_fetch_add (&refused, 1);
    return EAGAIN;
  }
  if (!next)
    *(void **)&next = dlsym (RTLD_NEXT, "pthread_create");
  return next (thread, attributes, start, data);
}

#endif

/* ---- from when to when ----------------------------------------------------------------------- */

gboolean
failing_can (void)
{
#ifdef SANITIZED
  return FALSE;
#else
  return TRUE;
#endif
}

void
failing_start (const FailingHow *wanted)
{
  void *frame;
  backtrace (&frame, 1); /* loads what it needs when it is first called */
  how = *wanted;
  atomic_store (&n, 0);
  atomic_store (&refused, 0);
  atomic_store (&onednn, 0);
  atomic_store (&used, 0);
  atomic_store (&peak, 0);
  atomic_store (&watching, TRUE);
}

FailingCounts
failing_end (void)
{
  atomic_store (&watching, FALSE);
  return (FailingCounts){
    .n = atomic_load (&n),
    .peak = atomic_load (&peak),
    .refused = atomic_load (&refused),
    .onednn = atomic_load (&onednn),
  };
}

guint
failing_n_omp_threads (void)
{
  return atomic_load (&omp_threads);
}
