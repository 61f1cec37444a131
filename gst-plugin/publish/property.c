/* SPDX-License-Identifier: MIT */
/* Properties as a table. */
#include "gst-plugin/publish/property.h"

#include <string.h>

#define READ_WRITE (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define SECRET     (G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)

static gboolean
is_text (const GstCowPublishProperty *row)
{
  return row->type == GST_COW_PUBLISH_TEXT || row->type == GST_COW_PUBLISH_SECRET ||
         row->type == GST_COW_PUBLISH_ADDRESS;
}

/* ---- declarations ---------------------------------------------------------------------------- */

static GParamSpec *
spec_new (const GstCowPublishProperty *row)
{
  switch (row->type) {
  case GST_COW_PUBLISH_UINT:
    return g_param_spec_uint (row->name, row->nick, row->blurb, (guint)row->min, (guint)row->max,
                              (guint)row->number, READ_WRITE);
  case GST_COW_PUBLISH_UINT64:
    return g_param_spec_uint64 (row->name, row->nick, row->blurb, row->min, row->max, row->number,
                                READ_WRITE);
  case GST_COW_PUBLISH_BOOLEAN:
    return g_param_spec_boolean (row->name, row->nick, row->blurb, row->number != 0, READ_WRITE);
  case GST_COW_PUBLISH_ENUM:
    return g_param_spec_enum (row->name, row->nick, row->blurb, row->enum_type (),
                              (gint)row->number, READ_WRITE);
  default:
    return g_param_spec_string (row->name, row->nick, row->blurb, row->text,
                                row->type == GST_COW_PUBLISH_SECRET ? SECRET : READ_WRITE);
  }
}

void
gst_cow_publish_properties_install (const GstCowPublishProperties *self, GObjectClass *klass,
                                    guint first_id)
{
  for (guint i = 0; i < self->n; i++)
    g_object_class_install_property (klass, first_id + i, spec_new (&self->rows[i]));
}

/* ---- values ---------------------------------------------------------------------------------- */

gpointer
gst_cow_publish_values_new (const GstCowPublishProperties *properties)
{
  gpointer values = g_malloc0 (properties->size);

  for (guint i = 0; i < properties->n; i++) {
    const GstCowPublishProperty *row = &properties->rows[i];
    gpointer member = G_STRUCT_MEMBER_P (values, row->offset);

    if (is_text (row))
      *(gchar **)member = g_strdup (row->text);
    else if (row->type == GST_COW_PUBLISH_UINT64)
      *(guint64 *)member = row->number;
    else
      *(guint *)member = (guint)row->number;
  }
  return values;
}

gpointer
gst_cow_publish_values_copy (const GstCowPublishProperties *properties, gconstpointer values)
{
  gpointer copy = g_malloc (properties->size);

  memcpy (copy, values, properties->size);
  for (guint i = 0; i < properties->n; i++) {
    gchar **text = G_STRUCT_MEMBER_P (copy, properties->rows[i].offset);

    if (is_text (&properties->rows[i]))
      *text = g_strdup (*text);
  }
  return copy;
}

void
gst_cow_publish_values_free (const GstCowPublishProperties *properties, gpointer values)
{
  for (guint i = 0; i < properties->n; i++)
    if (is_text (&properties->rows[i]))
      g_free (G_STRUCT_MEMBER (gchar *, values, properties->rows[i].offset));
  g_free (values);
}

static gboolean
is_default (const GstCowPublishProperty *row, gconstpointer values)
{
  gconstpointer member = (const guint8 *)values + row->offset;

  if (is_text (row))
    return g_strcmp0 (*(gchar *const *)member, row->text) == 0;
  if (row->type == GST_COW_PUBLISH_UINT64)
    return *(const guint64 *)member == row->number;
  return *(const guint *)member == (guint)row->number;
}

const GstCowPublishProperty *
gst_cow_publish_values_first_set (const GstCowPublishProperties *properties, gconstpointer values)
{
  for (guint i = 1; i < properties->n; i++)
    if (!is_default (&properties->rows[i], values))
      return &properties->rows[i];
  return NULL;
}

/* Hides what may be the login of a text that is no address, and keeps it from becoming one: that is
 * an error when the element starts. */
static void
mask_login (gchar **url)
{
  const char *scheme = strstr (*url, "://"), *at = strrchr (*url, '@');
  const gsize n = scheme ? (gsize)(scheme - *url) + strlen ("://") : 0;
  g_autofree char *text = g_steal_pointer (url);

  *url = at && at >= text + n ? g_strdup_printf ("%.*s%%***%s", (int)n, text, at) : g_strdup (text);
}

/* Moves the login of an address to where it is not shown. */
static void
take_login (gchar **url, gchar **user, gchar **password)
{
  const GUriFlags flags =
      G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY;
  g_autoptr (GUri) uri = *url ? g_uri_parse (*url, flags, NULL) : NULL;

  if (!uri && *url)
    mask_login (url);
  if (!uri || !g_uri_get_user (uri))
    return;
  g_free (*user);
  *user = g_strdup (g_uri_get_user (uri));
  if (g_uri_get_password (uri)) {
    g_free (*password);
    *password = g_strdup (g_uri_get_password (uri));
  }
  g_free (*url);
  *url = g_uri_to_string_partial (uri, G_URI_HIDE_USERINFO);
}

/* An empty text unsets the property. */
static void
set_text (const GstCowPublishProperty *row, gpointer values, const char *text)
{
  gchar **member = G_STRUCT_MEMBER_P (values, row->offset);

  g_free (*member);
  *member = g_strdup (text && *text ? text : row->text);
  if (row->type == GST_COW_PUBLISH_ADDRESS)
    take_login (member, G_STRUCT_MEMBER_P (values, row->user),
                G_STRUCT_MEMBER_P (values, row->password));
}

void
gst_cow_publish_values_set (const GstCowPublishProperties *properties, gpointer values, guint row,
                            const GValue *value)
{
  const GstCowPublishProperty *property = &properties->rows[row];
  gpointer member = G_STRUCT_MEMBER_P (values, property->offset);

  switch (property->type) {
  case GST_COW_PUBLISH_UINT:
    *(guint *)member = g_value_get_uint (value);
    break;
  case GST_COW_PUBLISH_UINT64:
    *(guint64 *)member = g_value_get_uint64 (value);
    break;
  case GST_COW_PUBLISH_BOOLEAN:
    *(gboolean *)member = g_value_get_boolean (value);
    break;
  case GST_COW_PUBLISH_ENUM:
    *(gint *)member = g_value_get_enum (value);
    break;
  default:
    set_text (property, values, g_value_get_string (value));
    break;
  }
}

void
gst_cow_publish_values_get (const GstCowPublishProperties *properties, gconstpointer values,
                            guint row, GValue *value)
{
  const GstCowPublishProperty *property = &properties->rows[row];
  gconstpointer member = (const guint8 *)values + property->offset;

  switch (property->type) {
  case GST_COW_PUBLISH_UINT:
    g_value_set_uint (value, *(const guint *)member);
    break;
  case GST_COW_PUBLISH_UINT64:
    g_value_set_uint64 (value, *(const guint64 *)member);
    break;
  case GST_COW_PUBLISH_BOOLEAN:
    g_value_set_boolean (value, *(const gboolean *)member);
    break;
  case GST_COW_PUBLISH_ENUM:
    g_value_set_enum (value, *(const gint *)member);
    break;
  default:
    g_value_set_string (value, *(gchar *const *)member);
    break;
  }
}
