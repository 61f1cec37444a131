/* SPDX-License-Identifier: MIT */
/*
 * What an adapter folder holds: PEFT's own adapters read, written again and read back the same;
 * every option and every misfit refused by name; the head from both kinds of file; the card.
 */
#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "model/adapter/adapter.h"
#include "model/adapter/card.h"
#include "model/files/error.h"
#include "model/adapter/head-weights.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/written.h"

static const char *const networks[] = { "plain", "gated7b" };
static const char *const adapters[] = { "lora_q_r8", "lora_all_r16", "dora_q_r8", "dora_all_r16" };

static CowVitConfig
golden_config (const char *network)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = golden_path (network), *folder = g_build_filename (base, "fp32", NULL);
  CowVitConfig config;
  cow_vit_config_read (folder, &config, &error);
  g_assert_no_error (error);
  return config;
}

/* ---- reading and writing --------------------------------------------------------------------- */

static void
compare_floats (const float *found, const CowSafetensors *file, const char *module,
                const char *suffix, gsize count)
{
  /* The golden adapters were written by a transformers of the newer names. */
  g_autofree char *name = g_strdup_printf ("base_model.model.model.%s.%s", module, suffix);
  const CowTensor *tensor = golden_tensor (file, name);
  g_assert_cmpuint (cow_tensor_count (tensor), ==, count);
  g_assert_true (cow_tensor_read (tensor, NULL));
  g_assert_cmpmem (found, count * sizeof (float), tensor->data, tensor->n_bytes);
}

static void
compare_with_file (const CowAdapter *adapter, const CowSafetensors *file,
                   const CowVitConfig *config, gboolean dora)
{
  guint n = 0;
  for (int layer = 0; layer < config->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      const CowLora *lora = cow_adapter_get (adapter, layer, (CowModule)m);
      g_autofree char *module =
          g_strdup_printf ("layer.%d.%s", layer, cow_module_name ((CowModule)m));
      if (lora == NULL)
        continue;
      compare_floats (lora->a, file, module, "lora_A.weight", (gsize)(lora->rank * lora->in));
      compare_floats (lora->b, file, module, "lora_B.weight", (gsize)(lora->out * lora->rank));
      if (dora)
        compare_floats (lora->magnitude, file, module, "lora_magnitude_vector", (gsize)lora->out);
      g_assert_true (dora == (lora->magnitude != NULL));
      g_assert_cmpfloat (lora->scale, ==, 2);
      n += dora ? 3 : 2;
    }
  g_assert_cmpuint (n, ==, cow_safetensors_n_tensors (file));
}

static void
assert_same_lora (const CowLora *a, const CowLora *b)
{
  g_assert_true ((a == NULL) == (b == NULL));
  if (a == NULL)
    return;
  g_assert_true (a->in == b->in && a->out == b->out && a->rank == b->rank && a->alpha == b->alpha &&
                 a->scale == b->scale);
  g_assert_cmpmem (a->a, (gsize)(a->rank * a->in) * 4, b->a, (gsize)(b->rank * b->in) * 4);
  g_assert_cmpmem (a->b, (gsize)(a->rank * a->out) * 4, b->b, (gsize)(b->rank * b->out) * 4);
  g_assert_true ((a->magnitude == NULL) == (b->magnitude == NULL));
  if (a->magnitude != NULL)
    g_assert_cmpmem (a->magnitude, (gsize)a->out * 4, b->magnitude, (gsize)b->out * 4);
}

static void
assert_same (const CowAdapter *a, const CowAdapter *b)
{
  g_assert_true (a->dora == b->dora && a->rslora == b->rslora && a->rank == b->rank &&
                 a->alpha == b->alpha && a->dropout == b->dropout);
  g_assert_cmpstr (a->base, ==, b->base);
  g_assert_cmpint (a->n_layers, ==, b->n_layers);
  g_assert_cmpint (cow_adapter_n_parameters (a), ==, cow_adapter_n_parameters (b));
  for (int layer = 0; layer < a->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++)
      assert_same_lora (cow_adapter_get (a, layer, (CowModule)m),
                        cow_adapter_get (b, layer, (CowModule)m));
}

static CowAdapter *
write_and_read (const CowAdapter *adapter, const CowVitConfig *config)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *folder = g_build_filename (scratch, "made", "on", "the", "way", NULL);
  cow_adapter_write (adapter, folder, &error);
  g_assert_no_error (error);
  CowAdapter *again = cow_adapter_read (folder, config, &error);
  g_assert_no_error (error);
  scratch_free (scratch);
  return again;
}

