/* SPDX-License-Identifier: MIT */
#include "tests/gst/launched.h"

#include <gio/gio.h>
#include <signal.h>
#include <string.h>

#include "gst-plugin/publish/event-rows.h"
#include "model/adapter/card.h"
#include "tests/gst/child.h"
#include "tests/gst/support.h"

#define LIMIT_S 90

/* Of GST_COW_PUBLISH_COLUMNS. */
#define N_COLUMNS 16

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
  process = child_new ((const char *const *)full,
                       G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, SIGTERM);
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

char *
launched_script (int expected_status, const char *adapter, const char *script, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *path = g_build_filename (g_getenv ("COW_TEST_PIPELINES"), script, NULL),
                  *model = support_model ();
  const char *word;
  va_list words;

  g_ptr_array_add (argv, path);
  va_start (words, script);
  while ((word = va_arg (words, const char *)))
    g_ptr_array_add (argv, (gpointer)word);
  va_end (words);
  g_ptr_array_add (argv, (gpointer) "--model");
  g_ptr_array_add (argv, model);
  g_ptr_array_add (argv, (gpointer) "--adapter");
  g_ptr_array_add (argv, (gpointer)adapter);
  g_ptr_array_add (argv, NULL);
  return launched_output ((const char *const *)argv->pdata, expected_status);
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

guint
launched_n_rows (const char *output)
{
  const char *header = strstr (output, GST_COW_PUBLISH_COLUMNS "\n");
  g_auto (GStrv) lines = g_strsplit (header ? header : "", "\n", -1);
  guint n = 0;

  for (guint i = 1; i < g_strv_length (lines); i++) {
    g_auto (GStrv) fields = g_strsplit (lines[i], ",", -1);

    g_assert_cmpstr (lines[i], !=, lines[0]);
    if (g_strv_length (fields) != N_COLUMNS)
      continue; /* it is no row */
    g_assert_cmpstr (fields[0], !=, "");
    g_assert_true (g_strv_contains (cow_default_classes, fields[5]));
    n++;
  }
  return n;
}

/* ---- commands that are watched --------------------------------------------------------------- */

struct _Launched {
  GSubprocess *process;
  GThread *reader;
  GMutex lock;
  GCond grown;
  GString *output; /* under the lock */
  gboolean ended;  /* under the lock: there will be no more */
  gsize seen;      /* where the next line to look at begins */
};

static gpointer
read_lines (gpointer data)
{
  Launched *self = data;
  GInputStream *pipe = g_subprocess_get_stdout_pipe (self->process);
  char bytes[4096];
  gssize n;

  while ((n = g_input_stream_read (pipe, bytes, sizeof bytes, NULL, NULL)) > 0) {
    g_mutex_lock (&self->lock);
    g_string_append_len (self->output, bytes, n);
    g_cond_signal (&self->grown);
    g_mutex_unlock (&self->lock);
  }
  g_mutex_lock (&self->lock);
  self->ended = TRUE;
  g_cond_signal (&self->grown);
  g_mutex_unlock (&self->lock);
  return NULL;
}

Launched *
launched_start (const char *const *argv)
{
  Launched *self = g_new0 (Launched, 1);

  self->process =
      child_new (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, SIGKILL);
  g_mutex_init (&self->lock);
  g_cond_init (&self->grown);
  self->output = g_string_new (NULL);
  self->reader = g_thread_new ("output", read_lines, self);
  return self;
}

/* Whether the next complete line, which is passed over, has the text; FALSE where there is none. */
static gboolean
next_line (Launched *self, const char *text, gboolean *has_text)
{
  const char *line = self->output->str + self->seen, *end = strchr (line, '\n');

  if (!end)
    return FALSE;
  *has_text = g_strstr_len (line, end - line, text) != NULL;
  self->seen = (gsize)(end - self->output->str) + 1;
  return TRUE;
}

void
launched_wait (Launched *self, const char *text, guint n)
{
  const gint64 limit = g_get_monotonic_time () + LIMIT_S * G_USEC_PER_SEC;
  gboolean has_text, in_time = TRUE;

  g_mutex_lock (&self->lock);
  while (n > 0 && in_time) {
    if (next_line (self, text, &has_text))
      n -= has_text;
    else
      in_time = !self->ended && g_cond_wait_until (&self->grown, &self->lock, limit);
  }
  if (n > 0)
    g_printerr ("\"%s\" did not come (%s) in:\n%s", text, self->ended ? "it ended" : "in time",
                self->output->str);
  g_assert_cmpuint (n, ==, 0);
  g_mutex_unlock (&self->lock);
}

void
launched_signal (Launched *self, int signal)
{
  g_subprocess_send_signal (self->process, signal);
}

char *
launched_end (Launched *self, int expected_status)
{
  const gint64 limit = g_get_monotonic_time () + LIMIT_S * G_USEC_PER_SEC;
  gboolean in_time = TRUE;
  char *output;
  int status;

  g_mutex_lock (&self->lock);
  while (!self->ended && in_time)
    in_time = g_cond_wait_until (&self->grown, &self->lock, limit);
  g_mutex_unlock (&self->lock);
  if (!in_time)
    g_printerr ("it did not end: %s", self->output->str);
  g_assert_true (in_time);
  g_thread_join (self->reader);
  g_subprocess_wait (self->process, NULL, NULL);
  status = g_subprocess_get_if_exited (self->process) ? g_subprocess_get_exit_status (self->process)
                                                      : -g_subprocess_get_term_sig (self->process);
  output = g_string_free (self->output, FALSE);
  if (status != expected_status)
    g_printerr ("%s", output);
  g_assert_cmpint (status, ==, expected_status);
  g_object_unref (self->process);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->grown);
  g_free (self);
  return output;
}
