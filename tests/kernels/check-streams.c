/* SPDX-License-Identifier: MIT */
/* What kernels.h promises of streams, events and memory, on any device. */
#include "tests/kernels/devices.h"
#include "tests/kernels/harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1000 };

static bool
all_are (const float *values, float value)
{
  for (int i = 0; i < N; i++)
    if (values[i] != value)
      return false;
  return true;
}

/* Waits, and looks whether memory on the device holds one value. */
static bool
holds (CkStream *stream, const float *memory, float value)
{
  float values[N];

  memset (values, 0x55, sizeof values);
  return ck_download (stream, values, memory, sizeof values) == CK_OK && all_are (values, value);
}

static float *
new_floats (CkStream *stream)
{
  return ck_alloc (stream, N * sizeof (float));
}

/* An operation whose work fails, though its shapes are right: the label is no class. */
static CkStatus
fail_in_the_work (CkStream *stream)
{
  static const int32_t label = 7;
  float *logits = new_floats (stream);
  int32_t *labels = ck_alloc (stream, sizeof label);
  double *loss = ck_alloc (stream, sizeof *loss);
  const CkCrossEntropy op = {
    .batch = 1, .classes = 3, .logits = logits, .labels = labels, .factor = 1, .loss = loss
  };
  CkStatus status;

  CHECK (stream->operations->fill (stream, logits, N, 0) == CK_OK);
  CHECK (ck_upload (stream, labels, &label, sizeof label) == CK_OK);
  status = stream->training->cross_entropy (stream, &op);
  ck_free (stream, logits);
  ck_free (stream, labels);
  ck_free (stream, loss);
  return status;
}

/* ---- one stream ------------------------------------------------------------------------------ */

static void
check_order (CkStream *stream)
{
  float *x = new_floats (stream), *y = new_floats (stream), ones[N];

  for (int i = 0; i < N; i++)
    ones[i] = 1;
  CHECK (((uintptr_t)x & 63) == 0 && ((uintptr_t)y & 63) == 0);
  CHECK (stream->operations->fill (stream, x, N, 2) == CK_OK);
  CHECK (stream->training->multiply (stream, x, N, 3) == CK_OK);
  CHECK (ck_upload (stream, y, ones, sizeof ones) == CK_OK);
  CHECK (stream->training->add (stream, N, x, y) == CK_OK);
  CHECK (stream->operations->fill (stream, x, N, 5) == CK_OK);
  CHECK (holds (stream, y, 7) && holds (stream, x, 5));
  ck_free (stream, x);
  ck_free (stream, y);
  CHECK (ck_upload (stream, NULL, NULL, 0) == CK_OK);
  CHECK (ck_download (stream, NULL, NULL, 0) == CK_OK);
  CHECK (ck_synchronize (stream) == CK_OK);
}

/* Sources of uploads and structs of operations are the caller's again when the call returns. */
static void
check_copies (CkStream *stream)
{
  float *memory[3] = { new_floats (stream), new_floats (stream), new_floats (stream) },
        *source = malloc (N * sizeof (float));
  CkNorm *op = malloc (sizeof *op);
  CkWeightSource weight = { .type = CK_F32, .out = 1, .in = 1, .parameters = memory[0] };
  CkWeight *one;

  for (int i = 0; i < N; i++)
    source[i] = 4;
  CHECK (ck_upload (stream, memory[0], source, N * sizeof (float)) == CK_OK);
  memset (source, 0xff, N * sizeof (float));
  free (source);

  /* of equal numbers nothing is left but the bias: 4 */
  *op = (CkNorm){ .weight = memory[0],
                  .bias = memory[0],
                  .epsilon = 1,
                  .rows = 1,
                  .cols = N,
                  .x = memory[0],
                  .y = ck_f32 (memory[1]) };
  CHECK (stream->operations->norm (stream, op) == CK_OK);
  memset (op, 0xff, sizeof *op);
  free (op);
  CHECK (ck_weight_new (stream->device, &weight, CK_USE_FORWARD, &one) == CK_OK);
  memset (&weight, 0xff, sizeof weight);
  {
    CkLinear linear = { .weight = one,
                        .rows = N,
                        .x = ck_f32 (memory[1]),
                        .y = ck_f32 (memory[2]),
                        .residual = memory[1] };

    CHECK (stream->operations->linear (stream, &linear) == CK_OK);
    memset (&linear, 0xff, sizeof linear);
  }
  CHECK (holds (stream, memory[2], 4 * 4 + 4));
  ck_weight_free (stream->device, one);
  for (int i = 0; i < 3; i++)
    ck_free (stream, memory[i]);
}

