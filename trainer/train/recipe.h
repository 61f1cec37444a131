/* SPDX-License-Identifier: MIT */
/*
 * All settings of a training run. They come from three places, the later ones winning: a named
 * preset (recipe-presets.c), a configuration file, flags. All three spell a setting alike:
 * `learning-rate` of group [train] in a file is --learning-rate on the command line. What came out
 * is written to the output folder as recipe.ini, which is such a file again.
 */
#ifndef COW_TRAINER_RECIPE_H
#define COW_TRAINER_RECIPE_H

#include "model/training/network.h"
#include "trainer/data/augment.h"
#include "trainer/data/dataset.h"
#include "trainer/data/frames.h"

G_BEGIN_DECLS

typedef enum { COW_BALANCE_NONE, COW_BALANCE_WEIGHTS, COW_BALANCE_SAMPLER } CowBalance;

typedef struct {
  char *name; /* the preset that it started from, "" for none */

  /* [model]; strings are never NULL, "" stands for what was not given */
  int kind;      /* CowNetworkKind */
  char *model;   /* lora, dora, frozen: the base */
  char *start;   /* lora, dora: an adapter folder to go on from */
  char *network; /* dinov3: a size's name, or a folder with a config.json */
  char *targets; /* lora, dora: "q_proj,v_proj" or "all-linear" */
  int rank;      /* lora, dora */
  double alpha;  /* 0: twice the rank */
  int rslora;    /* lora, dora: scale alpha / sqrt (rank) */
  int init;      /* lora, dora: CowLoraInit */
  double adapter_dropout, head_dropout;
  int detect;                          /* whole frames: find the cows, by a head */
  int detector_width, detector_stride; /* of that width, with cells of so many px */
  int checkpointing;                   /* CowCheckpointing */
  int precision;                       /* by the names of the setting; cow_recipe_precision () */

  /* [data]: CowDatasetOptions says what the first of them mean */
  char *data, *train, *val, *test;
  char *images; /* detect: the folder that names of frames are relative to */
  char *data_format, *path_column, *label_column, *source_column;
  char *prefix; /* FROM=TO;FROM=TO */
  char *group_by, *classes;
  double val_fraction, test_fraction;
  int multi_label; /* pictures have any number of labels */
  int allow_missing;
  int augment;       /* CowAugment */
  int copies;        /* augmented copies of each picture, beside the picture as it is */
  int balance;       /* CowBalance */
  int workers;       /* threads that read pictures; 0: one a processor */
  char *cache;       /* frozen: folder for features; "": the user's cache folder */
  int keep_pictures; /* validation pictures that stay with the adapter */
  CowPreprocess preprocess;

  /* [train] */
  int batch, gradient_accumulation;
  double learning_rate, weight_decay;
  double lr_ratio; /* lora, dora: LoRA+'s, of B's rate to A's; 1: one rate */
  double ema;      /* decay of the parameters' running mean, which is kept; 0: their values are */
  double warmup;   /* share of all steps */
  double min_lr_ratio; /* share of the learning rate that the cosine ends at */
  int epochs, patience;
  double min_delta, max_hours;  /* hours 0: no limit */
  double label_smoothing, clip; /* clip: the gradient's largest norm, 0 for any */
  gint64 seed;
  double save_every; /* minutes between checkpoints inside an epoch; 0: only at its end */

  /* [tracking] */
  char *tracking_uri, *experiment, *run_name;

  /* [settings] who gave a value explicitly ("--rank", "run.ini: [model] rank"); NULL where it is
   * the preset's or the default. */
  char **given_by;
} CowRecipe;

/* The settings' common defaults, no preset. */
CowRecipe *cow_recipe_new (void);
CowRecipe *cow_recipe_copy (const CowRecipe *self);
void cow_recipe_free (CowRecipe *self);

/* ---- one setting ----------------------------------------------------------------------------- */

/* Settings by index, in the order in which recipe.ini has them. */
guint cow_recipe_n_settings (void);
/* By its key or an old name of it; -1 when there is none. */
int cow_recipe_find (const char *key);
/* The name that the setting had before, or NULL: flags and files still take it. */
const char *cow_recipe_old_key (guint i);
const char *cow_recipe_group (guint i);
const char *cow_recipe_key (guint i);
const char *cow_recipe_help (guint i);
/* How --help names its value ("N", "FOLDER"; NULL: a switch, "yes" or "no" in files), and what kind
 * of value that is. */
