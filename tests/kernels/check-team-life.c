/* SPDX-License-Identifier: MIT */
/* Workers start with a stream, end with the last device, and begin anew in a child of fork (). */
#define _GNU_SOURCE /* usleep, RTLD_NOLOAD */
#include "kernels/cpu/team.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/team.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* gcc's words for what clang asks __has_feature. */
#ifndef __has_feature
#  define __has_feature(feature) 0
#endif
#if defined __SANITIZE_THREAD__ || __has_feature(thread_sanitizer)
#  define THREAD_SANITIZER 1 /* its runtime starts no threads in a child of a fork */
#else
#  define THREAD_SANITIZER 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#  define ADDRESS_SANITIZER 1 /* its shadow takes more addresses than any limit */
#else
#  define ADDRESS_SANITIZER 0
#endif

enum { MEMBERS = 3, PATIENCE_MS = 20000 };

/* ---- threads of this process ----------------------------------------------------------------- */

/* A field of a file of a thread in /proc; an empty text when there is none. */
static void
read_field (const char *thread, const char *file, const char *field, char text[64])
{
  char path[300], line[256];
  FILE *from;

  text[0] = '\0';
  snprintf (path, sizeof path, "/proc/self/task/%s/%s", thread, file);
  from = fopen (path, "r");
  while (from != NULL && fgets (line, sizeof line, from) != NULL)
    if (strncmp (line, field, strlen (field)) == 0)
      sscanf (line + strlen (field), "%63s", text);
  if (from != NULL)
    fclose (from);
}

/* The workers, by their name; `exposed` counts those that would take a SIGTERM or block a fault. */
static int
count_workers (int *exposed)
{
  DIR *folder = opendir ("/proc/self/task");
  struct dirent *entry;
  int n = 0;

  *exposed = 0;
  while (folder != NULL && (entry = readdir (folder)) != NULL) {
    char name[64], mask[64];
    unsigned long long blocked;

    read_field (entry->d_name, "comm", "", name);
    if (strncmp (name, "cow-team-", 9) != 0)
      continue;
    read_field (entry->d_name, "status", "SigBlk:", mask);
    blocked = strtoull (mask, NULL, 16);
    *exposed += !(blocked >> (SIGTERM - 1) & 1) || (blocked >> (SIGSEGV - 1) & 1);
    n++;
  }
  if (folder != NULL)
    closedir (folder);
  return n;
}

/* Workers name themselves when they first run. */
static bool
wait_for_workers (int expected)
{
  int exposed = 0;

  for (int ms = 0; ms < PATIENCE_MS; ms++) {
    if (count_workers (&exposed) == expected)
      return exposed == 0;
    usleep (1000);
  }
  return false;
}

static void
check_workers (void)
{
  CkStream *stream, *wider;
  CkDevice *device, *other;

  CHECK (ck_device_open ("cpu", &(CkDeviceOptions){ .threads = MEMBERS }, &device) == CK_OK);
  CHECK (ck_device_open ("cpu", &(CkDeviceOptions){ .threads = MEMBERS }, &other) == CK_OK);
  CHECK (wait_for_workers (0));
  CHECK (ck_stream_new (device, 1, &stream) == CK_OK);
  CHECK (wait_for_workers (0));
  ck_stream_free (stream);
  CHECK (ck_stream_new (device, 0, &stream) == CK_OK);
  CHECK (wait_for_workers (MEMBERS - 1));
  CHECK (ck_stream_new (other, MEMBERS + 2, &wider) == CK_OK);
  CHECK (wait_for_workers (MEMBERS + 1));
  CHECK (ck_stream_new (other, CK_TEAM_MOST + 1, &(CkStream *){ NULL }) == CK_UNSUPPORTED);
  ck_stream_free (wider);
  ck_device_close (other);
  CHECK (wait_for_workers (MEMBERS + 1));
  ck_stream_free (stream);
  ck_device_close (device);
  CHECK (wait_for_workers (0));
}

