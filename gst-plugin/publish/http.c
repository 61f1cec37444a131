/* SPDX-License-Identifier: MIT */
/* Events posted to an HTTP endpoint, by libsoup, which is loaded when there is an endpoint. */
#include <libsoup/soup.h>
#include <string.h>

#include "cow-build.h"
#include "gst-plugin/publish/address.h"
#include "gst-plugin/publish/library.h"
#include "gst-plugin/publish/targets.h"

/* Answers are read and ignored. After a longer one the connection is closed. */
#define MOST_ANSWER_BYTES 65536

/* ---- the library ----------------------------------------------------------------------------- */

#define SOUP_FUNCTIONS(F)                                                                          \
  F (soup_, session_new_with_options)                                                              \
  F (soup_, session_set_tls_database)                                                              \
  F (soup_, session_send)                                                                          \
  F (soup_, auth_manager_get_type)                                                                 \
  F (soup_, message_new_from_uri)                                                                  \
  F (soup_, message_add_flags)                                                                     \
  F (soup_, message_disable_feature)                                                               \
  F (soup_, message_set_request_body_from_bytes)                                                   \
  F (soup_, message_get_request_headers)                                                           \
  F (soup_, message_get_response_headers)                                                          \
  F (soup_, message_get_status)                                                                    \
  F (soup_, message_headers_get_one)                                                               \
  F (soup_, message_headers_replace)                                                               \
  F (soup_, status_get_phrase)

static struct {
  SOUP_FUNCTIONS (GST_COW_PUBLISH_POINTER)
} soup;
static const char *const soup_names[] = { SOUP_FUNCTIONS (GST_COW_PUBLISH_NAME) NULL };
/* libsoup 3 ends a process in which it finds libsoup 2.4. */
static const GstCowPublishLibrary libsoup = {
  .soname = "libsoup-3.0.so.0",
  .property = "http-url",
  .rival_soname = "libsoup-2.4.so.1",
  .rival_function = "soup_uri_new",
  .rival_name = "libsoup 2.4",
  .names = soup_names,
  .functions = (void **)&soup,
};

/* ---- properties ------------------------------------------------------------------------------ */

typedef struct {
  gchar *url; /* without a login */
  gchar *user, *password, *token;
  gchar *ca;
  guint batch; /* events in a request */
  guint timeout_s;
} Settings;

static const GstCowPublishProperty rows[] = {
  { .type = GST_COW_PUBLISH_ADDRESS,
    GST_COW_PUBLISH_MEMBER (Settings, url),
    .name = "http-url",
    .nick = "HTTP address",
    .blurb = "Address http://... or https://... that events are posted to; a login in it goes to "
             "http-user and http-password; unset: none",
    .user = G_STRUCT_OFFSET (Settings, user),
    .password = G_STRUCT_OFFSET (Settings, password) },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, user),
    .name = "http-user",
    .nick = "HTTP user",
    .blurb = "User for HTTP's basic authentication" },
  { .type = GST_COW_PUBLISH_SECRET,
    GST_COW_PUBLISH_MEMBER (Settings, password),
    .name = "http-password",
    .nick = "HTTP password",
    .blurb = "Password of http-user; unset: that of the environment variable "
             "COWBEHAVIOR_HTTP_PASSWORD" },
  { .type = GST_COW_PUBLISH_SECRET,
    GST_COW_PUBLISH_MEMBER (Settings, token),
    .name = "http-token",
    .nick = "HTTP token",
    .blurb = "Bearer token, in place of user and password; unset: that of the environment variable "
             "COWBEHAVIOR_HTTP_TOKEN" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, ca),
    .name = "http-ca",
    .nick = "HTTP authorities",
    .blurb = "PEM file with the certificate authorities that an https server is checked by; unset: "
             "the system's" },
  { .type = GST_COW_PUBLISH_UINT,
    GST_COW_PUBLISH_MEMBER (Settings, batch),
    .name = "http-batch",
    .nick = "HTTP batch",
    .blurb = "Events that go into one request at most. 1: application/json; more: "
             "application/x-ndjson, an event a line",
    .number = 1,
    .min = 1,
    .max = 1000 },
  { .type = GST_COW_PUBLISH_UINT,
    GST_COW_PUBLISH_MEMBER (Settings, timeout_s),
    .name = "http-timeout",
    .nick = "HTTP timeout",
    .blurb = "Seconds without a byte after which a request has failed",
    .number = 10,
    .min = 1,
    .max = 600 },
};

/* Errors that an endpoint answered; their code is the status. */
static GQuark
http_status_quark (void)
{
  return g_quark_from_static_string ("cow-publish-http-status");
}

/* ---- requests -------------------------------------------------------------------------------- */

typedef struct {
  GstCowPublishTarget target;
  GUri *uri;
  char *shown;         /* the address in messages: without login, query and fragment */
  char *authorization; /* value of that header, or NULL */
  gboolean batches;
  guint timeout_s;
  GTlsDatabase *authorities; /* NULL: the system's */
  SoupSession *session;      /* of the thread */
} Http;

