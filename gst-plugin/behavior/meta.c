/* SPDX-License-Identifier: MIT */
/* Results as metadata. */
#include "gst-plugin/behavior/meta.h"

#include "gst-plugin/common/analytics.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"

/* The region of interest that stands for a place: that of an earlier cowbehavior, or a new one. */
static GstVideoRegionOfInterestMeta *
place_roi (GstBuffer *buffer, const GstCowTarget *target)
{
  const CowRegion *box = &target->box;
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;

    if (roi->roi_type == target->type && roi->x == (guint)box->x && roi->y == (guint)box->y &&
        roi->w == (guint)box->w && roi->h == (guint)box->h)
      return roi;
  }
  return gst_buffer_add_video_region_of_interest_meta_id (
      buffer, target->type, (guint)box->x, (guint)box->y, (guint)box->w, (guint)box->h);
}

/* The object detection that stands for a target without one, likewise. */
static gboolean
target_od (GstBuffer *buffer, const GstCowTarget *target, guint *od)
{
  g_autoptr (GArray) there = g_array_new (FALSE, FALSE, sizeof (GstCowDetection));
  const GstCowDetection new = { .type = target->type,
                                .x = target->box.x,
                                .y = target->box.y,
                                .w = target->box.w,
                                .h = target->box.h,
                                .confidence = target->confidence };

  gst_cow_analytics_collect (buffer, there);
  for (guint i = 0; i < there->len; i++) {
    const GstCowDetection *old = &g_array_index (there, GstCowDetection, i);

    if (old->type == new.type && old->x == new.x && old->y == new.y && old->w == new.w &&
        old->h == new.h) {
      *od = old->id;
      return TRUE;
    }
  }
  return gst_cow_analytics_add (buffer, &new, od);
}

/* The top-k classes that may be a label, by falling probability, as the field "top" of an object.
 */
static void
set_top (GstStructure *object, const GstCowPresentation *how, const float *probabilities)
{
  const GstCowLabelRule *rule = &how->rule;
  g_autofree guint *order = g_new (guint, rule->n_classes);
  GValue top = G_VALUE_INIT;

  gst_cow_label_rank (probabilities, rule->n_classes, rule->mask, order);
  g_value_init (&top, GST_TYPE_ARRAY);
  for (guint i = 0; i < MIN (how->top_k, rule->n_classes) && (!rule->mask || rule->mask[order[i]]);
       i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value,
                        gst_structure_new ("class", "label", G_TYPE_STRING, rule->classes[order[i]],
                                           "label_id", G_TYPE_INT, (gint)order[i], "confidence",
                                           G_TYPE_DOUBLE, (gdouble)probabilities[order[i]], NULL));
    gst_value_array_append_and_take_value (&top, &value);
  }
  gst_structure_take_value (object, "top", &top);
}

static void
set_probabilities (GstStructure *object, const float *probabilities, guint n)
{
  GValue all = G_VALUE_INIT;

  g_value_init (&all, GST_TYPE_ARRAY);
  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_DOUBLE);
    g_value_set_double (&value, probabilities[i]);
    gst_value_array_append_and_take_value (&all, &value);
  }
  gst_structure_take_value (object, "probabilities", &all);
}

GstCowLabel
gst_cow_meta_label (const GstCowPresentation *how, const GstCowTrack *track)
{
  const GstCowSmoother *smoother = &track->smoother;
  const GstCowLabelRule *rule = &how->rule;
  gint class = smoother->held;

  /* the class of a vote counts unless the mask has excluded it since */
  if (smoother->method != GST_COW_SMOOTHING_MAJORITY ||
      (class >= 0 && rule->mask && !rule->mask[class]))
    class = (gint)gst_cow_label_best (smoother->state, rule->n_classes, rule->mask);
  return gst_cow_label_decide (smoother->state, class, rule);
}

static guint
frames_ago (const GstCowTrack *track, guint64 frame)
{
  return (guint)MIN (frame - track->known_frame, (guint64)G_MAXUINT);
}

