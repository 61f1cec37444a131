/* SPDX-License-Identifier: MIT */
/*
 * cowbehavior.json: {"format": 1, "kind", "classes": [...], "preprocess": {"size", "interpolation",
 * "normalisation"}, "base": {"name", "hash", "fingerprint"}}. "size" is the side of a square or
 * [height, width]. All other members (what the trainer measured) are kept as they are, also those
 * that this version does not know; a change of meaning raises "format". "calibration" is such a
 * member, which is also read.
 *
 * Where pictures have any number of labels it is {"format": 2, "labels": "multiple", "thresholds":
 * [...], ...}, so that a program that knows one label alone refuses it. An adapter that finds cows
 * in whole frames has {"format": 3, "task": "detect", ...}, and "behaviours": [...] where it tells
 * what each of them does; a program that only finds cows may leave these alone. Where "preprocess"
 * has "fit": "letterbox" it is {"format": 4}, with the members of either of these where it is one.
 */
#include "model/adapter/card.h"

#include <math.h>
#include <string.h>

#include "model/adapter/label-text.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"

#define FORMAT          1
#define FORMAT_MULTIPLE 2 /* with several labels a picture */
#define FORMAT_DETECTS  3 /* of whole frames */
#define FORMAT_FITS     4 /* of any of them, where pictures keep their shape; the newest */
#define MAX_CLASSES     1024
#define MAX_NAME        256 /* bytes of a class */
#define MAX_SIDE        8192

const char *const cow_default_classes[] = {
  "Drinking", "Feeding head down", "Feeding head up", "Lying", "Standing",
  "Walking",  "frontal_pushing",   "gallop",          "leap",  NULL
};

/* The members that fields of CowCard hold. */
static const char *const own_members[] = {
  "format", "kind", "classes", "preprocess", "base", NULL
};
/* Those of format 2 alone; of format 1 they are others. */
static const char *const multiple_members[] = { "labels", "thresholds", NULL };
/* Those of format 3 alone. */
static const char *const detects_members[] = { "task", "behaviours", NULL };

CowCard *
cow_card_new_default (void)
{
  CowCard *self = g_new0 (CowCard, 1);
  self->kind = g_strdup (cow_kind (COW_NETWORK_LORA)->name);
  self->classes = g_strdupv ((char **)cow_default_classes);
  self->preprocess = cow_preprocess_default ();
  self->temperature = 1;
  self->others = json_object_new ();
  return self;
}

guint
cow_card_n_classes (const CowCard *self)
{
  return g_strv_length (self->classes);
}

const char *const *
cow_card_told (const CowCard *self)
{
  return (const char *const *)(self->detects ? self->behaviours : self->classes);
}

const CowKind *
cow_card_kind (const CowCard *self)
{
  return cow_kind_find (self->kind);
}

gboolean
cow_card_holds_network (const CowCard *self)
{
  const CowKind *kind = cow_card_kind (self);
  return kind && !cow_kind_needs_base (kind);
}

void
cow_card_free (CowCard *self)
{
  if (self == NULL)
    return;
  g_free (self->kind);
  g_strfreev (self->classes);
  g_strfreev (self->behaviours);
  g_free (self->base_name);
  g_free (self->base_hash);
  g_free (self->base_fingerprint);
  g_free (self->thresholds);
  json_object_unref (self->others);
  g_free (self);
}

void
cow_card_set_member (CowCard *self, const char *name, JsonNode *value)
{
  g_return_if_fail (!g_strv_contains (own_members, name));
  if (value != NULL)
    json_object_set_member (self->others, name, value);
  else if (json_object_has_member (self->others, name))
    json_object_remove_member (self->others, name);
}

JsonNode *
cow_card_get_member (const CowCard *self, const char *name)
{
  return json_object_get_member (self->others, name);
}

void
cow_card_set_multiple (CowCard *self, const float *thresholds)
{
  const guint n = cow_card_n_classes (self);
  float *own = g_new (float, n);
  for (guint c = 0; c < n; c++)
    own[c] = thresholds ? thresholds[c] : COW_CARD_THRESHOLD;
  g_free (self->thresholds);
  self->thresholds = own;
  self->multiple = TRUE;
}

static gboolean
is_own (const CowCard *self, const char *name)
{
  return g_strv_contains (own_members, name) ||
         (self->multiple && g_strv_contains (multiple_members, name)) ||
         (self->detects && g_strv_contains (detects_members, name));
}

