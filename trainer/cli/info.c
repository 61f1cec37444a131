/* SPDX-License-Identifier: MIT */
/* `cow-trainer info`: tells what paths hold, for people or as JSON. */
#include "model/files/locate.h"
#include "model/network/device.h"
#include "model/files/json.h"
#include "trainer/host/decoders.h"
#include "trainer/eval/describe.h"
#include "trainer/cli/sheet.h"
#include "trainer/cli/verb.h"

#include <string.h>

static const VerbHelp help = {
  "[PATH...]",
  "Tells what a model, an adapter or a file of tensors holds, or what a device is.",
  "Examples:\n"
  "  cow-trainer info dinov3-vits16 cows\n"
  "  cow-trainer info --device cuda:0\n"
  "  cow-trainer info --json features.safetensors\n"
  "\n"
  "Of a model: its sizes, how its weights are stored, bytes on disk and an estimate of the\n"
  "memory for one picture. Of an adapter: method, rank, targets, head, classes, and how\n"
  "pictures are prepared. Of a .safetensors or .pth file: its tensors. Of a device: its\n"
  "instructions or compute capability, driver, memory, and the kinds of video that a GPU decodes\n"
  "(NVDEC), also where it is one that cannot compute; and of each model what it takes of a GPU's\n"
  "memory, and what stays in the host's because it does not fit. --json gives a list with an "
  "object\n"
  "a path, and one of the device.",
};

/* The index of a GPU by its name, as "cuda:1"; -1 for other devices. */
static int
gpu_index (const char *name)
{
  guint64 index = 0;

  if (!g_str_has_prefix (name, "cuda"))
    return -1;
  name += strlen ("cuda");
  if (*name &&
      (*name != ':' || !g_ascii_string_to_unsigned (name + 1, 10, 0, G_MAXINT, &index, NULL)))
    return -1;
  return (int)index;
}

static void
add_decoder (JsonArray *all, const Decoder *decoder)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "codec", decoder->codec);
  json_object_set_string_member (object, "chroma", decoder->chroma);
  json_object_set_int_member (object, "bits", decoder->bits);
  json_object_set_int_member (object, "max_width", decoder->width);
  json_object_set_int_member (object, "max_height", decoder->height);
  json_object_set_int_member (object, "engines", decoder->engines);
  json_array_add_object_element (all, object);
}

/* What a GPU decodes; FALSE with an error where that is not known. */
static gboolean
add_decoders (JsonObject *object, int gpu, GError **error)
{
  g_autoptr (GArray) decoders = decoders_of_gpu (gpu, error);
  JsonArray *all;

  if (!decoders)
    return FALSE;
  all = json_array_new ();
  for (guint i = 0; i < decoders->len; i++)
    add_decoder (all, &g_array_index (decoders, Decoder, i));
  json_object_set_array_member (object, "decoders", all);
  return TRUE;
}

/* A GPU that cannot be opened to compute, of which the driver may still tell what it decodes; else
 * NULL, and both errors in one. */
static JsonObject *
describe_unopened (const char *name, const GError *why, GError **error)
{
  const int gpu = gpu_index (name);
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (GError) unknown = NULL;

  json_object_set_string_member (object, "path", name);
  json_object_set_string_member (object, "kind", "device");
  json_object_set_null_member (object, "computes_with");
  json_object_set_string_member (object, "because", why->message);
  if (gpu >= 0 && add_decoders (object, gpu, &unknown))
    return g_steal_pointer (&object);
  if (unknown)
    g_set_error (error, why->domain, why->code, "%s (nor is it known what it decodes: %s)",
                 why->message, unknown->message);
  else
    g_propagate_error (error, g_error_copy (why));
  return NULL;
}

static JsonObject *
describe_device (CkDevice *device)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (GError) unknown = NULL;
  CkDeviceState state;

  json_object_set_string_member (object, "path", device->name);
  json_object_set_string_member (object, "kind", "device");
  json_object_set_string_member (object, "computes_with", device->features);
  if (!ck_device_state (device, &state)) {
    json_object_set_int_member (object, "threads", device->threads);
    return g_steal_pointer (&object);
  }
  json_object_set_string_member (object, "model", state.model);
  json_object_set_string_member (object, "driver", state.driver);
  json_object_set_int_member (object, "memory_bytes", (gint64)state.total_bytes);
  json_object_set_int_member (object, "free_bytes", (gint64)ck_device_free_bytes (device));
  if (device->native && !add_decoders (object, device->ordinal, &unknown))
    json_object_set_string_member (object, "decoders_unknown", unknown->message);
  return g_steal_pointer (&object);
}

static JsonObject *
describe (const char *name, CkDevice *device, GError **error)
{
  g_autofree char *path = cow_locate (name, error);
  g_autoptr (JsonObject) object = json_object_new ();

  if (!path)
    return NULL;
  g_autofree char *shown = g_filename_display_name (path);
  json_object_set_string_member (object, "path", shown);
  if (!describe_path (object, path, error) ||
      (device && !describe_on_device (object, path, device, error)))
    return NULL;
  return g_steal_pointer (&object);
}

static void
print_json (JsonArray *all)
{
  g_autoptr (JsonNode) root = json_node_init_array (json_node_alloc (), all);
  g_autofree char *text = cow_json_text (root, TRUE);
  verb_print_utf8 (text);
  verb_print_utf8 ("\n");
}

static void
print_text (JsonArray *all)
{
  for (guint i = 0; i < json_array_get_length (all); i++) {
    JsonObject *object = json_array_get_object_element (all, i);
    g_autoptr (GString) text = g_string_new (json_object_get_string_member (object, "path"));
    json_object_remove_member (object, "path");
    g_string_append_c (text, '\n');
    sheet_append (text, object, 2);
    g_print ("%s%s", i > 0 ? "\n" : "", text->str);
  }
}

/* Takes an object, or NULL where there was an error. */
static gboolean
add (JsonArray *all, JsonObject *object)
{
  if (object)
    json_array_add_object_element (all, object);
  return object != NULL;
}

gboolean
verb_info (int argc, char **argv, GError **error)
{
  gboolean json = FALSE;
  g_autofree char *device_name = NULL;
  g_autoptr (CkDevice) device = NULL;
  g_autoptr (GError) why = NULL;
  g_auto (GStrv) paths = NULL;
  g_autoptr (JsonArray) all = json_array_new ();
  const GOptionEntry entries[] = {
    { "device", 0, 0, G_OPTION_ARG_STRING, &device_name,
      "Tell of a device: auto, cpu, cuda or cuda:N", "DEVICE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, entries, argc, argv, error))
    return FALSE;
  if (!paths && !device_name)
    return verb_usage (error, "no path given");
  if (device_name)
    device = cow_device_open (device_name, 0, &why);
  for (char **path = paths; path && *path; path++)
    if (!add (all, describe (*path, device, error)))
      return FALSE;
  if (device_name &&
      !add (all, device ? describe_device (device) : describe_unopened (device_name, why, error)))
    return FALSE;
  if (json)
    print_json (all);
  else
    print_text (all);
  return TRUE;
}
