/* SPDX-License-Identifier: MIT */
#include "trainer/hub/hub-private.h"

#include <string.h>

#define MOST_REDIRECTS  8
#define MOST_ERROR_TEXT (64 << 10)

gboolean
hub_is_hash (const char *text, gsize n_digits)
{
  return text && strlen (text) == n_digits && strspn (text, "0123456789abcdef") == n_digits;
}

/* ---- Making one ------------------------------------------------------------------------------ */

/* OWNER/NAME or NAME, of letters, digits, "-", "_" and ".". */
static gboolean
is_repository (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", -1);
  const guint n = g_strv_length (parts);

  for (guint i = 0; i < n; i++) {
    if (!g_ascii_isalnum (*parts[i]) || strstr (parts[i], "..") || strlen (parts[i]) > 96)
      return FALSE;
    for (const char *p = parts[i]; *p; p++)
      if (!g_ascii_isalnum (*p) && !strchr ("-_.", *p))
        return FALSE;
  }
  return n == 1 || n == 2;
}

static GUri *
parse_endpoint (const char *text, GError **error)
{
  g_autoptr (GUri) uri =
      http_parse_uri (text, "the hub's address (--endpoint or HF_ENDPOINT)", error);

  if (uri && g_uri_get_userinfo (uri)) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "the hub's address (--endpoint or HF_ENDPOINT) holds a user name; a token "
                         "goes into HF_TOKEN");
    return NULL;
  }
  return g_steal_pointer (&uri);
}

Hub *
hub_new (const char *endpoint, const char *repository, const char *revision, const char *token,
         guint timeout_s, GError **error)
{
  g_autoptr (GUri) uri = parse_endpoint (endpoint, error);
  if (!uri)
    return NULL;
  if (!is_repository (repository)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_ARGUMENT,
        "\"%s\" is not a repository: OWNER/NAME is expected, as in the address of its page",
        repository);
    return NULL;
  }
  if (!*revision || strlen (revision) > 256 || strstr (revision, "..")) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "\"%s\" is not a revision: a branch, tag or commit is expected", revision);
    return NULL;
  }
  if (token && !http_is_header_value (token)) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "the hub's token (HF_TOKEN or the token file) is empty or has characters "
                         "that no token has");
    return NULL;
  }
  Hub *self = g_new0 (Hub, 1);
  self->endpoint_text = http_public_uri (endpoint);
  while (g_str_has_suffix (self->endpoint_text, "/"))
    self->endpoint_text[strlen (self->endpoint_text) - 1] = '\0';
  self->safe = http_is_private (uri);
  self->endpoint = g_steal_pointer (&uri);
  self->repository = g_strdup (repository);
  self->revision = g_strdup (revision);
  self->token = g_strdup (token);
  self->pause_ms = 1000;
  self->session = http_session_new (timeout_s);
  return self;
}

void
hub_free (Hub *self)
{
  if (!self)
    return;
  g_object_unref (self->session);
  g_uri_unref (self->endpoint);
  g_free (self->endpoint_text);
  g_free (self->repository);
  g_free (self->revision);
  g_free (self->commit);
  g_free (self->token);
  g_free (self);
}

char *
hub_user_token (void)
{
  const char *token = g_getenv ("HF_TOKEN"), *path = g_getenv ("HF_TOKEN_PATH"),
             *home = g_getenv ("HF_HOME");
  g_autofree char *file = NULL, *text = NULL;

  if (token && *token)
    return g_strstrip (g_strdup (token));
  if (path && *path)
    file = g_strdup (path);
  else if (home && *home)
    file = g_build_filename (home, "token", NULL);
  else
    file = g_build_filename (g_get_user_cache_dir (), "huggingface", "token", NULL);
  if (!g_file_get_contents (file, &text, NULL, NULL) || !*g_strstrip (text))
    return NULL;
  return g_steal_pointer (&text);
}

/* ---- Answers that are no files --------------------------------------------------------------- */

