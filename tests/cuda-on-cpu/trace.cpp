/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/trace.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MOST_FRAMES = 24 };

/* Lines of addr2line that are about the machine itself. */
static bool
is_ours (const char *line)
{
  return strstr (line, "tests/cuda-on-cpu/") != nullptr && strstr (line, ".cu:") == nullptr;
}

void
print_trace (void)
{
  void *frames[MOST_FRAMES];
  const int n = backtrace (frames, MOST_FRAMES);
  char command[1024], line[512];
  Dl_info here, there;

  if (dladdr (reinterpret_cast<void *> (&print_trace), &here) == 0)
    return;
  int used = snprintf (command, sizeof command, "addr2line -f -C -i -p -e '%s'", here.dli_fname);

  for (int i = 1; i < n && used < (int)sizeof command - 32; i++)
    if (dladdr (frames[i], &there) != 0 && there.dli_fbase == here.dli_fbase)
      used += snprintf (
          command + used, sizeof command - (size_t)used, " %#zx",
          (size_t)(static_cast<uint8_t *> (frames[i]) - static_cast<uint8_t *> (there.dli_fbase)) -
              1);
  FILE *lines = popen (command, "r");

  if (lines == nullptr)
    return;
  while (fgets (line, sizeof line, lines) != nullptr)
    if (!is_ours (line))
      fprintf (stderr, "cuda-on-cpu:   %s", line);
  pclose (lines);
}
