/* SPDX-License-Identifier: MIT */
/*
 * The shadow is a direct map: a cell for every 4 bytes, and one for every byte, which are used
 * where parts of 4 bytes are accessed. A cell has the last write, and the reads since then: one,
 * or that there were several.
 */
#include "tests/cuda-on-cpu/shadow.h"

#include "tests/cuda-on-cpu/machine.h"
#include "tests/cuda-on-cpu/memory.h"

#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LIKELY(condition)   __builtin_expect (!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect (!!(condition), 0)
#define INLINE              static inline __attribute__ ((always_inline))

Running running;

namespace
{

enum { ILLEGAL_ADDRESS = 700, MISALIGNED = 716, LAUNCH_FAILED = 719 }; /* CUresult */

struct Cell {
  Token write, read;
};

/* Values of Cell.write that are no tokens. */
enum : Token { NOT_THERE, FRESH, SPLIT /* the cells of bytes count */ };

const Token COPIED = (Token)(FIRST_EPOCH - 1) << TOKEN_EPOCH;

/* Flags of writes. */
const Token ATOMIC = (Token)1 << TOKEN_FLAGS; /* all of these were */
const Token MANY = (Token)2 << TOKEN_FLAGS;   /* also by other threads in this epoch */
const Token BLOCKS = (Token)4 << TOKEN_FLAGS; /* also by other blocks in this launch */
const Token IN_FLIGHT = BLOCKS;               /* without ATOMIC: a copy's, not waited for */
const Token WRITE_FLAGS = ATOMIC | MANY | BLOCKS;

/* Flags of reads; BLOCKS is as for writes. */
const Token LANES = (Token)1 << TOKEN_FLAGS; /* by several lanes of the thread's warp */
const Token WARPS = (Token)2 << TOKEN_FLAGS; /* by several warps */

Cell *cells, *byte_cells;

enum Access { READ, WRITE, ATOMIC_ACCESS, LAND };

const char *const access_names[] = { "reads", "writes", "writes atomically", "copies to" };

unsigned
thread_of (Token token)
{
  return token >> TOKEN_CLOCK & (MAX_THREADS - 1);
}

unsigned
clock_of (Token token)
{
  return token & ((1u << TOKEN_CLOCK) - 1);
}

uint64_t
epoch_of (Token token)
{
  return token >> TOKEN_EPOCH;
}

/* ---- reports --------------------------------------------------------------------------------- */

void
describe (const void *address, char *text, size_t bytes)
{
  const size_t offset = (size_t)(static_cast<const uint8_t *> (address) - memory_base);

  if (offset < MEMORY_SHARED)
    snprintf (text, bytes, "byte %zu of %zu bytes of shared memory", offset, running.shared_bytes);
  else if (offset < MEMORY_REGION)
    memory_describe (address, text, bytes);
  else
    snprintf (text, bytes, "no memory of the GPU");
}

[[noreturn]] void
fault_at (int result, const void *address, size_t bytes, Access access, const char *why)
{
  char place[160];

  describe (address, place, sizeof place);
  fault (result, "%s %zu bytes at %p (%s): %s", access_names[access], bytes, address, place, why);
}

[[noreturn]] void
fault_race (const void *address, size_t bytes, Access access, const char *what, Token other)
{
  char why[256], who[128];

  if (other < running.block)
    describe_block (epoch_of (other), who, sizeof who);
  else
    snprintf (who, sizeof who, "thread %u (warp %u, lane %u)", thread_of (other),
              thread_of (other) / WARP, thread_of (other) % WARP);
  snprintf (why, sizeof why, "%s %s, with nothing that orders the two", what, who);
  fault_at (LAUNCH_FAILED, address, bytes, access, why);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Whether what a thread did at a time of this launch is before what the running thread does now. */
bool
is_before (Token token)
{
  const unsigned own = thread_of (running.me), other = thread_of (token);

  if (epoch_of (token) != epoch_of (running.me))
    return token >= running.block;
  if (own == other)
    return true;
  return own / WARP == other / WARP && running.clocks[other % WARP] > clock_of (token);
}

/* Whether the reads of a cell, in this launch, are before a write of the running thread. */
bool
are_reads_before (Token token)
{
  if ((token & BLOCKS) != 0)
    return false;
  if (epoch_of (token) != epoch_of (running.me) || (token & (LANES | WARPS)) == 0)
    return is_before (token);
  const unsigned own = thread_of (running.me);

  if ((token & WARPS) != 0 || own / WARP != thread_of (token) / WARP)
    return false;
  for (unsigned lane = 0; lane < warp_lanes (own / WARP); lane++)
    if (lane != own % WARP && running.clocks[lane] <= clock_of (token))
      return false;
  return true;
}

/* Whether a write of this launch is before what the running thread does. */
bool
is_write_before (Token token)
{
  if ((token & ATOMIC) != 0) {
    if ((token & BLOCKS) != 0 || ((token & MANY) != 0 && epoch_of (token) == epoch_of (running.me)))
      return false;
  } else if ((token & IN_FLIGHT) != 0) {
    return false;
  }
  return is_before (token);
}

/* ---- a cell ---------------------------------------------------------------------------------- */

[[noreturn]] void
fault_write (const void *address, size_t bytes, Access access, Token token)
{
  const bool in_flight = (token & (ATOMIC | IN_FLIGHT)) == IN_FLIGHT;

  if (in_flight && token >= running.block)
    fault_at (LAUNCH_FAILED, address, bytes, access,
              "an asynchronous copy goes there, which has not been waited for");
  fault_race (address, bytes, access,
              (token & ATOMIC) != 0 ? "written atomically by" : "written by", token);
}

/* What `cell` says against an access that needs the last write to be before it; `limit` is the
 * first token that matters. */
INLINE void
check_write_before (const Cell *cell, Token limit, bool shared, const void *address, size_t bytes,
                    Access access)
{
  const Token write = cell->write;

  if (shared ? LIKELY (write >= limit && write < running.epoch && (write & BLOCKS) == 0)
             : LIKELY (write >= COPIED && write < limit))
    return;
  if (write >= limit) {
    if (access == ATOMIC_ACCESS && (write & ATOMIC) != 0)
      return;
    if (UNLIKELY (!is_write_before (write)))
      fault_write (address, bytes, access, write);
    return;
  }
  if (write == NOT_THERE && !shared)
    fault_at (ILLEGAL_ADDRESS, address, bytes, access, "out of bounds");
  if (access == READ || access == ATOMIC_ACCESS)
    fault_at (LAUNCH_FAILED, address, bytes, access, "never written");
}

INLINE void
note_read (Cell *cell, Token limit)
{
  const Token read = cell->read, me = running.me;

  if (read < limit) {
    cell->read = me;
    return;
  }
  if ((read & ~(Token)BLOCKS) == me)
    return;
  if (epoch_of (read) != epoch_of (me)) {
    cell->read = me | (read >= running.block ? read & BLOCKS : BLOCKS);
    return;
  }
  if ((read & WARPS) != 0)
    return;
  if (thread_of (read) / WARP != thread_of (me) / WARP) {
    cell->read = read | WARPS;
    return;
  }
  const Token later = clock_of (read) > clock_of (me) ? read : me;

  cell->read =
      later | (read & (BLOCKS | LANES)) | (thread_of (read) != thread_of (me) ? LANES : (Token)0);
}

INLINE void
check_reads_before (const Cell *cell, Token limit, const void *address, size_t bytes, Access access)
{
  if (cell->read >= limit && UNLIKELY (!are_reads_before (cell->read)))
    fault_race (address, bytes, access, "read by", cell->read);
}

/* An atomic access goes on with the flags of those before it. */
Token
atomic_token (Token before, Token limit)
{
  Token token = running.me | ATOMIC;

  if (before < limit || (before & ATOMIC) == 0)
    return token;
  if (before < running.block)
    return token | BLOCKS;
  token |= before & BLOCKS;
  if (epoch_of (before) == epoch_of (running.me) &&
      ((before & MANY) != 0 || thread_of (before) != thread_of (running.me)))
    token |= MANY;
  return token;
}

template <Access access>
INLINE void
use_cell (Cell *cell, bool shared, const void *address, size_t bytes)
{
  const Token limit = shared ? running.block : running.launch;

  if (access != LAND)
    check_write_before (cell, limit, shared, address, bytes, access);
  if (access == READ) {
    note_read (cell, limit);
    return;
  }
  check_reads_before (cell, limit, address, bytes, access);
  cell->write = access == ATOMIC_ACCESS ? atomic_token (cell->write, limit) : running.me;
  cell->read = 0;
}

/* ---- bytes and words ------------------------------------------------------------------------- */

void
split (Cell *cell, size_t word)
{
  for (int i = 0; i < 4; i++)
    byte_cells[4 * word + i] = *cell;
  cell->write = SPLIT;
  cell->read = 0;
}

/* Bytes of one word, of which not all, or of a word whose bytes differ. */
template <Access access>
__attribute__ ((noinline)) void
use_bytes (size_t offset, size_t n, bool shared, const void *address, size_t bytes)
{
  Cell *cell = &cells[offset / 4];

  if (cell->write != SPLIT)
    split (cell, offset / 4);
  for (size_t i = 0; i < n; i++)
    use_cell<access> (&byte_cells[offset + i], shared, address, bytes);
  if (access != READ && n == 4)
    *cell = byte_cells[offset];
}

/* Constants, or what no kernel may touch. */
void use_other (const void *address, size_t bytes, Access access);

template <Access access>
INLINE void
use (const void *address, size_t bytes)
{
  const uint8_t *place = static_cast<const uint8_t *> (address);
  size_t offset = (size_t)(place - memory_base);

  if (UNLIKELY (offset >= MEMORY_REGION)) {
    if (UNLIKELY ((size_t)(place - running.stack) >= running.stack_bytes))
      use_other (address, bytes, access);
    return;
  }
  const bool shared = offset < MEMORY_SHARED;

  if (shared && UNLIKELY (offset + bytes > running.shared_bytes))
    fault_at (ILLEGAL_ADDRESS, address, bytes, access, "out of bounds");
  if (LIKELY (((offset | bytes) & 3) == 0)) {
    for (size_t word = offset / 4, end = (offset + bytes) / 4; word < end; word++)
      if (LIKELY (cells[word].write != SPLIT))
        use_cell<access> (&cells[word], shared, address, bytes);
      else
        use_bytes<access> (4 * word, 4, shared, address, bytes);
    return;
  }
  for (size_t end = offset + bytes; offset < end;) {
    const size_t rest = 4 - offset % 4, n = rest < end - offset ? rest : end - offset;

    use_bytes<access> (offset, n, shared, address, bytes);
    offset += n;
  }
}

/* Parts of this library that are never written, as tables of constants are. */
struct Search {
  uintptr_t address;
  bool found;
};

int
find_constants (struct dl_phdr_info *info, size_t, void *data)
{
  Search *search = static_cast<Search *> (data);
  const uintptr_t here = reinterpret_cast<uintptr_t> (&find_constants);
  bool ours = false, constant = false;

  for (int i = 0; i < info->dlpi_phnum; i++) {
    const auto &part = info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + part.p_vaddr;

    if (part.p_type == PT_LOAD && here - begin < part.p_memsz)
      ours = true;
    if ((part.p_type == PT_GNU_RELRO || (part.p_type == PT_LOAD && (part.p_flags & PF_W) == 0)) &&
        search->address - begin < part.p_memsz)
      constant = true;
  }
  search->found |= ours && constant;
  return search->found;
}

__attribute__ ((noinline)) void
use_other (const void *address, size_t bytes, Access access)
{
  Search search = { reinterpret_cast<uintptr_t> (address), false };
  static uintptr_t known = UINTPTR_MAX; /* a page of constants */

  if (access == READ && search.address / 4096 == known)
    return;
  if (access == READ)
    dl_iterate_phdr (find_constants, &search);
  if (!search.found)
    fault_at (ILLEGAL_ADDRESS, address, bytes, access, "out of bounds");
  known = search.address / 4096;
}

void
fill (void *memory, size_t bytes, Token write)
{
  const size_t begin = (size_t)(static_cast<uint8_t *> (memory) - memory_base), end = begin + bytes,
               first = (begin + 3) / 4, last = end / 4;

  for (size_t offset = begin; offset < end; offset++) {
    if (offset % 4 == 0 && offset / 4 >= first && offset / 4 < last) {
      for (size_t word = offset / 4; word < last; word++)
        cells[word] = { write, 0 };
      offset = 4 * last;
      if (offset >= end)
        return;
    }
    if (cells[offset / 4].write != SPLIT)
      split (&cells[offset / 4], offset / 4);
    byte_cells[offset] = { write, 0 };
  }
}

Cell *
map_cells (size_t n)
{
  void *memory = mmap (nullptr, n * sizeof (Cell), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  return memory != MAP_FAILED ? static_cast<Cell *> (memory) : nullptr;
}

} // namespace

bool
shadow_begin (void)
{
  if (cells == nullptr)
    cells = map_cells (MEMORY_REGION / 4);
  if (byte_cells == nullptr)
    byte_cells = map_cells (MEMORY_REGION);
  return cells != nullptr && byte_cells != nullptr;
}

void
shadow_fresh (void *memory, size_t bytes)
{
  fill (memory, bytes, FRESH);
}

void
shadow_written (void *memory, size_t bytes)
{
  fill (memory, bytes, COPIED);
}

/* Whether a byte was never written. */
static bool
is_fresh (const uint8_t *address)
{
  const size_t offset = (size_t)(address - memory_base);
  const Token word = cells[offset / 4].write;

  return (word == SPLIT ? byte_cells[offset].write : word) == FRESH;
}

void
shadow_copied (void *memory, const void *from, size_t bytes)
{
  uint8_t *to = static_cast<uint8_t *> (memory);
  const uint8_t *source = static_cast<const uint8_t *> (from);

  for (size_t begin = 0, end; begin < bytes; begin = end) {
    const bool fresh = is_fresh (source + begin);

    for (end = begin + 1; end < bytes && is_fresh (source + end) == fresh; end++) {
    }
    fill (to + begin, end - begin, fresh ? FRESH : COPIED);
  }
}

void
shadow_gone (void *memory, size_t bytes)
{
  fill (memory, bytes, NOT_THERE);
}

void
shadow_launch (size_t shared_bytes)
{
  memset (cells, 0, (shared_bytes + 3) / 4 * sizeof *cells);
}

void
shadow_read (const void *address, size_t bytes)
{
  use<READ> (address, bytes);
}

void
shadow_write (void *address, size_t bytes)
{
  use<WRITE> (address, bytes);
}

void
shadow_atomic (void *address, size_t bytes)
{
  use<ATOMIC_ACCESS> (address, bytes);
}

void
shadow_in_flight (void *address, size_t bytes)
{
  const size_t offset = (size_t)(static_cast<uint8_t *> (address) - memory_base);

  if (offset >= MEMORY_SHARED)
    fault_at (ILLEGAL_ADDRESS, address, bytes, WRITE, "an asynchronous copy goes to shared memory");
  use<WRITE> (address, bytes);
  for (size_t word = offset / 4; word < (offset + bytes) / 4; word++)
    cells[word].write |= IN_FLIGHT;
}

void
shadow_landed (void *address, size_t bytes)
{
  use<LAND> (address, bytes);
}

void
fault_aligned (const void *address, int bytes, const char *file, unsigned line)
{
  char place[160];

  describe (address, place, sizeof place);
  fault (MISALIGNED, "%p (%s) at %s:%u is not aligned to %d bytes", address, place, file, line,
         bytes);
}

/* ---- what instrumented code calls ------------------------------------------------------------ */

#define EXPORTED extern "C" __attribute__ ((used))
#define ACCESSES(bytes)                                                                            \
  EXPORTED void __tsan_read##bytes (const void *address)                                           \
  {                                                                                                \
    use<READ> (address, bytes);                                                                    \
  }                                                                                                \
  EXPORTED void __tsan_write##bytes (void *address)                                                \
  {                                                                                                \
    use<WRITE> (address, bytes);                                                                   \
  }                                                                                                \
  EXPORTED void __tsan_unaligned_read##bytes (const void *address)                                 \
  {                                                                                                \
    use<READ> (address, bytes);                                                                    \
  }                                                                                                \
  EXPORTED void __tsan_unaligned_write##bytes (void *address)                                      \
  {                                                                                                \
    use<WRITE> (address, bytes);                                                                   \
  }
ACCESSES (1)
ACCESSES (2)
ACCESSES (4)
ACCESSES (8)
ACCESSES (16)
#undef ACCESSES

EXPORTED void
__tsan_read_range (const void *address, size_t bytes)
{
  if (bytes > 0)
    use<READ> (address, bytes);
}

EXPORTED void
__tsan_write_range (void *address, size_t bytes)
{
  if (bytes > 0)
    use<WRITE> (address, bytes);
}

EXPORTED void
__tsan_init (void)
{
}

EXPORTED void
__tsan_func_entry (void *)
{
}

EXPORTED void
__tsan_func_exit (void)
{
}
