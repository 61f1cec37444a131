/* SPDX-License-Identifier: MIT */
/*
 * The files with certificates that a connection needs. They are read by the OpenSSL that
 * libmosquitto brings along, which is what will read them later. Where it brings none, only whether
 * they can be opened is known.
 */
#include "gst-plugin/publish/certificates.h"

#include <dlfcn.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <unistd.h>

#define PEM 1 /* SSL_FILETYPE_PEM */

/* Functions of OpenSSL, as its manual declares them: its headers are not needed for so few. */
static struct {
  const void *(*TLS_client_method) (void);
  void *(*SSL_CTX_new) (const void *method);
  void (*SSL_CTX_free) (void *context);
  void (*SSL_CTX_set_default_passwd_cb) (void *context, int (*ask) (char *, int, int, void *));
  int (*SSL_CTX_load_verify_locations) (void *context, const char *file, const char *folder);
  int (*SSL_CTX_use_certificate_chain_file) (void *context, const char *file);
  int (*SSL_CTX_use_PrivateKey_file) (void *context, const char *file, int type);
  int (*SSL_CTX_check_private_key) (const void *context);
  void (*ERR_clear_error) (void);
} ssl;

static gboolean
load (void)
{
  static const char *const names[] = {
    "TLS_client_method",
    "SSL_CTX_new",
    "SSL_CTX_free",
    "SSL_CTX_set_default_passwd_cb",
    "SSL_CTX_load_verify_locations",
    "SSL_CTX_use_certificate_chain_file",
    "SSL_CTX_use_PrivateKey_file",
    "SSL_CTX_check_private_key",
    "ERR_clear_error",
  };
  static gsize loaded = 0; /* 1: no, 2: yes */

  G_STATIC_ASSERT (sizeof ssl == G_N_ELEMENTS (names) * sizeof (void *));
  if (g_once_init_enter (&loaded)) {
    /* dlsym () looks into what a library depends on, too. */
    void *library = dlopen ("libmosquitto.so.1", RTLD_LAZY | RTLD_NOLOAD);
    gboolean all = library != NULL;

    for (guint i = 0; all && i < G_N_ELEMENTS (names); i++) {
      ((void **)&ssl)[i] = dlsym (library, names[i]);
      all = ((void **)&ssl)[i] != NULL;
    }
    g_once_init_leave (&loaded, all ? 2 : 1);
  }
  return loaded == 2;
}

int
gst_cow_publish_no_passphrase (char *buffer, int size, int writing, void *data)
{
  return 0;
}

/* Whether the file of a property can be read; TRUE for NULL. */
static gboolean
check_file (const char *path, const char *property, GError **error)
{
  if (!path || g_access (path, R_OK) == 0)
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "%s: %s: %s", property,
               path, g_strerror (errno));
  return FALSE;
}

static gboolean
check (void *context, const char *ca, const char *cert, const char *key, GError **error)
{
  const char *property = NULL, *path = NULL, *what = NULL;

  if (ca && ssl.SSL_CTX_load_verify_locations (context, ca, NULL) != 1)
    property = "mqtt-ca", path = ca, what = "has no certificates in PEM form";
  else if (key && ssl.SSL_CTX_use_PrivateKey_file (context, key, PEM) != 1)
    property = "mqtt-key", path = key, what = "has no key in PEM form, or one that is encrypted";
  else if (cert && ssl.SSL_CTX_use_certificate_chain_file (context, cert) != 1)
    property = "mqtt-cert", path = cert, what = "has no certificate in PEM form";
  else if (key && ssl.SSL_CTX_check_private_key (context) != 1)
    property = "mqtt-key", path = key, what = "is not the key of mqtt-cert";
  if (property)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "%s: %s %s", property,
                 path, what);
  return property == NULL;
}

gboolean
gst_cow_publish_check_certificates (const char *ca, const char *cert, const char *key,
                                    GError **error)
{
  void *context;
  gboolean ok;

  if (!check_file (ca, "mqtt-ca", error) || !check_file (cert, "mqtt-cert", error) ||
      !check_file (key, "mqtt-key", error))
    return FALSE;
  if ((!ca && !cert) || !load () || !(context = ssl.SSL_CTX_new (ssl.TLS_client_method ())))
    return TRUE;
  ssl.SSL_CTX_set_default_passwd_cb (context, gst_cow_publish_no_passphrase);
  ok = check (context, ca, cert, key, error);
  ssl.SSL_CTX_free (context);
  ssl.ERR_clear_error ();
  return ok;
}