static void
test_golden (void)
{
  for (gsize n = 0; n < G_N_ELEMENTS (networks); n++)
    for (gsize i = 0; i < G_N_ELEMENTS (adapters); i++) {
      g_autoptr (GError) error = NULL;
      g_autofree char *base = golden_path (networks[n]),
                      *folder = g_build_filename (base, adapters[i], NULL);
      g_autofree char *file_name =
          g_build_filename (adapters[i], "adapter_model.safetensors", NULL);
      g_autoptr (CowSafetensors) file = golden_open (networks[n], file_name);
      CowVitConfig config = golden_config (networks[n]);
      g_assert_true (cow_adapter_present (folder));
      g_autoptr (CowAdapter) adapter = cow_adapter_read (folder, &config, &error);
      g_assert_no_error (error);
      compare_with_file (adapter, file, &config, g_str_has_prefix (adapters[i], "dora"));
      g_assert_cmpstr (adapter->base, ==, "facebook/dinov3-test");
      g_autoptr (CowAdapter) again = write_and_read (adapter, &config);
      assert_same (adapter, again);
    }
}

/* The paper's counts at the 7B's sizes, from the shapes alone. */
static void
test_parameter_counts (void)
{
  static const gint64 expected[2][2] = { { 44564480, 46039040 }, { 178257920, 179732480 } };
  const CowVitConfig config = {
    .hidden_size = 4096, .n_layers = 40, .n_heads = 32, .intermediate_size = 8192, .gated = TRUE
  };
  for (int r = 0; r < 2; r++)
    for (int dora = 0; dora < 2; dora++) {
      g_autoptr (CowAdapter) adapter = g_new0 (CowAdapter, 1);
      gboolean bias;
      adapter->n_layers = config.n_layers;
      adapter->loras = g_new0 (CowLora *, (gsize)config.n_layers * COW_N_MODULES);
      for (int i = 0; i < config.n_layers * COW_N_MODULES; i++) {
        CowLora *lora = adapter->loras[i] = g_new0 (CowLora, 1);
        g_assert_true (cow_vit_config_module (&config, (CowModule)(i % COW_N_MODULES), &lora->out,
                                              &lora->in, &bias));
        lora->rank = r == 0 ? 16 : 64;
        lora->magnitude = dora ? g_new0 (float, 1) : NULL;
      }
      g_assert_cmpint (cow_adapter_n_parameters (adapter), ==, expected[r][dora]);
    }
}

/* Patterns, single layers, RSLoRA: what is read back after writing must be what was in memory. */
static void
test_irregular (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = golden_path ("plain/lora_all_r16");
  CowVitConfig config = golden_config ("plain");
  g_autoptr (CowAdapter) adapter = cow_adapter_read (folder, &config, &error);
  g_assert_no_error (error);
  CowLora **gone = &adapter->loras[1 * COW_N_MODULES + COW_K], *other = adapter->loras[COW_UP];
  g_clear_pointer (&(*gone)->a, g_free);
  g_clear_pointer (&(*gone)->b, g_free);
  g_clear_pointer (gone, g_free);
  other->rank = 5;
  other->alpha = 2.5f;
  adapter->rslora = TRUE;
  for (int i = 0; i < adapter->n_layers * COW_N_MODULES; i++)
    if (adapter->loras[i] != NULL)
      adapter->loras[i]->scale =
          (float)(adapter->loras[i]->alpha / sqrt ((double)adapter->loras[i]->rank));
  g_autoptr (CowAdapter) again = write_and_read (adapter, &config);
  assert_same (adapter, again);
}

static void
test_subfolders (void)
{
  static const char *const places[] = { "lora_adapters", "dora_adapters" };
  CowVitConfig config = golden_config ("plain");
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autoptr (GError) error = NULL;
    char *scratch = scratch_new ();
    g_autofree char *source = golden_path (i == 0 ? "plain/lora_q_r8" : "plain/dora_q_r8");
    g_autofree char *inside = g_build_filename (scratch, places[i], NULL);
    g_assert_false (cow_adapter_present (scratch));
    g_assert_null (cow_adapter_read (scratch, &config, &error));
    expect_error (&error, COW_ERROR_NOT_FOUND, scratch, "adapter_config.json", NULL);
    g_assert_cmpint (g_mkdir (inside, 0777), ==, 0);
    scratch_copy (source, inside, "adapter_config.json");
    scratch_copy (source, inside, "adapter_model.safetensors");
    g_assert_true (cow_adapter_present (scratch));
    g_autoptr (CowAdapter) adapter = cow_adapter_read (scratch, &config, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (adapter->path, ==, inside);
    scratch_free (scratch);
  }
}

