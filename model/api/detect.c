/* SPDX-License-Identifier: MIT */
/* Finds the cows in a picture, and tells what they do. */
#include <string.h>

#include "model/api/api-private.h"

G_STATIC_ASSERT (COW_BEHAVIOR_MAX_DETECTIONS == COW_FIND_MOST);

/* A caller's arguments. */
typedef struct {
  CowBehavior *behavior;
  const CowBehaviorPicture *picture;
  float threshold;
  CowBehaviorDetection *detections; /* [room] */
  gboolean tells;
  float *probabilities; /* [room, n_told], where it tells */
  size_t room;
} Job;

static gboolean
check (const Job *job, const size_t *n, GError **error)
{
  if (!job->behavior || !n || (!job->detections && job->room > 0) ||
      (job->tells && !job->probabilities && job->room > 0)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "no place for detections: behavior is %s, n %s, detections %s%s",
                 job->behavior ? "given" : "NULL", n ? "given" : "NULL",
                 job->detections ? "given" : "NULL",
                 job->tells && !job->probabilities ? ", probabilities NULL" : "");
    return FALSE;
  }
  if (!cow_behavior_detects (job->behavior)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s tells the class of a picture: an adapter that finds cows in whole pictures "
                 "(cow-trainer train --recipe detect-frozen) is expected here",
                 cow_engine_name (job->behavior->engine));
    return FALSE;
  }
  if (!job->tells || cow_behavior_n_told (job->behavior) > 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s finds cows and does not tell what they do: an adapter that was trained on boxes "
               "with behaviours is expected here",
               cow_engine_name (job->behavior->engine));
  return FALSE;
}

static size_t
copy_found (const Job *job, const CkPicture *picture, const CowTicket *ticket)
{
  const float least =
      job->threshold < 0.0f ? cow_engine_least_score (job->behavior->engine) : job->threshold;
  const size_t n_told = job->tells ? cow_behavior_n_told (job->behavior) : 0;
  guint n_found;
  const CowDetection *found = cow_ticket_detections (ticket, &n_found);
  size_t n = 0;
  for (guint i = 0; i < n_found && n < job->room; i++) {
    const CowBounds box = cow_bounds_clipped (&found[i].box, picture->width, picture->height);
    if (!(found[i].score >= least) || box.w <= 0 || box.h <= 0)
      continue;
    if (n_told > 0)
      memcpy (job->probabilities + n * n_told, cow_ticket_told (ticket, &found[i]),
              n_told * sizeof (float));
    job->detections[n++] = (CowBehaviorDetection){ (float)box.x, (float)box.y, (float)box.w,
                                                   (float)box.h, found[i].score };
  }
  return n;
}

static CowBehaviorStatus
detect (const Job *job, size_t *n, char **message)
{
  const CowSubmission how = { .client = job->behavior };
  GError *error = NULL;
  CkPicture view;
  if (n)
    *n = 0;
  if (!check (job, n, &error) || !cow_api_picture (job->picture, &view, &error))
    return cow_api_finish (error, message);
  g_autoptr (CowTicket) ticket =
      cow_engine_submit (job->behavior->engine, &view, NULL, 1, &how, &error);
  if (ticket && cow_ticket_wait (ticket, &error))
    *n = copy_found (job, &view, ticket);
  return cow_api_finish (error, message);
}

CowBehaviorStatus
cow_behavior_detect (CowBehavior *behavior, const CowBehaviorPicture *picture, float threshold,
                     CowBehaviorDetection *detections, size_t room, size_t *n, char **message)
{
  const Job job = { behavior, picture, threshold, detections, FALSE, NULL, room };
  return detect (&job, n, message);
}

CowBehaviorStatus
cow_behavior_detect_and_tell (CowBehavior *behavior, const CowBehaviorPicture *picture,
                              float threshold, CowBehaviorDetection *detections,
                              float *probabilities, size_t room, size_t *n, char **message)
{
  const Job job = { behavior, picture, threshold, detections, TRUE, probabilities, room };
  return detect (&job, n, message);
}
