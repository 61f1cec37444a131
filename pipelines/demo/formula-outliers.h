/* SPDX-License-Identifier: MIT */
/*
 * The outlier variant of the formula's weights (formula.h), which is to arithmetic what trained
 * vision transformers are. DINOv2 and DINOv3 have massive activations: a few channels of the
 * residual stream are hundreds to thousands of times larger than the median, in all layers, and a
 * few tokens have far larger norms than the rest (Sun et al., "Massive Activations in Large
 * Language Models", 2024; Darcet et al., "Vision Transformers Need Registers", 2024). Arithmetic
 * that gives one scale to a row or a block loses everything beside such a channel; networks of the
 * plain formula do not show it, for all their channels are alike.
 *
 * C is the hidden size. Four channels of the stream are large: S = 400, -400, 40 and -40, where
 * the ordinary ones are about .4. Two signs of each keep the mean small that the norms subtract.
 * Channel k is FNV-1a ("outlier.channel.k") mod C, or the next free one. A norm divides by R = sqrt
 * (sum S^2 / C), the root mean square over all channels. The loud register is FNV-1a
 * ("outlier.register") mod their number; in each layer the loud value channel and hidden unit are
 * FNV-1a of the name of v_proj.weight and up_proj.weight, mod its rows. The formula's values then
 * become:
 *
 *   patch_embeddings    bias S at the large channels; their rows of the weight times |S| / 10, so
 *                       that they vary between patches
 *   register_tokens     S at the large channels; in cls_token and the loud register 30 S, so that
 *                       their norms are 30 times those of the other tokens
 *   norm1, norm2        weights times R / sqrt (.25 + .02 layer), so that the ordinary channels are
 *                       about 1 behind a norm, however much earlier layers added to them; the large
 *                       ones times a tenth of it, which leaves 80 and 8 of them
 *   q, k, up, gate, v   columns of large channels times min (1, sqrt (C) / (|S| / 5)), so that each
 *                       moves an output about as much as all ordinary ones do together; in up and
 *                       gate times a half and in v a quarter of that: the larger, the less would
 *                       the stream keep of the pictures
 *   o, down             rows and biases of large channels times |S| / 40, and
 *   layer_scale1 and 2  times 10 there, so that every layer changes S by some hundredths
 *   v, up               the loud row and its bias times 30: o and down, which have no norm before
 *                       them, read outliers too; their columns for it times min (1, sqrt (fan_in) /
 *                       60)
 *   norm (the last)     weights times 30 R / sqrt (.25 + .02 layers), so that the class token's
 *                       features are about 1, and times R / |S| at the large channels, which
 *                       weakens them to the size of the others, as the last norm of DINOv3 does
 */
#ifndef COW_FORMULA_OUTLIERS_H
#define COW_FORMULA_OUTLIERS_H

#include "model/files/vit-layout.h"

G_BEGIN_DECLS

#define COW_FORMULA_N_OUTLIERS 4

/* The large channels of the residual stream, by k. */
void cow_formula_outlier_channels (const CowVitConfig *config,
                                   gint64 channels[COW_FORMULA_N_OUTLIERS]);

/* Changes the values of a whole tensor of that network, which cow_formula_fill () computed. */
void cow_formula_add_outliers (const CowVitConfig *config, const CowVitTensor *tensor,
                               float *values);

G_END_DECLS

#endif
