/* SPDX-License-Identifier: MIT */
#include "trainer/host/memory.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

guint64
memory_peak (void)
{
  struct rusage usage;
  return getrusage (RUSAGE_SELF, &usage) == 0 ? (guint64)usage.ru_maxrss * 1024 : 0;
}

guint64
memory_now (void)
{
  g_autofree char *text = NULL;
  const char *resident =
      g_file_get_contents ("/proc/self/statm", &text, NULL, NULL) ? strchr (text, ' ') : NULL;
  return resident ? g_ascii_strtoull (resident, NULL, 10) * (guint64)sysconf (_SC_PAGESIZE) : 0;
}
