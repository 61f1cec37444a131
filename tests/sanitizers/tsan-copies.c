/* SPDX-License-Identifier: MIT */
/*
 * Copies that our own code makes, judged by ThreadSanitizer. A structure that is assigned is a call
 * of memcpy (), and ThreadSanitizer's own version of that judges nothing when it is told to leave
 * libraries alone that were not built for it (ignore_noninstrumented_modules): on Linux it does not
 * find out which those are. tests/tsan.sh links this into each program and library of ours, with
 * --wrap, so that it sees the calls from there and no others. It is not instrumented itself.
 */
#include <stddef.h>

#define WEAK __attribute__ ((weak))
extern WEAK void __tsan_func_entry (void *caller);
extern WEAK void __tsan_func_exit (void);
extern WEAK void __tsan_read_range (void *address, unsigned long size);
extern WEAK void __tsan_write_range (void *address, unsigned long size);

void *__real_memcpy (void *to, const void *from, size_t n);
void *__real_memmove (void *to, const void *from, size_t n);
void *__real_memset (void *to, int value, size_t n);
void *__wrap_memcpy (void *to, const void *from, size_t n);
void *__wrap_memmove (void *to, const void *from, size_t n);
void *__wrap_memset (void *to, int value, size_t n);

/* `caller`: where in our code the copy stands; it is the line that a report names. */
static void
accessed (void *to, const void *from, size_t n, void *caller)
{
  if (__tsan_write_range == NULL || n == 0)
    return;
  __tsan_func_entry (caller);
  if (from != NULL)
    __tsan_read_range ((void *)from, n);
  __tsan_write_range (to, n);
  __tsan_func_exit ();
}

void *
__wrap_memcpy (void *to, const void *from, size_t n)
{
  accessed (to, from, n, __builtin_return_address (0));
  return __real_memcpy (to, from, n);
}

void *
__wrap_memmove (void *to, const void *from, size_t n)
{
  accessed (to, from, n, __builtin_return_address (0));
  return __real_memmove (to, from, n);
}

void *
__wrap_memset (void *to, int value, size_t n)
{
  accessed (to, NULL, n, __builtin_return_address (0));
  return __real_memset (to, value, n);
}
