/* SPDX-License-Identifier: MIT */
/* Threads of a team that wait for one another sleep: the processor's time goes to other programs.
 * One line of TAP. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernels/kernels.h"

#define ROUNDS  20
#define LATE_US 20000
/* Of the processor, for all rounds. Threads that spin for libgomp's 300,000 rounds take some 200
 * ms. */
#define MOST_S 0.05

static double
processor_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* One of two threads comes late, every time. */
static double
wait_for_late_ones (void)
{
  const double start = processor_seconds ();

  for (int round = 0; round < ROUNDS; round++) {
#pragma omp parallel num_threads(2)
    {
      if (omp_get_thread_num () == 1)
        usleep (LATE_US);
    }
  }
  return processor_seconds () - start;
}

int
main (int argc, char **argv)
{
  CkDevice *device;

  /* libgomp has read these already; what counts is a process without them. */
  if (getenv ("OMP_WAIT_POLICY") != NULL || getenv ("GOMP_SPINCOUNT") != NULL) {
    unsetenv ("OMP_WAIT_POLICY");
    unsetenv ("GOMP_SPINCOUNT");
    execv ("/proc/self/exe", argv);
  }
  printf ("1..1\n");
  if (ck_device_open ("cpu", NULL, &device) != CK_OK) {
    printf ("Bail out! no CPU\n");
    return EXIT_FAILURE;
  }
  usleep (LATE_US); /* until the sleeping team is there */
  const double spent = wait_for_late_ones ();
  printf ("# %.0f ms of the processor in %d rounds of %d ms\n", spent * 1e3, ROUNDS,
          LATE_US / 1000);
  printf ("%s 1 waiting threads sleep\n", spent < MOST_S ? "ok" : "not ok");
  ck_device_close (device);
  return EXIT_SUCCESS;
}
