/* SPDX-License-Identifier: MIT */
/* What every function of the driver does first: the lock, failures that were asked for, and the
 * failure that the context keeps. */
#ifndef COW_CUDA_CALLS_H
#define COW_CUDA_CALLS_H

#include "kernels/cuda/driver.h"

#include <mutex>

#define CK_CU_DECLARE(name, symbol, parameters)                                                    \
  extern "C" __attribute__ ((visibility ("default"))) CkCuResult name parameters __asm__(symbol);
CK_CU_FUNCTIONS (CK_CU_DECLARE)
#undef CK_CU_DECLARE

/* One call of a function, of its name; others wait until it ends. */
class Call
{
public:
  explicit Call (const char *name);
  CkCuResult result; /* what the function has to return at once, if it is not 0 */

private:
  std::lock_guard<std::recursive_mutex> lock;
};

/* For functions that need a context: the current one's failure, or that there is none. */
#define CALL_IN_CONTEXT(name)                                                                      \
  const Call call (#name);                                                                         \
  do {                                                                                             \
    const CkCuResult state = call.result != 0 ? call.result : context_state ();                    \
                                                                                                   \
    if (state != 0)                                                                                \
      return state;                                                                                \
  } while (0)
#define CALL(name)                                                                                 \
  const Call call (#name);                                                                         \
  if (call.result != 0)                                                                            \
  return call.result

/* 0, the failure that the current context keeps, or that there is none. */
CkCuResult context_state (void);
/* A failure that the context keeps from now on, if it is such a one. Returns it. */
CkCuResult context_fail (CkCuResult result);

/* Contexts of a program's own, beside the primary one. */
CkCuContext *context_new (void);
void context_free (CkCuContext *context);
/* The calling thread's; NULL without one. */
CkCuContext *context_current (void);
bool context_is_primary (const CkCuContext *context);
/* Devices that there can be, and the one of the calling thread's context. */
#define CONTEXT_DEVICES 4
int context_device (void);

/* A setting of the environment as a number, or what it is without. */
size_t setting (const char *name, size_t otherwise);
/* Compute capability: COW_CUDA_ARCHITECTURE is 86 for 8.6, as it was when the driver was started
 * last: instructions ask for it too often to look. */
int architecture (void);
void read_architecture (void);

#endif /* COW_CUDA_CALLS_H */
