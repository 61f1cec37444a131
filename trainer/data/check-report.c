/* SPDX-License-Identifier: MIT */
#include "trainer/data/check-report.h"

#include <string.h>

#include "trainer/data/file-names.h"
#include "trainer/data/scan.h"
#include "trainer/host/text-table.h"
#include "trainer/host/words.h"

/* ---- words ----------------------------------------------------------------------------------- */

static const struct {
  const char *name;               /* in JSON */
  const char *exact[2], *near[2]; /* what there is one of, and several */
  const char *advice;
} kinds[CHECK_N_KINDS] = {
  [CHECK_UNREADABLE] = { "unreadable",
                         { "picture cannot be read", "pictures cannot be read" },
                         { NULL },
                         "Take them out or replace them: training stops at one." },
  [CHECK_OUTSIDE] = { "outside",
                      { "box lies outside its picture", "boxes lie outside their picture" },
                      { NULL },
                      "Correct or remove these rows." },
  [CHECK_SIZE] = { "size",
                   { "frame has another size than its annotations say",
                     "frames have another size than their annotations say" },
                   { NULL },
                   "Its boxes lie elsewhere then: use the pictures that were annotated, or correct "
                   "the annotations." },
  [CHECK_NO_COW] = { "no-cow",
                     { "category is none of cows", "categories are none of cows" },
                     { NULL },
                     "Every box is learnt as a cow: take these out of the annotations." },
  [CHECK_CLASS] = { "class-missing",
                    { "class lacks pictures in a split", "classes lack pictures in a split" },
                    { NULL },
                    "Nothing is learnt, or measured, of them there. Add pictures, or train with "
                    "--allow-missing." },
  [CHECK_UNMEASURED] = { "class-unmeasured",
                         { "class got no pictures in a split when they were divided",
                           "classes got no pictures in a split when they were divided" },
                         { NULL },
                         "All of a class is in one group, or there are too few." },
  [CHECK_GROUP] = { "group-torn",
                    { "group is on both sides of the split",
                      "groups are on both sides of the split" },
                    { NULL },
                    "Results will look better than they are: move each group to one side, or let "
                    "--data divide with --group-by." },
  [CHECK_TWO_LABELS] = { "two-labels",
                         { "picture is there under two classes",
                           "pictures are there under two classes" },
                         { "set of pictures looks alike and has two classes",
                           "sets of pictures look alike and have two classes" },
                         "Keep the one that is right." },
  [CHECK_TWO_SPLITS] = { "two-splits",
                         { "picture is there in two splits", "pictures are there in two splits" },
                         { "set of pictures looks alike and is in two splits",
                           "sets of pictures look alike and are in two splits" },
                         "Results will look better than they are: keep each on one side "
                         "(--group-by)." },
  [CHECK_DUPLICATE] = { "duplicate",
                        { "picture is there more than once", "pictures are there more than once" },
                        { "set of pictures looks alike", "sets of pictures look alike" },
                        "They count double." },
  [CHECK_COLUMN] = { "column",
                     { "doubt about the classes", "doubts about the classes" },
                     { NULL },
                     "--label-column names another column." },
  [CHECK_FOLDER] = { "folder",
                     { "picture lies in a folder that is called like another class",
                       "pictures lie in a folder that is called like another class" },
                     { NULL },
                     "One of the two is perhaps wrong." },
  [CHECK_TINY] = { "tiny",
                   { "picture is very small", "pictures are very small" },
                   { NULL },
                   "Little is to be seen on them." },
  [CHECK_ABSENT] = { "absent",
                     { "frame is not there", "frames are not there" },
                     { NULL },
                     "They are left out; --images FOLDER says where the pictures are." },
  [CHECK_NAMED_TWICE] = { "named-twice",
                          { "frame is named again", "frames are named again" },
                          { NULL },
                          "What the first says is taken." },
  [CHECK_NO_BOXES] = { "no-boxes",
                       { "frame has no boxes", "frames have no boxes" },
                       { NULL },
                       "They teach that there is no cow: look whether that is so." },
  [CHECK_EMPTY_BOX] = { "empty-box",
                        { "annotation has no box, or none with an area",
                          "annotations have no box, or none with an area" },
                        { NULL },
                        "They are left out." },
  [CHECK_CUT] = { "cut",
                  { "box stands over the edge of its frame",
                    "boxes stand over the edge of their frames" },
                  { NULL },
                  "They are cut there." },
  [CHECK_BOX_TWICE] = { "box-twice",
                        { "box is there twice", "boxes are there twice" },
                        { "pair of boxes is nearly one", "pairs of boxes are nearly one" },
                        "Of those that overlap by 95 % the first is taken, others count as two "
                        "cows." },
  [CHECK_TINY_BOX] = { "tiny-box",
                       { "box is very small when its frame is resized",
                         "boxes are very small when their frames are resized" },
                       { NULL },
                       "A larger --size shows more of them." },
  [CHECK_FEW_BOXES] = { "few-boxes",
                        { "class has few boxes", "classes have few boxes" },
                        { NULL },
                        "Little can be learnt, or measured, of them." },
  [CHECK_FLAT] = { "flat",
                   { "picture is nearly without contrast", "pictures are nearly without contrast" },
                   { NULL },
                   "Nothing is learnt of them. Scale thermal data and other measurements to 8 "
                   "bits." },
  [CHECK_NOTED] = { "noted",
                    { "picture is read otherwise than it is written",
                      "pictures are read otherwise than they are written" },
                    { NULL },
                    "Look whether that is what is meant." },
};