const char *cow_recipe_argument (guint i);
gboolean cow_recipe_is_path (guint i);
/* A flag of it may be given several times: its values are joined by semicolons. */
gboolean cow_recipe_is_list (guint i);
/* Whether a resumed run may change it: how long a run goes on and how it is watched, never what it
 * computes. */
gboolean cow_recipe_is_free (guint i);
/* Its value as recipe.ini writes it; free with g_free. */
char *cow_recipe_get (const CowRecipe *self, guint i);
/* `where` opens the message ("--rank", "run.ini: [model] rank"): what was found and what is
 * expected. COW_ERROR_ARGUMENT. */
gboolean cow_recipe_set (CowRecipe *self, guint i, const char *value, const char *where,
                         GError **error);
/* The same for a value that a person asked for: `where` is kept as who gave it. */
gboolean cow_recipe_give (CowRecipe *self, guint i, const char *value, const char *where,
                          GError **error);
/* Who gave the setting of that key, or NULL. */
const char *cow_recipe_given_by (const CowRecipe *self, const char *key);

/* ---- all of them ----------------------------------------------------------------------------- */

/* Applies a preset; COW_ERROR_NOT_FOUND lists the names that are near, or all. */
gboolean cow_recipe_apply_preset (CowRecipe *self, const char *name, GError **error);
/* Applies a file, with_preset: on the preset that it names; an unknown group or key is an error
 * that names it and those near, and so is a setting under both its names. The number of threads,
 * which files of earlier versions hold, is taken and left aside: it changes no result. */
gboolean cow_recipe_apply_file (CowRecipe *self, const char *path, gboolean with_preset,
                                GError **error);
/* The text of recipe.ini; free with g_free. */
char *cow_recipe_to_text (const CowRecipe *self);
/* Checks what no single setting can: a base where the kind needs one, sizes that the patch divides,
 * ... COW_ERROR_ARGUMENT. */
gboolean cow_recipe_check (const CowRecipe *self, GError **error);

/* The row of its kind, and the name of that. */
const CowKind *cow_recipe_kind (const CowRecipe *self);
const char *cow_recipe_kind_name (const CowRecipe *self);
/* Of products with the weights of linear layers. */
CowPrecision cow_recipe_precision (const CowRecipe *self);
/* alpha, or what it defaults to. */
double cow_recipe_alpha (const CowRecipe *self);
/* The rank that adapters compute with and are saved with: twice the setting where first values of
 * the weight's own are subtracted again (CowLoraInit). */
int cow_recipe_whole_rank (const CowRecipe *self);
/* How often an epoch shows each picture: as it is, and its augmented copies where there is
 * augmentation. */
guint cow_recipe_copies (const CowRecipe *self);
/* The head of a recipe that detects, on that network; COW_ERROR_ARGUMENT, _UNSUPPORTED. */
gboolean cow_recipe_detector (const CowRecipe *self, const CowBackboneConfig *backbone,
                              CowDetectorConfig *detector, GError **error);
/* Adapters on a base; a base at all. */
gboolean cow_recipe_is_adapted (const CowRecipe *self);
gboolean cow_recipe_has_base (const CowRecipe *self);
/* Makes relative paths absolute, so that a saved recipe means the same anywhere. Names of models
 * that no path has stay as they are. */
void cow_recipe_make_absolute (CowRecipe *self);
/* Fills the options that the dataset is opened with; clear with cow_dataset_options_clear (). */
void cow_recipe_dataset_options (const CowRecipe *self, CowDatasetOptions *options);
/* The same of frames with boxes; clear with cow_frames_options_clear (). */
void cow_recipe_frames_options (const CowRecipe *self, CowFramesOptions *options);

/* ---- presets (recipe-presets.c) -------------------------------------------------------------- */

typedef struct {
  const char *name, *summary;
  const char *settings; /* "key=value key=value" */
} CowRecipePreset;

/* In the order in which --list-recipes prints them. */
const CowRecipePreset *cow_recipe_presets (guint *n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowRecipe, cow_recipe_free)

G_END_DECLS

#endif