/* Copies the members that no field of the card holds. */
static void
keep_others (const CowCard *self, JsonObject *from, JsonObject *to)
{
  g_autoptr (GList) names = json_object_get_members (from);
  for (GList *name = names; name != NULL; name = name->next)
    if (!is_own (self, name->data))
      json_object_set_member (to, name->data,
                              json_node_copy (json_object_get_member (from, name->data)));
}

static gboolean
get_kind (JsonObject *object, const char *where, CowCard *self, GError **error)
{
  const char *kind = NULL;
  if (!cow_json_require (object, where, "kind", error) ||
      !cow_json_get_string (object, where, "kind", &kind, error))
    return FALSE;
  if (!cow_kind_find (kind)) {
    g_autofree char *known = g_strjoinv (", ", (char **)cow_kind_names ());
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"kind\" is \"%s\", this version knows %s", where, kind, known);
    return FALSE;
  }
  g_free (self->kind);
  self->kind = g_strdup (kind);
  return TRUE;
}

static gboolean
check_name (JsonNode *node, GHashTable *seen, const char *where, const char *key, guint index,
            GError **error)
{
  const char *name = cow_json_holds (node, G_TYPE_STRING) ? json_node_get_string (node) : NULL;
  if (name != NULL && name[0] != '\0' && strlen (name) <= MAX_NAME &&
      g_hash_table_add (seen, (gpointer)name))
    return TRUE;
  g_autofree char *found = cow_json_describe (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: \"%s\" has %s at %u, expected names that differ, of 1 to %d bytes", where, key,
               found, index, MAX_NAME);
  return FALSE;
}

/* A list of names into *names, which is freed before. */
static gboolean
get_names (JsonObject *object, const char *where, const char *key, char ***names, GError **error)
{
  JsonArray *array = NULL;
  if (!cow_json_require (object, where, key, error) ||
      !cow_json_get_array (object, where, key, &array, error))
    return FALSE;
  guint n = json_array_get_length (array);
  if (n < 1 || n > MAX_CLASSES) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"%s\" has %u names, expected 1 to %d",
                 where, key, n, MAX_CLASSES);
    return FALSE;
  }
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_auto (GStrv) found = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++) {
    JsonNode *node = json_array_get_element (array, i);
    if (!check_name (node, seen, where, key, i, error))
      return FALSE;
    found[i] = json_node_dup_string (node);
  }
  g_strfreev (*names);
  *names = g_steal_pointer (&found);
  return TRUE;
}

static gboolean
side (JsonNode *node, int *value)
{
  gint64 v = cow_json_holds (node, G_TYPE_INT64) ? json_node_get_int (node) : 0;
  *value = (int)CLAMP (v, 0, MAX_SIDE + 1);
  return v >= 1 && v <= MAX_SIDE;
}

static gboolean
get_size (JsonObject *object, const char *where, CowPreprocess *p, GError **error)
{
  JsonNode *node = json_object_get_member (object, "size");
  if (node == NULL)
    return TRUE;
  if (side (node, &p->height)) {
    p->width = p->height;
    return TRUE;
  }
  JsonArray *pair = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (pair != NULL && json_array_get_length (pair) == 2 &&
      side (json_array_get_element (pair, 0), &p->height) &&
      side (json_array_get_element (pair, 1), &p->width))
    return TRUE;
  g_autofree char *found = cow_json_describe (node);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: \"size\" is %s, expected a side or [height, width] from 1 to %d pixels", where,
               found, MAX_SIDE);
  return FALSE;
}

static gboolean
get_preprocess (JsonObject *card, const char *where, gint64 format, CowPreprocess *p,
                GError **error)
{
  JsonObject *object = NULL;
  if (!cow_json_get_object (card, where, "preprocess", &object, error))
    return FALSE;
  if (object == NULL)
    return TRUE;
  const char *interpolation = cow_interpolation_name (p->interpolation),
             *normalisation = cow_normalisation_name (p->normalisation),
             *fit = cow_fit_name (p->fit);
  if (!get_size (object, where, p, error) ||
      !cow_json_get_string (object, where, "interpolation", &interpolation, error) ||
      !cow_json_get_string (object, where, "normalisation", &normalisation, error) ||
      (format == FORMAT_FITS && !cow_json_get_string (object, where, "fit", &fit, error)))
    return FALSE;
  if (!cow_fit_parse (fit, &p->fit)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"fit\" is \"%s\", expected \"stretch\" or \"letterbox\"", where, fit);
    return FALSE;
  }
  if (!cow_interpolation_parse (interpolation, &p->interpolation)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_UNSUPPORTED,
        "%s: \"interpolation\" is \"%s\", expected \"bilinear\" or \"bilinear-antialiased\"", where,
        interpolation);
    return FALSE;
  }
  if (!cow_normalisation_parse (normalisation, &p->normalisation)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_UNSUPPORTED,
        "%s: \"normalisation\" is \"%s\", expected \"unit\", \"imagenet\" or \"satellite\"", where,
        normalisation);
    return FALSE;
  }
  return TRUE;
}

