/* SPDX-License-Identifier: MIT */
#include "trainer/tracking/mlflow.h"

#include <string.h>

#include "model/files/json-object.h"
#include "trainer/hub/http.h"

#define TIMEOUT_S   120 /* a server stores a large file before it answers */
#define MOST_ID     256
#define MOST_ERRORS 3 /* of the store behind the server, in a row */
#define MOST_ANSWER (4 << 20)
#define API         "/api/2.0/mlflow/"
#define ARTIFACTS   "/api/2.0/mlflow-artifacts/artifacts"

struct _Mlflow {
  SoupSession *session;
  GCancellable *cancellable;
  GUri *base;            /* without user and password */
  char *public_uri;      /* as text, without a slash at its end */
  gboolean environment;  /* its secrets may go there */
  gboolean safe;         /* nobody else can read what goes there */
  char *authorisation;   /* value of the header, or NULL */
  char *secrets[3];      /* what must not be shown; NULL at the end */
  guint artifact_errors; /* in a row */
};

/* ---- Making one ------------------------------------------------------------------------------ */

static void
set_basic (Mlflow *self, const char *user, const char *password)
{
  g_autofree char *pair = g_strdup_printf ("%s:%s", user, password ? password : "");
  g_autofree char *encoded = g_base64_encode ((const guchar *)pair, strlen (pair));

  self->authorisation = g_strconcat ("Basic ", encoded, NULL);
  self->secrets[0] = g_steal_pointer (&encoded);
  self->secrets[1] = g_strdup (password && *password ? password : pair);
}

static gboolean
set_authorisation (Mlflow *self, GUri *uri, gboolean environment, GError **error)
{
  const char *user = g_getenv ("MLFLOW_TRACKING_USERNAME"),
             *password = g_getenv ("MLFLOW_TRACKING_PASSWORD");
  g_autofree char *token = g_strstrip (
      g_strdup (g_getenv ("MLFLOW_TRACKING_TOKEN") ? g_getenv ("MLFLOW_TRACKING_TOKEN") : ""));
  const char *uri_user = g_uri_get_user (uri);

  self->environment = environment;
  if (environment && user && *user)
    set_basic (self, user, password);
  else if (environment && *token) {
    if (!http_is_header_value (token)) {
      g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                           "MLFLOW_TRACKING_TOKEN has characters that no token has");
      return FALSE;
    }
    self->authorisation = g_strconcat ("Bearer ", token, NULL);
    self->secrets[0] = g_steal_pointer (&token);
  } else if (uri_user && *uri_user)
    set_basic (self, uri_user, g_uri_get_password (uri));
  return TRUE;
}

Mlflow *
mlflow_new (const char *text, gboolean environment, GCancellable *cancellable, GError **error)
{
  g_autoptr (GUri) uri =
      http_parse_uri (text, "the MLflow server's address (MLFLOW_TRACKING_URI)", error);
  if (!uri)
    return NULL;
  g_autoptr (Mlflow) self = g_new0 (Mlflow, 1);
  self->public_uri = http_public_uri (text);
  while (g_str_has_suffix (self->public_uri, "/"))
    self->public_uri[strlen (self->public_uri) - 1] = '\0';
  self->base = g_uri_parse (self->public_uri, G_URI_FLAGS_ENCODED_PATH, NULL);
  self->safe = http_is_private (uri);
  self->session = http_session_new (TIMEOUT_S);
  self->cancellable = g_object_ref (cancellable);
  return set_authorisation (self, uri, environment, error) ? g_steal_pointer (&self) : NULL;
}

void
mlflow_free (Mlflow *self)
{
  if (!self)
    return;
  g_object_unref (self->session);
  g_object_unref (self->cancellable);
  g_uri_unref (self->base);
  g_free (self->public_uri);
  g_free (self->authorisation);
  for (guint i = 0; i < G_N_ELEMENTS (self->secrets); i++)
    g_free (self->secrets[i]);
  g_free (self);
}

