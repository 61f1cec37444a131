/* SPDX-License-Identifier: MIT */
#include "trainer/stop.h"

#include <signal.h>

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t requested;

static void
on_signal (int number)
{
  requested = 1;
}

void
stop_install (void)
{
  const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
}

gboolean
stop_requested (void)
{
  return requested != 0;
}
