/* SPDX-License-Identifier: MIT */
/* `cow-trainer info`: tells what paths hold, for people or as JSON. */
#include "model/files/locate.h"
#include "trainer/eval/describe.h"
#include "trainer/cli/sheet.h"
#include "trainer/cli/verb.h"

static const VerbHelp help = {
  "PATH...",
  "Tells what a model, an adapter or a file of tensors holds.",
  "Examples:\n"
  "  cow-trainer info dinov3-vits16 cows\n"
  "  cow-trainer info --json features.safetensors\n"
  "\n"
  "Of a model: its sizes, how its weights are stored, bytes on disk and an estimate of the\n"
  "memory for one picture. Of an adapter: method, rank, targets, head, classes, and how\n"
  "pictures are prepared. Of a .safetensors or .pth file: its tensors. --json gives a list with\n"
  "an object a path.",
};

static JsonObject *
describe (const char *name, GError **error)
{
  g_autofree char *path = cow_locate (name, error);
  g_autoptr (JsonObject) object = json_object_new ();

  if (!path)
    return NULL;
  g_autofree char *shown = g_filename_display_name (path);
  json_object_set_string_member (object, "path", shown);
  return describe_path (object, path, error) ? g_steal_pointer (&object) : NULL;
}

static void
print_json (JsonArray *all)
{
  g_autoptr (JsonNode) root = json_node_init_array (json_node_alloc (), all);
  g_autofree char *text = json_to_string (root, TRUE);
  g_print ("%s\n", text);
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

gboolean
verb_info (int argc, char **argv, GError **error)
{
  gboolean json = FALSE;
  g_auto (GStrv) paths = NULL;
  g_autoptr (JsonArray) all = json_array_new ();
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!verb_parse (&help, entries, argc, argv, error))
    return FALSE;
  if (!paths)
    return verb_usage (error, "no path given");
  for (char **path = paths; *path; path++) {
    JsonObject *object = describe (*path, error);
    if (!object)
      return FALSE;
    json_array_add_object_element (all, object);
  }
  if (json)
    print_json (all);
  else
    print_text (all);
  return TRUE;
}