static gboolean
get_base (JsonObject *card, const char *where, CowCard *self, GError **error)
{
  JsonObject *object = NULL;
  const char *name = NULL, *hash = NULL, *fingerprint = NULL;
  if (!cow_json_get_object (card, where, "base", &object, error) ||
      (object != NULL &&
       (!cow_json_get_string (object, where, "name", &name, error) ||
        !cow_json_get_string (object, where, "hash", &hash, error) ||
        !cow_json_get_string (object, where, "fingerprint", &fingerprint, error))))
    return FALSE;
  self->base_name = g_strdup (name);
  self->base_hash = g_strdup (hash);
  self->base_fingerprint = g_strdup (fingerprint);
  return TRUE;
}

/* ---- calibration ------------------------------------------------------------------------------
 * "calibration": {"temperature": 1.4, "thresholds": {"classes": {"Lying": {"value": 0.31}, ...}}},
 * as `cow-trainer eval --calibrate` fits it. Thresholds are keyed by the name of their class, and
 * are probabilities at that temperature. The other members tell people how it was fitted.
 */

static gboolean
get_temperature (JsonObject *calibration, const char *where, CowCard *self, GError **error)
{
  double value = 1;
  if (!cow_json_get_double (calibration, where, "temperature", &value, error))
    return FALSE;
  if (value >= COW_CARD_TEMPERATURE_MIN && value <= COW_CARD_TEMPERATURE_MAX) {
    self->temperature = value;
    return TRUE;
  }
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"temperature\" is %g, expected %g to %g",
               where, value, COW_CARD_TEMPERATURE_MIN, COW_CARD_TEMPERATURE_MAX);
  return FALSE;
}

static gboolean
get_threshold (JsonObject *threshold, const char *where, float *to, GError **error)
{
  double value = 0;
  if (!cow_json_require (threshold, where, "value", error) ||
      !cow_json_get_double (threshold, where, "value", &value, error))
    return FALSE;
  if (value >= 0 && value <= 1) {
    *to = (float)value;
    return TRUE;
  }
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"value\" is %g, expected a probability",
               where, value);
  return FALSE;
}

/* Each name must be a class: the threshold of any other would never be applied. */
static gboolean
get_thresholds (JsonObject *classes, const char *where, CowCard *self, GError **error)
{
  g_autoptr (GList) names = json_object_get_members (classes);
  self->thresholds = g_new0 (float, cow_card_n_classes (self));
  for (GList *name = names; name != NULL; name = name->next) {
    g_autofree char *place = g_strdup_printf ("%s of \"%s\"", where, (char *)name->data);
    JsonObject *threshold = NULL;
    guint c = 0;
    while (self->classes[c] != NULL && !g_str_equal (self->classes[c], name->data))
      c++;
    if (self->classes[c] == NULL) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s, which is none of \"classes\"", place);
      return FALSE;
    }
    if (!cow_json_get_object (classes, where, name->data, &threshold, error) ||
        (threshold != NULL && !get_threshold (threshold, place, &self->thresholds[c], error)))
      return FALSE;
  }
  return TRUE;
}

static gboolean
get_calibration (JsonObject *card, const char *where, CowCard *self, GError **error)
{
  g_autofree char *inside = g_strconcat (where, ": \"calibration\"", NULL),
                  *thresholds_inside = g_strconcat (inside, ": threshold", NULL);
  JsonObject *calibration = NULL, *thresholds = NULL, *classes = NULL;
  if (!cow_json_get_object (card, where, "calibration", &calibration, error))
    return FALSE;
  if (calibration == NULL)
    return TRUE;
  if (!get_temperature (calibration, inside, self, error) ||
      !cow_json_get_object (calibration, inside, "thresholds", &thresholds, error) ||
      (thresholds != NULL && !cow_json_get_object (thresholds, inside, "classes", &classes, error)))
    return FALSE;
  return classes == NULL || self->multiple ||
         get_thresholds (classes, thresholds_inside, self, error);
}

