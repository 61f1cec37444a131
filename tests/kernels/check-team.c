/* SPDX-License-Identifier: MIT */
/* The threads that share the tasks of an operation (kernels/cpu/team.h), and how many there are. */
#include "tests/kernels/team.h"
#include "tests/kernels/harness.h"

int
main (void)
{
  check_runs ();
  check_life ();
  check_processors ();
  return cases_end ();
}
