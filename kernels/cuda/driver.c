/* SPDX-License-Identifier: MIT */
/* Opening the driver's library. */
#include "kernels/cuda/driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcuda.so.1"

/* Where a function's address goes in the table. */
typedef struct {
  const char *symbol;
  size_t offset;
} Slot;

#define SLOT(name, symbol, parameters) { symbol, offsetof (CkCuDriver, name) },

static const Slot slots[] = { CK_CU_FUNCTIONS (SLOT) };

bool
ck_cu_driver_open (CkCuDriver *driver, const char *library, char *reason, size_t reason_bytes)
{
  const char *name = library != NULL ? library : LIBRARY;

  driver->library = dlopen (name, RTLD_NOW | RTLD_LOCAL);
  if (driver->library == NULL) {
    snprintf (reason, reason_bytes, "%s; install the NVIDIA driver", dlerror ());
    return false;
  }
  for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
    void *function = dlsym (driver->library, slots[i].symbol);

    if (function == NULL) {
      snprintf (reason, reason_bytes, "%s has no %s: the NVIDIA driver is too old", name,
                slots[i].symbol);
      return false;
    }
    memcpy ((char *)driver + slots[i].offset, &function, sizeof function);
  }
  return true;
}

const char *
ck_cu_error_name (const CkCuDriver *driver, CkCuResult result)
{
  const char *name = NULL;

  return driver->cuGetErrorName (result, &name) == CK_CU_SUCCESS && name != NULL
             ? name
             : "an unknown CUDA error";
}
