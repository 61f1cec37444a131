/* SPDX-License-Identifier: MIT */
/* Any bytes as the answers of an MLflow server to the calls of a run, in turn: each call ends with
 * a result that agrees with its error, takes no name that could not be sent back, and shows no
 * login. */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/server.h"
#include "trainer/tracking/mlflow.h"

#define PASSWORD "tracking-secret"

static void
check (MlflowResult result, GError **error)
{
  fuzz_check_outcome (result == MLFLOW_OK, *error);
  g_assert_true (!*error || !strstr ((*error)->message, PASSWORD));
  g_clear_error (error);
}

static void
check_id (const char *id)
{
  for (; id && *id; id++)
    g_assert_true (g_ascii_isalnum (*id) || strchr ("-_.", *id));
}

static void
log_run (Mlflow *mlflow)
{
  g_autofree char *experiment = NULL, *run = NULL, *artifacts = NULL, *file = fuzz_path ("log.txt");
  g_autoptr (JsonArray) metrics = json_array_new (), params = json_array_new ();
  g_autoptr (GError) error = NULL;

  fuzz_put ("log.txt", "a", 1);
  check (mlflow_get_experiment (mlflow, "barn", &experiment, &error), &error);
  check_id (experiment);
  check (mlflow_get_run (mlflow, experiment ? experiment : "0", "key", "name", 1, &run, &artifacts,
                         &error),
         &error);
  check_id (run);
  check (mlflow_log_batch (mlflow, run ? run : "0", metrics, params, &error), &error);
  check (mlflow_set_status (mlflow, run ? run : "0", "FINISHED", 2, &error), &error);
  check (mlflow_put_artifact (mlflow, artifacts, "log.txt", file, &error), &error);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const guint16 port = fuzz_server_start (FALSE, NULL);
  g_autofree char *uri = g_strdup_printf ("http://farm:" PASSWORD "@127.0.0.1:%u", port);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (Mlflow) mlflow = mlflow_new (uri, FALSE, cancellable, &error);

  g_assert_no_error (error);
  fuzz_server_give ((FuzzInput){ data, size }, FALSE);
  log_run (mlflow);
  return 0;
}
