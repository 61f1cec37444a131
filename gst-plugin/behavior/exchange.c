/* SPDX-License-Identifier: MIT */
/* Loads another adapter while the stream runs on. */
#include "gst-plugin/behavior/exchange.h"

#include "gst-plugin/behavior/opening.h"
#include "model/adapter/base-find.h"
#include "model/network/precision-resolve.h"

/* An adapter that is to be loaded, and what it is loaded with. */
typedef struct {
  char *model, *adapter, *device;
  CowPrecision precision;
} Request;

struct _GstCowExchange {
  GstCowExchangeDone done;
  gpointer user_data;

  GMutex starting; /* serialises those who start and join the thread */
  GThread *thread; /* under `starting` */
  GMutex lock;     /* of what is below */
  Request *next;   /* NULL: nothing */
  gboolean loading;
};

static void
request_free (Request *request)
{
  if (!request)
    return;
  g_free (request->model);
  g_free (request->adapter);
  g_free (request->device);
  g_free (request);
}

GstCowExchange *
gst_cow_exchange_new (GstCowExchangeDone done, gpointer user_data)
{
  GstCowExchange *self = g_new0 (GstCowExchange, 1);

  self->done = done;
  self->user_data = user_data;
  g_mutex_init (&self->starting);
  g_mutex_init (&self->lock);
  return self;
}

void
gst_cow_exchange_free (GstCowExchange *self)
{
  gst_cow_exchange_stop (self);
  g_mutex_clear (&self->starting);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* The next request, or NULL: then the thread ends. */
static Request *
take_next (GstCowExchange *self)
{
  Request *request;

  g_mutex_lock (&self->lock);
  request = g_steal_pointer (&self->next);
  self->loading = request != NULL;
  g_mutex_unlock (&self->lock);
  return request;
}

static gpointer
load (gpointer data)
{
  GstCowExchange *self = data;
  Request *request;

  while ((request = take_next (self))) {
    CowClassifierOptions options = { .model = request->model,
                                     .adapter = request->adapter,
                                     .device = request->device,
                                     .precision = request->precision };
    g_auto (CowPrecisionChoice) choice = { 0 };
    g_autoptr (GError) error = NULL;
    g_autofree char *base = NULL;
    CowEngine *engine = NULL;

    if (gst_cow_opening_check_labels (request->adapter, &error) &&
        cow_base_complete (request->adapter, &options.model, &base, &error)) {
      cow_precision_resolve (&options, &choice);
      engine = cow_engine_get (&options, &error);
    }
    self->done (self->user_data, request->adapter, &choice, engine, error);
    request_free (request);
  }
  return NULL;
}

/* Says that the last request cannot be met, in the place of the thread that did not start. */
static void
give_up (GstCowExchange *self, GError *error)
{
  const CowPrecisionChoice none = { 0 };
  Request *request;

  g_prefix_error (&error, "no thread to load it in: ");
  while ((request = take_next (self))) {
    self->done (self->user_data, request->adapter, &none, NULL, error);
    request_free (request);
  }
}

void
gst_cow_exchange_request (GstCowExchange *self, const CowClassifierOptions *options)
{
  Request *request = g_new0 (Request, 1);
  g_autoptr (GError) error = NULL;
  gboolean loading;

  request->model = g_strdup (options->model);
  request->adapter = g_strdup (options->adapter);
  request->device = g_strdup (options->device);
  request->precision = options->precision;

  g_mutex_lock (&self->starting);
  g_mutex_lock (&self->lock);
  request_free (self->next);
  self->next = request;
  loading = self->loading;
  self->loading = TRUE;
  g_mutex_unlock (&self->lock);
  if (!loading) {
    if (self->thread)
      g_thread_join (self->thread);
    self->thread = g_thread_try_new ("cow-exchange", load, self, &error);
  }
  g_mutex_unlock (&self->starting);
  if (error)
    give_up (self, error);
}

void
gst_cow_exchange_stop (GstCowExchange *self)
{
  g_mutex_lock (&self->starting);
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->next, request_free);
  g_mutex_unlock (&self->lock);
  if (self->thread)
    g_thread_join (g_steal_pointer (&self->thread));
  g_mutex_unlock (&self->starting);
}
