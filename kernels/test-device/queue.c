/* SPDX-License-Identifier: MIT */
/*
 * Enqueuing and running. Only the thread that holds `running` takes work from a queue, so that one
 * that waits for another stream's event may run that stream, too: events were recorded before they
 * were waited for, so streams never wait for one another in a circle.
 */
#include "kernels/test-device/queue.h"

#include <stdlib.h>

CkTestWork *
ck_test_work_new (void (*run) (CkTestStream *stream, CkTestWork *work), size_t bytes)
{
  CkTestWork *work = calloc (1, sizeof *work + bytes);

  if (work == NULL)
    ck_test_fatal ("no memory for the queue");
  work->run = run;
  return work;
}

static CkTestDevice *
device_of (CkTestStream *stream)
{
  return (CkTestDevice *)stream->base.device;
}

CkStatus
ck_test_enqueue (CkTestStream *stream, CkTestWork *work)
{
  CkTestDevice *device = device_of (stream);

  pthread_mutex_lock (&device->lists);
  *stream->last = work;
  stream->last = &work->next;
  pthread_mutex_unlock (&device->lists);
  return CK_OK;
}

/* Runs the first work of a queue; false when there is none. */
static bool
run_one (CkTestStream *stream)
{
  CkTestDevice *device = device_of (stream);
  CkTestWork *work;

  pthread_mutex_lock (&device->lists);
  work = stream->first;
  if (work != NULL) {
    stream->first = work->next;
    if (stream->first == NULL)
      stream->last = &stream->first;
  }
  pthread_mutex_unlock (&device->lists);
  if (work == NULL)
    return false;
  work->run (stream, work);
  free (work);
  return true;
}

void
ck_test_run (CkTestStream *stream)
{
  CkTestDevice *device = device_of (stream);

  pthread_mutex_lock (&device->running);
  while (run_one (stream)) {
  }
  pthread_mutex_unlock (&device->running);
}

static bool
has_passed (CkTestDevice *device, const CkTestEvent *event, uint64_t recording)
{
  bool passed;

  pthread_mutex_lock (&device->lists);
  passed = event->passed >= recording;
  pthread_mutex_unlock (&device->lists);
  return passed;
}

void
ck_test_run_until (CkTestStream *stream, CkTestEvent *event, uint64_t recording)
{
  CkTestDevice *device = (CkTestDevice *)event->base.device;

  pthread_mutex_lock (&device->running);
  while (!has_passed (device, event, recording))
    if (!run_one (stream))
      ck_test_fatal ("an event is recorded nowhere");
  pthread_mutex_unlock (&device->running);
}

CkTestEvent *
ck_test_event_ref (CkTestEvent *event)
{
  CkTestDevice *device = (CkTestDevice *)event->base.device;

  pthread_mutex_lock (&device->lists);
  event->refs++;
  pthread_mutex_unlock (&device->lists);
  return event;
}

void
ck_test_event_unref (CkTestEvent *event)
{
  CkTestDevice *device = (CkTestDevice *)event->base.device;
  bool last;

  pthread_mutex_lock (&device->lists);
  last = --event->refs == 0;
  pthread_mutex_unlock (&device->lists);
  if (!last)
    return;
  ck_event_free (event->cpu);
  free (event);
}

int
ck_test_count_users (CkTestDevice *device, const CkWeight *weight)
{
  int n = 0;

  pthread_mutex_lock (&device->lists);
  for (const CkTestStream *stream = device->streams; stream != NULL; stream = stream->next)
    for (const CkTestWork *work = stream->first; work != NULL; work = work->next)
      n += work->weight == weight;
  pthread_mutex_unlock (&device->lists);
  return n;
}
