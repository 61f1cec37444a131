/* SPDX-License-Identifier: MIT */
#include "pipelines/camera.h"

#include <string.h>

#include "gst-plugin/common/decoded.h"
#include "pipelines/certificate.h"
#include "pipelines/content.h"
#include "pipelines/elements.h"

#define LOGIN_VARIABLE "COWBEHAVIOR_LOGIN_"
#define TIMEOUT_S      5

/* ---- access ---------------------------------------------------------------------------------- */

void
camera_add_options (GOptionContext *context, CameraAccess *access)
{
  const GOptionEntry entries[] = {
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &access->ca,
      "Certificates that are trusted instead of the system's", "FILE" },
    { "fingerprint", 0, 0, G_OPTION_ARG_STRING_ARRAY, &access->fingerprints,
      "Trust the certificate with this SHA-256 fingerprint alone; may be repeated", "SHA256" },
    { "insecure", 0, 0, G_OPTION_ARG_NONE, &access->insecure, "Trust every certificate", NULL },
    { "codec", 0, 0, G_OPTION_ARG_STRING, &access->codec,
      "Refuse RTSP cameras with another codec: h264, h265 or mjpeg", "CODEC" },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

void
camera_take_logins (CameraAccess *access)
{
  g_auto (GStrv) names = g_listenv ();

  access->logins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (char **name = names; *name; name++) {
    char *login = (char *)g_getenv (*name);

    if (!g_str_has_prefix (*name, LOGIN_VARIABLE))
      continue;
    g_hash_table_insert (access->logins, g_strdup (*name + strlen (LOGIN_VARIABLE)),
                         g_strdup (login));
    memset (login, 0, strlen (login));
    g_unsetenv (*name);
  }
}

void
camera_access_clear (CameraAccess *access)
{
  g_clear_pointer (&access->logins, g_hash_table_unref);
  g_clear_pointer (&access->ca, g_free);
  g_clear_pointer (&access->codec, g_free);
  g_clear_pointer (&access->fingerprints, g_strfreev);
}

char *
camera_decode (const char *text)
{
  GString *to = g_string_new (NULL);

  for (; *text; text++) {
    if (*text == '%' && g_ascii_isxdigit (text[1]) && g_ascii_isxdigit (text[2]) &&
        !(text[1] == '0' && text[2] == '0')) {
      g_string_append_c (
          to, (char)(g_ascii_xdigit_value (text[1]) * 16 + g_ascii_xdigit_value (text[2])));
      text += 2;
    } else {
      g_string_append_c (to, *text);
    }
  }
  return g_string_free (to, FALSE);
}

static void
set_login (GstElement *source, const CameraAccess *access)
{
  const char *login = g_hash_table_lookup (access->logins, GST_OBJECT_NAME (source));
  g_auto (GStrv) parts = login ? g_strsplit (login, ":", 2) : NULL;
  g_autofree char *user = NULL, *password = NULL;

  if (!login)
    return;
  user = camera_decode (parts[0] ? parts[0] : "");
  password = camera_decode (parts[0] && parts[1] ? parts[1] : "");
  g_object_set (source, "user-id", user, "user-pw", password, NULL);
}

/* ---- sources --------------------------------------------------------------------------------- */

static GstElement *
source_of (GstObject *object)
{
  for (; object; object = GST_OBJECT_PARENT (object))
    if (element_is (object, "rtspsrc") || element_is (object, "souphttpsrc"))
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
prepare_source (GstElement *source, const CameraAccess *access, GTlsDatabase *trusted)
{
  gboolean rtsp = element_is (GST_OBJECT (source), "rtspsrc");

  set_login (source, access);
  if (trusted)
    g_object_set (source, "tls-database", trusted, NULL);
  if (access->insecure && rtsp)
    g_object_set (source, "tls-validation-flags", 0, NULL);
  else if (access->insecure)
    g_object_set (source, "ssl-strict", FALSE, NULL);
  if (rtsp)
    g_signal_connect (source, "select-stream", G_CALLBACK (on_select_stream), (gpointer)access);
}

/* The certificates that are trusted in place of the system's; NULL: those of the system are. */
static gboolean
trusted_database (const CameraAccess *access, GTlsDatabase **trusted, GError **error)
{
  /* GIO takes absolute paths alone. */
  g_autofree char *ca = access->ca ? g_canonicalize_filename (access->ca, NULL) : NULL;

  *trusted = NULL;
  if (access->fingerprints && (access->ca || access->insecure)) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "--fingerprint names the certificate that is trusted; --ca and --insecure "
                         "would trust others");
    return FALSE;
  }
  if (access->fingerprints)
    *trusted = certificate_pins_new ((const char *const *)access->fingerprints, error);
  else if (access->ca)
    *trusted = g_tls_file_database_new (ca, error);
  return *trusted || !(access->fingerprints || access->ca);
}

