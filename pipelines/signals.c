/* SPDX-License-Identifier: MIT */
#include "pipelines/signals.h"

#include <glib-unix.h>
#include <signal.h>

void
signals_watch (GSourceFunc function, gpointer data)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++) {
    struct sigaction before;

    if (signals[i] == SIGHUP && sigaction (SIGHUP, NULL, &before) == 0 &&
        before.sa_handler == SIG_IGN)
      continue;
    g_unix_signal_add (signals[i], function, data);
  }
}
