/* SPDX-License-Identifier: MIT */
/*
 * A backbone turns pictures into features: one vector a picture, and in vision transformers one a
 * token. It is a class; backbones.h has the table of all. Used by one thread at a time.
 */
#ifndef COW_BACKBONE_H
#define COW_BACKBONE_H

#include "model/adapter/adapter.h"
#include "model/files/error.h"
#include "model/network/device.h"
#include "model/network/graph.h"

G_BEGIN_DECLS

typedef struct _CowBackboneClass CowBackboneClass;
typedef struct _CowBackbone CowBackbone;

/* A backbone before its weights are loaded. */
typedef struct {
  const CowBackboneClass *klass;
  const char *model_type; /* in config.json; static */
  const char *title;      /* what people read: "DINOv3 vision transformer"; static */
  gint64 n_features;
  CowPrecision precision; /* of its linear layers and attention; unset (auto) is fp32 */
  CowVitConfig vit;       /* of a vision transformer */
  /* The share of its linear layers' weights, by their size, that stays in the host's memory and
   * comes to the device when it is used; 0: none. */
  double streamed;
} CowBackboneConfig;

/* An adapter as far as memory goes. */
typedef struct {
  guint modules; /* a bit for each CowModule that has one */
  gint64 rank;
  gboolean dora, dropout;
} CowAdapterShape;

/* What a pass consists of, as far as memory goes; the plan's arrays are to be those here. */
typedef struct {
  GArray *linear;       /* of CkLinearShape, in the order of linear_name (); without types */
  GArray *convolutions; /* of CkConvolution */
  CkAttention attention;
  CkMemoryPlan plan;
} CowPassShapes;

struct _CowBackboneClass {
  gboolean copies_weights; /* the checkpoint may be closed once the backbone is open */
  gboolean fp32_only;      /* takes no other precision */
  /* Whether its config.json has this model_type. */
  gboolean (*has_type) (const char *model_type);
  /* Whether a checkpoint without config.json holds it. */
  gboolean (*has_tensors) (const CowCheckpoint *checkpoint);
  /* Completes *config, whose class is set, from a path and its checkpoint. */
  gboolean (*read_config) (const char *path, const CowCheckpoint *checkpoint,
                           CowBackboneConfig *config, GError **error);
  /* Completes *config, whose class and (of a vision transformer) vit are set. */
  void (*complete_config) (CowBackboneConfig *config);

  /* Whether it takes pictures of these sides; COW_ERROR_ARGUMENT, which says what it takes. */
  gboolean (*check_size) (const CowBackboneConfig *config, int width, int height, GError **error);
  /* The least pictures that a batch in training may have; NULL: one. */
  int (*smallest_batch) (const CowBackboneConfig *config, int height, int width);
  /* Tokens of a picture; NULL: the network has none. */
  gint64 (*n_tokens) (const CowBackboneConfig *config, int height, int width);
  /* Bytes of device memory that `features` and `tokens` allocate for this shape, without the
   * weights and what kernels need for the time of a call. */
  gsize (*workspace_bytes) (const CowBackboneConfig *config, int batch, int height, int width);
  /* Fills *shapes, all zero, for cow_pass_shapes_clear (). */
  void (*shapes) (const CowBackboneConfig *config, const CowAdapterShape *adapter, int batch,
                  int height, int width, CowPassShapes *shapes);
  /* Parameters of the whole network, and those that training from scratch trains. */
  gint64 (*n_parameters) (const CowBackboneConfig *config);
  gint64 (*n_trained) (const CowBackboneConfig *config);

  /*
   * Loads the weights onto a device. The checkpoint must stay open as long as the backbone, unless
   * copies_weights: they are computed from where they lie. `adapter` may be NULL, must be unless
   * cow_backbone_takes_adapters (), and is copied.
   */
  CowBackbone *(*open) (CkStream *stream, const CowBackboneConfig *config,
                        const CowCheckpoint *checkpoint, const CowAdapter *adapter, GError **error);
  /*
   * pixels [batch, 3, height, width] -> [batch, n_features], both device memory; the result is the
   * backbone's and holds until its next call. NULL on error.
   */
  const float *(*features) (CowBackbone *self, const float *pixels, int batch, int height,
                            int width, GError **error);
  /*
   * The same, and every token. For each of the n layers (counted from 0, ascending), the tokens
   * behind that layer and the last norm go to out[i] [batch, n_tokens, n_features], device memory
   * of the caller's. NULL where the network has no tokens.
   */
  const float *(*tokens) (CowBackbone *self, const float *pixels, int batch, int height, int width,
                          const int *layers, guint n, float *const *out, GError **error);
  /*
   * Linear layers, whose precision can be set one by one (NULL: there are none): how many, and the
   * name of each in the checkpoint (free with g_free). set_precision () may be called between
   * passes, with a precision that the device offers.
   */
  guint (*n_linear) (const CowBackboneConfig *config);
  gint64 (*linear_size) (const CowBackboneConfig *config, guint i); /* out * in */
  char *(*linear_name) (const CowBackboneConfig *config, guint i);
  gboolean (*set_precision) (CowBackbone *self, guint i, CowPrecision precision, GError **error);
  /* Describes the network, which need not be open, from `pixels` [batch, 3, height, width] to
   * `features` [batch, n_features]; names of a graph. */
  gboolean (*graph) (const CowBackboneConfig *config, CowGraph *graph, const char *pixels,
                     const char *features, GError **error);
  void (*free) (CowBackbone *self);
};

/* What every backbone begins with. */
struct _CowBackbone {
  CkStream *stream; /* borrowed */
  CowBackboneConfig config;
};

/* Frees a backbone; NULL is fine. */
void cow_backbone_free (CowBackbone *self);
/* Whether LoRA and DoRA are made for it. */
gboolean cow_backbone_takes_adapters (const CowBackboneConfig *config);
/* Whether heads are trained on it; all that take adapters, and others. */
gboolean cow_backbone_takes_heads (const CowBackboneConfig *config);
/* Tokens of a picture, 0 where the network has none. */
gint64 cow_backbone_n_tokens (const CowBackboneConfig *config, int height, int width);
/* Linear layers whose precision can be set, and which of them the names mean: [n_linear], free with
 * g_free. COW_ERROR_MISMATCH for a name that is none of theirs, or comes twice. */
guint cow_backbone_n_linear (const CowBackboneConfig *config);
gboolean *cow_backbone_find_linear (const CowBackboneConfig *config, const char *const *names,
                                    GError **error);

/* Which linear layers are those that are streamed, [n_linear], free with g_free: spread over the
 * network, so that their copies come one by one beside the others' work. */
gboolean *cow_backbone_streamed (const CowBackboneConfig *config);

void cow_pass_shapes_clear (CowPassShapes *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPassShapes, cow_pass_shapes_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowBackbone, cow_backbone_free)

G_END_DECLS

#endif