static const char *
title (CheckKind kind, gboolean near, guint n)
{
  const char *const *titles = near ? kinds[kind].near : kinds[kind].exact;

  return words_of (n, titles[0], titles[1]);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Pictures by split. */
static void
add_counts (TextTable *table, const char *name, const guint *counts)
{
  char *cells[1 + COW_N_SPLITS + 1] = { g_strdup (name) };

  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    cells[1 + split] = g_strdup_printf ("%u", counts[split]);
  text_table_add (table, cells);
}

/* What is counted by split: by class, by combination of labels, or what frames hold. */
static const TextColumn class_columns[] = {
  { "class", TRUE, 0 }, { "train", FALSE, 0 }, { "val", FALSE, 0 }, { "test", FALSE, 0 }
};
static const TextColumn label_columns[] = {
  { "labels", TRUE, 0 }, { "train", FALSE, 0 }, { "val", FALSE, 0 }, { "test", FALSE, 0 }
};

static const TextColumn frame_columns[] = {
  { "boxes", TRUE, 0 }, { "train", FALSE, 0 }, { "val", FALSE, 0 }, { "test", FALSE, 0 }
};

static void
append_counts (GString *text, const TextTable *table)
{
  g_autofree char *rows = text_table_text (table, 0, "");

  g_string_append (text, rows);
}

/* Pictures that have exactly these labels, by split: counts [n_labels, splits]; g_free. */
static guint *
count_sets (const CowDataset *dataset)
{
  guint *counts = g_new0 (guint, (gsize)cow_dataset_n_labels (dataset) * COW_N_SPLITS);

  for (guint i = 0; i < dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (dataset, i);
    counts[(gsize)sample->label * COW_N_SPLITS + sample->split]++;
  }
  return counts;
}

/* Which labels pictures have together, in the order of their appearance. */
static void
add_sets (GString *text, const CowDataset *dataset, guint most)
{
  const CowLabelSets *sets = dataset->sets;
  g_autofree guint *counts = count_sets (dataset);
  g_autoptr (TextTable) table = text_table_new (label_columns, G_N_ELEMENTS (label_columns));
  const guint n = MIN (sets->n, most);

  for (guint i = 0; i < n; i++)
    add_counts (table, sets->texts->pdata[i], counts + (gsize)i * COW_N_SPLITS);
  g_string_append_c (text, '\n');
  append_counts (text, table);
  if (sets->n > n)
    g_string_append_printf (text, "and %u more (--all lists them)\n", sets->n - n);
}

/* Boxes by split: counts [n_classes + 1, splits], those of no class last; g_free. */
static guint *
count_boxes (const CowFrames *frames, guint *without)
{
  guint *counts = g_new0 (guint, (gsize)(frames->n_classes + 1) * COW_N_SPLITS);

  memset (without, 0, COW_N_SPLITS * sizeof *without);
  for (guint i = 0; i < frames->frames->len; i++) {
    const CowFrame *frame = cow_frames_get (frames, i);
    const CowFrameBox *boxes = cow_frames_boxes (frames, frame);
    without[frame->split] += frame->n_boxes == 0;
    for (guint k = 0; k < frame->n_boxes; k++) {
      const guint class = boxes[k].behaviour < 0 ? frames->n_classes : (guint)boxes[k].behaviour;
      counts[(gsize) class * COW_N_SPLITS + frame->split]++;
    }
  }
  return counts;
}

static void
add_frames_table (GString *text, const CowFrames *frames)
{
  g_autoptr (TextTable) table = text_table_new (frame_columns, G_N_ELEMENTS (frame_columns));
  guint without[COW_N_SPLITS], all[COW_N_SPLITS] = { 0 };
  g_autofree guint *counts = count_boxes (frames, without);

  for (guint c = 0; c <= frames->n_classes; c++) {
    const guint *own = counts + (gsize)c * COW_N_SPLITS;
    guint n = 0;
    for (guint split = 0; split < COW_N_SPLITS; split++) {
      all[split] += own[split];
      n += own[split];
    }
    if (c < frames->n_classes)
      add_counts (table, frames->classes[c], own);
    else if (n > 0 && frames->n_classes > 0)
      add_counts (table, "(no behaviour)", own);
  }
  add_counts (table, "all boxes", all);
  for (guint split = 0; split < COW_N_SPLITS; split++)
    all[split] = frames->splits[split]->len;
  add_counts (table, "frames", all);
  add_counts (table, "frames without boxes", without);
  append_counts (text, table);
}

static void
add_classes_table (GString *text, const CowDataset *dataset, guint most)
{
  g_autoptr (TextTable) table = text_table_new (class_columns, G_N_ELEMENTS (class_columns));
  guint counts[COW_N_SPLITS];

  for (guint c = 0; c < dataset->n_classes; c++) {
    for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
      counts[split] = cow_dataset_count (dataset, split, (int)c);
    add_counts (table, dataset->classes[c], counts);
  }
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    counts[split] = cow_dataset_count_none (dataset, split);
  if (dataset->sets)
    add_counts (table, COW_LABEL_NONE, counts);
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    counts[split] = dataset->splits[split]->len;
  add_counts (table, "all", counts);
  append_counts (text, table);
  if (dataset->sets)
    add_sets (text, dataset, most);
}

static void
add_table (GString *text, const Check *self, guint most)
{
  const CowDataset *dataset = self->dataset;

  if (self->frames)
    add_frames_table (text, self->frames);
  else
    add_classes_table (text, dataset, most);
  if (dataset->divided)
    g_string_append_printf (text, "(divided here%s%s)\n",
                            dataset->grouped_by ? ", kept together by " : "",
                            dataset->grouped_by ? dataset->grouped_by : "");
}

static void
add_finding (GString *text, const Check *self, const CheckFinding *finding, guint most)
{
  const guint n = finding->samples->len;

  if (finding->text && n != 1)
    g_string_append_printf (text, "  %s%s\n", finding->text, n > 0 ? ":" : "");
  for (guint i = 0; i < MIN (n, most); i++) {
    const CowSample *sample =
        cow_dataset_sample (self->dataset, g_array_index (finding->samples, guint, i));
    g_autofree char *path = file_name_text (sample->path);
    g_string_append_printf (text, "  %s%s", n > 1 ? (i == 0 && !finding->text ? "- " : "  ") : "",
                            path);
    if (n == 1 && finding->text)
      g_string_append_printf (text, ": %s\n", finding->text);
    else if (self->frames)
      g_string_append_printf (text, "  (%s)\n", cow_split_name (sample->split));
    else
      g_string_append_printf (text, "  (%s, %s)\n", cow_dataset_label_text (self->dataset, sample),
                              cow_split_name (sample->split));
  }
  if (n > most)
    g_string_append_printf (text, "    and %u more\n", n - most);
}

static void
add_kind (GString *text, const Check *self, CheckKind kind, gboolean near, guint most)
{
  guint n = 0;

  for (guint i = 0; i < self->findings->len; i++) {
    const CheckFinding *finding = self->findings->pdata[i];
    n += finding->kind == kind && finding->near == near;
  }
  if (n == 0)
    return;
  g_string_append_printf (text, "\n%s: %u %s. %s\n",
                          check_is_problem (kind, near) ? "Problem" : "Warning", n,
                          title (kind, near, n), kinds[kind].advice);
  guint shown = 0;
  for (guint i = 0; i < self->findings->len && shown < most; i++) {
    const CheckFinding *finding = self->findings->pdata[i];
    if (finding->kind != kind || finding->near != near)
      continue;
    add_finding (text, self, finding, most);
    shown++;
  }
  if (n > shown)
    g_string_append_printf (text, "  and %u more (--all lists them)\n", n - shown);
}

static void
add_passed (GString *text, const GPtrArray *passed, guint most)
{
  const guint n = passed->len;

  if (n > 0)
    g_string_append (text, "\nLeft out:\n");
  for (guint i = 0; i < MIN (n, most); i++) {
    const PassedFile *file = passed->pdata[i];
    g_autofree char *path = file_name_text (file->path);
    g_string_append_printf (text, "  %s: %s\n", path, scan_reason_text (file->reason));
  }
  if (n > most)
    g_string_append_printf (text, "  and %u more (--all lists them)\n", n - most);
}

char *
check_report_text (const Check *self, guint most)
{
  GString *text = g_string_new (NULL);
  const guint n_problems = check_n_problems (self),
              n_warnings = self->findings->len - n_problems + self->warnings->len;

  add_table (text, self, most);
  for (guint i = 0; i < self->notes->len; i++)
    g_string_append_printf (text, "%s%s\n", i == 0 ? "\n" : "",
                            (const char *)self->notes->pdata[i]);
  for (guint i = 0; i < self->warnings->len; i++)
    g_string_append_printf (text, "\nWarning: %s\n", (const char *)self->warnings->pdata[i]);
  add_passed (text, self->passed, most);
  for (CheckKind kind = 0; kind < CHECK_N_KINDS; kind++)
    for (gboolean near = FALSE; near <= TRUE; near++)
      add_kind (text, self, kind, near, most);
  g_string_append_printf (text, "\n%u %s%s: %u problem%s, %u warning%s\n",
                          self->dataset->samples->len, self->frames ? "frame" : "picture",
                          words_s (self->dataset->samples->len), n_problems, words_s (n_problems),
                          n_warnings, words_s (n_warnings));
  return g_string_free (text, FALSE);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static JsonObject *
counts_object (const CowDataset *dataset)
{
  JsonObject *object = json_object_new ();

  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++) {
    JsonObject *counts = json_object_new ();
    for (guint c = 0; c < dataset->n_classes; c++)
      json_object_set_int_member (counts, dataset->classes[c],
                                  cow_dataset_count (dataset, split, (int)c));
    json_object_set_object_member (object, cow_split_name (split), counts);
  }
  return object;
}

/* The same of frames: how many there are, how many without boxes, and boxes by class. */
static JsonObject *
frames_object (const CowFrames *frames)
{
  JsonObject *object = json_object_new ();
  guint without[COW_N_SPLITS];
  g_autofree guint *counts = count_boxes (frames, without);

  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++) {
    JsonObject *part = json_object_new (), *classes = json_object_new ();
    guint n = 0;
    for (guint c = 0; c <= frames->n_classes; c++) {
      n += counts[(gsize)c * COW_N_SPLITS + split];
      if (c < frames->n_classes)
        json_object_set_int_member (classes, frames->classes[c],
                                    counts[(gsize)c * COW_N_SPLITS + split]);
    }
    json_object_set_int_member (part, "frames", frames->splits[split]->len);
    json_object_set_int_member (part, "without_boxes", without[split]);
    json_object_set_int_member (part, "boxes", n);
    json_object_set_object_member (part, "classes", classes);
    json_object_set_object_member (object, cow_split_name (split), part);
  }
  return object;
}

