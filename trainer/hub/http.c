/* SPDX-License-Identifier: MIT */
/* See http.h. */
#include "trainer/hub/http.h"

#include <string.h>

#include "cow-build.h"
#include "model/files/error.h"

/* ---- proxies --------------------------------------------------------------------------------- */

/*
 * The proxies that the environment names. libsoup, asked for a login by a proxy, repeats the
 * request for the proxy's own address in place of the server's (3.2.3), so logins are kept from it
 * and sent with the first request.
 */

typedef struct {
  GProxyResolver *resolver;
  char *http_login,
      *https_login; /* values of Proxy-Authorization for requests to such servers, or NULL */
} Proxies;

static void
proxies_free (gpointer data)
{
  Proxies *self = data;
  g_object_unref (self->resolver);
  g_free (self->http_login);
  g_free (self->https_login);
  g_free (self);
}

/* An environment variable in lower or upper case. HTTP_PROXY alone does not count: a web server
 * sets it from a client's header. */
static const char *
variable (const char *lower, const char *upper)
{
  const char *value = g_getenv (lower);
  if (!value || !*value)
    value = upper ? g_getenv (upper) : NULL;
  return value && *value ? value : NULL;
}

/* A proxy's address: HOST:PORT alone means an HTTP proxy. The login of an HTTP proxy is taken out
 * of it, to *login. */
static char *
take_address (const char *value, char **login)
{
  if (!value)
    return NULL;
  g_autofree char *text =
      strstr (value, "://") ? g_strdup (value) : g_strconcat ("http://", value, NULL);
  g_autoptr (GUri) uri = g_uri_parse (text, G_URI_FLAGS_HAS_PASSWORD, NULL);
  const char *user = uri ? g_uri_get_user (uri) : NULL,
             *password = uri ? g_uri_get_password (uri) : NULL;

  if (!user || !g_str_has_prefix (g_uri_get_scheme (uri), "http"))
    return g_steal_pointer (&text);
  g_autofree char *pair = g_strdup_printf ("%s:%s", user, password ? password : "");
  g_autofree char *encoded = g_base64_encode ((const guchar *)pair, strlen (pair));
  g_free (*login);
  *login = g_strconcat ("Basic ", encoded, NULL);
  return g_uri_to_string_partial (uri, G_URI_HIDE_USERINFO);
}

/* This machine, and what no_proxy lists; NULL where that is everything. */
static char **
hosts_without_proxy (void)
{
  const char *none = variable ("no_proxy", "NO_PROXY");
  g_auto (GStrv) hosts = g_strsplit_set (none ? none : "", ", ", -1);
  g_autoptr (GStrvBuilder) list = g_strv_builder_new ();

  g_strv_builder_add_many (list, "localhost", "127.0.0.0/8", "::1", NULL);
  for (char **host = hosts; *host; host++) {
    if (g_str_equal (*host, "*"))
      return NULL;
    if (**host)
      g_strv_builder_add (list, *host);
  }
  return g_strv_builder_end (list);
}

/* Adds the login to what goes to a proxy, and to nothing else: a request for a tunnel, or one in
 * the open that is not direct. */
static void
add_login (SoupSession *session, SoupMessage *message, gpointer user_data)
{
  const Proxies *self = user_data;
  const gboolean tunnel = soup_message_get_method (message) == SOUP_METHOD_CONNECT;
  const char *login = tunnel ? self->https_login : self->http_login;
  GUri *uri = soup_message_get_uri (message);

  if (!login || (!tunnel && !g_str_equal (g_uri_get_scheme (uri), "http")))
    return;
  g_autofree char *text = g_uri_to_string (uri);
  g_auto (GStrv) proxies =
      tunnel ? NULL : g_proxy_resolver_lookup (self->resolver, text, NULL, NULL);
  if (tunnel || (proxies && proxies[0] && g_str_has_prefix (proxies[0], "http")))
    soup_message_headers_replace (soup_message_get_request_headers (message), "Proxy-Authorization",
                                  login);
}

static void
http_use_proxies (SoupSession *session)
{
  Proxies *self = g_new0 (Proxies, 1);
  g_autofree char *all_login = NULL,
                  *all = take_address (variable ("all_proxy", "ALL_PROXY"), &all_login);
  self->http_login = g_strdup (all_login);
  self->https_login = g_strdup (all_login);
  g_autofree char *http = take_address (variable ("http_proxy", NULL), &self->http_login);
  g_autofree char *https =
      take_address (variable ("https_proxy", "HTTPS_PROXY"), &self->https_login);
  g_auto (GStrv) ignored = hosts_without_proxy ();

  self->resolver = g_simple_proxy_resolver_new (all && ignored ? all : "direct://", ignored);
  if (http && ignored)
    g_simple_proxy_resolver_set_uri_proxy (G_SIMPLE_PROXY_RESOLVER (self->resolver), "http", http);
  if (https && ignored)
    g_simple_proxy_resolver_set_uri_proxy (G_SIMPLE_PROXY_RESOLVER (self->resolver), "https",
                                           https);
  /* Where the environment says nothing the desktop's settings hold. */
  if (all || http || https)
    soup_session_set_proxy_resolver (session, self->resolver);
  g_signal_connect (session, "request-queued", G_CALLBACK (add_login), self);
  g_object_set_data_full (G_OBJECT (session), "proxies", self, proxies_free);
}

