/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/memory.h"

#include <map>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

uint8_t *memory_base;

namespace
{

const size_t ALIGNMENT = 256, GAP = 256; /* between two pieces, for who runs over one */

/* Pages are huge where the system has them, because protection changes with every run of work. */
const size_t HUGE = (size_t)2 << 20;

/* Addresses come again when so many more bytes than are used have been given out. */
const size_t ROUND = (size_t)16 << 20;

std::map<size_t, size_t> pieces; /* bytes by offset in the region */
size_t cursor = MEMORY_SHARED, used;
int key; /* of the region; negative: this processor has none */

size_t
room_of (size_t bytes)
{
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + GAP;
}

/* Where from an offset on there is room; 0: nowhere. */
size_t
find_gap (size_t from, size_t room)
{
  auto next = pieces.lower_bound (from);

  if (next != pieces.begin ()) {
    auto before = std::prev (next);

    if (before->first + room_of (before->second) > from)
      from = before->first + room_of (before->second);
  }
  while (next != pieces.end () && next->first < from + room) {
    from = next->first + room_of (next->second);
    ++next;
  }
  return from + room <= MEMORY_REGION ? from : 0;
}

size_t
offset_of (const void *address)
{
  return (size_t)(static_cast<const uint8_t *> (address) - memory_base);
}

} // namespace

bool
memory_begin (void)
{
  if (memory_base != nullptr)
    return true;
  void *memory = mmap (nullptr, MEMORY_REGION + HUGE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (memory == MAP_FAILED)
    return false;
  memory_base = static_cast<uint8_t *> (memory);
  memory_base += (HUGE - reinterpret_cast<uintptr_t> (memory) % HUGE) % HUGE;
  madvise (memory_base, MEMORY_REGION, MADV_HUGEPAGE);
  key = pkey_alloc (0, PKEY_DISABLE_ACCESS);
  if (key >= 0 && pkey_mprotect (memory_base, MEMORY_REGION, PROT_READ | PROT_WRITE, key) != 0)
    return false;
  return true;
}

void *
memory_alloc (size_t bytes)
{
  size_t offset;

  if (bytes == 0 || bytes > MEMORY_GLOBAL / 2)
    return nullptr;
  offset = find_gap (cursor, room_of (bytes));
  if (offset == 0)
    offset = find_gap (MEMORY_SHARED, room_of (bytes));
  if (offset == 0)
    return nullptr;
  pieces[offset] = bytes;
  cursor = offset + room_of (bytes);
  if (cursor > used + ROUND)
    cursor = MEMORY_SHARED;
  used += bytes;
  return memory_base + offset;
}

bool
memory_free (void *memory)
{
  auto piece = pieces.find (offset_of (memory));

  if (piece == pieces.end ())
    return false;
  const size_t first = (piece->first + HUGE - 1) / HUGE * HUGE,
               end = (piece->first + piece->second) / HUGE * HUGE;

  if (end > first)
    madvise (memory_base + first, end - first, MADV_DONTNEED);
  used -= piece->second;
  pieces.erase (piece);
  return true;
}

size_t
memory_used (void)
{
  return used;
}

bool
memory_is_live (const void *memory, size_t bytes)
{
  const size_t offset = offset_of (memory);
  auto piece = pieces.upper_bound (offset);

  if (piece == pieces.begin ())
    return false;
  --piece;
  return offset - piece->first <= piece->second && bytes <= piece->second - (offset - piece->first);
}

void
memory_describe (const void *address, char *text, size_t bytes)
{
  const size_t offset = offset_of (address);
  auto next = pieces.upper_bound (offset);
  size_t behind = 0;

  if (next != pieces.begin ()) {
    auto before = std::prev (next);
    const size_t at = offset - before->first;

    if (at < before->second) {
      snprintf (text, bytes, "byte %zu of an allocation of %zu bytes", at, before->second);
      return;
    }
    behind = at - before->second;
    if (next == pieces.end () || behind < next->first - offset) {
      snprintf (text, bytes, "%zu bytes behind the end of an allocation of %zu bytes", behind,
                before->second);
      return;
    }
  }
  if (next == pieces.end ())
    snprintf (text, bytes, "there is no allocation");
  else
    snprintf (text, bytes, "%zu bytes before an allocation of %zu bytes", next->first - offset,
              next->second);
}

/* A processor's protection keys are a matter of one instruction, and of the calling thread. */
void
memory_open (void)
{
  if (key >= 0)
    pkey_set (key, 0);
  else
    mprotect (memory_base, MEMORY_REGION, PROT_READ | PROT_WRITE);
}

void
memory_close (void)
{
  if (key >= 0)
    pkey_set (key, PKEY_DISABLE_ACCESS);
  else
    mprotect (memory_base, MEMORY_REGION, PROT_NONE);
}

size_t
memory_bytes (const void *memory)
{
  auto piece = pieces.find (offset_of (memory));

  return piece != pieces.end () ? piece->second : 0;
}