static JsonObject *
finding_object (const Check *self, const CheckFinding *finding)
{
  JsonObject *object = json_object_new ();
  JsonArray *pictures = json_array_new ();

  json_object_set_string_member (object, "kind", kinds[finding->kind].name);
  json_object_set_boolean_member (object, "near", finding->near);
  json_object_set_boolean_member (object, "problem",
                                  check_is_problem (finding->kind, finding->near));
  if (finding->text)
    json_object_set_string_member (object, "text", finding->text);
  for (guint i = 0; i < finding->samples->len; i++) {
    const CowSample *sample =
        cow_dataset_sample (self->dataset, g_array_index (finding->samples, guint, i));
    JsonObject *picture = json_object_new ();
    g_autofree char *path = file_name_text (sample->path);
    json_object_set_string_member (picture, "path", path);
    if (!self->frames)
      json_object_set_string_member (picture, "label",
                                     cow_dataset_label_text (self->dataset, sample));
    json_object_set_string_member (picture, "split", cow_split_name (sample->split));
    json_array_add_object_element (pictures, picture);
  }
  json_object_set_array_member (object, "pictures", pictures);
  return object;
}

/* [{"labels": [...], "train", "val", "test"}, ...] */
static JsonArray *
sets_array (const CowDataset *dataset)
{
  JsonArray *array = json_array_new ();
  g_autofree guint *counts = count_sets (dataset);

  for (guint i = 0; i < dataset->sets->n; i++) {
    JsonObject *object = json_object_new ();
    JsonArray *labels = json_array_new ();
    for (guint c = 0; c < dataset->n_classes; c++)
      if (cow_label_sets_get (dataset->sets, i)[c])
        json_array_add_string_element (labels, dataset->classes[c]);
    json_object_set_array_member (object, "labels", labels);
    for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
      json_object_set_int_member (object, cow_split_name (split),
                                  counts[(gsize)i * COW_N_SPLITS + split]);
    json_array_add_object_element (array, object);
  }
  return array;
}

