/* SPDX-License-Identifier: MIT */
#include "pipelines/outputs.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/files/file-writer.h"
#include "pipelines/elements.h"
#include "pipelines/service.h"

/* ---- an input that is an output -------------------------------------------------------------- */

/* Whether the path leads to this file. */
static gboolean
is_file (const char *path, const struct stat *file)
{
  struct stat found;

  return stat (path, &found) == 0 && S_ISREG (found.st_mode) && found.st_dev == file->st_dev &&
         found.st_ino == file->st_ino;
}

/* Whether one of the files that a pattern for printf means is this file. */
static gboolean
pattern_means (const char *pattern, const struct stat *file)
{
  g_autofree char *folder = g_path_get_dirname (pattern), *name = g_path_get_basename (pattern),
                  *escaped = g_regex_escape_string (name, -1), *expression = NULL;
  g_autoptr (GRegex) number = g_regex_new ("%0?[0-9]*[du]", 0, 0, NULL), names = NULL;
  g_auto (GStrv) folder_parts = g_strsplit (folder, "%%", -1);
  g_autofree char *plain_folder = g_strjoinv ("%", folder_parts);
  g_autoptr (GDir) entries = g_dir_open (plain_folder, 0, NULL);
  const char *entry;

  expression = g_regex_replace_literal (number, escaped, -1, 0, "[0-9]+", 0, NULL);
  names = g_regex_new (expression, G_REGEX_ANCHORED, 0, NULL);
  while (entries && names && (entry = g_dir_read_name (entries))) {
    g_autofree char *path = g_build_filename (plain_folder, entry, NULL);

    if (g_regex_match (names, entry, 0, NULL) && is_file (path, file))
      return TRUE;
  }
  return FALSE;
}

/* Whether the element would write to the file; `path` is set to the name that it has for it. */
static gboolean
writes_to (GstElement *element, const struct stat *file, char **path)
{
  static const char *const properties[] = { "location", "playlist-location", "file" };

  if (!GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SINK) &&
      !element_is (GST_OBJECT (element), "cowpublish"))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), properties[i]);

    if (!spec || spec->value_type != G_TYPE_STRING)
      continue;
    g_object_get (element, properties[i], path, NULL);
    if (*path && (is_file (*path, file) || (strchr (*path, '%') && pattern_means (*path, file))))
      return TRUE;
    g_clear_pointer (path, g_free);
  }
  return FALSE;
}

gboolean
outputs_check (GstBin *reads, GstBin *writes, GError **error)
{
  g_autoptr (GPtrArray) sources = elements_of (reads), sinks = elements_of (writes);

  for (guint i = 0; i < sources->len; i++) {
    g_autofree char *input = NULL, *output = NULL;
    struct stat file;

    if (!element_is (sources->pdata[i], "filesrc"))
      continue;
    g_object_get (sources->pdata[i], "location", &input, NULL);
    if (!input || stat (input, &file) != 0 || !S_ISREG (file.st_mode))
      continue;
    for (guint k = 0; k < sinks->len; k++) {
      if (!writes_to (sinks->pdata[k], &file, &output))
        continue;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   "%s would be overwritten while it is read, as %s; choose another output", input,
                   output);
      return FALSE;
    }
  }
  return TRUE;
}

/* ---- a file that is replaced ----------------------------------------------------------------- */

typedef struct {
  char *name;            /* of the file that is meant */
  CowFileWriter *writer; /* of the one that the sink writes */
  gboolean existed;
  gint named; /* atomic; once somebody has begun to give it its name */
} Output;

struct _Outputs {
  GPtrArray *files;
  gboolean wait; /* until the run has ended */
};

static void
output_free (gpointer data)
{
  Output *output = data;

  cow_file_writer_free (output->writer);
  g_free (output->name);
  g_free (output);
}

/* -1: nobody can tell. */
static goffset
size_of (const char *path)
{
  struct stat file;

  return stat (path, &file) == 0 ? file.st_size : -1;
}

/* The sink gathers bytes: what has come to it is not yet written. Where this fails it is tried
 * again at the end. */
static GstPadProbeReturn
on_bytes (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Output *output = data;

  if (size_of (cow_file_writer_part (output->writer)) <= 0)
    return GST_PAD_PROBE_OK;
  if (g_atomic_int_compare_and_exchange (&output->named, 0, 1) &&
      !cow_file_writer_finish (output->writer, NULL))
    g_atomic_int_set (&output->named, 0);
  return GST_PAD_PROBE_REMOVE;
}

static gboolean
replace_later (Outputs *self, GstElement *sink, GError **error)
{
  g_autofree char *location = NULL;
  gboolean append;
  struct stat old;
  Output *output;
  GstPad *pad;

  g_object_get (sink, "location", &location, "append", &append, NULL);
  if (!location || append)
    return TRUE;
  output = g_new0 (Output, 1);
  output->existed = stat (location, &old) == 0;
  if (output->existed && !S_ISREG (old.st_mode)) { /* a pipe, a device, a folder */
    output_free (output);
    return TRUE;
  }
  g_ptr_array_add (self->files, output);
  output->name = realpath (location, NULL);
  if (!output->name)
    output->name = g_strdup (location);
  output->writer = cow_file_writer_new (output->name, error);
  if (!output->writer)
    return FALSE;
  g_object_set (sink, "location", cow_file_writer_part (output->writer), NULL);
  if (self->wait && output->existed)
    return TRUE;
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, on_bytes,
                     output, NULL);
  gst_object_unref (pad);
  return TRUE;
}

Outputs *
outputs_new (GstBin *bin, GError **error)
{
  g_autoptr (GPtrArray) elements = elements_of (bin);
  Outputs *self = g_new0 (Outputs, 1);

  self->files = g_ptr_array_new_with_free_func (output_free);
  for (guint i = 0; i < elements->len; i++)
    self->wait |= element_is (elements->pdata[i], "filesrc");
  for (guint i = 0; i < elements->len; i++) {
    if (element_is (elements->pdata[i], "filesink") &&
        !replace_later (self, elements->pdata[i], error)) {
      outputs_free (self, TRUE);
      return NULL;
    }
  }
  return self;
}

/* Gives a file that has no name by now its name, or leaves what was there. */
static gboolean
end (Output *output, gboolean failed)
{
  g_autoptr (GError) error = NULL;
  const char *part = output->writer ? cow_file_writer_part (output->writer) : NULL;

  if (g_atomic_int_get (&output->named))
    return TRUE;
  if (part && !failed && size_of (part) != 0) {
    if (cow_file_writer_finish (output->writer, &error))
      return TRUE;
    service_say (SAY_ERROR, "ERROR: %s\n", error->message);
  }
  if (output->existed)
    service_say (SAY_INFO, "%s is left as it was\n", output->name);
  return !error;
}

gboolean
outputs_free (Outputs *self, gboolean failed)
{
  gboolean ok = TRUE;

  for (guint i = 0; self && i < self->files->len; i++)
    ok &= end (self->files->pdata[i], failed);
  if (self)
    g_ptr_array_unref (self->files);
  g_free (self);
  return ok;
}
