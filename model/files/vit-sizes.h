/* SPDX-License-Identifier: MIT */
/* The sizes of known vision transformers by name: DINOv3's, and timm's "vit_small_patch16_224". */
#ifndef COW_VIT_SIZES_H
#define COW_VIT_SIZES_H

#include "model/files/vit-config.h"

G_BEGIN_DECLS

/* The names of DINOv3's sizes, which users choose from: "tiny" (not one of DINOv3's: any machine
 * runs it faster than a camera delivers), then "vits16" ... "vit7b16"; NULL-terminated, static. */
extern const char *const cow_vit_size_names[];

/* The config of a size; FALSE when there is none of that name. */
gboolean cow_vit_config_of_size (const char *name, CowVitConfig *config);

G_END_DECLS

#endif
