/* SPDX-License-Identifier: MIT */
/* What targets at an address have in common: its form and secrets that go with it. */
#ifndef GST_COW_PUBLISH_ADDRESS_H
#define GST_COW_PUBLISH_ADDRESS_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* The address in `text`, which has one of two schemes and a host, or NULL and an error that names
 * the property and does not show the text. Free with g_uri_unref (). */
GUri *gst_cow_publish_parse_url (const char *text, const char *property, const char *plain,
                                 const char *secure, GError **error);
/* A secret: that of the property, else of the environment variable; NULL where neither has one. */
const char *gst_cow_publish_secret (const char *value, const char *variable);

G_END_DECLS

#endif
