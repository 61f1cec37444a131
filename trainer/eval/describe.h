/* SPDX-License-Identifier: MIT */
/* Describes what a path holds as members of a JSON object: the content of `cow-trainer info`. */
#ifndef COW_TRAINER_DESCRIBE_H
#define COW_TRAINER_DESCRIBE_H

#include <json-glib/json-glib.h>

#include "kernels/kernels.h"

/* Adds to an object what a path holds: a model folder, an adapter folder, or a file of tensors, by
 * what is there. */
gboolean describe_path (JsonObject *object, const char *path, GError **error);

/* Adds what a model (as describe_path () has described it) takes of the memory of a device that has
 * its own, for one picture of the model's size in fp32: device_memory, an object; nothing of
 * anything else. COW_ERROR_*: the model cannot be read. */
gboolean describe_on_device (JsonObject *object, const char *path, CkDevice *device,
                             GError **error);

/* The parts of the above; describe_network is a model without its "kind", also of a folder that is
 * an adapter's and holds a network. */
gboolean describe_network (JsonObject *object, const char *path, GError **error);
gboolean describe_model (JsonObject *object, const char *path, GError **error);
gboolean describe_adapter (JsonObject *object, const char *path, GError **error);
/* A .safetensors or .pth file. */
gboolean describe_tensors (JsonObject *object, const char *path, GError **error);
gboolean describe_is_adapter (const char *path);

#endif
