/* SPDX-License-Identifier: MIT */
/* The calls append lines to the spool (trainer/tracking/spool.h); one thread takes them off and
 * makes requests of them (trainer/tracking/mlflow.h). */
#include "trainer/tracking/run-tracking.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "trainer/hub/http.h"
#include "trainer/tracking/mlflow.h"
#include "trainer/tracking/spool.h"

#define FIRST_PAUSE_S      1.0
#define LONGEST_PAUSE_S    60.0
#define MOST_FOLDER_DEPTH  8
#define DEFAULT_EXPERIMENT "cowbehavior"

struct _CowRunTracking {
  char *folder, *server; /* server: with user and password; NULL: no tracking */
  CowRunTrackingMessage message;
  gpointer message_data;
  gboolean named; /* the server: by the user, who may have a login for it in the environment, not by
                     a file in the folder */
  gboolean rest;  /* only what is left is sent: no run goes on */
  gboolean continued; /* the run is, and the server does not know yet */
  GCancellable *cancellable;
  Spool *spool;
  GThread *thread; /* from the first line on */

  GMutex lock;        /* of what follows */
  GCond changed;      /* a line was added, the end nears, something was sent */
  gboolean quit;      /* the thread is to end */
  gboolean hurry;     /* finish () waits */
  gboolean full;      /* the spool takes no more, which was said */
  gboolean barred;    /* nothing is sent until a person has changed something */
  char *last_problem; /* why sending fails now, or NULL */

  /* The sending thread's own. */
  guint failures;        /* in a row */
  guint batch;           /* lines a request; smaller while the server refuses something in it */
  gboolean no_artifacts; /* that files are not taken was said */
};

