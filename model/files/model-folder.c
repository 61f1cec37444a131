/* SPDX-License-Identifier: MIT */
#include "model/files/model-folder.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "model/files/error.h"
#include "model/files/json-object.h"

gboolean
cow_linear_weight_parse (const char *name, int *layer, CowModule *module, const char **rest)
{
  if (!g_str_has_prefix (name, "layer."))
    return FALSE;
  const char *number = name + strlen ("layer.");
  const gsize digits = strspn (number, "0123456789");
  if (digits == 0 || digits > 6 || number[digits] != '.')
    return FALSE;
  const char *inside = number + digits + 1;
  for (int m = 0; m < COW_N_MODULES; m++) {
    const char *known = cow_module_name ((CowModule)m), *weight = inside + strlen (known);
    if (!g_str_has_prefix (inside, known) || !g_str_has_prefix (weight, ".weight"))
      continue;
    *layer = (int)g_ascii_strtoll (number, NULL, 10);
    *module = (CowModule)m;
    *rest = weight + strlen (".weight");
    return **rest == '\0' || **rest == '.';
  }
  return FALSE;
}

gboolean
cow_model_folder_prepare (const char *folder, const char *const *others, gboolean *made,
                          GError **error)
{
  static const char *const files[] = { "model.safetensors", "model.safetensors.index.json",
                                       "config.json", "preprocessor_config.json", NULL };
  const char *const *lists[] = { files, others };
  for (gsize l = 0; l < G_N_ELEMENTS (lists); l++)
    for (const char *const *name = lists[l]; name != NULL && *name != NULL; name++) {
      g_autofree char *file = g_build_filename (folder, *name, NULL);
      if (g_file_test (file, G_FILE_TEST_EXISTS)) {
        g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                     "%s: there already; the new model needs a folder without one", file);
        return FALSE;
      }
    }
  *made = !g_file_test (folder, G_FILE_TEST_EXISTS);
  if (g_mkdir_with_parents (folder, 0777) == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: no such folder can be made: %s", folder,
               g_strerror (errno));
  return FALSE;
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
  if (g_file_test (file, G_FILE_TEST_EXISTS)) {
    object = cow_json_read_object (file, error);
  } else {
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
