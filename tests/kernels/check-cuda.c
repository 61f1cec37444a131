/* SPDX-License-Identifier: MIT */
/*
 * check-cuda: a GPU that cannot be opened, that fails and that is full, on the library that
 * COWBEHAVIOR_CUDA_ON_CPU names. Each function of the driver fails once. TAP.
 */
#include "kernels/cuda/driver.h"
#include "kernels/training.h"
#include "tests/kernels/check-streamed.h"
#include "tests/kernels/harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE           "cuda-emulated"
#define LIBRARY_VARIABLE "COWBEHAVIOR_CUDA_ON_CPU"
enum { N = 1000 };

/* Makes the emulator's functions fail: "FUNCTION=CALL:RESULT,...", or NULL. */
static void (*let_fail) (const char *calls);

static void
let_function_fail (const char *function, int call, int result)
{
  char text[100];

  snprintf (text, sizeof text, "%s=%d:%d", function, call, result);
  let_fail (text);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Opens a device, which must fail for a reason that contains `why`. */
static void
check_status (const char *name, CkStatus status, const char *why)
{
  char reason[CK_DEVICE_REASON];
  const CkDeviceOptions options = { .reason = reason };
  CkDevice *device;

  CHECK (ck_device_open (name, &options, &device) == status && device == NULL);
  if (strstr (reason, why) == NULL)
    fail ("%s: the reason is \"%s\", without \"%s\"", name, reason, why);
}

/* There is no such device, or there is one that cannot be used. */
static void
check_absent (const char *name, const char *why)
{
  check_status (name, CK_UNSUPPORTED, why);
}

static void
check_refused (const char *name, const char *why)
{
  check_status (name, CK_DEVICE_ERROR, why);
}

static void
check_opens (const char *name)
{
  char reason[CK_DEVICE_REASON];
  const CkDeviceOptions options = { .reason = reason };
  CkDevice *device;

  if (ck_device_open (name, &options, &device) != CK_OK)
    fail ("%s: %s", name, reason);
  else
    CHECK (strcmp (device->name, DEVICE ":0") == 0 && !device->host_memory);
  ck_device_close (device);
}

/* Of which numbers a GPU of this compute capability offers products. */
static void
check_products (const char *capability, int products)
{
  CkDevice *device;

  setenv ("COW_CUDA_ARCHITECTURE", capability, 1);
  CHECK (ck_device_open (DEVICE, NULL, &device) == CK_OK);
  if (device->products != products)
    fail ("sm_%s has products %#x, not %#x", capability, device->products, products);
  ck_device_close (device);
  unsetenv ("COW_CUDA_ARCHITECTURE");
}

static void
check_setting (const char *variable, const char *value, const char *why)
{
  setenv (variable, value, 1);
  check_refused (DEVICE, why);
  unsetenv (variable);
}

static void
check_call (const char *function, int result, const char *why)
{
  let_function_fail (function, 1, result);
  check_refused (DEVICE, why);
  let_fail (NULL);
}

/* Other libraries in the place of the driver's. */
static void
check_libraries (void)
{
  char *library = strdup (getenv (LIBRARY_VARIABLE));

  setenv (LIBRARY_VARIABLE, "libcuda-nowhere.so.1", 1);
  check_absent (DEVICE, "libcuda-nowhere.so.1: cannot open shared object file");
  check_absent (DEVICE, "install the NVIDIA driver");
  setenv (LIBRARY_VARIABLE, "libm.so.6", 1);
  check_refused (DEVICE, "libm.so.6 has no cuInit: the NVIDIA driver is too old");
  unsetenv (LIBRARY_VARIABLE);
  check_absent (DEVICE, "COWBEHAVIOR_CUDA_ON_CPU names no library");
  setenv (LIBRARY_VARIABLE, library, 1);
  free (library);
}

static void
check_reasons (void)
{
  CkDevice *device;

  check_opens (DEVICE);
  check_opens (DEVICE ":0");
  check_absent (DEVICE ":1", "there is no GPU 1; the NVIDIA driver finds 1");
  check_absent (DEVICE ":", "behind the colon stands the index of a GPU");
  check_absent (DEVICE ":1x", "behind the colon");
  check_absent (DEVICE ":-1", "behind the colon");
  check_absent (DEVICE ":99999999999999999999", "behind the colon");
  CHECK (ck_device_open (DEVICE, &(CkDeviceOptions){ .features = "avx2" }, &device) ==
         CK_UNSUPPORTED);
  check_libraries ();
  check_setting ("COW_CUDA_VERSION", "11040",
                 "the NVIDIA driver is for CUDA 11.4, and this build needs one for 12.0");
  check_setting ("COW_CUDA_ARCHITECTURE", "61",
                 "has compute capability 6.1, and at least 7.0 is needed");
  let_function_fail ("cuInit", 1, CK_CU_NO_DEVICE);
  check_absent (DEVICE, "the NVIDIA driver finds no GPU");
  let_fail (NULL);
  check_call ("cuInit", CK_CU_SYSTEM_DRIVER_MISMATCH,
              "the NVIDIA driver does not start: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
  check_call ("cuModuleLoadData", CK_CU_NO_BINARY_FOR_GPU,
              "this build has no kernels for the compute capability 8.6");
  check_call ("cuDevicePrimaryCtxRetain", CK_CU_OUT_OF_MEMORY, "has no memory left of its ");
  check_call ("cuDevicePrimaryCtxRetain", CK_CU_DEVICE_UNAVAILABLE,
              "the GPU's context: CUDA_ERROR_DEVICE_UNAVAILABLE");
  check_opens (DEVICE);
  check_products ("70", CK_USE_INT8);
  check_products ("75", CK_USE_INT8 | CK_USE_F16);
  check_products ("80", CK_USE_INT8 | CK_USE_F16 | CK_USE_BF16);
}

/* ---- failures -------------------------------------------------------------------------------- */

/* All that a stream does, with what has failed; and whether what came down was right. */
static CkStatus
use_stream (CkDevice *device, float *got)
{
  CkStream *stream = NULL, *other = NULL;
  CkEvent *event = NULL;
  CkStatus status = ck_stream_new (device, 0, &stream), waited;
  float *x = status == CK_OK ? ck_alloc (stream, N * sizeof *x) : NULL, ones[N];

  for (int i = 0; i < N; i++)
    ones[i] = 1;
  if (status == CK_OK)
    status = ck_stream_new (device, 0, &other);
  if (status == CK_OK)
    status = ck_event_new (device, &event);
  if (status == CK_OK && x == NULL)
    status = CK_NO_MEMORY;
  if (status == CK_OK) {
    CHECK (ck_upload (stream, x, ones, sizeof ones) == CK_OK);
    for (int i = 0; i < 3; i++)
      do {
        if (ck_replay_begin (stream, 1))
          break;
        CHECK (stream->training->multiply (stream, x, N, 2) == CK_OK);
      } while (!ck_replay_end (stream));
    CHECK (ck_event_record (event, stream) == CK_OK);
    CHECK (ck_stream_wait (other, event) == CK_OK);
    CHECK (other->training->multiply (other, x, N, 5) == CK_OK);
    waited = ck_event_synchronize (event);
    status = ck_download (other, got, x, N * sizeof *x);
    if (status == CK_OK)
      status = waited;
  }
  if (x != NULL)
    ck_free (stream, x);
  ck_event_free (event);
  ck_stream_free (other);
  ck_stream_free (stream);
  return status;
}

static void
check_works (CkDevice *device)
{
  float got[N] = { 0 };

  CHECK (use_stream (device, got) == CK_OK);
  for (int i = 0; i < N; i++)
    CHECK (got[i] == 40);
}

/* Every function of the driver that a stream uses, at its first calls: there is an error or the
 * right result, and the device works again. */
static void
check_calls (void)
{
#define NAME(name, symbol, parameters) #name,
  static const char *const functions[] = { CK_CU_FUNCTIONS (NAME) };
#undef NAME
  CkDevice *device;
  int n_failed = 0;

  CHECK (ck_device_open (DEVICE, NULL, &device) == CK_OK);
  check_works (device);
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    for (int call = 1; call <= 4; call++) {
      float got[N] = { 0 };
      CkStatus status;

      /* Without its context a call goes elsewhere, which the driver does not let happen. */
      if (strstr (functions[f], "Current") != NULL)
        continue;
      let_function_fail (functions[f], call, CK_CU_INVALID_VALUE);
      status = use_stream (device, got);
      let_fail (NULL);
      n_failed += status != CK_OK;
      for (int i = 0; i < N && status == CK_OK; i++)
        if (got[i] != 40) {
          fail ("%s failed at call %d, and the result is wrong", functions[f], call);
          break;
        }
      CHECK (status == CK_OK || status == CK_DEVICE_ERROR || status == CK_NO_MEMORY);
    }
  }
  CHECK (n_failed > 20);
  check_works (device);
  ck_device_close (device);
}

/* Opening fails at any call, and leaves nothing that the next one stumbles over. */
static void
check_openings (void)
{
#define NAME(name, symbol, parameters) #name,
  static const char *const functions[] = { CK_CU_FUNCTIONS (NAME) };
#undef NAME
  int n_refused = 0;

  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    char reason[CK_DEVICE_REASON];
    const CkDeviceOptions options = { .reason = reason };
    CkDevice *device;

    let_function_fail (functions[f], 1, CK_CU_UNKNOWN);
    if (ck_device_open (DEVICE, &options, &device) != CK_OK) {
      n_refused++;
      CHECK (device == NULL && reason[0] != '\0');
    }
    let_fail (NULL);
    ck_device_close (device);
    check_opens (DEVICE);
  }
  CHECK (n_refused >= 8);
}