GstStructure *
gst_cow_meta_object_new (const GstCowPresentation *how, const GstCowTarget *target, guint64 frame,
                         GstClockTime now)
{
  const GstCowTrack *track = target->track;
  GstCowLabel label = gst_cow_meta_label (how, track);
  GstStructure *object = gst_structure_new (
      "object", "x", G_TYPE_UINT, (guint)target->box.x, "y", G_TYPE_UINT, (guint)target->box.y, "w",
      G_TYPE_UINT, (guint)target->box.w, "h", G_TYPE_UINT, (guint)target->box.h, "id", G_TYPE_INT,
      target->roi_id, "roi_type", G_TYPE_STRING, g_quark_to_string (target->type), "region",
      G_TYPE_STRING, gst_cow_place_name (target->place), "label", G_TYPE_STRING, label.label,
      "label_id", G_TYPE_INT, label.id, "confidence", G_TYPE_DOUBLE, (gdouble)label.probability,
      "frames_ago", G_TYPE_UINT, frames_ago (track, frame), NULL);

  if (target->place == GST_COW_PLACE_ROI)
    gst_structure_set (object, "track_id", G_TYPE_UINT64, track->id, NULL);
  if (GST_CLOCK_TIME_IS_VALID (now) && GST_CLOCK_TIME_IS_VALID (track->known_time))
    gst_structure_set (object, "age", G_TYPE_UINT64,
                       now > track->known_time ? now - track->known_time : 0, NULL);
  set_top (object, how, track->smoother.state);
  set_probabilities (object, track->smoother.state, how->rule.n_classes);
  return object;
}

/* Adds the classification to GstAnalytics: to the object detection of a detection or a zone, which
 * is made where there is none, or to the buffer itself for the full frame. */
static void
classify_od (GstBuffer *buffer, const GstCowPresentation *how, GstCowTarget *target,
             const GstCowLabel *label)
{
  const GstCowClassification classification = {
    .label = label->label,
    .confidence = label->probability,
    .n_classes = how->rule.n_classes,
    .classes = how->rule.classes,
    .probabilities = target->track->smoother.state,
  };

  if (!gst_cow_analytics_available ())
    return;
  if (target->place != GST_COW_PLACE_FRAME && !target->has_od)
    target->has_od = target_od (buffer, target, &target->od);
  if (target->place != GST_COW_PLACE_FRAME && !target->has_od)
    return;
  gst_cow_analytics_classify (buffer, target->has_od ? &target->od : NULL, &classification);
}

/* Adds the classification to the region of interest; a place gets one where there is none. */
static void
classify_roi (GstBuffer *buffer, const GstCowPresentation *how, GstCowTarget *target,
              const GstCowLabel *label, guint64 frame)
{
  if (!target->roi && target->place != GST_COW_PLACE_ROI)
    target->roi = place_roi (buffer, target);
  if (target->roi)
    gst_video_region_of_interest_meta_add_param (
        target->roi,
        gst_structure_new ("classification", "attribute_name", G_TYPE_STRING, "behavior", "label",
                           G_TYPE_STRING, label->label, "label_id", G_TYPE_INT, label->id,
                           "confidence", G_TYPE_DOUBLE, (gdouble)label->probability, "model_name",
                           G_TYPE_STRING, how->model_name, "frames_ago", G_TYPE_UINT,
                           frames_ago (target->track, frame), NULL));
}

void
gst_cow_meta_classify (GstBuffer *buffer, const GstCowPresentation *how, GstCowTarget *target,
                       guint64 frame)
{
  const GstCowLabel label = gst_cow_meta_label (how, target->track);

  classify_od (buffer, how, target, &label);
  if (how->roi_meta)
    classify_roi (buffer, how, target, &label, frame);
}

void
gst_cow_meta_attach (GstBuffer *buffer, const GstCowPresentation *how, const GValue *objects)
{
  GstStructure *results = gst_custom_meta_get_structure (
      gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME));
  GValue classes = G_VALUE_INIT;

  g_value_init (&classes, GST_TYPE_ARRAY);
  for (guint i = 0; i < how->rule.n_classes; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_STRING);
    g_value_set_string (&value, how->rule.classes[i]);
    gst_value_array_append_and_take_value (&classes, &value);
  }
  gst_structure_set (results, "model_name", G_TYPE_STRING, how->model_name, NULL);
  gst_structure_take_value (results, "classes", &classes);
  gst_structure_set_value (results, "objects", objects);
}
