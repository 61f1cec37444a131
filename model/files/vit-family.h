/* SPDX-License-Identifier: MIT */
/*
 * The families of vision transformers, which differ in data alone: one row a family, in
 * vit-family.c. All other files ask a field of the row and never which family it is.
 */
#ifndef COW_VIT_FAMILY_H
#define COW_VIT_FAMILY_H

#include <glib.h>

G_BEGIN_DECLS

/* Every linear layer inside `layer.N`, in the order of computation: the modules that NF4 quantises
 * and that adapters may target. */
typedef enum { COW_Q, COW_K, COW_V, COW_O, COW_GATE, COW_UP, COW_DOWN, COW_N_MODULES } CowModule;

/* Every vector [hidden] inside `layer.N`. */
typedef enum {
  COW_NORM1_WEIGHT,
  COW_NORM1_BIAS,
  COW_NORM2_WEIGHT,
  COW_NORM2_BIAS,
  COW_SCALE1, /* of the attention's output, before it is added; only with layer_scale */
  COW_SCALE2, /* of the MLP's */
  COW_N_VECTORS
} CowVitVector;

/* How the files of a family name their tensors; "weight" and "bias" follow a module's name after a
 * dot. */
typedef struct {
  const char *class_token;
  const char *registers, *mask_token; /* NULL where the family has none */
  const char *prefix;                 /* class token and registers as one matrix, in training */
  const char *positions;              /* NULL where the family has none */
  const char *patches;
  const char *layer; /* "layer" in "layer.3.norm1.weight" */
  const char *vectors[COW_N_VECTORS];
  const char *modules[COW_N_MODULES];
  const char *qkv; /* q, k and v as thirds of one tensor; NULL where they are three */
  const char *norm_weight, *norm_bias;
} CowVitNames;

typedef struct {
  const char *model_type;      /* in config.json */
  const char *architecture;    /* in "architectures" of config.json */
  const char *image_processor; /* transformers' class for its pictures, or NULL */
  const char *title;           /* what people read: "DINOv3 vision transformer" */
  gboolean rotary;             /* positions turn q and k: any sides that patches divide */
  gboolean learned_positions;  /* positions are added to the tokens */
  gboolean any_size;           /* learned positions are interpolated for other sides than those of
                                  image_size, which are squares else */
  gboolean layer_scale;
  gboolean adapters;        /* LoRA and DoRA are made for it */
  const CowVitNames *names; /* of the files that training from scratch writes */
  /* What config.json leaves out */
  int patch_size, n_registers;
  gboolean k_bias;
  float norm_epsilon, rope_rescale;
  /* First values of a network that is trained from scratch */
  double class_deviation;   /* of the class token (and registers) */
  gboolean uniform_patches; /* torch's default for a convolution, else normal as all weights */
} CowVitFamily;

/* The family of a config.json's model_type; NULL when there is none. */
const CowVitFamily *cow_vit_family_find (const char *model_type);
/* That of a config.json's model_type "dinov3_vit", and of checkpoints that have no config.json. */
const CowVitFamily *cow_vit_family_default (void);
/* "\"a\" and \"b\"": every model_type, for messages; free with g_free. */
char *cow_vit_family_types_text (void);
/* By whose program a checkpoint's tensors are called as they are; IMAGE_MODELS: PyTorch Image
 * Models, which is timm. */
typedef enum { COW_NAMES_HUGGING_FACE, COW_NAMES_META, COW_NAMES_IMAGE_MODELS } CowNamesOf;
/* "Meta's", for messages. */
const char *cow_vit_names_whose (CowNamesOf names_of);
/* Whether `n` characters are a family's model_type, or what that begins with before a "_": programs
 * call the module that holds the network so. */
gboolean cow_vit_family_is_module (const char *part, gsize n);
/* The names that a checkpoint's tensors have once it is opened (checkpoint.h), whatever the file's
 * family. */
extern const CowVitNames cow_vit_names;
/* "attention.q_proj", "mlp.up_proj", ... as in cow_vit_names. */
const char *cow_module_name (CowModule module);
/*
 * Whether a tensor's name is that of a linear layer's weight, "layer.3.mlp.up_proj.weight": which
 * layer, which module. *rest is what comes behind it: "" for the weight itself, ".absmax" for a
 * part of an NF4 one.
 */
gboolean cow_linear_weight_parse (const char *name, int *layer, CowModule *module,
                                  const char **rest);

G_END_DECLS

#endif