const char *
mlflow_public_uri (Mlflow *self)
{
  return self->public_uri;
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* The server's word on what went wrong: the "message" of MLflow's errors, or the text. */
static char *
server_words (Mlflow *self, GBytes *body)
{
  gsize n = 0;
  const char *text = g_bytes_get_data (body, &n), *message = NULL;
  g_autoptr (JsonObject) object = cow_json_parse_object (text ? text : "", n, "answer", NULL);

  if (object && cow_json_get_string (object, "answer", "message", &message, NULL) && message)
    return http_readable (message, -1, (const char *const *)self->secrets);
  return http_readable (text ? text : "", (gssize)n, (const char *const *)self->secrets);
}

/* An answer that is not 200 as a result and an error that says what to do. */
static MlflowResult
explain (Mlflow *self, SoupMessage *message, GBytes *body, GError **error)
{
  const guint status = soup_message_get_status (message);
  g_autofree char *words = server_words (self, body);
  const char *advice = "", *mark = *words ? ": " : "";
  MlflowResult result = MLFLOW_LATER;

  if (status == 401 && !self->environment)
    advice = "; the environment's login goes only to a server that is named beside it: give --uri "
             "or MLFLOW_TRACKING_URI";
  else if (status == 401)
    advice =
        "; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, log in";
  else if (status == 403)
    advice = "; either this user may not write there, or the server's host check does not know the "
             "name by which it is reached (start it "
             "with --allowed-hosts HOST:PORT, or use a name that it knows)";
  else if (status == 404)
    advice = "; the address may lack a path, or the run was deleted";
  else if (status >= 300 && status < 400)
    advice = "; it redirects elsewhere: set MLFLOW_TRACKING_URI to the final address";
  if (status >= 300 && status < 500 && status != 408 && status != 425 && status != 429)
    result = MLFLOW_BARRED;
  if (status == 400 || status == 413 || status == 422)
    result = MLFLOW_REFUSED;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "MLflow at %s answered %u%s%s%s", self->public_uri,
               status, mark, words, advice);
  return result;
}

static SoupMessage *
new_message (Mlflow *self, const char *method, const char *path, const char *query)
{
  g_autofree char *whole_path = g_strconcat (g_uri_get_path (self->base), path, NULL);
  g_autoptr (GUri) uri = g_uri_build (
      G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY, g_uri_get_scheme (self->base), NULL,
      g_uri_get_host (self->base), g_uri_get_port (self->base), whole_path, query, NULL);
  SoupMessage *message = soup_message_new_from_uri (method, uri);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
  if (self->authorisation)
    soup_message_headers_replace (soup_message_get_request_headers (message), "Authorization",
                                  self->authorisation);
  return message;
}

/* Sends; 200 gives the body. *status is 0 where no answer came. */
static MlflowResult
send_message (Mlflow *self, SoupMessage *message, GBytes **body, guint *status, GError **error)
{
  g_autoptr (GError) why = NULL;

  if (self->authorisation && !self->safe) {
    *status = 0;
    g_set_error (
        error, COW_ERROR, COW_ERROR_ARGUMENT,
        "the login for MLflow at %s is not sent, because that is not https, and whoever is "
        "in between could read it; use https://, or a tunnel to this machine (ssh -L)",
        self->public_uri);
    return MLFLOW_BARRED;
  }
  g_autoptr (GInputStream) stream = http_send (self->session, message, self->cancellable, &why);
  g_autoptr (GBytes) bytes =
      stream ? http_read_all (stream, MOST_ANSWER, self->cancellable, &why) : NULL;

  *status = bytes ? soup_message_get_status (message) : 0;
  if (!bytes) {
    g_autofree char *words = http_readable (why->message, -1, (const char *const *)self->secrets);
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "MLflow at %s cannot be reached: %s",
                 self->public_uri, words);
    return MLFLOW_LATER;
  }
  if (*status != 200)
    return explain (self, message, bytes, error);
  *body = g_steal_pointer (&bytes);
  return MLFLOW_OK;
}

/* MLflow answers with an object, if an empty one; whatever else says 200 has not stored
 * anything. */
static MlflowResult
read_answer (Mlflow *self, GBytes *body, JsonObject **answer, GError **error)
{
  gsize n = 0;
  const char *text = g_bytes_get_data (body, &n);
  g_autoptr (GError) why = NULL;
  g_autoptr (JsonObject) object = cow_json_parse_object (text ? text : "", n, "its answer", &why);

  if (!object) {
    g_autofree char *words = http_readable (why->message, -1, (const char *const *)self->secrets);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s does not speak as an MLflow server (%s)",
                 self->public_uri, words);
    return MLFLOW_BARRED;
  }
  if (answer)
    *answer = g_steal_pointer (&object);
  return MLFLOW_OK;
}

/* A call of the REST interface; `request` NULL makes it a GET. */
static MlflowResult
call (Mlflow *self, const char *name, const char *query, JsonObject *request, JsonObject **answer,
      guint *status, GError **error)
{
  g_autofree char *path = g_strconcat (API, name, NULL);
  g_autoptr (SoupMessage) message = new_message (self, request ? "POST" : "GET", path, query);
  g_autoptr (GBytes) body = NULL;
  guint unused;

  if (request) {
    g_autofree char *text = cow_json_object_text (request);
    g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
    soup_message_set_request_body_from_bytes (message, "application/json", bytes);
  }
  const MlflowResult result = send_message (self, message, &body, status ? status : &unused, error);
  return result == MLFLOW_OK ? read_answer (self, body, answer, error) : result;
}

/* Whether a server's name for something can be sent back, stored and shown: MLflow's are digits, or
 * letters and digits. */
