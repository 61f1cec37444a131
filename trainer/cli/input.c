/* SPDX-License-Identifier: MIT */
#include "trainer/cli/input.h"

#include <string.h>

#include "trainer/data/pictures.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"

#define EXTENSION ".safetensors"

gboolean
input_is_tensor (const char *argument)
{
  return strstr (argument, EXTENSION ":") != NULL;
}

/* A tensor that can be pixels: [n, 3, height, width] of numbers. */
static gboolean
check_tensor (Input *self, GError **error)
{
  const CowTensor *tensor = self->tensor;
  const char *path = cow_safetensors_path (self->file);
  g_autofree char *shape = cow_tensor_shape_text (tensor);

  if (tensor->n_dims != 4 || tensor->dims[0] < 1 || tensor->dims[1] != 3 || tensor->dims[2] < 1 ||
      tensor->dims[3] < 1 || tensor->dims[2] > G_MAXINT || tensor->dims[3] > G_MAXINT) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: %s has shape %s; pixels are [pictures, 3, height, width]", path, tensor->name,
                 shape);
    return FALSE;
  }
  self->n = tensor->dims[0];
  self->preprocess.height = (int)tensor->dims[2];
  self->preprocess.width = (int)tensor->dims[3];
  return TRUE;
}

static gboolean
open_tensor (Input *self, const char *argument, GError **error)
{
  const char *colon = strstr (argument, EXTENSION ":") + strlen (EXTENSION);
  g_autofree char *path = g_strndup (argument, (gsize)(colon - argument));

  self->file = cow_safetensors_open (path, error);
  if (!self->file)
    return FALSE;
  self->tensor = cow_safetensors_get (self->file, colon + 1);
  if (self->tensor)
    return check_tensor (self, error);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s has no tensor \"%s\" (cow-trainer info lists them)", path, colon + 1);
  return FALSE;
}

gboolean
input_open (Input *self, char *const *arguments, GError **error)
{
  *self = (Input){ 0 };
  for (guint i = 0; arguments[i]; i++) {
    if (g_str_has_suffix (arguments[i], EXTENSION))
      return verb_usage (error, "%s: name one of its tensors too, as %s:NAME", arguments[i],
                         arguments[i]);
    if (input_is_tensor (arguments[i]))
      return arguments[0] && !arguments[1]
                 ? open_tensor (self, arguments[i], error)
                 : verb_usage (error, "%s: a tensor of pixels must be the only input",
                               arguments[i]);
  }
  self->pictures = picture_arguments (arguments, error);
  if (!self->pictures)
    return FALSE;
  self->n = self->pictures->len;
  return TRUE;
}

gboolean
input_check_size (const Input *self, const CowClassifier *classifier, GError **error)
{
  g_autofree char *where =
      self->tensor ? g_strconcat (cow_safetensors_path (self->file), ": ", self->tensor->name, NULL)
                   : g_strdup ("size");

  return cow_classifier_check_size (classifier, where, self->preprocess.width,
                                    self->preprocess.height, error);
}

/* Some rows of the tensor, so that no more than a batch is ever converted. */
static gboolean
read_tensor (const Input *self, gint64 first, int n, float *out, GError **error)
{
  CowTensor part = *self->tensor;
  const gsize one = part.n_bytes / (gsize)part.dims[0];

  part.dims[0] = n;
  part.data += (gsize)first * one;
  part.n_bytes = (gsize)n * one;
  return cow_tensor_to_f32 (&part, cow_safetensors_path (self->file), out, error);
}

gboolean
input_read (Input *self, CowPreparer *preparer, gint64 first, int n, float *out, GError **error)
{
  if (self->tensor)
    return read_tensor (self, first, n, out, error);
  for (int i = 0; i < n; i++) {
    const char *path = self->pictures->pdata[first + i];
    g_autofree char *remark = NULL;
    if (!picture_prepare (path, &self->preprocess, preparer,
                          out + (gsize)i * cow_preprocess_size (&self->preprocess), &remark, error))
      return FALSE;
    /* What is prepared twice is not remarked upon twice. */
    if (first + i < self->n_read)
      continue;
    self->n_read++;
    picture_remark (&self->n_remarks, path, remark);
    if (self->n_read == self->n)
      picture_remarks_end (self->n_remarks);
  }
  return TRUE;
}

void
input_clear (Input *self)
{
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->file, cow_safetensors_close);
}