/* ---- options of the config ------------------------------------------------------------------- */

/* plain/lora_all_r16 with one member of its config changed; code 0: it is read. */
typedef struct {
  const char *key, *value;
  int code;
  const char *text;
} Option;

static const Option options[] = {
  { "use_qalora", "true", COW_ERROR_UNSUPPORTED, "use_qalora" },
  { "use_bdlora", "{\"nblocks\": 2}", COW_ERROR_UNSUPPORTED, "use_bdlora" },
  { "modules_to_save", "[\"classifier\"]", 0, NULL },
  { "modules_to_save", "[]", 0, NULL },
  { "layer_replication", "[[0, 2]]", COW_ERROR_UNSUPPORTED, "layer_replication" },
  { "lora_bias", "true", COW_ERROR_UNSUPPORTED, "lora_bias" },
  { "fan_in_fan_out", "true", COW_ERROR_UNSUPPORTED, "fan_in_fan_out" },
  { "bias", "\"all\"", COW_ERROR_UNSUPPORTED, "\"bias\"" },
  { "bias", "\"lora_only\"", COW_ERROR_UNSUPPORTED, "\"bias\"" },
  { "alora_invocation_tokens", "[1]", COW_ERROR_UNSUPPORTED, "alora_invocation_tokens" },
  { "arrow_config", "{\"top_k\": 3}", COW_ERROR_UNSUPPORTED, "arrow_config" },
  { "megatron_config", "{\"a\": 1}", COW_ERROR_UNSUPPORTED, "megatron_config" },
  { "target_parameters", "[\"x\"]", COW_ERROR_UNSUPPORTED, "target_parameters" },
  { "trainable_token_indices", "[1]", COW_ERROR_UNSUPPORTED, "trainable_token_indices" },
  { "velora_config", "{\"a\": 1}", COW_ERROR_UNSUPPORTED, "velora_config" },
  { "monteclora_config", "{\"a\": 1}", COW_ERROR_UNSUPPORTED, "monteclora_config" },
  { "kasa_config", "{\"a\": 1}", COW_ERROR_UNSUPPORTED, "kasa_config" },
  { "ensure_weight_tying", "true", COW_ERROR_UNSUPPORTED, "ensure_weight_tying" },
  { "init_lora_weights", "\"pissa\"", COW_ERROR_UNSUPPORTED, "\"pissa\"" },
  { "init_lora_weights", "\"pissa_niter_4\"", COW_ERROR_UNSUPPORTED, "init_lora_weights" },
  { "init_lora_weights", "\"gaussian\"", 0, NULL },
  { "init_lora_weights", "false", 0, NULL },
  { "option_of_tomorrow", "true", COW_ERROR_UNSUPPORTED, "option_of_tomorrow" },
  { "option_of_tomorrow", "[0]", COW_ERROR_UNSUPPORTED, "option_of_tomorrow" },
  { "option_of_tomorrow", "{}", 0, NULL },
  { "option_of_tomorrow", "0.0", 0, NULL },
  { "option_of_tomorrow", "\"\"", 0, NULL },
  { "peft_version", "\"99.0\"", 0, NULL },
  { "peft_type", "\"LOHA\"", COW_ERROR_UNSUPPORTED, "\"LOHA\"" },
  { "peft_type", NULL, COW_ERROR_FORMAT, "\"peft_type\" is missing" },
  { "peft_type", "7", COW_ERROR_FORMAT, "\"peft_type\" is 7" },
  { "r", "8", COW_ERROR_MISMATCH, "rank 8" },
  { "r", "0", COW_ERROR_FORMAT, "\"r\" is 0" },
  { "r", "16.0", COW_ERROR_FORMAT, "\"r\" is 16.0" },
  { "r", "-1", COW_ERROR_FORMAT, "\"r\" is -1" },
  { "r", "9223372036854775807", COW_ERROR_FORMAT, "\"r\"" },
  { "lora_alpha", "\"32\"", COW_ERROR_FORMAT, "\"lora_alpha\"" },
  { "lora_alpha", "1e300", COW_ERROR_FORMAT, "\"lora_alpha\"" },
  { "lora_alpha", "31.5", 0, NULL },
  { "lora_dropout", "1.5", COW_ERROR_FORMAT, "\"lora_dropout\"" },
  { "use_dora", "true", COW_ERROR_MISMATCH, "lora_magnitude_vector" },
  { "use_dora", "1", COW_ERROR_FORMAT, "\"use_dora\"" },
  { "use_rslora", "true", 0, NULL },
  { "target_modules", "[\"q_proj\"]", COW_ERROR_MISMATCH, "does not target" },
  { "target_modules", "\"all-linear\"", 0, NULL },
  { "target_modules", "\"ALL-Linear\"", 0, NULL },
  { "target_modules", "\".*_proj\"", 0, NULL },
  { "target_modules", "\"model\\\\.layer\\\\.[01]\\\\..*_proj\"", 0, NULL },
  { "target_modules", "\".*[qk]_proj\"", COW_ERROR_MISMATCH, "does not target" },
  { "target_modules", "\"_proj\"", COW_ERROR_MISMATCH, "does not target" },
  { "target_modules", "\"(q_proj\"", COW_ERROR_UNSUPPORTED, "not understood" },
  /* tries for ever where nothing stops it */
  { "target_modules", "\"((a|[a-z_.0-9]+)+)+[!?]\"", COW_ERROR_UNSUPPORTED,
    "takes too long on the name layer.0.attention.q_proj" },
  { "exclude_modules", "\"((a|[a-z_.0-9]+)+)+[!?]\"", COW_ERROR_UNSUPPORTED, "takes too long" },
  { "rank_pattern", "{\"((a|[a-z_.0-9]+)+)+[!?]\": 16}", COW_ERROR_UNSUPPORTED, "takes too long" },
  { "alpha_pattern", "{\"((a|[a-z_.0-9]+)+)+[!?]\": 3}", COW_ERROR_UNSUPPORTED, "takes too long" },
  /* takes long, and ends */
  { "target_modules",
    "\"(?:.*?(?:vision|image|layer).*?(?:self_attn|attention|attn|mlp|ffn|dense)"
    ".*?(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj).*?)\"",
    0, NULL },
  { "exclude_modules", "\".*z_proj\"", 0, NULL },
  { "exclude_modules", "\".*q_proj\"", COW_ERROR_MISMATCH, "does not target" },
  { "rank_pattern", "{\"^layer\\\\.9.*\": 2}", 0, NULL },
  { "rank_pattern", "{\"^layer\\\\.1\\\\..*q_proj\": 2}", COW_ERROR_MISMATCH, "rank 2" },
  { "alpha_pattern", "{\"(q|k)_proj\": 3}", 0, NULL },
  { "target_modules", "[\"q_proj|k_proj\"]", COW_ERROR_UNSUPPORTED, "no module's name" },
  { "target_modules", "[]", COW_ERROR_FORMAT, "target_modules" },
  { "target_modules", "[3]", COW_ERROR_FORMAT, "target_modules" },
  { "target_modules", "null", COW_ERROR_FORMAT, "target_modules" },
  { "target_modules", NULL, COW_ERROR_FORMAT, "target_modules" },
  { "target_modules", "[\"attention.q_proj\", \"layer.0.attention.k_proj\"]", COW_ERROR_MISMATCH,
    "does not target" },
  { "target_modules", "[\"proj\"]", COW_ERROR_MISMATCH, "does not target" },
  { "exclude_modules", "[\"q_proj\"]", COW_ERROR_MISMATCH, "q_proj" },
  { "exclude_modules", "[\"gate_proj\"]", 0, NULL },
  { "layers_to_transform", "[0, 1]", 0, NULL },
  { "layers_to_transform", "[]", 0, NULL },
  { "layers_to_transform", "[0]", COW_ERROR_MISMATCH, "layer.1." },
  { "layers_to_transform", "1", COW_ERROR_MISMATCH, "layer.0." },
  { "layers_to_transform", "\"1\"", COW_ERROR_FORMAT, "layers_to_transform" },
  { "rank_pattern", "{\"q_proj\": 8}", COW_ERROR_MISMATCH, "rank 8" },
  { "rank_pattern", "{\"model.layer.0.attention.q_proj\": 8}", COW_ERROR_MISMATCH,
    "layer.0.attention.q_proj" },
  { "rank_pattern", "{\"q_proj\": 16, \"q_proj_not\": 3}", 0, NULL },
  /* means a module of that whole name, as in PEFT: none */
  { "rank_pattern", "{\"^q_proj\": 8}", 0, NULL },
  { "rank_pattern", "{\"q_proj\": 0}", COW_ERROR_FORMAT, "q_proj" },
  { "rank_pattern", "[8]", COW_ERROR_FORMAT, "rank_pattern" },
  { "alpha_pattern", "{\"q_proj\": -1e39}", COW_ERROR_FORMAT, "q_proj" },
  { "alpha_pattern", "{\"q_proj\": \"x\"}", COW_ERROR_FORMAT, "q_proj" },
};

