/* SPDX-License-Identifier: MIT */
/*
 * A host program that forks, as Python's multiprocessing does: a child has its own engine or a
 * clear error, and never waits for threads that only its parent has. The tests of pipelines come
 * last: GStreamer keeps their threads for a while, of which its children have none.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/engine/engine.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

/* Far longer than a child needs on a busy machine; SIGALRM ends one that waits for ever. */
#define PATIENCE_S 60
#define N_CLASSES  9

static char *adapter, *line;
static GstVideoInfo info; /* 96 x 80 */
static float expected[N_CLASSES];

/* ---- children -------------------------------------------------------------------------------- */

typedef gboolean (*Child) (gpointer data);

/* Whether a child of this process does well and ends. */
static gboolean
is_well (Child child, gpointer data)
{
  const pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0) {
    alarm (PATIENCE_S);
    _exit (child (data) ? 0 : 1);
  }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (WIFSIGNALED (status))
    g_test_message ("the child was ended by signal %d", WTERMSIG (status));
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

/* Whether an element made now labels the frame that `expected` is of, with an engine of its own. */
static gboolean
labels_a_frame (gpointer data)
{
  GstHarness *harness = support_harness_new (adapter, "mode=blocking");
  const CowRegion whole = { 0, 0, 96, 80 };
  gboolean own;
  GstBuffer *out;

  support_harness_set_info (harness, &info);
  out = support_push (harness, &info, 1, 0);
  support_assert_object (out, 0, &whole, expected, 0);
  own = support_stat (harness, "pictures") == 1;
  gst_buffer_unref (out);
  support_harness_free (harness);
  return own;
}

/* ---- pipelines ------------------------------------------------------------------------------- */

/* Plays a recording. Whether it ends, or says at once that it cannot play. */
static gboolean
plays_or_says_why (gpointer data)
{
  const GstMessageType ends = GST_MESSAGE_EOS | GST_MESSAGE_ERROR;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, PATIENCE_S / 2 * GST_SECOND, ends);
  if (!message)
    return FALSE;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return !error || strstr (error->message, "child of fork ()");
}

