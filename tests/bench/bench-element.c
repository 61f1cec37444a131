/* SPDX-License-Identifier: MIT */
/*
 * Measures the element's cost beside the network's, and whether elements lose by sharing an engine.
 * The two sides of a line come from one run and take turns, so that a busy machine affects both
 * alike. The network is a ViT-S from the formula, the frames are 1080p.
 *
 *   bench-element      prints a line for each case; exits 1 when the element costs more than 3 % of
 *                      the network, or when eight elements are slower than one
 */
#include <gio/gio.h>
#include <time.h>

#include "kernels/kernels.h"
#include "tests/gst/support.h"

#define MOST_COST 0.03
/* The two throughputs are measured in slices that take turns; the effect of other programs on the
 * slices evens out to about this. */
#define LEAST_THROUGHPUT 0.97
#define N_FRAMES         24
#define N_SHARING        8
#define N_SLICES         3

static char *model, *adapter;
static int network_threads; /* that an engine computes with */

static gint64
cpu_ns (clockid_t whose)
{
  struct timespec t;

  clock_gettime (whose, &t);
  return (gint64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static GstHarness *
harness_new (const char *properties, const GstVideoInfo *info)
{
  g_autofree char *line = g_strdup_printf (
      "cowbehavior mode=blocking model=\"%s\" adapter=\"%s\" %s", model, adapter, properties);
  GstHarness *harness = gst_harness_new_parse (line);

  support_harness_set_info (harness, info);
  return harness;
}

typedef struct {
  const char *name, *properties;
  GstVideoFormat format;
  guint n_cows; /* 0: the full frame */
} Case;

/* Measures the CPU time of the streaming thread, which prepares, waits and writes, and that of the
 * threads that compute, divided by their number. On an idle machine the latter is the time of a
 * forward pass; on a busy one both grow alike. */
static gboolean
measure_cost (const Case *c)
{
  GstVideoInfo info = support_info (c->format, 1920, 1080, NULL);
  GstHarness *harness = harness_new (c->properties, &info);
  gint64 own_ns = 0, all_ns = 0;
  double network_ns, share;

  gst_buffer_unref (support_push (harness, &info, 0, 0)); /* the first allocates */
  for (guint i = 1; i <= N_FRAMES; i++) {
    GstBuffer *buffer = support_frame_new (&info, i);

    for (guint cow = 0; cow < c->n_cows; cow++)
      support_add_roi (buffer, 150 * cow, 80 * cow, 400, 300, (gint)cow + 1);
    own_ns -= cpu_ns (CLOCK_THREAD_CPUTIME_ID);
    all_ns -= cpu_ns (CLOCK_PROCESS_CPUTIME_ID);
    g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
    own_ns += cpu_ns (CLOCK_THREAD_CPUTIME_ID);
    all_ns += cpu_ns (CLOCK_PROCESS_CPUTIME_ID);
    gst_buffer_unref (gst_harness_pull (harness));
  }
  network_ns = (double)(all_ns - own_ns) / network_threads;
  share = (double)own_ns / network_ns;
  g_print ("%-24s element %7.3f ms a frame, network %8.2f ms: %.2f %%\n", c->name,
           (double)own_ns / 1e6 / N_FRAMES, network_ns / 1e6 / N_FRAMES, 100 * share);
  gst_harness_teardown (harness);
  return share < MOST_COST;
}

/* ---- sharing --------------------------------------------------------------------------------- */

typedef struct {
  GstHarness *harness;
  GstVideoInfo info;
  guint n;
} Stream;

static gpointer
run_stream (gpointer data)
{
  Stream *stream = data;

  for (guint i = 0; i < stream->n; i++)
    gst_buffer_unref (support_push (stream->harness, &stream->info, i, i));
  return NULL;
}

/* Wall-clock and CPU seconds. */
typedef struct {
  double clock, cpu;
} Seconds;

/* Adds the time that n streams take for N_FRAMES frames together. */
static void
run_streams (Stream *streams, guint n, Seconds *seconds)
{
  GThread *threads[N_SHARING];
  gint64 start = g_get_monotonic_time (), start_cpu = cpu_ns (CLOCK_PROCESS_CPUTIME_ID);

  for (guint i = 0; i < n; i++) {
    streams[i].n = N_FRAMES / n;
    threads[i] = g_thread_new ("stream", run_stream, &streams[i]);
  }
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
  seconds->clock += (double)(g_get_monotonic_time () - start) / 1e6;
  seconds->cpu += (double)(cpu_ns (CLOCK_PROCESS_CPUTIME_ID) - start_cpu) / 1e9;
}

static gboolean
measure_sharing (void)
{
  Stream streams[N_SHARING];
  Seconds one = { 0 }, eight = { 0 }, warm_up = { 0 };

  for (guint i = 0; i < N_SHARING; i++) {
    streams[i].info = support_info (GST_VIDEO_FORMAT_NV12, 1920, 1080, NULL);
    streams[i].harness = harness_new ("", &streams[i].info);
  }
  run_streams (streams, N_SHARING, &warm_up);
  for (guint i = 0; i < N_SLICES; i++) {
    run_streams (streams, 1, &one);
    run_streams (streams, N_SHARING, &eight);
  }
  g_print ("%-24s one %.2f, eight %.2f frames/s: %.2f times; %.2f times for a processor's second; "
           "of %" G_GUINT64_FORMAT " batches %" G_GUINT64_FORMAT " of several\n",
           "sharing", N_SLICES * N_FRAMES / one.clock, N_SLICES * N_FRAMES / eight.clock,
           one.clock / eight.clock, one.cpu / eight.cpu,
           support_stat (streams[0].harness, "batches"),
           support_stat (streams[0].harness, "batches-mixed"));
  for (guint i = 0; i < N_SHARING; i++)
    gst_harness_teardown (streams[i].harness);
  return one.clock / eight.clock >= LEAST_THROUGHPUT;
}

/* Makes a ViT-S with a head in a temporary folder. */
static char *
make_model (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-bench-XXXXXX", &error);
  g_autoptr (GSubprocess) process = NULL;

  g_assert_no_error (error);
  model = g_build_filename (folder, "model", NULL);
  adapter = g_build_filename (folder, "adapter", NULL);
  process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, g_getenv ("COW_FORMULA_MODEL"),
                        "vits16", model, "--adapter", adapter, "--head", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (process, NULL, NULL));
  return folder;
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { "NV12, full frame", "", GST_VIDEO_FORMAT_NV12, 0 },
    { "I420, full frame", "", GST_VIDEO_FORMAT_I420, 0 },
    { "BGRx, full frame", "", GST_VIDEO_FORMAT_BGRx, 0 },
    { "P010, full frame", "", GST_VIDEO_FORMAT_P010_10LE, 0 },
    { "NV12, 8 cows, hmm", "smoothing=hmm top-k=3", GST_VIDEO_FORMAT_NV12, 8 },
  };
  gboolean ok = TRUE;
  CkDevice *device;
  char *folder;

  gst_init (&argc, &argv);
  g_assert_cmpint (ck_device_open ("cpu", NULL, &device), ==, CK_OK);
  network_threads = device->threads;
  ck_device_close (device);
  folder = make_model ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    ok &= measure_cost (&cases[i]);
  ok &= measure_sharing ();
  g_free (model);
  g_free (adapter);
  support_remove (folder);
  return ok ? 0 : 1;
}
