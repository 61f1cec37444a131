/* SPDX-License-Identifier: MIT */
#include "trainer/eval/tensor-file.h"

gboolean
tensor_file_open (TensorFile *self, const char *path, GError **error)
{
  *self = (TensorFile){ 0 };
  if (g_str_has_suffix (path, ".safetensors"))
    self->safetensors = cow_safetensors_open (path, error);
  else
    self->torchfile = cow_torchfile_open (path, error);
  return self->safetensors || self->torchfile;
}

guint
tensor_file_n (const TensorFile *self)
{
  return self->safetensors ? cow_safetensors_n_tensors (self->safetensors)
                           : cow_torchfile_n_tensors (self->torchfile);
}

const CowTensor *
tensor_file_nth (const TensorFile *self, guint i)
{
  return self->safetensors ? cow_safetensors_nth (self->safetensors, i)
                           : cow_torchfile_nth (self->torchfile, i);
}

const CowTensor *
tensor_file_get (const TensorFile *self, const char *name)
{
  return self->safetensors ? cow_safetensors_get (self->safetensors, name)
                           : cow_torchfile_get (self->torchfile, name);
}

guint64
tensor_file_n_elements (const TensorFile *self)
{
  guint64 n = 0;
  for (guint i = 0; i < tensor_file_n (self); i++)
    n += cow_tensor_count (tensor_file_nth (self, i));
  return n;
}

void
tensor_file_clear (TensorFile *self)
{
  g_clear_pointer (&self->safetensors, cow_safetensors_close);
  g_clear_pointer (&self->torchfile, cow_torchfile_close);
}
