/* SPDX-License-Identifier: MIT */
#include "model/adapter/kept-pictures.h"

#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/safetensors.h"

#define FILE_NAME "pictures.safetensors"
#define TENSOR    "pictures"
#define MOST_SIDE 8192

static char *
path_in (const char *folder)
{
  return g_build_filename (folder, FILE_NAME, NULL);
}

gboolean
cow_kept_pictures_present (const char *folder)
{
  g_autofree char *path = path_in (folder);
  return cow_path_is_file (path);
}

/* A tensor whose bytes are in the file, so that their number is no more than that. */
static gboolean
check_tensor (const CowTensor *tensor, const char *path, GError **error)
{
  if (tensor && tensor->dtype == COW_U8 && tensor->n_dims == 4 && tensor->dims[3] == 3 &&
      tensor->dims[0] >= 1 && tensor->dims[0] <= COW_KEPT_PICTURES_MOST && tensor->dims[1] >= 1 &&
      tensor->dims[1] <= MOST_SIDE && tensor->dims[2] >= 1 && tensor->dims[2] <= MOST_SIDE)
    return TRUE;
  g_autofree char *shape = tensor ? cow_tensor_shape_text (tensor) : NULL;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: %s, expected bytes \"" TENSOR "\" [1 to %d, height, width, 3]", path,
               shape ? shape : "no such tensor", COW_KEPT_PICTURES_MOST);
  return FALSE;
}

gboolean
cow_kept_pictures_read (CowKeptPictures *self, const char *folder, guint most, GError **error)
{
  *self = (CowKeptPictures){ 0 };
  if (!cow_kept_pictures_present (folder))
    return TRUE;
  g_autofree char *path = path_in (folder);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, error);
  const CowTensor *tensor = file ? cow_safetensors_get (file, TENSOR) : NULL;
  if (!file || !check_tensor (tensor, path, error))
    return FALSE;
  const guint n = (guint)MIN (tensor->dims[0], most);
  const gsize bytes = tensor->n_bytes / (gsize)tensor->dims[0] * n;
  self->rgb = g_try_malloc (bytes);
  if (!self->rgb)
    return cow_check (CK_NO_MEMORY, error, "%s", path);
  if (!cow_tensor_copy (tensor, 0, bytes, self->rgb, error)) {
    g_clear_pointer (&self->rgb, g_free);
    return FALSE;
  }
  self->n = n;
  self->height = (int)tensor->dims[1];
  self->width = (int)tensor->dims[2];
  return TRUE;
}

gboolean
cow_kept_pictures_write (const CowKeptPictures *self, const char *folder, GError **error)
{
  const gint64 dims[] = { self->n, self->height, self->width, 3 };
  if (self->n == 0)
    return TRUE;
  g_autofree char *path = path_in (folder);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_declare (writer, TENSOR, COW_U8, dims, G_N_ELEMENTS (dims));
  return cow_safetensors_writer_write (
             writer, self->rgb, (gsize)self->n * (gsize)self->height * (gsize)self->width * 3,
             error) &&
         cow_safetensors_writer_finish (writer, error);
}

gboolean
cow_kept_pictures_carry (const char *from, const char *to, GError **error)
{
  g_auto (CowKeptPictures) pictures = { 0 };
  return cow_kept_pictures_read (&pictures, from, COW_KEPT_PICTURES_MOST, error) &&
         cow_kept_pictures_write (&pictures, to, error);
}

float *
cow_kept_pictures_prepare (const CowKeptPictures *self, const CowPreprocess *preprocess,
                           CkDevice *device, GError **error)
{
  const gsize size = cow_preprocess_size (preprocess),
              bytes = 3 * (gsize)self->width * (gsize)self->height;
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, error);
  if (!preparer)
    return NULL;
  g_autofree float *pixels = g_try_new (float, self->n *size);
  if (!pixels) {
    cow_check (CK_NO_MEMORY, error, "%u pictures", self->n);
    return NULL;
  }
  for (guint i = 0; i < self->n; i++) {
    const CkPicture picture = { .layout = CK_RGB8,
                                .width = self->width,
                                .height = self->height,
                                .plane = { self->rgb + i * bytes },
                                .stride = { 3 * (gint64)self->width },
                                .pixel_stride = 3,
                                .offset = { 0, 1, 2 } };
    if (!cow_preparer_run (preparer, preprocess, &picture, NULL, pixels + i * size, error))
      return NULL;
  }
  return g_steal_pointer (&pixels);
}

void
cow_kept_pictures_clear (CowKeptPictures *self)
{
  g_clear_pointer (&self->rgb, g_free);
  self->n = 0;
}
