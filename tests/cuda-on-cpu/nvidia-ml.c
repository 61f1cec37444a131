/* SPDX-License-Identifier: MIT */
/*
 * A libnvidia-ml that knows the GPU of libcuda-on-cpu. Faults come when a test calls
 * cow_nvml_fault (), and cow_nvml_open () counts what was not given back.
 */
#include <stddef.h>
#include <string.h>

#define PUBLIC __attribute__ ((visibility ("default")))

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_FOUND = 6, TIMEOUT = 10, GPU_IS_LOST = 15 };
enum { XID_EVENT = 8 };

typedef int Result; /* nvmlReturn_t */

/* nvmlEventData_t */
typedef struct {
  void *gpu;
  unsigned long long type, data;
  unsigned gpu_instance, compute_instance;
} EventData;

static int gpu, events;
static int n_open; /* calls of nvmlInit_v2 () and sets of events */
static unsigned long long xid;
static Result state;

PUBLIC void cow_nvml_fault (unsigned long long number, int result);
PUBLIC int cow_nvml_open (void);
PUBLIC Result nvmlInit_v2 (void);
PUBLIC Result nvmlShutdown (void);
PUBLIC const char *nvmlErrorString (Result result);
PUBLIC Result nvmlDeviceGetHandleByPciBusId_v2 (const char *pci, void **found);
PUBLIC Result nvmlDeviceGetTemperature (void *of, int sensor, unsigned *celsius);
PUBLIC Result nvmlEventSetCreate (void **set);
PUBLIC Result nvmlEventSetFree (void *set);
PUBLIC Result nvmlDeviceRegisterEvents (void *of, unsigned long long types, void *set);
PUBLIC Result nvmlEventSetWait_v2 (void *set, EventData *data, unsigned wait_ms);

/* The next event has this Xid (0: there is none), and the GPU answers everything with a result. */
void
cow_nvml_fault (unsigned long long number, int result)
{
  xid = number;
  state = result;
}

int
cow_nvml_open (void)
{
  return n_open;
}

Result
nvmlInit_v2 (void)
{
  n_open++;
  return SUCCESS;
}

Result
nvmlShutdown (void)
{
  n_open--;
  return SUCCESS;
}

const char *
nvmlErrorString (Result result)
{
  return result == GPU_IS_LOST ? "GPU is lost" : "Unknown Error";
}

Result
nvmlDeviceGetHandleByPciBusId_v2 (const char *pci, void **found)
{
  if (strcmp (pci, "0000:00:00.0") != 0)
    return NOT_FOUND;
  *found = &gpu;
  return SUCCESS;
}

Result
nvmlDeviceGetTemperature (void *of, int sensor, unsigned *celsius)
{
  *celsius = 40;
  return of == &gpu && sensor == 0 ? state : INVALID_ARGUMENT;
}

Result
nvmlEventSetCreate (void **set)
{
  n_open++;
  *set = &events;
  return SUCCESS;
}

Result
nvmlEventSetFree (void *set)
{
  n_open--;
  return set == &events ? SUCCESS : INVALID_ARGUMENT;
}

Result
nvmlDeviceRegisterEvents (void *of, unsigned long long types, void *set)
{
  return of == &gpu && types == XID_EVENT && set == &events ? SUCCESS : INVALID_ARGUMENT;
}

Result
nvmlEventSetWait_v2 (void *set, EventData *data, unsigned wait_ms)
{
  if (set != &events || xid == 0)
    return TIMEOUT;
  *data = (EventData){ .gpu = &gpu, .type = XID_EVENT, .data = xid };
  xid = 0;
  return SUCCESS;
}
