/* SPDX-License-Identifier: MIT */
/* The model's file is shortened or overwritten while the element plays: the same results as before,
 * no error, and the process lives. */
#include "tests/gst/support.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

static GstVideoInfo info; /* 96 x 80 */
static char *adapter;

/* A copy of the golden model, and the path of its weights. */
static char *
model_new (char **weights)
{
  static const char *const names[] = { "config.json", "model.safetensors" };
  g_autofree char *golden = support_model ();
  char *folder = g_dir_make_tmp ("cowmodel-XXXXXX", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *from = g_build_filename (golden, names[i], NULL),
                    *to = g_build_filename (folder, names[i], NULL);
    support_copy (from, to);
  }
  *weights = g_build_filename (folder, "model.safetensors", NULL);
  return folder;
}

static void
overwrite (const char *path)
{
  static const char nonsense[4096] = { 'x' };
  GStatBuf status;
  const int fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  for (goffset at = 0; at < status.st_size; at += (goffset)sizeof nonsense)
    g_assert_cmpint (
        pwrite (fd, nonsense, (gsize)MIN ((goffset)sizeof nonsense, status.st_size - at), at), >,
        0);
  close (fd);
}

static void
test_changed (gconstpointer data)
{
  const gboolean shortened = GPOINTER_TO_INT (data);
  g_autofree char *weights = NULL;
  char *model = model_new (&weights);
  g_autofree char *properties = g_strdup_printf ("mode=blocking model=\"%s\"", model);
  CowClassifier *classifier = support_classifier_new (adapter);
  GstHarness *harness = support_harness_new (adapter, properties);
  GstBus *bus = support_harness_bus (harness);
  const CowRegion whole = { 0, 0, 96, 80 };

  support_harness_set_info (harness, &info);
  for (guint n = 0; n < 4; n++) {
    GstBuffer *out = support_push (harness, &info, n, n);
    support_assert_object (out, 0, &whole, support_expect (classifier, out, &info, NULL), 0);
    gst_buffer_unref (out);
    if (n == 1 && shortened)
      g_assert_cmpint (truncate (weights, 100), ==, 0);
    else if (n == 1)
      overwrite (weights);
  }
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING, NULL), ==, 0);
  gst_object_unref (bus);
  support_harness_free (harness);
  cow_classifier_free (classifier);
  support_remove (model);
}

int
main (int argc, char **argv)
{
  CowClassifier *classifier;

  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);
  g_test_add_data_func ("/model-changed/shortened", GINT_TO_POINTER (TRUE), test_changed);
  g_test_add_data_func ("/model-changed/overwritten", GINT_TO_POINTER (FALSE), test_changed);
  return support_run (adapter, classifier);
}
