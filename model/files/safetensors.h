/* SPDX-License-Identifier: MIT */
/*
 * Hugging Face's safetensors files: 8 bytes of header length, a JSON header, the data. Read by
 * mapping the file, so that opening costs the header alone; written in one pass, so that no more
 * than the tensor in hand is in memory.
 */
#ifndef COW_SAFETENSORS_H
#define COW_SAFETENSORS_H

#include "model/files/tensor.h"

G_BEGIN_DECLS

typedef struct _CowSafetensors CowSafetensors;

/*
 * Maps a file and checks its header entirely: the length lies inside the file, offsets are in
 * range, in order of neither overlap nor gap, fit shape and type, names are unique.
 * COW_ERROR_NOT_FOUND, COW_ERROR_IO, COW_ERROR_FORMAT.
 */
CowSafetensors *cow_safetensors_open (const char *path, GError **error);
/* The same from bytes in memory, which must outlive what this returns: for tests that feed it
 * anything (tests/fuzz). */
CowSafetensors *cow_safetensors_open_bytes (const char *path, const guint8 *data, gsize size,
                                            GError **error);
void cow_safetensors_close (CowSafetensors *self);
const char *cow_safetensors_path (const CowSafetensors *self);
/* Tensors in the order of their data. */
guint cow_safetensors_n_tensors (const CowSafetensors *self);
const CowTensor *cow_safetensors_nth (const CowSafetensors *self, guint i);
/* NULL when there is none of that name. */
const CowTensor *cow_safetensors_get (const CowSafetensors *self, const char *name);
/* A value of the header's __metadata__, or NULL. */
const char *cow_safetensors_metadata (const CowSafetensors *self, const char *key);
/* See cow_mapping_check (). */
gboolean cow_safetensors_check (const CowSafetensors *self, GError **error);
/* Gives the memory of a tensor's data back; see cow_mapping_release (). */
void cow_safetensors_release_pages (const CowSafetensors *self, const CowTensor *tensor);

/* A file being written: first declare every tensor, then give their data in the order of
 * declaration, in pieces of any size. It is written beside its name and takes it only in finish (),
 * so that a failure leaves no half file. */
typedef struct _CowSafetensorsWriter CowSafetensorsWriter;

CowSafetensorsWriter *cow_safetensors_writer_new (const char *path);
/* Metadata is optional: {"format": "pt"} is what Hugging Face's loaders ask for. */
void cow_safetensors_writer_metadata (CowSafetensorsWriter *self, const char *key,
                                      const char *value);
void cow_safetensors_writer_declare (CowSafetensorsWriter *self, const char *name, CowDtype dtype,
                                     const gint64 *dims, guint n_dims);
gboolean cow_safetensors_writer_write (CowSafetensorsWriter *self, const void *data, gsize n_bytes,
                                       GError **error);
/* The data of a tensor of another file, which need not be in memory. */
gboolean cow_safetensors_writer_copy (CowSafetensorsWriter *self, const CowTensor *tensor,
                                      GError **error);
/* COW_ERROR_ARGUMENT when more or fewer bytes came than were declared. */
gboolean cow_safetensors_writer_finish (CowSafetensorsWriter *self, GError **error);
/* Also removes what an unfinished writer left. */
void cow_safetensors_writer_free (CowSafetensorsWriter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowSafetensors, cow_safetensors_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowSafetensorsWriter, cow_safetensors_writer_free)

G_END_DECLS

#endif
