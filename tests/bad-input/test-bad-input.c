/* SPDX-License-Identifier: MIT */
/*
 * Broken models and adapters as a user meets them: one line on standard error of cow-trainer and
 * exit status 1, and one error message on the bus of a pipeline that does not start. Each names the
 * file and its fault.
 */
#include <gst/gst.h>
#include <string.h>
#include <vips/vips.h>

#include "tests/bad-input/cases.h"
#include "tests/trainer/cli.h"

static void
assert_says (const char *message, const Case *self)
{
  g_auto (GStrv) words = g_strsplit (self->says, "|", -1);

  g_test_message ("%s", message);
  g_assert_true (g_utf8_validate (message, -1, NULL));
  g_assert_nonnull (strstr (message, g_str_has_prefix (self->file, "model") ? "model" : "adapter"));
  for (char **word = words; *word; word++)
    if (!strstr (message, *word))
      g_error ("\"%s\" does not say \"%s\"", message, *word);
}

static void
run_program (const Case *self, const char *model, const char *adapter)
{
  g_autofree char *picture = cli_golden ("preprocess", "picture.png");
  g_auto (Result) result =
      cli_run ("predict", picture, "--model", model, "--adapter", adapter, NULL);

  if (!self) {
    cli_assert_ok (&result);
    return;
  }
  cli_assert_error (&result, 1, "");
  g_assert_cmpstr (result.out, ==, "");
  assert_says (result.err, self);
}

/* Waits for the first error or EOS on the bus, and asserts that no second error follows once the
 * pipeline is down. */
static void
run_element (const Case *self, const char *model, const char *adapter)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *line = g_strdup_printf (
      "videotestsrc num-buffers=2 ! cowbehavior name=cow model=\"%s\" adapter=\"%s\" ! fakesink",
      model, adapter);
  GstElement *pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  GstBus *bus = gst_element_get_bus (pipeline);

  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE,
                   ==, self != NULL);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, self ? GST_MESSAGE_ERROR : GST_MESSAGE_EOS);
  if (self) {
    g_assert_cmpstr (GST_MESSAGE_SRC_NAME (message), ==, "cow");
    gst_message_parse_error (message, &error, NULL);
    g_assert_true (error->domain == GST_RESOURCE_ERROR);
    assert_says (error->message, self);
  }
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

/* Runs a case, or with NULL the intact folders, which must work in both programs so that no case
 * fails for another reason. */
static void
test_case (gconstpointer data)
{
  char *folder = scratch_new ();
  g_autofree char *model = g_build_filename (folder, "model", NULL),
                  *adapter = g_build_filename (folder, "adapter", NULL);

  case_make (data, folder);
  run_program (data, model, adapter);
  run_element (data, model, adapter);
  scratch_free (folder);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  g_test_add_data_func ("/bad-input/whole", NULL, test_case);
  for (guint i = 0; i < n_cases; i++) {
    g_autofree char *path = g_strconcat ("/bad-input/", cases[i].what, NULL);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  return g_test_run ();
}
