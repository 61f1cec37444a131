/* SPDX-License-Identifier: MIT */
/* The table of settings: how each is called, what values it takes, where it lies in a CowRecipe.
 * Files, flags and recipe.ini all go through it. */
#include "trainer/train/recipe.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter/kept-pictures.h"

typedef enum {
  SETTING_TEXT,
  SETTING_PATH,
  SETTING_INT,
  SETTING_INT64,
  SETTING_DOUBLE,
  SETTING_NAME,
  SETTING_KIND, /* a SETTING_NAME whose names are cow_kind_names () */
  SETTING_SWITCH,
  SETTING_SIZE,
  SETTING_LIST
} SettingType;

typedef struct {
  const char *group, *key;
  SettingType type;
  gsize offset;
  double min, max;          /* of numbers */
  const char *const *names; /* of SETTING_NAME and SETTING_SWITCH, by value */
  gboolean is_free;
  const char *argument, *help;
} Setting;

static const char *const checkpointings[] = { "auto", "on", "off", NULL };
static const char *const precisions[] = { "fp32", "int16", "fp16", "bf16", NULL };
static const char *const inits[] = { "default", "pissa", "olora", NULL };
static const char *const switches[] = { "no", "yes", NULL };
static const char *const strengths[] = { "none", "light", "medium", "heavy", "frames", NULL };
static const char *const balances[] = { "none", "weights", "sampler", NULL };
static const char *const fits[] = { "stretch", "letterbox", NULL };
static const char *const interpolations[] = { "bilinear", "bilinear-antialiased", NULL };
static const char *const normalisations[] = { "unit", "imagenet", "satellite", NULL };

/* Each gives the five fields after a setting's key: its type, its place, its range, its names. */
#define AT(field)               G_STRUCT_OFFSET (CowRecipe, field)
#define TEXT(field)             SETTING_TEXT, AT (field), 0, 0, NULL
#define PATH(field)             SETTING_PATH, AT (field), 0, 0, NULL
#define LIST(field)             SETTING_LIST, AT (field), 0, 0, NULL
#define INT(field, min, max)    SETTING_INT, AT (field), min, max, NULL
#define INT64(field, min, max)  SETTING_INT64, AT (field), min, max, NULL
#define DOUBLE(field, min, max) SETTING_DOUBLE, AT (field), min, max, NULL
#define NAME(field, names)      SETTING_NAME, AT (field), 0, 0, names
#define KIND(field)             SETTING_KIND, AT (field), 0, 0, NULL
#define SWITCH(field)           SETTING_SWITCH, AT (field), 0, 0, switches
#define SIZE(field, max)        SETTING_SIZE, AT (field), 1, max, NULL

/* Whether a resumed run may change it. */
#define FIXED FALSE
#define FREE  TRUE

