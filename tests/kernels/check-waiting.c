/* SPDX-License-Identifier: MIT */
/* Threads of a team that wait for one another sleep: the processor's time goes to other programs.
 * Three lines of TAP. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernels/cpu/team.h"

#define ROUNDS  20
#define LATE_US 20000
/* Of the processor, for all rounds. Threads that spin as long as libgomp's do take some 200 ms. */
#define MOST_S 0.05
#define NOBODY -1

static double
processor_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

typedef struct {
  pthread_barrier_t *both;
  int late; /* the member that is */
} Meeting;

static CkStatus
meet (const void *data, int64_t task, int member)
{
  const Meeting *meeting = data;

  pthread_barrier_wait (meeting->both);
  if (member == meeting->late)
    usleep (LATE_US);
  return CK_OK;
}

/* The caller comes late from one run to the next, or a member within each. */
static void
check (const char *name, int late)
{
  const double start = processor_seconds ();
  pthread_barrier_t both;
  const Meeting meeting = { &both, late };
  double spent;

  pthread_barrier_init (&both, NULL, 2);
  for (int round = 0; round < ROUNDS; round++) {
    ck_team_run (2, 2, meet, &meeting);
    if (late == NOBODY)
      usleep (LATE_US);
  }
  pthread_barrier_destroy (&both);
  spent = processor_seconds () - start;
  printf ("# %.0f ms of the processor in %d rounds of %d ms\n", spent * 1e3, ROUNDS,
          LATE_US / 1000);
  printf ("%s %s\n", spent < MOST_S ? "ok" : "not ok", name);
}

int
main (void)
{
  unsetenv ("OMP_WAIT_POLICY"); /* what counts is a process without it */
  printf ("1..3\n");
  ck_team_open ();
  if (ck_team_prepare (2) != CK_OK) {
    printf ("Bail out! no threads\n");
    return EXIT_FAILURE;
  }
  check ("a worker sleeps until there are tasks", NOBODY);
  check ("a caller sleeps until the last member is done", 1);
  check ("a worker sleeps until the caller is done", 0);
  ck_team_close ();
  return EXIT_SUCCESS;
}
