/* SPDX-License-Identifier: MIT */
#include "trainer/data/yolo-yaml.h"

#include <string.h>

#include "model/files/error.h"
#include "trainer/data/dataset-draft.h"

typedef struct {
  const char *path;
  guint line;
  const char *at; /* the next character */
  YoloYaml *yaml;
} Parser;

static gboolean
fail (const Parser *self, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%u: %s", self->path, self->line, what);
  return FALSE;
}

/* ---- characters ------------------------------------------------------------------------------ */

static void
skip_blanks (Parser *self)
{
  self->at += strspn (self->at, " \t\r");
}

/* Moves to the end of the line where nothing but a remark is left on it. */
static gboolean
end_line (Parser *self, GError **error)
{
  skip_blanks (self);
  if (*self->at == '#')
    self->at += strcspn (self->at, "\n");
  return *self->at == '\0' || *self->at == '\n' ||
         fail (self, "something stands behind a value", error);
}

/* Moves to the first character of the next line that has one, from the end of a line or the
 * beginning of the file; gives how far it is indented. */
static guint
next_line (Parser *self)
{
  for (;;) {
    const guint blanks = (guint)strspn (self->at, " ");
    const char *first = self->at + blanks + strspn (self->at + blanks, "\t\r");
    if (*first != '#' && *first != '\n') {
      self->at += blanks;
      return blanks;
    }
    first += strcspn (first, "\n");
    self->at = first + (*first == '\n');
    self->line += *first == '\n';
  }
}

/* As next_line () from the end of the current line. */
static guint
move_on (Parser *self)
{
  if (*self->at == '\n') {
    self->at++;
    self->line++;
  }
  return next_line (self);
}

/* ---- values ---------------------------------------------------------------------------------- */