static void sayf (CowRunTracking *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
sayf (CowRunTracking *self, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (self->message)
    self->message (text, self->message_data);
  else
    g_printerr ("cow-trainer: %s\n", text);
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* Makes the run at the server, once. */
static MlflowResult
ensure_run (CowRunTracking *self, Mlflow *mlflow, GError **error)
{
  SpoolRun *run = spool_run (self->spool);
  g_autofree char *experiment_id = NULL;

  if (run->run_id)
    return MLFLOW_OK;
  g_autofree char *artifact_uri = NULL, *run_id = NULL;
  MlflowResult result = mlflow_get_experiment (mlflow, run->experiment, &experiment_id, error);
  if (result == MLFLOW_OK)
    result = mlflow_get_run (mlflow, experiment_id, run->key, run->run_name, run->start_ms, &run_id,
                             &artifact_uri, error);
  if (result != MLFLOW_OK)
    return result;
  run->run_id = g_steal_pointer (&run_id);
  run->artifact_uri = g_steal_pointer (&artifact_uri);
  sayf (self, "MLflow run: %s/#/experiments/%s/runs/%s", mlflow_public_uri (mlflow), experiment_id,
        run->run_id);
  return spool_save (self->spool, error) ? MLFLOW_OK : MLFLOW_LATER;
}

/* The object under a line's only key, which is its kind; NULL when the line is not one of ours. */
static JsonObject *
line_item (JsonObject *line, const char *kind)
{
  JsonObject *item = NULL;
  return line && cow_json_get_object (line, "line", kind, &item, NULL) ? item : NULL;
}

static const char *
item_text (JsonObject *item, const char *key)
{
  const char *value = NULL;
  cow_json_get_string (item, "line", key, &value, NULL);
  return value ? value : "";
}

/* The path of a line's file; NULL where that is outside of the folder, whose lines must not send
 * other files away. Links are followed. */
static char *
artifact_file (CowRunTracking *self, const char *file, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (file, self->folder);
  g_autofree char *folder = g_strconcat (self->folder, "/", NULL);
  char *real = realpath (path, NULL), *real_folder = realpath (folder, NULL);
  const gsize n = real_folder ? strlen (real_folder) : 0;
  const gboolean inside = real && n > 0 && strncmp (real, real_folder, n) == 0 &&
                          (real[n] == '/' || real_folder[n - 1] == '/');

  if (!real)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: %s", path, g_strerror (errno));
  else if (!inside)
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s is not a file of the run's folder",
                 path);
  free (real);
  free (real_folder);
  return inside ? g_steal_pointer (&path) : NULL;
}

static MlflowResult
send_artifact (CowRunTracking *self, Mlflow *mlflow, JsonObject *item, GError **error)
{
  g_autoptr (GError) why = NULL;

  if (self->no_artifacts)
    return MLFLOW_OK;
  g_autofree char *path = artifact_file (self, item_text (item, "file"), error);
  if (!path)
    return MLFLOW_REFUSED;
  const MlflowResult result = mlflow_put_artifact (mlflow, spool_run (self->spool)->artifact_uri,
                                                   item_text (item, "name"), path, &why);
  self->no_artifacts = g_error_matches (why, COW_ERROR, COW_ERROR_UNSUPPORTED);
  if (why)
    g_propagate_error (error, g_steal_pointer (&why));
  return result;
}

static MlflowResult
send_status (CowRunTracking *self, Mlflow *mlflow, JsonObject *item, GError **error)
{
  gint64 end_ms = 0;
  cow_json_get_int (item, "line", "end_time", 0, G_MAXINT64, &end_ms, NULL);
  return mlflow_set_status (mlflow, spool_run (self->spool)->run_id, item_text (item, "status"),
                            end_ms, error);
}

/* Sends as many of the lines as fit one request, in order; their number to *n. */
static MlflowResult
send_batch (CowRunTracking *self, Mlflow *mlflow, const GPtrArray *lines, guint *n, GError **error)
{
  g_autoptr (JsonArray) metrics = json_array_new (), params = json_array_new ();

  for (*n = 0;
       *n < MIN (lines->len, self->batch) && json_array_get_length (params) < MLFLOW_MOST_PARAMS;
       (*n)++) {
    const char *text = lines->pdata[*n];
    g_autoptr (JsonObject) line = cow_json_parse_object (text, strlen (text), "line", NULL);
    JsonObject *metric = line_item (line, "metric"), *param = line_item (line, "param"),
               *artifact = line_item (line, "artifact"), *status = line_item (line, "status");
    if (metric)
      json_array_add_object_element (metrics, json_object_ref (metric));
    else if (param)
      json_array_add_object_element (params, json_object_ref (param));
    else if ((artifact || status) && *n > 0)
      break; /* first what comes before */
    else if (artifact || status) {
      *n = 1;
      return artifact ? send_artifact (self, mlflow, artifact, error)
                      : send_status (self, mlflow, status, error);
    }
  }
  if (json_array_get_length (metrics) + json_array_get_length (params) == 0)
    return MLFLOW_OK;
  return mlflow_log_batch (mlflow, spool_run (self->spool)->run_id, metrics, params, error);
}

/* One step: a request and what follows from its answer. */
static MlflowResult
send_some (CowRunTracking *self, Mlflow *mlflow, GError **error)
{
  g_autoptr (GError) why = NULL;
  guint n = 0;
  MlflowResult result = ensure_run (self, mlflow, error);
  if (result != MLFLOW_OK)
    return result;
  g_autoptr (GPtrArray) lines = spool_next (self->spool, self->batch, error);
  if (!lines)
    return MLFLOW_LATER;

  result = send_batch (self, mlflow, lines, &n, &why);
  if (result == MLFLOW_LATER || result == MLFLOW_BARRED) {
    g_propagate_error (error, g_steal_pointer (&why));
    return result;
  }
  if (result == MLFLOW_REFUSED && n > 1) {
    /* One bad item must not take the good ones with it. */
    self->batch = MAX (n / 2, 1);
    return MLFLOW_OK;
  }
  if (result == MLFLOW_REFUSED)
    sayf (self, "left out of the MLflow run: %s", why->message);
  self->batch = MIN (self->batch * 2, MLFLOW_MOST_ITEMS);
  return spool_sent (self->spool, lines, n, error) ? MLFLOW_OK : MLFLOW_LATER;
}

/* Says when sending fails for the second time in a row (a connection that has aged fails once), and
 * when it works again. */
static void
note_outcome (CowRunTracking *self, gboolean barred, const GError *why)
{
  g_mutex_lock (&self->lock);
  self->barred = barred;
  g_free (self->last_problem);
  self->last_problem = why ? g_strdup (why->message) : NULL;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);

  const gboolean was_down = self->failures > 1;
  self->failures = why ? self->failures + 1 : 0;
  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  if (self->failures == 2 && self->rest)
    sayf (self, "%s; trying again", why->message);
  else if (self->failures == 2)
    sayf (self, "%s; the run goes on, what it logs waits in %s and is sent when that works again",
          why->message, self->folder);
  else if (!why && was_down)
    sayf (self, "MLflow at %s is back; what waited is sent now", spool_run (self->spool)->uri);
}

