/* SPDX-License-Identifier: MIT */
/* See harness.h. */
#include "tests/kernels/harness.h"

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD    16 /* floats before and after a buffer */
#define SENTINEL 0x7fc5a5a5u
#define SHOWN    5 /* failures printed a case */

#define AFFORDABLE 1e6 /* multiply-adds of a test on an emulated GPU */

#define SEED 0x9e3779b97f4a7c15u

static int n_cases, n_failed, n_failures;
static uint64_t random_state = SEED; /* xorshift64* */

#define MAX_CHOSEN 64
static struct {
  char *const *patterns;
  int n;
  bool found[MAX_CHOSEN];
} chosen;

static _Noreturn void
bail_out (const char *why)
{
  printf ("Bail out! %s\n", why);
  exit (EXIT_FAILURE);
}

void
cases_choose (int n, char *const *patterns)
{
  if (n > MAX_CHOSEN)
    bail_out ("too many patterns");
  chosen.patterns = patterns;
  chosen.n = n;
}

bool
is_chosen (const char *name)
{
  bool any = chosen.n == 0;

  for (int i = 0; i < chosen.n; i++)
    if (fnmatch (chosen.patterns[i], name, 0) == 0)
      any = chosen.found[i] = true;
  return any;
}

void
case_begin (void)
{
  n_failures = 0;
  random_state = SEED;
}

void
case_end (const char *name, const char *where)
{
  n_cases++;
  if (n_failures > 0)
    n_failed++;
  printf ("%s %d - %s/%s\n", n_failures > 0 ? "not ok" : "ok", n_cases, name, where);
  fflush (stdout);
}

int
cases_end (void)
{
  for (int i = 0; i < chosen.n; i++)
    if (!chosen.found[i]) {
      n_failed++;
      printf ("# no case is named %s\n", chosen.patterns[i]);
    }
  printf ("1..%d\n", n_cases);
  fflush (stdout);
  return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

void
fail (const char *format, ...)
{
  va_list args;

  if (n_failures++ >= SHOWN)
    return;
  printf ("# ");
  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  printf ("\n");
}

uint32_t
random_bits (void)
{
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)(random_state * 0x2545f4914f6cdd1du >> 32);
}