/* clang-format off: a line for what a setting is, one for what --help says */
static const Setting settings[] = {
  { "recipe", "recipe", TEXT (name), FIXED, "NAME",
    "The preset that the rest starts from (--list-recipes)" },

  { "model", "kind", KIND (kind), FIXED, "KIND", "What is trained" },
  { "model", "model", PATH (model), FIXED, "MODEL",
    "The base that stays as it is (lora, dora, frozen)" },
  { "model", "start", PATH (start), FIXED, "ADAPTER",
    "Go on from this adapter's values, or from a frozen one's head (lora, dora)" },
  { "model", "network", PATH (network), FIXED, "SIZE|FOLDER",
    "From scratch: tiny, vits16, ..., or a folder with a config.json" },
  { "model", "targets", TEXT (targets), FIXED, "NAMES",
    "Layers with adapters: q_proj,v_proj,... or all-linear" },
  { "model", "rank", INT (rank, 1, 1024), FIXED, "N", "Rank of the adapters" },
  { "model", "alpha", DOUBLE (alpha, 0, 1e6), FIXED, "X",
    "Scale of the adapters times rank; 0: twice the rank" },
  { "model", "use-rslora", SWITCH (rslora), FIXED, NULL,
    "Scale of the adapters is alpha / sqrt (rank), not alpha / rank" },
  { "model", "init-lora-weights", NAME (init, inits), FIXED, "HOW",
    "What new adapters start as: default, pissa or olora" },
  { "model", "adapter-dropout", DOUBLE (adapter_dropout, 0, .99), FIXED, "P",
    "Share of an adapter's input that is left out" },
  { "model", "head-dropout", DOUBLE (head_dropout, 0, .99), FIXED, "P",
    "The same in the head; half of it in its second layer" },
  { "model", "detect", SWITCH (detect), FIXED, NULL,
    "Find the cows in whole frames, of which --data has the boxes" },
  { "model", "detector-width", INT (detector_width, 8, 1024), FIXED, "N",
    "Numbers of a token within the head that finds cows" },
  { "model", "detector-stride", INT (detector_stride, 1, 64), FIXED, "PX",
    "Side of a cell, of which each may be the middle of one cow" },
  { "model", "checkpointing", NAME (checkpointing, checkpointings), FIXED, "WHEN",
    "Compute layers twice to save memory: auto, on or off" },
  { "model", "precision", NAME (precision, precisions), FIXED, "HOW",
    "Products with the weights of linear layers: fp32, or faster int16, on a GPU bf16 or fp16" },

  { "data", "data", PATH (data), FIXED, "PATH", "Pictures: a folder of classes or a CSV table" },
  { "data", "train", PATH (train), FIXED, "PATH", "Training pictures, where they are apart" },
  { "data", "val", PATH (val), FIXED, "PATH", "Validation pictures, where they are apart" },
  { "data", "test", PATH (test), FIXED, "PATH", "Test pictures, where they are apart" },
  { "data", "images", PATH (images), FIXED, "FOLDER",
    "Frames: where their files are, unless beside what names them" },
  { "data", "data-format", TEXT (data_format), FIXED, "FORMAT",
    "auto, folders, table, mmcows or mmcows-frames" },
  { "data", "path-column", TEXT (path_column), FIXED, "COLUMN",
    "Tables: column of paths (image_path)" },
  { "data", "label-column", TEXT (label_column), FIXED, "COLUMN",
    "Tables: column of classes (label)" },
  { "data", "source-column", TEXT (source_column), FIXED, "COLUMN",
    "Tables: column of origins (source)" },
  { "data", "prefix", LIST (prefix), FIXED, "FROM=TO",
    "Tables: paths that begin with FROM begin with TO" },
  { "data", "group-by", TEXT (group_by), FIXED, "WHAT",
    "Keep together: cow, camera, session, COLUMN, name or none" },
  { "data", "classes", TEXT (classes), FIXED, "A,B,...", "Classes in order (all labels, sorted)" },
  { "data", "multi-label", SWITCH (multi_label), FIXED, NULL,
    "A picture may have several labels, A|B in a table, or none" },
  { "data", "val-fraction", DOUBLE (val_fraction, .01, .9), FIXED, "FRACTION",
    "Fraction of undivided pictures for validation" },
  { "data", "test-fraction", DOUBLE (test_fraction, 0, .9), FIXED, "FRACTION",
    "Fraction of undivided pictures for the test" },
  { "data", "allow-missing", SWITCH (allow_missing), FIXED, NULL,
    "Go on when a class has no pictures in a split" },
  { "data", "augment", NAME (augment, strengths), FIXED, "HOW",
    "Strength of augmentation: none, light, medium, heavy or frames" },
  { "data", "copies", INT (copies, 0, 100), FIXED, "N",
    "Augmented copies of a picture, besides the picture itself" },
  { "data", "balance", NAME (balance, balances), FIXED, "HOW",
    "Rare classes count more: none, weights or sampler" },
  { "data", "size", SIZE (preprocess, 8192), FIXED, "PX|WxH", "Pictures are resized to this" },
  { "data", "fit", NAME (preprocess.fit, fits), FIXED, "HOW",
    "Pictures of another shape: stretch, or letterbox, which keeps it (grey beside them)" },
  { "data", "interpolation", NAME (preprocess.interpolation, interpolations), FIXED, "NAME",
    "bilinear or bilinear-antialiased" },
  { "data", "normalisation", NAME (preprocess.normalisation, normalisations), FIXED, "NAME",
    "unit, imagenet or satellite" },
  { "data", "workers", INT (workers, 0, 256), FREE, "N",
    "Threads that read pictures; 0: as many as processors" },
  { "data", "cache", PATH (cache), FREE, "FOLDER",
    "frozen: where features are kept (~/.cache/cowbehavior/features)" },
  { "data", "keep-pictures", INT (keep_pictures, 0, COW_KEPT_PICTURES_MOST), FREE, "N",
    "Validation pictures that stay with the adapter (32); 0: none" },

  { "train", "batch", INT (batch, 1, 4096), FIXED, "N", "Pictures at a time" },
  { "train", "gradient-accumulation", INT (gradient_accumulation, 1, 4096), FIXED, "N",
    "Batches that make one step" },
  { "train", "learning-rate", DOUBLE (learning_rate, 1e-12, 10), FIXED, "X",
    "Learning rate of AdamW" },
  { "train", "loraplus-lr-ratio", DOUBLE (lr_ratio, 1, 1000), FIXED, "X",
    "LoRA+: the rate of lora_B, of that of lora_A; 1: one rate for all" },
  { "train", "weight-decay", DOUBLE (weight_decay, 0, 10), FIXED, "X", "Weight decay of AdamW" },
  { "train", "ema", DOUBLE (ema, 0, .99999), FIXED, "DECAY",
    "Judge and keep a running mean of what trains, of this decay (0.998); 0: its last values" },
  { "train", "warmup", DOUBLE (warmup, 0, 1), FIXED, "X",
    "Share of all steps in which the learning rate rises" },
  { "train", "min-lr-ratio", DOUBLE (min_lr_ratio, 0, 1), FIXED, "X",
    "Share of the learning rate that the cosine ends at" },
  { "train", "epochs", INT (epochs, 1, 1000000), FREE, "N",
    "Times that all pictures are seen, at most" },
  { "train", "patience", INT (patience, 0, 1000000), FREE, "N",
    "Stop after so many epochs that are no better; 0: never" },
  { "train", "min-delta", DOUBLE (min_delta, 0, 1), FREE, "X",
    "How much higher accuracy (multi-label: average precision) counts as better" },
  { "train", "max-hours", DOUBLE (max_hours, 0, 1e6), FREE, "X",
    "Stop after so long, to be resumed; 0: no limit" },
  { "train", "label-smoothing", DOUBLE (label_smoothing, 0, .99), FIXED, "X", "Label smoothing" },
  { "train", "clip", DOUBLE (clip, 0, 1e9), FIXED, "X", "The gradient's largest norm; 0: any" },
  { "train", "seed", INT64 (seed, 0, 9007199254740992.0), FIXED, "N", "Of every random number" },
  { "train", "save-every", DOUBLE (save_every, 0, 1e6), FREE, "MINUTES",
    "Save inside epochs too; 0: at their ends alone" },

  { "tracking", "tracking-uri", TEXT (tracking_uri), FREE, "URI",
    "An MLflow server ($MLFLOW_TRACKING_URI)" },
  { "tracking", "experiment", TEXT (experiment), FREE, "NAME",
    "Its experiment ($MLFLOW_EXPERIMENT_NAME, cowbehavior)" },
  { "tracking", "run-name", TEXT (run_name), FREE, "NAME", "What the run is called there" },
};
/* clang-format on */

