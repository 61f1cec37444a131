/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's .pth files (the zip kind, since torch 1.6), without running what a pickle can run: a
 * reader of exactly the opcodes that a state dict needs, which knows tensors, dicts, lists, tuples,
 * strings and numbers, and names and refuses everything else.
 */
#ifndef COW_TORCHFILE_H
#define COW_TORCHFILE_H

#include "model/files/tensor.h"

G_BEGIN_DECLS

typedef struct _CowTorchfile CowTorchfile;

/*
 * Opens a file and reads its pickle. Tensors in nested dicts get dotted names ("model.norm.weight"
 * for {"model": {"norm.weight": ...}}). COW_ERROR_NOT_FOUND, COW_ERROR_IO; COW_ERROR_FORMAT for a
 * broken zip or pickle; COW_ERROR_UNSUPPORTED, naming the global, for a pickle that would call
 * anything but torch's tensor constructors, for compressed entries, for tensors that are not
 * contiguous and for torch < 1.6.
 */
CowTorchfile *cow_torchfile_open (const char *path, GError **error);
/* The same from bytes in memory, which must outlive what this returns: for tests that feed it
 * anything (tests/fuzz). */
CowTorchfile *cow_torchfile_open_bytes (const char *path, const guint8 *data, gsize size,
                                        GError **error);
void cow_torchfile_close (CowTorchfile *self);
const char *cow_torchfile_path (const CowTorchfile *self);
guint cow_torchfile_n_tensors (const CowTorchfile *self);
const CowTensor *cow_torchfile_nth (const CowTorchfile *self, guint i);
const CowTensor *cow_torchfile_get (const CowTorchfile *self, const char *name);
/* See cow_mapping_check (). */
gboolean cow_torchfile_check (const CowTorchfile *self, GError **error);
/* See cow_safetensors_release_pages (). */
void cow_torchfile_release_pages (const CowTorchfile *self, const CowTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowTorchfile, cow_torchfile_close)

G_END_DECLS

#endif
