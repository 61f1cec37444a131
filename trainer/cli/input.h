/* SPDX-License-Identifier: MIT */
/* The input of `features`: pictures, prepared as for prediction, or a tensor of pixels that goes
 * into the network as it is. */
#ifndef COW_TRAINER_INPUT_H
#define COW_TRAINER_INPUT_H

#include "model/network/classifier.h"
#include "model/files/safetensors.h"

typedef struct {
  GPtrArray *pictures;     /* paths, or NULL */
  CowSafetensors *file;    /* or NULL */
  const CowTensor *tensor; /* [n, 3, height, width] of `file` */
  gint64 n;
  gint64 n_read;            /* pictures that were read once */
  guint n_remarks;          /* those of them that something was said of */
  CowPreprocess preprocess; /* of pictures; of a tensor width and height alone */
} Input;

/* Whether an argument names a tensor: "FILE.safetensors:NAME". */
gboolean input_is_tensor (const char *argument);
/* Opens what the arguments name: pictures and folders, or a single FILE.safetensors:NAME. The
 * preprocessing is set later. */
gboolean input_open (Input *self, char *const *arguments, GError **error);
/* Checks that the network takes the size of the pictures. */
gboolean input_check_size (const Input *self, const CowClassifier *classifier, GError **error);
/* Pixels of pictures [first, first + n) to out [n, 3, height, width]; `preparer` is
 * not used for a tensor. */
gboolean input_read (Input *self, CowPreparer *preparer, gint64 first, int n, float *out,
                     GError **error);
void input_clear (Input *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Input, input_clear)

#endif
