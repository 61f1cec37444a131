/* SPDX-License-Identifier: MIT */
#include "model/files/tensor-names.h"

#include <string.h>

#include "model/files/vit-family.h"

/* torch.compile, FSDP, DDP and activation checkpointing: their module is the wrapped one's. */
static const char *const transparent[] = { "_orig_mod", "_fsdp_wrapped_module",
                                           "_checkpoint_wrapped_module", NULL };

/* What programs call the module or the dictionary that a network lies in, beside its family. */
static const char *const holders[] = { "module",
                                       "model",
                                       "backbone",
                                       "base_model",
                                       "network",
                                       "net",
                                       "encoder",
                                       "vit",
                                       "state_dict",
                                       "state_dict_ema",
                                       "model_state_dict",
                                       "model_ema",
                                       "ema",
                                       "ema_model",
                                       "teacher",
                                       "student",
                                       "visual",
                                       "trunk",
                                       "image_encoder",
                                       "vision_model",
                                       "vision_tower",
                                       "vision_encoder",
                                       "feature_extractor",
                                       NULL };

/* Parts of a path that tell which of several copies is meant to be used. */
static const char *const preferred[] = { "teacher", "state_dict_ema", "model_ema",
                                         "ema",     "ema_model",      NULL };
static const char *const avoided[] = { "student", "optimizer", NULL };

/* Names of the first layer of each network that is known: where they lie, the network lies. */
static const char *const anchors[] = { "patch_embed.proj.weight",
                                       "embeddings.patch_embeddings.weight",
                                       "embeddings.patch_embeddings.projection.weight",
                                       "layer1.0.conv1.weight" };

static gboolean
is_one_of (const char *const *list, const char *part, gsize n)
{
  for (; *list; list++)
    if (strlen (*list) == n && memcmp (*list, part, n) == 0)
      return TRUE;
  return FALSE;
}

/* The name without the parts that stand for nothing. */
static GString *
drop_transparent (const char *name)
{
  GString *kept = g_string_new (NULL);
  for (const char *dot; (dot = strchr (name, '.')) != NULL; name = dot + 1)
    if (!is_one_of (transparent, name, (gsize)(dot - name)))
      g_string_append_len (kept, name, dot + 1 - name);
  return g_string_append (kept, name);
}

char *
cow_name_drop_transparent (const char *name)
{
  return g_string_free (drop_transparent (name), FALSE);
}

char *
cow_name_unwrap (const char *name)
{
  g_autoptr (GString) kept = drop_transparent (name);
  const char *rest = kept->str;
  for (const char *dot; (dot = strchr (rest, '.')) != NULL; rest = dot + 1)
    if (!is_one_of (holders, rest, (gsize)(dot - rest)) &&
        !cow_vit_family_is_module (rest, (gsize)(dot - rest)))
      break;
  return g_strdup (rest);
}

/* ---- a network among other things ------------------------------------------------------------ */

/* What stands before an anchor at the end of the name, NULL where none is there. */
static char *
before_anchor (const char *name)
{
  g_autoptr (GString) kept = drop_transparent (name);
  for (guint i = 0; i < G_N_ELEMENTS (anchors); i++) {
    if (!g_str_has_suffix (kept->str, anchors[i]))
      continue;
    const gsize n = kept->len - strlen (anchors[i]);
    if (n == 0 || kept->str[n - 1] == '.')
      return g_strndup (kept->str, n);
  }
  return NULL;
}

static gboolean
has_part (const char *path, const char *const *list)
{
  for (const char *dot; (dot = strchr (path, '.')) != NULL; path = dot + 1)
    if (is_one_of (list, path, (gsize)(dot - path)))
      return TRUE;
  return FALSE;
}

static int
rank_of (const char *path)
{
  return has_part (path, avoided) ? 0 : has_part (path, preferred) ? 2 : 1;
}

char *
cow_names_find_network (const char *const *names, guint n, char **other)
{
  char *best = NULL;
  *other = NULL;
  for (guint i = 0; i < n; i++) {
    g_autofree char *path = before_anchor (names[i]);
    if (!path || g_strcmp0 (path, best) == 0)
      continue;
    const int difference = best ? rank_of (path) - rank_of (best) : 1;
    if (difference > 0) {
      g_free (best);
      best = g_steal_pointer (&path);
      g_clear_pointer (other, g_free);
    } else if (difference == 0 && !*other) {
      *other = g_steal_pointer (&path);
    }
  }
  return best;
}

/* ---- what all have in common ----------------------------------------------------------------- */

char *
cow_names_common (const char *const *names, guint n)
{
  gsize common = n > 0 ? strlen (names[0]) : 0;
  for (guint i = 1; i < n; i++) {
    gsize same = 0;
    while (same < common && names[i][same] == names[0][same] && names[i][same] != '\0')
      same++;
    common = same;
  }
  while (common > 0 && names[0][common - 1] != '.')
    common--;
  return g_strndup (n > 0 ? names[0] : "", common);
}
