/* SPDX-License-Identifier: MIT */
/*
 * MLflow's REST interface as far as a run needs it. Each call is one or a few requests, made and
 * waited for in the calling thread, which is the one that called mlflow_new (). Whether and when to
 * try again is the caller's (trainer/tracking/run-tracking.c).
 */
#ifndef COW_TRAINER_MLFLOW_H
#define COW_TRAINER_MLFLOW_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The most that MLflow takes in one request, and lengths beyond which it refuses. */
#define MLFLOW_MOST_ITEMS  1000
#define MLFLOW_MOST_PARAMS 100
#define MLFLOW_MOST_KEY    250
#define MLFLOW_MOST_VALUE  6000

typedef enum {
  MLFLOW_OK,
  MLFLOW_LATER,  /* unreachable, overloaded: the same request may succeed at another time */
  MLFLOW_BARRED, /* not let in, no MLflow server, no such run: it may succeed once a person has
                    changed something */
  MLFLOW_REFUSED /* the server (or the file on disk) makes this item impossible; sending it again is
                    of no use */
} MlflowResult;

typedef struct _Mlflow Mlflow;

/*
 * uri: http(s)://[USER:PASSWORD@]HOST[:PORT][/PREFIX]. With `environment`, MLFLOW_TRACKING_USERNAME
 * and _PASSWORD, or _TOKEN, log in, and come before what the address holds; without it they stay
 * here: an address that the user did not give must not get them. COW_ERROR_ARGUMENT. A login for an
 * address of another machine that is not https is never sent: all calls are MLFLOW_BARRED then.
 */
Mlflow *mlflow_new (const char *uri, gboolean environment, GCancellable *cancellable,
                    GError **error);
void mlflow_free (Mlflow *self);
/* The address without user and password. */
const char *mlflow_public_uri (Mlflow *self);

/*
 * All of these set an error unless they give MLFLOW_OK; no message holds a secret.
 *
 * The experiment of a name, made where there is none. Free *id with g_free.
 */
MlflowResult mlflow_get_experiment (Mlflow *self, const char *name, char **id, GError **error);
/* The run with the tag cowbehavior.run = key, or a new one; so a creation whose answer was lost is
 * not repeated. Free both with g_free. */
MlflowResult mlflow_get_run (Mlflow *self, const char *experiment_id, const char *key,
                             const char *name, gint64 start_ms, char **run_id, char **artifact_uri,
                             GError **error);
/* Items as MLflow writes them: {key, value, timestamp, step} and {key, value}. */
MlflowResult mlflow_log_batch (Mlflow *self, const char *run_id, JsonArray *metrics,
                               JsonArray *params, GError **error);
/* status: RUNNING, FINISHED, FAILED or KILLED; end_ms 0: none. */
MlflowResult mlflow_set_status (Mlflow *self, const char *run_id, const char *status, gint64 end_ms,
                                GError **error);
/* Stores the file at `path` as `name` (with "/" between folders). REFUSED with
 * COW_ERROR_UNSUPPORTED where the server does not take files; REFUSED too after a few internal
 * errors in a row. */
MlflowResult mlflow_put_artifact (Mlflow *self, const char *artifact_uri, const char *name,
                                  const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mlflow, mlflow_free)

G_END_DECLS

#endif