/* The parent's pipeline plays on. */
static void
test_playing (void)
{
  g_autofree char *endless =
      g_strconcat ("videotestsrc is-live=true ! ", strstr (line, "video/"), NULL);
  g_autoptr (GstElement) pipeline = gst_parse_launch (endless, NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  for (guint i = 0; i < 4; i++)
    g_assert_true (is_well (plays_or_says_why, NULL));
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

/* The parent's pipeline has ended just now, or a while ago, and GLib keeps its threads. */
static void
test_ended (void)
{
  for (guint i = 0; i < 4; i++) {
    g_assert_true (plays_or_says_why (NULL));
    g_usleep (i * G_USEC_PER_SEC / 3);
    g_assert_true (is_well (plays_or_says_why, NULL));
  }
}

/* A child whose first pipeline could not play may try again, and its own children, too. */
static gboolean
tries_twice (gpointer data)
{
  return plays_or_says_why (NULL) && plays_or_says_why (NULL) && is_well (plays_or_says_why, NULL);
}

static void
test_again (void)
{
  g_assert_true (plays_or_says_why (NULL));
  g_assert_true (is_well (tries_twice, NULL));
}

/* ---- engines --------------------------------------------------------------------------------- */

static void
test_own_engine (void)
{
  GstHarness *harness = support_harness_new (adapter, "mode=blocking");

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 3; i++) {
    gst_buffer_unref (support_push (harness, &info, i, i));
    g_assert_true (is_well (labels_a_frame, NULL));
  }
  support_harness_free (harness);
}

/* Whether a frame for the parent's element is an error that says what to do. Of the parent's bus
 * the child has no own copy: both would read from one pipe. */
static gboolean
is_refused (gpointer harness)
{
  g_autoptr (GstElement) element = support_element (harness);
  g_autoptr (GstBus) bus = gst_bus_new ();
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  gst_element_set_bus (element, bus);
  if (gst_harness_push (harness, support_frame_new (&info, 1)) != GST_FLOW_ERROR ||
      support_n_messages (bus, GST_MESSAGE_ERROR, &message) != 1)
    return FALSE;
  gst_message_parse_error (message, &error, NULL);
  return strstr (error->message, "child of fork ()") != NULL;
}

static void
test_parents_element (void)
{
  GstHarness *harness = support_harness_new (adapter, "mode=blocking");

  support_harness_set_info (harness, &info);
  gst_buffer_unref (support_push (harness, &info, 0, 0));
  g_assert_true (is_well (is_refused, harness));
  gst_buffer_unref (support_push (harness, &info, 1, 1));
  support_harness_free (harness);
}

static CowEngine *
open_engine (void)
{
  g_autofree char *model = support_model ();
  const CowClassifierOptions options = { .model = model, .adapter = adapter };
  g_autoptr (GError) error = NULL;
  CowEngine *engine = cow_engine_get (&options, &error);

  g_assert_no_error (error);
  return engine;
}

static CowTicket *
submit (CowEngine *engine, guint timeout_ms)
{
  static guint8 rgb[64 * 64 * 3];
  const CowSubmission how = { .batch = 8, .timeout_ms = timeout_ms };
  const CkPicture picture = { .layout = CK_RGB8,
                              .width = 64,
                              .height = 64,
                              .plane = { rgb },
                              .stride = { 64 * 3 },
                              .pixel_stride = 3,
                              .offset = { 0, 1, 2 } };
  g_autoptr (GError) error = NULL;
  CowTicket *ticket = cow_engine_submit (engine, &picture, NULL, 1, &how, &error);

  g_assert_no_error (error);
  return ticket;
}

typedef struct {
  CowEngine *engine;
  CowTicket *ticket;
} Waiting;

/* Whether all that can be done with an engine and a ticket of the parent returns. */
static gboolean
fails_at_once (gpointer data)
{
  const Waiting *waiting = data;
  g_autoptr (GError) error = NULL;
  CowEngineCounters counters;

  if (cow_ticket_wait (waiting->ticket, &error) ||
      !g_error_matches (error, COW_ERROR, COW_ERROR_DEVICE) ||
      !cow_ticket_is_done (waiting->ticket) || cow_engine_n_waiting (waiting->engine) != 0)
    return FALSE;
  cow_engine_get_counters (waiting->engine, &counters);
  cow_engine_flush (waiting->engine, waiting->ticket);
  cow_ticket_cancel (waiting->ticket);
  cow_ticket_unref (waiting->ticket);
  cow_engine_unref (waiting->engine);
  return labels_a_frame (NULL);
}

/* A picture waits in the parent's engine for others to fill its batch. */
static void
test_parents_ticket (void)
{
  CowEngine *engine = open_engine ();
  CowTicket *ticket = submit (engine, 1000 * PATIENCE_S);
  Waiting waiting = { engine, ticket };
  g_autoptr (GError) error = NULL;

  g_assert_true (is_well (fails_at_once, &waiting));
  cow_engine_flush (engine, ticket);
  g_assert_true (cow_ticket_wait (ticket, &error));
  cow_ticket_unref (ticket);
  cow_engine_unref (engine);
}

static void
classify (CowEngine *engine, float *probabilities)
{
  g_autoptr (CowTicket) ticket = submit (engine, 0);
  g_autoptr (GError) error = NULL;

  cow_ticket_wait (ticket, &error);
  g_assert_no_error (error);
  memcpy (probabilities, cow_ticket_probabilities (ticket, 0), N_CLASSES * sizeof (float));
}

static gint stop; /* atomic */

/* These two do nothing else, so that the process forks while they hold the locks of engines. */
static gpointer
keep_classifying (gpointer engine)
{
  float ignored[N_CLASSES];

  while (!g_atomic_int_get (&stop))
    classify (engine, ignored);
  return NULL;
}

static gpointer
keep_referring (gpointer engine)
{
  while (!g_atomic_int_get (&stop))
    cow_engine_unref (cow_engine_ref (engine));
  return NULL;
}

static gboolean
classifies (gpointer probabilities)
{
  CowEngine *engine = open_engine ();
  float found[N_CLASSES];

  classify (engine, found);
  cow_engine_unref (engine);
  return memcmp (found, probabilities, sizeof found) == 0;
}

static void
test_busy (void)
{
  CowEngine *engine = open_engine ();
  float probabilities[N_CLASSES];
  GThread *threads[2];

  classify (engine, probabilities);
  g_atomic_int_set (&stop, FALSE);
  threads[0] = g_thread_new (NULL, keep_classifying, engine);
  threads[1] = g_thread_new (NULL, keep_referring, engine);
  for (guint i = 0; i < 20; i++)
    g_assert_true (is_well (classifies, probabilities));
  g_atomic_int_set (&stop, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  cow_engine_unref (engine);
}

/* ---- events ---------------------------------------------------------------------------------- */

#define N_EVENTS 50

static gboolean
publishes (gpointer properties)
{
  GstHarness *harness = publish_harness_new (properties);
  gboolean all;

  publish_push (harness, N_EVENTS, 2 * N_EVENTS);
  publish_stop (harness);
  all = publish_stat (harness, "file", "sent") == N_EVENTS;
  publish_harness_free (harness);
  return all;
}

/* Parent and child publish to one file. */
static void
test_publish (void)
{
  g_autofree char *folder = g_dir_make_tmp ("cow-fork-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "events.jsonl", NULL);
  g_autofree char *properties = g_strdup_printf ("file=%s", path), *text = NULL;
  GstHarness *harness = publish_harness_new (properties);
  g_auto (GStrv) lines = NULL;

  publish_push (harness, 0, N_EVENTS);
  publish_wait (harness, "file", "sent", N_EVENTS);
  g_assert_true (is_well (publishes, properties));
  publish_push (harness, 2 * N_EVENTS, 3 * N_EVENTS);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "file", "sent"), ==, 2 * N_EVENTS);
  publish_harness_free (harness);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (g_strstrip (text), "\n", -1);
  publish_assert_frames (lines, 0, 3 * N_EVENTS);
  support_remove (g_steal_pointer (&folder));
}

int
main (int argc, char **argv)
{
  CowClassifier *classifier;
  g_autoptr (GstBuffer) buffer = NULL;
  g_autofree char *model = NULL;

  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_RGB, 96, 80, NULL);
  buffer = support_frame_new (&info, 1);
  memcpy (expected, support_expect (classifier, buffer, &info, NULL), sizeof expected);
  model = support_model ();
  line = g_strdup_printf ("videotestsrc num-buffers=5 ! video/x-raw,width=96,height=80 ! queue ! "
                          "cowbehavior model=%s adapter=%s ! cowpublish file=/dev/null ! fakesink",
                          model, adapter);
  g_test_add_func ("/fork/own-engine", test_own_engine);
  g_test_add_func ("/fork/parents-element", test_parents_element);
  g_test_add_func ("/fork/parents-ticket", test_parents_ticket);
  g_test_add_func ("/fork/busy", test_busy);
  g_test_add_func ("/fork/publish", test_publish);
  g_test_add_func ("/fork/playing", test_playing);
  g_test_add_func ("/fork/ended", test_ended);
  g_test_add_func ("/fork/again", test_again);
  return support_run (adapter, classifier);
}
