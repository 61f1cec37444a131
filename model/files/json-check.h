/* SPDX-License-Identifier: MIT */
/*
 * Whether a text is JSON as RFC 8259 has it, before a parser sees it: json-glib also takes octal
 * escapes and numbers, broken \u and comments, and recurses as deep as the text says.
 */
#ifndef COW_JSON_CHECK_H
#define COW_JSON_CHECK_H

#include <glib.h>

G_BEGIN_DECLS

#define COW_JSON_MAX_BYTES ((gsize)256 << 20)
#define COW_JSON_MAX_DEPTH 32
#define COW_JSON_MAX_VALUES                                                                        \
  2000000 /* at some 100 bytes each in memory; a network of 100,000 tensors has 700,000 */

/*
 * COW_ERROR_FORMAT, with `file` and the byte in the message, for a text that is no JSON whose whole
 * is an object. Beyond the RFC's grammar strings hold no NUL and no half of a surrogate pair,
 * integers fit 64 bits, and size, depth and number of values are bounded. Two members of one name
 * are the parser's to refuse.
 */
gboolean cow_json_check (const char *text, gsize n_bytes, const char *file, GError **error);

G_END_DECLS

#endif
