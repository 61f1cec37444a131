/* SPDX-License-Identifier: MIT */
/* A model and its adapter, whole: pixels in, features and probabilities out. Used by one thread at
 * a time. */
#ifndef COW_CLASSIFIER_H
#define COW_CLASSIFIER_H

#include "model/network/backbone.h"
#include "model/network/detection.h"
#include "model/network/device.h"
#include "model/network/head.h"
#include "model/network/precision-choice.h"

G_BEGIN_DECLS

typedef struct _CowClassifier CowClassifier;

typedef struct {
  const char *model;   /* Hugging Face folder, .safetensors or .pth; looked up by cow_locate. NULL
                          where the adapter is a whole network */
  const char *adapter; /* adapter folder, looked up likewise; NULL: features only */
  const char *device;  /* as cow_device_open () takes it; NULL is auto */
  CowPrecision precision; /* auto: as cow_precision_choose () resolves it */
  /* Names of the linear layers that compute in the next finer precision, ended by NULL; NULL: none.
   * Not with auto. */
  const char *const *raised;
  int threads;      /* of a stream; 0: one a processor */
  int batch;        /* the largest that there is to be memory for; 0: 8 */
  gboolean detects; /* whether an adapter is wanted that finds cows in whole frames: one that does
                       not is COW_ERROR_UNSUPPORTED, as is the other without */
  /* Or NULL: a network that may be of the same model. What both compute from the file is in memory
   * once then. Not used after loading. */
  const CowClassifier *like;
} CowClassifierOptions;

/* Puts what auto stands for in the place of auto (cow_precision_choose ()); clear *choice, which
 * the options then borrow from. */
void cow_classifier_options_resolve (CowClassifierOptions *options, CowPrecisionChoice *choice);

/* The results of a forward pass; memory of the classifier's, valid until its next call. NULL fields
 * do not exist. */
typedef struct {
  gint64 n_tokens;                /* 0 where the backbone has none */
  const float *last_hidden_state; /* [batch, n_tokens, hidden]; of cow_classifier_run_tokens () */
  const float *pooler_output;     /* [batch, hidden] */
  const float *logits;            /* [batch, n_classes], NULL without a head */
  const float *probabilities;     /* softmax or sigmoid of logits at the card's temperature */
} CowOutput;

CowClassifier *cow_classifier_new (const CowClassifierOptions *options, GError **error);
/* The same network in another precision, `raised` as in the options, with `like`. */
CowClassifier *cow_classifier_new_like (const CowClassifier *self, CowPrecision precision,
                                        const char *const *raised, GError **error);
/* Whether an adapter folder, looked up likewise, needs a model: FALSE where its card says that it
 * holds a whole network. */
gboolean cow_classifier_needs_model (const char *adapter);
/* Whether an adapter folder, looked up likewise, finds cows in whole frames; FALSE for NULL, and
 * where its card cannot be read, which loading tells. */
gboolean cow_classifier_adapter_detects (const char *adapter);
void cow_classifier_free (CowClassifier *self);

/* pixels [batch, 3, height, width] already prepared (see cow_preprocess_run). Host memory in and
 * out; between backbone and head the features stay on the device. */
gboolean cow_classifier_run (CowClassifier *self, const float *pixels, int batch, int height,
                             int width, CowOutput *output, GError **error);
/* The same with the tokens, which are large. */
gboolean cow_classifier_run_tokens (CowClassifier *self, const float *pixels, int batch, int height,
                                    int width, CowOutput *output, GError **error);

/* The same of prepared pictures that lie on the device, each [3, height, width]: `pictures` [batch]
 * are their places. cow_classifier_stream () must have waited for the work that writes there. */
gboolean cow_classifier_run_prepared (CowClassifier *self, const float *const *pictures, int batch,
                                      int height, int width, CowOutput *output, GError **error);

/* Whether it finds cows in whole frames; then it has no head for pictures. */
gboolean cow_classifier_detects (const CowClassifier *self);
/* What is asked of a frame: scores from `least` on; of those that overlap (IoU) by more the surer
 * one (cow_cells_read ()); at most so many. */
typedef struct {
  float least;
  double overlap;
  guint most;
} CowFindLimits;
#define COW_FIND_MOST 100
#define COW_FIND_LIMITS_DEFAULT                                                                    \
  {                                                                                                \
    .least = .3f, .overlap = .8, .most = COW_FIND_MOST                                             \
  }
/* Replaces what is in `detections`, of CowDetection, by the cows in a prepared frame, pixels [3,
 * height, width] in host memory: px of these, the surest first. COW_ERROR_FORMAT where the network
 * gives a number that is not finite. */
gboolean cow_classifier_find (CowClassifier *self, const float *pixels, int height, int width,
                              const CowFindLimits *limits, GArray *detections, GError **error);