/* Waits for a line, or after a failure for its pause to pass; FALSE when the thread is to end. */
static gboolean
wait_for_work (CowRunTracking *self, double *pause_s, gboolean failed)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (failed) {
    const gint64 start_us = g_get_monotonic_time ();
    while (!self->quit) {
      const double wait_s = self->hurry ? MIN (*pause_s, FIRST_PAUSE_S) : *pause_s;
      if (!g_cond_wait_until (&self->changed, &self->lock,
                              start_us + (gint64)(wait_s * G_USEC_PER_SEC)))
        break;
    }
    *pause_s = MIN (*pause_s * 2, LONGEST_PAUSE_S);
    return !self->quit;
  }
  *pause_s = FIRST_PAUSE_S;
  while (!self->quit && spool_is_empty (self->spool))
    g_cond_wait (&self->changed, &self->lock);
  return !self->quit;
}

static gpointer
run_thread (gpointer data)
{
  CowRunTracking *self = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  double pause_s = FIRST_PAUSE_S;
  gboolean failed = FALSE;

  g_main_context_push_thread_default (context);
  Mlflow *mlflow = mlflow_new (self->server, self->named, self->cancellable,
                               NULL); /* it was tried in open_tracking () */
  while (wait_for_work (self, &pause_s, failed)) {
    g_autoptr (GError) error = NULL;
    const MlflowResult result = send_some (self, mlflow, &error);
    failed = result != MLFLOW_OK;
    note_outcome (self, result == MLFLOW_BARRED, error);
  }
  mlflow_free (mlflow);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* ---- Logging --------------------------------------------------------------------------------- */

/* Appends {kind: item} and wakes the thread; takes the item. */
static void
append_line (CowRunTracking *self, const char *kind, JsonObject *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *line = json_object_new ();
  json_object_set_object_member (line, kind, item);
  json_node_take_object (node, line);
  g_autofree char *text = cow_json_text (node, FALSE);
  const gboolean added = spool_append (self->spool, text, &error);

  g_mutex_lock (&self->lock);
  const gboolean first_failure = !added && !self->full;
  self->full = !added;
  if (!self->thread && !self->quit)
    self->thread =
        g_thread_try_new ("mlflow", run_thread, self, NULL); /* else the next line tries again */
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  if (first_failure)
    sayf (self, "%s; the run goes on, MLflow will lack what is logged until there is room",
          error->message);
}

static void
add_status (CowRunTracking *self, const char *status, gint64 end_ms)
{
  JsonObject *item = json_object_new ();
  json_object_set_string_member (item, "status", status);
  if (end_ms > 0)
    json_object_set_int_member (item, "end_time", end_ms);
  append_line (self, "status", item);
}

/* The same, after what must come before anything else. Only from here on does the thread run and
 * speak. */
static void
add_line (CowRunTracking *self, const char *kind, JsonObject *item)
{
  if (g_atomic_int_compare_and_exchange (&self->continued, TRUE, FALSE))
    add_status (self, "RUNNING", 0);
  append_line (self, kind, item);
}

/* A name as MLflow takes it: letters, digits, "_-. /". */
static char *
safe_key (const char *name)
{
  char *key = g_strndup (name, MLFLOW_MOST_KEY);
  for (char *p = key; *p; p++)
    if (!g_ascii_isalnum (*p) && !strchr ("_-. /", *p))
      *p = '_';
  return key;
}

/* A value no longer than MLflow takes, cut between characters. */
static char *
safe_value (const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);
  return g_utf8_strlen (valid, -1) > MLFLOW_MOST_VALUE
             ? g_utf8_substring (valid, 0, MLFLOW_MOST_VALUE)
             : g_steal_pointer (&valid);
}

void
cow_run_tracking_log_param (CowRunTracking *self, const char *name, const char *value)
{
  if (!self->spool)
    return;
  g_autofree char *key = safe_key (name), *text = safe_value (value);
  JsonObject *item = json_object_new ();
  json_object_set_string_member (item, "key", key);
  json_object_set_string_member (item, "value", text);
  add_line (self, "param", item);
}

void
cow_run_tracking_log_params (CowRunTracking *self, guint n, const char *const *names,
                             const char *const *values)
{
  for (guint i = 0; i < n; i++)
    cow_run_tracking_log_param (self, names[i], values[i]);
}