guint
cow_recipe_n_settings (void)
{
  return G_N_ELEMENTS (settings);
}

const char *
cow_recipe_group (guint i)
{
  return settings[i].group;
}

const char *
cow_recipe_key (guint i)
{
  return settings[i].key;
}

const char *
cow_recipe_help (guint i)
{
  static char *kinds;
  if (settings[i].type != SETTING_KIND)
    return settings[i].help;
  if (g_once_init_enter (&kinds)) {
    g_autofree char *names = g_strjoinv (", ", (char **)cow_kind_names ());
    g_once_init_leave (&kinds, g_strconcat (settings[i].help, ": ", names, NULL));
  }
  return kinds;
}

const char *
cow_recipe_argument (guint i)
{
  return settings[i].argument;
}

gboolean
cow_recipe_is_path (guint i)
{
  return settings[i].type == SETTING_PATH;
}

gboolean
cow_recipe_is_list (guint i)
{
  return settings[i].type == SETTING_LIST;
}

gboolean
cow_recipe_is_free (guint i)
{
  return settings[i].is_free;
}

/* Settings that had other names. The old ones load for ever. */
static const struct {
  const char *old_key, *key;
} renamed[] = {
  { "val-part", "val-fraction" },
  { "test-part", "test-fraction" },
  { "accumulation", "gradient-accumulation" },
  { "floor", "min-lr-ratio" },
  { "smoothing", "label-smoothing" },
};

