/* SPDX-License-Identifier: MIT */
/* `cow-trainer track`: sends what a run logged while its MLflow server could not be reached. */
#include "trainer/tracking/run-tracking.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "FOLDER",
  "Sends MLflow what a run logged while the server could not be reached.",
  "Example:\n"
  "  cow-trainer track runs/barn-3\n"
  "\n"
  "FOLDER is the output folder of `cow-trainer train`. A run never waits for MLflow: what it\n"
  "logs goes to mlflow-spool.jsonl in its folder and from there to the server. What is left\n"
  "when the run ends is sent by this, or by `train --resume`. Sending twice does no harm. The\n"
  "server is the run's own unless --uri or MLFLOW_TRACKING_URI names another.\n"
  "\n"
  "Environment: MLFLOW_TRACKING_URI; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or\n"
  "MLFLOW_TRACKING_TOKEN: a login, never written to the folder, and sent only to a server that\n"
  "--uri or MLFLOW_TRACKING_URI names.",
};

static void
show (const char *text, gpointer user_data)
{
  g_printerr ("cow-trainer: %s\n", text);
}

gboolean
verb_track (int argc, char **argv, GError **error)
{
  g_auto (GStrv) arguments = NULL;
  g_autofree char *uri = NULL;
  double wait_s = COW_RUN_TRACKING_WAIT_S;
  guint64 sent_bytes = 0;
  const GOptionEntry entries[] = {
    { "uri", 0, 0, G_OPTION_ARG_STRING, &uri,
      "The MLflow server, http(s)://HOST[:PORT] (the run's)", "URI" },
    { "wait", 0, 0, G_OPTION_ARG_DOUBLE, &wait_s, "Give up after so many seconds (30)", "S" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, entries, argc, argv, error))
    return FALSE;
  if (!arguments || g_strv_length (arguments) != 1)
    return verb_usage (error, "one argument is expected: FOLDER, a run's output folder");
  if (!(wait_s > 0 && wait_s <= 86400))
    return verb_usage (error, "--wait %g is not between 0 and 86400 seconds", wait_s);
  if (!cow_run_tracking_send_remainder (arguments[0], uri, wait_s, show, NULL, &sent_bytes, error))
    return FALSE;
  g_autofree char *size = g_format_size (sent_bytes);
  if (sent_bytes == 0)
    g_print ("%s: nothing waits; MLflow has all of it\n", arguments[0]);
  else
    g_print ("%s: MLflow has all of it now; %s were sent\n", arguments[0], size);
  return TRUE;
}
