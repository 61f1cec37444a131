/* SPDX-License-Identifier: MIT */
/* What targets at an address have in common. */
#include "gst-plugin/publish/address.h"

#include <gst/gst.h>

GUri *
gst_cow_publish_parse_url (const char *text, const char *property, const char *plain,
                           const char *secure, GError **error)
{
  g_autoptr (GUri) uri =
      g_uri_parse (text, G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY, NULL);
  const char *scheme = uri ? g_uri_get_scheme (uri) : "", *host = uri ? g_uri_get_host (uri) : NULL;

  if ((g_str_equal (scheme, plain) || g_str_equal (scheme, secure)) && host && *host)
    return g_steal_pointer (&uri);
  /* The text may hold a password that could not be told from the rest, and is not shown. */
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
               "%s is not an address of the form %s://HOST[:PORT] or %s://HOST[:PORT]%s%s",
               property, plain, secure, *scheme ? "; its scheme is " : "", scheme);
  return NULL;
}

const char *
gst_cow_publish_secret (const char *value, const char *variable)
{
  const char *set = value ? value : g_getenv (variable);

  return set && *set ? set : NULL;
}
