/* SPDX-License-Identifier: MIT */
/* The one way in which everything above kernels/ fails: a GError of this domain whose message names
 * the file, the tensor or the property, what was found and what was expected. */
#ifndef COW_ERROR_H
#define COW_ERROR_H

#include <glib.h>

#include "kernels/kernels.h"
#include "kernels/training.h"

G_BEGIN_DECLS

#define COW_ERROR (cow_error_quark ())
GQuark cow_error_quark (void);

typedef enum {
  COW_ERROR_NOT_FOUND, /* a file, folder, tensor or class that is not there */
  COW_ERROR_IO,        /* reading or writing failed: permissions, no space left, ... */
  COW_ERROR_FORMAT,    /* a file that breaks its own format: truncated, overlapping offsets, pickled
                          code, NaN weights, ... */
  COW_ERROR_MISMATCH, /* well-formed files that do not fit one another: shapes, head size, number of
                         classes */
  COW_ERROR_UNSUPPORTED, /* a variant that this program does not have, named; never silently ignored
                          */
  COW_ERROR_ARGUMENT, /* what the caller asked for makes no sense: a region outside the picture, an
                         unknown device */
  COW_ERROR_MEMORY,   /* an allocation failed */
  COW_ERROR_DEVICE    /* the device failed */
} CowError;

/* Leaves a function that returns a CkStatus where a call did not return CK_OK. */
#define COW_TRY(call)                                                                              \
  do {                                                                                             \
    const CkStatus try_status = (call);                                                            \
    if (try_status != CK_OK)                                                                       \
      return try_status;                                                                           \
  } while (0)

/* Turns a kernel's status into an error that says what was being done; true when status is CK_OK.
 */
gboolean cow_check (CkStatus status, GError **error, const char *doing, ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS

#endif
