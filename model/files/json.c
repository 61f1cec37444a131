/* SPDX-License-Identifier: MIT */
/* A look at the raw text (check_text), then json-glib's parser with an ear on its signals for
 * duplicate members. */
#include "model/files/json.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/foreign.h"
#include "model/files/mapping.h"

static gboolean
bad_text (const char *file, gsize at, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: broken JSON at byte %" G_GSIZE_FORMAT ": %s", file, at, what);
  return FALSE;
}

/* Whether the text goes on with \uXY.. where X is d and Y one of `third`: half of a surrogate pair.
 */
static gboolean
is_surrogate (const char *text, gsize left, const char *third)
{
  return left >= 6 && text[0] == '\\' && text[1] == 'u' && (text[2] == 'd' || text[2] == 'D') &&
         strchr (third, g_ascii_tolower (text[3])) != NULL;
}

/* Moves *at from a string's first quote to its last. What an escape stands for must be text:
 * json-glib would take half a pair, and end the string at a NUL. */
static gboolean
skip_string (const char *text, gsize n_bytes, gsize *at, const char *file, GError **error)
{
  for (++*at; *at < n_bytes && text[*at] != '"'; ++*at) {
    const char *here = text + *at;
    gsize left = n_bytes - *at;

    if (*here != '\\')
      continue;
    if (left >= 6 && memcmp (here, "\\u0000", 6) == 0)
      return bad_text (file, *at, "a NUL character in a string", error);
    if (is_surrogate (here, left, "89ab") && !is_surrogate (here + 6, left - 6, "cdef"))
      return bad_text (file, *at, "half of a surrogate pair in a string", error);
    ++*at;
  }
  return *at < n_bytes || bad_text (file, n_bytes, "a string without end", error);
}

/* Nothing may follow the whole: json-glib 1.6 would take the last of several values and leak the
 * others. */
static gboolean
check_end (const char *text, gsize n_bytes, gsize at, const char *file, GError **error)
{
  while (at < n_bytes && strchr (" \t\r\n", text[at]) != NULL && text[at] != '\0')
    at++;
  return at == n_bytes || bad_text (file, at, "more text after the end", error);
}

/*
 * Bounds what the parser will do with the text. Characters that have no place outside strings are
 * refused, not skipped: a comment could hide a quote, and what this takes for a string would be
 * brackets to the parser.
 */
static gboolean
check_text (const char *text, gsize n_bytes, const char *file, GError **error)
{
  static const char allowed[] = " \t\r\n{}[]:,\"0123456789+-.eEtrufalsn";
  guint depth = 0, n_values = 0;
  gsize i;

  if (!g_utf8_validate_len (text, n_bytes, NULL))
    return bad_text (file, 0, "not UTF-8", error);
  for (i = 0; i < n_bytes; i++) {
    if (strchr (allowed, text[i]) == NULL)
      return bad_text (file, i, "a character that is none of JSON's", error);
    if (text[i] == '"' && !skip_string (text, n_bytes, &i, file, error))
      return FALSE;
    if (text[i] == '{' || text[i] == '[')
      depth++;
    else if ((text[i] == '}' || text[i] == ']') && depth-- == 0)
      return bad_text (file, i, "a bracket that closes nothing", error);
    else if (text[i] == ',' && ++n_values > COW_JSON_MAX_VALUES)
      return bad_text (file, i, "more values than any network needs", error);
    if (depth > COW_JSON_MAX_DEPTH)
      return bad_text (file, i, "nested too deep", error);
    if (depth == 0 && strchr ("}]", text[i]) != NULL)
      return check_end (text, n_bytes, i + 1, file, error);
    if (depth == 0 && strchr (" \t\r\n", text[i]) == NULL)
      return bad_text (file, i, "the whole must be an object {...}", error);
  }
  return TRUE;
}

/* How many members each open object had when its last one came; an object that does not grow had
 * that name already. */
typedef struct {
  GHashTable *sizes;
  char *duplicate;
} Members;

static void
on_member (JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
  Members *members = data;
  guint size = json_object_get_size (object);

  if (GPOINTER_TO_UINT (g_hash_table_lookup (members->sizes, object)) == size &&
      members->duplicate == NULL)
    members->duplicate = g_strdup (name);
  g_hash_table_insert (members->sizes, object, GUINT_TO_POINTER (size));
}

/* A discarded duplicate frees its object, and the next may get its address. */
static void
on_object_end (JsonParser *parser, JsonObject *object, gpointer data)
{
  g_hash_table_remove (((Members *)data)->sizes, object);
}

static gboolean
check_root (JsonNode *root, const Members *members, const char *file, GError **error)
{
  g_autofree char *name =
      members->duplicate != NULL ? g_utf8_make_valid (members->duplicate, -1) : NULL;

  if (name != NULL)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: broken JSON: two members have the name \"%s\"", file, name);
  else if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: broken JSON: the whole must be an object {...}", file);
  else
    return TRUE;
  return FALSE;
}

/* Editors of Windows begin a text with a byte order mark. In UTF-8 it says nothing, and is passed
 * over; FALSE for UTF-16. */
static gboolean
skip_mark (const char **text, gsize *n_bytes, const char *file, GError **error)
{
  if (*n_bytes >= 3 && memcmp (*text, "\xef\xbb\xbf", 3) == 0) {
    *text += 3;
    *n_bytes -= 3;
  }
  if (*n_bytes >= 2 && (memcmp (*text, "\xff\xfe", 2) == 0 || memcmp (*text, "\xfe\xff", 2) == 0))
    return bad_text (file, 0, "a text in UTF-16 (a byte order mark says so); save it as UTF-8",
                     error);
  return TRUE;
}

JsonNode *
cow_json_parse (const char *text, gsize n_bytes, const char *file, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) sizes = g_hash_table_new (NULL, NULL);
  g_autoptr (GError) local = NULL;
  g_autofree char *message = NULL; /* json-glib's quotes the text by its bytes */
  Members members = { sizes, NULL };
  JsonNode *root = NULL;

  if (!skip_mark (&text, &n_bytes, file, error) || !check_text (text, n_bytes, file, error))
    return NULL;
  g_signal_connect (parser, "object-member", G_CALLBACK (on_member), &members);
  g_signal_connect (parser, "object-end", G_CALLBACK (on_object_end), &members);
  if (n_bytes > G_MAXSSIZE || !json_parser_load_from_data (parser, text, (gssize)n_bytes, &local)) {
    message = g_utf8_make_valid (local != NULL ? local->message : "too long", -1);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: broken JSON: %s", file, message);
  } else if (check_root (json_parser_get_root (parser), &members, file, error)) {
    root = json_node_ref (json_parser_get_root (parser));
  }
  g_free (members.duplicate);
  return root;
}

JsonNode *
cow_json_read (const char *path, GError **error)
{
  JsonNode *root;
  CowMapping mapping;

  if (!cow_mapping_open_whole (&mapping, path, error))
    return NULL;
  root = cow_json_parse (mapping.data != NULL ? (const char *)mapping.data : "", mapping.size, path,
                         error);
  if (root == NULL)
    cow_foreign_explain (path, mapping.data, mapping.size, error);
  cow_mapping_close (&mapping);
  return root;
}
