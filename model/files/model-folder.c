/* SPDX-License-Identifier: MIT */
#include "model/files/model-folder.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"

CowFolderWriter *
cow_model_folder_begin (const char *folder, const char *const *others, GError **error)
{
  static const char *const files[] = { "model.safetensors", "model.safetensors.index.json",
                                       "config.json", "preprocessor_config.json", NULL };
  const char *const *lists[] = { files, others };
  for (gsize l = 0; l < G_N_ELEMENTS (lists); l++)
    for (const char *const *name = lists[l]; name != NULL && *name != NULL; name++) {
      g_autofree char *file = g_build_filename (folder, *name, NULL);
      if (cow_path_exists (file)) {
        g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                     "%s: there already; the new model needs a folder without one", file);
        return NULL;
      }
    }
  return cow_folder_writer_new (folder, error);
}

/* Under the name that the file uses: transformers 4 writes torch_dtype, 5 dtype. */
static void
set_dtype (JsonObject *object, const char *dtype)
{
  const gboolean old = json_object_has_member (object, "torch_dtype");
  if (dtype != NULL)
    json_object_set_string_member (object, old ? "torch_dtype" : "dtype", dtype);
}

char *
cow_model_config_text (const char *path, const CowVitConfig *config, gboolean nf4,
                       const char *dtype, GError **error)
{
  g_autofree char *file = cow_vit_config_file_for (path), *made = NULL;
  g_autoptr (JsonObject) object = NULL;
  if (cow_path_exists (file)) {
    object = cow_json_read_object (file, error);
    if (object == NULL)
      return NULL;
  }
  /* Tensors are written under other names than timm's, and its config.json does not tell sizes. */
  if (object == NULL || cow_config_names_architecture (object)) {
    g_clear_pointer (&object, json_object_unref);
    made = cow_vit_config_to_json (config, FALSE);
    object = cow_json_parse_object (made, strlen (made), path, error);
  }
  if (object == NULL)
    return NULL;
  set_dtype (object, dtype);
  if (nf4)
    json_object_set_object_member (object, "quantization_config", cow_quantisation_config_new ());
  else if (json_object_has_member (object, "quantization_config"))
    json_object_remove_member (object, "quantization_config");
  return cow_json_object_text (object);
}
