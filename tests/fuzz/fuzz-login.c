/* SPDX-License-Identifier: MIT */
/*
 * Addresses and logins of cameras as people type them: a part that is the login of a source, and a
 * part that is its address. What reaches the source is what was typed with %XX decoded, and why a
 * source failed is said without either. Nothing leaves this machine: no name is looked up, and
 * addresses of numbers are left out.
 */
#include <gio/gio.h>
#include <string.h>

#include "pipelines/camera.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/metas.h"

/* ---- a source that is told things ------------------------------------------------------------ */

typedef struct {
  GstElement parent;
  char *texts[3]; /* user-id, user-pw, location */
} FuzzSource;

typedef struct {
  GstElementClass parent_class;
} FuzzSourceClass;

GType fuzz_source_get_type (void);
G_DEFINE_TYPE (FuzzSource, fuzz_source, GST_TYPE_ELEMENT)

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  FuzzSource *self = (FuzzSource *)object;

  g_free (self->texts[id - 1]);
  self->texts[id - 1] = g_value_dup_string (value);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  g_value_set_string (value, ((FuzzSource *)object)->texts[id - 1]);
}

static void
finalize (GObject *object)
{
  for (guint i = 0; i < 3; i++)
    g_free (((FuzzSource *)object)->texts[i]);
  G_OBJECT_CLASS (fuzz_source_parent_class)->finalize (object);
}

static void
fuzz_source_class_init (FuzzSourceClass *klass)
{
  static const char *const names[] = { "user-id", "user-pw", "location" };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = finalize;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_object_class_install_property (
        object_class, i + 1, g_param_spec_string (names[i], NULL, NULL, NULL, G_PARAM_READWRITE));
  g_signal_new ("select-stream", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_BOOLEAN, 2, G_TYPE_UINT, GST_TYPE_CAPS);
  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "Source", "Source", "Source",
                                         "cowbehavior");
}

static void
fuzz_source_init (FuzzSource *self)
{
}

/* ---- a resolver that knows no name ----------------------------------------------------------- */

typedef GResolver FuzzResolver;
typedef GResolverClass FuzzResolverClass;

GType fuzz_resolver_get_type (void);
G_DEFINE_TYPE (FuzzResolver, fuzz_resolver, G_TYPE_RESOLVER)

static GList *
lookup (GResolver *self, const char *name, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, "no such name");
  return NULL;
}

static GList *
lookup_with_flags (GResolver *self, const char *name, GResolverNameLookupFlags flags,
                   GCancellable *cancellable, GError **error)
{
  return lookup (self, name, cancellable, error);
}

static void
fuzz_resolver_class_init (FuzzResolverClass *klass)
{
  klass->lookup_by_name = lookup;
  klass->lookup_by_name_with_flags = lookup_with_flags;
}

static void
fuzz_resolver_init (FuzzResolver *self)
{
}

/* ---- the target ------------------------------------------------------------------------------ */

static void
start (void)
{
  static gboolean started;

  if (started)
    return;
  started = TRUE;
  g_setenv ("GIO_USE_PROXY_RESOLVER", "dummy", TRUE);
  fuzz_start_gstreamer ();
  g_assert_true (gst_element_register (NULL, "rtspsrc", GST_RANK_NONE, fuzz_source_get_type ()));
  g_autoptr (GResolver) resolver = g_object_new (fuzz_resolver_get_type (), NULL);
  g_resolver_set_default (resolver);
}

/* The same as camera.c does, written in another way. */
static char *
decoded (const char *text)
{
  GString *result = g_string_new (NULL);

  while (*text) {
    const int high = *text == '%' ? g_ascii_xdigit_value (text[1]) : -1,
              low = high >= 0 ? g_ascii_xdigit_value (text[2]) : -1;
    const gboolean escape = low >= 0 && high + low > 0;

    g_string_append_c (result, escape ? (char)(high * 16 + low) : *text);
    text += escape ? 3 : 1;
  }
  return g_string_free (result, FALSE);
}

static void
check_login (GstElement *source, const char *login)
{
  g_autofree char *user = NULL, *password = NULL;
  g_auto (GStrv) parts = g_strsplit (login, ":", 2);
  g_autofree char *wanted_user = decoded (parts[0] ? parts[0] : ""),
                  *wanted_password = decoded (parts[0] && parts[1] ? parts[1] : "");

  g_object_get (source, "user-id", &user, "user-pw", &password, NULL);
  g_assert_cmpstr (user, ==, wanted_user);
  g_assert_cmpstr (password, ==, wanted_password);
}

/* Whether asking for a connection to it would leave this program. */
static gboolean
is_reachable (const char *address)
{
  g_autoptr (GUri) uri = g_uri_parse (address, G_URI_FLAGS_PARSE_RELAXED, NULL);
  const char *host = uri ? g_uri_get_host (uri) : NULL;
  g_autofree char *name = host ? g_hostname_to_ascii (host) : NULL;

  return host && (g_hostname_is_ip_address (host) || strchr (host, '%') || !name ||
                  g_hostname_is_ip_address (name) || g_str_has_prefix (name, "localhost") ||
                  g_str_has_suffix (name, "localhost") || g_str_has_suffix (name, "localhost."));
}

/* A host may be named, whatever it is called. */
static gboolean
has_secret_host (const char *address)
{
  g_autoptr (GUri) uri = g_uri_parse (address, G_URI_FLAGS_PARSE_RELAXED, NULL);

  return uri && g_uri_get_host (uri) && strstr (g_uri_get_host (uri), "secret");
}

static void
explain (GstElement *source, const CameraAccess *access, gboolean may_name)
{
  static const int codes[] = { GST_RESOURCE_ERROR_OPEN_READ, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
                               GST_RESOURCE_ERROR_NOT_FOUND };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++) {
    g_autoptr (GError) error = g_error_new_literal (GST_RESOURCE_ERROR, codes[i], "it failed");
    g_autoptr (GstMessage) message = gst_message_new_error (GST_OBJECT (source), error, "");
    g_autofree char *why = camera_explain (message, access, NULL);

    g_assert_true (why && g_utf8_validate (why, -1, NULL));
    g_assert_true (may_name || !strstr (why, "secret"));
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  g_autofree char *login = fuzz_text (&input), *address = fuzz_text (&input);
  CameraAccess access = { 0 };
  g_autoptr (GError) error = NULL;

  start ();
  g_setenv ("COWBEHAVIOR_LOGIN_camera", login, TRUE);
  camera_take_logins (&access);
  g_assert_null (g_getenv ("COWBEHAVIOR_LOGIN_camera"));
  GstElement *bin = gst_object_ref_sink (gst_bin_new (NULL)),
             *source = gst_element_factory_make ("rtspsrc", "camera");
  g_object_set (source, "location", address, NULL);
  gst_bin_add (GST_BIN (bin), source);
  g_assert_true (camera_prepare (GST_BIN (bin), &access, &error));
  check_login (source, login);
  if (!is_reachable (address))
    explain (source, &access, has_secret_host (address));
  gst_object_unref (bin);
  camera_access_clear (&access);
  return 0;
}
