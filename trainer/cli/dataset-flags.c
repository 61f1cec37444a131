/* SPDX-License-Identifier: MIT */
#include "trainer/cli/dataset-flags.h"

#include "trainer/cli/verb.h"

void
dataset_flags_add (DatasetFlags *self, GArray *entries)
{
  CowDatasetOptions *data = &self->data;
  const GOptionEntry own[] = {
    { "data", 'd', 0, G_OPTION_ARG_FILENAME, &data->data,
      "Pictures: a folder of classes or a CSV table", "PATH" },
    { "train", 0, 0, G_OPTION_ARG_FILENAME, &data->train, "Training pictures, where they are apart",
      "PATH" },
    { "val", 0, 0, G_OPTION_ARG_FILENAME, &data->val, "Validation pictures, where they are apart",
      "PATH" },
    { "test", 0, 0, G_OPTION_ARG_FILENAME, &data->test, "Test pictures, where they are apart",
      "PATH" },
    { "data-format", 0, 0, G_OPTION_ARG_STRING, &data->format,
      "auto, folders, table, mmcows or mmcows-frames (auto)", "FORMAT" },
    { "path-column", 0, 0, G_OPTION_ARG_STRING, &data->path_column,
      "Tables: column of paths (image_path)", "COLUMN" },
    { "label-column", 0, 0, G_OPTION_ARG_STRING, &data->label_column,
      "Tables: column of classes (label)", "COLUMN" },
    { "source-column", 0, 0, G_OPTION_ARG_STRING, &data->source_column,
      "Tables: column of origins (source)", "COLUMN" },
    { "prefix", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &data->prefixes,
      "Tables: paths that begin with FROM begin with TO", "FROM=TO" },
    { "group-by", 'g', 0, G_OPTION_ARG_STRING, &data->group_by,
      "Keep together: cow, camera, session, COLUMN, name or none", "WHAT" },
    { "classes", 0, 0, G_OPTION_ARG_STRING, &data->classes_text,
      "Classes in order (all labels, sorted)", "A,B,..." },
    { "multi-label", 0, 0, G_OPTION_ARG_NONE, &data->multiple,
      "A picture may have several labels, A|B in a table, or none", NULL },
    { "val-fraction", 0, 0, G_OPTION_ARG_DOUBLE, &self->val_fraction,
      "Fraction of undivided pictures for validation (0.2; eval: 0)", "FRACTION" },
    { "val-part", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_DOUBLE, &self->old_val_fraction, "",
      "FRACTION" },
    { "test-fraction", 0, 0, G_OPTION_ARG_DOUBLE, &self->test_fraction,
      "Fraction of undivided pictures for the test (0)", "FRACTION" },
    { "test-part", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_DOUBLE, &self->old_test_fraction, "",
      "FRACTION" },
    { "allow-missing", 0, 0, G_OPTION_ARG_NONE, &data->allow_missing,
      "Go on when a class has no pictures in a split", NULL },
  };

  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
}

/* Takes a fraction from its flag, or from that of its old name. */
static gboolean
take (double value, double old_value, const char *name, double *fraction, GError **error)
{
  if (value != DATASET_FLAGS_NONE && old_value != DATASET_FLAGS_NONE)
    return verb_usage (
        error, "--%s-fraction and --%s-part are one setting: one of them is expected", name, name);
  if (value != DATASET_FLAGS_NONE)
    *fraction = value;
  else if (old_value != DATASET_FLAGS_NONE)
    *fraction = old_value;
  return TRUE;
}

gboolean
dataset_flags_finish (DatasetFlags *self, GError **error)
{
  return take (self->val_fraction, self->old_val_fraction, "val", &self->data.val_fraction,
               error) &&
         take (self->test_fraction, self->old_test_fraction, "test", &self->data.test_fraction,
               error);
}

void
dataset_flags_clear (DatasetFlags *self)
{
  cow_dataset_options_clear (&self->data);
}
