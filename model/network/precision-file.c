/* SPDX-License-Identifier: MIT */
#include "model/network/precision-file.h"

#include <math.h>

#include "kernels/kernels.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"

#define FORMAT      1
#define MOST_LAYERS 4096 /* more than any network has */

/* ---- reading --------------------------------------------------------------------------------- */

JsonObject *
cow_precision_file_choices (JsonObject *root, const char *where, const char *expected,
                            GError **error)
{
  static const char *const needed[] = { "format", "arithmetic", "weights", "choices" };
  gint64 format = FORMAT, arithmetic = CK_ARITHMETIC;
  const char *weights = NULL;
  JsonObject *choices = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (needed); i++)
    if (!cow_json_require (root, where, needed[i], error))
      return NULL;
  if (!cow_json_get_int (root, where, "format", FORMAT, FORMAT, &format, error) ||
      !cow_json_get_int (root, where, "arithmetic", 0, G_MAXINT, &arithmetic, error) ||
      !cow_json_get_string (root, where, "weights", &weights, error) ||
      !cow_json_get_object (root, where, "choices", &choices, error))
    return NULL;
  if (!g_str_equal (weights, expected)) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s: it was measured with other weights",
                 where);
    return NULL;
  }
  if (arithmetic != CK_ARITHMETIC) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: it was measured by arithmetic %" G_GINT64_FORMAT ", and this program has %d",
                 where, arithmetic, CK_ARITHMETIC);
    return NULL;
  }
  return json_object_ref (choices);
}

JsonObject *
cow_precision_file_read (const char *path, const char *weights, GError **error)
{
  g_autoptr (JsonObject) root = cow_json_read_object (path, error);
  return root ? cow_precision_file_choices (root, path, weights, error) : NULL;
}

static gboolean
fail (const char *where, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s", where, what);
  return FALSE;
}

/* A precision that something can be computed in. */
static gboolean
get_precision (JsonObject *object, const char *where, const char *key, CowPrecision *precision,
               GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *name = NULL;
  if (!cow_json_require (object, where, key, error) ||
      !cow_json_get_string (object, where, key, &name, error))
    return FALSE;
  if (!cow_precision_parse (name, precision, &local))
    return fail (where, local->message, error);
  return *precision != COW_PRECISION_AUTO || fail (where, "\"precision\" is \"auto\"", error);
}

static gboolean
get_layers (JsonObject *mix, const char *where, char ***layers, GError **error)
{
  JsonArray *array = NULL;
  if (!cow_json_require (mix, where, "layers", error) ||
      !cow_json_get_array (mix, where, "layers", &array, error))
    return FALSE;
  const guint n = json_array_get_length (array);
  if (n < 1 || n > MOST_LAYERS)
    return fail (where, "\"layers\" has no names, or too many", error);
  g_auto (GStrv) names = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++) {
    JsonNode *node = json_array_get_element (array, i);
    if (!cow_json_holds (node, G_TYPE_STRING))
      return fail (where, "a name in \"layers\" is no string", error);
    names[i] = json_node_dup_string (node);
  }
  *layers = g_steal_pointer (&names);
  return TRUE;
}

/* The mixed network goes before the whole one. */
static gboolean
take_mix (JsonObject *object, const char *where, CowPrecisionEntry *entry, GError **error)
{
  JsonObject *mix = NULL;
  if (!cow_json_get_object (object, where, "mix", &mix, error))
    return FALSE;
  if (!mix)
    return TRUE;
  if (!get_precision (mix, where, "precision", &entry->precision, error) ||
      !get_precision (mix, where, "finer", &entry->finer, error))
    return FALSE;
  if (entry->finer >= entry->precision)
    return fail (where, "\"mix\" is not of a precision and a finer one", error);
  return get_layers (mix, where, &entry->raised, error);
}

