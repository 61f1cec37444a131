/* SPDX-License-Identifier: MIT */
/* test-device finds what breaks the contract: each offender is a child process, which must end by a
 * signal, or sees what it has not waited for. */
#include "tests/kernels/devices.h"
#include "tests/kernels/harness.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 1000 };

static volatile float seen; /* so that a read is not left out */

static float *
filled (CkStream *stream)
{
  float *memory = ck_alloc (stream, N * sizeof (float));

  stream->operations->fill (stream, memory, N, 1);
  return memory;
}

/* ---- offenders ------------------------------------------------------------------------------- */

static void
read_from_host (CkStream *stream)
{
  float *memory = filled (stream);

  ck_synchronize (stream);
  seen = memory[0];
}

static void
write_from_host (CkStream *stream)
{
  float *memory = filled (stream);

  ck_synchronize (stream);
  memory[0] = 1;
}

static void
upload_from_device (CkStream *stream)
{
  float *memory = filled (stream), *copy = filled (stream);

  ck_upload (stream, copy, memory, sizeof *memory);
}

static void
download_to_device (CkStream *stream)
{
  float *memory = filled (stream), *copy = filled (stream);

  ck_download (stream, copy, memory, sizeof *memory);
}

static void
give_memory_of_host (CkStream *stream)
{
  float host[4] = { 0 };

  stream->operations->fill (stream, host, 4, 1);
}

static void
give_pointer_of_host (CkStream *stream)
{
  static const uint64_t key = 1;
  float *memory = filled (stream);

  stream->training->dropout (stream, &key, 0.5f, N, memory, memory);
}

static void
use_after_free (CkStream *stream)
{
  float *memory = filled (stream);

  ck_free (stream, memory);
  stream->operations->fill (stream, memory, N, 2);
}

static void
free_twice (CkStream *stream)
{
  float *memory = filled (stream);

  ck_free (stream, memory);
  ck_free (stream, memory);
}

static void
free_what_is_no_memory (CkStream *stream)
{
  ck_free (stream, filled (stream) + 1);
}

/* Two streams, and nobody said that one waits for the other. */
static void
free_under_another_stream (CkStream *stream)
{
  float *memory = filled (stream);
  CkStream *other;

  ck_synchronize (stream);
  ck_stream_new (stream->device, 1, &other);
  other->training->multiply (other, memory, N, 2);
  ck_free (stream, memory);
  ck_synchronize (stream);
  ck_synchronize (other);
}

static void
write_behind_the_end (CkStream *stream)
{
  stream->operations->fill (stream, filled (stream), N + 16, 1);
  ck_synchronize (stream);
}

static void
free_weight_in_use (CkStream *stream)
{
  static const float one = 1;
  const CkWeightSource source = { .type = CK_F32, .out = 1, .in = 1, .host_data = &one };
  float *memory = filled (stream);
  CkLinear op = { .rows = N, .x = ck_f32 (memory), .y = ck_f32 (memory) };
  CkWeight *weight;

  ck_weight_new (stream->device, &source, CK_USE_FORWARD, &weight);
  op.weight = weight;
  stream->operations->linear (stream, &op);
  ck_weight_free (stream->device, weight);
}

