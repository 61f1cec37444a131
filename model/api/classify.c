/* SPDX-License-Identifier: MIT */
/* Classifies many regions through the engine's queue, a bounded number at a time. */
#include <string.h>

#include "model/api/api-private.h"

/* So many regions are prepared and queued at a time, so that memory stays bounded however many a
 * caller has. */
#define WINDOW COW_ENGINE_MAX_REGIONS
/* the worker waits for the whole window, but no longer than this if preparing takes so long */
#define GATHER_MS 200

/* A caller's pictures: either one, or one for each region. */
typedef struct {
  CowBehavior *behavior;
  const CowBehaviorPicture *picture;
  const CowBehaviorPicture *const *pictures;
  const CowBehaviorRegion *regions;
  float *probabilities;
} Job;

static const CowBehaviorPicture *
picture_of (const Job *job, size_t i)
{
  return job->pictures ? job->pictures[i] : job->picture;
}

/* Submits regions [first, first + n) of one picture. */
static CowTicket *
submit_run (const Job *job, size_t first, guint n, GError **error)
{
  const CowSubmission how = { .client = job->behavior,
                              .batch = job->behavior->max_batch,
                              .timeout_ms = GATHER_MS };
  CowRegion regions[WINDOW];
  CkPicture picture;
  if (!cow_api_picture (picture_of (job, first), &picture, error))
    return NULL;
  for (guint i = 0; i < n; i++) {
    regions[i] = (CowRegion){ 0, 0, picture.width, picture.height };
    if (job->regions) {
      const CowBehaviorRegion *region = &job->regions[first + i];
      regions[i] = (CowRegion){ region->x, region->y, region->width, region->height };
    }
  }
  return cow_engine_submit (job->behavior->engine, &picture, regions, n, &how, error);
}

/* Submits regions [first, first + n), n at most WINDOW, with a ticket for each run of regions of
 * the same picture. */
static gboolean
submit_window (const Job *job, size_t first, guint n, GPtrArray *tickets, GError **error)
{
  for (guint done = 0, run; done < n; done += run) {
    const size_t at = first + done;
    for (run = 1; done + run < n && picture_of (job, at + run) == picture_of (job, at); run++)
      ;
    CowTicket *ticket = submit_run (job, at, run, error);
    if (!ticket) {
      if (job->pictures)
        g_prefix_error (error, "pictures[%" G_GSIZE_FORMAT "]: ", at);
      return FALSE;
    }
    g_ptr_array_add (tickets, ticket);
  }
  return TRUE;
}

static gboolean
collect (const Job *job, size_t first, const GPtrArray *tickets, GError **error)
{
  const size_t n_classes = cow_behavior_n_classes (job->behavior);
  float *out = job->probabilities + first * n_classes;
  for (guint t = 0; t < tickets->len; t++)
    cow_engine_flush (job->behavior->engine, tickets->pdata[t]);
  for (guint t = 0; t < tickets->len; t++) {
    CowTicket *ticket = tickets->pdata[t];
    if (!cow_ticket_wait (ticket, error))
      return FALSE;
    for (guint i = 0; i < cow_ticket_n_regions (ticket); i++, out += n_classes)
      memcpy (out, cow_ticket_probabilities (ticket, i), n_classes * sizeof *out);
  }
  return TRUE;
}

static gboolean
classify_window (const Job *job, size_t first, guint n, GError **error)
{
  g_autoptr (GPtrArray) tickets = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_ticket_unref);
  if (submit_window (job, first, n, tickets, error) && collect (job, first, tickets, error))
    return TRUE;
  for (guint t = 0; t < tickets->len; t++)
    cow_ticket_cancel (tickets->pdata[t]);
  return FALSE;
}

static CowBehaviorStatus
classify (const Job *job, size_t n, char **message)
{
  GError *error = NULL;
  if (!job->behavior || n < 1 || !job->probabilities)
    g_set_error (&error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "nothing to classify: behavior is %s, n %" G_GSIZE_FORMAT ", probabilities %s",
                 job->behavior ? "given" : "NULL", n, job->probabilities ? "given" : "NULL");
  else if (cow_behavior_detects (job->behavior))
    g_set_error (&error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s finds cows in whole pictures and tells no behaviour: cow_behavior_detect () "
                 "takes it",
                 cow_engine_name (job->behavior->engine));
  for (size_t first = 0; first < n && !error; first += WINDOW)
    classify_window (job, first, (guint)MIN (n - first, WINDOW), &error);
  return cow_api_finish (error, message);
}

CowBehaviorStatus
cow_behavior_classify (CowBehavior *behavior, const CowBehaviorPicture *picture,
                       const CowBehaviorRegion *regions, size_t n, float *probabilities,
                       char **message)
{
  const Job job = {
    .behavior = behavior, .picture = picture, .regions = regions, .probabilities = probabilities
  };
  if (regions || n <= 1)
    return classify (&job, n, message);
  GError *error =
      g_error_new (COW_ERROR, COW_ERROR_ARGUMENT,
                   "regions is NULL and n %" G_GSIZE_FORMAT ": the whole picture is one region", n);
  return cow_api_finish (error, message);
}

CowBehaviorStatus
cow_behavior_classify_many (CowBehavior *behavior, const CowBehaviorPicture *const *pictures,
                            const CowBehaviorRegion *regions, size_t n, float *probabilities,
                            char **message)
{
  const Job job = {
    .behavior = behavior, .pictures = pictures, .regions = regions, .probabilities = probabilities
  };
  if (pictures)
    return classify (&job, n, message);
  return cow_api_finish (g_error_new_literal (COW_ERROR, COW_ERROR_ARGUMENT, "pictures is NULL"),
                         message);
}
