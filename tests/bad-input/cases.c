/* SPDX-License-Identifier: MIT */
#include "tests/bad-input/cases.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "tests/model/written.h"
#include "tests/model/zip-builder.h"
#include "tests/trainer/cli.h"

#define CONFIG  "model/config.json"
#define MODEL   "model/model.safetensors"
#define INDEX   "model/model.safetensors.index.json"
#define OPTIONS "adapter/adapter_config.json"
#define LORA    "adapter/adapter_model.safetensors"
#define HEAD    "adapter/classifier.safetensors"
#define CARD    "adapter/cowbehavior.json"
#define PTH     "adapter/best_classifier.pth"

#define ENTRY(name, shape, offsets)                                                                \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define OVERLAP        "{" ENTRY ("a", "[3]", "[0,12]") "," ENTRY ("b", "[2]", "[8,16]") "}"
#define OVERFLOW       "{" ENTRY ("a", "[4294967296,4294967296,4]", "[0,16]") "}"
#define BEYOND         "{" ENTRY ("a", "[8]", "[0,32]") "}"
#define Q0             "layer.0.attention.q_proj.weight"
#define LORA_B         "base_model.model.model.layer.1.attention.q_proj.lora_B.weight"
#define PICKLED(bytes) .text = bytes, .length = sizeof (bytes) - 1

static const float nan_first[128 * 64] = { NAN };

