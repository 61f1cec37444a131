/* SPDX-License-Identifier: MIT */
#include "trainer/host/processor.h"

#include <string.h>

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
  return NULL;
}
