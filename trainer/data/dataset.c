/* SPDX-License-Identifier: MIT */
#include "trainer/data/dataset.h"

#include <string.h>

const char *
cow_split_name (CowSplit split)
{
  static const char *const names[] = { "train", "val", "test" };
  return names[split];
}

static const struct {
  const char *word;
  CowSplit split;
} split_words[] = {
  { "train", COW_TRAIN }, { "training", COW_TRAIN }, { "val", COW_VAL },
  { "valid", COW_VAL },   { "validation", COW_VAL }, { "dev", COW_VAL },
  { "test", COW_TEST },   { "testing", COW_TEST },
};

gboolean
cow_split_parse (const char *text, CowSplit *split)
{
  g_autofree char *word = g_strstrip (g_strdup (text));

  for (guint i = 0; i < G_N_ELEMENTS (split_words); i++)
    if (g_ascii_strcasecmp (word, split_words[i].word) == 0) {
      *split = split_words[i].split;
      return TRUE;
    }
  return FALSE;
}

/* "train", "trainset", "train2", but not "trainer". */
static gboolean
is_split_word (const char *text)
{
  static const char *const behind[] = { "", "set", "data", "images", "imgs", "split" };
  g_autofree char *word = g_ascii_strdown (text, -1);

  for (gsize n = strlen (word); n > 0 && g_ascii_isdigit (word[n - 1]); n--)
    word[n - 1] = '\0';
  for (guint i = 0; i < G_N_ELEMENTS (split_words); i++)
    for (guint k = 0; k < G_N_ELEMENTS (behind); k++)
      if (g_str_has_prefix (word, split_words[i].word) &&
          g_str_equal (word + strlen (split_words[i].word), behind[k]))
        return TRUE;
  return FALSE;
}

gboolean
cow_split_looks_like (const char *text)
{
  g_auto (GStrv) words = g_strsplit_set (text, " _-.()", -1);

  for (char **word = words; *word; word++)
    if (is_split_word (*word))
      return TRUE;
  return FALSE;
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
  g_ptr_array_unref (self->notes);
  g_ptr_array_unref (self->passed);
  cow_picture_remarks_free (self->remarks);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    g_array_unref (self->splits[i]);
  g_strfreev (self->classes);
  g_clear_pointer (&self->sets, cow_label_sets_free);
  g_free (self->grouped_by);
  g_string_chunk_free (self->strings);
  g_free (self);
}

static void
say (const GPtrArray *texts)
{
  for (guint i = 0; i < texts->len; i++)
    g_printerr ("cow-trainer: warning: %s\n", (const char *)texts->pdata[i]);
}

void
cow_dataset_say_warnings (const CowDataset *self)
{
  say (self->warnings);
}

void
cow_dataset_say_remarks (const CowDataset *self)
{
  g_autoptr (GPtrArray) texts = cow_picture_remarks_take (self->remarks);

  say (texts);
}

guint
cow_dataset_n_labels (const CowDataset *self)
{
  return self->sets ? self->sets->n : self->n_classes;
}

const char *
cow_dataset_label_text (const CowDataset *self, const CowSample *sample)
{
  return self->sets ? self->sets->texts->pdata[sample->label] : self->classes[sample->label];
}

guint
cow_dataset_count (const CowDataset *self, CowSplit split, int class)
{
  const GArray *indices = self->splits[split];
  guint n = 0;

  for (guint i = 0; i < indices->len; i++)
    n += cow_dataset_shows (self, cow_dataset_sample (self, g_array_index (indices, guint, i)),
                            (guint) class) != 0;
  return n;
}

guint
cow_dataset_count_none (const CowDataset *self, CowSplit split)
{
  const GArray *indices = self->splits[split];
  guint n = 0;

  for (guint i = 0; self->sets && i < indices->len; i++)
    n += g_str_equal (
        cow_dataset_label_text (self, cow_dataset_sample (self, g_array_index (indices, guint, i))),
        COW_LABEL_NONE);
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

float *
cow_dataset_positive_weights (const CowDataset *self)
{
  const guint all = self->splits[COW_TRAIN]->len;
  float *weights = g_new0 (float, self->n_classes);

  for (guint c = 0; c < self->n_classes; c++) {
    const guint n = cow_dataset_count (self, COW_TRAIN, (int)c);
    weights[c] = n > 0 && n < all ? (float)((double)(all - n) / n) : 1;
  }
  return weights;
}
