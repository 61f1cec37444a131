/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/streams.h"

#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/memory.h"

#include <deque>
#include <memory>
#include <set>
#include <vector>

/* A graph: its work in the order in which it was captured, which is one that its edges allow. */
struct CUgraph_st {
  std::vector<Work> work;
};

struct CUgraphExec_st {
  std::vector<Work> work;
};

struct CUstream_st {
  std::deque<Work> queue;
  CkCuGraph *capture;   /* that its work goes into, or NULL */
  CkCuStream *capturer; /* the stream that the capture began with */
  int device;
};

namespace
{

/* What recordings of an event and work that waits for them share. */
struct EventState {
  CkCuStream *stream; /* where it was recorded last */
  uint64_t recorded, passed;
  CkCuGraph *capture; /* it was recorded into, or NULL */
  CkCuStream *capturer;
};

std::set<CkCuStream *> streams;
int n_running; /* nested runs */

/* A stream of a caller's, where NULL is the default one of the current context's device. That one
 * waits for no other here, as the driver's does for those of old: who relies on it is found. */
CkCuStream *
known (CkCuStream *stream)
{
  static CkCuStream defaults[CONTEXT_DEVICES];

  if (stream != nullptr)
    return stream;
  stream = &defaults[context_device ()];
  stream->device = context_device ();
  streams.insert (stream);
  return stream;
}

/* Runs a stream's work, until `until` says that it is enough. */
template <typename Until>
CkCuResult
run (CkCuStream *stream, Until until)
{
  CkCuResult result = 0;

  if (stream->queue.empty ())
    return 0;
  if (n_running++ == 0)
    memory_open ();
  while (result == 0 && !stream->queue.empty () && !until ()) {
    const Work work = std::move (stream->queue.front ());

    stream->queue.pop_front ();
    result = work ();
  }
  if (--n_running == 0)
    memory_close ();
  return result != 0 ? context_fail (result) : 0;
}

} // namespace

struct CUevent_st {
  std::shared_ptr<EventState> state;
};

CkCuResult
enqueue (CkCuStream *stream, Work work)
{
  stream = known (stream);
  if (stream->capture != nullptr)
    stream->capture->work.push_back (std::move (work));
  else
    stream->queue.push_back (std::move (work));
  return 0;
}

CkCuResult
run_stream (CkCuStream *stream)
{
  return run (known (stream), [] { return false; });
}

CkCuResult
run_all (void)
{
  CkCuResult result = 0;

  for (CkCuStream *stream : streams)
    if (result == 0)
      result = run_stream (stream);
  return result;
}

void
drop_all (int device)
{
  for (CkCuStream *stream : streams)
    if (stream->device == device)
      stream->queue.clear ();
}

bool
is_capturing (CkCuStream *stream)
{
  return known (stream)->capture != nullptr;
}

/* ---- streams --------------------------------------------------------------------------------- */

CkCuResult
cuStreamCreate (CkCuStream **stream, unsigned flags)
{
  CALL_IN_CONTEXT (cuStreamCreate);
  *stream = new CkCuStream ();
  (*stream)->device = context_device ();
  streams.insert (*stream);
  return 0;
}

/* What is enqueued still runs. */
CkCuResult
cuStreamDestroy (CkCuStream *stream)
{
  CALL (cuStreamDestroy);
  const CkCuResult state = context_state (), result = state == 0 ? run_stream (stream) : state;

  streams.erase (stream);
  delete stream;
  return result;
}

CkCuResult
cuStreamSynchronize (CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuStreamSynchronize);
  if (is_capturing (stream))
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  return run_stream (stream);
}

/* ---- events ---------------------------------------------------------------------------------- */

CkCuResult
cuEventCreate (CkCuEvent **event, unsigned flags)
{
  CALL_IN_CONTEXT (cuEventCreate);
  *event = new CkCuEvent{ std::make_shared<EventState> () };
  return 0;
}

CkCuResult
cuEventDestroy (CkCuEvent *event)
{
  CALL (cuEventDestroy);
  delete event;
  return context_state ();
}

CkCuResult
cuEventRecord (CkCuEvent *event, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuEventRecord);
  const std::shared_ptr<EventState> state = event->state;

  stream = known (stream);
  state->capture = stream->capture;
  state->capturer = stream->capturer;
  if (state->capture != nullptr)
    return 0;
  state->stream = stream;
  const uint64_t recording = ++state->recorded;
  return enqueue (stream, [state, recording] {
    state->passed = recording;
    return 0;
  });
}

/* Work waits for the event as it is now recorded. */
static CkCuResult
wait_for (const std::shared_ptr<EventState> &state, uint64_t recording)
{
  if (state->passed >= recording || streams.count (state->stream) == 0)
    return 0;
  return run (state->stream, [&] { return state->passed >= recording; });
}

CkCuResult
cuStreamWaitEvent (CkCuStream *stream, CkCuEvent *event, unsigned flags)
{
  CALL_IN_CONTEXT (cuStreamWaitEvent);
  const std::shared_ptr<EventState> state = event->state;

  stream = known (stream);
  if (state->capture != nullptr) {
    /* The stream joins the capture, whose work has one order. */
    stream->capture = state->capture;
    stream->capturer = state->capturer;
    return 0;
  }
  if (is_capturing (stream))
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  const uint64_t recording = state->recorded;
  return enqueue (stream, [state, recording] { return wait_for (state, recording); });
}

CkCuResult
cuEventSynchronize (CkCuEvent *event)
{
  CALL_IN_CONTEXT (cuEventSynchronize);
  if (event->state->capture != nullptr)
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  return wait_for (event->state, event->state->recorded);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

CkCuResult
cuStreamBeginCapture (CkCuStream *stream, int mode)
{
  CALL_IN_CONTEXT (cuStreamBeginCapture);
  if (stream == nullptr || is_capturing (stream))
    return CK_CU_STREAM_CAPTURE_UNSUPPORTED;
  stream->capture = new CkCuGraph ();
  stream->capturer = stream;
  return 0;
}

CkCuResult
cuStreamEndCapture (CkCuStream *stream, CkCuGraph **graph)
{
  CALL_IN_CONTEXT (cuStreamEndCapture);
  if (stream == nullptr || !is_capturing (stream) || stream->capturer != stream)
    return CK_CU_STREAM_CAPTURE_INVALIDATED;
  *graph = stream->capture;
  for (CkCuStream *other : streams)
    if (other->capture == *graph)
      other->capture = nullptr;
  return 0;
}

CkCuResult
cuGraphInstantiate (CkCuGraphExec **exec, CkCuGraph *graph, unsigned long long flags)
{
  CALL_IN_CONTEXT (cuGraphInstantiate);
  *exec = new CkCuGraphExec{ graph->work };
  return 0;
}

CkCuResult
cuGraphLaunch (CkCuGraphExec *exec, CkCuStream *stream)
{
  CALL_IN_CONTEXT (cuGraphLaunch);
  for (const Work &work : exec->work)
    enqueue (stream, work);
  return 0;
}

CkCuResult
cuGraphExecDestroy (CkCuGraphExec *exec)
{
  CALL (cuGraphExecDestroy);
  delete exec;
  return 0;
}

CkCuResult
cuGraphDestroy (CkCuGraph *graph)
{
  CALL (cuGraphDestroy);
  delete graph;
  return 0;
}
