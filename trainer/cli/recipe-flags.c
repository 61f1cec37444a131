/* SPDX-License-Identifier: MIT */
#include "trainer/cli/recipe-flags.h"

#include "trainer/cli/verb.h"

#define MOST_THREADS 1024

/* The settings that are typed most. */
static char
short_name (const char *key)
{
  static const struct {
    const char *key;
    char letter;
  } names[] = { { "recipe", 'r' },   { "model", 'm' }, { "data", 'd' },
                { "group-by", 'g' }, { "batch", 'b' }, { "epochs", 'e' } };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i].key, key))
      return names[i].letter;
  return 0;
}

static GOptionEntry
entry_of (RecipeFlags *self, guint i)
{
  GOptionEntry entry = {
    .long_name = cow_recipe_key (i),
    .short_name = short_name (cow_recipe_key (i)),
    .arg = cow_recipe_is_path (i) ? G_OPTION_ARG_FILENAME : G_OPTION_ARG_STRING,
    .arg_data = &self->texts[i],
    .description = cow_recipe_help (i),
    .arg_description = cow_recipe_argument (i),
  };
  if (!cow_recipe_argument (i)) {
    entry.arg = G_OPTION_ARG_NONE;
    entry.arg_data = &self->switches[i];
  } else if (cow_recipe_is_list (i)) {
    entry.arg = G_OPTION_ARG_FILENAME_ARRAY;
    entry.arg_data = &self->lists[i];
  }
  return entry;
}

/* The entry for the old name of a setting that was renamed. --help does not show it. */
static GOptionEntry
old_entry_of (RecipeFlags *self, guint i)
{
  return (GOptionEntry){
    .long_name = cow_recipe_old_key (i),
    .flags = G_OPTION_FLAG_HIDDEN,
    .arg = G_OPTION_ARG_STRING,
    .arg_data = &self->old_texts[i],
    .description = cow_recipe_help (i),
    .arg_description = cow_recipe_argument (i),
  };
}

const GOptionEntry *
recipe_flags_entries (RecipeFlags *self, const GOptionEntry *own)
{
  const guint n = cow_recipe_n_settings ();
  const GOptionEntry common[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &self->config,
      "Settings from a file like recipe.ini", "FILE" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &self->device,
      "What computes: auto, cpu, cuda or cuda:N (auto)", "DEVICE" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &self->threads,
      "Threads that compute; 0: as many as processors. Results do not depend on it", "N" },
  };

  self->texts = g_new0 (char *, n);
  self->old_texts = g_new0 (char *, n);
  self->lists = g_new0 (char **, n);
  self->switches = g_new0 (gboolean, n);
  self->entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  for (; own->long_name; own++)
    g_array_append_val (self->entries, *own);
  g_array_append_vals (self->entries, common, G_N_ELEMENTS (common));
  for (guint i = 0; i < n; i++) {
    const GOptionEntry entry = entry_of (self, i), old = old_entry_of (self, i);
    g_array_append_val (self->entries, entry);
    if (old.long_name)
      g_array_append_val (self->entries, old);
  }
  return (const GOptionEntry *)self->entries->data;
}

/* The value that a setting's flag was given, or NULL; free with g_free. */
static char *
given (const RecipeFlags *self, guint i)
{
  if (self->lists[i])
    return g_strjoinv (";", self->lists[i]);
  if (self->switches[i])
    return g_strdup ("yes");
  return g_strdup (self->texts[i] ? self->texts[i] : self->old_texts[i]);
}

static gboolean
apply (const RecipeFlags *self, guint i, CowRecipe *recipe, GError **error)
{
  const char *name = self->old_texts[i] ? cow_recipe_old_key (i) : cow_recipe_key (i);
  g_autofree char *value = given (self, i), *where = g_strconcat ("--", name, NULL);
  g_autoptr (GError) local = NULL;

  if (self->texts[i] && self->old_texts[i])
    return verb_usage (error, "--%s and --%s are one setting: one of them is expected",
                       cow_recipe_key (i), cow_recipe_old_key (i));
  return !value || cow_recipe_give (recipe, i, value, where, &local) ||
         verb_usage (error, "%s", local->message);
}

