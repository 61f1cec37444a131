/* SPDX-License-Identifier: MIT */
/* The tensors of one file: safetensors, or what torch.save () writes (.pth, .bin, ...). */
#ifndef COW_TENSOR_FILE_H
#define COW_TENSOR_FILE_H

#include "model/files/safetensors.h"
#include "model/files/torchfile.h"

G_BEGIN_DECLS

/* One of the two is open. */
typedef struct {
  CowSafetensors *safetensors;
  CowTorchfile *torchfile;
} CowTensorFile;

/* With the reader that the file's first bytes ask for, whatever its name. */
gboolean cow_tensor_file_open (CowTensorFile *self, const char *path, GError **error);
const char *cow_tensor_file_path (const CowTensorFile *self);
guint cow_tensor_file_n (const CowTensorFile *self);
const CowTensor *cow_tensor_file_nth (const CowTensorFile *self, guint i);
/* NULL when there is none. */
const CowTensor *cow_tensor_file_get (const CowTensorFile *self, const char *name);
/* The elements of all tensors. */
guint64 cow_tensor_file_n_elements (const CowTensorFile *self);
/* See cow_mapping_check (). */
gboolean cow_tensor_file_check (const CowTensorFile *self, GError **error);
/* See cow_safetensors_release_pages (). */
void cow_tensor_file_release_pages (const CowTensorFile *self, const CowTensor *tensor);
void cow_tensor_file_clear (CowTensorFile *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowTensorFile, cow_tensor_file_clear)

G_END_DECLS

#endif