/* A context that is lost answers nothing any more; it begins anew when all devices are closed. */
static void
check_lost (const char *function, int result, const char *name)
{
  CkDevice *device, *other;
  CkDeviceState state;
  float got[N];

  CHECK (ck_device_open (DEVICE, NULL, &device) == CK_OK);
  CHECK (ck_device_open (DEVICE, NULL, &other) == CK_OK);
  CHECK (ck_device_state (device, &state) && state.failure[0] == '\0' && !state.is_lost);
  let_function_fail (function, 2, result);
  CHECK (use_stream (device, got) == CK_DEVICE_ERROR);
  let_fail (NULL);
  CHECK (ck_device_state (device, &state) && state.is_lost);
  if (strncmp (state.failure, name, strlen (name)) != 0)
    fail ("the failure is %s, not %s", state.failure, name);
  CHECK (use_stream (device, got) != CK_OK);
  CHECK (use_stream (other, got) != CK_OK);
  check_refused (DEVICE, "has failed, and is not closed everywhere yet");
  ck_device_close (device);
  check_refused (DEVICE, "has failed, and is not closed everywhere yet");
  ck_device_close (other);
  CHECK (ck_device_open (DEVICE, NULL, &device) == CK_OK);
  check_works (device);
  ck_device_close (device);
}