static void
http_disconnect (GstCowPublishTarget *target, gboolean politely, GCancellable *cancellable)
{
  g_clear_object (&((Http *)target)->session);
}

static SoupSession *
session_new (const Http *self)
{
  SoupSession *session =
      soup.session_new_with_options ("timeout", self->timeout_s, "user-agent",
                                     "cowpublish/" COW_VERSION, "max-conns-per-host", 1, NULL);

  if (self->authorities)
    soup.session_set_tls_database (session, self->authorities);
  return session;
}

static SoupMessage *
message_new (const Http *self, char *const *lines, guint n)
{
  SoupMessage *message = soup.message_new_from_uri ("POST", self->uri);
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;

  for (guint i = 0; i < n; i++) {
    g_byte_array_append (body, (const guint8 *)lines[i], (guint)strlen (lines[i]));
    if (self->batches)
      g_byte_array_append (body, (const guint8 *)"\n", 1);
  }
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&body));
  soup.message_set_request_body_from_bytes (
      message, self->batches ? "application/x-ndjson" : "application/json", bytes);
  /* Secrets must not follow a redirection, and are sent without being asked for. */
  soup.message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup.message_disable_feature (message, soup.auth_manager_get_type ());
  if (self->authorization)
    soup.message_headers_replace (soup.message_get_request_headers (message), "Authorization",
                                  self->authorization);
  return message;
}

/* Reads the answer to its end, so that the connection can be used again. */
static void
skip_answer (Http *self, GInputStream *answer, GCancellable *cancellable)
{
  const gint64 until = g_get_monotonic_time () + self->timeout_s * G_USEC_PER_SEC;
  guint8 block[4096];
  gsize total = 0;
  gssize n;

  while ((n = g_input_stream_read (answer, block, sizeof block, cancellable, NULL)) > 0) {
    total += (gsize)n;
    if (total > MOST_ANSWER_BYTES || g_get_monotonic_time () > until)
      break;
  }
  if (n != 0)
    http_disconnect (&self->target, FALSE, NULL);
}

/* The seconds of a Retry-After header; 0 for none, and for a date. */
static guint
retry_after (SoupMessage *message)
{
  const char *value =
      soup.message_headers_get_one (soup.message_get_response_headers (message), "Retry-After");
  guint64 seconds;

  return value && g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT / 1000, &seconds, NULL)
             ? (guint)seconds
             : 0;
}

/* Where a redirection leads, without a login and a query, which may be secret; NULL if it does not
 * say. Free with g_free (). */
static char *
redirected_to (const Http *self, SoupMessage *message)
{
  const char *location =
      soup.message_headers_get_one (soup.message_get_response_headers (message), "Location");
  g_autoptr (GUri) uri =
      location ? g_uri_parse_relative (self->uri, location,
                                       G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY |
                                           G_URI_FLAGS_HAS_PASSWORD,
                                       NULL)
               : NULL;

  return uri ? g_uri_to_string_partial (uri, G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY |
                                                 G_URI_HIDE_FRAGMENT)
             : NULL;
}

/* What to do about a status, as the end of a sentence. Free with g_free (). */
static char *
hint_for (const Http *self, SoupMessage *message, guint status)
{
  if (status == 401 || status == 403)
    return g_strdup ("; set http-user and http-password, or http-token, to a login that may post "
                     "there");
  if (status >= 300 && status < 400) {
    g_autofree char *to = redirected_to (self, message);

    return g_strconcat ("; set http-url to the address that it redirects to", to ? ": " : "", to,
                        NULL);
  }
  return g_strdup ("");
}

static GstCowDelivery
judge (Http *self, SoupMessage *message, guint n, GError **error)
{
  const guint status = soup.message_get_status (message);
  g_autofree char *hint = NULL;

  if (status >= 200 && status < 300)
    return GST_COW_DELIVERY_DONE;
  hint = hint_for (self, message, status);
  g_set_error (error, http_status_quark (), (gint)status, "http-url: %s answered %u (%s)%s%s",
               self->shown, status, soup.status_get_phrase (status),
               n > 1 ? " to several events together" : "", hint);
  if (status >= 500 || status == SOUP_STATUS_REQUEST_TIMEOUT || status == 425 || status == 429) {
    self->target.retry_after_s = retry_after (message);
    return GST_COW_DELIVERY_RETRY;
  }
  /* A request that is too large, or that has one event which the endpoint does not like. */
  if (status == 400 || status == SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE || status == 422)
    return GST_COW_DELIVERY_DIVIDE;
  return GST_COW_DELIVERY_REFUSED;
}

