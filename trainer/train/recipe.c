/* SPDX-License-Identifier: MIT */
/* Whole recipes: presets, files (GKeyFile) and what single settings cannot say. The settings
 * themselves are in recipe-settings.c. */
#include "trainer/train/recipe.h"

#include <string.h>

#include "model/adapter/adapter-config.h"
#include "model/files/file-writer.h"
#include "model/files/suggest.h"
#include "model/files/vit-sizes.h"
#include "model/network/detector-file.h"
#include "trainer/hub/http.h"

/* ---- names ----------------------------------------------------------------------------------- */

/* Names end with NULL. */
static GPtrArray *
preset_names (void)
{
  guint n;
  const CowRecipePreset *presets = cow_recipe_presets (&n);
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (names, (gpointer)presets[i].name);
  g_ptr_array_add (names, NULL);
  return names;
}

static GPtrArray *
key_names (void)
{
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; i < cow_recipe_n_settings (); i++)
    g_ptr_array_add (names, (gpointer)cow_recipe_key (i));
  g_ptr_array_add (names, NULL);
  return names;
}

static GPtrArray *
group_names (void)
{
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; i < cow_recipe_n_settings (); i++)
    if (i == 0 || !g_str_equal (cow_recipe_group (i), cow_recipe_group (i - 1)))
      g_ptr_array_add (names, (gpointer)cow_recipe_group (i));
  g_ptr_array_add (names, NULL);
  return names;
}

/* ---- presets --------------------------------------------------------------------------------- */

gboolean
cow_recipe_apply_preset (CowRecipe *self, const char *name, GError **error)
{
  guint n;
  const CowRecipePreset *presets = cow_recipe_presets (&n), *preset = NULL;
  for (guint i = 0; i < n && !preset; i++)
    if (g_str_equal (presets[i].name, name))
      preset = &presets[i];
  if (!preset) {
    g_autoptr (GPtrArray) names = preset_names ();
    g_autofree char *near = cow_suggest ((const char *const *)names->pdata, name);
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "there is no recipe \"%s\": %s", name,
                 near);
    return FALSE;
  }
  g_auto (GStrv) pairs = g_strsplit (preset->settings, " ", -1);
  for (char **pair = pairs; *pair; pair++) {
    g_auto (GStrv) parts = g_strsplit (*pair, "=", 2);
    const int i = cow_recipe_find (parts[0]);
    g_assert (i >= 0);
    if (!cow_recipe_set (self, (guint)i, parts[1], parts[0], error))
      return FALSE;
  }
  return cow_recipe_set (self, (guint)cow_recipe_find ("recipe"), name, "recipe", error);
}

/* ---- files ----------------------------------------------------------------------------------- */

static gboolean
check_group (const char *path, const char *group, GError **error)
{
  g_autoptr (GPtrArray) names = group_names ();
  if (g_strv_contains ((const char *const *)names->pdata, group))
    return TRUE;
  g_autofree char *near = cow_suggest ((const char *const *)names->pdata, group);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: unknown group [%s]: %s", path, group, near);
  return FALSE;
}

/* The setting of a key in its group, or -1 with an error. */
static int
find_in_group (const char *path, const char *group, const char *key, GError **error)
{
  const int i = cow_recipe_find (key);
  if (i >= 0 && g_str_equal (cow_recipe_group ((guint)i), group))
    return i;
  if (i >= 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: [%s] %s: this key belongs to group [%s]",
                 path, group, key, cow_recipe_group ((guint)i));
    return -1;
  }
  g_autoptr (GPtrArray) names = key_names ();
  g_autofree char *near = cow_suggest ((const char *const *)names->pdata, key);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: [%s] %s: unknown key: %s", path, group, key,
               near);
  return -1;
}

/* A setting under both its names would leave open which value holds. */
static gboolean
check_renamed (GKeyFile *file, const char *path, GError **error)
{
  for (guint i = 0; i < cow_recipe_n_settings (); i++) {
    const char *group = cow_recipe_group (i), *key = cow_recipe_key (i),
               *old_key = cow_recipe_old_key (i);
    if (!old_key || !g_key_file_has_key (file, group, key, NULL) ||
        !g_key_file_has_key (file, group, old_key, NULL))
      continue;
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: [%s] has both %s and %s, which is its old name: one of them is expected",
                 path, group, key, old_key);
    return FALSE;
  }
  return TRUE;
}

/* Settings of earlier versions that have no effect any more: results do not depend on the number of
 * threads. */