static char *
read_quoted (Parser *self, GError **error)
{
  const char quote = *self->at++;
  g_autoptr (GString) text = g_string_new (NULL);

  for (;; self->at++) {
    if (*self->at == '\0' || *self->at == '\n') {
      fail (self, "a quotation does not end on its line", error);
      return NULL;
    }
    if (*self->at == quote && (quote != '\'' || self->at[1] != '\''))
      break;
    if (*self->at == '\'' && quote == '\'')
      self->at++;
    else if (*self->at == '\\' && quote == '"') {
      self->at++;
      if (*self->at != '"' && *self->at != '\\' && *self->at != '/') {
        fail (self, "a backslash stands before \", \\ or / alone", error);
        return NULL;
      }
    }
    g_string_append_c (text, *self->at);
  }
  self->at++;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* A text, plain or quoted; a plain one ends at a remark, the line's end or one of `ends`. */
static char *
read_scalar (Parser *self, const char *ends, GError **error)
{
  const char *begin = self->at;

  if (*begin == '"' || *begin == '\'')
    return read_quoted (self, error);
  if (*begin && strchr ("&*!|>%@`?{}[]", *begin)) {
    fail (self, "anchors, tags, blocks of text and the like are not read here", error);
    return NULL;
  }
  for (; *self->at && *self->at != '\n'; self->at++)
    if (strchr (ends, *self->at) ||
        (*self->at == '#' && self->at > begin && strchr (" \t", self->at[-1])) ||
        (*self->at == ':' && *ends && strchr (" \t\n", self->at[1])))
      break;
  char *text = g_strndup (begin, (gsize)(self->at - begin));
  g_strstrip (text);
  if (g_str_equal (text, "~") || g_ascii_strcasecmp (text, "null") == 0)
    *text = '\0';
  return text;
}

/* Gives entry `number` of a list a text, which it owns then. */
static gboolean
put (Parser *self, GPtrArray *list, guint number, char *text, GError **error)
{
  if (number >= COW_DATASET_MOST_CLASSES) {
    g_free (text);
    return fail (self, "there are more than 1000 entries", error);
  }
  while (list->len <= number)
    g_ptr_array_add (list, g_strdup (""));
  g_free (list->pdata[number]);
  list->pdata[number] = text;
  return TRUE;
}

/* "a" or "3: a"; the number of the latter, or else the next. */
static gboolean
read_entry (Parser *self, GPtrArray *list, gboolean keyed, const char *ends, GError **error)
{
  guint64 number = list->len;
  const char *end;

  if (keyed) {
    g_autofree char *key = read_scalar (self, ":", error);
    if (!key)
      return FALSE;
    if (!dataset_number (key, G_MAXUINT16, &number, &end) || *end || *self->at != ':')
      return fail (self, "\"NUMBER: NAME\" is expected", error);
    self->at++;
    skip_blanks (self);
  }
  char *text = read_scalar (self, ends, error);
  return text && put (self, list, (guint)number, text, error);
}

/* Blanks, remarks and ends of lines. */
static void
skip_space (Parser *self)
{
  skip_blanks (self);
  while (*self->at == '\n' || *self->at == '#') {
    self->at += strcspn (self->at, "\n");
    move_on (self);
    skip_blanks (self);
  }
}

/* [a, b] or {0: a, 1: b}, on as many lines as it takes. */
static gboolean
read_flow (Parser *self, GPtrArray *list, GError **error)
{
  const char close = *self->at == '[' ? ']' : '}';

  self->at++;
  for (skip_space (self); *self->at != close; skip_space (self)) {
    if (!read_entry (self, list, close == '}', ",]}", error))
      return FALSE;
    skip_space (self);
    if (*self->at != ',' && *self->at != close)
      return fail (self, "a list does not end: \",\" or a bracket is expected", error);
    self->at += *self->at == ',';
  }
  self->at++;
  return end_line (self, error);
}

/* The lines below a key, which are indented further, or begin with "- ". */
static gboolean
read_block (Parser *self, GPtrArray *list, GError **error)
{
  const guint indent = move_on (self);

  if (indent == 0 && !g_str_has_prefix (self->at, "- "))
    return TRUE; /* a key without a value */
  for (guint now = indent; now == indent && *self->at; now = move_on (self)) {
    const gboolean item = g_str_has_prefix (self->at, "- ");
    if (indent == 0 && !item)
      break;
    if (item) {
      self->at += 2;
      skip_blanks (self);
    }
    if (!read_entry (self, list, !item, "", error) || !end_line (self, error))
      return FALSE;
  }
  return TRUE;
}

/* What stands behind a key, into a list; a text alone is a list of one. Moves to the next key. */
static gboolean
read_value (Parser *self, GPtrArray *list, GError **error)
{
  g_ptr_array_set_size (list, 0);
  skip_blanks (self);
  if (*self->at == '[' || *self->at == '{') {
    if (!read_flow (self, list, error))
      return FALSE;
  } else if (*self->at && *self->at != '\n' && *self->at != '#') {
    if (!read_entry (self, list, FALSE, "", error) || !end_line (self, error))
      return FALSE;
  } else {
    return end_line (self, error) && read_block (self, list, error);
  }
  move_on (self);
  return TRUE;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Passes over a value of whatever kind: all lines that do not begin with a key. */
static void
pass_over (Parser *self)
{
  self->at += strcspn (self->at, "\n");
  while (*self->at && (move_on (self) > 0 || (*self->at && strchr ("-]}", *self->at))))
    self->at += strcspn (self->at, "\n");
}

static gboolean
read_key (Parser *self, GError **error)
{
  g_autoptr (GPtrArray) root = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *key = read_scalar (self, ":", error);
  CowSplit split;

  if (!key)
    return FALSE;
  if (*self->at != ':')
    return fail (self, "\"KEY: VALUE\" is expected", error);
  self->at++;
  if (cow_split_parse (key, &split))
    return read_value (self, self->yaml->parts[split], error);
  if (g_str_equal (key, "names"))
    return read_value (self, self->yaml->names, error);
  if (!g_str_equal (key, "path")) {
    self->yaml->has_keypoints |= g_str_equal (key, "kpt_shape");
    pass_over (self);
    return TRUE;
  }
  if (!read_value (self, root, error))
    return FALSE;
  g_free (self->yaml->root);
  self->yaml->root = root->len > 0 && *(char *)root->pdata[0] ? g_strdup (root->pdata[0]) : NULL;
  return TRUE;
}

YoloYaml *
yolo_yaml_parse (const char *text, const char *path, GError **error)
{
  g_autoptr (YoloYaml) yaml = g_new0 (YoloYaml, 1);
  Parser self = { .path = path, .line = 1, .at = text, .yaml = yaml };

  yaml->names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    yaml->parts[i] = g_ptr_array_new_with_free_func (g_free);
  guint indent = next_line (&self);
  if (g_str_has_prefix (self.at, "---")) {
    self.at += 3;
    indent = move_on (&self);
  }
  while (*self.at) {
    if (indent > 0 || *self.at == '\t') {
      fail (&self, "a key is expected at the beginning of the line", error);
      return NULL;
    }
    if (!read_key (&self, error))
      return NULL;
    indent = self.at > text && self.at[-1] == ' ';
  }
  return g_steal_pointer (&yaml);
}

void
yolo_yaml_free (YoloYaml *self)
{
  if (!self)
    return;
  g_free (self->root);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    g_clear_pointer (&self->parts[i], g_ptr_array_unref);
  g_clear_pointer (&self->names, g_ptr_array_unref);
  g_free (self);
}