/* ---- sessions and addresses ------------------------------------------------------------------ */

#define MOST_READABLE 300

SoupSession *
http_session_new (guint timeout_s)
{
  SoupSession *session = soup_session_new_with_options ("timeout", timeout_s, "user-agent",
                                                        "cow-trainer/" COW_VERSION, NULL);

  http_use_proxies (session);
  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  return session;
}

/* GUri takes what would break a line, or a terminal, when the address is shown. */
static gboolean
is_graphic (const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (; *text; text = g_utf8_next_char (text))
    if (!g_unichar_isgraph (g_utf8_get_char (text)))
      return FALSE;
  return TRUE;
}

GUri *
http_parse_uri (const char *text, const char *what, GError **error)
{
  const GUriFlags flags =
      G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY;
  g_autoptr (GUri) uri = is_graphic (text) ? g_uri_parse (text, flags, NULL) : NULL;
  const char *scheme = uri ? g_uri_get_scheme (uri) : NULL,
             *host = uri ? g_uri_get_host (uri) : NULL;

  if (uri && (g_str_equal (scheme, "http") || g_str_equal (scheme, "https")) && host && *host &&
      is_graphic (host))
    return g_steal_pointer (&uri);
  /* The text may hold a password and is not shown. */
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%s is not an address of the form http://HOST[:PORT][/PATH] or https://...%s%s",
               what, uri ? "; its scheme is " : "", uri ? scheme : "");
  return NULL;
}

char *
http_public_uri (const char *text)
{
  g_autoptr (GUri) uri = g_uri_parse (
      text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY, NULL);

  if (!uri)
    return NULL;
  return g_uri_to_string_partial (uri,
                                  G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY | G_URI_HIDE_FRAGMENT);
}

static int
port_of (GUri *uri)
{
  const int port = g_uri_get_port (uri);
  return port > 0 ? port : g_str_equal (g_uri_get_scheme (uri), "https") ? 443 : 80;
}

gboolean
http_same_origin (GUri *a, GUri *b)
{
  return g_str_equal (g_uri_get_scheme (a), g_uri_get_scheme (b)) && port_of (a) == port_of (b) &&
         g_ascii_strcasecmp (g_uri_get_host (a), g_uri_get_host (b)) == 0;
}

static gboolean
is_loopback (GUri *uri)
{
  g_autofree char *host = g_ascii_strdown (g_uri_get_host (uri), -1);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  /* RFC 6761, 6.3, and GLib's resolver: names below localhost are this machine, too. */
  return address ? g_inet_address_get_is_loopback (address)
                 : g_str_equal (host, "localhost") || g_str_has_suffix (host, ".localhost");
}

gboolean
http_is_private (GUri *uri)
{
  return g_str_equal (g_uri_get_scheme (uri), "https") || is_loopback (uri);
}

gboolean
http_is_header_value (const char *secret)
{
  gsize n = 0;

  for (; secret[n]; n++)
    if (!g_ascii_isgraph (secret[n]))
      return FALSE;
  return n > 0 && n <= 4096;
}

GInputStream *
http_send (SoupSession *session, SoupMessage *message, GCancellable *cancellable, GError **error)
{
  g_autoptr (GInputStream) body = soup_session_send (session, message, cancellable, error);
  const gboolean https = g_str_equal (g_uri_get_scheme (soup_message_get_uri (message)), "https");
  const guint status = soup_message_get_status (message);

  if (!body)
    return NULL;
  if (status == 407 || (https && !soup_message_get_tls_peer_certificate (message))) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_IO, "the proxy answered %u%s", status,
        status == 407 ? " (its login goes into its address: http://USER:PASSWORD@HOST:PORT)" : "");
    return NULL;
  }
  return g_steal_pointer (&body);
}

char *
http_readable (const char *text, gssize n_bytes, const char *const *secrets)
{
  /* Secrets are looked for before anything is cut. */
  const gsize n = n_bytes < 0 ? strlen (text) : (gsize)n_bytes;
  g_autofree char *valid = g_utf8_make_valid (text, (gssize)MIN (n, 65536));
  g_autoptr (GString) line = g_string_new (NULL);

  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    const gunichar c = g_utf8_get_char (p);
    if (g_unichar_isprint (c))
      g_string_append_unichar (line, c);
    else if (line->len > 0 && line->str[line->len - 1] != ' ')
      g_string_append_c (line, ' ');
  }
  for (; secrets && *secrets; secrets++)
    if (**secrets)
      g_string_replace (line, *secrets, "***", 0);
  if (line->len > MOST_READABLE) {
    const char *end = g_utf8_find_prev_char (line->str, line->str + MOST_READABLE - 2);
    g_string_truncate (line, end ? (gsize)(end - line->str) : 0);
    g_string_append (line, "...");
  }
  return g_strdup (g_strchomp (line->str));
}

GBytes *
http_read_all (GInputStream *body, gsize most, GCancellable *cancellable, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 block[16384];

  for (;;) {
    const gssize n = g_input_stream_read (body, block, sizeof block, cancellable, error);
    if (n < 0)
      return NULL;
    if (n == 0)
      return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
    if ((gsize)n > most - bytes->len) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "the answer is longer than %" G_GSIZE_FORMAT " bytes", most);
      return NULL;
    }
    g_byte_array_append (bytes, block, (guint)n);
  }
}
