/* SPDX-License-Identifier: MIT */
/* The readers of files, on bytes in memory, which must outlive what they return: for the tests that
 * feed them anything (tests/fuzz). */
#ifndef COW_OPEN_BYTES_H
#define COW_OPEN_BYTES_H

#include "model/files/safetensors.h"
#include "model/files/torchfile.h"

G_BEGIN_DECLS

CowSafetensors *cow_safetensors_open_bytes (const char *path, const guint8 *data, gsize size,
                                            GError **error);
CowTorchfile *cow_torchfile_open_bytes (const char *path, const guint8 *data, gsize size,
                                        GError **error);

G_END_DECLS

#endif