/* How a child ends that offends in this way: the signal, or 0. */
static int
signal_of (void (*offend) (CkStream *stream))
{
  const pid_t child = fork ();
  int status = 0;

  if (child == 0) {
    CkStream *stream;

    setrlimit (RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    signal (SIGSEGV, SIG_DFL); /* a sanitizer's handler would turn it into an exit */
    signal (SIGBUS, SIG_DFL);
    signal (SIGABRT, SIG_DFL);
    if (freopen ("/dev/null", "w", stderr) == NULL)
      _exit (2);
    stream = stream_open ("test", "c", 1);
    offend (stream);
    _exit (0);
  }
  if (child < 0 || waitpid (child, &status, 0) != child)
    fail ("no child process");
  return WIFSIGNALED (status) ? WTERMSIG (status) : 0;
}

static void
check_offenders (void)
{
  static const struct {
    const char *name;
    void (*offend) (CkStream *stream);
    int signal;
  } offenders[] = {
    { "read from the host", read_from_host, SIGSEGV },
    { "write from the host", write_from_host, SIGSEGV },
    { "upload from the device", upload_from_device, SIGSEGV },
    { "download to the device", download_to_device, SIGSEGV },
    { "memory of the host", give_memory_of_host, SIGABRT },
    { "pointer of the host", give_pointer_of_host, SIGABRT },
    { "use after free", use_after_free, SIGABRT },
    { "free twice", free_twice, SIGABRT },
    { "free what is no memory", free_what_is_no_memory, SIGABRT },
    { "free under another stream", free_under_another_stream, SIGSEGV },
    { "write behind the end", write_behind_the_end, SIGSEGV },
    { "free a weight in use", free_weight_in_use, SIGABRT },
  };

  for (size_t i = 0; i < sizeof offenders / sizeof *offenders; i++) {
    const int got = signal_of (offenders[i].offend);

    if (got != offenders[i].signal)
      fail ("%s: ends by signal %d, not %d", offenders[i].name, got, offenders[i].signal);
  }
}

/* ---- who does not wait ----------------------------------------------------------------------- */

/* Another stream's work is not there without an event, and is with one. */
static void
check_unwaited (CkStream *stream)
{
  float *memory = filled (stream), value = 0;
  CkStream *other;
  CkEvent *event;

  CHECK (ck_stream_new (stream->device, 1, &other) == CK_OK);
  CHECK (ck_download (other, &value, memory, sizeof value) == CK_OK && isnan (value));
  CHECK (ck_event_new (stream->device, &event) == CK_OK);
  CHECK (ck_event_record (event, stream) == CK_OK && ck_stream_wait (other, event) == CK_OK);
  CHECK (ck_download (other, &value, memory, sizeof value) == CK_OK && value == 1);
  ck_event_free (event);
  ck_stream_free (other);
  ck_free (stream, memory);
}

/* Fresh memory is NaN, also where other memory was. */
static void
check_fresh (CkStream *stream)
{
  for (int i = 0; i < 3; i++) {
    float *memory = ck_alloc (stream, N * sizeof (float)), values[N];

    CHECK (ck_download (stream, values, memory, sizeof values) == CK_OK);
    for (int j = 0; j < N; j++)
      CHECK (isnan (values[j]));
    CHECK (stream->operations->fill (stream, memory, N, 1) == CK_OK);
    ck_free (stream, memory);
  }
}

/* A frame that is taken back before an event behind the operation has passed. */
static void
check_frame (CkStream *stream)
{
  uint8_t frame[3] = { 255, 255, 255 };
  float *out = ck_alloc (stream, 3 * sizeof (float)), values[3];
  const CkResample op = { .picture = { .layout = CK_RGB8,
                                       .width = 1,
                                       .height = 1,
                                       .plane = { frame },
                                       .stride = { 3 },
                                       .pixel_stride = 3,
                                       .offset = { 0, 1, 2 } },
                          .w = 1,
                          .h = 1,
                          .out_width = 1,
                          .out_height = 1,
                          .std = { 1, 1, 1 },
                          .out = out,
                          .out_row = 1,
                          .out_plane = 1 };
  CkEvent *event;

  CHECK (ck_event_new (stream->device, &event) == CK_OK);
  CHECK (stream->operations->resample (stream, &op) == CK_OK);
  frame[0] = 0; /* too early */
  CHECK (ck_event_record (event, stream) == CK_OK);
  CHECK (ck_event_synchronize (event) == CK_OK);
  frame[1] = 0; /* no more */
  CHECK (ck_download (stream, values, out, sizeof values) == CK_OK);
  CHECK (values[0] == 0 && values[1] == 1 && values[2] == 1);
  ck_event_free (event);
  ck_free (stream, out);
}

void
check_test_device (void)
{
  CkStream *stream;

  case_begin ();
  check_offenders ();
  case_end ("offenders", "test-device");

  stream = stream_open ("test", "auto", 2);
  case_begin ();
  check_unwaited (stream);
  check_fresh (stream);
  check_frame (stream);
  CHECK (ck_synchronize (stream) == CK_OK);
  case_end ("unwaited", "test-device");
  stream_close (stream);
}