const Case cases[] = {
  /* missing */
  { "missing/model", "model", REMOVE, .says = "does not exist" },
  { "missing/config", CONFIG, REMOVE, .says = "config.json" },
  { "missing/weights", MODEL, REMOVE, .says = "neither model.safetensors nor" },
  { "missing/adapter", "adapter", REMOVE, .says = "does not exist" },
  { "missing/adapter-weights", LORA, REMOVE, .says = "adapter_model.safetensors" },
  { "missing/head", HEAD, REMOVE, .says = "no classifier.safetensors and no best_classifier.pth" },
  { "missing/shard", INDEX, SHARDS, .says = "00001-of-00002.safetensors|No such file",
    .text = "model-00001-of-00002.safetensors" },

  /* truncated */
  { "truncated/config", CONFIG, CUT, .says = "JSON" },
  { "truncated/weights", MODEL, CUT, .says = "truncated" },
  { "truncated/adapter-config", OPTIONS, CUT, .says = "JSON" },
  { "truncated/adapter-weights", LORA, CUT, .says = "truncated" },
  { "truncated/head", HEAD, CUT, .says = "truncated" },
  { "truncated/card", CARD, CUT, .says = "JSON" },
  { "truncated/empty", MODEL, TEXT, .says = "0 bytes", .text = "" },

  /* lengths and offsets */
  { "header/weights", MODEL, LONG, .says = "header of" },
  { "header/adapter", LORA, LONG, .says = "header of" },
  { "header/head", HEAD, LONG, .says = "header of" },
  { "offsets/overlap", MODEL, HEADER, .says = "tensor b|overlap", .text = OVERLAP },
  { "offsets/overlap-adapter", LORA, HEADER, .says = "tensor b|overlap", .text = OVERLAP },
  { "offsets/overflow", MODEL, HEADER, .says = "tensor a|more than any memory", .text = OVERFLOW },
  { "offsets/overflow-head", HEAD, HEADER, .says = "tensor a|more than any memory",
    .text = OVERFLOW },
  { "offsets/beyond", MODEL, HEADER, .says = "truncated|tensor a", .text = BEYOND },

  /* shapes */
  { "shape/weight", MODEL, TENSOR, .says = "norm.weight is [64], expected 128",
    .edit = { "norm.weight", .dtype = COW_F32, .n_dims = 1, .dims = { 64 } } },
  { "shape/codes", MODEL, TENSOR, .says = Q0,
    .edit = { Q0, .dtype = COW_U8, .n_dims = 2, .dims = { 100, 1 } } },
  { "shape/width", CONFIG, MEMBER, .says = "[8, 128], expected [8, 256]", .key = "hidden_size",
    .text = "256" },
  { "shape/mlp", CONFIG, MEMBER, .says = "layer.0.mlp.up_proj.weight", .key = "intermediate_size",
    .text = "512" },
  { "shape/layers", CONFIG, MEMBER, .says = "layer.2.", .key = "num_hidden_layers", .text = "3" },
  { "shape/adapter", LORA, TENSOR, .says = LORA_B "|[64, 8]|[128, 8]",
    .edit = { LORA_B, .dtype = COW_F32, .n_dims = 2, .dims = { 64, 8 } } },

  /* names of shards */
  { "shard/parent", INDEX, SHARDS, .says = "../model.safetensors|plain name",
    .text = "../model.safetensors" },
  { "shard/absolute", INDEX, SHARDS, .says = "/etc/passwd.safetensors|plain name",
    .text = "/etc/passwd.safetensors" },

  /* pickles */
  { "pickle/system", PTH, PICKLE, .says = "os.system|never runs code",
    PICKLED ("\x80\2}X\1\0\0\0wcos\nsystem\n(X\2\0\0\0lstRs.") },
  { "pickle/object", PTH, PICKLE, .says = "torch.nn.modules.linear.Linear",
    PICKLED ("\x80\2}X\1\0\0\0wctorch.nn.modules.linear\nLinear\n)\x81s.") },
  { "pickle/string", PTH, PICKLE, .says = "no dict", PICKLED ("\x80\2X\1\0\0\0w.") },

  /* NaN */
  { "nan/weight", MODEL, TENSOR, .says = "norm.weight|nan",
    .edit = { "norm.weight", .dtype = COW_F32, .n_dims = 1, .dims = { 128 }, .data = nan_first } },
  { "nan/scale", MODEL, TENSOR, .says = Q0 ".nested_absmax|nan",
    .edit = { Q0 ".nested_absmax", .dtype = COW_F32, .n_dims = 1, .dims = { 1 },
              .data = nan_first } },
  { "nan/adapter", LORA, TENSOR, .says = LORA_B "|nan",
    .edit = { LORA_B, .dtype = COW_F32, .n_dims = 2, .dims = { 128, 8 }, .data = nan_first } },
  { "nan/head", HEAD, TENSOR, .says = "0.weight|nan",
    .edit = { "0.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 64, 128 }, .data = nan_first } },

  /* variants that are not LoRA or DoRA as we compute them */
  { "variant/type", OPTIONS, MEMBER, .says = "peft_type|LOHA", .key = "peft_type",
    .text = "\"LOHA\"" },
  { "variant/option", OPTIONS, MEMBER, .says = "use_qalora", .key = "use_qalora", .text = "true" },
  { "variant/unheard-of", OPTIONS, MEMBER, .says = "option_of_tomorrow",
    .key = "option_of_tomorrow", .text = "true" },
  { "variant/kind", CARD, MEMBER, .says = "kind|prompt", .key = "kind", .text = "\"prompt\"" },

  /* heads */
  { "head/classes", HEAD, TENSOR, .says = "7 outputs|9",
    .edit = { "6.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 7, 32 } } },
  { "head/width", HEAD, TENSOR, .says = "0.weight|[64, 96]|128",
    .edit = { "0.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 64, 96 } } },
};
const guint n_cases = G_N_ELEMENTS (cases);

static void
make_whole (const char *folder)
{
  static const char *const files[] = { "config.json", "model.safetensors" };
  g_autofree char *model = g_build_filename (folder, "model", NULL),
                  *golden = cli_golden ("plain", "nf4");

  g_assert_cmpint (g_mkdir (model, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    scratch_copy (golden, model, files[i]);
  g_free (cli_make_adapter (folder, "plain", "lora_q_r8"));
}

static void
set_bytes (const char *path, const void *bytes, gsize n)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, bytes, (gssize)n, &error);
  g_assert_no_error (error);
}

/* Cuts off the last 9 bytes, or sets the length of the header beyond the file's. */
static void
spoil (const char *path, gboolean cut)
{
  gsize n;
  g_autofree char *bytes = scratch_read (path, NULL, &n);
  const guint64 length = GUINT64_TO_LE (n - 7);

  if (!cut)
    memcpy (bytes, &length, sizeof length);
  set_bytes (path, bytes, cut ? n - 9 : n);
}

static void
set_pickle (const char *path, const Case *self)
{
  const ZipPart part = { "m/data.pkl", self->text, self->length };
  g_autoptr (GString) bytes = zip_build (&part, 1, ZIP_WHOLE);
  g_autofree char *folder = g_path_get_dirname (path),
                  *other = g_build_filename (folder, "classifier.safetensors", NULL);

  g_assert_cmpint (g_remove (other), ==, 0);
  set_bytes (path, bytes->str, bytes->len);
}

static void
set_shards (const char *path, const char *shard)
{
  g_autofree char *folder = g_path_get_dirname (path),
                  *other = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *index = g_strdup_printf ("{\"weight_map\":{\"norm.weight\":\"%s\"}}", shard);

  g_assert_cmpint (g_remove (other), ==, 0);
  set_bytes (path, index, strlen (index));
}

static void
edit_tensor (const char *path, const ScratchEdit *edit)
{
  const ScratchEdit edits[] = { *edit, { .name = NULL } };
  g_autofree char *edited = g_strconcat (path, ".new", NULL);

  scratch_copy_tensors (path, edited, edits);
  g_assert_cmpint (g_rename (edited, path), ==, 0);
}

/* A head with another number of outputs needs it in all its tensors. */
static void
edit_related (const char *path, const ScratchEdit *edit)
{
  if (g_str_equal (edit->name, "6.weight"))
    edit_tensor (
        path, &(ScratchEdit){ "6.bias", .dtype = COW_F32, .n_dims = 1, .dims = { edit->dims[0] } });
}

void
case_make (const Case *self, const char *folder)
{
  make_whole (folder);
  if (!self)
    return;
  g_autofree char *path = g_build_filename (folder, self->file, NULL),
                  *inside = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autoptr (GString) bytes = NULL;
  switch (self->fault) {
  case REMOVE:
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      scratch_free (g_steal_pointer (&path));
    else
      g_assert_cmpint (g_remove (path), ==, 0);
    break;
  case CUT:
  case LONG:
    spoil (path, self->fault == CUT);
    break;
  case TEXT:
    set_bytes (path, self->text, strlen (self->text));
    break;
  case HEADER:
    bytes = safetensors_bytes (self->text, 16);
    set_bytes (path, bytes->str, bytes->len);
    break;
  case MEMBER:
    scratch_copy_json (inside, inside, name, self->key, self->text);
    break;
  case TENSOR:
    edit_tensor (path, &self->edit);
    edit_related (path, &self->edit);
    break;
  case PICKLE:
    set_pickle (path, self);
    break;
  case SHARDS:
    set_shards (path, self->text);
    break;
  }
}
