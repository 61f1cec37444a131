/* SPDX-License-Identifier: MIT */
#include "trainer/video/source.h"

#include <glib/gstdio.h>

GDateTime *
cow_video_source_date (const CowVideoSource *self)
{
  GStatBuf info;

  if (self->start)
    return g_date_time_ref (self->start);
  return g_date_time_new_from_unix_utc (g_stat (self->path, &info) == 0 ? info.st_mtime : 0);
}
