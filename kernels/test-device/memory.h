/* SPDX-License-Identifier: MIT */
/* Memory that is mapped twice: an alias for callers, without access, and the queue's. Thread-safe.
 */
#ifndef CK_TEST_MEMORY_H
#define CK_TEST_MEMORY_H

#include <stddef.h>

typedef struct CkTestMemory CkTestMemory;

/* NULL when there is none. */
CkTestMemory *ck_test_memory_new (void);
void ck_test_memory_free (CkTestMemory *memory);

/* The alias of `bytes` (at least 1) bytes full of ones, which are NaN as floats; aligned to 64,
 * with a page without access behind them. NULL when there is none. */
void *ck_test_memory_alloc (CkTestMemory *memory, size_t bytes);

/* The caller gives it back: from now on ck_test_memory_place () refuses it. */
void ck_test_memory_retire (CkTestMemory *memory, void *alias);
/* The queue has come behind its last use: it is unmapped. */
void ck_test_memory_release (CkTestMemory *memory, void *alias);

/* Where the queue finds what a caller calls `alias`; NULL is nowhere. Ends the process, naming
 * `what`, when the pointer is not device memory or went back. */
void *ck_test_memory_place (CkTestMemory *memory, const void *alias, const char *what);

/* Ends the process with a message. */
void ck_test_fatal (const char *format, ...) __attribute__ ((format (printf, 1, 2), noreturn));

#endif /* CK_TEST_MEMORY_H */
