/* SPDX-License-Identifier: MIT */
/*
 * A DINOv3's sizes read off the shapes of its tensors, for checkpoints without config.json (Meta's
 * .pth). What no shape tells is the same in every published size: epsilon 1e-5, theta 100, heads of
 * 64, or of 128 in the 7B.
 */
#include "model/files/config-private.h"
#include "model/files/error.h"

#define MAX_SIZE                                                                                   \
  (1 << 20) /* keeps a dimension inside an int; the limits proper are cow_vit_config_validate ()'s \
             */

/* Dimension `axis` of a tensor that must have n_dims. */
static gboolean
dimension (const CowCheckpoint *checkpoint, const char *name, guint n_dims, guint axis, int *size,
           GError **error)
{
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, name);
  if (tensor == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: no tensor %s: not a DINOv3 that is known here (a folder with config.json "
                 "says more than the tensors alone)",
                 cow_checkpoint_path (checkpoint), name);
    return FALSE;
  }
  if (tensor->n_dims != n_dims || tensor->dims[axis] < 1 || tensor->dims[axis] > MAX_SIZE) {
    g_autofree char *shape = cow_tensor_shape_text (tensor);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s has shape %s, expected %u dimensions",
                 cow_checkpoint_file_of (checkpoint, tensor), name, shape, n_dims);
    return FALSE;
  }
  *size = (int)tensor->dims[axis];
  return TRUE;
}

static gboolean
has (const CowCheckpoint *checkpoint, const char *name)
{
  return cow_checkpoint_find (checkpoint, name) != NULL;
}

static int
count_layers (const CowCheckpoint *checkpoint)
{
  guint limit = cow_checkpoint_n_tensors (checkpoint);
  for (guint n = 0; n < limit; n++) {
    g_autofree char *name = g_strdup_printf ("layer.%u.norm1.weight", n);
    if (!has (checkpoint, name))
      return (int)n;
  }
  return (int)limit;
}

gboolean
cow_vit_config_infer (const CowCheckpoint *checkpoint, CowVitConfig *c, GError **error)
{
  const char *patch = "embeddings.patch_embeddings.weight", *up = "layer.0.mlp.up_proj.weight";
  const char *registers = "embeddings.register_tokens";
  *c = (CowVitConfig){
    .image_size = 224, .norm_epsilon = 1e-5f, .rope_theta = 100, .rope_rescale = 2
  };
  if (has (checkpoint, "embeddings.position_embeddings")) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a network with learned positions (timm's kind) without a config.json, which "
                 "has to tell its heads",
                 cow_checkpoint_path (checkpoint));
    return FALSE;
  }
  if (has (checkpoint, "layer.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4")) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: NF4 tensors without a config.json: packed weights have no shape to infer "
                 "from; put the model's config.json beside them",
                 cow_checkpoint_path (checkpoint));
    return FALSE;
  }
  if (!dimension (checkpoint, patch, 4, 0, &c->hidden_size, error) ||
      !dimension (checkpoint, patch, 4, 1, &c->n_channels, error) ||
      !dimension (checkpoint, patch, 4, 2, &c->patch_size, error) ||
      !dimension (checkpoint, up, 2, 0, &c->intermediate_size, error) ||
      (has (checkpoint, registers) &&
       !dimension (checkpoint, registers, 3, 1, &c->n_registers, error)))
    return FALSE;
  int head_dim = c->hidden_size == 4096 ? 128 : 64;
  if (c->hidden_size % head_dim != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: hidden size %d is no multiple of %d: a config.json has to tell the heads",
                 cow_checkpoint_path (checkpoint), c->hidden_size, head_dim);
    return FALSE;
  }
  c->n_heads = c->hidden_size / head_dim;
  c->n_layers = count_layers (checkpoint);
  c->gated = has (checkpoint, "layer.0.mlp.gate_proj.weight");
  c->q_bias = has (checkpoint, "layer.0.attention.q_proj.bias");
  c->k_bias = has (checkpoint, "layer.0.attention.k_proj.bias");
  c->v_bias = has (checkpoint, "layer.0.attention.v_proj.bias");
  c->o_bias = has (checkpoint, "layer.0.attention.o_proj.bias");
  c->mlp_bias = has (checkpoint, "layer.0.mlp.up_proj.bias");
  return cow_vit_config_validate (c, cow_checkpoint_path (checkpoint), error);
}
