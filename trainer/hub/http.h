/* SPDX-License-Identifier: MIT */
/*
 * HTTP for run tracking and the hub, on libsoup. A session belongs to the thread that made
 * it. Redirects are never followed behind the caller's back: a header with a secret must not travel
 * to another host.
 */
#ifndef COW_TRAINER_HTTP_H
#define COW_TRAINER_HTTP_H

#include <libsoup/soup.h>

G_BEGIN_DECLS

/*
 * A session that gives up after timeout_s without a byte, takes bodies as they are (no
 * compression), and goes through the proxy that http_proxy, https_proxy, all_proxy and no_proxy
 * name, or else the desktop's; never through one for this machine itself.
 */
SoupSession *http_session_new (guint timeout_s);

/* An http or https address with a host, or NULL and COW_ERROR_ARGUMENT; `what` opens the message.
 * Free with g_uri_unref. */
GUri *http_parse_uri (const char *text, const char *what, GError **error);
/* The address without user, password, query and fragment, for messages and files; NULL when it is
 * none. Free with g_free. */
char *http_public_uri (const char *uri);
/* Whether both have the same scheme, host and port. */
gboolean http_same_origin (GUri *a, GUri *b);
/* Whether nobody on the way can read what is sent there: https, or this machine. */
gboolean http_is_private (GUri *uri);
/* Whether a token or password is fit for a header: printable ASCII, not empty, no longer than 4096.
 */
gboolean http_is_header_value (const char *secret);

/*
 * Sends a message as soup_session_send () does. A proxy that refuses a tunnel, or asks for a login,
 * is an error here: libsoup would give its answer as the server's, and with it the proxy could
 * speak for an https server. COW_ERROR_IO for that, libsoup's and GIO's own for the rest.
 */
GInputStream *http_send (SoupSession *session, SoupMessage *message, GCancellable *cancellable,
                         GError **error);

/* A server's text as one line for a person: printable, at most 300 bytes, secrets
 * (NULL-terminated list, or NULL) replaced by ***. */
char *http_readable (const char *text, gssize n_bytes, const char *const *secrets);

/* Reads a body of at most `most` bytes; COW_ERROR_FORMAT when there is more. */
GBytes *http_read_all (GInputStream *body, gsize most, GCancellable *cancellable, GError **error);

G_END_DECLS

#endif