float
random_float (void)
{
  return (float)(random_bits () >> 8) * 0x1p-23f - 1;
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* The buffers that there are. */
#define MAX_BUFFERS 4096
static struct {
  float *floats, *base; /* base: where its memory begins */
  int64_t n;
} buffers[MAX_BUFFERS];
static int n_buffers;
static bool aligned_buffers;

void
floats_align (bool aligned)
{
  aligned_buffers = aligned;
}

static size_t
total_floats (int64_t n)
{
  return (size_t)n + 2 * GUARD + 1;
}

float *
floats_new (int64_t n)
{
  const size_t total = total_floats (n);
  float *base = aligned_alloc (64, (total * sizeof (float) + 63) / 64 * 64);
  float *floats = base + GUARD + (aligned_buffers ? 0 : 1);
  const uint32_t sentinel = SENTINEL;

  for (size_t i = 0; i < total; i++)
    memcpy (base + i, &sentinel, sizeof sentinel);
  if (n_buffers == MAX_BUFFERS)
    bail_out ("too many buffers");
  buffers[n_buffers].floats = floats;
  buffers[n_buffers].base = base;
  buffers[n_buffers++].n = n;
  return floats;
}

float *
floats_filled (int64_t n, Fill fill)
{
  float *floats = floats_new (n);

  for (int64_t i = 0; i < n; i++)
    floats[i] = fill == FILL_RANDOM ? random_float ()
                : fill == FILL_ZERO ? 0
                : fill == FILL_MIN  ? -EXTREME
                                    : EXTREME;
  return floats;
}

float *
floats_copy (const float *from, int64_t n)
{
  float *floats = floats_new (n);

  memcpy (floats, from, (size_t)n * sizeof *from);
  return floats;
}

void
floats_free (float *floats, int64_t n)
{
  const uint32_t sentinel = SENTINEL;

  if (floats == NULL)
    return;
  for (int i = 0; i < GUARD; i++) {
    if (memcmp (floats - GUARD + i, &sentinel, sizeof sentinel) != 0 ||
        memcmp (floats + n + i, &sentinel, sizeof sentinel) != 0) {
      fail ("wrote outside a buffer of %lld floats", (long long)n);
      break;
    }
  }
  for (int i = 0; i < n_buffers; i++)
    if (buffers[i].floats == floats) {
      free (buffers[i].base);
      buffers[i] = buffers[--n_buffers];
    }
}

void
compare (const char *what, const float *got, const double *want, int64_t n, double limit,
         double magnitude)
{
  for (int64_t i = 0; i < n; i++) {
    if (!(fabs (got[i] - want[i]) <= limit * magnitude)) {
      fail ("%s: element %lld of %lld is %.9g, not %.9g: off by %.2g of magnitude %.3g, limit %.2g",
            what, (long long)i, (long long)n, got[i], want[i], fabs (got[i] - want[i]) / magnitude,
            magnitude, limit);
      return;
    }
  }
}

void
compare_floats (const char *what, const float *got, const float *want, int64_t n, double limit,
                double magnitude)
{
  double *wide = malloc ((size_t)n * sizeof *wide + 1);

  for (int64_t i = 0; i < n; i++)
    wide[i] = want[i];
  compare (what, got, wide, n, limit, magnitude);
  free (wide);
}

double
largest (const double *values, int64_t n)
{
  double result = 0;

  for (int64_t i = 0; i < n; i++)
    result = fmax (result, fabs (values[i]));
  return result;
}

/* ---- streams --------------------------------------------------------------------------------- */

CkStream *
stream_open (const char *name, const char *features, int threads)
{
  CkDevice *device;
  CkStream *stream;
  char reason[CK_DEVICE_REASON];
  const CkDeviceOptions options = { .features = features, .threads = threads, .reason = reason };

  if (ck_device_open (name, &options, &device) != CK_OK ||
      ck_stream_new (device, 0, &stream) != CK_OK) {
    printf ("# %s: %s\n", name, reason);
    bail_out ("cannot open a device");
  }
  return stream;
}

void
stream_close (CkStream *stream)
{
  CkDevice *device = stream->device;

  ck_stream_free (stream);
  ck_device_close (device);
}

const char *
stream_name (const CkStream *stream)
{
  static char text[64];

  if (strcmp (stream->device->name, "cpu") == 0)
    return stream->device->features;
  snprintf (text, sizeof text, "%s-device %s", stream->device->name, stream->device->features);
  return text;
}

bool
is_gpu (const char *device)
{
  return strncmp (device, "cuda", 4) == 0;
}

bool
is_emulated_gpu (const char *device)
{
  return strncmp (device, "cuda-emulated", 13) == 0;
}

bool
is_affordable (const CkStream *stream, double multiply_adds)
{
  return !is_emulated_gpu (stream->device->name) || multiply_adds <= AFFORDABLE;
}

/* What lies on the device, of whichever stream. */
#define MAX_COPIES 256
static struct {
  CkStream *stream;
  void *host, *device;
  size_t bytes;
} copies[MAX_COPIES];
static int n_copies;

static struct {
  CkStream *stream;
  CkWeight *weight;
} weights[MAX_COPIES];
static int n_weights;

void *
bytes_on_device (CkStream *stream, const void *bytes, size_t n)
{
  void *memory;

  if (bytes == NULL)
    return NULL;
  for (int i = 0; i < n_copies; i++)
    if (copies[i].stream == stream && copies[i].host == bytes && copies[i].bytes == n)
      return copies[i].device;
  memory = ck_alloc (stream, n + 1); /* there may be no bytes */
  if (n_copies == MAX_COPIES || memory == NULL || ck_upload (stream, memory, bytes, n) != CK_OK)
    bail_out ("no memory on the device");
  copies[n_copies].stream = stream;
  copies[n_copies].host = (void *)bytes;
  copies[n_copies].device = memory;
  copies[n_copies++].bytes = n;
  return memory;
}

float *
on_device (CkStream *stream, const float *floats)
{
  if (floats == NULL)
    return NULL;
  for (int i = 0; i < n_buffers; i++) {
    float *base = buffers[i].base;

    if (floats >= buffers[i].floats && floats <= buffers[i].floats + buffers[i].n)
      return (float *)bytes_on_device (stream, base, total_floats (buffers[i].n) * sizeof (float)) +
             (floats - base);
  }
  bail_out ("not a buffer of floats_new ()");
}

const int all_products[N_LINEAR_PRODUCTS] = { 0, CK_USE_INT16, CK_USE_INT8, CK_USE_BF16,
                                              CK_USE_F16 };
const CkType product_types[N_LINEAR_PRODUCTS] = { CK_F32, CK_I16, CK_I8, CK_BF16, CK_F16 };
const char *const product_names[N_LINEAR_PRODUCTS] = { "fp32", "int16", "int8", "bf16", "fp16" };

bool
has_products (const CkStream *stream, int products)
{
  return (stream->device->products & products) == products;
}

static const CkWeight *
add_weight (CkStream *stream, const CkWeightSource *source, CkWeightUses uses)
{
  CkWeight *weight;

  if (n_weights == MAX_COPIES || ck_weight_new (stream->device, source, uses, &weight) != CK_OK)
    bail_out ("no weight on the device");
  weights[n_weights].stream = stream;
  weights[n_weights++].weight = weight;
  return weight;
}

const CkWeight *
weight_for_products (CkStream *stream, const CkWeightSource *source, int products)
{
  return add_weight (stream, source, (CkWeightUses)(ALL_USES | products));
}

const CkWeight *
parameters_for_products (CkStream *stream, const CkWeightSource *source, int products)
{
  CkWeightSource placed = *source;

  placed.parameters = D (source->host_data);
  placed.host_data = NULL;
  return weight_for_products (stream, &placed, products);
}

const CkWeight *
weight_on_device (CkStream *stream, const CkWeightSource *source, bool trains)
{
  return trains && source->type == CK_F32 ? parameters_for_products (stream, source, 0)
                                          : weight_for_products (stream, source, 0);
}

/* What has not changed may be constant, and is not written. */
static void
copy_back (CkStream *stream, void *host, const void *device, size_t bytes)
{
  void *now = malloc (bytes + 1);

  CHECK (ck_download (stream, now, device, bytes) == CK_OK);
  if (memcmp (host, now, bytes) != 0)
    memcpy (host, now, bytes);
  free (now);
}

CkStatus
settle (CkStream *stream)
{
  const CkStatus status = ck_synchronize (stream);
  int kept = 0;

  for (int i = 0; i < n_copies; i++) {
    if (copies[i].stream != stream) {
      copies[kept++] = copies[i];
      continue;
    }
    if (status == CK_OK)
      copy_back (stream, copies[i].host, copies[i].device, copies[i].bytes);
    ck_free (stream, copies[i].device);
  }
  n_copies = kept;
  kept = 0;
  for (int i = 0; i < n_weights; i++) {
    if (weights[i].stream == stream)
      ck_weight_free (stream->device, weights[i].weight);
    else
      weights[kept++] = weights[i];
  }
  n_weights = kept;
  return status;
}

CkStatus
settled (CkStream *stream, CkStatus enqueued)
{
  const CkStatus status = settle (stream);

  return enqueued != CK_OK ? enqueued : status;
}