static gboolean
is_obsolete (const char *group, const char *key)
{
  return g_str_equal (group, "train") && g_str_equal (key, "threads");
}

static gboolean
apply_key (CowRecipe *self, GKeyFile *file, const char *path, const char *group, const char *key,
           GError **error)
{
  if (is_obsolete (group, key))
    return TRUE;
  const int i = find_in_group (path, group, key, error);
  g_autoptr (GError) local = NULL;
  if (i < 0)
    return FALSE;
  g_autofree char *where = g_strdup_printf ("%s: [%s] %s", path, group, key),
                  *value = g_key_file_get_string (file, group, key, &local);
  if (!value) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s", where, local->message);
    return FALSE;
  }
  return cow_recipe_give (self, (guint)i, value, where, error);
}

static gboolean
apply_group (CowRecipe *self, GKeyFile *file, const char *path, const char *group, GError **error)
{
  if (!check_group (path, group, error))
    return FALSE;
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);
  for (char **key = keys; keys && *key; key++)
    if (!apply_key (self, file, path, group, *key, error))
      return FALSE;
  return TRUE;
}

static gboolean
load (GKeyFile *file, const char *path, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;
  gsize n_bytes = 0;
  const gboolean read = g_file_get_contents (path, &text, &n_bytes, &local);
  /* Messages quote lines and names of it. */
  if (read && !g_utf8_validate_len (text, n_bytes, NULL)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not text in UTF-8", path);
    return FALSE;
  }
  if (read && g_key_file_load_from_data (file, text, n_bytes, G_KEY_FILE_NONE, &local))
    return TRUE;
  const gboolean missing = g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  const CowError code = missing                         ? COW_ERROR_NOT_FOUND
                        : local->domain == G_FILE_ERROR ? COW_ERROR_IO
                                                        : COW_ERROR_FORMAT;
  g_set_error (error, COW_ERROR, code, "%s: %s", path,
               missing ? "no such configuration file" : local->message);
  return FALSE;
}

gboolean
cow_recipe_apply_file (CowRecipe *self, const char *path, gboolean with_preset, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  if (!load (file, path, error) || !check_renamed (file, path, error))
    return FALSE;
  g_autofree char *preset = g_key_file_get_string (file, "recipe", "recipe", NULL);
  g_autoptr (GError) local = NULL;
  if (!with_preset)
    g_key_file_remove_key (file, "recipe", "recipe", NULL);
  else if (preset && *preset && !cow_recipe_apply_preset (self, preset, &local)) {
    g_set_error (error, local->domain, local->code, "%s: [recipe] recipe: %s", path,
                 local->message);
    return FALSE;
  }
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
  for (char **group = groups; *group; group++)
    if (!apply_group (self, file, path, *group, error))
      return FALSE;
  return TRUE;
}

/* A setting as a file may show it: the address of the tracking server goes without the login
 * that it may hold. */
static char *
public_value (const CowRecipe *self, guint i)
{
  g_autofree char *value = cow_recipe_get (self, i);
  if (!*value || !g_str_equal (cow_recipe_key (i), "tracking-uri"))
    return g_steal_pointer (&value);
  g_autoptr (GUri) uri = http_parse_uri (value, "", NULL);
  return uri ? http_public_uri (value) : g_strdup ("");
}

char *
cow_recipe_to_text (const CowRecipe *self)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  for (guint i = 0; i < cow_recipe_n_settings (); i++) {
    g_autofree char *value = public_value (self, i);
    g_key_file_set_string (file, cow_recipe_group (i), cow_recipe_key (i), value);
  }
  g_key_file_set_comment (file, NULL, NULL,
                          " The settings of this run, for cow-trainer train --config", NULL);
  return g_key_file_to_data (file, NULL, NULL);
}

/* ---- what belongs together ------------------------------------------------------------------- */

const CowKind *
cow_recipe_kind (const CowRecipe *self)
{
  return cow_kind ((CowNetworkKind)self->kind);
}

const char *
cow_recipe_kind_name (const CowRecipe *self)
{
  return cow_recipe_kind (self)->name;
}

CowPrecision
cow_recipe_precision (const CowRecipe *self)
{
  static const CowPrecision precisions[] = { COW_PRECISION_FP32, COW_PRECISION_INT16,
                                             COW_PRECISION_FP16, COW_PRECISION_BF16 };
  return precisions[self->precision];
}

