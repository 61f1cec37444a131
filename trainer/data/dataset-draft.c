/* SPDX-License-Identifier: MIT */
/* Readers of all layouts add the pictures that they find here. */
#include "trainer/data/dataset-draft.h"

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

gboolean
dataset_draft_add (DatasetDraft *self, const DatasetEntry *entry, const char *place, GError **error)
{
  GStringChunk *strings = self->set->strings;
  const gboolean grouped = entry->group && *entry->group;
  const int label = dataset_draft_label (self, entry->label, place, error);

  if (label < 0)
    return FALSE;
  if (!self->options->keep_absent && access (entry->path, R_OK) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: the picture %s does not exist or cannot be read%s%s", place, entry->path,
                 strchr (entry->path, '\\') ? "; its backslashes are of Windows" : "",
                 self->options->prefixes
                     ? ""
                     : " (tables: --prefix FROM=TO says where the pictures are now)");
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