/* Memory goes back behind the work that uses it, not before. */
static void
check_memory (CkStream *stream)
{
  float *y = new_floats (stream);

  CHECK (stream->operations->fill (stream, y, N, 0) == CK_OK);
  for (int i = 0; i < 100; i++) {
    float *x = new_floats (stream);

    CHECK (stream->operations->fill (stream, x, N, (float)i) == CK_OK);
    CHECK (stream->training->add (stream, N, x, y) == CK_OK);
    ck_free (stream, x);
  }
  CHECK (holds (stream, y, 4950));
  ck_free (stream, y);
  {
    float *host = ck_host_alloc (stream->device, N * sizeof *host);

    host[0] = host[N - 1] = 1;
    ck_host_free (stream->device, host);
    ck_host_free (stream->device, NULL);
  }
  CHECK (ck_host_alloc (stream->device, 0) == NULL && ck_device_free_bytes (stream->device) > 0);
}

static void
check_failure (CkStream *stream)
{
  float *x = new_floats (stream), value = 77;

  CHECK (stream->operations->fill (stream, x, N, 1) == CK_OK);
  CHECK (ck_synchronize (stream) == CK_OK);
  CHECK (fail_in_the_work (stream) == CK_OK);
  /* what comes behind is enqueued and skipped; wrong shapes are still found */
  CHECK (stream->operations->fill (stream, x, N, 2) == CK_OK);
  CHECK (stream->operations->fill (stream, x, -1, 2) == CK_BAD_SHAPE);
  CHECK (ck_upload (stream, x, &value, sizeof value) == CK_OK);
  CHECK (ck_synchronize (stream) == CK_BAD_SHAPE);
  CHECK (ck_synchronize (stream) == CK_BAD_SHAPE);
  CHECK (ck_download (stream, &value, x, sizeof value) == CK_BAD_SHAPE);
  CHECK (value == 77);
  CHECK (stream->operations->fill (stream, x, N, 3) == CK_OK);
  ck_stream_reset (stream);
  CHECK (holds (stream, x, 1));
  CHECK (stream->operations->fill (stream, x, N, 4) == CK_OK);
  CHECK (holds (stream, x, 4));
  /* a reset waits for what fails only then */
  CHECK (fail_in_the_work (stream) == CK_OK);
  ck_stream_reset (stream);
  CHECK (ck_synchronize (stream) == CK_OK);
  ck_free (stream, x);
}

/* ---- two streams ----------------------------------------------------------------------------- */

static void
check_events (CkStream *a)
{
  CkStream *b;
  CkEvent *to_b, *to_a, *never;
  float *x = new_floats (a);

  CHECK (ck_stream_new (a->device, 1, &b) == CK_OK);
  CHECK (ck_event_new (a->device, &to_b) == CK_OK);
  CHECK (ck_event_new (a->device, &to_a) == CK_OK);
  CHECK (ck_event_new (a->device, &never) == CK_OK);
  CHECK (ck_event_synchronize (never) == CK_OK && ck_stream_wait (b, never) == CK_OK);

  for (int round = 0; round < 3; round++) { /* events may be recorded again */
    CHECK (a->operations->fill (a, x, N, 3) == CK_OK);
    CHECK (ck_event_record (to_b, a) == CK_OK);
    CHECK (ck_stream_wait (b, to_b) == CK_OK);
    CHECK (b->training->multiply (b, x, N, 5) == CK_OK);
    CHECK (ck_event_record (to_a, b) == CK_OK);
    CHECK (ck_stream_wait (a, to_a) == CK_OK);
    CHECK (a->operations->activate (a, CK_RELU, N, x, x) == CK_OK);
    CHECK (a->training->multiply (a, x, N, 2) == CK_OK);
    CHECK (ck_event_record (to_b, a) == CK_OK);
    CHECK (ck_event_synchronize (to_b) == CK_OK);
  }
  CHECK (holds (b, x, 3 * 5 * 2));

  /* one that has failed stays so behind an event where all went well */
  CHECK (fail_in_the_work (b) == CK_OK);
  CHECK (ck_stream_wait (b, to_b) == CK_OK && ck_synchronize (b) == CK_BAD_SHAPE);
  ck_stream_reset (b);
  /* a failure goes where its event is waited for, and no further */
  CHECK (fail_in_the_work (a) == CK_OK);
  CHECK (ck_event_record (to_b, a) == CK_OK);
  CHECK (ck_stream_wait (b, to_b) == CK_OK);
  CHECK (b->operations->fill (b, x, N, 9) == CK_OK);
  CHECK (ck_event_synchronize (to_b) == CK_BAD_SHAPE);
  CHECK (ck_synchronize (b) == CK_BAD_SHAPE);
  ck_stream_reset (b);
  CHECK (ck_synchronize (b) == CK_OK && ck_synchronize (a) == CK_BAD_SHAPE);
  CHECK (holds (b, x, 3 * 5 * 2));
  ck_stream_reset (a);
  CHECK (ck_event_record (to_b, a) == CK_OK && ck_event_synchronize (to_b) == CK_OK);

  ck_free (a, x);
  ck_event_free (to_a);
  ck_event_free (to_b);
  ck_event_free (never);
  ck_event_free (NULL);
  ck_stream_free (b);
  ck_stream_free (NULL);
}

