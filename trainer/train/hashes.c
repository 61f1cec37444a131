/* SPDX-License-Identifier: MIT */
#include "trainer/train/hashes.h"

#include <gio/gio.h>

#include "model/files/digest.h"
#include "model/files/file-writer.h"
#include "trainer/host/progress.h"
#include "trainer/host/stop.h"

#define PIECE (1 << 24) /* bytes between two looks at the user's wish to stop */

/* ---- models ---------------------------------------------------------------------------------- */

static gboolean
add_tensor (GChecksum *sum, const CowTensor *tensor, Progress *progress, guint64 *done,
            GError **error)
{
  cow_digest_add_tensor (sum, tensor);
  for (gsize at = 0; at < tensor->n_bytes; at += PIECE) {
    const gsize n = MIN (PIECE, tensor->n_bytes - at);
    if (stop_requested ()) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped before anything was trained");
      return FALSE;
    }
    if (!cow_digest_add_bytes (sum, tensor, at, n, error))
      return FALSE;
    progress_set (progress, *done += n);
  }
  return TRUE;
}

char *
hash_model (const char *path, GError **error)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint64 total = 0, done = 0;

  if (!checkpoint)
    return NULL;
  g_autoptr (GPtrArray) tensors = cow_digest_tensors (checkpoint);
  for (guint i = 0; i < tensors->len; i++)
    total += ((const CowTensor *)tensors->pdata[i])->n_bytes;
  g_autoptr (Progress) progress = progress_new ("MB", total);
  progress_note (progress, "the base's hash", NULL);
  for (guint i = 0; i < tensors->len; i++)
    if (!add_tensor (sum, tensors->pdata[i], progress, &done, error))
      return NULL;
  return g_strdup (g_checksum_get_string (sum));
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void
add_boxes (GChecksum *sum, const CowFrames *frames)
{
  for (guint i = 0; i < frames->boxes->len; i++) {
    const CowFrameBox *box = &g_array_index (frames->boxes, CowFrameBox, i);
    cow_digest_add_text (sum, "%a %a %a %a %d", box->place.x, box->place.y, box->place.w,
                         box->place.h, box->crowd);
  }
  for (guint i = 0; i < frames->frames->len; i++)
    cow_digest_add_text (sum, "%u", cow_frames_get (frames, i)->n_boxes);
}

char *
hash_dataset (const CowDataset *dataset, const CowFrames *frames, gboolean sizes, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  for (guint c = 0; c < dataset->n_classes; c++)
    cow_digest_add_text (sum, "%s", dataset->classes[c]);
  for (guint i = 0; i < dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (dataset, i);
    gint64 size = -1, changed_ns;
    if (sizes && !cow_path_size (sample->path, &size, &changed_ns, error))
      return NULL;
    cow_digest_add_text (sum, "%s", sample->path);
    /* The number of a combination of labels would not tell what it is of. */
    if (dataset->sets)
      cow_digest_add_text (sum, "%s", cow_dataset_label_text (dataset, sample));
    cow_digest_add_text (sum, "%" G_GINT64_FORMAT " %d %d %d %a %a %a %a", size, sample->label,
                         (int)sample->split, (int)sample->box_kind, sample->box[0], sample->box[1],
                         sample->box[2], sample->box[3]);
  }
  if (frames)
    add_boxes (sum, frames);
  return g_strdup (g_checksum_get_string (sum));
}