/* An endpoint that speaks the other protocol is only seen by what goes wrong. */
static void
explain (const Http *self, GError **error)
{
  const gboolean tls = g_str_equal (g_uri_get_scheme (self->uri), "https");

  if (tls && g_error_matches (*error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    g_prefix_error (error, "is it the right server, and http-ca its authority? ");
  else if (tls && g_error_matches (*error, G_TLS_ERROR, G_TLS_ERROR_NOT_TLS))
    g_prefix_error (error, "does that port speak TLS? If not, it is http://. ");
  else if (!tls && (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) ||
                    g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)))
    g_prefix_error (error, "does that port speak TLS? Then it is https://. ");
  g_prefix_error (error, "http-url: %s: ", self->shown);
}

static GstCowDelivery
http_send (GstCowPublishTarget *target, char *const *lines, guint n, GstCowLine *fates,
           GCancellable *cancellable, GError **error)
{
  Http *self = (Http *)target;
  g_autoptr (SoupMessage) message = message_new (self, lines, n);
  g_autoptr (GInputStream) answer = NULL;
  GstCowDelivery delivery;

  if (!self->session)
    self->session = session_new (self);
  answer = soup.session_send (self->session, message, cancellable, error);
  if (!answer) {
    explain (self, error);
    return GST_COW_DELIVERY_RETRY;
  }
  delivery = judge (self, message, n, error);
  skip_answer (self, answer, cancellable);
  for (guint i = 0; i < n; i++)
    fates[i] = delivery == GST_COW_DELIVERY_DONE      ? GST_COW_LINE_SENT
               : delivery == GST_COW_DELIVERY_REFUSED ? GST_COW_LINE_REFUSED
                                                      : GST_COW_LINE_LEFT;
  return delivery;
}

static void
http_free (GstCowPublishTarget *target)
{
  Http *self = (Http *)target;

  g_clear_object (&self->session);
  g_clear_object (&self->authorities);
  g_clear_pointer (&self->uri, g_uri_unref);
  g_free (self->shown);
  g_free (self->authorization);
  g_free (self);
}

/* Makes the Authorization header. FALSE: the token has characters that a header may not have, or a
 * password has no user. */
static gboolean
set_login (Http *self, const Settings *settings, GError **error)
{
  const char *password = gst_cow_publish_secret (settings->password, "COWBEHAVIOR_HTTP_PASSWORD");
  const char *token = NULL;

  if (settings->password && !settings->user) {
    g_set_error_literal (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                         "http-password needs http-user");
    return FALSE;
  }
  /* A login that is set takes precedence over a token of the environment. */
  if (settings->token || !settings->user)
    token = gst_cow_publish_secret (settings->token, "COWBEHAVIOR_HTTP_TOKEN");
  if (token) {
    for (const char *p = token; *p; p++) {
      if (g_ascii_isgraph (*p))
        continue;
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                   "http-token has spaces or characters beyond ASCII");
      return FALSE;
    }
    self->authorization = g_strconcat ("Bearer ", token, NULL);
  } else if (settings->user) {
    g_autofree char *pair = g_strconcat (settings->user, ":", password ? password : "", NULL);
    g_autofree char *encoded = g_base64_encode ((const guchar *)pair, strlen (pair));

    self->authorization = g_strconcat ("Basic ", encoded, NULL);
  }
  return TRUE;
}

/* Adds the path "/" to an address without one: libsoup would make an invalid request. */
static GUri *
with_path (GUri *uri)
{
  return *g_uri_get_path (uri) ? g_uri_ref (uri)
                               : g_uri_build (g_uri_get_flags (uri), g_uri_get_scheme (uri), NULL,
                                              g_uri_get_host (uri), g_uri_get_port (uri), "/",
                                              g_uri_get_query (uri), NULL);
}

static GstCowPublishTarget *
http_new (gconstpointer values, const char *source, GError **error)
{
  const Settings *settings = values;
  Http *self = g_new0 (Http, 1);
  g_autoptr (GUri) uri = NULL;
  /* GIO takes absolute paths alone. */
  g_autofree char *ca = settings->ca ? g_canonicalize_filename (settings->ca, NULL) : NULL;

  self->target.most_lines = settings->batch;
  self->batches = settings->batch > 1;
  self->timeout_s = settings->timeout_s;
  uri = gst_cow_publish_parse_url (settings->url, "http-url", "http", "https", error);
  if (!uri || !set_login (self, settings, error) || !gst_cow_publish_library_load (&libsoup, error))
    goto fail;
  self->uri = with_path (uri);
  self->shown = g_uri_to_string_partial (self->uri, G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY |
                                                        G_URI_HIDE_FRAGMENT);
  if (ca && !(self->authorities = g_tls_file_database_new (ca, error))) {
    g_prefix_error (error, "http-ca: %s: ", settings->ca);
    goto fail;
  }
  return &self->target;

fail:
  http_free (&self->target);
  return NULL;
}

const GstCowPublishTargetClass gst_cow_publish_http = {
  .name = "http",
  .properties = GST_COW_PUBLISH_PROPERTIES (Settings, rows),
  .open = http_new,
  .send = http_send,
  .disconnect = http_disconnect,
  .free = http_free,
};