/* Sets `http` where the element is a source by HTTP. */
static void
prepare_element (GstElement *element, GstElement **http, const CameraAccess *access,
                 GTlsDatabase *trusted)
{
  GstObject *object = GST_OBJECT (element);

  if (source_of (object) == element)
    prepare_source (element, access, trusted);
  if (element_is (object, "souphttpsrc"))
    *http = element;
}

gboolean
camera_prepare (GstBin *bin, const CameraAccess *access, GError **error)
{
  g_autoptr (GPtrArray) elements = elements_of (bin);
  g_autoptr (GTlsDatabase) trusted = NULL;
  GstElement *http = NULL;

  if (!trusted_database (access, &trusted, error))
    return FALSE;
  for (guint i = 0; i < elements->len; i++)
    prepare_element (elements->pdata[i], &http, access, trusted);
  for (guint i = 0; i < elements->len; i++) {
    if (!element_is (elements->pdata[i], "decodebin"))
      continue;
    gst_cow_decoded_expect_video (elements->pdata[i]);
    if (http)
      content_watch (elements->pdata[i], http,
                     trusted || access->insecure ||
                         g_hash_table_contains (access->logins, GST_OBJECT_NAME (http)));
  }
  return TRUE;
}

static GUri *
uri_of (GstElement *source)
{
  g_autofree char *location = NULL;

  g_object_get (source, "location", &location, NULL);
  return location ? g_uri_parse (location, G_URI_FLAGS_PARSE_RELAXED, NULL) : NULL;
}

char *
camera_host (GstBin *bin)
{
  g_autoptr (GPtrArray) elements = elements_of (bin);

  for (guint i = 0; i < elements->len; i++) {
    g_autoptr (GUri) uri =
        source_of (elements->pdata[i]) == elements->pdata[i] ? uri_of (elements->pdata[i]) : NULL;

    if (!uri || !g_uri_get_host (uri))
      continue;
    if (g_uri_get_port (uri) < 0)
      return g_strdup (g_uri_get_host (uri));
    return g_strdup_printf ("%s:%d", g_uri_get_host (uri), g_uri_get_port (uri));
  }
  return NULL;
}

/* ---- failures -------------------------------------------------------------------------------- */

/* A connection as the source makes it, only to learn why it failed. */
typedef struct {
  GTlsDatabase *trusted; /* NULL: the system's */
  char *fingerprint;     /* of the certificate that was not trusted; NULL: none was shown */
} Attempt;

static gboolean
on_certificate (GTlsConnection *connection, GTlsCertificate *certificate,
                GTlsCertificateFlags errors, gpointer data)
{
  Attempt *attempt = data;

  g_free (attempt->fingerprint);
  attempt->fingerprint = certificate_fingerprint (certificate);
  return FALSE;
}

static void
on_connecting (GSocketClient *client, GSocketClientEvent event, GSocketConnectable *to,
               GIOStream *stream, gpointer data)
{
  Attempt *attempt = data;

  if (event != G_SOCKET_CLIENT_TLS_HANDSHAKING)
    return;
  if (attempt->trusted)
    g_tls_connection_set_database (G_TLS_CONNECTION (stream), attempt->trusted);
  g_signal_connect (stream, "accept-certificate", G_CALLBACK (on_certificate), attempt);
}

