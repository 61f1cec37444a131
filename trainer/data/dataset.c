/* SPDX-License-Identifier: MIT */
#include "trainer/data/dataset.h"

const char *
cow_split_name (CowSplit split)
{
  static const char *const names[] = { "train", "val", "test" };
  return names[split];
}

gboolean
cow_sample_region (const CowSample *sample, int width, int height, CowRegion *region)
{
  const double x_scale = sample->box_kind == COW_BOX_NORMALISED ? width : 1,
               y_scale = sample->box_kind == COW_BOX_NORMALISED ? height : 1;

  if (sample->box_kind == COW_BOX_NONE)
    return FALSE;
  region->x = (int)(sample->box[0] * x_scale);
  region->y = (int)(sample->box[1] * y_scale);
  region->w = MAX ((int)((sample->box[0] + sample->box[2]) * x_scale) - region->x, 1);
  region->h = MAX ((int)((sample->box[1] + sample->box[3]) * y_scale) - region->y, 1);
  return TRUE;
}

void
cow_dataset_options_clear (CowDatasetOptions *options)
{
  char **strings[] = { &options->data,         &options->train,        &options->val,
                       &options->test,         &options->format,       &options->group_by,
                       &options->path_column,  &options->label_column, &options->classes_text,
                       &options->source_column };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_clear_pointer (strings[i], g_free);
  g_clear_pointer (&options->prefixes, g_strfreev);
  g_clear_pointer (&options->classes, g_strfreev);
}

void
cow_dataset_free (CowDataset *self)
{
  if (!self)
    return;
  g_array_unref (self->samples);
  g_ptr_array_unref (self->warnings);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    g_array_unref (self->splits[i]);
  g_strfreev (self->classes);
  g_free (self->grouped_by);
  g_string_chunk_free (self->strings);
  g_free (self);
}

guint
cow_dataset_count (const CowDataset *self, CowSplit split, int label)
{
  const GArray *indices = self->splits[split];
  guint n = 0;

  for (guint i = 0; i < indices->len; i++)
    n += cow_dataset_sample (self, g_array_index (indices, guint, i))->label == label;
  return n;
}

float *
cow_dataset_class_weights (const CowDataset *self)
{
  float *weights = g_new0 (float, self->n_classes);
  guint n_present = 0;

  for (guint c = 0; c < self->n_classes; c++)
    n_present += cow_dataset_count (self, COW_TRAIN, (int)c) > 0;
  for (guint c = 0; c < self->n_classes; c++) {
    const guint n = cow_dataset_count (self, COW_TRAIN, (int)c);
    weights[c] = n ? (float)((double)self->splits[COW_TRAIN]->len / ((double)n_present * n)) : 0;
  }
  return weights;
}
