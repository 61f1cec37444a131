/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a table of pictures, through the whole reader. The first byte chooses options; the
 * rest is the table, in whatever encoding. What comes out is a set whose samples can be looked at,
 * each picture with a class that there is.
 */
#include <math.h>
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/dataset.h"

static void
check_sample (const CowDataset *set, const CowSample *sample)
{
  CowRegion region;

  g_assert_true (sample->label >= 0 && (guint)sample->label < cow_dataset_n_labels (set));
  g_assert_true (sample->path && *sample->path && sample->source);
  g_assert_true (sample->split >= COW_TRAIN && sample->split < COW_N_SPLITS);
  for (guint i = 0; sample->box_kind != COW_BOX_NONE && i < 4; i++)
    g_assert_true (isfinite (sample->box[i]));
  if (cow_sample_region (sample, 640, 480, &region))
    cow_region_clip (&region, 640, 480, NULL);
}

static void
check_lines (const GPtrArray *lines)
{
  for (guint i = 0; i < lines->len; i++)
    g_assert_true (g_utf8_validate (lines->pdata[i], -1, NULL) && !strchr (lines->pdata[i], '\n'));
}

static void
check (const CowDataset *set)
{
  gsize n = 0;

  for (guint i = 0; i < set->samples->len; i++)
    check_sample (set, cow_dataset_sample (set, i));
  for (guint split = 0; split < COW_N_SPLITS; split++)
    n += set->splits[split]->len;
  g_assert_true (n == set->samples->len);
  for (guint i = 0; i < set->n_classes; i++)
    g_assert_true (g_utf8_validate (set->classes[i], -1, NULL) && *set->classes[i]);
  check_lines (set->warnings);
  check_lines (set->notes);
  g_free (cow_dataset_class_weights (set));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static char *groups[] = { NULL, "name", "cow", "none" };
  char *prefixes[] = { "/data/=pictures/", NULL };
  FuzzInput input = { data, size };
  const guint8 choice = fuzz_byte (&input);
  g_autofree char *path = fuzz_path ("table.csv");
  CowDatasetOptions options = COW_DATASET_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  fuzz_put ("table.csv", input.next, input.left);
  fuzz_put ("a.jpg", "", 0);
  options.data = path;
  options.format = "table";
  options.group_by = groups[choice & 3];
  options.prefixes = choice & 4 ? prefixes : NULL;
  options.allow_missing = (choice & 8) != 0;
  options.keep_absent = (choice & 16) == 0;
  options.val_fraction = choice & 32 ? 0 : 0.2;
  options.multiple = (choice & 64) != 0;
  g_autoptr (CowDataset) set = cow_dataset_open (&options, &error);
  fuzz_check_outcome (set != NULL, error);
  if (set)
    check (set);
  return 0;
}