JsonObject *
check_report_json (const Check *self)
{
  JsonObject *object = json_object_new ();
  JsonArray *findings = json_array_new (), *warnings = json_array_new (),
            *notes = json_array_new (), *passed = json_array_new ();

  for (guint i = 0; i < self->findings->len; i++)
    json_array_add_object_element (findings, finding_object (self, self->findings->pdata[i]));
  for (guint i = 0; i < self->warnings->len; i++)
    json_array_add_string_element (warnings, self->warnings->pdata[i]);
  for (guint i = 0; i < self->notes->len; i++)
    json_array_add_string_element (notes, self->notes->pdata[i]);
  for (guint i = 0; i < self->passed->len; i++) {
    const PassedFile *file = self->passed->pdata[i];
    g_autofree char *path = file_name_text (file->path);
    JsonObject *member = json_object_new ();
    json_object_set_string_member (member, "path", path);
    json_object_set_string_member (member, "reason", scan_reason_name (file->reason));
    json_array_add_object_element (passed, member);
  }
  json_object_set_int_member (object, "pictures", self->dataset->samples->len);
  json_object_set_int_member (object, "problems", check_n_problems (self));
  if (self->frames)
    json_object_set_int_member (object, "boxes", self->frames->boxes->len);
  json_object_set_object_member (object, "splits",
                                 self->frames ? frames_object (self->frames)
                                              : counts_object (self->dataset));
  if (self->dataset->sets)
    json_object_set_array_member (object, "label_sets", sets_array (self->dataset));
  json_object_set_array_member (object, "warnings", warnings);
  json_object_set_array_member (object, "findings", findings);
  json_object_set_array_member (object, "understood", notes);
  json_object_set_array_member (object, "left_out", passed);
  return object;
}
