/* SPDX-License-Identifier: MIT */
#include "trainer/host/processor.h"

#include <string.h>

/* What the system calls the board of a small machine ("Raspberry Pi 5 Model B Rev 1.0"): for
 * processors of Arm /proc/cpuinfo has no names. */
static char *
board_name (void)
{
  char *name = NULL;

  return g_file_get_contents ("/proc/device-tree/model", &name, NULL, NULL) ? g_strstrip (name)
                                                                            : NULL;
}

char *
processor_name (void)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++) {
    char *colon = strchr (*line, ':');
    if (colon && g_str_has_prefix (*line, "model name"))
      return g_strdup (g_strstrip (colon + 1));
  }
  return board_name ();
}
