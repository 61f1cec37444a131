/* SPDX-License-Identifier: MIT */
/*
 * What a run tells an experiment tracker (MLflow): parameters, metrics, files, how it ended.
 * Nothing here fails, waits or slows a run: what is logged is appended to a spool in the run's
 * folder, and a thread sends the spool in order, again and again until the server has it. What the
 * server has not got at the end stays in the folder for the next --resume or `cow-trainer track
 * FOLDER`.
 *
 * Without a tracker nothing is written and each call does nothing. All functions but free may be
 * called from any thread.
 */
#ifndef COW_TRAINER_TRACKER_H
#define COW_TRAINER_TRACKER_H

#include <glib.h>

G_BEGIN_DECLS

#define COW_TRACKER_WAIT_S 30.0

typedef struct _CowTracker CowTracker;

typedef enum { COW_TRACKER_FINISHED, COW_TRACKER_FAILED, COW_TRACKER_KILLED } CowTrackerStatus;

typedef struct {
  const char *name;
  double value; /* NaN and infinities are allowed */
} CowTrackerMetric;

/*
 * uri: an MLflow server's http(s) address; NULL: $MLFLOW_TRACKING_URI, and where that is unset too,
 * the server of the run that is continued, or none. Other schemes (file:, sqlite:) mean no
 * tracking; that is said once. User and password come from the address, $MLFLOW_TRACKING_USERNAME
 * and _PASSWORD, or $MLFLOW_TRACKING_TOKEN; they are never written or shown, and those of the
 * environment go to a server that `uri` or the environment names, not to one that only the folder
 * names. experiment: NULL: $MLFLOW_EXPERIMENT_NAME, or "cowbehavior". run_name: NULL lets the
 * server choose. folder: the run's output folder, which exists. resume: the run that `folder` holds
 * goes on under its id, its unsent rest first; FALSE starts a new run and drops such a rest. Never
 * NULL.
 */
CowTracker *cow_tracker_new (const char *uri, const char *experiment, const char *run_name,
                             const char *folder, gboolean resume);

/* Who hears the few sentences that a user should read (the server cannot be reached, it is back);
 * called in the sending thread, so that a progress line can be cleared first. Without it they go to
 * stderr. Set before the first thing is logged. */
typedef void (*CowTrackerMessage) (const char *text, gpointer user_data);
void cow_tracker_set_message (CowTracker *self, CowTrackerMessage message, gpointer user_data);

/* Whether there is a server to tell; the rest may be called all the same. */
gboolean cow_tracker_active (CowTracker *self);

/* A setting of the run. A name has one value a run: MLflow refuses another one later. */
void cow_tracker_log_param (CowTracker *self, const char *name, const char *value);
/* n parameters; `names` and `values` of n. */
void cow_tracker_log_params (CowTracker *self, guint n, const char *const *names,
                             const char *const *values);
/* n values of one step (an epoch, from 1; 0 for results of the whole run). */
void cow_tracker_log_metrics (CowTracker *self, guint n, const CowTrackerMetric *metrics,
                              gint64 step);
/* A file of the run's folder, or all files of a folder in it, to be stored with the run below
 * artifact_folder (NULL: at the top). Read when it is sent, so it should stay. */
void cow_tracker_log_artifact (CowTracker *self, const char *path, const char *artifact_folder);

/* The run's end: waits at most wait_s for the server to have everything; TRUE if it has (or there
 * is no server). */
gboolean cow_tracker_finish (CowTracker *self, CowTrackerStatus status, double wait_s);
/* Stops sending at once; without finish () the run stays "running" for a later resume. */
void cow_tracker_free (CowTracker *self);

/*
 * Sends what a folder still holds for its server, at most wait_s; *sent_bytes is what there was.
 * COW_ERROR_NOT_FOUND where the folder's run was never tracked, COW_ERROR_IO where some of it could
 * not be sent. `uri` and `message` as above.
 */
gboolean cow_tracker_send_rest (const char *folder, const char *uri, double wait_s,
                                CowTrackerMessage message, gpointer user_data, guint64 *sent_bytes,
                                GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowTracker, cow_tracker_free)

G_END_DECLS

#endif
