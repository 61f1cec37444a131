/* SPDX-License-Identifier: MIT */
#include "tests/gst/launched.h"

#include <gio/gio.h>
#include <string.h>

#include "model/adapter/card.h"

#define LIMIT_S 90

/* When the stream has ended, rtspsrc may find the connection closed as it says goodbye, and
 * gst-launch-1.0 then returns 1. Only this error is accepted. */
static gboolean
ended_without_goodbye (int status, const char *output)
{
  const char *end = strstr (output, "Got EOS from element");
  const char *first_error = strstr (output, "ERROR: ");

  return status == 1 && end && first_error && first_error > end &&
         strstr (first_error, "gst_rtspsrc_pause");
}

char *
launched_output (const char *const *argv, int expected_status)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) full = NULL;
  char *output = NULL;

  g_strv_builder_add (builder, "timeout");
  g_strv_builder_add (builder, G_STRINGIFY (LIMIT_S));
  for (; *argv; argv++)
    g_strv_builder_add (builder, *argv);
  full = g_strv_builder_end (builder);
  process =
      g_subprocess_newv ((const gchar *const *)full,
                         G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  const int status = g_subprocess_get_exit_status (process);
  if (status != expected_status &&
      !(expected_status == 0 && ended_without_goodbye (status, output))) {
    g_printerr ("%s", output);
    g_assert_cmpint (status, ==, expected_status);
  }
  return output;
}

/* Whether a printed message has this one label. gst-launch-1.0 quotes text with spaces and escapes
 * them. */
static gboolean
has_label (const char *message, const char *label)
{
  g_auto (GStrv) words = g_strsplit (label, " ", -1);
  g_autofree char *escaped = g_strjoinv ("\\ ", words);
  g_autofree char *plain = g_strdup_printf ("labels=(string)< %s >", label);
  g_autofree char *quoted = g_strdup_printf ("labels=(string)< \"%s\" >", escaped);

  return strstr (message, plain) || strstr (message, quoted);
}

guint
launched_n_messages (const char *output)
{
  g_auto (GStrv) lines = g_strsplit (output, "\n", -1);
  guint n = 0;

  for (char **line = lines; *line; line++) {
    const char *message = strstr (*line, "cowbehavior, timestamp=(guint64)");
    const char *const *label = cow_default_classes;

    if (!message)
      continue;
    while (*label && !has_label (message, *label))
      label++;
    if (!*label)
      g_test_message ("no label in: %s", *line);
    g_assert_nonnull (*label);
    n++;
  }
  return n;
}