static gboolean
check_threads (const RecipeFlags *self, GError **error)
{
  return (self->threads >= 0 && self->threads <= MOST_THREADS) ||
         verb_usage (error, "--threads %d: 0 to %d is expected", self->threads, MOST_THREADS);
}

CowRecipe *
recipe_flags_fill (const RecipeFlags *self, const char *preset, GError **error)
{
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  g_autoptr (GError) local = NULL;

  if (!check_threads (self, error))
    return NULL;
  if (preset && !cow_recipe_apply_preset (recipe, preset, &local)) {
    verb_usage (error, "--recipe: %s", local->message);
    return NULL;
  }
  if (self->config && !cow_recipe_apply_file (recipe, self->config, preset == NULL, error))
    return NULL;
  for (guint i = 0; i < cow_recipe_n_settings (); i++)
    if (!g_str_equal (cow_recipe_key (i), "recipe") && !apply (self, i, recipe, error))
      return NULL;
  return g_steal_pointer (&recipe);
}

const char *
recipe_flags_preset (const RecipeFlags *self)
{
  return self->texts[cow_recipe_find ("recipe")];
}

CowRecipe *
recipe_flags_recipe (const RecipeFlags *self, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (!recipe_flags_preset (self) && !self->config) {
    verb_usage (error, "--recipe or --config is missing (--list-recipes shows what there is)");
    return NULL;
  }
  g_autoptr (CowRecipe) recipe = recipe_flags_fill (self, recipe_flags_preset (self), error);
  if (recipe && !cow_recipe_check (recipe, &local)) {
    verb_usage (error, "%s", local->message);
    return NULL;
  }
  return g_steal_pointer (&recipe);
}

gboolean
recipe_flags_change (const RecipeFlags *self, CowRecipe *recipe, GError **error)
{
  if (self->config)
    return verb_usage (error, "--config: a resumed run uses its own recipe.ini");
  if (!check_threads (self, error))
    return FALSE;
  for (guint i = 0; i < cow_recipe_n_settings (); i++) {
    g_autofree char *value = given (self, i);
    if (value && !cow_recipe_is_free (i))
      return verb_usage (error,
                         "--%s: a resumed run keeps this setting; start a new run to change it",
                         cow_recipe_key (i));
    if (!apply (self, i, recipe, error))
      return FALSE;
  }
  return TRUE;
}

char *
recipe_flags_list (void)
{
  guint n;
  const CowRecipePreset *presets = cow_recipe_presets (&n);
  GString *text = g_string_new (NULL);
  g_string_append_printf (text, "%-15s %-13s %5s %5s %9s %7s %9s  %s\n", "RECIPE", "KIND", "RANK",
                          "BATCH", "RATE", "EPOCHS", "PICTURES", "");
  for (guint i = 0; i < n; i++) {
    g_autoptr (CowRecipe) recipe = cow_recipe_new ();
    if (!cow_recipe_apply_preset (recipe, presets[i].name, NULL))
      continue;
    g_autofree char *rank =
        cow_recipe_is_adapted (recipe) ? g_strdup_printf ("%d", recipe->rank) : g_strdup ("-");
    g_autofree char *batch =
        g_strdup_printf ("%dx%d", recipe->batch, recipe->gradient_accumulation);
    g_string_append_printf (
        text, "%-15s %-13s %5s %5s %9g %7d %9s  %s\n", presets[i].name,
        cow_recipe_kind_name (recipe), rank, batch, recipe->learning_rate, recipe->epochs,
        cow_normalisation_name (recipe->preprocess.normalisation), presets[i].summary);
  }
  return g_string_free (text, FALSE);
}

void
recipe_flags_clear (RecipeFlags *self)
{
  for (guint i = 0; self->entries && i < cow_recipe_n_settings (); i++) {
    g_free (self->texts[i]);
    g_free (self->old_texts[i]);
    g_strfreev (self->lists[i]);
  }
  g_free (self->config);
  g_free (self->device);
  g_free (self->texts);
  g_free (self->old_texts);
  g_free (self->lists);
  g_free (self->switches);
  g_clear_pointer (&self->entries, g_array_unref);
}