double
cow_recipe_alpha (const CowRecipe *self)
{
  return self->alpha > 0 ? self->alpha : 2.0 * self->rank;
}

int
cow_recipe_whole_rank (const CowRecipe *self)
{
  return cow_adapter_start_rank ((CowLoraInit)self->init, self->rank);
}

guint
cow_recipe_copies (const CowRecipe *self)
{
  return self->augment == COW_AUGMENT_NONE ? 1 : 1 + (guint)self->copies;
}

gboolean
cow_recipe_is_adapted (const CowRecipe *self)
{
  return cow_recipe_kind (self)->adapted;
}

gboolean
cow_recipe_has_base (const CowRecipe *self)
{
  return cow_kind_needs_base (cow_recipe_kind (self));
}

static char *
given (const char *value)
{
  return *value ? g_strdup (value) : NULL;
}

void
cow_recipe_dataset_options (const CowRecipe *self, CowDatasetOptions *options)
{
  *options = (CowDatasetOptions){
    .data = given (self->data),
    .train = given (self->train),
    .val = given (self->val),
    .test = given (self->test),
    .format = given (self->data_format),
    .path_column = given (self->path_column),
    .label_column = given (self->label_column),
    .source_column = given (self->source_column),
    .prefixes = *self->prefix ? g_strsplit (self->prefix, ";", -1) : NULL,
    .group_by = given (self->group_by),
    .classes_text = given (self->classes),
    .val_fraction = self->val_fraction,
    .test_fraction = self->test_fraction,
    .seed = self->seed,
    .multiple = self->multi_label,
    .allow_missing = self->allow_missing,
  };
}

void
cow_recipe_frames_options (const CowRecipe *self, CowFramesOptions *options)
{
  *options = (CowFramesOptions)COW_FRAMES_OPTIONS_DEFAULT;
  cow_recipe_dataset_options (self, &options->set);
  options->images = given (self->images);
}

gboolean
cow_recipe_detector (const CowRecipe *self, const CowBackboneConfig *backbone,
                     CowDetectorConfig *detector, GError **error)
{
  if (cow_detector_config_for (detector, backbone, self->detector_width, self->detector_stride,
                               error))
    return TRUE;
  g_prefix_error (error, "--detector-width %d --detector-stride %d: ", self->detector_width,
                  self->detector_stride);
  return FALSE;
}

/* FROM=TO;FROM=TO with every TO absolute. */
static char *
absolute_prefixes (const char *text)
{
  g_auto (GStrv) pairs = g_strsplit (text, ";", -1);
  g_autofree char *here = g_get_current_dir ();

  for (char **pair = pairs; *pair; pair++) {
    const char *to = strchr (*pair, '=');
    if (!to || !to[1] || g_path_is_absolute (to + 1))
      continue;
    char *absolute = g_strdup_printf ("%.*s=%s/%s", (int)(to - *pair), *pair, here, to + 1);
    g_free (*pair);
    *pair = absolute;
  }
  return g_strjoinv (";", pairs);
}

void
cow_recipe_make_absolute (CowRecipe *self)
{
  char *prefix = absolute_prefixes (self->prefix);
  CowVitConfig unused;

  g_free (self->prefix);
  self->prefix = prefix;
  for (guint i = 0; i < cow_recipe_n_settings (); i++) {
    g_autofree char *value = cow_recipe_get (self, i);
    if (!cow_recipe_is_path (i) || !*value || !cow_path_exists (value) ||
        (g_str_equal (cow_recipe_key (i), "network") && cow_vit_config_of_size (value, &unused)))
      continue;
    g_autofree char *absolute = g_canonicalize_filename (value, NULL);
    cow_recipe_set (self, i, absolute, cow_recipe_key (i), NULL);
  }
}

static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT, text);
  return FALSE;
}

/* Whether a name means linear layers of any network, gated or not: one that means none would be
 * left out in silence. */
static gboolean
is_target (const char *name)
{
  if (g_str_equal (name, "all-linear"))
    return TRUE;
  for (int module = 0; module < COW_N_MODULES; module++) {
    /* "layer.3.attention.q_proj" and its ends, with any number of a layer */
    const char *end = strstr (name, cow_module_name ((CowModule)module));
    if (cow_module_matches (0, (CowModule)module, name) ||
        (end && g_str_equal (end, cow_module_name ((CowModule)module)) &&
         (g_str_has_prefix (name, "layer.") || g_str_has_prefix (name, "model.layer."))))
      return TRUE;
  }
  return FALSE;
}

