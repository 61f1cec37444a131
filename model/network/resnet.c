/* SPDX-License-Identifier: MIT */
/* ResNet-18 at inference: weights from a checkpoint, five buffers that the units use in turn. */
#include "model/network/resnet.h"

#include "model/files/error.h"
#include "model/files/floats.h"

struct _CowResnet {
  CkBackend *backend;
  CowResnetValues values[COW_RESNET_N_UNITS];
  CowResnetShape shape; /* of the buffers; batch 0: none */
  float *input, *features, *buffer[4];
  uint8_t *places;
};

gboolean
cow_resnet_present (const CowCheckpoint *checkpoint)
{
  return cow_checkpoint_find (checkpoint, "layer4.1.conv2.weight") != NULL &&
         cow_checkpoint_find (checkpoint, "bn1.running_var") != NULL;
}

/* Copies a tensor of the checkpoint, checked to be of that shape and finite, to device memory; NULL
 * on error. */
static float *
upload (const CowResnet *self, const CowCheckpoint *checkpoint, const char *name, guint n_dims,
        const gint64 *dims, GError **error)
{
  CkBackend *backend = self->backend;
  const CowTensor *tensor = cow_checkpoint_get (checkpoint, name, n_dims, dims, error);
  g_autofree float *host =
      tensor ? cow_tensor_dup_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor), error)
             : NULL;
  if (!host)
    return NULL;
  const gsize bytes = cow_tensor_count (tensor) * sizeof (float);
  float *device = backend->alloc (backend, bytes);
  if (cow_check (device ? backend->upload (backend, device, host, bytes) : CK_NO_MEMORY, error,
                 "%s", name))
    return device;
  backend->free (backend, device);
  return NULL;
}

/* A running variance below zero has no root. */
static gboolean
check_variance (const CowCheckpoint *checkpoint, const char *name, GError **error)
{
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, name);
  const char *file = cow_checkpoint_file_of (checkpoint, tensor);
  g_autofree float *values = cow_tensor_dup_f32 (tensor, file, error);
  for (gsize i = 0; values && i < cow_tensor_count (tensor); i++)
    if (values[i] < 0) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: tensor %s: value %" G_GSIZE_FORMAT " is %g, a variance is at least 0", file,
                   name, i, values[i]);
      return FALSE;
    }
  return values != NULL;
}

static gboolean
init_unit (CowResnet *self, int i, const CowCheckpoint *checkpoint, GError **error)
{
  const CowResnetUnit *unit = &cow_resnet_units[i];
  CowResnetValues *values = &self->values[i];
  float **const norm[COW_RESNET_N_NORM] = { &values->weight, &values->bias, &values->mean,
                                            &values->variance };
  const gint64 dims[] = { unit->out, unit->in, unit->kernel, unit->kernel };
  g_autofree char *kernel = g_strconcat (unit->convolution, ".weight", NULL);
  values->kernel = upload (self, checkpoint, kernel, 4, dims, error);
  if (!values->kernel)
    return FALSE;
  for (int part = 0; part < COW_RESNET_N_NORM; part++) {
    g_autofree char *name = g_strconcat (unit->norm, ".", cow_resnet_norm_names[part], NULL);
    *norm[part] = upload (self, checkpoint, name, 1, dims, error);
    if (!*norm[part] ||
        (norm[part] == &values->variance && !check_variance (checkpoint, name, error)))
      return FALSE;
  }
  return TRUE;
}

CowResnet *
cow_resnet_new (CkBackend *backend, const CowCheckpoint *checkpoint, GError **error)
{
  g_autoptr (CowResnet) self = g_new0 (CowResnet, 1);
  self->backend = backend;
  if (!backend->training) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: the %s backend has no convolutions",
                 cow_checkpoint_path (checkpoint), backend->name);
    return NULL;
  }
  for (int i = 0; i < COW_RESNET_N_UNITS; i++)
    if (!init_unit (self, i, checkpoint, error))
      return NULL;
  return g_steal_pointer (&self);
}

static void
clear_buffers (CowResnet *self)
{
  CkBackend *backend = self->backend;
  for (guint i = 0; i < G_N_ELEMENTS (self->buffer); i++) {
    backend->free (backend, self->buffer[i]);
    self->buffer[i] = NULL;
  }
  backend->free (backend, self->input);
  backend->free (backend, self->features);
  backend->free (backend, self->places);
  self->input = self->features = NULL;
  self->places = NULL;
  self->shape.batch = 0;
}

void
cow_resnet_free (CowResnet *self)
{
  if (!self)
    return;
  CkBackend *backend = self->backend;
  clear_buffers (self);
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetValues *v = &self->values[i];
    float *const arrays[] = { v->kernel, v->weight, v->bias, v->mean, v->variance };
    for (guint a = 0; a < G_N_ELEMENTS (arrays); a++)
      backend->free (backend, arrays[a]);
  }
  g_free (self);
}

static gboolean
ensure_buffers (CowResnet *self, int batch, int height, int width, GError **error)
{
  CkBackend *backend = self->backend;
  CowResnetShape *shape = &self->shape;
  if (shape->batch == batch && shape->height == height && shape->width == width)
    return TRUE;
  clear_buffers (self);
  if (!cow_resnet_shape (shape, batch, height, width, error)) {
    shape->batch = 0;
    return FALSE;
  }
  const gsize pooled = (gsize)(batch * shape->pooled_area * cow_resnet_units[0].out);
  gboolean complete = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (self->buffer); i++) {
    /* Two hold the first unit's values, which are four times as many as any after the pooling. */
    const gsize floats = i < 2 ? cow_resnet_unit_size (shape, 0) : pooled;
    complete &= (self->buffer[i] = backend->alloc (backend, floats * sizeof (float))) != NULL;
  }
  complete &= (self->input = backend->alloc (backend, (gsize)batch * 3 * (gsize)height *
                                                          (gsize)width * sizeof (float))) != NULL;
  complete &= (self->features = backend->alloc (backend, (gsize)batch * COW_RESNET_FEATURES *
                                                             sizeof (float))) != NULL;
  complete &= (self->places = backend->alloc (backend, pooled)) != NULL;
  if (complete)
    return TRUE;
  clear_buffers (self);
  return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures of %d x %d", batch, width, height);
}

/*
 * Buffer 0 takes every convolution, 1 the output of a block's first unit, 2 and 3 the block's input
 * and what is added at its end: the input itself or the output of its downsampling. The block's
 * output replaces the one of the two that nobody adds.
 */
static CowResnetActs
lay_out (const CowResnet *self)
{
  CowResnetActs acts = { .input = self->input,
                         .places = self->places,
                         .features = self->features,
                         .pooled = self->buffer[2] };
  float *input = self->buffer[2], *other = self->buffer[3];
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    acts.convolved[i] = self->buffer[0];
    if (!unit->relu) { /* the downsampling: the block's input is not needed after it */
      acts.output[i] = other;
      other = input;
      input = acts.output[i];
    } else if (unit->residual >= 0) {
      acts.output[i] = other;
      other = input;
      input = acts.output[i];
    } else {
      acts.output[i] = self->buffer[1];
    }
  }
  return acts;
}

const float *
cow_resnet_forward (CowResnet *self, const float *pixels, int batch, int height, int width,
                    GError **error)
{
  if (!ensure_buffers (self, batch, height, width, error))
    return NULL;
  const CowResnetActs acts = lay_out (self);
  return cow_check (
             cow_resnet_pass (self->backend, &self->shape, self->values, &acts, pixels, false),
             error, "ResNet-18")
             ? acts.features
             : NULL;
}
