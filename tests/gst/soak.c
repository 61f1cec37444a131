/* SPDX-License-Identifier: MIT */
/*
 * Eight RTSP cameras with their faults, a broker and an HTTP endpoint with their outages, other
 * adapters and other models, for as long as one likes: `soak MINUTES PROGRAM SCRIPT`, with
 * soak-cameras and endpoint.py; tests/soak-live.sh starts it. It prints a line a cycle, and fails
 * when
 *
 * - a frame is lost, stays in cowbehavior for as long as a forward pass takes, or is counted in
 *   none or in several of the ways that a frame can go;
 * - a labelled frame is no event, an event of a target is neither sent nor said to be dropped, or
 *   what has arrived is less than what was sent;
 * - a camera does not come back, or an adapter does not take over;
 * - an element fails, or a model's file that changes is noticed;
 * - memory, open files or threads grow.
 */
#include <gst/gst.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gst/soak-servers.h"
#include "tests/gst/soak-stream.h"
#include "tests/gst/support.h"

#define N_CAMERAS 8u
#define FPS       10
/* A forward pass takes that long, so that most frames find the engine busy. */
#define DELAY_MS 200
/* Of a cycle, s: how long faults last, the least time for all to be well again, and the most. */
#define FAULTS_S  16
#define WELL_S    16
#define PATIENT_S 60
/* Between the first third of the cycles and the last. */
#define ENOUGH_CYCLES  6   /* before that, memory is still being taken for the first time */
#define MORE_MEMORY    1.1 /* the heap's pieces lie ever further apart, up to some 5 % */
#define MORE_ALLOCATED 1.1 /* which frames are on their way counts here */
/* Connections that wait for another attempt, and sources that still stop, come and go. */
#define MORE_FILES   12
#define MORE_THREADS 4

typedef struct {
  guint64 kib, allocated_kib, files, threads;
} Resources;

typedef struct {
  char *folder, *events;
  char *adapters[2], *models[2]; /* paths */
  const char *adapter;           /* the present one */
  SoakServers *servers;
  GMainLoop *loop;
  GstElement *pipeline;
  SoakStream *streams[N_CAMERAS];
  GArray *resources;      /* of Resources, one a cycle */
  GHashTable *complaints; /* from the text of a warning to how often it came */
  guint n_switches, n_exchanges, n_wrong;
} Soak;

static void wrong (Soak *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
wrong (Soak *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_print ("WRONG: %s\n", text);
  self->n_wrong++;
}

/* ---- the pipeline ---------------------------------------------------------------------------- */

static void
on_failure (Soak *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *details = NULL;

  if (!gst_object_has_as_ancestor (GST_MESSAGE_SRC (message), GST_OBJECT (self->pipeline)))
    return; /* a late message of a source that has been removed */
  gst_message_parse_error (message, &error, &details);
  wrong (self, "%s: %s (%s)", GST_MESSAGE_SRC_NAME (message), error->message, details);
}

/* Counts what is said, by words: numbers differ. */
static void
count_complaint (Soak *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  char *text;

  if (!GST_IS_ELEMENT (GST_MESSAGE_SRC (message)) ||
      !gst_element_get_factory (GST_ELEMENT (GST_MESSAGE_SRC (message))))
    return;
  gst_message_parse_warning (message, &error, NULL);
  text = g_strdup_printf (
      "%s: %s", GST_OBJECT_NAME (gst_element_get_factory (GST_ELEMENT (GST_MESSAGE_SRC (message)))),
      error->message);
  g_strcanon (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:;()'/- ", '#');
  g_hash_table_insert (
      self->complaints, text,
      GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (self->complaints, text)) + 1));
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Soak *self = data;

  for (guint i = 0; i < N_CAMERAS; i++)
    if (soak_stream_take_message (self->streams[i], message))
      return G_SOURCE_CONTINUE;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    on_failure (self, message);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    count_complaint (self, message);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
    gst_bin_recalculate_latency (GST_BIN (self->pipeline));
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

/* Half of the publishers send single events from a long queue, the others batches from one that
 * does not last for an outage. */
static void
begin (Soak *self)
{
  g_autoptr (GstBus) bus = NULL;

  self->pipeline = gst_pipeline_new (NULL);
  for (guint i = 0; i < N_CAMERAS; i++) {
    g_autofree char *url = g_strdup_printf ("rtsp://127.0.0.1:%u/barn", self->servers->ports[i]);
    g_autofree char *rest = g_strdup_printf (
        "cowbehavior name=cow model=\"%s\" adapter=\"%s\" ! cowpublish name=publish "
        "source=cow%u file=\"%s\" http-url=http://127.0.0.1:%u/events http-batch=%u "
        "mqtt-url=mqtt://127.0.0.1:%u mqtt-version=%s queue-size=%u drain-timeout=40000 ! fakesink "
        "sync=true",
        self->models[0], self->adapter, i, self->events, self->servers->http_port, i % 2 ? 16 : 1,
        self->servers->broker->port, i % 4 < 2 ? "5" : "3.1.1", i % 2 ? 40 : 1000);

    self->streams[i] = soak_stream_new (self->pipeline, i, url, rest);
  }
  bus = gst_element_get_bus (self->pipeline);
  gst_bus_add_watch (bus, on_message, self);
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < N_CAMERAS; i++)
    soak_stream_start (self->streams[i]);
}

