/* SPDX-License-Identifier: MIT */
/* Readers of all layouts add the pictures that they find here. */
#include "trainer/data/dataset-draft.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int
dataset_draft_label (DatasetDraft *self, const char *written, const char *place, GError **error)
{
  /* macOS takes letters apart that others keep together. */
  g_autofree char *composed = g_utf8_normalize (written, -1, G_NORMALIZE_DEFAULT_COMPOSE);
  const char *label = composed ? composed : written;
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (self->label_index, label));

  if (known)
    return (int)known - 1;
  if (!g_utf8_validate (label, -1, NULL)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the class's name is not UTF-8 text",
                 place);
    return -1;
  }
  if (self->labels->len == COW_DATASET_MOST_CLASSES) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"%s\" is the class after %d others; more are not trained (is this the "
                 "column, or the folder, of the classes?)",
                 place, label, COW_DATASET_MOST_CLASSES);
    return -1;
  }
  const char *own = g_string_chunk_insert_const (self->set->strings, label);
  g_ptr_array_add (self->labels, (gpointer)own);
  g_ptr_array_add (self->label_places, g_strdup (place));
  g_hash_table_insert (self->label_index, (gpointer)own, GUINT_TO_POINTER (self->labels->len));
  return (int)self->labels->len - 1;
}

/* ---- several labels a picture ---------------------------------------------------------------- */

/* Adds one of the labels between separators to `ids`, which stays sorted. */
static gboolean
add_label (DatasetDraft *self, GArray *ids, const char *label, const char *place, GError **error)
{
  if (!*label || !cow_label_is_plain (label)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"%s\" is no label where a picture may have several: \"A" COW_LABEL_SEPARATOR
                 "B\" is expected, or \"" COW_LABEL_NONE "\" alone where no class is shown",
                 place, label);
    return FALSE;
  }
  const int id = dataset_draft_label (self, label, place, error);
  guint at = 0;
  if (id < 0)
    return FALSE;
  while (at < ids->len && g_array_index (ids, int, at) < id)
    at++;
  if (at < ids->len && g_array_index (ids, int, at) == id) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the label \"%s\" is there twice", place,
                 label);
    return FALSE;
  }
  g_array_insert_val (ids, at, id);
  return TRUE;
}

/* The index of the combination of classes that a text names; -1 on error. */
static int
label_set (DatasetDraft *self, const DatasetEntry *entry, const char *place, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (int));
  g_auto (GStrv) labels =
      entry->several && strcmp (entry->label, COW_LABEL_NONE) == 0
          ? g_new0 (char *, 1)
          : g_strsplit (entry->label, entry->several ? COW_LABEL_SEPARATOR : "\n", -1);
  g_autoptr (GString) key = g_string_new (NULL);

  for (char **label = labels; *label; label++)
    if (!add_label (self, ids, g_strstrip (*label), place, error))
      return -1;
  for (guint i = 0; i < ids->len; i++)
    g_string_append_printf (key, "%d ", g_array_index (ids, int, i));
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (self->set_index, key->str));
  if (known)
    return (int)known - 1;
  if (self->sets->len == COW_LABEL_SETS_MOST) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"%s\" is the combination of labels after %d others (is this the column of "
                 "the classes?)",
                 place, entry->label, COW_LABEL_SETS_MOST);
    return -1;
  }
  g_ptr_array_add (self->sets, g_steal_pointer (&ids));
  g_hash_table_insert (self->set_index, g_strdup (key->str), GUINT_TO_POINTER (self->sets->len));
  return (int)self->sets->len - 1;
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Tables of another machine are the usual cause of a missing one. */
static void
explain_picture (const DatasetDraft *self, const DatasetEntry *entry, const char *place, int code,
                 GError **error)
{
  if (code != ENOENT && code != ENOTDIR)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: the picture %s cannot be read: %s",
                 place, entry->path, g_strerror (code));
  else
    g_set_error (
        error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: the picture %s does not exist%s%s", place,
        entry->path, strchr (entry->path, '\\') ? "; its backslashes are of Windows" : "",
        self->options->prefixes ? ""
                                : " (tables: --prefix FROM=TO says where the pictures are now)");
}

gboolean
dataset_draft_add (DatasetDraft *self, const DatasetEntry *entry, const char *place, GError **error)
{
  GStringChunk *strings = self->set->strings;
  const gboolean grouped = entry->group && *entry->group;
  const int label = self->options->multiple
                        ? label_set (self, entry, place, error)
                        : dataset_draft_label (self, entry->label, place, error);

  if (label < 0)
    return FALSE;
  self->n_of_one += self->options->multiple && !entry->several;
  if (!self->options->keep_absent && access (entry->path, R_OK) != 0) {
    explain_picture (self, entry, place, errno, error);
    return FALSE;
  }
  if (self->set->samples->len == COW_DATASET_MOST_SAMPLES) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: more than %d pictures", place,
                 COW_DATASET_MOST_SAMPLES);
    return FALSE;
  }
  CowSample sample = {
    .path = g_string_chunk_insert (strings, entry->path),
    .source = g_string_chunk_insert_const (strings, entry->source ? entry->source : ""),
    .group = grouped ? g_string_chunk_insert_const (strings, entry->group) : NULL,
    .label = label,
    .split = entry->split,
    .box_kind = entry->box_kind
  };
  memcpy (sample.box, entry->box, sizeof sample.box);
  g_array_append_val (self->set->samples, sample);
  if (!grouped && entry->group)
    self->n_ungrouped++;
  return TRUE;
}

void
dataset_draft_note (DatasetDraft *self, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_ptr_array_add (self->set->notes, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

void
dataset_draft_warn (DatasetDraft *self, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_ptr_array_add (self->set->warnings, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

void
dataset_draft_grouped_by (DatasetDraft *self, const char *what)
{
  if (!self->set->grouped_by)
    self->set->grouped_by = g_strdup (what);
}

char *
dataset_group_from_name (const char *path)
{
  char *name = g_path_get_basename (path);
  char *dot = strrchr (name, '.');

  if (dot)
    *dot = '\0';
  for (gsize n = strlen (name); n > 0; n--)
    if (g_ascii_isdigit (name[n - 1])) {
      while (n > 0 && g_ascii_isdigit (name[n - 1]))
        n--;
      name[n] = '\0';
      break;
    }
  /* "0042.jpg" gives "", which is no group: all such names together could not be divided. */
  return name;
}

gboolean
dataset_number (const char *text, guint64 most, guint64 *value, const char **end)
{
  guint64 sum = 0;

  if (!g_ascii_isdigit (*text))
    return FALSE;
  for (; g_ascii_isdigit (*text); text++) {
    sum = 10 * sum + (guint64)(*text - '0');
    if (sum > most)
      return FALSE;
  }
  *value = sum;
  *end = text;
  return TRUE;
}
