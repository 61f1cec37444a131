/* SPDX-License-Identifier: MIT */
/*
 * An adapter as a folder that PEFT opens. The config is written so that PEFT's rules lead to
 * exactly the modules, ranks and scales that are in memory: where target_modules does not say it,
 * modules are named one by one, and rank_pattern and alpha_pattern name those that differ.
 */
#include <errno.h>
#include <math.h>

#include <glib/gstdio.h>

#include "model/adapter/adapter-private.h"
#include "model/files/error.h"
#include "model/files/json-object.h"
#include "model/files/safetensors.h"

/* The number that was meant: a whole one without a point, else the shortest decimal that gives the
 * float again. */
static void
set_number (JsonObject *object, const char *key, float value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (text, sizeof text, "%.7g", value);
  double v = g_ascii_strtod (text, NULL);
  if (value == floorf (value) && fabsf (value) < 1e9f)
    json_object_set_int_member (object, key, (gint64)value);
  else
    json_object_set_double_member (object, key, (float)v == value ? v : (double)value);
}

static char *
module_path (int layer, CowModule module)
{
  return g_strdup_printf ("layer.%d.%s", layer, cow_module_name (module));
}

/* Whether target_modules covers the modules that have an adapter and no other; in the gate's case,
 * of networks that have one. */
static gboolean
targets_are_exact (const CowAdapter *self)
{
  gboolean any[COW_N_MODULES] = { FALSE };
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++)
      any[m] |= cow_adapter_get (self, layer, (CowModule)m) != NULL;
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      gboolean has = cow_adapter_get (self, layer, (CowModule)m) != NULL;
      gboolean named = cow_targets_match (self->target_modules, layer, (CowModule)m);
      if (has != named && !(m == COW_GATE && !any[m]))
        return FALSE;
    }
  return TRUE;
}

static void
set_targets (JsonObject *object, const CowAdapter *self)
{
  JsonArray *names = json_array_new ();
  if (!targets_are_exact (self)) {
    for (int layer = 0; layer < self->n_layers; layer++)
      for (int m = 0; m < COW_N_MODULES; m++)
        if (cow_adapter_get (self, layer, (CowModule)m) != NULL) {
          g_autofree char *path = module_path (layer, (CowModule)m);
          json_array_add_string_element (names, path);
        }
  } else if (g_strv_contains ((const char *const *)self->target_modules, "all-linear")) {
    json_array_unref (names);
    json_object_set_string_member (object, "target_modules", "all-linear");
    return;
  } else {
    for (char **name = self->target_modules; *name != NULL; name++)
      json_array_add_string_element (names, *name);
  }
  json_object_set_array_member (object, "target_modules", names);
}

static void
set_patterns (JsonObject *object, const CowAdapter *self)
{
  JsonObject *ranks = json_object_new (), *alphas = json_object_new ();
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      const CowLora *lora = cow_adapter_get (self, layer, (CowModule)m);
      g_autofree char *path = module_path (layer, (CowModule)m);
      if (lora != NULL && lora->rank != self->rank)
        json_object_set_int_member (ranks, path, lora->rank);
      if (lora != NULL && lora->alpha != self->alpha)
        set_number (alphas, path, lora->alpha);
    }
  json_object_set_object_member (object, "rank_pattern", ranks);
  json_object_set_object_member (object, "alpha_pattern", alphas);
}

static gboolean
write_config (const CowAdapter *self, const char *folder, GError **error)
{
  g_autoptr (JsonObject) o = json_object_new ();
  g_autofree char *path = g_build_filename (folder, "adapter_config.json", NULL);
  json_object_set_string_member (o, "peft_type", "LORA");
  json_object_set_string_member (o, "task_type", "FEATURE_EXTRACTION");
  if (self->base != NULL)
    json_object_set_string_member (o, "base_model_name_or_path", self->base);
  else
    json_object_set_null_member (o, "base_model_name_or_path");
  json_object_set_boolean_member (o, "inference_mode", TRUE);
  json_object_set_int_member (o, "r", self->rank);
  set_number (o, "lora_alpha", self->alpha);
  set_number (o, "lora_dropout", self->dropout);
  set_targets (o, self);
  set_patterns (o, self);
  json_object_set_boolean_member (o, "use_dora", self->dora);
  json_object_set_boolean_member (o, "use_rslora", self->rslora);
  json_object_set_string_member (o, "bias", "none");
  json_object_set_boolean_member (o, "fan_in_fan_out", FALSE);
  json_object_set_boolean_member (o, "init_lora_weights", TRUE);
  json_object_set_null_member (o, "modules_to_save");
  g_autofree char *text = cow_json_object_text (o);
  return cow_text_write (text, path, error);
}

typedef gboolean (*Visit) (CowSafetensorsWriter *writer, const char *name, const float *data,
                           const gint64 *dims, guint n_dims, GError **error);

static gboolean
declare (CowSafetensorsWriter *writer, const char *name, const float *data, const gint64 *dims,
         guint n_dims, GError **error)
{
  cow_safetensors_writer_declare (writer, name, COW_F32, dims, n_dims);
  return TRUE;
}

static gboolean
write_data (CowSafetensorsWriter *writer, const char *name, const float *data, const gint64 *dims,
            guint n_dims, GError **error)
{
  gsize n = (gsize)dims[0] * (n_dims > 1 ? (gsize)dims[1] : 1);
  return cow_safetensors_writer_write (writer, data, n * sizeof *data, error);
}

/*
 * Where PEFT finds a module since transformers 5, whose DINOv3ViTModel keeps its layers in
 * `.model`. PEFT leaves a tensor under another name unloaded and only warns, so that the name has
 * to be today's; transformers 4 needs key_mapping={"^model\\.layer": "layer"}.
 */
#define KEY_PREFIX "base_model.model.model."

static gboolean
visit_lora (const CowLora *lora, const char *module, Visit visit, CowSafetensorsWriter *writer,
            GError **error)
{
  g_autofree char *a = g_strdup_printf (KEY_PREFIX "%s.lora_A.weight", module);
  g_autofree char *b = g_strdup_printf (KEY_PREFIX "%s.lora_B.weight", module);
  g_autofree char *magnitude = g_strdup_printf (KEY_PREFIX "%s.lora_magnitude_vector", module);
  return visit (writer, a, lora->a, (gint64[]){ lora->rank, lora->in }, 2, error) &&
         visit (writer, b, lora->b, (gint64[]){ lora->out, lora->rank }, 2, error) &&
         (lora->magnitude == NULL ||
          visit (writer, magnitude, lora->magnitude, (gint64[]){ lora->out }, 1, error));
}

static gboolean
visit_all (const CowAdapter *self, Visit visit, CowSafetensorsWriter *writer, GError **error)
{
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      const CowLora *lora = cow_adapter_get (self, layer, (CowModule)m);
      g_autofree char *path = module_path (layer, (CowModule)m);
      if (lora != NULL && !visit_lora (lora, path, visit, writer, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
cow_adapter_write (const CowAdapter *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "adapter_model.safetensors", NULL);
  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: no such folder can be made: %s", folder,
                 g_strerror (errno));
    return FALSE;
  }
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  return visit_all (self, declare, writer, error) && visit_all (self, write_data, writer, error) &&
         cow_safetensors_writer_finish (writer, error) && write_config (self, folder, error);
}
