/* SPDX-License-Identifier: MIT */
/*
 * Properties as a table: each row names a property of the element and the member of a struct that
 * has its value. The element and each of its targets have a struct and a table of their own.
 */
#ifndef GST_COW_PUBLISH_PROPERTY_H
#define GST_COW_PUBLISH_PROPERTY_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_COW_PUBLISH_TEXT,    /* gchar *, NULL: not set */
  GST_COW_PUBLISH_SECRET,  /* the same, which cannot be read back */
  GST_COW_PUBLISH_ADDRESS, /* the same; a login in it goes to two other properties */
  GST_COW_PUBLISH_UINT,    /* guint */
  GST_COW_PUBLISH_UINT64,  /* guint64 */
  GST_COW_PUBLISH_BOOLEAN, /* gboolean */
  GST_COW_PUBLISH_ENUM     /* gint */
} GstCowPublishPropertyType;

typedef struct {
  GstCowPublishPropertyType type;
  gsize offset; /* of the member */
  const char *name, *nick, *blurb;
  const char *text;          /* default of a text */
  guint64 number;            /* default of all others */
  guint64 min, max;          /* of UINT and UINT64 */
  GType (*enum_type) (void); /* of ENUM */
  gsize user, password;      /* ADDRESS: members that a login in it goes to */
} GstCowPublishProperty;

typedef struct {
  gsize size; /* of the struct, bytes; it has no other members than those of rows */
  guint n;
  const GstCowPublishProperty *rows; /* [n] */
} GstCowPublishProperties;

/* A property that is the member FIELD of STRUCT. */
#define GST_COW_PUBLISH_MEMBER(STRUCT, FIELD) .offset = G_STRUCT_OFFSET (STRUCT, FIELD)
/* The table ROWS of STRUCT. */
#define GST_COW_PUBLISH_PROPERTIES(STRUCT, ROWS)                                                   \
  {                                                                                                \
    .size = sizeof (STRUCT), .n = G_N_ELEMENTS (ROWS), .rows = ROWS                                \
  }

/* Declares the properties to a class, with the ids first_id, first_id + 1, ... */
void gst_cow_publish_properties_install (const GstCowPublishProperties *self, GObjectClass *klass,
                                         guint first_id);

/* A struct with the defaults, or a copy; free with gst_cow_publish_values_free (). */
gpointer gst_cow_publish_values_new (const GstCowPublishProperties *properties);
gpointer gst_cow_publish_values_copy (const GstCowPublishProperties *properties,
                                      gconstpointer values);
void gst_cow_publish_values_free (const GstCowPublishProperties *properties, gpointer values);
/* The first row behind the first one that has another value than its default, or NULL. */
const GstCowPublishProperty *gst_cow_publish_values_first_set (
    const GstCowPublishProperties *properties, gconstpointer values);
/* Row `row`. */
void gst_cow_publish_values_set (const GstCowPublishProperties *properties, gpointer values,
                                 guint row, const GValue *value);
void gst_cow_publish_values_get (const GstCowPublishProperties *properties, gconstpointer values,
                                 guint row, GValue *value);

G_END_DECLS

#endif
