/* SPDX-License-Identifier: MIT */
/* New adapters on a base: which layers get one, and its first values, under PEFT's names and with
 * PEFT's numbers. */
#ifndef COW_ADAPTER_START_H
#define COW_ADAPTER_START_H

#include "kernels/kernels.h"
#include "model/adapter/adapter.h"

G_BEGIN_DECLS

/*
 * init_lora_weights. PiSSA and OLoRA start with B A of the weight's own, and PEFT takes that part
 * out of the weight. Here the base stays as it is, in 4 bits too: the first values are fixed beside
 * those that train and are subtracted, which is the same numbers without rounding a rest to 4 bits
 * again. So the adapter is what PEFT makes of one to use it on the unchanged base
 * (path_initial_model_for_weight_conversion): LoRA of twice the rank, with the same scale. Dropout
 * covers both parts, so that they are nothing together until something was trained.
 */
typedef enum {
  COW_INIT_DEFAULT, /* A uniform in +-1 / sqrt (in), B zero */
  COW_INIT_PISSA,   /* the weight's largest singular triples (decompose.h) */
  COW_INIT_OLORA    /* the beginning of its QR decomposition */
} CowLoraInit;

typedef struct {
  const char *model;          /* the base's path, whose name the adapter keeps */
  const char *const *targets; /* PEFT's suffixes, or {"all-linear", NULL} */
  guint64 seed;
  int rank;
  float alpha, dropout;
  gboolean dora, rslora;
  CowLoraInit init;
} CowAdapterStart;

/* Whether one of the targets means a module: "all-linear", its name, or the end of its name after a
 * dot. */
gboolean cow_adapter_start_is_target (const char *const *targets, CowModule module);
/* The rank that is computed with and saved: what trains, and as much that is fixed. */
int cow_adapter_start_rank (CowLoraInit init, int rank);
/* DoRA's magnitudes are 0: they follow from the weights later. COW_ERROR_ARGUMENT where the targets
 * name nothing, or a decomposed weight has a side below the rank. */
CowAdapter *cow_adapter_start (const CowAdapterStart *self, CkStream *stream,
                               const CowCheckpoint *checkpoint, const CowVitConfig *config,
                               GError **error);

G_END_DECLS

#endif