/* 401 and 403: what a person has to do. */
static void
explain_gate (Hub *self, guint status, const char *code, const char *words, GError **error)
{
  const char *token_advice;

  if (!self->token)
    token_advice = "no token was sent";
  else if (!self->safe)
    token_advice = "the token was not sent, because the address is not https";
  else
    token_advice = "a token was sent: it must be of the account that accepted the licence and may "
                   "read gated repositories";
  g_set_error (error, COW_ERROR, COW_ERROR_IO,
               "%s is gated%s: the hub answered %u%s%s (%s). To get in: 1. open %s/%s in a "
               "browser, sign in and accept the "
               "licence; 2. make a token that may read at %s/settings/tokens; 3. give it as "
               "HF_TOKEN=... or in ~/.cache/huggingface/token "
               "and run this again",
               self->repository, *code ? " or private" : ", private or not there", status,
               *words ? ", " : "", words, token_advice, self->endpoint_text, self->repository,
               self->endpoint_text);
}

static void
explain_missing (Hub *self, const char *code, GError **error)
{
  if (g_str_equal (code, "RevisionNotFound"))
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s has no revision \"%s\"",
                 self->repository, self->revision);
  else if (g_str_equal (code, "EntryNotFound"))
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has lost a file that it listed; run this again", self->repository);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no repository %s with a revision \"%s\" (or it is private and the token "
                 "does not open it)",
                 self->endpoint_text, self->repository, self->revision);
}

static const char *
header (SoupMessage *message, const char *name)
{
  const char *value =
      soup_message_headers_get_one (soup_message_get_response_headers (message), name);
  return value ? value : "";
}

/* The seconds that an overloaded server asks for, at most one more than what is waited. */
static guint
wanted_pause_s (SoupMessage *message)
{
  guint64 seconds = 0;
  g_ascii_string_to_unsigned (header (message, "Retry-After"), 10, 0, G_MAXUINT64, &seconds, NULL);
  return (guint)MIN (seconds, HUB_MOST_WAIT_S + 1);
}

/* An error of where the hub redirected to. Its 403 is about the signed address, which a new request
 * to the hub renews. */
static gboolean
explain_elsewhere (GUri *uri, guint status, gboolean *transient, GError **error)
{
  g_autofree char *host = http_readable (g_uri_get_host (uri), -1, NULL);
  *transient = *transient || status == 401 || status == 403 || status == 404;
  g_set_error (error, COW_ERROR, COW_ERROR_IO,
               "%s, where the hub sends its files from, answered %u", host, status);
  return FALSE;
}

static gboolean
explain (Hub *self, SoupMessage *message, GUri *uri, gboolean at_home, gboolean *transient,
         GError **error)
{
  const guint status = soup_message_get_status (message);
  const char *code = header (message, "X-Error-Code"),
             *secrets[] = { self->token ? self->token : "", NULL };
  g_autofree char *words = http_readable (header (message, "X-Error-Message"), -1, secrets);

  self->retry_after_s = wanted_pause_s (message);
  *transient = (status == 408 || status == 425 || status == 429 || status >= 500) &&
               self->retry_after_s <= HUB_MOST_WAIT_S;
  if (!at_home)
    return explain_elsewhere (uri, status, transient, error);
  /* The hub says 401 of what does not exist, so that nobody learns which private ones do. */
  if ((status == 401 || status == 403) && !g_str_equal (code, "RepoNotFound"))
    explain_gate (self, status, code, words, error);
  else if (status == 401 || status == 403 || status == 404)
    explain_missing (self, code, error);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s answered %u%s%s%s", self->endpoint_text,
                 status, *words ? ": " : "", words,
                 status == 429 ? " (too many requests; a token raises the limit)" : "");
  return FALSE;
}

/* ---- Requests -------------------------------------------------------------------------------- */

void
hub_answer_clear (HubAnswer *answer)
{
  g_clear_object (&answer->body);
  g_clear_object (&answer->message);
  g_clear_pointer (&answer->linked_sha256, g_free);
}