void
cow_run_tracking_log_metrics (CowRunTracking *self, guint n, const CowRunMetric *metrics,
                              gint64 step)
{
  const gint64 now_ms = g_get_real_time () / 1000;

  for (guint i = 0; self->spool && i < n; i++) {
    const double value = metrics[i].value;
    g_autofree char *key = safe_key (metrics[i].name);
    JsonObject *item = json_object_new ();
    json_object_set_string_member (item, "key", key);
    /* JSON has no other numbers; MLflow reads these words. */
    if (isfinite (value))
      json_object_set_double_member (item, "value", value);
    else
      json_object_set_string_member (item, "value",
                                     isnan (value) ? "NaN"
                                     : value > 0   ? "Infinity"
                                                   : "-Infinity");
    json_object_set_int_member (item, "timestamp", now_ms);
    json_object_set_int_member (item, "step", step);
    add_line (self, "metric", item);
  }
}

static void
add_file (CowRunTracking *self, const char *path, const char *name)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL),
                  *prefix = g_strconcat (self->folder, "/", NULL);
  JsonObject *item = json_object_new ();

  /* Relative, so that the folder may be moved before the rest is sent. */
  json_object_set_string_member (
      item, "file", g_str_has_prefix (absolute, prefix) ? absolute + strlen (prefix) : absolute);
  json_object_set_string_member (item, "name", name);
  add_line (self, "artifact", item);
}

static void
add_path (CowRunTracking *self, const char *path, const char *artifact_folder, int depth)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *name =
      artifact_folder ? g_build_path ("/", artifact_folder, base, NULL) : g_strdup (base);
  g_autoptr (GDir) folder = cow_path_is_folder (path) ? g_dir_open (path, 0, NULL) : NULL;
  const char *entry;

  /* A link to a folder may lead round in a circle. */
  if (folder && depth < MOST_FOLDER_DEPTH && g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    return;
  if (!folder)
    add_file (self, path, name);
  while (folder && depth > 0 && (entry = g_dir_read_name (folder))) {
    g_autofree char *below = g_build_filename (path, entry, NULL);
    add_path (self, below, name, depth - 1);
  }
}

void
cow_run_tracking_log_artifact (CowRunTracking *self, const char *path, const char *artifact_folder)
{
  if (self->spool)
    add_path (self, path, artifact_folder, MOST_FOLDER_DEPTH);
}

/* ---- run tracking as a whole ----------------------------------------------------------------- */

static const char *
not_empty (const char *text)
{
  return text && *text ? text : NULL;
}

static void
replace_text (char **text, const char *value)
{
  g_free (*text);
  *text = g_strdup (value);
}

/* Fills what the spool says of the run. */
static gboolean
describe_run (CowRunTracking *self, const char *experiment, const char *run_name, GError **error)
{
  SpoolRun *run = spool_run (self->spool);
  g_autofree char *public = http_public_uri (self->server);

  /* At another server the run is looked up by its key. */
  if (run->uri && !g_str_equal (run->uri, public)) {
    replace_text (&run->run_id, NULL);
    replace_text (&run->artifact_uri, NULL);
  }
  replace_text (&run->uri, public);
  if (!run->experiment) {
    const char *named =
        not_empty (experiment) ? experiment : not_empty (g_getenv ("MLFLOW_EXPERIMENT_NAME"));
    run->experiment = g_utf8_make_valid (named ? named : DEFAULT_EXPERIMENT, -1);
    run->run_name = not_empty (run_name) ? g_utf8_make_valid (run_name, -1) : NULL;
  }
  return spool_save (self->spool, error);
}

/* The server to tell: the argument, the environment, the one of the run that is continued; NULL
 * without one. */
static gboolean
choose_server (CowRunTracking *self, const char *uri, gboolean resume, char **server,
               GError **error)
{
  const char *named = not_empty (uri) ? uri : not_empty (g_getenv ("MLFLOW_TRACKING_URI"));

  self->named = named != NULL;
  *server = g_strdup (named);
  if (named || !resume || !spool_exists (self->folder))
    return TRUE;
  g_autoptr (Spool) spool = spool_open (self->folder, TRUE, error);
  if (spool)
    *server = g_strdup (spool_run (spool)->uri);
  return spool != NULL;
}

static gboolean
open_tracking (CowRunTracking *self, const char *uri, const char *experiment, const char *run_name,
               gboolean resume, GError **error)
{
  g_autofree char *server = NULL;

  if (!choose_server (self, uri, resume, &server, error))
    return FALSE;
  if (!server)
    return TRUE;
  g_autoptr (Mlflow) trial = mlflow_new (server, self->named, self->cancellable, error);
  if (!trial)
    return FALSE;
  self->server = g_steal_pointer (&server);
  self->spool = spool_open (self->folder, resume, error);
  if (self->spool && describe_run (self, experiment, run_name, error))
    return TRUE;
  g_clear_pointer (&self->spool, spool_free);
  return FALSE;
}