static gboolean
on_time (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
play (Soak *self, guint seconds)
{
  g_timeout_add_seconds (seconds, on_time, self->loop);
  g_main_loop_run (self->loop);
}

/* ---- a cycle --------------------------------------------------------------------------------- */

static void
set_adapters (Soak *self, const char *adapter)
{
  for (guint i = 0; i < N_CAMERAS; i++)
    soak_stream_set_adapter (self->streams[i], adapter);
}

/* The file of a model that plays is replaced by junk or by another file, and then written over with
 * what it was. Nobody must notice but who loads it for another adapter in between: then that is
 * refused, or works. */
static void
change_model_file (Soak *self, guint cycle)
{
  g_autofree char *path = g_build_filename (self->models[0], "model.safetensors", NULL),
                  *kept = g_build_filename (self->folder, "kept", NULL),
                  *other = g_build_filename (self->models[1], "model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  static const char junk[5000] = { 1 };

  support_copy (path, kept);
  if (cycle % 2 == 0) {
    g_file_set_contents_full (path, junk, sizeof junk, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  } else {
    support_copy (other, path);
  }
  g_assert_no_error (error);
  set_adapters (self, self->adapters[(self->n_exchanges + 1) % 2]);
  play (self, 4);
  support_copy (kept, path);
}

static void
set_faults (Soak *self, guint cycle)
{
  for (guint i = 0; i < N_CAMERAS; i++)
    soak_servers_set_fault (self->servers, i, (CameraFault)((i + cycle) % CAMERA_N_FAULTS));
}

static void
exchange_adapter (Soak *self)
{
  self->adapter = self->adapters[++self->n_exchanges % 2];
  set_adapters (self, self->adapter);
}

static void
run_faults (Soak *self, guint cycle)
{
  /* A broker that is killed loses what it has confirmed; outages.sh has one that stores it all. */
  const SoakOutage outage = cycle % 2 == 0 ? SOAK_ENDED : SOAK_STOPPED;
  const SoakOutage other = (SoakOutage)(cycle % SOAK_N_OUTAGES);

  set_faults (self, cycle);
  soak_servers_break_broker (self->servers, outage);
  play (self, 4);
  soak_servers_break_endpoint (self->servers, other);
  change_model_file (self, cycle);
  exchange_adapter (self);
  soak_servers_mend_broker (self->servers, outage);
  play (self, FAULTS_S - 8);
  soak_servers_mend_endpoint (self->servers, other);
  for (guint i = 0; i < N_CAMERAS; i++)
    soak_servers_set_fault (self->servers, i, CAMERA_WELL);
  play (self, 4);
  self->n_switches++;
  soak_stream_restart (self->streams[cycle % N_CAMERAS], self->models[(cycle / N_CAMERAS + 1) % 2]);
}

/* Waits until all cameras give pictures with the present adapter's labels. */
static void
wait_well (Soak *self)
{
  guint waited = 0, last = 0;
  gboolean all = FALSE;

  play (self, WELL_S);
  while (!all && waited++ < PATIENT_S) {
    all = TRUE;
    play (self, 1);
    for (guint i = 0; i < N_CAMERAS; i++)
      if (!soak_stream_is_well (self->streams[i], self->adapter)) {
        all = FALSE;
        last = i;
      }
  }
  if (!all)
    wrong (self, "camera %u has not come back, or not with the other adapter", last);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Without what malloc keeps for later: sources that come and go in threads leave it in pieces. */
static Resources
measure (void)
{
  g_autofree char *status = NULL;
  g_autoptr (GDir) files = g_dir_open ("/proc/self/fd", 0, NULL);
  const struct mallinfo2 heap = mallinfo2 ();
  Resources now = { .allocated_kib = (heap.uordblks + heap.hblkhd) / 1024 };

  malloc_trim (0);
  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  now.kib = g_ascii_strtoull (strstr (status, "VmRSS:") + strlen ("VmRSS:"), NULL, 10);
  now.threads = g_ascii_strtoull (strstr (status, "Threads:") + strlen ("Threads:"), NULL, 10);
  while (g_dir_read_name (files))
    now.files++;
  return now;
}

/* `moving`: how many frames may be on their way between places where they are counted. */
static void
check_stream (Soak *self, guint i, const SoakNumbers *n, guint64 moving)
{
  const FrameCounts *passed = &n->passed;

  if (n->classified + n->reused + n->skipped + n->pending != n->frames)
    wrong (self, "camera %u: the ways of its frames do not add up", i);
  /* An element that is stopped drops the frame that is inside. */
  if (passed->n_in - passed->n_out > moving + n->n_restarts ||
      ABS ((gint64)(n->frames - passed->n_in)) > (gint64)moving)
    wrong (self, "camera %u: frames are lost", i);
  if (passed->longest_own_us >= DELAY_MS * G_TIME_SPAN_MILLISECOND)
    wrong (self, "camera %u: a frame was %.1f ms in the element", i,
           (double)passed->longest_own_us / 1e3);
  for (guint t = 0; t < SOAK_N_TARGETS; t++) {
    const SoakTarget *target = &n->targets[t];
    const guint64 all = target->sent + target->dropped + target->queued;

    if (ABS ((gint64)(passed->n_labelled - all)) > (gint64)moving)
      wrong (self,
             "camera %u, %s: %" G_GUINT64_FORMAT " labelled frames, %" G_GUINT64_FORMAT " events",
             i, soak_targets[t], passed->n_labelled, all);
  }
  if (n->targets[0].dropped > 0)
    wrong (self, "camera %u: the file lacks events", i);
}

static SoakNumbers
add (Soak *self, guint64 moving)
{
  SoakNumbers sum = { 0 };

  for (guint i = 0; i < N_CAMERAS; i++) {
    const SoakNumbers n = soak_stream_numbers (self->streams[i]);

    check_stream (self, i, &n, moving);
    sum.passed.n_in += n.passed.n_in;
    sum.passed.n_out += n.passed.n_out;
    sum.passed.n_labelled += n.passed.n_labelled;
    sum.passed.longest_us = MAX (sum.passed.longest_us, n.passed.longest_us);
    sum.passed.longest_own_us = MAX (sum.passed.longest_own_us, n.passed.longest_own_us);
    sum.frames += n.frames;
    sum.classified += n.classified;
    sum.reused += n.reused;
    sum.skipped += n.skipped;
    sum.pending += n.pending;
    sum.n_reconnections += n.n_reconnections;
    for (guint t = 0; t < SOAK_N_TARGETS; t++) {
      sum.targets[t].sent += n.targets[t].sent;
      sum.targets[t].dropped += n.targets[t].dropped;
      sum.targets[t].queued += n.targets[t].queued;
      sum.targets[t].failures += n.targets[t].failures;
    }
  }
  return sum;
}

#define U G_GUINT64_FORMAT

static void
print_numbers (const char *when, const Resources *now, const SoakNumbers *sum)
{
  g_print ("%s: %" U " KiB, %" U " of them allocated, %" U " files, %" U " threads; frames: %" U
           " in, %" U " out, %" U " classified, %" U " reused, %" U " skipped, %" U
           " pending, at most %.1f ms inside "
           "(%.1f with others' turns); %u reconnections; events: %" U,
           when, now->kib, now->allocated_kib, now->files, now->threads, sum->passed.n_in,
           sum->passed.n_out, sum->classified, sum->reused, sum->skipped, sum->pending,
           (double)sum->passed.longest_own_us / 1e3, (double)sum->passed.longest_us / 1e3,
           sum->n_reconnections, sum->passed.n_labelled);
  for (guint t = 0; t < SOAK_N_TARGETS; t++)
    g_print (", %s %" U " sent %" U " dropped %" U " queued %" U " failures", soak_targets[t],
             sum->targets[t].sent, sum->targets[t].dropped, sum->targets[t].queued,
             sum->targets[t].failures);
  g_print ("\n");
}

static void
end_cycle (Soak *self, guint cycle, gint64 began_us)
{
  const Resources now = measure ();
  const SoakNumbers sum = add (self, 1);
  g_autofree char *when =
      g_strdup_printf ("cycle %u, %" G_GINT64_FORMAT " s", cycle,
                       (g_get_monotonic_time () - began_us) / G_TIME_SPAN_SECOND);

  g_array_append_val (self->resources, now);
  print_numbers (when, &now, &sum);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The most of cycles from..to-1. */
static Resources
most (Soak *self, guint from, guint to)
{
  Resources result = { 0 };

  for (guint i = from; i < to; i++) {
    const Resources *at = &g_array_index (self->resources, Resources, i);

    result.kib = MAX (result.kib, at->kib);
    result.allocated_kib = MAX (result.allocated_kib, at->allocated_kib);
    result.files = MAX (result.files, at->files);
    result.threads = MAX (result.threads, at->threads);
  }
  return result;
}

static void
check_resources (Soak *self)
{
  const guint n = self->resources->len, third = (n + 2) / 3;
  const Resources before = most (self, 0, third), after = most (self, n - third, n);

  g_print ("most in the first third and in the last: %" U " and %" U " KiB, %" U " and %" U
           " KiB allocated, %" U " and %" U " files, %" U " and %" U " threads\n",
           before.kib, after.kib, before.allocated_kib, after.allocated_kib, before.files,
           after.files, before.threads, after.threads);
  if (n < ENOUGH_CYCLES) {
    g_print ("%u cycles are too few to judge memory, files and threads\n", n);
    return;
  }
  if ((double)after.kib > MORE_MEMORY * (double)before.kib ||
      (double)after.allocated_kib > MORE_ALLOCATED * (double)before.allocated_kib)
    wrong (self, "memory grows");
  if (after.files > before.files + MORE_FILES)
    wrong (self, "open files grow");
  if (after.threads > before.threads + MORE_THREADS)
    wrong (self, "threads grow");
}

/* Returns the lines of a file, each once; free with g_hash_table_unref (). */
static GHashTable *
lines_of (const char *path)
{
  GHashTable *lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  for (char *at = text, *end; (end = strchr (at, '\n')); at = end + 1)
    g_hash_table_add (lines, g_strndup (at, (gsize)(end - at)));
  return lines;
}

/* Everything that was sent has arrived; what was dropped may have, where its confirmation did not
 * come back. */
static void
check_arrived (Soak *self, GHashTable *events, const char *path, const char *name,
               const SoakTarget *sum)
{
  g_autoptr (GHashTable) lines = lines_of (path);
  const guint n = g_hash_table_size (lines);
  guint n_strange = 0;
  GHashTableIter iter;
  gpointer line;

  g_hash_table_iter_init (&iter, lines);
  while (g_hash_table_iter_next (&iter, &line, NULL))
    n_strange += !g_hash_table_contains (events, line);
  g_print ("%s: %" U " sent, %" U " dropped, %u arrived\n", name, sum->sent, sum->dropped, n);
  if (n < sum->sent || n > sum->sent + sum->dropped)
    wrong (self, "%s: what arrived is not what was sent", name);
  if (n_strange > 0)
    wrong (self, "%s: %u events have arrived that are not in the file", name, n_strange);
}

static void
check_events (Soak *self, const SoakNumbers *sum)
{
  g_autoptr (GHashTable) events = lines_of (self->events);

  check_arrived (self, events, self->events, "file", &sum->targets[0]);
  check_arrived (self, events, self->servers->http_lines, "http", &sum->targets[1]);
  check_arrived (self, events, self->servers->mqtt_lines, "mqtt", &sum->targets[2]);
}

static void
print_complaints (Soak *self)
{
  GHashTableIter iter;
  gpointer text, n;

  g_hash_table_iter_init (&iter, self->complaints);
  while (g_hash_table_iter_next (&iter, &text, &n))
    g_print ("warning, %u times: %s\n", GPOINTER_TO_UINT (n), (char *)text);
}

static void
end (Soak *self)
{
  SoakNumbers sum;
  Resources now;

  for (guint i = 0; i < N_CAMERAS; i++)
    soak_stream_end (self->streams[i]);
  g_main_loop_run (self->loop); /* until the end of all streams */
  gst_element_set_state (self->pipeline, GST_STATE_READY);
  play (self, 5); /* for what the broker still has for the listener */
  sum = add (self, 0);
  now = measure ();
  print_numbers ("end", &now, &sum);
  if (sum.pending > 0)
    wrong (self, "frames are pending after the end");
  for (guint t = 0; t < SOAK_N_TARGETS; t++)
    if (sum.targets[t].queued > 0)
      wrong (self, "%s: events are queued after the end", soak_targets[t]);
  check_events (self, &sum);
  check_resources (self);
  print_complaints (self);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A copy of the golden model, whose file may change. */
static char *
model_new (Soak *self, const char *name)
{
  static const char *const files[] = { "config.json", "model.safetensors" };
  g_autofree char *golden = support_model ();
  char *folder = g_build_filename (self->folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *from = g_build_filename (golden, files[i], NULL),
                    *to = g_build_filename (folder, files[i], NULL);

    support_copy (from, to);
  }
  return folder;
}

static void
soak_clear (Soak *self)
{
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  for (guint i = 0; i < N_CAMERAS; i++)
    soak_stream_free (self->streams[i]);
  gst_object_unref (self->pipeline);
  soak_servers_free (self->servers);
  g_main_loop_unref (self->loop);
  g_array_unref (self->resources);
  g_hash_table_unref (self->complaints);
  for (guint i = 0; i < 2; i++) {
    support_remove (self->adapters[i]);
    g_free (self->models[i]);
  }
  g_free (self->events);
  support_remove (self->folder);
}

int
main (int argc, char **argv)
{
  const gint64 began_us = g_get_monotonic_time ();
  Soak self = { 0 };
  gint64 minutes;

  gst_init (&argc, &argv);
  if (argc != 4 || (minutes = g_ascii_strtoll (argv[1], NULL, 10)) < 1)
    return EXIT_FAILURE;
  g_setenv ("COW_TEST_ENGINE_DELAY_MS", G_STRINGIFY (DELAY_MS), TRUE);
  self.folder = g_dir_make_tmp ("cow-soak-XXXXXX", NULL);
  self.events = g_build_filename (self.folder, "events.jsonl", NULL);
  self.adapters[0] = support_adapter_new ();
  self.adapters[1] = support_adapter_new_from ("dora_q_r8", NULL);
  self.adapter = self.adapters[0];
  self.models[0] = model_new (&self, "one");
  self.models[1] = model_new (&self, "two");
  self.servers = soak_servers_new (self.folder, argv[2], argv[3], N_CAMERAS, FPS);
  self.loop = g_main_loop_new (NULL, FALSE);
  self.resources = g_array_new (FALSE, FALSE, sizeof (Resources));
  self.complaints = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  begin (&self);
  wait_well (&self);
  for (guint cycle = 0; g_get_monotonic_time () - began_us < minutes * G_TIME_SPAN_MINUTE;
       cycle++) {
    run_faults (&self, cycle);
    wait_well (&self);
    end_cycle (&self, cycle, began_us);
  }
  end (&self);
  g_print ("%u adapters exchanged, %u models switched, %u things wrong: %s\n", self.n_exchanges,
           self.n_switches, self.n_wrong, self.n_wrong ? "failed" : "passed");
  soak_clear (&self);
  return self.n_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
