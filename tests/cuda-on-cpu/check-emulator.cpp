/* SPDX-License-Identifier: MIT */
/* The emulator's own tests; TAP. */
#include "tests/cuda-on-cpu/fixture.h"

#include <stdio.h>

int
main (void)
{
  if (cuInit (0) != 0) {
    printf ("Bail out! no addresses for the memory of a GPU\n");
    return 1;
  }
  check_wrong_kernels ();
  check_limits ();
  check_fragments ();
  check_instructions ();
  check_driver ();
  return !check_end ();
}
