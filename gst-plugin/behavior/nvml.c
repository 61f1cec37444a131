/* SPDX-License-Identifier: MIT */
/* A GPU as NVIDIA's management library sees it. */
#include "gst-plugin/behavior/nvml.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libnvidia-ml.so.1"

/* The library's ABI, as far as we call it. */
typedef int Result;                /* nvmlReturn_t */
typedef struct nvmlDevice_st *Gpu; /* nvmlDevice_t */
typedef struct nvmlEventSet_st *EventSet;

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4 };
enum { XID_EVENT = 8 };       /* nvmlEventTypeXidCriticalError */
enum { GPU_TEMPERATURE = 0 }; /* nvmlTemperatureSensors_t */

/* nvmlEventData_t */
typedef struct {
  Gpu gpu;
  unsigned long long type, data; /* data: the Xid */
  unsigned gpu_instance, compute_instance;
} EventData;

typedef struct {
  Result (*init) (void);
  Result (*shutdown) (void);
  const char *(*error_string) (Result result);
  Result (*get_gpu) (const char *pci, Gpu *gpu);
  Result (*get_temperature) (Gpu gpu, int sensor, unsigned *celsius);
  Result (*event_set_create) (EventSet *set);
  Result (*event_set_free) (EventSet set);
  Result (*event_set_wait) (EventSet set, EventData *data, unsigned wait_ms);
  Result (*register_events) (Gpu gpu, unsigned long long types, EventSet set);
} Functions;

struct _GstCowNvml {
  Functions functions;
  Gpu gpu;
  EventSet events; /* NULL where this GPU reports none */
};

static const struct {
  const char *symbol;
  gsize offset;
} symbols[] = {
  { "nvmlInit_v2", G_STRUCT_OFFSET (Functions, init) },
  { "nvmlShutdown", G_STRUCT_OFFSET (Functions, shutdown) },
  { "nvmlErrorString", G_STRUCT_OFFSET (Functions, error_string) },
  { "nvmlDeviceGetHandleByPciBusId_v2", G_STRUCT_OFFSET (Functions, get_gpu) },
  { "nvmlDeviceGetTemperature", G_STRUCT_OFFSET (Functions, get_temperature) },
  { "nvmlEventSetCreate", G_STRUCT_OFFSET (Functions, event_set_create) },
  { "nvmlEventSetFree", G_STRUCT_OFFSET (Functions, event_set_free) },
  { "nvmlEventSetWait_v2", G_STRUCT_OFFSET (Functions, event_set_wait) },
  { "nvmlDeviceRegisterEvents", G_STRUCT_OFFSET (Functions, register_events) },
};

/* The library stays open, as the driver's do. */
static gboolean
load (Functions *functions)
{
  void *library = dlopen (LIBRARY, RTLD_NOW | RTLD_LOCAL);

  for (guint i = 0; library && i < G_N_ELEMENTS (symbols); i++) {
    void *function = dlsym (library, symbols[i].symbol);

    if (!function)
      return FALSE;
    memcpy ((char *)functions + symbols[i].offset, &function, sizeof function);
  }
  return library != NULL;
}

static void
listen (GstCowNvml *self)
{
  EventSet events;

  if (self->functions.event_set_create (&events) != SUCCESS)
    return;
  if (self->functions.register_events (self->gpu, XID_EVENT, events) == SUCCESS)
    self->events = events;
  else
    self->functions.event_set_free (events);
}

GstCowNvml *
gst_cow_nvml_new (const char *pci)
{
  GstCowNvml *self;
  Functions functions;

  if (!load (&functions) || functions.init () != SUCCESS)
    return NULL;
  self = g_new0 (GstCowNvml, 1);
  self->functions = functions;
  if (functions.get_gpu (pci, &self->gpu) != SUCCESS) {
    gst_cow_nvml_free (self);
    return NULL;
  }
  listen (self);
  return self;
}

/* Reads the Xids that have come, and waits for a first one; 0 without any. */
static guint64
last_xid (GstCowNvml *self, guint wait_ms)
{
  guint64 xid = 0;
  EventData data;

  while (self->events &&
         self->functions.event_set_wait (self->events, &data, xid ? 0 : wait_ms) == SUCCESS)
    if (data.type == XID_EVENT)
      xid = data.data;
  return xid;
}

/* Why the GPU does not tell what only the GPU itself knows; NULL where it does, or never would. */
static const char *
state_of (GstCowNvml *self)
{
  unsigned celsius;
  const Result result = self->functions.get_temperature (self->gpu, GPU_TEMPERATURE, &celsius);

  return result == SUCCESS || result == NOT_SUPPORTED || result == NO_PERMISSION
             ? NULL
             : self->functions.error_string (result);
}

gchar *
gst_cow_nvml_describe (GstCowNvml *self, guint wait_ms)
{
  const guint64 xid = last_xid (self, wait_ms);
  const char *state = state_of (self);
  g_autoptr (GString) text = g_string_new (NULL);

  if (xid)
    g_string_append_printf (text, "the last Xid is %" G_GUINT64_FORMAT, xid);
  if (state)
    g_string_append_printf (text, "%s%s", xid ? ", " : "", state);
  return text->len > 0 ? g_strdup (text->str) : NULL;
}

void
gst_cow_nvml_free (GstCowNvml *self)
{
  if (!self)
    return;
  if (self->events)
    self->functions.event_set_free (self->events);
  self->functions.shutdown ();
  g_free (self);
}
