/* SPDX-License-Identifier: MIT */
/*
 * JSON from files that nobody vouches for. json-glib recurses as deep as the text says, takes
 * comments and keeps the last of two members of one name; this refuses all three before they
 * matter.
 */
#ifndef COW_JSON_H
#define COW_JSON_H

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define COW_JSON_MAX_DEPTH 32
#define COW_JSON_MAX_VALUES                                                                        \
  2000000 /* at some 100 bytes each in memory; a network of 100,000 tensors has 700,000 */

/* Parses a text whose root is an object, with or without a byte order mark; COW_ERROR_FORMAT, with
 * `file` in the message. Free with json_node_unref. */
JsonNode *cow_json_parse (const char *text, gsize n_bytes, const char *file, GError **error);
/* Reads and parses a file: COW_ERROR_NOT_FOUND and COW_ERROR_IO too. */
JsonNode *cow_json_read (const char *path, GError **error);

G_END_DECLS

#endif
