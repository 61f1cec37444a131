/* SPDX-License-Identifier: MIT */
/*
 * Elements that name the same model share one engine (its weights, batches and statistics), but
 * none of their settings. Called as `test-gst-sharing --memory N MODEL ADAPTER` the program is one
 * of N cameras and prints the largest number of KiB that it took.
 */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define N_CAMERAS 8
/* The memory of eight cameras relative to one: they share the weights, and a picture of each is
 * small beside them. */
#define MOST_MEMORY 1.05

static char *adapter;
static char *program;     /* this program's path */
static GstVideoInfo info; /* 96 x 80 */

typedef struct {
  GstHarness *harness;
} Camera;

static void
camera_begin (Camera *camera, const char *properties)
{
  camera->harness = support_harness_new (adapter, properties);
  support_harness_set_info (camera->harness, &info);
}

/* Eight streams hold frames and would wait a minute for a batch of eight: one frame of each makes
 * one, in which each has its own result. */
static void
test_one_batch (void)
{
  CowClassifier *classifier = support_classifier_new (adapter);
  const CowRegion whole = { 0, 0, 96, 80 };
  Camera cameras[N_CAMERAS];
  GstBuffer *out;

  for (guint i = 0; i < N_CAMERAS; i++) {
    camera_begin (&cameras[i], "mode=blocking batch-size=8 batch-timeout=60000");
    g_assert_cmpint (gst_harness_push (cameras[i].harness, support_frame_new (&info, i)), ==,
                     GST_FLOW_OK);
  }
  for (guint i = 0; i < N_CAMERAS; i++) {
    g_assert_true (gst_harness_push_event (cameras[i].harness, gst_event_new_eos ()));
    out = gst_harness_try_pull (cameras[i].harness);
    support_assert_object (out, 0, &whole, support_expect (classifier, out, &info, NULL), 0);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (support_stat (cameras[0].harness, "pictures"), ==, N_CAMERAS);
  g_assert_cmpuint (support_stat (cameras[N_CAMERAS - 1].harness, "batches"), ==, 1);
  g_assert_cmpuint (support_stat (cameras[0].harness, "batches-mixed"), ==, 1);
  for (guint i = 0; i < N_CAMERAS; i++)
    support_harness_free (cameras[i].harness);
  cow_classifier_free (classifier);
}

/* A batch of several cameras is counted. */
static void
test_mixed (void)
{
  Camera cameras[4];

  for (guint i = 0; i < G_N_ELEMENTS (cameras); i++) {
    camera_begin (&cameras[i], "mode=non-blocking batch-size=4 batch-timeout=60000");
    gst_buffer_unref (support_push (cameras[i].harness, &info, i, 0));
  }
  while (support_stat (cameras[0].harness, "batches") == 0)
    g_usleep (1000);
  g_assert_cmpuint (support_stat (cameras[1].harness, "batches"), ==, 1);
  g_assert_cmpuint (support_stat (cameras[2].harness, "pictures"), ==, 4);
  g_assert_cmpuint (support_stat (cameras[3].harness, "batches-mixed"), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (cameras); i++)
    support_harness_free (cameras[i].harness);
}

/* Interval, threshold and batch-timeout of one element do not affect another. */
static void
test_settings (void)
{
  Camera often, seldom;
  GstBuffer *out;

  camera_begin (&often, "threshold=0");
  camera_begin (&seldom, "threshold=1 inference-interval=3 batch-timeout=50 batch-size=2");
  for (guint i = 0; i < 6; i++) {
    out = support_push (often.harness, &info, i, i);
    g_assert_cmpstr (gst_structure_get_string (support_object (out, 0), "label"), !=, "unknown");
    gst_buffer_unref (out);
    g_assert_cmpint (gst_harness_push (seldom.harness, support_frame_new (&info, i)), ==,
                     GST_FLOW_OK);
  }
  g_assert_true (gst_harness_push_event (seldom.harness, gst_event_new_eos ()));
  for (guint i = 0; i < 6; i++) {
    out = gst_harness_try_pull (seldom.harness);
    g_assert_cmpstr (gst_structure_get_string (support_object (out, 0), "label"), ==, "unknown");
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (support_stat (often.harness, "classified"), ==, 6);
  g_assert_cmpuint (support_stat (seldom.harness, "classified"), ==, 2);
  support_harness_free (often.harness);
  support_harness_free (seldom.harness);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static guint64
most_memory_kib (void)
{
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  return g_ascii_strtoull (strstr (status, "VmHWM:") + strlen ("VmHWM:"), NULL, 10);
}

/* Runs N cameras of 640 x 480 px that push frames in turn, in a process of their own. */
static int
measure (guint n, const char *model, const char *with)
{
  GstVideoInfo large = support_info (GST_VIDEO_FORMAT_NV12, 640, 480, NULL);
  g_autofree char *line =
      g_strdup_printf ("cowbehavior mode=blocking model=\"%s\" adapter=\"%s\"", model, with);
  GstHarness *harnesses[N_CAMERAS];

  for (guint i = 0; i < n; i++) {
    harnesses[i] = gst_harness_new_parse (line);
    support_harness_set_info (harnesses[i], &large);
  }
  for (guint i = 0; i < N_CAMERAS; i++) /* the same number of pictures for any number of cameras */
    gst_buffer_unref (support_push (harnesses[i % n], &large, i, i / n));
  g_print ("%" G_GUINT64_FORMAT "\n", most_memory_kib ());
  for (guint i = 0; i < n; i++)
    gst_harness_teardown (harnesses[i]);
  return 0;
}

static char *
output_of (const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process =
      g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  char *output = NULL;

  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  return output;
}

static guint64
memory_of (const char *n, const char *model, const char *with)
{
  const char *argv[] = { program, "--memory", n, model, with, NULL };
  g_autofree char *output = output_of (argv);
  guint64 kib = g_ascii_strtoull (output, NULL, 10);

  g_test_message ("%s cameras: %" G_GUINT64_FORMAT " KiB", n, kib);
  g_assert_cmpuint (kib, >, 0);
  return kib;
}

/* AddressSanitizer keeps what was freed for a while. */
#ifdef __SANITIZE_ADDRESS__
#  define IS_SANITIZED TRUE
#else
#  define IS_SANITIZED FALSE
#endif

/* A ViT-S in fp32 is large enough for a second copy to be noticed. */
static void
test_memory (void)
{
  if (IS_SANITIZED) {
    g_test_skip ("the memory is AddressSanitizer's, not the elements'");
    return;
  }
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-sharing-XXXXXX", &error);
  g_autofree char *model = g_build_filename (folder, "model", NULL),
                  *with = g_build_filename (folder, "adapter", NULL);
  const char *make[] = {
    g_getenv ("COW_FORMULA_MODEL"), "vits16", model, "--adapter", with, "--head", NULL
  };
  guint64 one, eight;

  g_free (output_of (make));
  one = memory_of ("1", model, with);
  eight = memory_of (G_STRINGIFY (N_CAMERAS), model, with);
  support_remove (folder);
  g_assert_cmpfloat ((double)eight, <=, MOST_MEMORY * (double)one);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  if (argc == 5 && g_str_equal (argv[1], "--memory"))
    return measure ((guint)g_ascii_strtoull (argv[2], NULL, 10), argv[3], argv[4]);
  g_test_init (&argc, &argv, NULL);
  program = argv[0];
  adapter = support_adapter_new ();
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/sharing/one-batch", test_one_batch);
  g_test_add_func ("/sharing/mixed", test_mixed);
  g_test_add_func ("/sharing/settings", test_settings);
  g_test_add_func ("/sharing/memory", test_memory);
  result = g_test_run ();

  support_remove (adapter);
  return result || !support_no_leaks ();
}
