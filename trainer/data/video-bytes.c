/* SPDX-License-Identifier: MIT */
#include "trainer/data/video-bytes.h"

#include <string.h>

gboolean
video_bytes (const void *bytes, gsize n_bytes)
{
  static const struct {
    gsize offset;
    const char *bytes;
  } starts[] = { { 4, "ftyp" }, { 0, "\x1a\x45\xdf\xa3" }, { 8, "AVI " }, { 0, "FLV\1" } };

  for (guint i = 0; i < G_N_ELEMENTS (starts); i++) {
    const gsize n = strlen (starts[i].bytes);
    if (n_bytes >= starts[i].offset + n &&
        memcmp ((const char *)bytes + starts[i].offset, starts[i].bytes, n) == 0)
      return TRUE;
  }
  return FALSE;
}
