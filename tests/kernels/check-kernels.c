/* SPDX-License-Identifier: MIT */
/*
 * check-kernels            every operation of every level that this machine has, against double
 * precision and against level "c"; TAP check-kernels --bench    times them instead
 */
#include "tests/kernels/harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a network asks for is one thread or a few; 16 cuts small layers as large machines do. */
static const int team_sizes[] = { 1, 2, 16 };

static CkBackend *
open_level (const char *level, int threads)
{
  CkBackend *backend;

  if (ck_cpu_open (level, threads, &backend) != CK_OK) {
    printf ("Bail out! cannot open level %s\n", level);
    exit (EXIT_FAILURE);
  }
  return backend;
}

static void
check_level_is (const char *name, const char *want)
{
  CkBackend *backend = NULL;

  CHECK (ck_cpu_open (name, 0, &backend) == CK_OK);
  if (backend != NULL && strcmp (backend->level, want) != 0)
    fail ("asked for level %s and got %s, not %s", name != NULL ? name : "NULL", backend->level,
          want);
  ck_backend_close (backend);
}

static void
check_refused (const char *name, int threads)
{
  CkBackend *backend = NULL;

  CHECK (ck_cpu_open (name, threads, &backend) == CK_UNSUPPORTED);
  CHECK (backend == NULL);
}

static void
check_levels (void)
{
  const char *const *levels = ck_cpu_levels ();
  const char *best = levels[0];

  case_begin ();
  CHECK (strcmp (levels[0], "c") == 0);
  unsetenv ("COWBEHAVIOR_CPU");
  for (int i = 0; levels[i] != NULL; i++) {
    check_level_is (levels[i], levels[i]);
    best = levels[i];
  }
  check_level_is (NULL, best);
  check_level_is ("auto", best);
  setenv ("COWBEHAVIOR_CPU", "c", 1);
  check_level_is (NULL, "c");
  check_level_is ("auto", "c");
  check_level_is (best, best);
  setenv ("COWBEHAVIOR_CPU", "auto", 1);
  check_level_is (NULL, best);
  setenv ("COWBEHAVIOR_CPU", "mmx", 1);
  check_refused (NULL, 0);
  unsetenv ("COWBEHAVIOR_CPU");
  check_refused ("", 0);
  check_refused ("avx", 0);
  check_refused ("c", -1);
  for (int status = CK_OK; status <= CK_DEVICE_ERROR; status++)
    CHECK (strcmp (ck_status_text ((CkStatus)status), ck_status_text ((CkStatus)99)) != 0);
  ck_backend_close (NULL);
  case_end ("levels", "all");
}

/* One of two threads that use backends of their own at the same time. */
typedef struct {
  const CkWeightSource *source;
  const float *x;
  float *y;
  CkStatus status;
} User;

enum { USER_ROWS = 70, USER_SIZE = 300 };

static void *
use_backend (void *data)
{
  User *user = data;
  CkBackend *backend = open_level ("auto", 2);
  CkLinear layer = { .activation = CK_GELU };
  CkWeight *weight;

  user->status = backend->weight_new (backend, user->source, &weight);
  layer.weight = weight;
  for (int i = 0; i < 20 && user->status == CK_OK; i++)
    user->status =
        backend->linear (backend, &layer, USER_ROWS, &(CkInput){ CK_F32, user->x }, user->y);
  backend->weight_free (backend, weight);
  ck_backend_close (backend);
  return NULL;
}

static void
check_two_threads (void)
{
  float *w = floats_filled (USER_SIZE * USER_SIZE, FILL_RANDOM),
        *x = floats_filled (USER_ROWS * USER_SIZE, FILL_RANDOM);
  const CkWeightSource source = { .type = CK_F32, .out = USER_SIZE, .in = USER_SIZE, .data = w };
  User users[3]; /* the last alone, for comparison */
  pthread_t thread;

  case_begin ();
  for (int i = 0; i < 3; i++)
    users[i] = (User){ .source = &source, .x = x, .y = floats_new (USER_ROWS * USER_SIZE) };
  CHECK (pthread_create (&thread, NULL, use_backend, &users[0]) == 0);
  use_backend (&users[1]);
  pthread_join (thread, NULL);
  use_backend (&users[2]);
  for (int i = 0; i < 3; i++) {
    CHECK (users[i].status == CK_OK);
    CHECK (memcmp (users[i].y, users[2].y, sizeof (float) * USER_ROWS * USER_SIZE) == 0);
  }
  for (int i = 0; i < 3; i++)
    floats_free (users[i].y, USER_ROWS * USER_SIZE);
  floats_free (w, USER_SIZE * USER_SIZE);
  floats_free (x, USER_ROWS * USER_SIZE);
  case_end ("two-threads", "best");
}

static void
check_level (const char *level, int threads, CkBackend *oracle)
{
  CkBackend *backend = open_level (level, threads);

  printf ("# level %s, threads %d\n", level, threads);
  check_weights (backend);
  check_linear (backend, oracle);
  check_activations (backend);
  check_norm (backend, oracle);
  check_attention (backend, oracle);
  check_embed (backend, oracle);
  check_bad_shapes (backend);
  ck_backend_close (backend);
}

int
main (int argc, char **argv)
{
  const char *const *levels = ck_cpu_levels ();
  CkBackend *oracle;

  if (argc == 2 && strcmp (argv[1], "--bench") == 0) {
    for (int i = 0; levels[i] != NULL; i++) {
      CkBackend *backend = open_level (levels[i], 0);
      bench (backend);
      ck_backend_close (backend);
    }
    return EXIT_SUCCESS;
  }
  if (argc != 1) {
    fprintf (stderr, "usage: %s [--bench]\n", argv[0]);
    return EXIT_FAILURE;
  }
  check_levels ();
  check_two_threads ();
  oracle = open_level ("c", 1);
  for (int i = 0; levels[i] != NULL; i++)
    for (size_t t = 0; t < sizeof team_sizes / sizeof *team_sizes; t++)
      check_level (levels[i], team_sizes[t], oracle);
  ck_backend_close (oracle);
  return cases_end ();
}
