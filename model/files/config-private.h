/* SPDX-License-Identifier: MIT */
/* What the files that make a CowVitConfig and a config.json share among themselves. */
#ifndef COW_CONFIG_PRIVATE_H
#define COW_CONFIG_PRIVATE_H

#include <json-glib/json-glib.h>

#include "model/files/config.h"

G_BEGIN_DECLS

/* Every size inside its limits and dividing where it must; COW_ERROR_FORMAT with `where` before it.
 */
gboolean cow_vit_config_validate (const CowVitConfig *config, const char *where, GError **error);
/* The config.json that would belong to a folder, or to a model.safetensors in one; it need not
 * exist. Free with g_free. */
char *cow_vit_config_file_for (const char *path);
/* The quantization_config that transformers writes for NF4 with double quantisation. */
JsonObject *cow_quantisation_config_new (void);

G_END_DECLS

#endif