static gboolean
is_id (const char *text)
{
  gsize n = 0;

  for (; text[n]; n++)
    if (!g_ascii_isalnum (text[n]) && !strchr ("-_.", text[n]))
      return FALSE;
  return n > 0 && n <= MOST_ID;
}

/* The string at object.key, or object.outer.key; a copy, or NULL. */
static char *
get_text (JsonObject *object, const char *outer, const char *key)
{
  const char *value = NULL;

  if (outer && (!cow_json_get_object (object, "answer", outer, &object, NULL) ||
                !json_object_has_member (object, key)))
    return NULL;
  cow_json_get_string (object, "answer", key, &value, NULL);
  return g_strdup (value);
}

/* The same, of something that is_id (). */
static char *
get_id (JsonObject *object, const char *outer, const char *key)
{
  g_autofree char *text = get_text (object, outer, key);
  return text && is_id (text) ? g_steal_pointer (&text) : NULL;
}

static MlflowResult
lacks (Mlflow *self, const char *call_name, const char *key, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "MLflow at %s: its answer to %s has no %s",
               self->public_uri, call_name, key);
  return MLFLOW_BARRED;
}

/* The result of a request that is not about an item which could be left out. */
static MlflowResult
no_item (MlflowResult result)
{
  return result == MLFLOW_REFUSED ? MLFLOW_BARRED : result;
}

/* ---- The calls ------------------------------------------------------------------------------- */

MlflowResult
mlflow_get_experiment (Mlflow *self, const char *name, char **id, GError **error)
{
  g_autofree char *escaped = g_uri_escape_string (name, NULL, FALSE);
  g_autofree char *query = g_strconcat ("experiment_name=", escaped, NULL);
  g_autoptr (JsonObject) found = NULL, made = NULL, request = json_object_new ();
  g_autoptr (GError) why = NULL;
  guint status = 0;

  MlflowResult result = call (self, "experiments/get-by-name", query, NULL, &found, &status, &why);
  if (result == MLFLOW_OK) {
    *id = get_id (found, "experiment", "experiment_id");
    return *id ? MLFLOW_OK : lacks (self, "experiments/get-by-name", "experiment_id", error);
  }
  if (status != 404) {
    g_propagate_error (error, g_steal_pointer (&why));
    return no_item (result);
  }
  json_object_set_string_member (request, "name", name);
  result = call (self, "experiments/create", NULL, request, &made, NULL, error);
  if (result != MLFLOW_OK)
    return result == MLFLOW_REFUSED
               ? MLFLOW_LATER
               : result; /* when another run made it at the same moment: the next try finds it */
  *id = get_id (made, NULL, "experiment_id");
  return *id ? MLFLOW_OK : lacks (self, "experiments/create", "experiment_id", error);
}

static void
add_pair (JsonArray *array, const char *key, const char *value)
{
  JsonObject *pair = json_object_new ();
  json_object_set_string_member (pair, "key", key);
  json_object_set_string_member (pair, "value", value);
  json_array_add_object_element (array, pair);
}

/* The first run with the key, or NULL in *run. */
static MlflowResult
search_run (Mlflow *self, const char *experiment_id, const char *key, JsonObject **run,
            GError **error)
{
  g_autoptr (JsonObject) request = json_object_new (), answer = NULL;
  JsonArray *ids = json_array_new (), *runs = NULL;
  g_autofree char *filter = g_strdup_printf ("tags.`cowbehavior.run` = '%s'", key);

  json_array_add_string_element (ids, experiment_id);
  json_object_set_array_member (request, "experiment_ids", ids);
  json_object_set_string_member (request, "filter", filter);
  json_object_set_int_member (request, "max_results", 1);
  const MlflowResult result = call (self, "runs/search", NULL, request, &answer, NULL, error);
  if (result != MLFLOW_OK)
    return result;
  if (cow_json_get_array (answer, "answer", "runs", &runs, NULL) && runs &&
      json_array_get_length (runs) > 0 && JSON_NODE_HOLDS_OBJECT (json_array_get_element (runs, 0)))
    *run = json_object_ref (json_array_get_object_element (runs, 0));
  return MLFLOW_OK;
}

static MlflowResult
create_run (Mlflow *self, const char *experiment_id, const char *key, const char *name,
            gint64 start_ms, JsonObject **answer, GError **error)
{
  g_autoptr (JsonObject) request = json_object_new ();
  JsonArray *tags = json_array_new ();

  add_pair (tags, "cowbehavior.run", key);
  add_pair (tags, "mlflow.user", g_get_user_name ());
  add_pair (tags, "mlflow.source.name", "cow-trainer");
  json_object_set_string_member (request, "experiment_id", experiment_id);
  if (name)
    json_object_set_string_member (request, "run_name", name);
  json_object_set_int_member (request, "start_time", start_ms);
  json_object_set_array_member (request, "tags", tags);
  return call (self, "runs/create", NULL, request, answer, NULL, error);
}

