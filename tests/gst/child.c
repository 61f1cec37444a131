/* SPDX-License-Identifier: MIT */
#include "tests/gst/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef struct {
  pid_t test;
  int at_death;
} Setup;

static void
set_up (gpointer data)
{
  const Setup *setup = data;

  prctl (PR_SET_PDEATHSIG, setup->at_death);
  if (getppid () != setup->test) /* it has ended already */
    raise (SIGKILL);
}

GSubprocess *
child_new (const char *const *argv, GSubprocessFlags flags, int at_death)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  g_autoptr (GError) error = NULL;
  Setup setup = { getpid (), at_death };
  GSubprocess *child;

  g_subprocess_launcher_set_child_setup (launcher, set_up, &setup, NULL);
  child = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  return child;
}
