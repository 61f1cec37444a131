/* SPDX-License-Identifier: MIT */
/* Typed values out of a JSON object with errors that say which file, key and value are wrong. */
#ifndef COW_JSON_OBJECT_H
#define COW_JSON_OBJECT_H

#include "model/files/error.h"
#include "model/files/json.h"

G_BEGIN_DECLS

/* The object that a text or a file holds: cow_json_parse () and cow_json_read (). Free with
 * json_object_unref (). */
JsonObject *cow_json_parse_object (const char *text, gsize n_bytes, const char *where,
                                   GError **error);
JsonObject *cow_json_read_object (const char *path, GError **error);
/* Indented text with a newline at its end; free with g_free. */
char *cow_json_object_text (JsonObject *object);

/*
 * Each getter leaves *value as it was, and succeeds, when the key is absent: what was in it is the
 * default. COW_ERROR_FORMAT when the type or the range is wrong. An integer will do for a double;
 * null is absence where a string, object or array is wanted. Doubles are finite. `where` (the file,
 * perhaps with the tensor) opens each message. Strings, objects and arrays are borrowed.
 */
gboolean cow_json_get_int (JsonObject *object, const char *where, const char *key, gint64 min,
                           gint64 max, gint64 *value, GError **error);
gboolean cow_json_get_double (JsonObject *object, const char *where, const char *key, double *value,
                              GError **error);
gboolean cow_json_get_bool (JsonObject *object, const char *where, const char *key, gboolean *value,
                            GError **error);
gboolean cow_json_get_string (JsonObject *object, const char *where, const char *key,
                              const char **value, GError **error);
gboolean cow_json_get_object (JsonObject *object, const char *where, const char *key,
                              JsonObject **value, GError **error);
gboolean cow_json_get_array (JsonObject *object, const char *where, const char *key,
                             JsonArray **value, GError **error);
/* COW_ERROR_FORMAT naming the key when it is absent or null. */
gboolean cow_json_require (JsonObject *object, const char *where, const char *key, GError **error);

/* An object of an array, the array's; NULL with COW_ERROR_FORMAT where it is none. */
JsonObject *cow_json_object_at (JsonArray *array, guint i, const char *where, GError **error);
/* Whether a node is a value of that GType (G_TYPE_INT64, _DOUBLE, _BOOLEAN, _STRING). */
gboolean cow_json_holds (JsonNode *node, GType type);
/* A value as messages show it, cut to a length that fits a line: "gelu", 12, null, [1, 2]. Free
 * with g_free. */
char *cow_json_describe (JsonNode *node);

G_END_DECLS

#endif