MlflowResult
mlflow_get_run (Mlflow *self, const char *experiment_id, const char *key, const char *name,
                gint64 start_ms, char **run_id, char **artifact_uri, GError **error)
{
  g_autoptr (JsonObject) found = NULL, made = NULL;
  MlflowResult result = search_run (self, experiment_id, key, &found, error);

  if (result == MLFLOW_OK && !found) {
    result = create_run (self, experiment_id, key, name, start_ms, &made, error);
    if (result == MLFLOW_OK &&
        (!cow_json_get_object (made, "answer", "run", &found, NULL) || !found))
      return lacks (self, "runs/create", "run", error);
    if (found)
      json_object_ref (found);
  }
  if (result != MLFLOW_OK)
    return no_item (result);
  *run_id = get_id (found, "info", "run_id");
  *artifact_uri = get_text (found, "info", "artifact_uri");
  return *run_id ? MLFLOW_OK : lacks (self, "runs/create", "run_id", error);
}

MlflowResult
mlflow_log_batch (Mlflow *self, const char *run_id, JsonArray *metrics, JsonArray *params,
                  GError **error)
{
  g_autoptr (JsonObject) request = json_object_new ();

  json_object_set_string_member (request, "run_id", run_id);
  json_object_set_array_member (request, "metrics", json_array_ref (metrics));
  json_object_set_array_member (request, "params", json_array_ref (params));
  return call (self, "runs/log-batch", NULL, request, NULL, NULL, error);
}

MlflowResult
mlflow_set_status (Mlflow *self, const char *run_id, const char *status, gint64 end_ms,
                   GError **error)
{
  g_autoptr (JsonObject) request = json_object_new ();

  json_object_set_string_member (request, "run_id", run_id);
  json_object_set_string_member (request, "status", status);
  if (end_ms > 0)
    json_object_set_int_member (request, "end_time", end_ms);
  return call (self, "runs/update", NULL, request, NULL, NULL, error);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The path of an artifact behind the server, from the run's artifact_uri mlflow-artifacts:/PATH or
 * mlflow-artifacts://HOST/PATH; or NULL.
 */
static char *
artifact_path (Mlflow *self, const char *artifact_uri, const char *name)
{
  g_autoptr (GUri) uri = artifact_uri ? g_uri_parse (artifact_uri, G_URI_FLAGS_NONE, NULL) : NULL;
  const char *host = uri ? g_uri_get_host (uri) : NULL;

  if (!uri || !g_str_equal (g_uri_get_scheme (uri), "mlflow-artifacts"))
    return NULL;
  if (host && *host && g_ascii_strcasecmp (host, g_uri_get_host (self->base)) != 0)
    return NULL;
  g_autofree char *path = g_build_path ("/", "/", g_uri_get_path (uri), name, NULL);
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE);
  return g_strconcat (ARTIFACTS, escaped, NULL);
}

MlflowResult
mlflow_put_artifact (Mlflow *self, const char *artifact_uri, const char *name, const char *path,
                     GError **error)
{
  g_autofree char *to = artifact_path (self, artifact_uri, name);
  if (!to) {
    g_autofree char *shown =
        artifact_uri ? http_readable (artifact_uri, -1, NULL) : g_strdup ("nothing");
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "files of this run are not uploaded: MLflow keeps them at %s, and only a server "
                 "started with --serve-artifacts takes them",
                 shown);
    return MLFLOW_REFUSED;
  }
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, error);
  g_autoptr (GFileInfo) info =
      stream ? g_file_input_stream_query_info (stream, G_FILE_ATTRIBUTE_STANDARD_SIZE, NULL, error)
             : NULL;
  if (!info) {
    g_prefix_error (error, "%s is not uploaded: ", path);
    return MLFLOW_REFUSED;
  }
  g_autoptr (SoupMessage) message = new_message (self, "PUT", to, NULL);
  g_autoptr (GBytes) body = NULL;
  guint status = 0;
  soup_message_set_request_body (message, "application/octet-stream", G_INPUT_STREAM (stream),
                                 g_file_info_get_size (info));
  const MlflowResult result = send_message (self, message, &body, &status, error);
  if (result == MLFLOW_OK) {
    self->artifact_errors = 0;
    /* Newer servers say nothing at all to a file. */
    return g_bytes_get_size (body) == 0 ? MLFLOW_OK : read_answer (self, body, NULL, error);
  }
  /* A misconfigured store behind the server says so for ever, and what comes after the file must
   * not wait for it. */
  self->artifact_errors = status == 500 ? self->artifact_errors + 1 : 0;
  return self->artifact_errors < MOST_ERRORS ? result : MLFLOW_REFUSED;
}
