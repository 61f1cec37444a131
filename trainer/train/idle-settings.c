/* SPDX-License-Identifier: MIT */
#include "trainer/train/idle-settings.h"

static const CowKind *
kind_of (const CowIdleCase *self)
{
  return cow_recipe_kind (self->recipe);
}

/* ---- when a setting decides nothing ---------------------------------------------------------- */

static gboolean
is_not_adapted (const CowIdleCase *self)
{
  return !kind_of (self)->adapted;
}

static gboolean
is_started (const CowIdleCase *self)
{
  return kind_of (self)->adapted && self->start_has_layers;
}

static gboolean
is_not_named (const CowIdleCase *self)
{
  return !kind_of (self)->named;
}

static gboolean
is_cached (const CowIdleCase *self)
{
  return kind_of (self)->cached;
}

static gboolean
never_checkpoints (const CowIdleCase *self)
{
  return !kind_of (self)->cached && !self->checkpoints;
}

static gboolean
is_not_augmented (const CowIdleCase *self)
{
  return self->recipe->augment == COW_AUGMENT_NONE && self->recipe->copies > 0;
}

static gboolean
has_val (const CowIdleCase *self)
{
  return !self->divided || *self->recipe->val;
}

static gboolean
has_test (const CowIdleCase *self)
{
  return !self->divided || *self->recipe->test;
}

static gboolean
is_not_tracked (const CowIdleCase *self)
{
  return !self->tracked;
}

/* The table of settings and the runs in which they decide nothing; what is wrong rather than idle
 * is refused by cow_recipe_check (). */
static const struct {
  const char *key;
  gboolean (*is_idle) (const CowIdleCase *self);
  const char *why;
} rows[] = {
  { "targets", is_not_adapted, "only lora and dora have adapters" },
  { "rank", is_not_adapted, "only lora and dora have adapters" },
  { "alpha", is_not_adapted, "only lora and dora have adapters" },
  { "adapter-dropout", is_not_adapted, "only lora and dora have adapters" },
  { "targets", is_started, "the adapter of --start keeps its own" },
  { "rank", is_started, "the adapter of --start keeps its own" },
  { "alpha", is_started, "the adapter of --start keeps its own" },
  { "network", is_not_named, "this recipe says which network trains" },
  { "checkpointing", is_cached, "no layer below the head trains" },
  { "checkpointing", never_checkpoints, "layers of this network are computed once" },
  { "copies", is_not_augmented, "--augment none makes no copies" },
  { "val-fraction", has_val, "the pictures for validation are given" },
  { "test-fraction", has_test, "the pictures for the test are given, or none are divided" },
  { "experiment", is_not_tracked, "--tracking-uri names no server" },
  { "run-name", is_not_tracked, "--tracking-uri names no server" },
};

GPtrArray *
cow_idle_settings (const CowIdleCase *self)
{
  GPtrArray *sentences = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const char *given = cow_recipe_given_by (self->recipe, rows[i].key);

    if (given && g_str_has_prefix (given, "--") && rows[i].is_idle (self))
      g_ptr_array_add (sentences, g_strdup_printf ("%s has no effect: %s", given, rows[i].why));
  }
  return sentences;
}
