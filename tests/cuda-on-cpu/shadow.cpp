/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/shadow.h"

bool
shadow_begin (void)
{
  return true;
}

void
shadow_fresh (void *, size_t)
{
}

void
shadow_written (void *, size_t)
{
}

void
shadow_gone (void *, size_t)
{
}

void
shadow_read (const void *, size_t)
{
}

void
shadow_write (void *, size_t)
{
}

void
shadow_in_flight (void *, size_t)
{
}

void
shadow_landed (void *, size_t)
{
}
