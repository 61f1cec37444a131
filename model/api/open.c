/* SPDX-License-Identifier: MIT */
/* Opens models for programs that know neither GLib nor GError, and tells what a model holds and how
 * calls fail. */
#include <stdlib.h>
#include <string.h>

#include "cow-build.h"
#include "model/adapter/base-find.h"
#include "model/adapter/label-text.h"
#include "model/api/api-private.h"
#include "model/network/precision-resolve.h"

G_STATIC_ASSERT (COW_BEHAVIOR_VERSION_MAJOR == COW_VERSION_MAJOR &&
                 COW_BEHAVIOR_VERSION_MINOR == COW_VERSION_MINOR &&
                 COW_BEHAVIOR_VERSION_MICRO == COW_VERSION_MICRO);

/* Larger than any structure will ever get, so that a size that was never set is refused. */
#define MOST_BYTES 4096

unsigned
cow_behavior_version (void)
{
  return COW_BEHAVIOR_VERSION;
}

static CowBehaviorStatus
status_of (const GError *error)
{
  if (error->domain != COW_ERROR)
    return error->domain == G_FILE_ERROR ? COW_BEHAVIOR_IO : COW_BEHAVIOR_DEVICE;
  switch ((CowError)error->code) {
  case COW_ERROR_NOT_FOUND:
    return COW_BEHAVIOR_NOT_FOUND;
  case COW_ERROR_IO:
    return COW_BEHAVIOR_IO;
  case COW_ERROR_FORMAT:
    return COW_BEHAVIOR_BAD_FILE;
  case COW_ERROR_MISMATCH:
    return COW_BEHAVIOR_MISMATCH;
  case COW_ERROR_UNSUPPORTED:
    return COW_BEHAVIOR_UNSUPPORTED;
  case COW_ERROR_ARGUMENT:
    return COW_BEHAVIOR_ARGUMENT;
  case COW_ERROR_MEMORY:
    return COW_BEHAVIOR_MEMORY;
  case COW_ERROR_DEVICE:
    return COW_BEHAVIOR_DEVICE;
  }
  return COW_BEHAVIOR_DEVICE;
}

CowBehaviorStatus
cow_api_finish (GError *error, char **message)
{
  const CowBehaviorStatus status = error ? status_of (error) : COW_BEHAVIOR_OK;
  if (message)
    *message = error ? strdup (error->message) : NULL;
  g_clear_error (&error);
  return status;
}

void
cow_behavior_message_free (char *message)
{
  free (message);
}

gboolean
cow_api_copy (void *copy, gsize known, gsize least, const void *given, const char *what,
              GError **error)
{
  if (!given) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s is NULL", what);
    return FALSE;
  }
  const gsize size = *(const size_t *)given;
  if (size < least || size > MOST_BYTES) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "the size of a %s is %" G_GSIZE_FORMAT ", expected sizeof (%s), %" G_GSIZE_FORMAT,
                 what, size, what, known);
    return FALSE;
  }
  for (gsize i = known; i < size; i++)
    if (((const guint8 *)given)[i] != 0) {
      g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                   "a %s has fields set that libcowbehavior %s does not know", what, COW_VERSION);
      return FALSE;
    }
  memset (copy, 0, known);
  memcpy (copy, given, MIN (size, known));
  return TRUE;
}

static CowBehavior *
open_engine (const CowBehaviorOptions *given, GError **error)
{
  CowBehaviorOptions options;
  if (!cow_api_copy (&options, sizeof options, sizeof options, given, "CowBehaviorOptions", error))
    return NULL;
  if (options.max_batch > COW_ENGINE_MAX_BATCH) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "max_batch is %u, expected 0 to %d",
                 options.max_batch, COW_ENGINE_MAX_BATCH);
    return NULL;
  }
  CowClassifierOptions wanted = { .model = options.model,
                                  .adapter = options.adapter,
                                  .device = options.device,
                                  .detects = cow_classifier_adapter_detects (options.adapter) };
  if (!cow_precision_parse (options.precision, &wanted.precision, error))
    return NULL;
  g_auto (CowPrecisionChoice) choice = { 0 };
  g_autofree char *base = NULL;
  if (!cow_base_complete (options.adapter, &wanted.model, &base, error))
    return NULL;
  cow_precision_resolve (&wanted, &choice);
  CowEngine *engine = cow_engine_get (&wanted, error);
  if (!engine)
    return NULL;
  CowBehavior *self = g_new0 (CowBehavior, 1);
  self->engine = engine;
  g_mutex_init (&self->lock);
  self->labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->max_batch = options.max_batch;
  const char *why = choice.warning ? choice.warning : choice.why;
  self->warning = g_strdup (cow_engine_warning (engine));
  self->precision = g_strdup_printf ("%s%s%s", cow_engine_precision_text (engine), why ? ": " : "",
                                     why ? why : "");
  return self;
}

