/* SPDX-License-Identifier: MIT */
#include "model/files/tensor-file.h"

#include <string.h>

#include "model/files/mapping.h"

/* Whether a file begins as torch.save ()'s do, with a zip archive, or before torch 1.6 a pickle;
 * the numbers that a safetensors file begins with could be the same, but a '{' follows them. What
 * cannot be read is for the reader to say. */
static gboolean
is_torch (const CowMapping *mapping)
{
  guint8 data[9] = { 0 };
  if (mapping->size < 4 ||
      !cow_mapping_copy (mapping, mapping->data, MIN (mapping->size, sizeof data), data, NULL) ||
      data[8] == '{')
    return FALSE;
  return memcmp (data, "PK\3\4", 4) == 0 || (data[0] == 0x80 && data[1] >= 2 && data[1] <= 5);
}

gboolean
cow_tensor_file_open (CowTensorFile *self, const char *path, GError **error)
{
  CowMapping mapping;

  *self = (CowTensorFile){ 0 };
  if (!cow_mapping_open (&mapping, path, error))
    return FALSE;
  const gboolean torch = is_torch (&mapping);
  cow_mapping_close (&mapping);
  if (torch)
    self->torchfile = cow_torchfile_open (path, error);
  else
    self->safetensors = cow_safetensors_open (path, error);
  return self->safetensors || self->torchfile;
}

const char *
cow_tensor_file_path (const CowTensorFile *self)
{
  return self->safetensors ? cow_safetensors_path (self->safetensors)
                           : cow_torchfile_path (self->torchfile);
}

guint
cow_tensor_file_n (const CowTensorFile *self)
{
  return self->safetensors ? cow_safetensors_n_tensors (self->safetensors)
                           : cow_torchfile_n_tensors (self->torchfile);
}

const CowTensor *
cow_tensor_file_nth (const CowTensorFile *self, guint i)
{
  return self->safetensors ? cow_safetensors_nth (self->safetensors, i)
                           : cow_torchfile_nth (self->torchfile, i);
}

const CowTensor *
cow_tensor_file_get (const CowTensorFile *self, const char *name)
{
  return self->safetensors ? cow_safetensors_get (self->safetensors, name)
                           : cow_torchfile_get (self->torchfile, name);
}

guint64
cow_tensor_file_n_elements (const CowTensorFile *self)
{
  guint64 n = 0;
  for (guint i = 0; i < cow_tensor_file_n (self); i++)
    n += cow_tensor_count (cow_tensor_file_nth (self, i));
  return n;
}

gboolean
cow_tensor_file_check (const CowTensorFile *self, GError **error)
{
  return self->safetensors ? cow_safetensors_check (self->safetensors, error)
                           : cow_torchfile_check (self->torchfile, error);
}

void
cow_tensor_file_release_pages (const CowTensorFile *self, const CowTensor *tensor)
{
  if (self->safetensors)
    cow_safetensors_release_pages (self->safetensors, tensor);
  else
    cow_torchfile_release_pages (self->torchfile, tensor);
}

void
cow_tensor_file_clear (CowTensorFile *self)
{
  g_clear_pointer (&self->safetensors, cow_safetensors_close);
  g_clear_pointer (&self->torchfile, cow_torchfile_close);
}