static CowRunTracking *
run_tracking_alloc (const char *folder)
{
  CowRunTracking *self = g_new0 (CowRunTracking, 1);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->folder = g_canonicalize_filename (folder, NULL);
  self->cancellable = g_cancellable_new ();
  self->batch = MLFLOW_MOST_ITEMS;
  return self;
}

CowRunTracking *
cow_run_tracking_new (const char *uri, const char *experiment, const char *run_name,
                      const char *folder, gboolean resume)
{
  g_autoptr (GError) error = NULL;
  CowRunTracking *self = run_tracking_alloc (folder);
  const gboolean continued = resume && spool_exists (folder);

  if (!open_tracking (self, uri, experiment, run_name, resume, &error))
    sayf (self, "the run is not tracked: %s", error->message);
  self->continued = self->spool && continued;
  return self;
}

void
cow_run_tracking_set_message (CowRunTracking *self, CowRunTrackingMessage message,
                              gpointer user_data)
{
  self->message = message;
  self->message_data = user_data;
}

/* Waits until all is sent, the time is over, or another try has shown that waiting is of no use. */
static gboolean
wait_until_sent (CowRunTracking *self, double wait_s)
{
  const gint64 end_us = g_get_monotonic_time () + (gint64)(wait_s * G_USEC_PER_SEC);
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->hurry = TRUE;
  self->barred = FALSE;
  g_cond_broadcast (&self->changed);
  while (!spool_is_empty (self->spool) && !self->barred)
    if (!g_cond_wait_until (&self->changed, &self->lock, end_us))
      break;
  self->hurry = FALSE;
  return spool_is_empty (self->spool);
}

gboolean
cow_run_tracking_finish (CowRunTracking *self, CowRunTrackingStatus status, double wait_s)
{
  static const char *const names[] = { [COW_RUN_TRACKING_FINISHED] = "FINISHED",
                                       [COW_RUN_TRACKING_FAILED] = "FAILED",
                                       [COW_RUN_TRACKING_KILLED] = "KILLED" };

  if (!self->spool)
    return TRUE;
  self->continued = FALSE; /* the status that follows is all that the server needs */
  add_status (self, names[status], g_get_real_time () / 1000);
  if (wait_until_sent (self, wait_s))
    return TRUE;
  g_mutex_lock (&self->lock);
  g_autofree char *problem = g_strdup (self->last_problem);
  g_mutex_unlock (&self->lock);
  g_autofree char *size = g_format_size (spool_unsent_bytes (self->spool));
  sayf (
      self,
      "MLflow at %s has not got all yet%s%s%s: %s wait in %s; send them with: cow-trainer track %s",
      spool_run (self->spool)->uri, problem ? " (" : "", problem ? problem : "", problem ? ")" : "",
      size, self->folder, self->folder);
  return FALSE;
}

void
cow_run_tracking_free (CowRunTracking *self)
{
  if (!self)
    return;
  g_mutex_lock (&self->lock);
  self->quit = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  g_cancellable_cancel (self->cancellable);
  if (self->thread)
    g_thread_join (self->thread);
  spool_free (self->spool);
  g_object_unref (self->cancellable);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->last_problem);
  g_free (self->folder);
  g_free (self->server);
  g_free (self);
}

gboolean
cow_run_tracking_send_remainder (const char *folder, const char *uri, double wait_s,
                                 CowRunTrackingMessage message, gpointer user_data,
                                 guint64 *sent_bytes, GError **error)
{
  *sent_bytes = 0;
  if (!spool_exists (folder)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s holds nothing for a tracking server (no mlflow.json): its run was not tracked",
                 folder);
    return FALSE;
  }
  g_autoptr (CowRunTracking) self = run_tracking_alloc (folder);
  cow_run_tracking_set_message (self, message, user_data);
  self->rest = TRUE;
  if (!open_tracking (self, uri, NULL, NULL, TRUE, error))
    return FALSE;
  *sent_bytes = spool_unsent_bytes (self->spool);
  if (*sent_bytes == 0)
    return TRUE;
  self->thread = g_thread_try_new ("mlflow", run_thread, self, error);
  if (!self->thread)
    return FALSE;
  if (wait_until_sent (self, wait_s))
    return TRUE;
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s still waits for MLflow: %s", folder,
               self->last_problem ? self->last_problem : "the time was not enough");
  return FALSE;
}
