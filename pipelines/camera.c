/* SPDX-License-Identifier: MIT */
#include "pipelines/camera.h"

#include <gio/gio.h>
#include <string.h>

#define LOGIN_VARIABLE "COWBEHAVIOR_LOGIN_"
#define TIMEOUT_S      5

/* ---- access ---------------------------------------------------------------------------------- */

void
camera_add_options (GOptionContext *context, CameraAccess *access)
{
  const GOptionEntry entries[] = {
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &access->ca,
      "Certificates that are trusted instead of the system's", "FILE" },
    { "insecure", 0, 0, G_OPTION_ARG_NONE, &access->insecure, "Trust every certificate", NULL },
    { "codec", 0, 0, G_OPTION_ARG_STRING, &access->codec,
      "Refuse RTSP cameras with another codec: h264, h265 or mjpeg", "CODEC" },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

char *
camera_take_argument (char *argument)
{
  char *copy = g_strdup (argument);

  memset (argument, 0, strlen (argument));
  return copy;
}

void
camera_take_logins (CameraAccess *access)
{
  g_auto (GStrv) names = g_listenv ();

  access->logins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (char **name = names; *name; name++) {
    if (!g_str_has_prefix (*name, LOGIN_VARIABLE))
      continue;
    g_hash_table_insert (access->logins, g_strdup (*name + strlen (LOGIN_VARIABLE)),
                         camera_take_argument ((char *)g_getenv (*name)));
    g_unsetenv (*name);
  }
}

void
camera_access_clear (CameraAccess *access)
{
  g_clear_pointer (&access->logins, g_hash_table_unref);
  g_clear_pointer (&access->ca, g_free);
  g_clear_pointer (&access->codec, g_free);
}

/* Decodes %XX in place. A % that no two hexadecimal digits follow, or that would end the text,
 * stays. */
static void
decode (char *text)
{
  char *to = text;

  for (const char *from = text; *from; from++) {
    if (*from == '%' && g_ascii_isxdigit (from[1]) && g_ascii_isxdigit (from[2]) &&
        !(from[1] == '0' && from[2] == '0')) {
      *to++ = (char)(g_ascii_xdigit_value (from[1]) * 16 + g_ascii_xdigit_value (from[2]));
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = '\0';
}

static void
set_login (GstElement *source, const CameraAccess *access)
{
  g_autofree char *user = g_strdup (g_hash_table_lookup (access->logins, GST_OBJECT_NAME (source)));
  char *password;

  if (!user)
    return;
  password = strchr (user, ':');
  if (password)
    *password++ = '\0';
  decode (user);
  if (password)
    decode (password);
  g_object_set (source, "user-id", user, "user-pw", password ? password : "", NULL);
}

/* ---- sources --------------------------------------------------------------------------------- */

static gboolean
is_made_by (GstObject *object, const char *name)
{
  GstElementFactory *factory =
      GST_IS_ELEMENT (object) ? gst_element_get_factory (GST_ELEMENT (object)) : NULL;

  return factory && strcmp (GST_OBJECT_NAME (factory), name) == 0;
}

static GstElement *
source_of (GstObject *object)
{
  for (; object; object = GST_OBJECT_PARENT (object))
    if (is_made_by (object, "rtspsrc") || is_made_by (object, "souphttpsrc"))
      return GST_ELEMENT (object);
  return NULL;
}

gboolean
camera_is_source (GstObject *object)
{
  return source_of (object) != NULL;
}

/* The option --codec for a name in an SDP. */
static const char *
codec_of (const char *encoding)
{
  if (g_ascii_strcasecmp (encoding, "H264") == 0)
    return "h264";
  if (g_ascii_strcasecmp (encoding, "H265") == 0)
    return "h265";
  return g_ascii_strcasecmp (encoding, "JPEG") == 0 ? "mjpeg" : "auto";
}

/* Takes the video alone, and that only if it is what the pipeline decodes: otherwise elements fail
 * to be linked, and do not say why. */
static gboolean
on_select_stream (GstElement *source, guint number, GstCaps *caps, gpointer data)
{
  const CameraAccess *access = data;
  const GstStructure *stream = gst_caps_get_structure (caps, 0);
  const char *encoding = gst_structure_get_string (stream, "encoding-name");

  if (g_strcmp0 (gst_structure_get_string (stream, "media"), "video") != 0)
    return FALSE;
  if (access->codec && encoding && strcmp (access->codec, codec_of (encoding)) != 0) {
    GST_ELEMENT_ERROR (source, STREAM, WRONG_TYPE,
                       ("the camera sends %s; --codec %s", encoding, codec_of (encoding)), (NULL));
    return FALSE;
  }
  return TRUE;
}

static void
prepare_source (GstElement *source, CameraAccess *access, GTlsDatabase *trusted)
{
  gboolean rtsp = is_made_by (GST_OBJECT (source), "rtspsrc");

  set_login (source, access);
  if (trusted)
    g_object_set (source, "tls-database", trusted, NULL);
  if (access->insecure && rtsp)
    g_object_set (source, "tls-validation-flags", 0, NULL);
  else if (access->insecure)
    g_object_set (source, "ssl-strict", FALSE, NULL);
  if (rtsp)
    g_signal_connect (source, "select-stream", G_CALLBACK (on_select_stream), access);
}

gboolean
camera_prepare (GstBin *bin, CameraAccess *access, GError **error)
{
  g_autoptr (GTlsDatabase) trusted = NULL;
  GstIterator *elements;
  GValue item = G_VALUE_INIT;

  if (access->ca && !(trusted = g_tls_file_database_new (access->ca, error)))
    return FALSE;
  elements = gst_bin_iterate_recurse (bin);
  while (gst_iterator_next (elements, &item) == GST_ITERATOR_OK) {
    GstElement *element = g_value_get_object (&item);

    if (source_of (GST_OBJECT (element)) == element)
      prepare_source (element, access, trusted);
    g_value_reset (&item);
  }
  g_value_unset (&item);
  gst_iterator_free (elements);
  return TRUE;
}

/* ---- failures -------------------------------------------------------------------------------- */

static void
on_connecting (GSocketClient *client, GSocketClientEvent event, GSocketConnectable *to,
               GIOStream *stream, gpointer trusted)
{
  if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING && trusted)
    g_tls_connection_set_database (G_TLS_CONNECTION (stream), trusted);
}

/* Connects as the source does, only to learn why it could not. */
static void
connect_once (const char *host, guint16 port, gboolean tls, const CameraAccess *access,
              GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GTlsDatabase) trusted = access->ca ? g_tls_file_database_new (access->ca, NULL) : NULL;
  g_autoptr (GSocketConnection) connection = NULL;

  g_socket_client_set_timeout (client, TIMEOUT_S);
  g_socket_client_set_tls (client, tls && !access->insecure);
  g_signal_connect (client, "event", G_CALLBACK (on_connecting), trusted);
  connection = g_socket_client_connect_to_host (client, host, port, NULL, error);
}

static guint16
port_of (GUri *uri, gboolean tls)
{
  if (g_uri_get_port (uri) > 0)
    return (guint16)g_uri_get_port (uri);
  if (g_str_has_prefix (g_uri_get_scheme (uri), "rtsp"))
    return tls ? 322 : 554;
  return tls ? 443 : 80;
}

/* Returns why no connection to the source's address is possible; NULL if one is. */
static char *
explain_connection (GstElement *source, const CameraAccess *access)
{
  g_autofree char *location = NULL;
  g_autoptr (GUri) uri = NULL;
  g_autoptr (GError) error = NULL;
  const char *host;
  guint16 port;
  gboolean tls;

  g_object_get (source, "location", &location, NULL);
  uri = location ? g_uri_parse (location, G_URI_FLAGS_PARSE_RELAXED, NULL) : NULL;
  host = uri ? g_uri_get_host (uri) : NULL;
  if (!host || !*host)
    return g_strdup ("the address has no host");
  tls = g_str_has_prefix (g_uri_get_scheme (uri), "rtsps") ||
        strcmp (g_uri_get_scheme (uri), "https") == 0;
  port = port_of (uri, tls);
  connect_once (host, port, tls, access, &error);
  if (!error)
    return NULL;
  if (error->domain == G_RESOLVER_ERROR)
    return g_strdup_printf ("the name %s is unknown", host);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return g_strdup_printf ("nothing listens at %s, port %u: the port is closed", host, port);
  if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    return g_strdup_printf ("the certificate of %s is not trusted; --ca FILE with its certificate, "
                            "or --insecure",
                            host);
  if (error->domain == G_TLS_ERROR)
    return g_strdup_printf ("no TLS with %s, port %u: %s", host, port, error->message);
  return g_strdup_printf ("%s does not answer at port %u: %s", host, port, error->message);
}

gboolean
camera_refused_login (GstMessage *failure)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_error (failure, &error, NULL);
  return camera_is_source (GST_MESSAGE_SRC (failure)) &&
         g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED);
}

char *
camera_explain (GstMessage *failure, const CameraAccess *access)
{
  GstElement *source = source_of (GST_MESSAGE_SRC (failure));
  g_autoptr (GError) error = NULL;
  char *why = NULL;

  gst_message_parse_error (failure, &error, NULL);
  if (!source)
    return g_strdup (error->message);
  if (camera_refused_login (failure))
    return g_strdup ("user or password is wrong; cameras lock after some attempts");
  if (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND) &&
      is_made_by (GST_OBJECT (source), "rtspsrc"))
    return g_strdup ("the camera has no such path");
  if (g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND))
    return g_strdup ("the camera has no video for this way of transport; --protocols udp or tcp");
  if (error->domain == GST_RESOURCE_ERROR)
    why = explain_connection (source, access);
  return why ? why : g_strdup (error->message);
}
