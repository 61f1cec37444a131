/* SPDX-License-Identifier: MIT */
#include "model/engine/forks.h"

#include <pthread.h>

static guint forks; /* written where a process has one thread */

static void
in_child (void)
{
  forks++;
}

static void
follow (void)
{
  pthread_atfork (NULL, NULL, in_child);
}

guint
cow_forks (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once (&once, follow);
  return forks;
}
