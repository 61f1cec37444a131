/* SPDX-License-Identifier: MIT */
/* The table of settings: how each is called, what values it takes, where it lies in a CowRecipe.
 * Files, flags and recipe.ini all go through it. */
#include "trainer/train/recipe.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
static const char *const switches[] = { "no", "yes", NULL };
static const char *const strengths[] = { "none", "light", "medium", "heavy", NULL };
static const char *const balances[] = { "none", "weights", "sampler", NULL };
static const char *const interpolations[] = { "bilinear", "bilinear-antialiased", NULL };
static const char *const normalisations[] = { "unit", "imagenet", "satellite", NULL };

#define AT(field) G_STRUCT_OFFSET (CowRecipe, field)

/* clang-format off */
static const Setting settings[] = {
  { "recipe", "recipe", SETTING_TEXT, AT (name), 0, 0, NULL, FALSE, "NAME", "The preset that the rest starts from (--list-recipes)" },

  { "model", "kind", SETTING_KIND, AT (kind), 0, 0, NULL, FALSE, "KIND", "What is trained: lora, dora, frozen, dinov3, vit-small or resnet18" },
  { "model", "model", SETTING_PATH, AT (model), 0, 0, NULL, FALSE, "MODEL", "The base that stays as it is (lora, dora, frozen)" },
  { "model", "start", SETTING_PATH, AT (start), 0, 0, NULL, FALSE, "ADAPTER", "Go on from this adapter's values, or from a frozen one's head (lora, dora)" },
  { "model", "network", SETTING_PATH, AT (network), 0, 0, NULL, FALSE, "SIZE|FOLDER", "dinov3: tiny, vits16, ..., or a folder with a config.json" },
  { "model", "targets", SETTING_TEXT, AT (targets), 0, 0, NULL, FALSE, "NAMES", "Layers with adapters: q_proj,v_proj,... or all-linear" },
  { "model", "rank", SETTING_INT, AT (rank), 1, 1024, NULL, FALSE, "N", "Rank of the adapters" },
  { "model", "alpha", SETTING_DOUBLE, AT (alpha), 0, 1e6, NULL, FALSE, "X", "Scale of the adapters times rank; 0: twice the rank" },
  { "model", "adapter-dropout", SETTING_DOUBLE, AT (adapter_dropout), 0, .99, NULL, FALSE, "P", "Share of an adapter's input that is left out" },
  { "model", "head-dropout", SETTING_DOUBLE, AT (head_dropout), 0, .99, NULL, FALSE, "P", "The same in the head; half of it in its second layer" },
  { "model", "checkpointing", SETTING_NAME, AT (checkpointing), 0, 0, checkpointings, FALSE, "WHEN", "Compute layers twice to save memory: auto, on or off" },

  { "data", "data", SETTING_PATH, AT (data), 0, 0, NULL, FALSE, "PATH", "Pictures: a folder of classes or a CSV table" },
  { "data", "train", SETTING_PATH, AT (train), 0, 0, NULL, FALSE, "PATH", "Training pictures, where they are apart" },
  { "data", "val", SETTING_PATH, AT (val), 0, 0, NULL, FALSE, "PATH", "Validation pictures, where they are apart" },
  { "data", "test", SETTING_PATH, AT (test), 0, 0, NULL, FALSE, "PATH", "Test pictures, where they are apart" },
  { "data", "data-format", SETTING_TEXT, AT (data_format), 0, 0, NULL, FALSE, "FORMAT", "auto, folders, table, mmcows or mmcows-frames" },
  { "data", "path-column", SETTING_TEXT, AT (path_column), 0, 0, NULL, FALSE, "COLUMN", "Tables: column of paths (image_path)" },
  { "data", "label-column", SETTING_TEXT, AT (label_column), 0, 0, NULL, FALSE, "COLUMN", "Tables: column of classes (label)" },
  { "data", "source-column", SETTING_TEXT, AT (source_column), 0, 0, NULL, FALSE, "COLUMN", "Tables: column of origins (source)" },
  { "data", "prefix", SETTING_LIST, AT (prefix), 0, 0, NULL, FALSE, "FROM=TO", "Tables: paths that begin with FROM begin with TO" },
  { "data", "group-by", SETTING_TEXT, AT (group_by), 0, 0, NULL, FALSE, "WHAT", "Keep together: cow, camera, session, COLUMN, name or none" },
  { "data", "classes", SETTING_TEXT, AT (classes), 0, 0, NULL, FALSE, "A,B,...", "Classes in order (all labels, sorted)" },
  { "data", "val-part", SETTING_DOUBLE, AT (val_part), .01, .9, NULL, FALSE, "PART", "Part of undivided pictures for validation" },
  { "data", "test-part", SETTING_DOUBLE, AT (test_part), 0, .9, NULL, FALSE, "PART", "Part of undivided pictures for the test" },
  { "data", "allow-missing", SETTING_SWITCH, AT (allow_missing), 0, 0, switches, FALSE, NULL, "Go on when a class has no pictures in a split" },
  { "data", "augment", SETTING_NAME, AT (augment), 0, 0, strengths, FALSE, "HOW", "Strength of augmentation: none, light, medium or heavy" },
  { "data", "copies", SETTING_INT, AT (copies), 0, 100, NULL, FALSE, "N", "Augmented copies of a picture, besides the picture itself" },
  { "data", "balance", SETTING_NAME, AT (balance), 0, 0, balances, FALSE, "HOW", "Rare classes count more: none, weights or sampler" },
  { "data", "size", SETTING_SIZE, AT (preprocess), 1, 8192, NULL, FALSE, "PX|WxH", "Pictures are resized to this" },
  { "data", "interpolation", SETTING_NAME, AT (preprocess.interpolation), 0, 0, interpolations, FALSE, "NAME", "bilinear or bilinear-antialiased" },
  { "data", "normalisation", SETTING_NAME, AT (preprocess.normalisation), 0, 0, normalisations, FALSE, "NAME", "unit, imagenet or satellite" },
  { "data", "workers", SETTING_INT, AT (workers), 0, 256, NULL, TRUE, "N", "Threads that read pictures; 0: as many as processors" },
  { "data", "cache", SETTING_PATH, AT (cache), 0, 0, NULL, TRUE, "FOLDER", "frozen: where features are kept (~/.cache/cowbehavior/features)" },

  { "train", "batch", SETTING_INT, AT (batch), 1, 4096, NULL, FALSE, "N", "Pictures at a time" },
  { "train", "accumulation", SETTING_INT, AT (accumulation), 1, 4096, NULL, FALSE, "N", "Batches that make one step" },
  { "train", "learning-rate", SETTING_DOUBLE, AT (learning_rate), 1e-12, 10, NULL, FALSE, "X", "Learning rate of AdamW" },
  { "train", "weight-decay", SETTING_DOUBLE, AT (weight_decay), 0, 10, NULL, FALSE, "X", "Weight decay of AdamW" },
  { "train", "warmup", SETTING_DOUBLE, AT (warmup), 0, 1, NULL, FALSE, "X", "Share of all steps in which the learning rate rises" },
  { "train", "floor", SETTING_DOUBLE, AT (floor), 0, 1, NULL, FALSE, "X", "Share of the learning rate that the cosine ends at" },
  { "train", "epochs", SETTING_INT, AT (epochs), 1, 1000000, NULL, TRUE, "N", "Times that all pictures are seen, at most" },
  { "train", "patience", SETTING_INT, AT (patience), 0, 1000000, NULL, TRUE, "N", "Stop after so many epochs that are no better; 0: never" },
  { "train", "min-delta", SETTING_DOUBLE, AT (min_delta), 0, 1, NULL, TRUE, "X", "How much higher accuracy counts as better" },
  { "train", "max-hours", SETTING_DOUBLE, AT (max_hours), 0, 1e6, NULL, TRUE, "X", "Stop after so long, to be resumed; 0: no limit" },
  { "train", "smoothing", SETTING_DOUBLE, AT (smoothing), 0, .99, NULL, FALSE, "X", "Label smoothing" },
  { "train", "clip", SETTING_DOUBLE, AT (clip), 0, 1e9, NULL, FALSE, "X", "The gradient's largest norm; 0: any" },
  { "train", "seed", SETTING_INT64, AT (seed), 0, 9007199254740992.0, NULL, FALSE, "N", "Of every random number" },
  { "train", "threads", SETTING_INT, AT (threads), 0, 1024, NULL, FALSE, "N", "Threads that compute; 0: as many as processors" },
  { "train", "save-every", SETTING_DOUBLE, AT (save_every), 0, 1e6, NULL, TRUE, "MINUTES", "Save inside epochs too; 0: at their ends alone" },

  { "tracking", "tracking-uri", SETTING_TEXT, AT (tracking_uri), 0, 0, NULL, TRUE, "URI", "An MLflow server ($MLFLOW_TRACKING_URI)" },
  { "tracking", "experiment", SETTING_TEXT, AT (experiment), 0, 0, NULL, TRUE, "NAME", "Its experiment ($MLFLOW_EXPERIMENT_NAME, cowbehavior)" },
  { "tracking", "run-name", SETTING_TEXT, AT (run_name), 0, 0, NULL, TRUE, "NAME", "What the run is called there" },
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
  return settings[i].help;
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

int
cow_recipe_find (const char *key)
{
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
    .val_part = .2,
    .augment = COW_AUGMENT_MEDIUM,
    .copies = 2,
    .preprocess = cow_preprocess_default (),
    .batch = 4,
    .accumulation = 8,
    .learning_rate = 1e-4,
    .weight_decay = .01,
    .warmup = .03,
    .floor = .1,
    .epochs = 80,
    .patience = 5,
    .min_delta = 1e-4,
    .smoothing = .1,
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
