/* SPDX-License-Identifier: MIT */
/* A calibration as the card keeps it. model/adapter/card.c reads "temperature" and the
 * thresholds' values; the rest is for people. */
#include "trainer/eval/calibration.h"

JsonArray *
cow_reliability_to_json (const CowReliabilityBin *bins)
{
  JsonArray *array = json_array_new ();
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++) {
    JsonObject *bin = json_object_new ();
    json_object_set_double_member (bin, "from", (double)b / COW_RELIABILITY_BINS);
    json_object_set_double_member (bin, "to", (double)(b + 1) / COW_RELIABILITY_BINS);
    json_object_set_int_member (bin, "pictures", (gint64)bins[b].n);
    json_object_set_double_member (bin, "confidence", bins[b].confidence);
    json_object_set_double_member (bin, "accuracy", bins[b].accuracy);
    json_array_add_object_element (array, bin);
  }
  return array;
}

static void
set_pair (JsonObject *object, const char *name, double before, double after)
{
  JsonObject *pair = json_object_new ();
  json_object_set_double_member (pair, "before", before);
  json_object_set_double_member (pair, "after", after);
  json_object_set_object_member (object, name, pair);
}

/* Classes that no picture showed have no threshold. */
static JsonObject *
thresholds_to_json (const CowCalibration *self, const char *const *classes)
{
  JsonObject *object = json_object_new (), *list = json_object_new ();
  json_object_set_string_member (object, "target", self->precision_target > 0 ? "precision" : "f1");
  if (self->precision_target > 0)
    json_object_set_double_member (object, "precision", self->precision_target);
  for (guint c = 0; c < self->n_classes; c++) {
    const CowThreshold *threshold = &self->thresholds[c];
    if (!threshold->known)
      continue;
    JsonObject *entry = json_object_new ();
    json_object_set_double_member (entry, "value", threshold->value);
    json_object_set_double_member (entry, "precision", threshold->precision);
    json_object_set_double_member (entry, "recall", threshold->recall);
    json_object_set_double_member (entry, "f1", threshold->f1);
    json_object_set_boolean_member (entry, "reached", threshold->reached);
    json_object_set_object_member (list, classes[c], entry);
  }
  json_object_set_object_member (object, "classes", list);
  return object;
}

JsonObject *
cow_calibration_to_json (const CowCalibration *self, const char *const *classes, const char *split)
{
  JsonObject *object = json_object_new ();
  json_object_set_double_member (object, "temperature", self->temperature);
  json_object_set_string_member (object, "split", split);
  json_object_set_int_member (object, "pictures", self->n);
  set_pair (object, "log_loss", self->trust.log_loss_before, self->trust.log_loss_after);
  set_pair (object, "ece", self->trust.ece_before, self->trust.ece_after);
  json_object_set_array_member (object, "reliability", cow_reliability_to_json (self->trust.after));
  json_object_set_object_member (object, "thresholds", thresholds_to_json (self, classes));
  return object;
}