/* What is left in a stream's queue when it goes is done; events may outlive it. */
static void
check_leftovers (CkStream *stream)
{
  CkStream *other;
  CkEvent *event;
  float *x = new_floats (stream);

  CHECK (ck_synchronize (stream) == CK_OK);
  CHECK (ck_stream_new (stream->device, 0, &other) == CK_OK);
  CHECK (ck_event_new (stream->device, &event) == CK_OK);
  CHECK (other->operations->fill (other, x, N, 6) == CK_OK);
  CHECK (ck_event_record (event, other) == CK_OK);
  ck_stream_free (other);
  CHECK (ck_stream_wait (stream, event) == CK_OK && ck_event_synchronize (event) == CK_OK);
  CHECK (holds (stream, x, 6));
  ck_event_free (event);
  ck_free (stream, x);
  CHECK (ck_stream_new (stream->device, -1, &other) == CK_UNSUPPORTED && other == NULL);
}

/* ---- replays --------------------------------------------------------------------------------- */

/* y += 3 x, as work that comes again; whether it was replayed. With `between` memory comes and goes
 * while it is enqueued, which cannot be recorded. */
static bool
add_thrice (CkStream *stream, float *x, float *y, bool between)
{
  do {
    if (ck_replay_begin (stream, (uint64_t)(uintptr_t)y))
      return true;
    for (int i = 0; i < 3; i++) {
      CHECK (stream->training->add (stream, N, x, y) == CK_OK);
      if (between)
        ck_free (stream, new_floats (stream));
    }
  } while (!ck_replay_end (stream));
  return false;
}

/* Fills x and y with v and 0, and adds up. */
static bool
replay_gives (CkStream *stream, float *x, float *y, float value, bool between)
{
  bool replayed;

  CHECK (stream->operations->fill (stream, x, N, value) == CK_OK);
  CHECK (stream->operations->fill (stream, y, N, 0) == CK_OK);
  replayed = add_thrice (stream, x, y, between);
  CHECK (holds (stream, y, 3 * value));
  return replayed;
}

static void
check_replays (CkStream *stream)
{
  const bool records = is_gpu (stream->device->name);
  float *x = new_floats (stream), *y = new_floats (stream), *z = new_floats (stream);
  CkWeight *weight;
  const float one = 1;
  const CkWeightSource source = { .type = CK_F32, .out = 1, .in = 1, .host_data = &one };

  for (int i = 0; i < 5; i++)
    CHECK (replay_gives (stream, x, y, (float)i, false) == (records && i >= 2));
  /* another key, and what cannot be recorded */
  for (int i = 0; i < 5; i++)
    CHECK (!replay_gives (stream, x, z, (float)i, true));
  /* memory went, so all begins anew */
  for (int i = 0; i < 5; i++)
    CHECK (replay_gives (stream, x, y, (float)i, false) == (records && i >= 2));
  CHECK (ck_weight_new (stream->device, &source, CK_USE_FORWARD, &weight) == CK_OK);
  CHECK (!replay_gives (stream, x, y, 7, false));
  CHECK (!replay_gives (stream, x, y, 8, false));
  CHECK (replay_gives (stream, x, y, 9, false) == records);
  ck_weight_free (stream->device, weight);
  CHECK (!replay_gives (stream, x, y, 7, false));
  CHECK (!replay_gives (stream, x, y, 8, false));

  /* skipped behind a failure, though no kernel of the recording looks for one */
  CHECK (stream->operations->fill (stream, y, N, 5) == CK_OK);
  CHECK (fail_in_the_work (stream) == CK_OK);
  add_thrice (stream, x, y, false);
  CHECK (ck_synchronize (stream) == CK_BAD_SHAPE);
  add_thrice (stream, x, y, false);
  ck_stream_reset (stream);
  CHECK (holds (stream, y, 5));
  /* more keys than a stream remembers */
  for (int round = 0; round < 2; round++)
    for (uint64_t key = 0; key < 200; key++) {
      CHECK (!ck_replay_begin (stream, key));
      CHECK (stream->training->add (stream, N, x, y) == CK_OK);
      CHECK (ck_replay_end (stream));
    }
  CHECK (holds (stream, y, 5 + 400 * 8));
  ck_free (stream, x);
  ck_free (stream, y);
  ck_free (stream, z);
}