/* ---- several labels -------------------------------------------------------------------------- */

static gboolean
get_decisions (JsonObject *card, const char *where, CowCard *self, GError **error)
{
  const guint n = cow_card_n_classes (self);
  JsonArray *array = NULL;
  if (!cow_json_get_array (card, where, "thresholds", &array, error))
    return FALSE;
  cow_card_set_multiple (self, NULL);
  if (array != NULL && json_array_get_length (array) != n) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"thresholds\" has %u numbers, expected one for each of the %u classes",
                 where, json_array_get_length (array), n);
    return FALSE;
  }
  for (guint c = 0; c < n && array != NULL; c++) {
    JsonNode *node = json_array_get_element (array, c);
    const double value = cow_json_holds (node, G_TYPE_DOUBLE) || cow_json_holds (node, G_TYPE_INT64)
                             ? json_node_get_double (node)
                             : -1;
    if (!(value >= 0 && value <= 1)) {
      g_autofree char *found = cow_json_describe (node);
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: \"thresholds\" has %s at %u, expected a probability", where, found, c);
      return FALSE;
    }
    self->thresholds[c] = (float)value;
  }
  return TRUE;
}

/* What format 2 has beside format 1. */
static gboolean
get_multiple (JsonObject *card, const char *where, CowCard *self, GError **error)
{
  const char *labels = NULL;
  if (!cow_json_require (card, where, "labels", error) ||
      !cow_json_get_string (card, where, "labels", &labels, error))
    return FALSE;
  if (!g_str_equal (labels, "multiple")) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"labels\" is \"%s\", this version knows \"multiple\"", where, labels);
    return FALSE;
  }
  for (char **name = self->classes; *name != NULL; name++)
    if (!cow_label_is_plain (*name)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: \"classes\" has \"%s\": with several labels a picture no class is called "
                   "\"" COW_LABEL_NONE "\" or has \"" COW_LABEL_SEPARATOR "\" in its name",
                   where, *name);
      return FALSE;
    }
  return get_decisions (card, where, self, error);
}

/* What format 3 has beside format 1. */
static gboolean
get_task (JsonObject *card, const char *where, CowCard *self, GError **error)
{
  const char *task = NULL;
  if (!cow_json_require (card, where, "task", error) ||
      !cow_json_get_string (card, where, "task", &task, error))
    return FALSE;
  self->detects = g_str_equal (task, "detect");
  if (!self->detects)
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: \"task\" is \"%s\", this version knows \"detect\"", where, task);
  return self->detects && (!json_object_has_member (card, "behaviours") ||
                           get_names (card, where, "behaviours", &self->behaviours, error));
}

/* ---- the file ------------------------------------------------------------------------------- */

static gboolean
get_format (JsonObject *object, const char *where, gint64 *format, GError **error)
{
  if (!cow_json_require (object, where, "format", error) ||
      !cow_json_get_int (object, where, "format", 1, G_MAXINT64, format, error))
    return FALSE;
  if (*format <= FORMAT_FITS)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: \"format\" is %" G_GINT64_FORMAT
               ", this version reads %d to %d: a newer cowbehavior is needed",
               where, *format, FORMAT, FORMAT_FITS);
  return FALSE;
}

/* Whether a card has what that format has: the newest has it where its member is there. */
static gboolean
has_part (JsonObject *object, gint64 format, gint64 of, const char *member)
{
  return format == of || (format == FORMAT_FITS && json_object_has_member (object, member));
}

CowCard *
cow_card_read (const char *folder, gboolean *found, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "cowbehavior.json", NULL);
  g_autoptr (CowCard) self = cow_card_new_default ();
  gboolean exists = cow_path_exists (path);
  if (found != NULL)
    *found = exists;
  if (!exists)
    return g_steal_pointer (&self);
  g_autoptr (JsonObject) object = cow_json_read_object (path, error);
  gint64 format = FORMAT;
  if (object == NULL || !get_format (object, path, &format, error) ||
      !get_kind (object, path, self, error) ||
      !get_names (object, path, "classes", &self->classes, error) ||
      !get_preprocess (object, path, format, &self->preprocess, error) ||
      !get_base (object, path, self, error) ||
      (has_part (object, format, FORMAT_MULTIPLE, "labels") &&
       !get_multiple (object, path, self, error)) ||
      (has_part (object, format, FORMAT_DETECTS, "task") &&
       !get_task (object, path, self, error)) ||
      !get_calibration (object, path, self, error))
    return NULL;
  keep_others (self, object, self->others);
  return g_steal_pointer (&self);
}

