/* SPDX-License-Identifier: MIT */
/* Atomic functions; threads are fibers of one thread, so nothing comes between. */
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
