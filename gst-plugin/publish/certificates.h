/* SPDX-License-Identifier: MIT */
/* The files with certificates that a connection needs, looked at before there is one. */
#ifndef GST_COW_PUBLISH_CERTIFICATES_H
#define GST_COW_PUBLISH_CERTIFICATES_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whether mqtt-ca, mqtt-cert and mqtt-key, each NULL where it is not set, can be read, have what
 * they should, and belong together; the error names the property. After libmosquitto was loaded. */
gboolean gst_cow_publish_check_certificates (const char *ca, const char *cert, const char *key,
                                             GError **error);
/* A callback without which OpenSSL would ask for the passphrase of a key on the terminal. */
int gst_cow_publish_no_passphrase (char *buffer, int size, int writing, void *data);

G_END_DECLS

#endif
