/* SPDX-License-Identifier: MIT */
/*
 * The eleven models of the paper "When Billion-Parameter Foundation Models Meet Limited Data"
 * (Cornell, 2026), with the settings of its public notebooks, for any size of base; and a network
 * of DINOv3's shape from scratch. What a preset leaves out is cow_recipe_new ()'s.
 */
#include "trainer/train/recipe.h"

/* QLoRA and DoRA: 4 x 8 pictures a step, cosine to 10 % after a warm-up of 3 %. */
#define ADAPTED                                                                                    \
  " batch=4 gradient-accumulation=8 learning-rate=1e-4 weight-decay=0.01 warmup=0.03 "             \
  "min-lr-ratio=0.1 epochs=80 "                                                                    \
  "patience=5 head-dropout=0.5"                                                                    \
  " size=224 interpolation=bilinear normalisation=unit augment=medium copies=2"
#define SCRATCH                                                                                    \
  " batch=32 gradient-accumulation=1 weight-decay=1e-4 warmup=0 min-lr-ratio=0 epochs=150 "        \
  "head-dropout=0.5"                                                                               \
  " size=224 interpolation=bilinear normalisation=imagenet augment=medium copies=2"

/* Whole frames: little dropout in the heads of what boxes show, as a few hundred frames are shown
 * often and changed each time, and no preprocessing of the paper's. */
#define DETECT                                                                                     \
  " detect=yes batch=2 gradient-accumulation=4 weight-decay=0.01 warmup=0.05 min-lr-ratio=0 "      \
  "epochs=60 patience=15 size=640x368 fit=letterbox interpolation=bilinear-antialiased "           \
  "normalisation=imagenet "                                                                        \
  "augment=frames copies=1 keep-pictures=0 head-dropout=0.1"

static const CowRecipePreset presets[] = {
  { "qlora-q-r8", "LoRA of rank 8 on the queries",
    "kind=lora targets=q_proj rank=8 adapter-dropout=0.1" ADAPTED },
  { "qlora-q-r16", "LoRA of rank 16 on the queries",
    "kind=lora targets=q_proj rank=16 adapter-dropout=0.05" ADAPTED },
  { "qlora-all-r16", "LoRA of rank 16 on every linear layer",
    "kind=lora targets=all-linear rank=16 adapter-dropout=0.05" ADAPTED },
  { "qlora-all-r64", "LoRA of rank 64 on every linear layer",
    "kind=lora targets=all-linear rank=64 adapter-dropout=0.05" ADAPTED },
  { "dora-q-r8", "DoRA of rank 8 on the queries",
    "kind=dora targets=q_proj rank=8 adapter-dropout=0.1" ADAPTED },
  { "dora-q-r16", "DoRA of rank 16 on the queries",
    "kind=dora targets=q_proj rank=16 adapter-dropout=0.05" ADAPTED },
  { "dora-all-r16", "DoRA of rank 16 on every linear layer",
    "kind=dora targets=all-linear rank=16 adapter-dropout=0.05" ADAPTED },
  { "dora-all-r64", "DoRA of rank 64 on every linear layer",
    "kind=dora targets=all-linear rank=64 adapter-dropout=0.05" ADAPTED },
  { "frozen", "a head on the base's features, which are computed once",
    "kind=frozen batch=8 gradient-accumulation=4 learning-rate=1e-3 weight-decay=1e-4 warmup=0 "
    "min-lr-ratio=0 "
    "epochs=80 patience=10 head-dropout=0.3"
    " size=224 interpolation=bilinear normalisation=unit augment=medium copies=2" },
  { "detect-frozen", "a head that finds cows in whole frames, on the base's tokens",
    "kind=frozen-tokens learning-rate=2e-3" DETECT },
  { "detect-qlora", "the same head, and LoRA of rank 16 on every linear layer",
    "kind=lora targets=all-linear rank=16 adapter-dropout=0.05 learning-rate=1e-3" DETECT },
  { "detect-dora", "the same head, and DoRA of rank 16 on every linear layer",
    "kind=dora targets=all-linear rank=16 adapter-dropout=0.05 learning-rate=1e-3" DETECT },
  { "resnet18", "ResNet-18 from scratch, no base",
    "kind=resnet18 learning-rate=1e-3 patience=15" SCRATCH },
  { "vit-small", "ViT-Small from scratch, no base",
    "kind=vit-small learning-rate=5e-5 patience=10" SCRATCH },
  { "dinov3-scratch", "a network of DINOv3's shape (--network) from scratch",
    "kind=dinov3 network=tiny learning-rate=5e-4 patience=15" SCRATCH
    " head-dropout=0.1 warmup=0.05" },
};

const CowRecipePreset *
cow_recipe_presets (guint *n)
{
  *n = G_N_ELEMENTS (presets);
  return presets;
}
