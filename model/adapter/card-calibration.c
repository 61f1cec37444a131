/* SPDX-License-Identifier: MIT */
/*
 * "calibration": {"temperature": 1.4, "thresholds": {"classes": {"Lying": {"value": 0.31}, ...}}},
 * as `cow-trainer eval --calibrate` fits it, and what a temperature does. Thresholds are by the
 * name of their class, and probabilities at that temperature. Other members tell people how it was
 * fitted.
 */
#include <math.h>

#include "model/adapter/card-private.h"
#include "model/files/json-object.h"

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

/* Each name must be a class: one that is not would be a threshold that nobody applies. */
static gboolean
get_classes (JsonObject *classes, const char *where, CowCard *self, GError **error)
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

gboolean
cow_card_read_calibration (JsonObject *card, const char *where, CowCard *self, GError **error)
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
  return classes == NULL || get_classes (classes, thresholds_inside, self, error);
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