static void
test_option (gconstpointer data)
{
  const Option *option = data;
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *source = golden_path ("plain/lora_all_r16");
  CowVitConfig config = golden_config ("plain");
  scratch_copy (source, scratch, "adapter_model.safetensors");
  scratch_copy_json (source, scratch, "adapter_config.json", option->key, option->value);
  g_autoptr (CowAdapter) adapter = cow_adapter_read (scratch, &config, &error);
  if (option->code == 0 && option->text == NULL) {
    g_assert_no_error (error);
  } else {
    g_assert_null (adapter);
    expect_error (&error, (CowError)option->code, scratch, option->text, NULL);
  }
  scratch_free (scratch);
}

static void
test_scales (void)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *source = golden_path ("plain/lora_all_r16");
  CowVitConfig config = golden_config ("plain");
  scratch_copy (source, scratch, "adapter_model.safetensors");
  scratch_copy_json (source, scratch, "adapter_config.json", "alpha_pattern",
                     "{\"layer.1.mlp.up_proj\": 4, \"up_proj\": 8}");
  scratch_copy_json (scratch, scratch, "adapter_config.json", "use_rslora", "true");
  g_autoptr (CowAdapter) adapter = cow_adapter_read (scratch, &config, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (cow_adapter_get (adapter, 0, COW_Q)->scale, ==, 8);  /* 32 / sqrt 16 */
  g_assert_cmpfloat (cow_adapter_get (adapter, 0, COW_UP)->scale, ==, 2); /* 8 / 4 */
  g_assert_cmpfloat (cow_adapter_get (adapter, 1, COW_UP)->scale, ==,
                     1); /* the first pattern that fits */
  scratch_free (scratch);
}

