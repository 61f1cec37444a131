/* SPDX-License-Identifier: MIT */
/* config.json: the golden ones, transformers' defaults, what is refused, and sizes read off tensors
 * instead. */
#include <string.h>

#include "model/files/vit-config.h"
#include "model/files/vit-layout.h"
#include "model/files/error.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/written.h"

static void
test_golden (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *plain = golden_path ("plain/fp32"), *gated = golden_path ("gated7b/nf4");
  CowVitConfig c;
  g_assert_true (cow_vit_config_read (plain, &c, &error));
  g_assert_no_error (error);
  g_assert_true (c.hidden_size == 128 && c.n_layers == 2 && c.n_heads == 4 &&
                 c.intermediate_size == 256 && c.patch_size == 16);
  g_assert_true (c.n_channels == 3 && c.n_registers == 4 && c.image_size == 64 && !c.gated);
  g_assert_true (c.q_bias && !c.k_bias && c.v_bias && c.o_bias && c.mlp_bias);
  g_assert_true (c.norm_epsilon == 1e-5f && c.rope_theta == 100);
  g_assert_true (cow_vit_config_read (gated, &c, &error));
  g_assert_no_error (error);
  g_assert_true (c.n_heads == 2 && c.intermediate_size == 320 && c.gated && !c.q_bias && !c.v_bias);
}

/* An almost empty config is a ViT-S without registers, as transformers fills it in; of DINOv2 a
 * ViT-B, whose patches and registers are the family's. */
static void
test_defaults (void)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  CowVitConfig c;
  g_assert_false (cow_vit_config_read (scratch, &c, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, scratch, "config.json", NULL);
  scratch_write (scratch, "config.json", "{\"model_type\": \"dinov3_vit\"}");
  g_assert_true (cow_vit_config_read (scratch, &c, &error));
  g_assert_no_error (error);
  g_assert_true (c.hidden_size == 384 && c.n_layers == 12 && c.n_heads == 6 &&
                 c.intermediate_size == 1536 && c.n_registers == 0);
  g_assert_true (c.q_bias && !c.k_bias && c.v_bias && c.o_bias && c.mlp_bias &&
                 c.image_size == 224 && c.patch_size == 16);
  scratch_write (scratch, "config.json", "{\"model_type\": \"dinov2\"}");
  g_assert_true (cow_vit_config_read (scratch, &c, &error));
  g_assert_true (c.hidden_size == 768 && c.n_layers == 12 && c.n_heads == 12 &&
                 c.intermediate_size == 3072 && c.patch_size == 14 && c.n_registers == 0);
  g_assert_true (c.q_bias && c.k_bias && c.position_rule == COW_POSITIONS_PLAIN);
  scratch_write (scratch, "config.json", "{\"model_type\": \"dinov2_with_registers\"}");
  g_assert_true (cow_vit_config_read (scratch, &c, &error));
  g_assert_true (c.hidden_size == 768 && c.patch_size == 16 && c.n_registers == 4);
  g_assert_cmpint (c.position_rule, ==, COW_POSITIONS_ANTIALIASED);
  scratch_free (scratch);
}

