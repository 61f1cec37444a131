/* SPDX-License-Identifier: MIT */
/* What all backends share. */
#include "kernels/kernels.h"

const char *
ck_status_text (CkStatus status)
{
  switch (status) {
  case CK_OK:
    return "success";
  case CK_NO_MEMORY:
    return "out of memory";
  case CK_BAD_SHAPE:
    return "shapes contradict one another or are too large";
  case CK_UNSUPPORTED:
    return "not supported by this backend or processor";
  case CK_DEVICE_ERROR:
    return "the compute library or device reported a failure";
  }
  return "unknown status";
}

void
ck_backend_close (CkBackend *backend)
{
  if (backend != NULL)
    backend->destroy (backend);
}
