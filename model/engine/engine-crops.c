/* SPDX-License-Identifier: MIT */
/*
 * Streams of the device: the classifier's is the worker's. A thread that submits borrows an idle
 * one, prepares its crops there and waits. The crops are idle again when the forward pass that
 * reads them is done, and are kept for the next submission.
 */
#include "model/engine/engine-private.h"

void
cow_engine_release_crops (CowEngine *self, CowTicket *ticket)
{
  if (--ticket->crop_users > 0)
    return;
  g_ptr_array_add (self->crops, ticket->crops);
  ticket->crops = NULL;
}

static void
free_crops (CowEngine *self, CowCrops *crops)
{
  ck_free (cow_classifier_stream (self->classifier), crops->pixels);
  g_free (crops);
}

void
cow_engine_trim_crops (CowEngine *self, guint kept)
{
  guint room = 0, n = self->crops->len;
  while (n > 0 && room + ((const CowCrops *)self->crops->pdata[n - 1])->room <= kept)
    room += ((const CowCrops *)self->crops->pdata[--n])->room;
  for (guint i = 0; i < n; i++)
    free_crops (self, self->crops->pdata[i]);
  if (n > 0)
    g_ptr_array_remove_range (self->crops, 0, n);
}

/* The smallest idle crops that have room for n regions, NULL without any. */
static CowCrops *
take_crops (CowEngine *self, guint n)
{
  guint best = G_MAXUINT, room = G_MAXUINT;
  CowCrops *crops = NULL;
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->crops->len; i++) {
    const CowCrops *idle = self->crops->pdata[i];
    if (idle->room >= n && idle->room < room) {
      best = i;
      room = idle->room;
    }
  }
  if (best != G_MAXUINT)
    crops = g_ptr_array_remove_index (self->crops, best);
  g_mutex_unlock (&self->lock);
  return crops;
}

/* New ones for n regions, or a few more so that they will serve other tickets; NULL when there is
 * no memory. */
static CowCrops *
new_crops (CkStream *stream, guint n, gsize picture)
{
  guint room = 1;
  while (room < n)
    room *= 2;
  float *pixels = ck_alloc (stream, room * picture * sizeof (float));
  if (!pixels)
    return NULL;
  CowCrops *crops = g_new (CowCrops, 1);
  *crops = (CowCrops){ pixels, room };
  return crops;
}

CkStream *
cow_engine_borrow_stream (CowEngine *self, GError **error)
{
  CkStream *stream = NULL;
  g_mutex_lock (&self->lock);
  if (self->streams->len > 0)
    stream = g_ptr_array_steal_index (self->streams, self->streams->len - 1);
  g_mutex_unlock (&self->lock);
  return stream ? stream : cow_stream_new (cow_classifier_device (self->classifier), 1, error);
}

void
cow_engine_return_stream (CowEngine *self, CkStream *stream)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->streams, stream);
  g_mutex_unlock (&self->lock);
}

static gboolean
enqueue_crops (CowEngine *self, CowTicket *ticket, CkStream *stream, const CkPicture *picture,
               const CowRegion *regions, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  ticket->crops = take_crops (self, ticket->n);
  if (!ticket->crops)
    ticket->crops = new_crops (stream, ticket->n, ticket->picture);
  if (!cow_check (ticket->crops ? CK_OK : CK_NO_MEMORY, error, "%u crops of %d x %d", ticket->n,
                  preprocess->width, preprocess->height))
    return FALSE;
  for (guint i = 0; i < ticket->n; i++)
    if (!cow_preprocess_run (preprocess, stream, picture, regions ? &regions[i] : NULL,
                             ticket->crops->pixels + i * ticket->picture, error))
      return FALSE;
  return TRUE;
}

gboolean
cow_engine_prepare_crops (CowEngine *self, CowTicket *ticket, CkStream *stream,
                          const CkPicture *picture, const CowRegion *regions, GError **error)
{
  ticket->crop_users = 1;
  const gboolean enqueued = enqueue_crops (self, ticket, stream, picture, regions, error);
  const CkStatus status = ck_synchronize (stream);
  if (enqueued && cow_check (status, error, "preparing %u crops", ticket->n))
    return TRUE;
  ck_stream_reset (stream);
  cow_device_explain (cow_classifier_device (self->classifier), error);
  g_mutex_lock (&self->lock);
  if (ticket->crops)
    cow_engine_release_crops (self, ticket);
  g_mutex_unlock (&self->lock);
  return FALSE;
}
