/* SPDX-License-Identifier: MIT */
#include "trainer/host/stop.h"

#include <signal.h>
#include <unistd.h>

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t requested;

static void
on_signal (int number)
{
  static const char text[] =
      "\ncow-trainer: stopping at the next safe place; once more stops at once\n";
  const ssize_t unused = write (STDERR_FILENO, text, sizeof text - 1);
  (void)unused;
  requested = 1;
}

void
stop_install (void)
{
  const struct sigaction action = { .sa_handler = on_signal,
                                    .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
}

gboolean
stop_requested (void)
{
  return requested != 0;
}