static char *
suggest_target (const char *name)
{
  const char *names[COW_N_MODULES + 2] = { "all-linear" };
  for (int module = 0; module < COW_N_MODULES; module++)
    names[module + 1] = strrchr (cow_module_name ((CowModule)module), '.') + 1;
  return cow_suggest (names, name);
}

static gboolean
check_targets (const char *text, GError **error)
{
  g_auto (GStrv) names = g_strsplit (text, ",", -1);
  for (char **name = names; *name; name++) {
    if (is_target (g_strstrip (*name)))
      continue;
    g_autofree char *near = suggest_target (*name);
    return refuse (error, "--targets %s: \"%s\" is no linear layer: %s", text, *name, near);
  }
  return TRUE;
}

/* What is about the classes of pictures has no meaning for frames. */
static gboolean
check_detect (const CowRecipe *self, GError **error)
{
  if (cow_recipe_kind (self)->cached)
    return refuse (error, "--detect looks at tokens, which a frozen recipe does not keep: --recipe "
                          "detect-frozen is expected");
  if (self->multi_label || self->balance != COW_BALANCE_NONE)
    return refuse (error, "--%s is for classes of pictures, --detect finds boxes",
                   self->multi_label ? "multi-label" : "balance");
  return TRUE;
}

gboolean
cow_recipe_check (const CowRecipe *self, GError **error)
{
  const CowKind *kind = cow_recipe_kind (self);
  const gboolean adapted = kind->adapted, based = cow_kind_needs_base (kind);
  const int width = self->preprocess.width, height = self->preprocess.height;

  if (!*self->data && !*self->train)
    return refuse (
        error, "no pictures to train on: --data with a folder of classes or a table is missing");
  if (based && !*self->model)
    return refuse (error, "a %s recipe needs the network that it stands on: --model is missing",
                   cow_recipe_kind_name (self));
  if (!based && *self->model)
    return refuse (error, "a %s recipe starts from scratch: --model %s has no use there",
                   cow_recipe_kind_name (self), self->model);
  if (!based && !kind->named && !kind->size && cow_recipe_precision (self) != COW_PRECISION_FP32)
    return refuse (error,
                   "--precision %s is for the linear layers of vision transformers, %s has none",
                   cow_precision_name (cow_recipe_precision (self)), cow_recipe_kind_name (self));
  if (!adapted && *self->start)
    return refuse (error, "--start is for lora and dora, the recipe is %s",
                   cow_recipe_kind_name (self));
  if (adapted && !*self->targets)
    return refuse (error,
                   "--targets is empty: q_proj, another layer's name or all-linear is expected");
  if (adapted && !check_targets (self->targets, error))
    return FALSE;
  if (!adapted && (self->rslora || self->init != COW_INIT_DEFAULT || self->lr_ratio != 1))
    return refuse (error, "--%s is for lora and dora, the recipe is %s",
                   self->rslora                     ? "use-rslora"
                   : self->init != COW_INIT_DEFAULT ? "init-lora-weights"
                                                    : "loraplus-lr-ratio",
                   cow_recipe_kind_name (self));
  if (self->ema > 0 && !based && !kind->named && !kind->size)
    return refuse (error,
                   "--ema is for transformers: the statistics of %s's batch norms would be "
                   "those of other weights",
                   cow_recipe_kind_name (self));
  if (self->detect && !check_detect (self, error))
    return FALSE;
  if (!self->detect && cow_kind_reads_tokens (kind))
    return refuse (error, "a frozen-tokens recipe finds cows in whole frames: --detect is missing; "
                          "--recipe frozen trains a head that tells classes");
  if (self->multi_label && self->balance == COW_BALANCE_SAMPLER)
    return refuse (error, "--balance sampler shows pictures of rare classes more often, which "
                          "--multi-label leaves open where they show frequent ones too: --balance "
                          "weights is expected");
  if (kind->named && !*self->network)
    return refuse (error, "--network is missing: a size's name or a folder with a config.json");
  if (kind->side > 0 && (width != kind->side || height != kind->side))
    return refuse (error, "--size %dx%d: %s takes %dx%d alone", width, height, kind->name,
                   kind->side, kind->side);
  if (MIN (width, height) < kind->min_side)
    return refuse (error, "--size %dx%d: %s wants at least %dx%d", width, height, kind->name,
                   kind->min_side, kind->min_side);
  return TRUE;
}
