/* SPDX-License-Identifier: MIT */
#include "trainer/hub/http.h"

#include <string.h>

#include "cow-build.h"
#include "model/files/error.h"

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

gboolean
http_is_loopback (GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return address ? g_inet_address_get_is_loopback (address)
                 : g_ascii_strcasecmp (host, "localhost") == 0;
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
