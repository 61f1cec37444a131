/* SPDX-License-Identifier: MIT */
/*
 * Everything that a run trains, in four flat arrays on the backend: values, gradients and Adam's
 * two moments. Names and shapes say which part is which tensor, so that the optimiser, clipping and
 * checkpoints need to know no network.
 */
#ifndef COW_PARAMETERS_H
#define COW_PARAMETERS_H

#include "model/files/error.h"
#include "model/files/tensor.h"

G_BEGIN_DECLS

typedef struct {
  char *name; /* as the file that it is saved to calls it */
  guint n_dims;
  gint64 dims[4];
  gsize offset, count; /* in floats */
} CowParameter;

typedef struct {
  CkBackend *backend; /* borrowed */
  GArray *list;       /* of CowParameter */
  gsize count;        /* floats of all */
  /* [count] each, device memory, after cow_parameters_allocate () */
  float *values, *gradients, *first, *second;
} CowParameters;

CowParameters *cow_parameters_new (CkBackend *backend);
void cow_parameters_free (CowParameters *self);
/* Registers a tensor and returns its index; before cow_parameters_allocate (). */
guint cow_parameters_add (CowParameters *self, const char *name, guint n_dims, const gint64 *dims);
/* Reserves the arrays; moments and gradients are 0. */
gboolean cow_parameters_allocate (CowParameters *self, GError **error);
const CowParameter *cow_parameters_get (const CowParameters *self, guint i);
float *cow_parameters_value (const CowParameters *self, guint i);
float *cow_parameters_gradient (const CowParameters *self, guint i);
/* Copies a tensor from or to host memory [count]. */
gboolean cow_parameters_set (CowParameters *self, guint i, const float *host, GError **error);
gboolean cow_parameters_read (const CowParameters *self, guint i, float *host, GError **error);

/* Writes n tensors from the first-th on as a safetensors file under their names. */
gboolean cow_parameters_write (const CowParameters *self, guint first, guint n, const char *path,
                               GError **error);

/* Sets every gradient to 0. */
gboolean cow_parameters_clear_gradients (CowParameters *self, GError **error);
/*
 * One AdamW step; the gradients' global norm is clipped to max_norm (0: not at all) and its value
 * before is written to *norm. A norm that is not finite changes nothing and is COW_ERROR_DEVICE.
 */
gboolean cow_parameters_step (CowParameters *self, const CkAdamW *settings, double max_norm,
                              double *norm, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowParameters, cow_parameters_free)

G_END_DECLS

#endif