const char *
cow_recipe_old_key (guint i)
{
  for (guint r = 0; r < G_N_ELEMENTS (renamed); r++)
    if (g_str_equal (renamed[r].key, settings[i].key))
      return renamed[r].old_key;
  return NULL;
}

int
cow_recipe_find (const char *key)
{
  for (guint r = 0; r < G_N_ELEMENTS (renamed); r++)
    if (g_str_equal (renamed[r].old_key, key))
      key = renamed[r].key;
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    if (g_str_equal (settings[i].key, key))
      return (int)i;
  return -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

static gboolean
wrong (const char *where, const char *value, const char *expected, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s is \"%s\", expected %s", where, value,
               expected);
  return FALSE;
}

static gboolean
parse_number (const Setting *setting, const char *value, const char *where, double *number,
              GError **error)
{
  const gboolean whole = setting->type != SETTING_DOUBLE;
  g_autofree char *expected = g_strdup_printf (
      "a %s from %.16g to %.16g", whole ? "whole number" : "number", setting->min, setting->max);
  char *end = NULL;
  errno = 0;
  *number = g_ascii_strtod (value, &end);
  if (end == value || *end != '\0' || errno == ERANGE || !isfinite (*number) ||
      *number < setting->min || *number > setting->max || (whole && *number != floor (*number)))
    return wrong (where, value, expected, error);
  return TRUE;
}

static const char *const *
names_of (const Setting *setting)
{
  return setting->type == SETTING_KIND ? cow_kind_names () : setting->names;
}

static gboolean
parse_name (const Setting *setting, const char *value, const char *where, int *index,
            GError **error)
{
  const char *const *known = names_of (setting);
  for (int i = 0; known[i]; i++)
    if (g_str_equal (known[i], value)) {
      *index = i;
      return TRUE;
    }
  g_autofree char *names = g_strjoinv (", ", (char **)known),
                  *expected = g_strconcat ("one of ", names, NULL);
  return wrong (where, value, expected, error);
}

/* "224" or "320x224", width first. */
static gboolean
parse_size (const Setting *setting, const char *value, const char *where, CowPreprocess *preprocess,
            GError **error)
{
  g_auto (GStrv) sides = g_strsplit (value, "x", 2);
  guint64 width, height;
  const char *first = sides[0] ? sides[0] : "", *second = sides[0] && sides[1] ? sides[1] : first;
  if (!g_ascii_string_to_unsigned (first, 10, (guint64)setting->min, (guint64)setting->max, &width,
                                   NULL) ||
      !g_ascii_string_to_unsigned (second, 10, (guint64)setting->min, (guint64)setting->max,
                                   &height, NULL))
    return wrong (where, value, "a side in pixels (224) or WIDTHxHEIGHT, each from 1 to 8192",
                  error);
  preprocess->width = (int)width;
  preprocess->height = (int)height;
  return TRUE;
}

static gboolean
set_text (const char *value, const char *where, char **field, GError **error)
{
  if (!g_utf8_validate (value, -1, NULL)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s is not UTF-8: recipe.ini could not hold it", where);
    return FALSE;
  }
  char *copy = g_strdup (value);
  g_free (*field);
  *field = copy;
  return TRUE;
}

gboolean
cow_recipe_set (CowRecipe *self, guint i, const char *value, const char *where, GError **error)
{
  const Setting *setting = &settings[i];
  void *field = G_STRUCT_MEMBER_P (self, setting->offset);
  double number = 0;

  switch (setting->type) {
  case SETTING_TEXT:
  case SETTING_PATH:
  case SETTING_LIST:
    return set_text (value, where, field, error);
  case SETTING_NAME:
  case SETTING_KIND:
  case SETTING_SWITCH:
    return parse_name (setting, value, where, field, error);
  case SETTING_SIZE:
    return parse_size (setting, value, where, field, error);
  case SETTING_INT:
  case SETTING_INT64:
  case SETTING_DOUBLE:
    break;
  }
  if (!parse_number (setting, value, where, &number, error))
    return FALSE;
  if (setting->type == SETTING_INT)
    *(int *)field = (int)number;
  else if (setting->type == SETTING_INT64)
    *(gint64 *)field = (gint64)number;
  else
    *(double *)field = number;
  return TRUE;
}