/* The same of a prepared frame that lies on the device, as with cow_classifier_run_prepared (). */
gboolean cow_classifier_find_prepared (CowClassifier *self, const float *picture, int height,
                                       int width, const CowFindLimits *limits, GArray *detections,
                                       GError **error);
/* What it tells of each cow that it finds: names by index, NULL-terminated; NULL where it tells
 * nothing. */
const char *const *cow_classifier_behaviours (const CowClassifier *self);
guint cow_classifier_n_behaviours (const CowClassifier *self);
/* Probabilities of the behaviours of the cows in the last frame, all finite: that of a detection
 * begins at row * n_behaviours. Memory of its own until the next frame; NULL where nothing is
 * told. */
const float *cow_classifier_told (const CowClassifier *self);
/* How each cow that it finds looks: vectors of unit length, or 0, of which those of one cow are
 * near each other; their length in numbers, 0 where it does not tell. Rows as those of
 * cow_classifier_told (). */
guint cow_classifier_n_looks (const CowClassifier *self);
const float *cow_classifier_looks (const CowClassifier *self);
/* The score from which on a detection is worth believing: where F1 was best in the evaluation that
 * its card keeps (`cow-trainer eval --save`), else a usual one. */
float cow_classifier_least_score (const CowClassifier *self);

/* COW_ERROR_FORMAT where a number of the features or results of picture i of a run is not finite,
 * whatever its weights are: `what` names the picture. */
gboolean cow_classifier_check_output (const CowClassifier *self, const CowOutput *output, int i,
                                      const char *what, GError **error);

/* The head's results, *n of them; their data are the last run's, NULL before the first. None
 * without a head. */
const CowResult *cow_classifier_results (const CowClassifier *self, guint *n);

/*
 * Whether its device has failed so that nothing will work on it any more (ck_device_state ()), and
 * opens the device, the weights and the head again; everybody else must have let go of the device.
 * Results and texts that were given out, but those of runs, stay valid. Where it fails nothing can
 * run before another try has succeeded.
 */
gboolean cow_classifier_is_lost (const CowClassifier *self);
gboolean cow_classifier_reopen (CowClassifier *self, GError **error);

/* What it computes on; a thread of its own that prepares pictures for it needs a stream of its own
 * of the same device. */
CkDevice *cow_classifier_device (const CowClassifier *self);
CkStream *cow_classifier_stream (const CowClassifier *self);
/* The width of pooler_output, and the number of tokens that pictures of these sides have (0 where
 * the backbone has none). */
gint64 cow_classifier_n_features (const CowClassifier *self);
gint64 cow_classifier_n_tokens (const CowClassifier *self, int height, int width);
/* Whether the network takes pictures of these sides; the message begins with `where`. */
gboolean cow_classifier_check_size (const CowClassifier *self, const char *where, int width,
                                    int height, GError **error);
const CowPreprocess *cow_classifier_preprocess (const CowClassifier *self);
/* The adapter's card; without one the default, with what the model says of preparing pictures. */
const CowCard *cow_classifier_card (const CowClassifier *self);
/* NULL-terminated, by index; the defaults where there is no head. */
const char *const *cow_classifier_classes (const CowClassifier *self);
/* 0 without a head; those of a network that finds cows are what it finds. */
guint cow_classifier_n_classes (const CowClassifier *self);
gboolean cow_classifier_has_head (const CowClassifier *self);
/* The located paths. adapter is NULL where none was given. */
const char *cow_classifier_model_path (const CowClassifier *self);
const char *cow_classifier_adapter_path (const CowClassifier *self);
/* Sentences for the user, each to be said once; NULL where there is nothing to say. The warning:
 * the adapter was made on another base. The note: what was taken of a file that holds more, and
 * where pictures are prepared otherwise than the base's own preprocessor_config.json says. */
const char *cow_classifier_warning (const CowClassifier *self);
const char *cow_classifier_note (const CowClassifier *self);
/* "cpu (avx512)" */
const char *cow_classifier_device_text (const CowClassifier *self);
/* What it computes in; never COW_PRECISION_AUTO. The text is cow_precision_text (). */
CowPrecision cow_classifier_precision (const CowClassifier *self);
const char *cow_classifier_precision_text (const CowClassifier *self);
/* How much of its weights stays in the host's memory because the device's does not hold them, and
 * what that costs; NULL where none does. */
const char *cow_classifier_memory_text (const CowClassifier *self);
/* cow_precision_label () */
const char *cow_classifier_precision_label (const CowClassifier *self);
/* Its linear layers, as those of a backbone (backbone.h). */
guint cow_classifier_n_linear (const CowClassifier *self);
char *cow_classifier_linear_name (const CowClassifier *self, guint i);
gboolean cow_classifier_set_linear (CowClassifier *self, guint i, CowPrecision precision,
                                    GError **error);
/* Whether its network can be computed on its device in that precision. */
gboolean cow_classifier_offers (const CowClassifier *self, CowPrecision precision);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowClassifier, cow_classifier_free)

G_END_DECLS

#endif