/* ---- misfits of the tensors ------------------------------------------------------------------ */

#define PREFIX "base_model.model.model."
#define Q0     PREFIX "layer.0.attention.q_proj."

typedef struct {
  const char *what;
  ScratchEdit edit;
  int code;
  const char *text;
} Misfit;

static const float nan_values[8 * 128] = { [77] = NAN };

static const Misfit misfits[] = {
  { "no-a",
    { Q0 "lora_A.weight", .drop = TRUE },
    COW_ERROR_MISMATCH,
    "no lora_A.weight for layer.0.attention.q_proj" },
  { "no-b",
    { Q0 "lora_B.weight", .drop = TRUE },
    COW_ERROR_MISMATCH,
    "no lora_B.weight for layer.0.attention.q_proj" },
  { "no-magnitude",
    { Q0 "lora_magnitude_vector", .drop = TRUE },
    COW_ERROR_MISMATCH,
    "no lora_magnitude_vector" },
  { "rank",
    { Q0 "lora_A.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 7, 128 } },
    COW_ERROR_MISMATCH,
    "[7, 128], expected [8, 128]" },
  { "width",
    { Q0 "lora_B.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 127, 8 } },
    COW_ERROR_MISMATCH,
    "expected [128, 8]" },
  { "magnitude",
    { Q0 "lora_magnitude_vector", .dtype = COW_F32, .n_dims = 1, .dims = { 64 } },
    COW_ERROR_MISMATCH,
    "expected [128]" },
  { "flat",
    { Q0 "lora_A.weight", .dtype = COW_F32, .n_dims = 1, .dims = { 1024 } },
    COW_ERROR_MISMATCH,
    "[1024], expected [8, 128]" },
  { "type",
    { Q0 "lora_A.weight", .dtype = COW_I32, .n_dims = 2, .dims = { 8, 128 } },
    COW_ERROR_MISMATCH,
    "I32" },
  { "nan",
    { Q0 "lora_A.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 8, 128 }, .data = nan_values },
    COW_ERROR_FORMAT,
    "element 77" },
  { "module",
    { Q0 "lora_A.weight", .rename = PREFIX "layer.0.attention.x_proj.lora_A.weight" },
    COW_ERROR_MISMATCH,
    "x_proj" },
  { "layer",
    { Q0 "lora_A.weight", .rename = PREFIX "layer.9.attention.q_proj.lora_A.weight" },
    COW_ERROR_MISMATCH,
    "layer.9." },
  { "gate",
    { Q0 "lora_A.weight", .rename = PREFIX "layer.0.mlp.gate_proj.lora_A.weight" },
    COW_ERROR_MISMATCH,
    "gate_proj" },
  { "zeros",
    { Q0 "lora_A.weight", .rename = PREFIX "layer.00.attention.q_proj.lora_A.weight" },
    COW_ERROR_MISMATCH,
    "layer.00." },
  { "long",
    { Q0 "lora_A.weight", .rename = PREFIX "layer.4294967296.attention.q_proj.lora_A.weight" },
    COW_ERROR_MISMATCH,
    "4294967296" },
  { "embedding",
    { Q0 "lora_A.weight", .rename = Q0 "lora_embedding_A" },
    COW_ERROR_MISMATCH,
    "lora_embedding_A" },
  { "saved",
    { Q0 "lora_A.weight", .rename = PREFIX "norm.weight" },
    COW_ERROR_MISMATCH,
    "norm.weight" },
  { "twice",
    { Q0 "lora_B.weight", .rename = "base_model.model.layer.0.attention.q_proj.lora_A.weight",
      .dtype = COW_F32, .n_dims = 2, .dims = { 8, 128 } },
    COW_ERROR_MISMATCH,
    "twice" },
};

static void
test_misfit (gconstpointer data)
{
  const Misfit *misfit = data;
  const ScratchEdit edits[] = { misfit->edit, { .name = NULL } };
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *source = golden_path ("plain/dora_q_r8"),
                  *from = g_build_filename (source, "adapter_model.safetensors", NULL);
  g_autofree char *to = g_build_filename (scratch, "adapter_model.safetensors", NULL);
  CowVitConfig config = golden_config ("plain");
  scratch_copy (source, scratch, "adapter_config.json");
  scratch_copy_tensors (from, to, edits);
  g_assert_null (cow_adapter_read (scratch, &config, &error));
  expect_error (&error, (CowError)misfit->code, to, misfit->text, NULL);
  scratch_free (scratch);
}

static void
test_other_files (void)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *lora = golden_path ("plain/lora_q_r8"), *dora = golden_path ("plain/dora_q_r8");
  CowVitConfig config = golden_config ("plain"), wider = config;
  wider.hidden_size = 256;
  g_assert_null (cow_adapter_read (lora, &wider, &error));
  expect_error (&error, COW_ERROR_MISMATCH, lora, "[8, 128]", "[8, 256]", NULL);
  scratch_copy (lora, scratch, "adapter_config.json");
  g_assert_null (cow_adapter_read (scratch, &config, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, scratch, "adapter_model.safetensors", NULL);
  scratch_write (scratch, "adapter_model.bin", "");
  g_assert_null (cow_adapter_read (scratch, &config, &error));
  expect_error (&error, COW_ERROR_FORMAT, scratch, "adapter_model.bin", NULL);
  scratch_copy (dora, scratch, "adapter_model.safetensors");
  g_assert_null (cow_adapter_read (scratch, &config, &error));
  expect_error (&error, COW_ERROR_MISMATCH, scratch, "use_dora", "lora_magnitude_vector", NULL);
  scratch_write (scratch, "adapter_config.json", "{\"peft_type\": \"LORA\"");
  g_assert_null (cow_adapter_read (scratch, &config, &error));
  expect_error (&error, COW_ERROR_FORMAT, scratch, "adapter_config.json", NULL);
  scratch_free (scratch);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void
assert_same_head (const CowHeadWeights *a, const CowHeadWeights *b)
{
  g_assert_cmpuint (a->n_layers, ==, b->n_layers);
  for (guint i = 0; i < a->n_layers; i++) {
    const CowHeadLayer *x = &a->layers[i], *y = &b->layers[i];
    g_assert_true (x->in == y->in && x->out == y->out);
    g_assert_cmpmem (x->weight, (gsize)(x->in * x->out) * 4, y->weight,
                     (gsize)(y->in * y->out) * 4);
    g_assert_cmpmem (x->bias, (gsize)x->out * 4, y->bias, (gsize)y->out * 4);
  }
}

static void
test_head_files (void)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *source = golden_path ("plain"),
                  *inside = g_build_filename (scratch, "classifier", NULL);
  g_assert_null (cow_head_weights_read (scratch, 128, 9, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, scratch, "best_classifier.pth", NULL);
  g_assert_cmpint (g_mkdir (inside, 0777), ==, 0);
  scratch_copy (source, inside, "best_classifier.pth");
  g_autoptr (CowHeadWeights) pickled = cow_head_weights_read (scratch, 128, 9, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (pickled->path, "best_classifier.pth"));
  scratch_copy (source, inside, "classifier.safetensors");
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (scratch, 128, 0, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (head->path, "classifier.safetensors"));
  g_assert_cmpuint (head->n_layers, ==, 3);
  g_assert_true (head->layers[0].in == 128 && head->layers[0].out == 64 &&
                 head->layers[1].out == 32 && head->layers[2].out == 9);
  assert_same_head (head, pickled);
  cow_head_weights_write (pickled, scratch, &error);
  g_assert_no_error (error);
  g_autoptr (CowHeadWeights) again = cow_head_weights_read (scratch, 128, 9, &error);
  g_assert_no_error (error);
  assert_same_head (head, again);
  scratch_free (scratch);
}

static const Misfit heads[] = {
  { "no-bias", { "3.bias", .drop = TRUE }, COW_ERROR_FORMAT, "no tensor 3.bias" },
  { "no-weight", { "6.weight", .drop = TRUE }, COW_ERROR_FORMAT, "no tensor 6.weight" },
  { "extra", { "6.bias", .rename = "6.running_mean" }, COW_ERROR_FORMAT, "6.running_mean" },
  { "name", { "6.bias", .rename = "fc.bias" }, COW_ERROR_FORMAT, "fc.bias" },
  { "number",
    { "6.bias", .rename = "99999999999999999999.bias" },
    COW_ERROR_FORMAT,
    "99999999999999999999.bias" },
  { "chain",
    { "3.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 32, 63 } },
    COW_ERROR_MISMATCH,
    "[32, 63]" },
  { "bias-shape",
    { "3.bias", .dtype = COW_F32, .n_dims = 1, .dims = { 31 } },
    COW_ERROR_MISMATCH,
    "3.bias [31]" },
  { "flat",
    { "3.weight", .dtype = COW_F32, .n_dims = 1, .dims = { 2048 } },
    COW_ERROR_MISMATCH,
    "[2048]" },
  { "empty",
    { "6.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 0, 32 } },
    COW_ERROR_MISMATCH,
    "[0, 32]" },
  { "nan",
    { "0.bias", .dtype = COW_F32, .n_dims = 1, .dims = { 64 }, .data = nan_values + 77 },
    COW_ERROR_FORMAT,
    "nan at element 0" },
};

static void
test_head_misfit (gconstpointer data)
{
  const Misfit *misfit = data;
  const ScratchEdit edits[] = { misfit->edit, { .name = NULL } };
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *from = golden_path ("plain/classifier.safetensors"),
                  *to = g_build_filename (scratch, "classifier.safetensors", NULL);
  scratch_copy_tensors (from, to, edits);
  g_assert_null (cow_head_weights_read (scratch, 128, 9, &error));
  expect_error (&error, (CowError)misfit->code, to, misfit->text, NULL);
  scratch_free (scratch);
}

static void
test_head_sizes (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = golden_path ("plain");
  g_assert_null (cow_head_weights_read (folder, 384, 9, &error));
  expect_error (&error, COW_ERROR_MISMATCH, folder, "[64, 128]", "384", NULL);
  g_assert_null (cow_head_weights_read (folder, 128, 10, &error));
  expect_error (&error, COW_ERROR_MISMATCH, folder, "9 outputs, expected 10", NULL);
}

/* ---- the card -------------------------------------------------------------------------------- */

static void
test_card (void)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  gboolean found = TRUE;
  g_autoptr (CowCard) card = cow_card_read (scratch, &found, &error);
  g_assert_no_error (error);
  g_assert_false (found);
  g_assert_cmpuint (cow_card_n_classes (card), ==, 9);
  g_assert_cmpstr (card->classes[5], ==, "Walking");
  card->preprocess =
      (CowPreprocess){ 320, 224, CK_BILINEAR_ANTIALIASED, COW_SATELLITE, COW_STRETCH };
  card->base_name = g_strdup ("facebook/dinov3-\"test\"");
  g_free (card->kind);
  card->kind = g_strdup ("dora");
  cow_card_write (card, scratch, &error);
  g_assert_no_error (error);
  g_autoptr (CowCard) again = cow_card_read (scratch, &found, &error);
  g_assert_no_error (error);
  g_assert_true (found);
  g_assert_cmpmem (&again->preprocess, sizeof again->preprocess, &card->preprocess,
                   sizeof card->preprocess);
  g_assert_true (
      g_strv_equal ((const char *const *)again->classes, (const char *const *)card->classes));
  g_assert_cmpstr (again->base_name, ==, card->base_name);
  g_assert_null (again->base_hash);
  g_assert_cmpstr (again->kind, ==, "dora");
  scratch_free (scratch);
}

static const Option cards[] = {
  { "format", "5", COW_ERROR_UNSUPPORTED, "\"format\" is 5" },
  { "format", "0", COW_ERROR_FORMAT, "\"format\"" },
  { "format", NULL, COW_ERROR_FORMAT, "\"format\" is missing" },
  { "kind", "\"vgg16\"", COW_ERROR_UNSUPPORTED, "vgg16" },
  { "classes", "[]", COW_ERROR_FORMAT, "0 names" },
  { "classes", "[\"a\", \"b\", \"a\"]", COW_ERROR_FORMAT, "\"a\" at 2" },
  { "classes", "[\"\"]", COW_ERROR_FORMAT, "at 0" },
  { "classes", "[\"a\", 2]", COW_ERROR_FORMAT, "2 at 1" },
  { "classes", "{\"a\": 1}", COW_ERROR_FORMAT, "\"classes\"" },
  { "classes", "[\"a\"]", 0, NULL },
  { "preprocess", "{\"size\": 0}", COW_ERROR_FORMAT, "\"size\" is 0" },
  { "preprocess", "{\"size\": [224]}", COW_ERROR_FORMAT, "\"size\"" },
  { "preprocess", "{\"size\": 4294967520}", COW_ERROR_FORMAT, "\"size\"" },
  { "preprocess", "{\"size\": [224, 448]}", 0, NULL },
  { "preprocess", "{\"interpolation\": \"bicubic\"}", COW_ERROR_UNSUPPORTED, "bicubic" },
  { "preprocess", "{\"normalisation\": \"clip\"}", COW_ERROR_UNSUPPORTED, "clip" },
  { "preprocess", "[]", COW_ERROR_FORMAT, "\"preprocess\"" },
  { "preprocess", NULL, 0, NULL },
  { "base", "{\"name\": 3}", COW_ERROR_FORMAT, "\"name\"" },
  { "calibration", "{\"temperature\": 1.5}", 0, NULL },
};

static void
test_card_option (gconstpointer data)
{
  const Option *option = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();
  char *scratch = scratch_new ();
  cow_card_write (card, scratch, &error);
  g_assert_no_error (error);
  scratch_copy_json (scratch, scratch, "cowbehavior.json", option->key, option->value);
  g_autoptr (CowCard) read = cow_card_read (scratch, NULL, &error);
  if (option->text == NULL) {
    g_assert_no_error (error);
  } else {
    g_assert_null (read);
    expect_error (&error, (CowError)option->code, "cowbehavior.json", option->text, NULL);
  }
  scratch_free (scratch);
}

static void
add_options (const char *prefix, const Option *list, gsize n, GTestDataFunc function)
{
  for (gsize i = 0; i < n; i++) {
    g_autofree char *path = g_strdup_printf ("%s/%s/%" G_GSIZE_FORMAT, prefix, list[i].key, i);
    g_test_add_data_func (path, &list[i], function);
  }
}

static void
add_misfits (const char *prefix, const Misfit *list, gsize n, GTestDataFunc function)
{
  for (gsize i = 0; i < n; i++) {
    g_autofree char *path = g_strdup_printf ("%s/%s", prefix, list[i].what);
    g_test_add_data_func (path, &list[i], function);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/adapter/golden", test_golden);
  g_test_add_func ("/adapter/parameter-counts", test_parameter_counts);
  g_test_add_func ("/adapter/irregular", test_irregular);
  g_test_add_func ("/adapter/subfolders", test_subfolders);
  g_test_add_func ("/adapter/scales", test_scales);
  g_test_add_func ("/adapter/other-files", test_other_files);
  add_options ("/adapter/option", options, G_N_ELEMENTS (options), test_option);
  add_misfits ("/adapter/misfit", misfits, G_N_ELEMENTS (misfits), test_misfit);
  g_test_add_func ("/head/files", test_head_files);
  g_test_add_func ("/head/sizes", test_head_sizes);
  add_misfits ("/head/misfit", heads, G_N_ELEMENTS (heads), test_head_misfit);
  g_test_add_func ("/card/round-trip", test_card);
  add_options ("/card/option", cards, G_N_ELEMENTS (cards), test_card_option);
  return g_test_run ();
}