static void
set_string (JsonObject *object, const char *key, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, key, value);
  else
    json_object_set_null_member (object, key);
}

static JsonObject *
preprocess_object (const CowPreprocess *p)
{
  JsonObject *object = json_object_new ();
  if (p->width == p->height) {
    json_object_set_int_member (object, "size", p->width);
  } else {
    JsonArray *size = json_array_new ();
    json_array_add_int_element (size, p->height);
    json_array_add_int_element (size, p->width);
    json_object_set_array_member (object, "size", size);
  }
  json_object_set_string_member (object, "interpolation",
                                 cow_interpolation_name (p->interpolation));
  json_object_set_string_member (object, "normalisation",
                                 cow_normalisation_name (p->normalisation));
  if (p->fit != COW_STRETCH)
    json_object_set_string_member (object, "fit", cow_fit_name (p->fit));
  return object;
}

/* Six digits are more than a threshold is known to. */
static JsonArray *
decisions_array (const CowCard *self)
{
  JsonArray *array = json_array_new ();
  for (guint c = 0; self->classes[c] != NULL; c++)
    json_array_add_double_element (array, round ((double)self->thresholds[c] * 1e6) / 1e6);
  return array;
}

static JsonArray *
names_array (char **names)
{
  JsonArray *array = json_array_new ();
  for (char **name = names; *name != NULL; name++)
    json_array_add_string_element (array, *name);
  return array;
}

gboolean
cow_card_write (const CowCard *self, const char *folder, GError **error)
{
  g_autoptr (JsonObject) card = json_object_new ();
  g_autofree char *path = g_build_filename (folder, "cowbehavior.json", NULL);
  JsonObject *base = json_object_new ();
  set_string (base, "name", self->base_name);
  set_string (base, "hash", self->base_hash);
  if (self->base_fingerprint)
    set_string (base, "fingerprint", self->base_fingerprint);
  json_object_set_int_member (card, "format",
                              self->preprocess.fit != COW_STRETCH ? FORMAT_FITS
                              : self->detects                     ? FORMAT_DETECTS
                              : self->multiple                    ? FORMAT_MULTIPLE
                                                                  : FORMAT);
  json_object_set_string_member (card, "kind", self->kind);
  json_object_set_array_member (card, "classes", names_array (self->classes));
  json_object_set_object_member (card, "preprocess", preprocess_object (&self->preprocess));
  json_object_set_object_member (card, "base", base);
  if (self->detects)
    json_object_set_string_member (card, "task", "detect");
  if (self->detects && self->behaviours)
    json_object_set_array_member (card, "behaviours", names_array (self->behaviours));
  if (self->multiple) {
    json_object_set_string_member (card, "labels", "multiple");
    json_object_set_array_member (card, "thresholds", decisions_array (self));
  }
  keep_others (self, self->others, card);
  if (!cow_folder_make (folder, error))
    return FALSE;
  g_autofree char *text = cow_json_object_text (card);
  return cow_text_write (text, path, error);
}

void
cow_softmax (const float *logits, guint n_classes, double temperature, float *probabilities)
{
  double sum = 0;
  float max = logits[0];
  for (guint c = 1; c < n_classes; c++)
    max = MAX (max, logits[c]);
  for (guint c = 0; c < n_classes; c++)
    sum += exp (((double)logits[c] - (double)max) / temperature);
  for (guint c = 0; c < n_classes; c++)
    probabilities[c] = (float)(exp (((double)logits[c] - (double)max) / temperature) / sum);
}

void
cow_sigmoid (const float *logits, guint n_classes, double temperature, float *probabilities)
{
  for (guint c = 0; c < n_classes; c++) {
    const double x = (double)logits[c] / temperature, small = exp (-fabs (x));
    probabilities[c] = (float)((x >= 0 ? 1 : small) / (1 + small));
  }
}
