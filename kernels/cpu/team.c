/* SPDX-License-Identifier: MIT */
/*
 * A team's thread that has nothing to do spins, by libgomp's default for 300,000 rounds, before it
 * sleeps. Where something else wants the processor (a decoder, another camera, a browser), it spins
 * in the time that the thread it waits for should have: on two cores with one other busy program, a
 * small network ran eight times slower. Variables of the environment change that, but libgomp reads
 * them when it is loaded, which is before any of our code runs.
 *
 * libgomp documents one thing more: when OpenMP has more threads than there are processors, they
 * spin for 1,000 rounds or less. So there are more: a thread that sleeps for ever owns a team of
 * sleeping threads. Other implementations of OpenMP lose nothing by it.
 */
#include "kernels/cpu/team.h"

#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *
own_sleeping_team (void *unused)
{
#pragma omp parallel num_threads(omp_get_num_procs() + 1)
  {
    __asm__ volatile(""); /* else there would be no team */
  }
  /* No signal ends this: all are blocked. */
  for (;;)
    pause ();
  return unused;
}

static void
start (void)
{
  sigset_t all, before;
  pthread_t thread;

  if (getenv ("OMP_WAIT_POLICY") != NULL || getenv ("GOMP_SPINCOUNT") != NULL)
    return;
  /* The program's signals are for its own threads. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  if (pthread_create (&thread, NULL, own_sleeping_team, NULL) == 0)
    pthread_detach (thread);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

void
ck_team_wait_briefly (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once (&once, start);
}
