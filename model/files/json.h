/* SPDX-License-Identifier: MIT */
/*
 * JSON from files and servers that nobody vouches for: checked to be just that (json-check.h)
 * before json-glib sees it, and refused where two members of an object have one name, of which it
 * would keep the last.
 */
#ifndef COW_JSON_H
#define COW_JSON_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Parses a text whose root is an object, with or without a byte order mark; COW_ERROR_FORMAT, with
 * `file` in the message. Free with json_node_unref. */
JsonNode *cow_json_parse (const char *text, gsize n_bytes, const char *file, GError **error);
/* Reads and parses a file: COW_ERROR_NOT_FOUND and COW_ERROR_IO too. */
JsonNode *cow_json_read (const char *path, GError **error);

/* The text of a node, indented or on one line, which is JSON whatever json-glib thinks: numbers
 * that are none (infinite, not a number) become null. Free with g_free. */
char *cow_json_text (JsonNode *node, gboolean indented);
/* Appends a string as JSON writes it, quotes included. */
void cow_json_append_string (GString *text, const char *value);

G_END_DECLS

#endif
