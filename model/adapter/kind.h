/* SPDX-License-Identifier: MIT */
/*
 * The kinds of networks that are trained here and that an adapter folder may hold: one table, in
 * kind.c. Recipes, cards, classifiers and estimates ask a field of a row and never which row it is.
 */
#ifndef COW_KIND_H
#define COW_KIND_H

#include "model/adapter/head-weights.h"

G_BEGIN_DECLS

/* The rows of the table. */
typedef enum {
  COW_NETWORK_LORA,     /* LoRA on a frozen base, and a head */
  COW_NETWORK_DORA,     /* DoRA likewise */
  COW_NETWORK_FROZEN,   /* a head alone, on features [batch, hidden] that were computed before */
  COW_NETWORK_TOKENS,   /* a detector's head alone, on the tokens of the base in each pass */
  COW_NETWORK_DINOV3,   /* every weight of a DINOv3-shaped network from scratch, and a head */
  COW_NETWORK_VIT,      /* timm's ViT-Small with the cow head, from scratch */
  COW_NETWORK_RESNET18, /* torchvision's ResNet-18 with the cow head, from scratch */
  COW_N_NETWORKS
} CowNetworkKind;

typedef struct {
  const char *name; /* as cards and recipes write it */
  gboolean adapted; /* matrices of low rank on a base train, and a head */
  gboolean dora;    /* with DoRA's magnitudes */
  gboolean cached;  /* nothing but a head trains, on the base's features, which are cached */
  /* The model_type in config.json of a folder that holds a whole network of this kind, which is
   * trained from scratch; NULL: the network is a base in another folder. */
  const char *model_type;
  const char *size;   /* the name of its only size (vit-sizes.h); NULL: any, or none */
  gboolean named;     /* the user names its size, or a folder with its config.json */
  int side, min_side; /* the only side of its pictures, or the smallest, px; 0: any */
  CowHeadStyle head;  /* of a head that starts from nothing */
} CowKind;

const CowKind *cow_kind (CowNetworkKind kind);
/* NULL when there is none of that name. */
const CowKind *cow_kind_find (const char *name);
/* The names of all, by index; NULL-terminated, static. */
const char *const *cow_kind_names (void);
/* Whether its network is a base in another folder. */
gboolean cow_kind_needs_base (const CowKind *kind);
/* Whether a head alone trains, on what a base computes in each pass. */
gboolean cow_kind_reads_tokens (const CowKind *kind);

G_END_DECLS

#endif
