/* SPDX-License-Identifier: MIT */
#include "model/files/host-memory.h"

#include <string.h>

static guint64
read_number (const char *path, const char *after)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  const char *place = after ? strstr (text, after) : text;
  return place ? g_ascii_strtoull (place + (after ? strlen (after) : 0), NULL, 10) : 0;
}

/* The memory that a control group of version 2 leaves, or G_MAXUINT64; pages of files can be
 * given back, so that they do not count as used. */
static guint64
group_available (void)
{
  const guint64 limit = read_number ("/sys/fs/cgroup/memory.max", NULL),
                used = read_number ("/sys/fs/cgroup/memory.current", NULL);
  const guint64 files = read_number ("/sys/fs/cgroup/memory.stat", "\nfile ");
  if (limit == 0)
    return G_MAXUINT64;
  const guint64 held = used > files ? used - files : 0;
  return limit > held ? limit - held : 1;
}

guint64
cow_host_memory_available (void)
{
  return MIN (read_number ("/proc/meminfo", "MemAvailable:") * 1024, group_available ());
}
