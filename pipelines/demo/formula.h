/* SPDX-License-Identifier: MIT */
/*
 * Weights made from a formula, for every place that needs a DINOv3 of the real sizes and has none:
 * measurements of speed and memory, the quick start, tests. A value depends only on its tensor's
 * name and its index, so that another program can repeat it without a file:
 *
 *   h = FNV-1a of the name (32 bits); x = i * 0x9E3779B9 + h;
 *   x ^= x >> 16; x *= 0x85EBCA6B; x ^= x >> 13; x *= 0xC2B2AE35; x ^= x >> 16;
 *   u = (float) (x / 2^31 - 1), in [-1, 1]; value = u * scale + offset in fp32
 *
 * Networks made this way are stable (a linear layer keeps the variance of its input) but know
 * nothing. Their channels are all alike, which those of trained networks are not: see
 * formula-outliers.h.
 */
#ifndef COW_FORMULA_H
#define COW_FORMULA_H

#include <glib.h>

G_BEGIN_DECLS

/* FNV-1a, 32 bits. */
guint32 cow_formula_hash (const char *name);

/* u of the values [first, first + count) of a tensor, before scale and offset. */
void cow_formula_u (const char *name, guint64 first, gsize count, float *out);

/*
 * Computes all values of a tensor, row-major. The name's last part and the shape choose scale and
 * offset, where fan_in is the product of all dimensions but the first:
 *
 *   lambda1                                                           .05, .1
 *   running_var, lora_magnitude_vector, one-dimensional weight        .2, 1
 *   bias, running_mean                                                .1, 0
 *   tokens, pos_embed                                                 .5, 0
 *   every other weight                                                sqrt (3 / fan_in), 0
 */
void cow_formula_fill (const char *name, const gint64 *dims, guint n_dims, float *out);

G_END_DECLS

#endif
