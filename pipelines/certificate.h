/* SPDX-License-Identifier: MIT */
/* Certificates that are trusted for what they are, by their SHA-256 fingerprints, whoever signed
 * them and whatever names and dates they bear: cameras sign their own. */
#ifndef COW_PIPELINES_CERTIFICATE_H
#define COW_PIPELINES_CERTIFICATE_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Returns a database that trusts the certificates with these fingerprints (NULL-terminated, at
 * least one) and no others. A fingerprint is 64 hexadecimal digits, in any case, with or without
 * colons and the word SHA256 before them; anything else is an error. */
GTlsDatabase *certificate_pins_new (const char *const *fingerprints, GError **error);
/* "AB:CD:...", as browsers, cameras and openssl show it; free with g_free (). */
char *certificate_fingerprint (GTlsCertificate *certificate);

G_END_DECLS

#endif