static SoupMessage *
new_message (Hub *self, GUri *uri, gboolean at_home, guint64 offset, const char *etag)
{
  SoupMessage *message = soup_message_new_from_uri ("GET", uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
  /* Sizes, ranges and hashes are those of the file itself. */
  soup_message_headers_replace (headers, "Accept-Encoding", "identity");
  if (self->token && self->safe && at_home) {
    g_autofree char *bearer = g_strconcat ("Bearer ", self->token, NULL);
    soup_message_headers_replace (headers, "Authorization", bearer);
  }
  if (offset > 0) {
    soup_message_headers_set_range (headers, (goffset)offset, -1);
    if (etag)
      soup_message_headers_replace (headers, "If-Range", etag);
  }
  return message;
}

GUri *
hub_redirect_target (GUri *from, const char *location, GError **error)
{
  g_autoptr (GUri) to = g_uri_parse_relative (
      from, location, G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY, NULL);
  const char *scheme = to ? g_uri_get_scheme (to) : "", *host = to ? g_uri_get_host (to) : NULL;

  if (host && *host &&
      (g_str_equal (scheme, "https") ||
       (g_str_equal (scheme, "http") && g_str_equal (g_uri_get_scheme (from), "http"))))
    return g_steal_pointer (&to);
  g_autofree char *shown = http_readable (g_uri_get_host (from), -1, NULL);
  g_set_error (error, COW_ERROR, COW_ERROR_IO,
               "%s redirects to an address that is not followed (%s)", shown,
               *scheme ? scheme : "none");
  return NULL;
}

/* The SHA-256 that the hub names for a large file. */
static void
note_linked_hash (SoupMessage *message, HubAnswer *answer)
{
  g_autofree char *etag = g_strdup (header (message, "X-Linked-Etag"));
  g_strdelimit (etag, "\"", ' ');
  g_strstrip (etag);
  if (!answer->linked_sha256 && hub_is_hash (etag, 64))
    answer->linked_sha256 = g_steal_pointer (&etag);
}

/* One request; the answer's status, or 0 with an error. */
static guint
send_once (Hub *self, GUri *uri, SoupMessage *message, HubAnswer *answer, gboolean *transient,
           GError **error)
{
  g_autoptr (GError) why = NULL;
  GInputStream *body = http_send (self->session, message, NULL, &why);

  if (!body) {
    const char *secrets[] = { self->token ? self->token : "", NULL };
    g_autofree char *words = http_readable (why->message, -1, secrets),
                    *host = http_readable (g_uri_get_host (uri), -1, NULL);
    *transient = why->domain != G_TLS_ERROR && why->domain != COW_ERROR;
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s cannot be reached: %s", host, words);
    return 0;
  }
  g_clear_object (&answer->body);
  g_clear_object (&answer->message);
  answer->message = g_object_ref (message);
  answer->body = body;
  return soup_message_get_status (message);
}

gboolean
hub_get (Hub *self, const char *path, guint64 offset, const char *etag, HubAnswer *answer,
         gboolean *transient, GError **error)
{
  g_autofree char *address = g_strconcat (self->endpoint_text, path, NULL);
  g_autoptr (GUri) uri =
      g_uri_parse (address, G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY, error);
  gboolean at_home = TRUE;

  *transient = FALSE;
  self->retry_after_s = 0;
  for (guint i = 0; uri && i < MOST_REDIRECTS; i++) {
    g_autoptr (SoupMessage) message = new_message (self, uri, at_home, offset, etag);
    const guint status = send_once (self, uri, message, answer, transient, error);
    if (status == 0)
      return FALSE;
    if (at_home)
      note_linked_hash (message, answer);
    if (status == 200 || (offset > 0 && (status == 206 || status == 416)))
      return TRUE;
    if (status < 301 || status > 308 || status == 304)
      return explain (self, message, uri, at_home, transient, error);
    GUri *target = hub_redirect_target (uri, header (message, "Location"), error);
    g_uri_unref (uri);
    uri = target;
    /* Once the way has left the hub, whoever it led to decides where it goes, so the token stays
     * behind for good. */
    at_home = at_home && uri && http_same_origin (uri, self->endpoint);
  }
  if (uri)
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s redirects more than %d times",
                 self->endpoint_text, MOST_REDIRECTS);
  return FALSE;
}

void
hub_pause (Hub *self, const HubObserver *observer, guint failures, const GError *why)
{
  const guint64 pause_ms =
      MAX ((guint64)self->pause_ms << MIN (failures - 1, 4), (guint64)self->retry_after_s * 1000);

  if (observer->notice) {
    g_autofree char *text =
        g_strdup_printf ("%s; trying again in %.3g s", why->message, (double)pause_ms / 1000);
    observer->notice (text, observer->user_data);
  }
  g_usleep (pause_ms * 1000);
}