/* The numbers that transformers counts for S, S+ and 7B. */
static void
test_parameters (void)
{
  const struct {
    int hidden, layers, heads, wide;
    gboolean gated, qv_bias;
    gint64 parameters;
  } sizes[] = {
    { 384, 12, 6, 1536, FALSE, TRUE, 21596544 },
    { 384, 12, 6, 1536, TRUE, TRUE, 28692864 },
    { 4096, 40, 32, 8192, TRUE, FALSE, 6716035072 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const CowVitConfig c = { .family = cow_vit_family_default (),
                             .hidden_size = sizes[i].hidden,
                             .n_layers = sizes[i].layers,
                             .n_heads = sizes[i].heads,
                             .intermediate_size = sizes[i].wide,
                             .patch_size = 16,
                             .n_channels = 3,
                             .n_registers = 4,
                             .gated = sizes[i].gated,
                             .q_bias = sizes[i].qv_bias,
                             .v_bias = sizes[i].qv_bias,
                             .o_bias = TRUE,
                             .mlp_bias = TRUE };
    g_assert_cmpint (cow_vit_config_n_parameters (&c), ==, sizes[i].parameters);
  }
}

/* What training needs to know of positions: a number, null for none, and transformers' 2 where
 * nothing is said. */
static void
test_rescale (void)
{
  static const struct {
    const char *text;
    float rescale;
  } cases[] = { { "{\"model_type\": \"dinov3_vit\"}", 2 },
                { "{\"model_type\": \"dinov3_vit\", \"pos_embed_rescale\": null}", 0 },
                { "{\"model_type\": \"dinov3_vit\", \"pos_embed_rescale\": 1.5}", 1.5f } };
  char *scratch = scratch_new ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    CowVitConfig c = { 0 };
    scratch_write (scratch, "config.json", cases[i].text);
    cow_vit_config_read (scratch, &c, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (c.rope_rescale, ==, cases[i].rescale);
    g_autofree char *again = cow_vit_config_to_json (&c, FALSE);
    scratch_write (scratch, "config.json", again);
    c.rope_rescale = -1;
    cow_vit_config_read (scratch, &c, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (c.rope_rescale, ==, cases[i].rescale);
  }
  scratch_free (scratch);
}

/* plain/fp32 with one member changed; no text: it is read. */
typedef struct {
  const char *key, *value;
  int code;
  const char *text;
} Change;

static const Change changes[] = {
  { "model_type", "\"beit\"", COW_ERROR_UNSUPPORTED, "\"beit\"" },
  { "model_type", NULL, COW_ERROR_UNSUPPORTED, "\"model_type\" is missing" },
  { "model_type", "3", COW_ERROR_FORMAT, "\"model_type\" is 3" },
  { "hidden_act", "\"relu\"", COW_ERROR_UNSUPPORTED, "\"relu\"" },
  { "hidden_act", "\"silu\"", COW_ERROR_UNSUPPORTED, "\"silu\"" },
  { "use_gated_mlp", "true", COW_ERROR_UNSUPPORTED, "hidden_act" },
  { "use_gated_mlp", "1", COW_ERROR_FORMAT, "use_gated_mlp" },
  { "hidden_size", "128.0", COW_ERROR_FORMAT, "\"hidden_size\" is 128.0" },
  { "hidden_size", "0", COW_ERROR_FORMAT, "\"hidden_size\" is 0" },
  { "hidden_size", "-128", COW_ERROR_FORMAT, "\"hidden_size\" is -128" },
  { "hidden_size", "16388", COW_ERROR_FORMAT, "1 to 16384" },
  { "hidden_size", "4294967424", COW_ERROR_FORMAT, "4294967424" },
  { "hidden_size", "\"128\"", COW_ERROR_FORMAT, "\"hidden_size\" is \"128\"" },
  { "hidden_size", "null", COW_ERROR_FORMAT, "\"hidden_size\" is null" },
  { "hidden_size", "130", COW_ERROR_FORMAT, "heads of equal size" },
  { "hidden_size", "8192", COW_ERROR_FORMAT, "at most 256" },
  { "num_attention_heads", "0", COW_ERROR_FORMAT, "num_attention_heads" },
  { "num_attention_heads", "64", COW_ERROR_FORMAT, "a multiple of 4" },
  { "num_hidden_layers", "0", COW_ERROR_FORMAT, "num_hidden_layers" },
  { "num_hidden_layers", "257", COW_ERROR_FORMAT, "num_hidden_layers" },
  { "intermediate_size", "65537", COW_ERROR_FORMAT, "intermediate_size" },
  { "patch_size", "0", COW_ERROR_FORMAT, "patch_size" },
  { "patch_size", "65", COW_ERROR_FORMAT, "patch_size" },
  { "num_register_tokens", "65", COW_ERROR_FORMAT, "num_register_tokens" },
  { "image_size", "8193", COW_ERROR_FORMAT, "image_size" },
  { "layer_norm_eps", "0", COW_ERROR_FORMAT, "layer_norm_eps" },
  { "layer_norm_eps", "-1e-5", COW_ERROR_FORMAT, "layer_norm_eps" },
  { "rope_theta", "1e300", COW_ERROR_FORMAT, "rope_theta" },
  { "rope_theta", "\"x\"", COW_ERROR_FORMAT, "rope_theta" },
  { "rope_theta", "100", 0, NULL },
  { "pos_embed_rescale", "2.0", 0, NULL },
  { "pos_embed_rescale", "null", 0, NULL },
  { "pos_embed_rescale", "-1", COW_ERROR_FORMAT, "pos_embed_rescale" },
  { "pos_embed_rescale", "\"x\"", COW_ERROR_FORMAT, "pos_embed_rescale" },
  { "quantization_config", "{\"quant_method\": \"gptq\"}", COW_ERROR_UNSUPPORTED, "gptq" },
  { "quantization_config", "{\"load_in_8bit\": true}", COW_ERROR_UNSUPPORTED, "load_in_4bit" },
  { "quantization_config", "{\"load_in_4bit\": true, \"bnb_4bit_quant_type\": \"fp4\"}",
    COW_ERROR_UNSUPPORTED, "fp4" },
  { "quantization_config", "{\"load_in_4bit\": true}", COW_ERROR_UNSUPPORTED,
    "bnb_4bit_quant_type" },
  { "quantization_config", "{\"load_in_4bit\": true, \"bnb_4bit_quant_type\": \"nf4\"}", 0, NULL },
  { "quantization_config", "null", 0, NULL },
  { "quantization_config", "[]", COW_ERROR_FORMAT, "quantization_config" },
};

static void
test_change (gconstpointer data)
{
  const Change *change = data;
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *source = golden_path ("plain/fp32");
  CowVitConfig c;
  scratch_copy_json (source, scratch, "config.json", change->key, change->value);
  gboolean read = cow_vit_config_read (scratch, &c, &error);
  if (change->text == NULL) {
    g_assert_no_error (error);
    g_assert_true (read);
  } else {
    g_assert_false (read);
    expect_error (&error, (CowError)change->code, scratch, change->text, NULL);
  }
  scratch_free (scratch);
}

static void
test_written (void)
{
  static const char *const networks[] = { "plain/fp32", "gated7b/fp32" };
  for (gsize i = 0; i < G_N_ELEMENTS (networks); i++)
    for (int nf4 = 0; nf4 < 2; nf4++) {
      g_autoptr (GError) error = NULL;
      char *scratch = scratch_new ();
      g_autofree char *source = golden_path (networks[i]);
      CowVitConfig c = { 0 }, again = { 0 };
      g_assert_true (cow_vit_config_read (source, &c, &error));
      g_autofree char *text = cow_vit_config_to_json (&c, nf4);
      g_assert_true (nf4 == (strstr (text, "\"bnb_4bit_quant_type\" : \"nf4\"") != NULL));
      scratch_write (scratch, "config.json", text);
      g_assert_true (cow_vit_config_read (scratch, &again, &error));
      g_assert_no_error (error);
      g_assert_cmpmem (&c, sizeof c, &again, sizeof again);
      scratch_free (scratch);
    }
}

/* Without config.json; gated7b has the head size (64) that is inferred. */
static void
test_inferred (void)
{
  g_autoptr (GError) error = NULL;
  char *scratch = scratch_new ();
  g_autofree char *source = golden_path ("gated7b/fp32"), *nf4 = golden_path ("gated7b/nf4");
  g_autofree char *file = g_build_filename (scratch, "model.safetensors", NULL),
                  *whole = g_build_filename (source, "model.safetensors", NULL);
  CowVitConfig expected, c = { 0 };
  g_assert_true (cow_vit_config_read (source, &expected, &error));
  scratch_copy (source, scratch, "model.safetensors");
  g_autoptr (CowCheckpoint) bare = cow_checkpoint_open (scratch, &error);
  g_assert_true (cow_vit_config_for (scratch, bare, &c, &error));
  g_assert_no_error (error);
  g_assert_cmpint (c.image_size, ==, 224);
  g_assert_cmpfloat (c.rope_rescale, ==, 2);
  c.image_size = expected.image_size;
  c.rope_rescale = expected.rope_rescale;
  g_assert_cmpmem (&c, sizeof c, &expected, sizeof expected);
  g_assert_true (cow_vit_config_for (file, bare, &c, &error));
  g_assert_true (cow_vit_config_for (whole, bare, &c, &error));
  g_assert_cmpint (c.image_size, ==, expected.image_size);
  scratch_copy (nf4, scratch, "model.safetensors");
  g_autoptr (CowCheckpoint) packed = cow_checkpoint_open (scratch, &error);
  g_assert_false (cow_vit_config_for (scratch, packed, &c, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, scratch, "config.json", NULL);
  scratch_free (scratch);
}

static void
test_inferred_from_other (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *head = golden_path ("plain/classifier.safetensors");
  g_autoptr (CowCheckpoint) other = cow_checkpoint_open (head, &error);
  CowVitConfig c;
  g_assert_no_error (error);
  g_assert_false (cow_vit_config_infer (other, &c, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, head, "embeddings.patch_embeddings.weight", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/golden", test_golden);
  g_test_add_func ("/config/defaults", test_defaults);
  g_test_add_func ("/config/parameters", test_parameters);
  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autofree char *path =
        g_strdup_printf ("/config/change/%s/%" G_GSIZE_FORMAT, changes[i].key, i);
    g_test_add_data_func (path, &changes[i], test_change);
  }
  g_test_add_func ("/config/rescale", test_rescale);
  g_test_add_func ("/config/written", test_written);
  g_test_add_func ("/config/inferred", test_inferred);
  g_test_add_func ("/config/inferred-from-other", test_inferred_from_other);
  return g_test_run ();
}
