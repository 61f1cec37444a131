/* SPDX-License-Identifier: MIT */
/* What the cows that were found do. */
#include "gst-plugin/detect/telling.h"

#include "gst-plugin/behavior/objects.h"

#define TOP_K 1 /* classes in the field `top` of results, as cowbehavior has it unless set */

void
gst_cow_telling_take (const GstCowTelling *how, const CowEngine *engine, GstCowTrack *track,
                      const float *probabilities, const GstCowMoment *moment)
{
  gst_cow_smoother_add (&track->smoother, how->smoothing, how->window, probabilities,
                        cow_engine_n_behaviours (engine), NULL);
  track->known = TRUE;
  track->known_frame = moment->frame;
  track->known_time = moment->running_time;
}

/* Indices of all targets. */
static GArray *
all_of (const GArray *targets)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < targets->len; i++)
    g_array_append_val (all, i);
  return all;
}

static void
post_changes (const GstCowPresentation *how, GstElement *element, const GArray *targets,
              const GstCowMoment *moment)
{
  g_autoptr (GArray) all = all_of (targets);
  GValue objects = G_VALUE_INIT;

  gst_cow_objects_collect (how, targets, all, moment, &objects);
  gst_cow_objects_post (element, how->model_name, moment, &objects);
  g_value_unset (&objects);
}

void
gst_cow_telling_give (const GstCowTelling *how, CowEngine *engine, GstElement *element,
                      GstBuffer *buffer, const GArray *targets, const GstCowMoment *moment,
                      gboolean news)
{
  const GstCowPresentation shown = { .model_name = cow_engine_name (engine),
                                     .rule = { .classes = cow_engine_behaviours (engine),
                                               .n_classes = cow_engine_n_behaviours (engine),
                                               .threshold = how->threshold },
                                     .top_k = TOP_K,
                                     .roi_meta = TRUE };
  GValue objects = G_VALUE_INIT;

  gst_cow_objects_collect (&shown, targets, NULL, moment, &objects);
  gst_cow_objects_attach (buffer, &shown, targets, moment, &objects);
  if (news && how->post_messages == GST_COW_POST_MESSAGES_ALL)
    gst_cow_objects_post (element, shown.model_name, moment, &objects);
  else if (news && how->post_messages == GST_COW_POST_MESSAGES_ON_CHANGE)
    post_changes (&shown, element, targets, moment);
  g_value_unset (&objects);
}
