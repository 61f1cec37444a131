/* SPDX-License-Identifier: MIT */
/* `cow-trainer labels`: pictures of `crop` to the programs that people label with, and labels back.
 */
#include <stdlib.h>
#include <string.h>

#include "trainer/cli/verb.h"
#include "trainer/data/cvat.h"
#include "trainer/data/label-exchange.h"
#include "trainer/data/label-studio.h"
#include "trainer/host/words.h"

static const VerbHelp help = {
  "[EXPORT...]",
  "Exchanges labels of pictures with Label Studio and CVAT.",
  "Examples:\n"
  "  cow-trainer labels --data barn --classes Lying,Standing --label-studio barn-tasks.json\n"
  "  cow-trainer labels --data barn export.json         labels that were given there, into barn\n"
  "\n"
  "--data is a folder that `crop` filled. --label-studio writes tasks to import, and beside them\n"
  "the labelling interface (FILE.xml: Settings, Labeling Interface, Code). Label Studio shows the\n"
  "pictures where it was started with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and\n"
  "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=DATA, and has DATA/crops as a local storage.\n"
  "--cvat writes \"CVAT for images 1.1\" to upload into a task of the pictures, and beside it the\n"
  "task's labels (FILE.json: Constructor, Raw). An EXPORT is Label Studio's JSON or JSON-MIN, or\n"
  "CVAT's annotations.xml; its labels go into crops.csv, in place of others that are there. A\n"
  "picture to which several people gave different labels keeps what it has.",
};

typedef struct {
  char *data, *classes_text, *label_studio, *cvat;
  char **exports;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->data);
  g_free (self->classes_text);
  g_free (self->label_studio);
  g_free (self->cvat);
  g_strfreev (self->exports);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* ---- reading --------------------------------------------------------------------------------- */

static void
say_what_is_left_out (const char *path, const CowLabelCounts *counts)
{
  if (counts->n_several > 0)
    g_printerr ("cow-trainer: %s: %u picture%s with labels that differ, of which none is taken (%s "
                "is the first)\n",
                path, counts->n_several, words_s (counts->n_several), counts->several);
  if (counts->n_unknown > 0)
    g_printerr ("cow-trainer: %s: %u picture%s not in crops.csv, or not one alone (%s is the "
                "first)\n",
                path, counts->n_unknown, words_s (counts->n_unknown), counts->unknown);
  if (counts->n_shapes > 0)
    g_printerr ("cow-trainer: %s: %u box%s or the like, which are not read: labels are tags of "
                "whole pictures\n",
                path, counts->n_shapes, counts->n_shapes == 1 ? "" : "es");
}

static gboolean
read_export (CowCropTable *table, const char *path, GError **error)
{
  CowLabelCounts counts = { 0 };
  const gboolean ok =
      cow_labels_read (path, table, &counts, error) && cow_crop_table_save (table, error);

  if (ok) {
    g_print ("%s: %u new label%s, %u changed, %u as before, %u picture%s without\n", path,
             counts.n_new, words_s (counts.n_new), counts.n_changed, counts.n_same,
             counts.n_without, words_s (counts.n_without));
    say_what_is_left_out (path, &counts);
  }
  g_free (counts.unknown);
  g_free (counts.several);
  return ok;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* --classes, and what the table has besides; ends with NULL. */
static GPtrArray *
classes_of (const Options *options, const CowCropTable *table, GError **error)
{
  g_autoptr (GPtrArray) classes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  g_auto (GStrv) named = g_strsplit (options->classes_text ? options->classes_text : "", ",", -1);

  for (char **name = named; *name; name++)
    if (*g_strstrip (*name) && !g_hash_table_contains (known, *name)) {
      g_ptr_array_add (classes, g_strdup (*name));
      g_hash_table_add (known, classes->pdata[classes->len - 1]);
    }
  const guint n_named = classes->len;
  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    const char *label = cow_crop_table_get (table, i, COW_CROP_LABEL);
    if (*label && !g_hash_table_contains (known, label)) {
      g_ptr_array_add (classes, g_strdup (label));
      g_hash_table_add (known, classes->pdata[classes->len - 1]);
    }
  }
  if (classes->len == 0) {
    verb_usage (error, "--classes A,B,... is missing: no picture has a label yet");
    return NULL;
  }
  qsort (classes->pdata + n_named, classes->len - n_named, sizeof *classes->pdata, compare);
  g_ptr_array_add (classes, NULL);
  return g_steal_pointer (&classes);
}

static gboolean
write_projects (const Options *options, const CowCropTable *table, GError **error)
{
  g_autoptr (GPtrArray) classes = classes_of (options, table, error);

  if (!classes)
    return FALSE;
  const char *const *names = (const char *const *)classes->pdata;
  if (options->label_studio && !cow_label_studio_write (table, names, options->label_studio, error))
    return FALSE;
  if (options->cvat && !cow_cvat_write (table, names, options->cvat, error))
    return FALSE;
  for (guint i = 0; i < 2; i++) {
    const char *path = i ? options->cvat : options->label_studio;
    g_autofree char *beside = path ? cow_labels_beside (path, i ? ".json" : ".xml") : NULL;
    if (path)
      g_print ("Written: %s and %s: %u picture%s, %u class%s\n", path, beside,
               cow_crop_table_n_rows (table), words_s (cow_crop_table_n_rows (table)),
               classes->len - 1, words_of (classes->len - 1, "", "es"));
  }
  return TRUE;
}

static gboolean
check_options (const Options *options, GError **error)
{
  if (!options->data)
    return verb_usage (error, "--data is missing: a folder that `crop` filled");
  if (!options->exports && !options->label_studio && !options->cvat)
    return verb_usage (error, "nothing to do: an export to read, --label-studio or --cvat is "
                              "expected");
  for (guint i = 0; i < 2; i++) {
    const char *path = i ? options->cvat : options->label_studio, *own = i ? ".json" : ".xml";
    if (path && g_str_has_suffix (path, own))
      return verb_usage (error, "%s: its name ends as that of the file beside it, which has \"%s\"",
                         path, own);
  }
  return TRUE;
}

gboolean
verb_labels (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "data", 'd', 0, G_OPTION_ARG_FILENAME, &options.data, "Folder that `crop` filled", "FOLDER" },
    { "classes", 0, 0, G_OPTION_ARG_STRING, &options.classes_text,
      "Classes to choose from, besides those that pictures have", "A,B,..." },
    { "label-studio", 0, 0, G_OPTION_ARG_FILENAME, &options.label_studio,
      "Write tasks for Label Studio", "FILE.json" },
    { "cvat", 0, 0, G_OPTION_ARG_FILENAME, &options.cvat, "Write annotations for CVAT",
      "FILE.xml" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.exports, NULL, NULL },
    { 0 },
  };

  if (!verb_parse (&help, entries, argc, argv, error) || !check_options (&options, error))
    return FALSE;
  g_autoptr (CowCropTable) table = cow_crop_table_open (options.data, error);
  if (!table)
    return FALSE;
  if (cow_crop_table_n_rows (table) == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no pictures in " COW_CROP_TABLE ", which `crop` writes", options.data);
    return FALSE;
  }
  for (char **path = options.exports; path && *path; path++)
    if (!read_export (table, *path, error))
      return FALSE;
  return (!options.label_studio && !options.cvat) || write_projects (&options, table, error);
}