CowBehaviorStatus
cow_behavior_open (const CowBehaviorOptions *options, CowBehavior **behavior, char **message)
{
  GError *error = NULL;
  if (!behavior) {
    g_set_error_literal (&error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "no place for the CowBehavior: behavior is NULL");
    return cow_api_finish (error, message);
  }
  *behavior = open_engine (options, &error);
  return cow_api_finish (error, message);
}

void
cow_behavior_close (CowBehavior *behavior)
{
  if (!behavior)
    return;
  cow_engine_unref (behavior->engine);
  g_hash_table_unref (behavior->labels);
  g_mutex_clear (&behavior->lock);
  g_free (behavior->precision);
  g_free (behavior->warning);
  g_free (behavior);
}

size_t
cow_behavior_n_told (const CowBehavior *behavior)
{
  return behavior ? cow_engine_n_behaviours (behavior->engine) : 0;
}

const char *
cow_behavior_told_name (const CowBehavior *behavior, size_t i)
{
  return i < cow_behavior_n_told (behavior) ? cow_engine_behaviours (behavior->engine)[i] : NULL;
}

int
cow_behavior_detects (const CowBehavior *behavior)
{
  return behavior && cow_engine_detects (behavior->engine);
}

size_t
cow_behavior_n_classes (const CowBehavior *behavior)
{
  return behavior ? cow_engine_n_classes (behavior->engine) : 0;
}

int
cow_behavior_has_several_labels (const CowBehavior *behavior)
{
  return behavior && cow_engine_is_multiple (behavior->engine);
}

const char *
cow_behavior_class_name (const CowBehavior *behavior, size_t i)
{
  return i < cow_behavior_n_classes (behavior) ? cow_engine_classes (behavior->engine)[i] : NULL;
}

float
cow_behavior_threshold (const CowBehavior *behavior, size_t i)
{
  const float *thresholds =
      i < cow_behavior_n_classes (behavior) ? cow_engine_thresholds (behavior->engine) : NULL;
  return thresholds ? thresholds[i] : 0.0f;
}

const char *
cow_behavior_device (const CowBehavior *behavior)
{
  return behavior ? cow_engine_device_text (behavior->engine) : NULL;
}

const char *
cow_behavior_warning (const CowBehavior *behavior)
{
  return behavior ? behavior->warning : NULL;
}

const char *
cow_behavior_precision (const CowBehavior *behavior)
{
  return behavior ? behavior->precision : NULL;
}

/* The labels whose probabilities reach their threshold, as a text that is the handle's. */
static const char *
several_labels (const CowBehavior *behavior, const float *probabilities, float threshold)
{
  /* What was given out is no property of the handle that a caller could see. */
  CowBehavior *own = (CowBehavior *)behavior;
  const guint n = (guint)cow_behavior_n_classes (behavior);
  g_autofree float *thresholds = g_new (float, n);
  g_autofree guint8 *shown = g_new (guint8, n);
  for (guint c = 0; c < n; c++)
    thresholds[c] = threshold < 0.0f ? cow_behavior_threshold (behavior, c) : threshold;
  cow_label_decide (probabilities, thresholds, n, shown);
  char *text = cow_label_text (cow_engine_classes (behavior->engine), shown, n);
  g_mutex_lock (&own->lock);
  if (!g_hash_table_contains (own->labels, text))
    g_hash_table_add (own->labels, g_strdup (text));
  const char *label = g_hash_table_lookup (own->labels, text);
  g_mutex_unlock (&own->lock);
  g_free (text);
  return label;
}

const char *
cow_behavior_label (const CowBehavior *behavior, const float *probabilities, float threshold,
                    size_t *best)
{
  if (!behavior || !probabilities)
    return NULL;
  size_t top = 0;
  for (size_t i = 1; i < cow_behavior_n_classes (behavior); i++)
    if (probabilities[i] > probabilities[top])
      top = i;
  if (best)
    *best = top;
  if (cow_behavior_has_several_labels (behavior))
    return several_labels (behavior, probabilities, threshold);
  const float least = threshold < 0.0f ? cow_behavior_threshold (behavior, top) : threshold;
  return probabilities[top] >= least ? cow_behavior_class_name (behavior, top)
                                     : COW_BEHAVIOR_UNKNOWN; /* also for NaN */
}