gboolean
cow_recipe_give (CowRecipe *self, guint i, const char *value, const char *where, GError **error)
{
  if (!cow_recipe_set (self, i, value, where, error))
    return FALSE;
  g_free (self->given_by[i]);
  self->given_by[i] = g_strdup (where);
  return TRUE;
}

const char *
cow_recipe_given_by (const CowRecipe *self, const char *key)
{
  const int i = cow_recipe_find (key);
  g_return_val_if_fail (i >= 0, NULL);
  return self->given_by[i];
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The shortest text that reads back as the same double: .1 stays .1. */
static char *
double_text (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  for (int digits = 1; digits <= 17; digits++) {
    g_autofree char *format = g_strdup_printf ("%%.%dg", digits);
    g_ascii_formatd (text, sizeof text, format, value);
    if (g_ascii_strtod (text, NULL) == value)
      break;
  }
  return g_strdup (text);
}

char *
cow_recipe_get (const CowRecipe *self, guint i)
{
  const Setting *setting = &settings[i];
  const void *field = G_STRUCT_MEMBER_P (self, setting->offset);
  const CowPreprocess *preprocess = field;

  switch (setting->type) {
  case SETTING_TEXT:
  case SETTING_PATH:
  case SETTING_LIST:
    return g_strdup (*(char *const *)field);
  case SETTING_NAME:
  case SETTING_KIND:
  case SETTING_SWITCH:
    return g_strdup (names_of (setting)[*(const int *)field]);
  case SETTING_SIZE:
    return preprocess->width == preprocess->height
               ? g_strdup_printf ("%d", preprocess->width)
               : g_strdup_printf ("%dx%d", preprocess->width, preprocess->height);
  case SETTING_INT:
    return g_strdup_printf ("%d", *(const int *)field);
  case SETTING_INT64:
    return g_strdup_printf ("%" G_GINT64_FORMAT, *(const gint64 *)field);
  case SETTING_DOUBLE:
    return double_text (*(const double *)field);
  }
  g_return_val_if_reached (NULL);
}

/* ---- the struct ------------------------------------------------------------------------------ */

static gboolean
is_text (guint i)
{
  return settings[i].type == SETTING_TEXT || settings[i].type == SETTING_PATH ||
         settings[i].type == SETTING_LIST;
}

CowRecipe *
cow_recipe_new (void)
{
  CowRecipe *self = g_new (CowRecipe, 1);
  *self = (CowRecipe){
    .kind = COW_NETWORK_LORA,
    .rank = 16,
    .adapter_dropout = .05,
    .head_dropout = .5,
    .val_fraction = .2,
    .augment = COW_AUGMENT_MEDIUM,
    .copies = 2,
    .preprocess = cow_preprocess_default (),
    .batch = 4,
    .gradient_accumulation = 8,
    .learning_rate = 1e-4,
    .lr_ratio = 1,
    .weight_decay = .01,
    .warmup = .03,
    .min_lr_ratio = .1,
    .epochs = 80,
    .keep_pictures = 32,
    .detector_width = 96,
    .detector_stride = 4,
    .patience = 5,
    .min_delta = 1e-4,
    .label_smoothing = .1,
    .clip = 1,
    .seed = 42,
    .save_every = 10,
    .targets = g_strdup ("q_proj"),
    .given_by = g_new0 (char *, G_N_ELEMENTS (settings)),
  };
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    char **field = G_STRUCT_MEMBER_P (self, settings[i].offset);
    if (is_text (i) && !*field)
      *field = g_strdup ("");
  }
  return self;
}

CowRecipe *
cow_recipe_copy (const CowRecipe *self)
{
  CowRecipe *copy = g_memdup2 (self, sizeof *self);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    if (is_text (i))
      *(char **)G_STRUCT_MEMBER_P (copy, settings[i].offset) = cow_recipe_get (self, i);
  copy->given_by = g_new (char *, G_N_ELEMENTS (settings));
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    copy->given_by[i] = g_strdup (self->given_by[i]);
  return copy;
}

void
cow_recipe_free (CowRecipe *self)
{
  if (!self)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    if (is_text (i))
      g_free (*(char **)G_STRUCT_MEMBER_P (self, settings[i].offset));
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    g_free (self->given_by[i]);
  g_free (self->given_by);
  g_free (self);
}
