/* SPDX-License-Identifier: MIT */
/* Folders that a test fills and frees, and copies of files with something changed in them; single
 * files are written.h's. Everything aborts the test when it fails. */
#ifndef COW_TEST_SCRATCH_H
#define COW_TEST_SCRATCH_H

#include "model/files/safetensors.h"

/* A new empty folder; give it back with scratch_free, which removes all that is in it. */
char *scratch_new (void);
void scratch_free (char *folder);
/* Nothing but . and .. in it, or not there at all. */
gboolean scratch_is_empty (const char *folder);

char *scratch_read (const char *folder, const char *name, gsize *length);
void scratch_write (const char *folder, const char *name, const char *text);
void scratch_copy (const char *from, const char *to, const char *name);
/* Copies the JSON object in from/name to to/name with member `key` set to a JSON text, or taken out
 * where `value` is NULL. */
void scratch_copy_json (const char *from, const char *to, const char *name, const char *key,
                        const char *value);

/* A change to one tensor of a file; the default of every field is "as it was". */
typedef struct {
  const char *name;
  gboolean drop;
  const char *rename;
  CowDtype dtype;
  guint n_dims; /* 0: type and shape as they were */
  gint64 dims[2];
  const void *data; /* NULL: as it was, cut or padded with zeros to the shape */
} ScratchEdit;

/* Copies a .safetensors file with the edits, a list that ends with a name of NULL. */
void scratch_copy_tensors (const char *from, const char *to, const ScratchEdit *edits);

#endif
