/* SPDX-License-Identifier: MIT */
/*
 * The file that keeps which precision was chosen for which weights, for each set of instructions
 * that it was measured on.
 *
 * precision.json (of a model that is a file: FILE.precision.json)
 *   {format: 1, arithmetic: CK_ARITHMETIC, weights: cow_fingerprint (),
 *    choices: {"cpu (avx512-vnni)": {precision, pictures,
 *      mix: {precision, finer, layers: [names]},
 *      paths: [{precision, layers, ms_per_picture, fp32_ms_per_picture, worst_cosine, same_labels,
 *        verdict}]}}}
 *
 * `precision` is the whole network's. `mix`, which is absent where no mixed network was chosen,
 * goes before it; versions that do not know it take `precision`, so that the format is the same.
 */
#ifndef COW_PRECISION_FILE_H
#define COW_PRECISION_FILE_H

#include <json-glib/json-glib.h>

#include "model/network/precision-figures.h"

G_BEGIN_DECLS

/* What was chosen on one set of instructions. */
typedef struct {
  CowPrecision precision; /* never auto */
  CowPrecision finer;     /* of these layers; fp32 where there are none */
  char **raised;          /* linear layers in a finer precision, by name, or NULL */
  guint n_pictures;
} CowPrecisionEntry;

/*
 * Reads a file's choices: COW_ERROR_MISMATCH if it is of other weights or another arithmetic,
 * COW_ERROR_FORMAT if it breaks its format. Free with json_object_unref (). The second takes the
 * whole object; `where` opens each message.
 */
JsonObject *cow_precision_file_read (const char *path, const char *weights, GError **error);
JsonObject *cow_precision_file_choices (JsonObject *root, const char *where, const char *weights,
                                        GError **error);
/* The entry of a level ("cpu (avx512)"); *found is FALSE, without an error, where there is none.
 * Whether the network has the layers is for the caller to check. Clear *entry. */
gboolean cow_precision_file_entry (JsonObject *choices, const char *where, const char *level,
                                   CowPrecisionEntry *entry, gboolean *found, GError **error);
void cow_precision_entry_clear (CowPrecisionEntry *entry);

/* Puts what was found on a level into a file. What the file has of other levels stays, if it is of
 * these weights and this arithmetic. Replaces the file at once: COW_ERROR_*. */
gboolean cow_precision_file_write (const char *path, const char *weights, const char *level,
                                   const CowPrecisionFigures *figures, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPrecisionEntry, cow_precision_entry_clear)

G_END_DECLS

#endif