static void
check_all_lost (void)
{
  check_lost ("cuLaunchKernel", CK_CU_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS in ck_cuda_");
  check_lost ("cuEventSynchronize", CK_CU_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT in ");
  check_lost ("cuEventSynchronize", CK_CU_ECC_UNCORRECTABLE, "CUDA_ERROR_ECC_UNCORRECTABLE in ");
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A full GPU refuses, and goes on when something has been given back. */
static void
check_full (CkStream *stream)
{
  const size_t all = ck_device_free_bytes (stream->device), half = all / 2 + 1;
  void *first = ck_alloc (stream, half);
  float *host = calloc (1, half);
  const CkWeightSource source = {
    .type = CK_F32, .out = 1, .in = (int64_t)(half / sizeof (float)), .host_data = host
  };
  CkWeight *weight;

  CHECK (first != NULL && ck_device_free_bytes (stream->device) < half);
  CHECK (ck_alloc (stream, half) == NULL);
  CHECK (ck_weight_new (stream->device, &source, CK_USE_FORWARD, &weight) == CK_NO_MEMORY);
  CHECK (weight == NULL && ck_synchronize (stream) == CK_OK);
  ck_free (stream, first);
  /* what the pool keeps goes to others */
  CHECK (ck_weight_new (stream->device, &source, CK_USE_FORWARD, &weight) == CK_OK);
  CHECK (ck_alloc (stream, half) == NULL);
  ck_weight_free (stream->device, weight);
  first = ck_alloc (stream, half);
  CHECK (first != NULL);
  ck_free (stream, first);
  CHECK (ck_synchronize (stream) == CK_OK);
  free (host);
}

/* Scratch memory that an operation does not get is a failure of the stream. */
static void
check_no_scratch (CkStream *stream)
{
  enum { ROWS = 3000, COLS = 40 };
  float *x = ck_alloc (stream, ROWS * COLS * sizeof *x),
        *sums = ck_alloc (stream, COLS * sizeof *x);
  const size_t left = ck_device_free_bytes (stream->device) - 1024;
  void *rest = ck_alloc (stream, left);

  CHECK (x != NULL && sums != NULL && rest != NULL);
  CHECK (stream->operations->fill (stream, x, ROWS * COLS, 1) == CK_OK);
  CHECK (stream->operations->fill (stream, sums, COLS, 0) == CK_OK);
  CHECK (stream->training->add_scaled_backward (stream, ROWS, COLS, x, x, NULL, x, sums) == CK_OK);
  CHECK (ck_synchronize (stream) == CK_NO_MEMORY);
  ck_stream_reset (stream);
  ck_free (stream, rest);
  CHECK (stream->training->add_scaled_backward (stream, ROWS, COLS, x, x, NULL, x, sums) == CK_OK);
  CHECK (ck_synchronize (stream) == CK_OK);
  {
    float found[COLS];

    CHECK (ck_download (stream, found, sums, sizeof found) == CK_OK);
    for (int i = 0; i < COLS; i++)
      CHECK (found[i] == ROWS);
  }
  ck_free (stream, x);
  ck_free (stream, sums);
}

static void
check_memory (const char *pools)
{
  CkStream *stream;

  setenv ("COW_CUDA_MEMORY", "16000000", 1);
  setenv ("COW_CUDA_POOLS", pools, 1);
  stream = stream_open (DEVICE, "auto", 0);
  check_full (stream);
  check_no_scratch (stream);
  stream_close (stream);
  unsetenv ("COW_CUDA_MEMORY");
  unsetenv ("COW_CUDA_POOLS");
}

static void
check_memories (void)
{
  check_memory ("1");
  check_memory ("0");
}

/* More than the pinned memory that uploads pass through, at once and in pieces of odd sizes, at a
 * place that is aligned to nothing; also where a failure could keep a part from arriving. */
static void
check_uploads_of (CkStream *stream, size_t piece)
{
  enum { BYTES = 5500001 };
  uint8_t *from = malloc (BYTES), *found = calloc (1, BYTES),
          *memory = ck_alloc (stream, BYTES + 1);

  for (size_t i = 0; i < BYTES; i++)
    from[i] = (uint8_t)random_bits ();
  for (size_t at = 0; at < BYTES; at += piece) {
    const size_t n = BYTES - at < piece ? BYTES - at : piece;
    uint8_t *source = malloc (n);

    memcpy (source, from + at, n);
    CHECK (ck_upload (stream, memory + 1 + at, source, n) == CK_OK);
    memset (source, 0x55, n);
    free (source);
  }
  CHECK (ck_download (stream, found, memory + 1, BYTES) == CK_OK);
  CHECK (memcmp (found, from, BYTES) == 0);
  ck_free (stream, memory);
  free (from);
  free (found);
}

static void
check_uploads (void)
{
  CkStream *stream = stream_open (DEVICE, "auto", 0);
  const int32_t label = 0;
  float *logit = ck_alloc (stream, sizeof *logit);
  int32_t *labels = ck_alloc (stream, sizeof *labels);
  double *loss = ck_alloc (stream, sizeof *loss);

  check_uploads_of (stream, 5500001);
  check_uploads_of (stream, 300007);
  CHECK (ck_upload (stream, labels, &label, sizeof label) == CK_OK);
  CHECK (stream->operations->fill (stream, logit, 1, 0) == CK_OK);
  CHECK (stream->training->cross_entropy (stream, &(CkCrossEntropy){ .batch = 1,
                                                                     .classes = 1,
                                                                     .logits = logit,
                                                                     .labels = labels,
                                                                     .loss = loss }) == CK_OK);
  check_uploads_of (stream, 1300000);
  ck_free (stream, logit);
  ck_free (stream, labels);
  ck_free (stream, loss);
  stream_close (stream);
}

static void
check_streams_of_weights (void)
{
  check_streamed (DEVICE);
}

int
main (void)
{
  static const struct {
    const char *name;
    void (*check) (void);
  } cases[] = { { "reasons", check_reasons },
                { "openings", check_openings },
                { "calls", check_calls },
                { "lost", check_all_lost },
                { "memory", check_memories },
                { "uploads", check_uploads },
                { "streamed", check_streams_of_weights } };
  const char *path = getenv (LIBRARY_VARIABLE);
  void *library = path != NULL ? dlopen (path, RTLD_NOW | RTLD_LOCAL) : NULL;
  void *symbol = library != NULL ? dlsym (library, "cow_cuda_on_cpu_fail") : NULL;

  if (symbol == NULL) {
    printf ("Bail out! " LIBRARY_VARIABLE " names no library\n");
    return EXIT_FAILURE;
  }
  memcpy (&let_fail, &symbol, sizeof symbol);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    case_begin ();
    cases[i].check ();
    case_end (cases[i].name, "cuda");
  }
  return cases_end ();
}