gboolean
cow_precision_file_entry (JsonObject *choices, const char *path, const char *level,
                          CowPrecisionEntry *entry, gboolean *found, GError **error)
{
  JsonObject *object = NULL;
  gint64 n_pictures = 0;
  g_autofree char *where = g_strdup_printf ("%s: %s", path, level);
  *entry = (CowPrecisionEntry){ .precision = COW_PRECISION_FP32, .finer = COW_PRECISION_FP32 };
  *found = FALSE;
  if (!cow_json_get_object (choices, path, level, &object, error))
    return FALSE;
  if (!object)
    return TRUE;
  if (!get_precision (object, where, "precision", &entry->precision, error) ||
      !cow_json_require (object, where, "pictures", error) ||
      !cow_json_get_int (object, where, "pictures", 1, G_MAXUINT, &n_pictures, error) ||
      !take_mix (object, where, entry, error))
    return FALSE;
  entry->n_pictures = (guint)n_pictures;
  *found = TRUE;
  return TRUE;
}

void
cow_precision_entry_clear (CowPrecisionEntry *entry)
{
  g_clear_pointer (&entry->raised, g_strfreev);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void
set_layers (JsonObject *object, char *const *names)
{
  JsonArray *array = json_array_new ();
  for (; *names; names++)
    json_array_add_string_element (array, *names);
  json_object_set_array_member (object, "layers", array);
}

static JsonObject *
path_object (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "precision", cow_precision_name (path->precision));
  if (path->raised)
    set_layers (object, path->raised);
  json_object_set_double_member (object, "ms_per_picture", path->ms);
  json_object_set_double_member (object, "fp32_ms_per_picture", path->fp32_ms);
  if (isfinite (path->cosine))
    json_object_set_double_member (object, "worst_cosine", path->cosine);
  else
    json_object_set_null_member (object, "worst_cosine");
  if (figures->has_head)
    json_object_set_int_member (object, "same_labels", path->same_labels);
  else
    json_object_set_null_member (object, "same_labels");
  json_object_set_string_member (object, "verdict",
                                 cow_verdict_text (cow_precision_judge (figures, path)));
  return object;
}

static JsonObject *
mix_object (const CowPrecisionFigures *figures, const CowPrecisionPath *path)
{
  const CowPrecision finer = cow_precision_figures_finer (figures, path->precision);
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "precision", cow_precision_name (path->precision));
  json_object_set_string_member (object, "finer", cow_precision_name (finer));
  set_layers (object, path->raised);
  return object;
}

static JsonObject *
figures_object (const CowPrecisionFigures *figures)
{
  const CowPrecisionPath *mix = cow_precision_decide_mix (figures);
  JsonObject *object = json_object_new ();
  JsonArray *paths = json_array_new ();
  for (guint i = 0; i < figures->n_paths; i++)
    json_array_add_object_element (paths, path_object (figures, &figures->paths[i]));
  json_object_set_string_member (object, "precision",
                                 cow_precision_name (cow_precision_decide (figures)));
  json_object_set_int_member (object, "pictures", figures->n_pictures);
  if (mix)
    json_object_set_object_member (object, "mix", mix_object (figures, mix));
  json_object_set_array_member (object, "paths", paths);
  return object;
}

gboolean
cow_precision_file_write (const char *path, const char *weights, const char *level,
                          const CowPrecisionFigures *figures, GError **error)
{
  g_autoptr (JsonObject) root = json_object_new ();
  JsonObject *choices = cow_precision_file_read (path, weights, NULL);
  if (!choices)
    choices = json_object_new ();
  json_object_set_object_member (choices, level, figures_object (figures));
  json_object_set_int_member (root, "format", FORMAT);
  json_object_set_int_member (root, "arithmetic", CK_ARITHMETIC);
  json_object_set_string_member (root, "weights", weights);
  json_object_set_object_member (root, "choices", choices);
  g_autofree char *text = cow_json_object_text (root);
  return cow_text_write (text, path, error);
}
