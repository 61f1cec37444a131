/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create, fallocate */
#include "kernels/test-device/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION    ((size_t)64 << 30) /* bytes of addresses; memory is used where it is allocated */
#define ALIGNMENT ((size_t)64)

/* A piece that was allocated: whole pages, at whose end the caller's bytes lie so that what runs
 * over them meets the page without access. */
typedef struct Block Block;
struct Block {
  size_t first, n; /* pages; the one behind is the guard */
  size_t offset;   /* of the caller's bytes, from the first page */
  Block *next;     /* by address */
};

enum { PAGE_FREE, PAGE_LIVE, PAGE_RETIRED };

struct CkTestMemory {
  int file;
  uint8_t *alias, *real; /* the two mappings */
  size_t page, n_pages;  /* bytes of a page, which are 4, 16 or 64 KiB on aarch64 */
  uint8_t *state;        /* [n_pages] */
  pthread_mutex_t lock;
  Block *blocks;
  size_t cursor; /* the page behind the last block: addresses come again as late as possible */
};

void
ck_test_fatal (const char *format, ...)
{
  va_list args;

  fprintf (stderr, "test-device: ");
  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
  fprintf (stderr, "\n");
  abort ();
}

static void *
map (int file, size_t bytes)
{
  const int flags = MAP_NORESERVE | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
  void *memory = mmap (NULL, bytes, file < 0 ? PROT_READ | PROT_WRITE : PROT_NONE, flags, file, 0);

  return memory != MAP_FAILED ? memory : NULL;
}

CkTestMemory *
ck_test_memory_new (void)
{
  CkTestMemory *memory = calloc (1, sizeof *memory);

  if (memory == NULL)
    return NULL;
  pthread_mutex_init (&memory->lock, NULL);
  memory->page = (size_t)sysconf (_SC_PAGESIZE);
  memory->n_pages = REGION / memory->page;
  memory->file = memfd_create ("test-device", MFD_CLOEXEC);
  if (memory->file >= 0 && ftruncate (memory->file, (off_t)REGION) == 0) {
    memory->alias = map (memory->file, REGION);
    memory->real = map (memory->file, REGION);
    memory->state = map (-1, memory->n_pages);
  }
  if (memory->alias != NULL && memory->real != NULL && memory->state != NULL)
    return memory;
  ck_test_memory_free (memory);
  return NULL;
}

void
ck_test_memory_free (CkTestMemory *memory)
{
  for (Block *block = memory->blocks, *next; block != NULL; block = next) {
    next = block->next;
    free (block);
  }
  if (memory->alias != NULL)
    munmap (memory->alias, REGION);
  if (memory->real != NULL)
    munmap (memory->real, REGION);
  if (memory->state != NULL)
    munmap (memory->state, memory->n_pages);
  if (memory->file >= 0)
    close (memory->file);
  pthread_mutex_destroy (&memory->lock);
  free (memory);
}

/* Where n pages fit from page `from` on, and the link that a block there is put into. */
static Block **
find_gap (CkTestMemory *memory, size_t from, size_t n, size_t *first)
{
  Block **link = &memory->blocks;

  *first = from;
  for (; *link != NULL; link = &(*link)->next) {
    const Block *block = *link;

    if (block->first >= *first + n)
      break;
    if (block->first + block->n > *first)
      *first = block->first + block->n;
  }
  return *first + n <= memory->n_pages ? link : NULL;
}

void *
ck_test_memory_alloc (CkTestMemory *memory, size_t bytes)
{
  const size_t padded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, page = memory->page,
               n = (padded + page - 1) / page;
  Block *block = calloc (1, sizeof *block), **link = NULL;
  uint8_t *result = NULL;

  if (block == NULL || bytes > REGION / 2) {
    free (block);
    return NULL;
  }
  block->n = n + 1;
  block->offset = n * page - padded;
  pthread_mutex_lock (&memory->lock);
  link = find_gap (memory, memory->cursor, block->n, &block->first);
  if (link == NULL)
    link = find_gap (memory, 0, block->n, &block->first);
  if (link != NULL &&
      mprotect (memory->real + block->first * page, n * page, PROT_READ | PROT_WRITE) == 0) {
    block->next = *link;
    *link = block;
    memory->cursor = block->first + block->n;
    memset (memory->real + block->first * page, 0xff, n * page);
    memset (memory->state + block->first, PAGE_LIVE, n);
    result = memory->alias + block->first * page + block->offset;
  } else {
    free (block);
  }
  pthread_mutex_unlock (&memory->lock);
  return result;
}

/* The link to the block that begins at an alias; ends the process when there is none. */
static Block **
find_block (CkTestMemory *memory, const void *alias)
{
  for (Block **link = &memory->blocks; *link != NULL; link = &(*link)->next)
    if (memory->alias + (*link)->first * memory->page + (*link)->offset == (const uint8_t *)alias)
      return link;
  ck_test_fatal ("%p goes back, which no ck_alloc () gave", alias);
}

void
ck_test_memory_retire (CkTestMemory *memory, void *alias)
{
  const Block *block;

  pthread_mutex_lock (&memory->lock);
  block = *find_block (memory, alias);
  if (memory->state[block->first] != PAGE_LIVE)
    ck_test_fatal ("%p goes back a second time", alias);
  memset (memory->state + block->first, PAGE_RETIRED, block->n - 1);
  pthread_mutex_unlock (&memory->lock);
}

void
ck_test_memory_release (CkTestMemory *memory, void *alias)
{
  Block **link, *block;

  pthread_mutex_lock (&memory->lock);
  link = find_block (memory, alias);
  block = *link;
  *link = block->next;
  mprotect (memory->real + block->first * memory->page, (block->n - 1) * memory->page, PROT_NONE);
  fallocate (memory->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
             (off_t)(block->first * memory->page), (off_t)((block->n - 1) * memory->page));
  memset (memory->state + block->first, PAGE_FREE, block->n - 1);
  free (block);
  pthread_mutex_unlock (&memory->lock);
}

void *
ck_test_memory_place (CkTestMemory *memory, const void *alias, const char *what)
{
  const size_t offset = (size_t)((const uint8_t *)alias - memory->alias);
  uint8_t state;

  if (alias == NULL)
    return NULL;
  if ((const uint8_t *)alias < memory->alias || offset >= REGION)
    ck_test_fatal ("%s: %p is memory of the host", what, alias);
  pthread_mutex_lock (&memory->lock);
  state = memory->state[offset / memory->page];
  pthread_mutex_unlock (&memory->lock);
  if (state != PAGE_LIVE)
    ck_test_fatal ("%s: %p is no memory, or went back", what, alias);
  return memory->real + offset;
}
