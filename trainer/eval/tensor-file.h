/* SPDX-License-Identifier: MIT */
/* The tensors of one file, .safetensors or PyTorch's .pth. */
#ifndef COW_TRAINER_TENSOR_FILE_H
#define COW_TRAINER_TENSOR_FILE_H

#include "model/files/safetensors.h"
#include "model/files/torchfile.h"

/* One of the two is open. */
typedef struct {
  CowSafetensors *safetensors;
  CowTorchfile *torchfile;
} TensorFile;

/* By the name's end: .safetensors, or else a .pth. */
gboolean tensor_file_open (TensorFile *self, const char *path, GError **error);
guint tensor_file_n (const TensorFile *self);
const CowTensor *tensor_file_nth (const TensorFile *self, guint i);
/* NULL when there is none. */
const CowTensor *tensor_file_get (const TensorFile *self, const char *name);
/* The elements of all tensors. */
guint64 tensor_file_n_elements (const TensorFile *self);
void tensor_file_clear (TensorFile *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TensorFile, tensor_file_clear)

#endif
