/* SPDX-License-Identifier: MIT */
/*
 * Run tracking: a run tells an MLflow server its parameters, metrics, files, how it ended.
 * Nothing here fails, waits or slows a run: what is logged is appended to a spool in the run's
 * folder, and a thread sends the spool in order, again and again until the server has it. What the
 * server does not have at the end stays in the folder for the next --resume or `cow-trainer track
 * FOLDER`.
 *
 * Without a server nothing is written and each call does nothing. All functions but free may be
 * called from any thread.
 */
#ifndef COW_TRAINER_RUN_TRACKING_H
#define COW_TRAINER_RUN_TRACKING_H

#include <glib.h>

G_BEGIN_DECLS

#define COW_RUN_TRACKING_WAIT_S 30.0

typedef struct _CowRunTracking CowRunTracking;

typedef enum {
  COW_RUN_TRACKING_FINISHED,
  COW_RUN_TRACKING_FAILED,
  COW_RUN_TRACKING_KILLED
} CowRunTrackingStatus;

typedef struct {
  const char *name;
  double value; /* NaN and infinities are allowed */
} CowRunMetric;

/*
 * uri: an MLflow server's http(s) address; NULL: $MLFLOW_TRACKING_URI, and where that is unset too,
 * the server of the run that is continued, or none. Other schemes (file:, sqlite:) mean no
 * tracking; that is said once. User and password come from the address, $MLFLOW_TRACKING_USERNAME
 * and _PASSWORD, or $MLFLOW_TRACKING_TOKEN; they are never written or shown, and those of the
 * environment go to a server that `uri` or the environment names, not to one that only the folder
 * names. experiment: NULL: $MLFLOW_EXPERIMENT_NAME, or "cowbehavior". run_name: NULL lets the
 * server choose. folder: the run's output folder, which exists. resume: the run that `folder` holds
 * goes on under its id, its unsent rest first; FALSE starts a new run and drops such a rest. Never
 * NULL: without a server all that follows may be called, and does nothing.
 */
CowRunTracking *cow_run_tracking_new (const char *uri, const char *experiment, const char *run_name,
                                      const char *folder, gboolean resume);

/* Who hears the few sentences that a user should read (the server cannot be reached, it is back);
 * called in the sending thread, so that a progress line can be cleared first. Without it they go to
 * stderr. Set before the first thing is logged. */
typedef void (*CowRunTrackingMessage) (const char *text, gpointer user_data);
void cow_run_tracking_set_message (CowRunTracking *self, CowRunTrackingMessage message,
                                   gpointer user_data);

/* A setting of the run. A name has one value a run: MLflow refuses another one later. */
void cow_run_tracking_log_param (CowRunTracking *self, const char *name, const char *value);
/* n parameters; `names` and `values` of n. */
void cow_run_tracking_log_params (CowRunTracking *self, guint n, const char *const *names,
                                  const char *const *values);
/* n values of one step (an epoch, from 1; 0 for results of the whole run). */
void cow_run_tracking_log_metrics (CowRunTracking *self, guint n, const CowRunMetric *metrics,
                                   gint64 step);
/* A file of the run's folder, or all files of a folder in it, to be stored with the run below
 * artifact_folder (NULL: at the top). Read when it is sent, so it should stay. */
void cow_run_tracking_log_artifact (CowRunTracking *self, const char *path,
                                    const char *artifact_folder);

/* The run's end: waits at most wait_s for the server to have everything; TRUE if it has (or there
 * is no server). */
gboolean cow_run_tracking_finish (CowRunTracking *self, CowRunTrackingStatus status, double wait_s);
/* Stops sending at once; without finish () the run stays "running" for a later resume. */
void cow_run_tracking_free (CowRunTracking *self);

/*
 * Sends what a folder still holds for its server, at most wait_s; *sent_bytes is what there was.
 * COW_ERROR_NOT_FOUND where the folder's run was never tracked, COW_ERROR_IO where some of it could
 * not be sent. `uri` and `message` as above.
 */
gboolean cow_run_tracking_send_remainder (const char *folder, const char *uri, double wait_s,
                                          CowRunTrackingMessage message, gpointer user_data,
                                          guint64 *sent_bytes, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowRunTracking, cow_run_tracking_free)

G_END_DECLS

#endif
