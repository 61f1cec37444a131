/* SPDX-License-Identifier: MIT */
#include "pipelines/certificate.h"

#include <string.h>

#define N_DIGITS 64

typedef struct {
  GTlsDatabase parent;
  GPtrArray *digests; /* N_DIGITS lower-case digits each */
} CertificatePins;

typedef GTlsDatabaseClass CertificatePinsClass;

static GType certificate_pins_get_type (void);
G_DEFINE_TYPE (CertificatePins, certificate_pins, G_TYPE_TLS_DATABASE)

static char *
digest_of (GTlsCertificate *certificate)
{
  g_autoptr (GByteArray) der = NULL;

  g_object_get (certificate, "certificate", &der, NULL);
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, der->data, der->len);
}

/* Only the certificate itself counts, so that the peer's name and the dates do not. */
static GTlsCertificateFlags
verify_chain (GTlsDatabase *database, GTlsCertificate *chain, const gchar *purpose,
              GSocketConnectable *identity, GTlsInteraction *interaction,
              GTlsDatabaseVerifyFlags flags, GCancellable *cancellable, GError **error)
{
  CertificatePins *self = (CertificatePins *)database;
  g_autofree char *digest = digest_of (chain);

  if (g_ptr_array_find_with_equal_func (self->digests, digest, g_str_equal, NULL))
    return 0;
  return G_TLS_CERTIFICATE_UNKNOWN_CA;
}

static void
certificate_pins_finalize (GObject *object)
{
  g_ptr_array_unref (((CertificatePins *)object)->digests);
  G_OBJECT_CLASS (certificate_pins_parent_class)->finalize (object);
}

static void
certificate_pins_class_init (CertificatePinsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = certificate_pins_finalize;
  klass->verify_chain = verify_chain;
}

static void
certificate_pins_init (CertificatePins *self)
{
  self->digests = g_ptr_array_new_with_free_func (g_free);
}

/* Returns the digits of a fingerprint as somebody may have copied it; NULL if it is none. */
static char *
parse (const char *text)
{
  GString *digits = g_string_new (NULL);

  if (g_ascii_strncasecmp (text, "sha256", 6) == 0 && text[6])
    text += 7;
  for (; *text; text++) {
    if (g_ascii_isxdigit (*text))
      g_string_append_c (digits, g_ascii_tolower (*text));
    else if (!strchr (": -", *text))
      break;
  }
  if (!*text && digits->len == N_DIGITS)
    return g_string_free (digits, FALSE);
  g_string_free (digits, TRUE);
  return NULL;
}

GTlsDatabase *
certificate_pins_new (const char *const *fingerprints, GError **error)
{
  CertificatePins *self = g_object_new (certificate_pins_get_type (), NULL);

  for (; *fingerprints; fingerprints++) {
    char *digits = parse (*fingerprints);

    if (!digits) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--fingerprint %s: expected 64 hexadecimal digits, the SHA-256 fingerprint of "
                   "the camera's certificate",
                   *fingerprints);
      g_object_unref (self);
      return NULL;
    }
    g_ptr_array_add (self->digests, digits);
  }
  return G_TLS_DATABASE (self);
}

char *
certificate_fingerprint (GTlsCertificate *certificate)
{
  g_autofree char *digest = digest_of (certificate);
  GString *text = g_string_new (NULL);

  for (const char *p = digest; *p; p += 2)
    g_string_append_printf (text, "%s%c%c", p == digest ? "" : ":", g_ascii_toupper (p[0]),
                            g_ascii_toupper (p[1]));
  return g_string_free (text, FALSE);
}
