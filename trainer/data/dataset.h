/* SPDX-License-Identifier: MIT */
/*
 * The pictures of a training or an evaluation, each with a class, or where that is asked for with
 * any number of classes, in up to three splits. They are
 * read from folders of classes, CSV tables or MmCows' own layouts; nothing is decoded here.
 * Afterwards the set does not change and may be read by any number of threads; they gather remarks.
 */
#ifndef COW_TRAINER_DATASET_H
#define COW_TRAINER_DATASET_H

#include "model/adapter/preprocess.h"
#include "trainer/data/label-sets.h"
#include "trainer/data/picture-remarks.h"

G_BEGIN_DECLS

#define COW_DATASET_MOST_SAMPLES 20000000
#define COW_DATASET_MOST_CLASSES 1000

typedef enum { COW_TRAIN, COW_VAL, COW_TEST, COW_N_SPLITS } CowSplit;

/* "train" | "val" | "test" */
const char *cow_split_name (CowSplit split);
/* The split that a word names in any case: train, training, val, valid, validation, dev, test,
 * testing. */
gboolean cow_split_parse (const char *text, CowSplit *split);
/* Whether a name is one, or looks as if it were meant ("train_images", "testset", "my-val"). */
gboolean cow_split_looks_like (const char *text);

typedef enum {
  COW_BOX_NONE,      /* the whole picture */
  COW_BOX_PIXELS,    /* left, top, width, height in pixels */
  COW_BOX_NORMALISED /* the same as parts of the picture's width and height */
} CowBoxKind;

/* One labelled picture, or part of one. All strings are the set's. */
typedef struct {
  const char *path;
  const char *source; /* where it comes from (data set, camera), for results by source; "" when
                         nothing says so */
  const char *group;  /* pictures of one group (cow, camera, session) stay on one side of a split;
                         NULL when alone */
  int label;          /* index in the set's classes; where it has `sets`, in those */
  CowSplit split;
  CowBoxKind box_kind;
  double box[4]; /* x, y, w, h as box_kind says */
} CowSample;

/* The part of a picture of width x height pixels that the sample means; FALSE when it means all of
 * it. It may lie outside. */
gboolean cow_sample_region (const CowSample *sample, int width, int height, CowRegion *region);

typedef struct {
  GArray *samples; /* of CowSample, in an order that depends on the input alone */
  GStrv classes;   /* [n_classes] and NULL */
  guint n_classes;
  CowLabelSets *sets; /* where pictures have any number of labels; NULL: each has one class */
  GArray *splits[COW_N_SPLITS]; /* of guint: indices in `samples`, ascending */
  GPtrArray
      *warnings;    /* of char *: what a user should know before believing results; one line each */
  GPtrArray *notes; /* of char *: how the input was understood */
  GPtrArray *passed; /* of PassedFile (scan.h): what was left out of folders; the sum of it is among
                        the warnings */
  CowPictureRemarks *remarks; /* what there is to say of the pictures that were read so far */
  char *grouped_by; /* the column that groups, "file name", or NULL when each picture is its own
                       group */
  gboolean divided; /* whether we divided pictures ourselves (else the data came divided) */
  GStringChunk *strings;
} CowDataset;

typedef struct {
  /*
   * Where the pictures are. `data`: a folder or a table, divided (DIR/train, DIR/val, DIR/test; a
   * column "split") or not, when we divide it. `train`, `val`, `test`: a folder of classes or a
   * table each; without `val`, part of `train` becomes it. NULL: not given.
   */
  char *data, *train, *val, *test;
  char *format; /* NULL or "auto", "folders", "table", "mmcows", "mmcows-frames" */
  /* Tables: names of columns (NULL: image_path, label, source) and "FROM=TO" replacements of the
   * beginning of paths. */
  char *path_column, *label_column, *source_column;
  GStrv prefixes;
  /* "cow", "session", "camera", a column, "name" (file name without its last number), "none"; NULL:
   * the first of the first three found. */
  char *group_by;
  /* Classes in order, for instance an adapter's; NULL: --classes' or else all labels found, sorted
   * as bytes (capitals first). */
  GStrv classes;
  char *classes_text;                 /* "A,B,C": --classes */
  double val_fraction, test_fraction; /* of what we divide; 0 to .9 */
  gint64 seed;
  gboolean multiple; /* pictures have any number of labels: a table may name several, or "none" */
  gboolean allow_missing; /* a class without pictures in a split is a warning, not an error */
  gboolean any_classes;   /* a class without pictures is not even worth a warning: whoever opens the
                             set tells it better */
  /* For `check`, which tells them one by one: files that do not exist are taken too, torn groups
   * are not warned of. */
  gboolean keep_absent;
} CowDatasetOptions;

#define COW_DATASET_OPTIONS_DEFAULT                                                                \
  {                                                                                                \
    .val_fraction = 0.2, .seed = 42                                                                \
  }

void cow_dataset_options_clear (CowDatasetOptions *options);

void cow_dataset_free (CowDataset *self);
/* Prints the warnings to standard error. */
void cow_dataset_say_warnings (const CowDataset *self);
/* The same of remarks that came since the last call. */
void cow_dataset_say_remarks (const CowDataset *self);

static inline const CowSample *
cow_dataset_sample (const CowDataset *self, guint index)
{
  return &g_array_index (self->samples, CowSample, index);
}

/* Whether a picture shows a class. */
static inline gboolean
cow_dataset_shows (const CowDataset *self, const CowSample *sample, guint class)
{
  return self->sets ? cow_label_sets_get (self->sets, (guint)sample->label)[class]
                    : sample->label == (int)class;
}

/* How many values `label` of a sample may have: classes, or combinations of them. */
guint cow_dataset_n_labels (const CowDataset *self);
/* The class of a picture, or its classes, "Lying|Ruminating" or "none"; the set's. */
const char *cow_dataset_label_text (const CowDataset *self, const CowSample *sample);
/* Pictures in a split that show a class, or with several labels a picture none of them. */
guint cow_dataset_count (const CowDataset *self, CowSplit split, int class);
guint cow_dataset_count_none (const CowDataset *self, CowSplit split);
/* Loss weights of the classes by their number of training pictures: inverse, mean 1 over pictures,
 * 0 without any. [n_classes]; g_free. */
float *cow_dataset_class_weights (const CowDataset *self);
/* With several labels a picture: what weighs the pictures that show a class, as torch's pos_weight,
 * the number of training pictures without it over that of those with it; 1 where either is 0.
 * [n_classes]; g_free. */
float *cow_dataset_positive_weights (const CowDataset *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowDataset, cow_dataset_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowDatasetOptions, cow_dataset_options_clear)

G_END_DECLS

#endif
