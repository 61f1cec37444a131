/* SPDX-License-Identifier: MIT */
/* Accesses by functions. Atomic ones need nothing more: threads are fibers of one thread. */
#include "tests/cuda-on-cpu/cuda-on-cpu.h"

#include "tests/cuda-on-cpu/shadow.h"

static int
exchange (int *address, int value)
{
  const int before = *address;

  *address = value;
  return before;
}

int
cow_atomic_add (int *address, int value)
{
  shadow_atomic (address, sizeof *address);
  return exchange (address, (int)((unsigned)*address + (unsigned)value));
}

int
cow_atomic_max (int *address, int value)
{
  shadow_atomic (address, sizeof *address);
  return exchange (address, *address > value ? *address : value);
}

int
cow_atomic_min (int *address, int value)
{
  shadow_atomic (address, sizeof *address);
  return exchange (address, *address < value ? *address : value);
}

int
cow_atomic_exchange (int *address, int value)
{
  shadow_atomic (address, sizeof *address);
  return exchange (address, value);
}

int
cow_atomic_compare (int *address, int compare, int value)
{
  shadow_atomic (address, sizeof *address);
  return exchange (address, *address == compare ? value : *address);
}

void *
cow_memcpy (void *to, const void *from, size_t bytes)
{
  shadow_read (from, bytes);
  shadow_write (to, bytes);
  return memcpy (to, from, bytes);
}

void *
cow_memset (void *to, int value, size_t bytes)
{
  shadow_write (to, bytes);
  return memset (to, value, bytes);
}