/* ---- members at the same time ---------------------------------------------------------------- */

/* Waits until as many threads are in their tasks. */
static CkStatus
meet (const void *data, int64_t task, int member)
{
  atomic_int *here = *(atomic_int *const *)data;

  (*here)++;
  for (int ms = 0; ms < PATIENCE_MS && *here < MEMBERS; ms++)
    usleep (1000);
  return *here == MEMBERS ? CK_OK : CK_DEVICE_ERROR;
}

static bool
all_meet (void)
{
  atomic_int here = 0, *to_here = &here;

  return ck_team_run (MEMBERS, MEMBERS, meet, &to_here) == CK_OK;
}

/* ---- oneDNN ---------------------------------------------------------------------------------- */

static int
count_threads (void)
{
  DIR *folder = opendir ("/proc/self/task");
  struct dirent *entry;
  int n = 0;

  while (folder != NULL && (entry = readdir (folder)) != NULL)
    n += entry->d_name[0] != '.';
  if (folder != NULL)
    closedir (folder);
  return n;
}

/* A convolution, forward and backward, is oneDNN's work in our threads: it starts none itself. */
static void
check_convolution (void)
{
  static const CkConvolution c = { 3, 64, 16, 16, 128, 3, 1, 1 };
  const int64_t x_n = c.batch * c.height * c.width * c.in, y_n = x_n / c.in * c.out,
                weight_n = c.out * c.in * c.kernel * c.kernel;
  CkStream *stream = stream_open ("cpu", NULL, MEMBERS);
  float *x, *y, *weight, *dweight;
  int before;

  CHECK (wait_for_workers (MEMBERS - 1));
  before = count_threads ();
  x = ck_alloc (stream, (size_t)x_n * sizeof (float));
  y = ck_alloc (stream, (size_t)y_n * sizeof (float));
  weight = ck_alloc (stream, (size_t)weight_n * sizeof (float));
  dweight = ck_alloc (stream, (size_t)weight_n * sizeof (float));
  stream->operations->fill (stream, x, x_n, 1);
  stream->operations->fill (stream, weight, weight_n, 1);
  stream->operations->fill (stream, dweight, weight_n, 0);
  CHECK (stream->operations->convolution (stream, &c, x, weight, y) == CK_OK);
  CHECK (stream->training->convolution_backward (stream, &c, x, weight, y, x, dweight) == CK_OK);
  CHECK (ck_synchronize (stream) == CK_OK);
  CHECK (count_threads () == before);
  ck_free (stream, x);
  ck_free (stream, y);
  ck_free (stream, weight);
  ck_free (stream, dweight);
  stream_close (stream);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* Sums, by an operation of the stream. */
static bool
computes (CkStream *stream)
{
  enum { N = 100000 };
  float *x = ck_alloc (stream, N * sizeof (float)), *host = calloc (N, sizeof (float));
  bool right = x != NULL && host != NULL;

  stream->operations->fill (stream, x, N, 2);
  stream->training->add (stream, N, x, x);
  right = right && ck_download (stream, host, x, N * sizeof (float)) == CK_OK;
  for (int i = 0; right && i < N; i++)
    right = host[i] == 4;
  ck_free (stream, x);
  free (host);
  return right;
}

/* Whether a child ends well, and soon. */
static bool
child_is_well (pid_t child)
{
  int status;

  for (int ms = 0; ms < 2 * PATIENCE_MS; ms++) {
    if (waitpid (child, &status, WNOHANG) == child)
      return WIFEXITED (status) && WEXITSTATUS (status) == 0;
    usleep (1000);
  }
  kill (child, SIGKILL);
  waitpid (child, &status, 0);
  return false;
}

static atomic_bool stop;

static void *
compute_on (void *stream)
{
  while (!stop)
    if (!computes (stream))
      return stream;
  return NULL;
}

/* Children of a process whose other thread is computing all the time. */
static void
check_fork (void)
{
  CkStream *stream, *busy;
  CkDevice *device;
  pthread_t thread;
  bool well = true;
  void *wrong;

  CHECK (ck_device_open ("cpu", &(CkDeviceOptions){ .threads = MEMBERS }, &device) == CK_OK);
  CHECK (ck_stream_new (device, 0, &stream) == CK_OK);
  CHECK (ck_stream_new (device, 0, &busy) == CK_OK);
  CHECK (computes (stream) && all_meet ());
  stop = false;
  if (pthread_create (&thread, NULL, compute_on, busy) != 0)
    abort ();
  for (int i = 0; well && i < 20; i++) {
    const pid_t child = fork ();

    if (child == 0) {
      well = wait_for_workers (0) && computes (stream) && all_meet () &&
             wait_for_workers (MEMBERS - 1);

      ck_stream_free (stream);
      ck_stream_free (busy);
      ck_device_close (device);
      _exit (well && wait_for_workers (0) ? 0 : 1);
    }
    CHECK (computes (stream));
    well = child_is_well (child);
    CHECK (well);
  }
  stop = true;
  pthread_join (thread, &wrong);
  CHECK (wrong == NULL);
  CHECK (all_meet () && wait_for_workers (MEMBERS - 1));
  ck_stream_free (stream);
  ck_stream_free (busy);
  ck_device_close (device);
}

/* Where the system starts no more threads, a stream says so, and what there is still works. */
static void
check_refused (void)
{
  const pid_t child = fork ();

  if (child == 0) {
    const struct rlimit limit = { 256 << 20, 256 << 20 }; /* bytes of addresses */
    CkStream *stream = NULL, *small = NULL;
    CkDevice *device = NULL;
    bool well = ck_device_open ("cpu", NULL, &device) == CK_OK &&
                setrlimit (RLIMIT_AS, &limit) == 0 &&
                ck_stream_new (device, CK_TEAM_MOST, &stream) == CK_NO_MEMORY &&
                ck_stream_new (device, 2, &small) == CK_OK && computes (small);

    ck_stream_free (small);
    ck_device_close (device);
    _exit (well ? 0 : 1);
  }
  CHECK (child_is_well (child));
}

/* ---- a library that goes away ---------------------------------------------------------------- */

/* Its code leaves the process with its workers joined and its hooks for fork () gone. */
static void
check_unload (void)
{
  for (int i = 0; i < 3; i++) {
    void *library = dlopen (TEAM_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool (*use) (void);
    pid_t child;

    CHECK (library != NULL);
    if (library == NULL) {
      printf ("# %s\n", dlerror ());
      return;
    }
    *(void **)&use = dlsym (library, "use_team");
    CHECK (use != NULL && use ());
    CHECK (dlclose (library) == 0);
    CHECK (dlopen (TEAM_LIBRARY, RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK (wait_for_workers (0));
    child = fork ();
    if (child == 0)
      _exit (0);
    CHECK (child_is_well (child));
  }
}

void
check_life (void)
{
  const bool emulated = getenv ("COW_EMULATED") != NULL;

  case_begin ();
  check_workers ();
  case_end ("workers", "named, without signals, joined");
  case_begin ();
  check_convolution ();
  case_end ("convolution", "in our threads");
  if (THREAD_SANITIZER || emulated)
    printf ("# no fork: ThreadSanitizer and qemu start no threads in a child\n");
  else {
    case_begin ();
    check_fork ();
    case_end ("fork", "20 children of a busy process");
  }
  if (THREAD_SANITIZER || ADDRESS_SANITIZER || emulated)
    printf ("# no refused threads: sanitizers and qemu do not work with limited addresses\n");
  else {
    case_begin ();
    check_refused ();
    case_end ("threads that cannot start", "1024 in 256 MiB");
  }
  case_begin ();
  check_unload ();
  case_end ("dlclose", "3 times");
}