static void
connect_once (Attempt *attempt, const char *host, guint16 port, gboolean tls,
              GCancellable *cancellable, GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;

  g_socket_client_set_timeout (client, TIMEOUT_S);
  g_socket_client_set_tls (client, tls);
  g_signal_connect (client, "event", G_CALLBACK (on_connecting), attempt);
  connection = g_socket_client_connect_to_host (client, host, port, cancellable, error);
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

/* What to do about a certificate that is not trusted. */
static char *
explain_certificate (const char *host, const char *fingerprint, const CameraAccess *access)
{
  if (access->fingerprints)
    return g_strdup_printf ("the certificate of %s is another one than --fingerprint says: its "
                            "SHA-256 fingerprint is %s. Either the camera has a new one, which its "
                            "own page shows, or somebody is in between",
                            host, fingerprint);
  return g_strdup_printf (
      "the certificate of %s is not trusted; --ca FILE with its certificate, or "
      "--insecure. Its SHA-256 fingerprint is %s: where the camera's own page "
      "shows the same, --fingerprint with it is safe",
      host, fingerprint);
}

static char *
explain_error (const GError *error, const char *host, guint16 port)
{
  if (error->domain == G_RESOLVER_ERROR)
    return g_strdup_printf ("the name %s is unknown", host);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return g_strdup_printf ("nothing listens at %s, port %u: the port is closed", host, port);
  if (error->domain == G_TLS_ERROR)
    return g_strdup_printf ("no TLS with %s, port %u: %s", host, port, error->message);
  return g_strdup_printf ("%s does not answer at port %u: %s", host, port, error->message);
}

/* Returns why no connection to the source's address is possible; NULL if one is. */
static char *
explain_connection (GstElement *source, const CameraAccess *access, GCancellable *cancellable)
{
  g_autoptr (GUri) uri = uri_of (source);
  g_autoptr (GTlsDatabase) trusted = NULL;
  g_autoptr (GError) error = NULL;
  Attempt attempt = { 0 };
  const char *host = uri ? g_uri_get_host (uri) : NULL;
  char *why = NULL;
  guint16 port;
  gboolean tls;

  if (!host || !*host)
    return g_strdup ("the address has no host");
  tls = g_str_has_prefix (g_uri_get_scheme (uri), "rtsps") ||
        strcmp (g_uri_get_scheme (uri), "https") == 0;
  port = port_of (uri, tls);
  if (!trusted_database (access, &trusted, &error))
    return g_strdup (error->message);
  attempt.trusted = trusted;
  connect_once (&attempt, host, port, tls && !access->insecure, cancellable, &error);
  if (error && attempt.fingerprint)
    why = explain_certificate (host, attempt.fingerprint, access);
  else if (error)
    why = explain_error (error, host, port);
  g_free (attempt.fingerprint);
  return why;
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
camera_explain (GstMessage *failure, const CameraAccess *access, GCancellable *cancellable)
{
  GstElement *source = source_of (GST_MESSAGE_SRC (failure));
  g_autoptr (GError) error = NULL;
  char *why = NULL;

  gst_message_parse_error (failure, &error, NULL);
  if (!source)
    return g_strdup (error->message);
  if (camera_refused_login (failure))
    return g_strdup ("user or password is wrong; cameras lock after some attempts");
  if (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND))
    return g_strdup ("the camera has no such path");
  if (g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND))
    return g_strdup ("the camera has no video for this way of transport; --protocols udp or tcp");
  /* souphttpsrc says no more of a certificate than that its stream failed. */
  if (error->domain == GST_RESOURCE_ERROR ||
      g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED))
    why = explain_connection (source, access, cancellable);
  return why ? why : g_strdup (error->message);
}