/* One of some threads, each with a stream of the same device and the same weight. */
typedef struct {
  CkDevice *device;
  const CkWeight *weight;
  const float *x;
  float *y; /* on the host */
  CkStatus status;
} User;

enum { USER_ROWS = 70, USER_SIZE = 300 };

static void *
use_stream (void *data)
{
  User *user = data;
  const size_t bytes = USER_ROWS * USER_SIZE * sizeof (float);
  CkLinear op = { .weight = user->weight, .activation = CK_GELU, .rows = USER_ROWS };
  float *x, *y;
  CkStream *stream;

  user->status = ck_stream_new (user->device, 0, &stream);
  if (user->status != CK_OK)
    return NULL;
  x = ck_alloc (stream, bytes);
  y = ck_alloc (stream, bytes);
  op.x = ck_f32 (x);
  op.y = ck_f32 (y);
  for (int i = 0; i < 20 && user->status == CK_OK; i++) {
    user->status = ck_upload (stream, x, user->x, bytes);
    if (user->status == CK_OK)
      user->status = stream->operations->linear (stream, &op);
    if (user->status == CK_OK)
      user->status = ck_download (stream, user->y, y, bytes);
  }
  ck_free (stream, x);
  ck_free (stream, y);
  ck_stream_free (stream);
  return NULL;
}

static void
check_threads (CkStream *stream)
{
  float *w = floats_filled (USER_SIZE * USER_SIZE, FILL_RANDOM),
        *x = floats_filled (USER_ROWS * USER_SIZE, FILL_RANDOM);
  const CkWeightSource source = {
    .type = CK_F32, .out = USER_SIZE, .in = USER_SIZE, .host_data = w
  };
  User users[3]; /* the last alone, for comparison */
  CkWeight *weight;
  pthread_t thread;

  CHECK (ck_weight_new (stream->device, &source, CK_USE_FORWARD, &weight) == CK_OK);
  for (int i = 0; i < 3; i++)
    users[i] = (User){
      .device = stream->device, .weight = weight, .x = x, .y = floats_new (USER_ROWS * USER_SIZE)
    };
  CHECK (pthread_create (&thread, NULL, use_stream, &users[0]) == 0);
  use_stream (&users[1]);
  pthread_join (thread, NULL);
  use_stream (&users[2]);
  for (int i = 0; i < 3; i++) {
    CHECK (users[i].status == CK_OK);
    CHECK (memcmp (users[i].y, users[2].y, sizeof (float) * USER_ROWS * USER_SIZE) == 0);
  }
  for (int i = 0; i < 3; i++)
    floats_free (users[i].y, USER_ROWS * USER_SIZE);
  ck_weight_free (stream->device, weight);
  floats_free (w, USER_SIZE * USER_SIZE);
  floats_free (x, USER_ROWS * USER_SIZE);
}

void
check_streams (const char *device)
{
  static const struct {
    const char *name;
    void (*check) (CkStream *stream);
  } cases[] = { { "stream-order", check_order },     { "stream-copies", check_copies },
                { "stream-memory", check_memory },   { "stream-failure", check_failure },
                { "stream-events", check_events },   { "stream-leftovers", check_leftovers },
                { "stream-replays", check_replays }, { "stream-two-threads", check_threads } };
  CkStream *stream = stream_open (device, "auto", 2);

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (!is_chosen (cases[i].name))
      continue;
    case_begin ();
    cases[i].check (stream);
    CHECK (ck_synchronize (stream) == CK_OK);
    case_end (cases[i].name, device);
  }
  stream_close (stream);
}
