/* SPDX-License-Identifier: MIT */
/*
 * Times a linear layer of NF4 weights, fp32 in and out, in turns with cuBLASLt on panels of the
 * same weights (panels.h), and holds one to the other.
 */
#include "tests/gpu/bench-linear.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/network/device.h"
#include "tests/gpu/panels.h"

enum { TOKENS = 201, EACH = 10 /* layers before a wait */, MOST_PASSES = 10000, BLOCK = 64 };
#define FARTHEST .03 /* of the norm of y: int8 and halves differ by less */

typedef struct {
  CkStream *stream;
  CkWeight *weight;
  gint64 out, in, rows, padded;
  float *x, *y, *theirs; /* device memory, `padded` rows */
  Panels *panels;        /* NULL: there is no cuBLASLt */
  char why[256];         /* then */
} Bench;

static void
check (gboolean good, const char *what)
{
  if (good)
    return;
  g_printerr ("bench-gpu: %s\n", what);
  exit (1);
}

static CkWeightUses
uses_of (const char *precision)
{
  static const struct {
    const char *name;
    CkWeightUses uses;
  } all[] = {
    { "int8", CK_USE_INT8 }, { "bf16", CK_USE_BF16 }, { "fp16", CK_USE_F16 }, { "fp32", 0 }
  };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    if (g_str_equal (all[i].name, precision))
      return all[i].uses | CK_USE_FORWARD;
  check (FALSE, "the precision is int8, bf16, fp16 or fp32");
  return 0;
}

/* Numbers from -1 to 1. */
static float
number (gsize i)
{
  return (float)((i * 2654435761u >> 7) % 4096) / 2048 - 1;
}

static CkWeight *
make_weight (CkDevice *device, gint64 out, gint64 in, CkWeightUses uses)
{
  const gsize n = (gsize)(out * in);
  g_autofree guint8 *codes = g_malloc (n / 2 + 1);
  g_autofree float *absmax = g_new (float, n / BLOCK + 1);
  CkWeightSource source = {
    .type = CK_NF4, .out = out, .in = in, .host_data = codes, .host_absmax = absmax, .block = BLOCK
  };
  CkWeight *weight;

  for (gsize i = 0; i < n / 2 + 1; i++)
    codes[i] = (guint8)(i * 2246822519u >> 11);
  for (gsize i = 0; i < n / BLOCK + 1; i++)
    absmax[i] = 1.5f + number (i);
  for (int i = 0; i < 16; i++)
    source.code[i] = (float)(i - 8) / 8;
  check (ck_weight_new (device, &source, uses, &weight) == CK_OK,
         "the device has no such products, or no memory for the weight");
  return weight;
}

static void
run_ours (Bench *bench)
{
  const CkLinear op = { .weight = bench->weight,
                        .rows = bench->rows,
                        .x = { .type = CK_F32, .data = bench->x },
                        .y = { .type = CK_F32, .data = bench->y } };

  check (bench->stream->operations->linear (bench->stream, &op) == CK_OK, "linear failed");
}

static void
run_theirs (Bench *bench)
{
  check (panels_run (bench->panels, bench->x, bench->theirs, bench->rows) == 0,
         "cublasLtMatmul failed");
}

static float *
download (Bench *bench, const float *from, gint64 rows)
{
  const gsize bytes = (gsize)(rows * bench->out) * sizeof (float);
  float *got = g_malloc (bytes);

  check (ck_download (bench->stream, got, from, bytes) == CK_OK, "the GPU failed");
  return got;
}

/* How far apart two results are, of the norm of the first. */
static double
distance (const float *ours, const float *theirs, gsize n)
{
  double apart = 0, all = 0;

  for (gsize i = 0; i < n; i++) {
    apart += ((double)theirs[i] - ours[i]) * ((double)theirs[i] - ours[i]);
    all += (double)ours[i] * ours[i];
  }
  return sqrt (apart / all);
}

/* Whether the first picture's numbers are the same alone as among all. */
static gboolean
has_same_bits (Bench *bench)
{
  const gint64 all = bench->rows, one = MIN (TOKENS, all);
  g_autofree float *among = NULL, *alone = NULL;

  run_theirs (bench);
  among = download (bench, bench->theirs, one);
  bench->rows = one;
  run_theirs (bench);
  alone = download (bench, bench->theirs, one);
  bench->rows = all;
  return memcmp (among, alone, (gsize)(one * bench->out) * sizeof *alone) == 0;
}

