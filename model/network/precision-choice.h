/* SPDX-License-Identifier: MIT */
/*
 * What precision=auto stands for: the fastest precision that was measured (precision-trial.h) to
 * keep the answers of fp32, or fp32 where nobody has measured. What was found lies beside the
 * weights, for each set of instructions that it was found on: in an adapter's folder if it was
 * measured with that adapter, else in the model's (precision-file.h). All functions are safe from
 * any thread.
 */
#ifndef COW_PRECISION_CHOICE_H
#define COW_PRECISION_CHOICE_H

#include "model/network/device.h"
#include "model/network/precision-figures.h"

G_BEGIN_DECLS

/* ---- what is kept ---------------------------------------------------------------------------- */

/* Where the choice of a model, or with an adapter of that adapter's folder, lies; located paths.
 * Free with g_free. */
char *cow_precision_choice_path (const char *model, const char *adapter);

/* Whether it can be written, so that this is known before anything is measured: COW_ERROR_IO. */
gboolean cow_precision_choice_check_writable (const char *model, const char *adapter,
                                              GError **error);
/*
 * Keeps what was found with a model and an adapter (or NULL), both located paths (one path twice
 * for a whole network), on a device. What the file has of other sets of instructions stays, if it
 * is of these weights and this arithmetic. Replaces the file at once: COW_ERROR_*.
 */
gboolean cow_precision_choice_write (const char *model, const char *adapter, const CkDevice *device,
                                     const CowPrecisionFigures *figures, GError **error);

/* ---- what auto stands for -------------------------------------------------------------------- */

typedef struct {
  CowPrecision precision; /* never auto */
  CowPrecision finer;     /* the next finer one that the device offers */
  char **raised;          /* linear layers in that, or NULL */
  guint n_linear;         /* of all linear layers; 0 where the network is not known */
  gboolean measured;      /* now, or a file says so */
  gboolean tried_now;     /* cow_precision_resolve () has measured, or had no time for it */
  char *why;              /* for a log; NULL where auto was not asked for */
  char *warning; /* of a file that is not believed, for the user; NULL where there is none */
  /* Where nothing was measured on this kind of processor for these weights, and the adapter keeps
   * pictures by which it can be: names of weights and processor, else NULL; and about how many
   * multiplications and additions fp32 takes for a picture. */
  char *unmeasured;
  double operations;
  gboolean on_gpu; /* the device's memory is its own */
} CowPrecisionChoice;

/*
 * Resolves a precision for a model, an adapter and a device as CowClassifierOptions name them. It
 * reads a small file and some KB of each tensor where that file exists; it neither measures nor
 * fails: what is wrong with the names is for the loading to say. Clear *choice.
 */
void cow_precision_choose (CowPrecision wanted, const char *model, const char *adapter,
                           const char *device, CowPrecisionChoice *choice);
/* cow_precision_text () of a choice; free with g_free. */
char *cow_precision_choice_text (const CowPrecisionChoice *choice);
void cow_precision_choice_clear (CowPrecisionChoice *choice);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPrecisionChoice, cow_precision_choice_clear)

G_END_DECLS

#endif
