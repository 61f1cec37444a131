/* SPDX-License-Identifier: MIT */
/* The threads that share the tasks of an operation (kernels/cpu/team.h), and how many there are. */
#include "tests/kernels/team.h"
#include "tests/kernels/harness.h"

#include <stdlib.h>

int
main (void)
{
  /* Of the CPU's threads; test-device's own survive no fork (). */
  unsetenv ("COWBEHAVIOR_TEST_DEVICE");
  check_runs ();
  check_life ();
  check_processors ();
  return cases_end ();
}
