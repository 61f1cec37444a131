/* SPDX-License-Identifier: MIT */
/*
 * The proxies that the environment names. libsoup, asked for a login by a proxy, repeats the
 * request for the proxy's own address in place of the server's (3.2.3), so logins are kept from it
 * and sent with the first request.
 */
#include <string.h>

#include "trainer/hub/http.h"

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

void
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
