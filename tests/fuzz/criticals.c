/* SPDX-License-Identifier: MIT */
/* GLib's critical messages end the program. */
#include "tests/fuzz/criticals.h"

#include <glib.h>
#include <stdlib.h>

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer unused)
{
  if (!(level & G_LOG_LEVEL_CRITICAL))
    return G_LOG_WRITER_HANDLED;
  g_log_writer_standard_streams (level, fields, n_fields, NULL);
  abort ();
}

void
fuzz_abort_at_criticals (void)
{
  static gboolean done;

  if (!done)
    g_log_set_writer_func (write_log, NULL, NULL);
  done = TRUE;
}