static int
compare (const void *a, const void *b)
{
  const gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

static gint64
time_pass (Bench *bench, void (*run) (Bench *))
{
  const gint64 begin = g_get_monotonic_time ();

  for (int i = 0; i < EACH; i++)
    run (bench);
  check (ck_synchronize (bench->stream) == CK_OK, "the GPU failed");
  return g_get_monotonic_time () - begin;
}

/* Medians in milliseconds a layer, in turns. */
static void
time_both (Bench *bench, double seconds, double *ours, double *theirs)
{
  static gint64 times[2][MOST_PASSES];
  const gint64 end = g_get_monotonic_time () + (gint64)(seconds * G_USEC_PER_SEC);
  int n = 0;

  do {
    times[0][n] = time_pass (bench, run_ours);
    times[1][n] = bench->panels ? time_pass (bench, run_theirs) : 0;
    n++;
  } while (n < MOST_PASSES && (n < 3 || g_get_monotonic_time () < end));
  for (int i = 0; i < 2; i++)
    qsort (times[i], (gsize)n, sizeof times[i][0], compare);
  *ours = (double)times[0][n / 2] / 1000 / EACH;
  *theirs = (double)times[1][n / 2] / 1000 / EACH;
}

static void
begin (Bench *bench, char **argv, CkDevice *device)
{
  const gint64 in = g_ascii_strtoll (argv[2], NULL, 10), out = g_ascii_strtoll (argv[1], NULL, 10),
               rows = g_ascii_strtoll (argv[3], NULL, 10),
               padded = (rows + PANELS_ROWS - 1) / PANELS_ROWS * PANELS_ROWS;
  g_autofree float *x = NULL;

  check (in > 0 && in % 4 == 0 && out > 0 && rows > 0 && in < 1 << 20 && out < 1 << 20 &&
             rows < 1 << 20,
         "IN is a multiple of 4; OUT, IN and ROWS are below 2^20");
  *bench = (Bench){ .out = out, .in = in, .rows = rows, .padded = padded };
  check (ck_stream_new (device, 0, &bench->stream) == CK_OK, "there is no stream");
  bench->weight = make_weight (device, out, in, uses_of (argv[4]));
  bench->x = ck_alloc (bench->stream, (gsize)(padded * in) * sizeof (float));
  bench->y = ck_alloc (bench->stream, (gsize)(padded * out) * sizeof (float));
  bench->theirs = ck_alloc (bench->stream, (gsize)(padded * out) * sizeof (float));
  check (bench->x && bench->y && bench->theirs, "there is no memory");
  x = g_new0 (float, (gsize)(padded * in));
  for (gsize i = 0; i < (gsize)(rows * in); i++)
    x[i] = number (i + 12345);
  check (ck_upload (bench->stream, bench->x, x, (gsize)(padded * in) * sizeof *x) == CK_OK,
         "the GPU failed");
  bench->panels =
      panels_new (bench->stream, bench->weight, rows, argv[6], bench->why, sizeof bench->why);
}

int
bench_linear (char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *y = NULL, *other = NULL;
  CkDevice *device = cow_device_open (argv[0], 0, &error);
  gboolean same = FALSE;
  double ours, theirs;
  Bench bench;

  check (device != NULL, error ? error->message : "");
  begin (&bench, argv, device);
  run_ours (&bench);
  y = download (&bench, bench.y, bench.rows);
  if (bench.panels) {
    same = has_same_bits (&bench);
    run_theirs (&bench);
    other = download (&bench, bench.theirs, bench.rows);
    check (distance (y, other, (gsize)(bench.rows * bench.out)) < FARTHEST,
           "cuBLASLt's numbers are not ours");
  }
  time_both (&bench, g_ascii_strtod (argv[5], NULL), &ours, &theirs);
  printf ("{\"ms\": %.4f", ours);
  if (bench.panels)
    printf (", \"cublaslt_ms\": %.4f, \"cublaslt_same_bits\": %s}\n", theirs,
            same ? "true" : "false");
  else {
    g_autofree char *why = g_strescape (bench.why, NULL);
    printf (", \"cublaslt\": \"%s\"}\n", why);
  }
  panels_free (bench.panels);
  ck_weight_free (device, bench.weight);
  ck_free (bench.stream, bench.x);
  ck_free (bench.stream, bench.y);
  ck_free (bench.stream, bench.theirs);
  ck_stream_free (bench.stream);
  ck_device_close (device);
  return 0;
}
