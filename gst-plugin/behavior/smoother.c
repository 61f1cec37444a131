/* SPDX-License-Identifier: MIT */
/* Combines several results of one cow or zone. */
#include "gst-plugin/behavior/smoother.h"

#include <string.h>

#include "gst-plugin/behavior/label.h"

/* Frigate's numbers: attempts before there is a label, and the share of them that must agree. */
#define MIN_VOTES    3
#define MIN_AGREEING 0.6
/* A network that is sure of the wrong thing once must not outweigh everything before and after. */
#define LEAST_LIKELIHOOD 1e-3f

GType
gst_cow_smoothing_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_SMOOTHING_OFF, "Each result stands for itself", "off" },
    { GST_COW_SMOOTHING_MEAN, "Mean of the probabilities of the last results", "mean" },
    { GST_COW_SMOOTHING_MAJORITY,
      "The label that most of the last results have; it stays until another one has a clear "
      "majority",
      "majority" },
    { GST_COW_SMOOTHING_HMM, "Hidden Markov model in which a behaviour lasts", "hmm" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowSmoothing", values));
  return type;
}

void
gst_cow_smoother_clear (GstCowSmoother *self)
{
  g_free (self->kept);
  g_free (self->state);
  *self = (GstCowSmoother){ 0 };
}

static void
begin (GstCowSmoother *self, GstCowSmoothing method, guint window, guint n_classes)
{
  gst_cow_smoother_clear (self);
  self->method = method;
  self->window = window;
  self->n_classes = n_classes;
  self->held = -1;
  self->state = g_new (float, n_classes);
  for (guint c = 0; c < n_classes; c++)
    self->state[c] = 1.0f / (float)n_classes;
  if (method == GST_COW_SMOOTHING_MEAN || method == GST_COW_SMOOTHING_MAJORITY)
    self->kept = g_new (float, (gsize)window *n_classes);
}

static void
keep (GstCowSmoother *self, const float *probabilities)
{
  memcpy (self->kept + (gsize)self->next * self->n_classes, probabilities,
          self->n_classes * sizeof (float));
  self->next = (self->next + 1) % self->window;
  self->n_kept = MIN (self->n_kept + 1, self->window);
}

static void
take_mean (GstCowSmoother *self)
{
  for (guint c = 0; c < self->n_classes; c++) {
    gdouble sum = 0;

    for (guint i = 0; i < self->n_kept; i++)
      sum += self->kept[(gsize)i * self->n_classes + c];
    self->state[c] = (float)(sum / self->n_kept);
  }
}

static void
vote (GstCowSmoother *self, const gboolean *mask)
{
  g_autofree guint *votes = g_new0 (guint, self->n_classes);
  guint winner = 0;

  for (guint i = 0; i < self->n_kept; i++)
    votes[gst_cow_label_best (self->kept + (gsize)i * self->n_classes, self->n_classes, mask)]++;
  for (guint c = 1; c < self->n_classes; c++) {
    if (votes[c] > votes[winner])
      winner = c;
  }
  if (votes[winner] >= MIN (MIN_VOTES, self->window) &&
      votes[winner] >= MIN_AGREEING * self->n_kept)
    self->held = (gint)winner;
}

/* One step of the forward algorithm: the belief passes through the transitions, then it is weighted
 * by what was seen. */
static void
filter (GstCowSmoother *self, const float *probabilities)
{
  const guint n = self->n_classes;
  const float leaves = n > 1 ? 1.0f / (float)self->window : 0,
              to_each = n > 1 ? leaves / (float)(n - 1) : 0;
  gdouble sum = 0;

  for (guint c = 0; c < n; c++) {
    float before = self->state[c] * (1 - leaves) + (1 - self->state[c]) * to_each;

    self->state[c] = before * MAX (probabilities[c], LEAST_LIKELIHOOD);
    sum += self->state[c];
  }
  for (guint c = 0; c < n; c++)
    self->state[c] = (float)(self->state[c] / sum);
}

void
gst_cow_smoother_add (GstCowSmoother *self, GstCowSmoothing method, guint window,
                      const float *probabilities, guint n_classes, const gboolean *mask)
{
  window = CLAMP (window, 1, GST_COW_SMOOTHING_MAX_WINDOW);
  if (!self->state || self->method != method || self->window != window ||
      self->n_classes != n_classes)
    begin (self, method, window, n_classes);

  switch (method) {
  case GST_COW_SMOOTHING_MEAN:
    keep (self, probabilities);
    take_mean (self);
    break;
  case GST_COW_SMOOTHING_MAJORITY:
    keep (self, probabilities);
    take_mean (self);
    vote (self, mask);
    break;
  case GST_COW_SMOOTHING_HMM:
    filter (self, probabilities);
    break;
  case GST_COW_SMOOTHING_OFF:
    memcpy (self->state, probabilities, n_classes * sizeof (float));
    break;
  }
}
