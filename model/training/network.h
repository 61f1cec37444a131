/* SPDX-License-Identifier: MIT */
/*
 * A network in training, whatever its kind: prepared pictures in, a loss and gradients out. The
 * loop in trainer/ knows only this. Used by one thread.
 */
#ifndef COW_NETWORK_H
#define COW_NETWORK_H

#include "model/adapter/adapter.h"
#include "model/training/parameters.h"

G_BEGIN_DECLS

typedef enum {
  COW_NETWORK_LORA,    /* LoRA on a frozen DINOv3, and a head */
  COW_NETWORK_DORA,    /* DoRA likewise */
  COW_NETWORK_FROZEN,  /* a head alone, on features [batch, hidden] that were computed before */
  COW_NETWORK_DINOV3,  /* every weight of a DINOv3-shaped network from scratch, and a head */
  COW_NETWORK_VIT,     /* timm's ViT-Small with the cow head, from scratch */
  COW_NETWORK_RESNET18 /* torchvision's ResNet-18 with the cow head, from scratch */
} CowNetworkKind;

typedef enum {
  COW_CHECKPOINTING_AUTO,
  COW_CHECKPOINTING_ON,
  COW_CHECKPOINTING_OFF
} CowCheckpointing;

typedef struct {
  CowNetworkKind kind;
  guint n_classes;
  guint64 seed;       /* of initial values */
  float head_dropout; /* p; the head's second dropout is p / 2 */
  /* LoRA, DoRA, frozen */
  const char *model; /* located path of the base; for frozen only its hidden size is read */
  /* LoRA, DoRA */
  const char *start;      /* an adapter folder to go on from, or NULL */
  const char *start_head; /* the folder of the head to go on from where it is not `start` */
  int rank;
  float alpha, adapter_dropout;
  const char *const *targets; /* PEFT's suffixes, or {"all-linear", NULL} */
  CowCheckpointing checkpointing;
  gsize memory_limit; /* bytes that auto may use for activations; 0: half of what is free now */
  /* COW_NETWORK_DINOV3 */
  CowVitConfig config;
  /* LoRA, DoRA, DINOV3, VIT: the input side that checkpointing auto reckons with, and the batch */
  int image_size, batch;
} CowNetworkOptions;

typedef struct _CowNetwork CowNetwork;

/* Loads, allocates and initialises. `backend` is borrowed and must have CkBackend.training. */
CowNetwork *cow_network_new (CkBackend *backend, const CowNetworkOptions *options, GError **error);
void cow_network_free (CowNetwork *self);
CowParameters *cow_network_parameters (CowNetwork *self);
/* State that is no parameter but belongs to a checkpoint (ResNet's running statistics): its name
 * and a host copy, which holds until the next pass. What is written there counts after
 * cow_network_refresh (). NULL with an error when it can't be copied. */
guint cow_network_n_buffers (const CowNetwork *self);
const char *cow_network_buffer (CowNetwork *self, guint i, gsize *count, float **values,
                                GError **error);

/*
 * pixels [batch, 3, height, width] (frozen: features [batch, hidden], height and width 0), host
 * memory -> logits [batch, n_classes] in host memory that belongs to the network and holds until
 * the next call. `training` turns dropout, batch statistics and random positions on; all randomness
 * is a function of `key`.
 */
const float *cow_network_forward (CowNetwork *self, const float *pixels, int batch, int height,
                                  int width, gboolean training, guint64 key, GError **error);
/*
 * Loss of the last forward (cross entropy with label smoothing; class_weights NULL or [n_classes])
 * and, with `backward`, the gradients of loss * factor added to the parameters'.
 */
gboolean cow_network_loss (CowNetwork *self, const gint32 *labels, const float *class_weights,
                           float smoothing, gboolean backward, float factor, double *loss,
                           GError **error);
/* One optimiser step on the gradients summed so far, which are cleared after it. *norm is that of
 * the gradient before clipping. */
gboolean cow_network_step (CowNetwork *self, const CkAdamW *settings, double max_norm, double *norm,
                           GError **error);
/* After parameters and buffers were set from outside (a checkpoint). */
gboolean cow_network_refresh (CowNetwork *self, GError **error);

/* Writes the trained tensors to a folder: classifier.safetensors; adapter_config.json and
 * adapter_model.safetensors, or model.safetensors and config.json from scratch. The card is the
 * caller's, of kind cow_network_kind_name (). */
gboolean cow_network_save (CowNetwork *self, const char *folder, GError **error);
/* "lora", "dora", "frozen", "dinov3", "vit-small", "resnet18": as cards have it. */
const char *cow_network_kind_name (CowNetworkKind kind);
/* Whether one of the targets means a module: "all-linear", its name, or the end of its name after a
 * dot. */
gboolean cow_network_is_target (const char *const *targets, CowModule module);
/* timm's vit_small_patch16_224 for pictures of that side. */
CowVitConfig cow_network_vit_small (int image_size);
/*
 * Bytes of activations and their gradients that a training pass of this batch needs; for estimates.
 * `config` is of the backbone, NULL for ResNet. What the kernels need on top for the time of a
 * call, and the head's few rows, are not in it.
 */
gsize cow_network_activation_bytes (CowNetworkKind kind, const CowVitConfig *config, int batch,
                                    int height, int width, gboolean checkpointing);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowNetwork, cow_network_free)

G_END_DECLS

#endif
