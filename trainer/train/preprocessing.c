/* SPDX-License-Identifier: MIT */
#include "trainer/train/preprocessing.h"

#include "model/adapter/preprocess-source.h"
#include "model/files/file-writer.h"
#include "model/network/detector-file.h"

/* The settings that make up a CowPreprocess. */
static const struct {
  CowPreprocessParts part;
  const char *key;
} parts[] = { { COW_PREPROCESS_SIZE, "size" },
              { COW_PREPROCESS_FIT, "fit" },
              { COW_PREPROCESS_INTERPOLATION, "interpolation" },
              { COW_PREPROCESS_NORMALISATION, "normalisation" } };

#define N_PARTS G_N_ELEMENTS (parts)

/* Something that the run stands on. */
typedef struct {
  CowPreprocessSource source;
  char *name;       /* "the base's card" */
  const char *path; /* borrowed: of the file that says so, or of the folder that has none */
} Ground;

static void
ground_clear (Ground *self)
{
  cow_preprocess_source_clear (&self->source);
  g_free (self->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Ground, ground_clear)

static gboolean
read_start (Ground *self, const char *start, GError **error)
{
  if (!*start)
    return TRUE;
  if (!cow_preprocess_source_read_adapter (&self->source, start, error))
    return FALSE;
  self->name = g_strdup (self->source.path ? "the start adapter's card"
                                           : "the start adapter, which has no card");
  self->path = self->source.path ? self->source.path : start;
  return TRUE;
}

static gboolean
read_base (Ground *self, const char *model, GError **error)
{
  if (!*model)
    return TRUE;
  if (!cow_preprocess_source_read_model (&self->source, model, error))
    return FALSE;
  self->name = g_strconcat ("the base's ", self->source.name, NULL);
  self->path = self->source.path;
  return TRUE;
}

/* ---- one part -------------------------------------------------------------------------------- */

static void
copy_part (CowPreprocess *to, const CowPreprocess *from, CowPreprocessParts part)
{
  if (part == COW_PREPROCESS_SIZE) {
    to->width = from->width;
    to->height = from->height;
  } else if (part == COW_PREPROCESS_FIT)
    to->fit = from->fit;
  else if (part == COW_PREPROCESS_INTERPOLATION)
    to->interpolation = from->interpolation;
  else
    to->normalisation = from->normalisation;
}

/* As the flag takes it. Free with g_free. */
static char *
part_text (const CowPreprocess *p, CowPreprocessParts part)
{
  if (part == COW_PREPROCESS_SIZE)
    return g_strdup_printf ("%dx%d", p->width, p->height);
  return g_strdup (part == COW_PREPROCESS_FIT ? cow_fit_name (p->fit)
                   : part == COW_PREPROCESS_INTERPOLATION
                       ? cow_interpolation_name (p->interpolation)
                       : cow_normalisation_name (p->normalisation));
}

/* Resolves a part; gives the name of who gave it. */
static const char *
resolve_part (guint i, CowRecipe *recipe, const Ground *ground, GPtrArray *warnings)
{
  const char *given_by = cow_recipe_given_by (recipe, parts[i].key);
  g_autofree char *chosen = part_text (&recipe->preprocess, parts[i].part), *theirs = NULL;

  if (ground)
    theirs = part_text (&ground->source.preprocess, parts[i].part);
  if (given_by && ground && !g_str_equal (chosen, theirs))
    g_ptr_array_add (warnings,
                     g_strdup_printf ("%s is %s, but %s (%s) says %s: pictures are prepared "
                                      "otherwise than the network learned; leave the setting out "
                                      "to follow it",
                                      given_by, chosen, ground->name, ground->path, theirs));
  if (given_by)
    return given_by;
  if (!ground)
    return *recipe->name ? "the recipe" : "the defaults";
  copy_part (&recipe->preprocess, &ground->source.preprocess, parts[i].part);
  return ground->name;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* That pictures are stretched goes unsaid. */
static gboolean
is_said (const CowPreprocess *p, guint i)
{
  return parts[i].part != COW_PREPROCESS_FIT || p->fit != COW_STRETCH;
}

/* Whether all that is said comes from one place. */
static gboolean
is_same (const CowPreprocess *p, const char *const origins[N_PARTS])
{
  gboolean same = TRUE;

  for (guint i = 1; i < N_PARTS; i++)
    same = same && (!is_said (p, i) || g_str_equal (origins[0], origins[i]));
  return same;
}

static char *
describe (const CowPreprocess *p, const char *const origins[N_PARTS])
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < N_PARTS; i++) {
    g_autofree char *value = part_text (p, parts[i].part);
    if (!is_said (p, i))
      continue;
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", value);
    if (!is_same (p, origins))
      g_string_append_printf (text, " (%s)", origins[i]);
  }
  if (is_same (p, origins))
    g_string_append_printf (text, ", from %s", origins[0]);
  return g_string_free (text, FALSE);
}

static gboolean
has_detector (const char *adapter)
{
  g_autofree char *path = g_build_filename (adapter, COW_DETECTOR_FILE, NULL);

  return *adapter && cow_path_exists (path);
}

gboolean
cow_preprocessing_resolve (CowPreprocessing *self, CowRecipe *recipe, GError **error)
{
  g_auto (Ground) start = { 0 }, base = { 0 };
  /* A whole frame is larger than the crops that a base or another kind of adapter is for, and of
   * another shape. */
  const guint all = COW_PREPROCESS_ALL,
              others = all & ~(guint)(COW_PREPROCESS_SIZE | COW_PREPROCESS_FIT),
              base_parts = recipe->detect ? others : all,
              start_parts = recipe->detect && !has_detector (recipe->start) ? others : all;
  const char *origins[N_PARTS];

  *self = (CowPreprocessing){ .warnings = g_ptr_array_new_with_free_func (g_free) };
  if (!read_start (&start, recipe->start, error) || !read_base (&base, recipe->model, error))
    return FALSE;
  for (guint i = 0; i < N_PARTS; i++) {
    const Ground *ground = start.source.given & start_parts & parts[i].part ? &start
                           : base.source.given & base_parts & parts[i].part ? &base
                                                                            : NULL;
    origins[i] = resolve_part (i, recipe, ground, self->warnings);
  }
  /* What the base asks for does not matter where an adapter's card goes before it. */
  for (guint i = 0; !start.source.given && base.source.notes && i < base.source.notes->len; i++)
    g_ptr_array_add (self->warnings, g_strdup (base.source.notes->pdata[i]));
  self->text = describe (&recipe->preprocess, origins);
  return TRUE;
}

void
cow_preprocessing_say (const CowPreprocessing *self)
{
  g_printerr ("cow-trainer: preprocessing: %s\n", self->text);
  for (guint i = 0; i < self->warnings->len; i++)
    g_printerr ("cow-trainer: warning: %s\n", (const char *)self->warnings->pdata[i]);
}

void
cow_preprocessing_clear (CowPreprocessing *self)
{
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->warnings, g_ptr_array_unref);
}
