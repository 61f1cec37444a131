/* SPDX-License-Identifier: MIT */
/* A look at the raw text (json-check.h), then json-glib's parser with an ear on its signals for
 * duplicate members. */
#include "model/files/json.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/foreign.h"
#include "model/files/json-check.h"
#include "model/files/mapping.h"

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
  if (*n_bytes < 2 || (memcmp (*text, "\xff\xfe", 2) != 0 && memcmp (*text, "\xfe\xff", 2) != 0))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: broken JSON: a text in UTF-16 (a byte order mark says so); save it as UTF-8",
               file);
  return FALSE;
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

  if (!skip_mark (&text, &n_bytes, file, error) || !cow_json_check (text, n_bytes, file, error))
    return NULL;
  g_signal_connect (parser, "object-member", G_CALLBACK (on_member), &members);
  g_signal_connect (parser, "object-end", G_CALLBACK (on_object_end), &members);
  if (!json_parser_load_from_data (parser, text, (gssize)n_bytes, &local)) {
    message = g_utf8_make_valid (local->message, -1);
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

  if (!cow_mapping_open (&mapping, path, error))
    return NULL;
  /* No more is read than tells that it is too much. */
  const gsize size = MIN (mapping.size, COW_JSON_MAX_BYTES + 1);
  if (!cow_mapping_read (&mapping, mapping.data, size, error)) {
    cow_mapping_close (&mapping);
    return NULL;
  }
  root = cow_json_parse (mapping.data != NULL ? (const char *)mapping.data : "", size, path, error);
  if (root == NULL)
    cow_foreign_explain (path, mapping.data, size, error);
  cow_mapping_close (&mapping);
  return root;
}

/* Appends a word of json-glib's outside of strings: a number, or true, false and null. json-glib
 * 1.6 marks doubles without a point by ".0" behind their exponent ("1e+20.0"), and has no null for
 * what is no number ("inf.0", "-nan.0"). */
static void
append_word (GString *text, const char *word, gsize n)
{
  const char *sign = *word == '-' ? word + 1 : word;

  if (g_str_has_prefix (sign, "inf") || g_str_has_prefix (sign, "nan")) {
    g_string_append (text, "null");
    return;
  }
  if (n > 2 && memchr (word, 'e', n) && memcmp (word + n - 2, ".0", 2) == 0 &&
      !memchr (word, '.', n - 2))
    n -= 2;
  g_string_append_len (text, word, (gssize)n);
}

/* The length of a string with its quotes. */
static gsize
string_length (const char *at)
{
  gsize n = 1;

  while (at[n] != '"')
    n += at[n] == '\\' ? 2 : 1;
  return n + 1;
}

char *
cow_json_text (JsonNode *node, gboolean indented)
{
  static const char between[] = "{}[]:, \n";
  g_autofree char *raw = json_to_string (node, indented);
  GString *text = g_string_sized_new (strlen (raw));

  for (const char *at = raw; *at;) {
    gsize n = strspn (at, between);

    if (n == 0 && *at == '"')
      n = string_length (at);
    if (n > 0) {
      g_string_append_len (text, at, (gssize)n);
    } else {
      n = strcspn (at, between);
      append_word (text, at, n);
    }
    at += n;
  }
  return g_string_free (text, FALSE);
}

void
cow_json_append_string (GString *text, const char *value)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), value);
  g_autofree char *quoted = json_to_string (node, FALSE);

  g_string_append (text, quoted);
}
