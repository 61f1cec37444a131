/* SPDX-License-Identifier: MIT */
/* A run prepares its pictures as those were prepared that its network learned from: precedence of
 * sources, messages, and what models made from others inherit. */
#include <glib/gstdio.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/vit-sizes.h"
#include "pipelines/demo/formula-folder.h"
#include "pipelines/demo/render-folder.h"
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"
#include "trainer/data/pictures.h"
#include "trainer/train/preprocessing.h"

#define BILINEAR  "\"resample\": 2"
#define IMAGENET  "\"image_mean\": [0.485, 0.456, 0.406], \"image_std\": [0.229, 0.224, 0.225]"
#define SATELLITE "\"image_mean\": [0.430, 0.411, 0.296], \"image_std\": [0.213, 0.156, 0.143]"

static char *folder;

static void
write_file (const char *place, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (place, name, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static char *
read_file (const char *place, const char *name)
{
  g_autofree char *path = g_build_filename (place, name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* A folder with a preprocessor_config.json, or without it if the text is NULL. */
static char *
make_model (const char *name, const char *config)
{
  char *place = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (place, 0755), ==, 0);
  if (config)
    write_file (place, "preprocessor_config.json", config);
  return place;
}

static void
write_card (const char *place, int width, int height, CkInterpolation interpolation,
            CowNormalisation normalisation)
{
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_autoptr (GError) error = NULL;

  card->preprocess = (CowPreprocess){ width, height, interpolation, normalisation, COW_STRETCH };
  cow_card_write (card, place, &error);
  g_assert_no_error (error);
}

static void
give (CowRecipe *recipe, const char *key, const char *value, const char *where)
{
  g_autoptr (GError) error = NULL;

  cow_recipe_give (recipe, (guint)cow_recipe_find (key), value, where, &error);
  g_assert_no_error (error);
}

/* A recipe of the preset frozen (224, bilinear, unit) on a model, from an adapter (or NULL). */
static CowRecipe *
make_recipe (const char *model, const char *start)
{
  CowRecipe *recipe = cow_recipe_new ();
  g_autoptr (GError) error = NULL;

  cow_recipe_apply_preset (recipe, "frozen", &error);
  g_assert_no_error (error);
  give (recipe, "model", model, "--model");
  if (start)
    give (recipe, "start", start, "--start");
  return recipe;
}

/* Resolves the preprocessing and compares the messages. */
static void
assert_resolved (CowRecipe *recipe, const char *text, guint n_warnings)
{
  g_auto (CowPreprocessing) preprocessing = { 0 };
  g_autoptr (GError) error = NULL;

  cow_preprocessing_resolve (&preprocessing, recipe, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (preprocessing.text, ==, text);
  g_assert_cmpuint (preprocessing.warnings->len, ==, n_warnings);
}

/* ---- precedence of sources ------------------------------------------------------------------- */

/* Each step adds a source, which takes precedence. */
static void
test_precedence (void)
{
  g_autofree char *model = make_model ("precedence", NULL), *start = make_model ("start", NULL);
  g_autofree char *ini = g_build_filename (folder, "mine.ini", NULL);
  g_autoptr (CowRecipe) bare = make_recipe (model, NULL);
  g_autoptr (GError) error = NULL;

  assert_resolved (bare, "224x224, bilinear, unit, from the recipe", 0);
  g_assert_cmpint (bare->preprocess.normalisation, ==, COW_UNIT);

  write_file (model, "preprocessor_config.json",
              "{\"size\": {\"height\": 64, \"width\": 96}, " BILINEAR ", " SATELLITE "}");
  g_autoptr (CowRecipe) config = make_recipe (model, NULL);
  assert_resolved (
      config, "96x64, bilinear-antialiased, satellite, from the base's preprocessor_config.json",
      0);
  g_assert_cmpint (config->preprocess.width, ==, 96);
  g_assert_cmpint (config->preprocess.height, ==, 64);
  g_assert_cmpint (config->preprocess.interpolation, ==, CK_BILINEAR_ANTIALIASED);
  g_assert_cmpint (config->preprocess.normalisation, ==, COW_SATELLITE);

  write_card (model, 48, 48, CK_BILINEAR, COW_IMAGENET);
  g_autoptr (CowRecipe) card = make_recipe (model, NULL);
  assert_resolved (card, "48x48, bilinear, imagenet, from the base's card", 0);

  write_card (start, 80, 64, CK_BILINEAR_ANTIALIASED, COW_UNIT);
  g_autoptr (CowRecipe) started = make_recipe (model, start);
  assert_resolved (started, "80x64, bilinear-antialiased, unit, from the start adapter's card", 0);

  write_file (folder, "mine.ini", "[data]\nsize=112\nnormalisation=satellite\n");
  g_autoptr (CowRecipe) file = make_recipe (model, start);
  cow_recipe_apply_file (file, ini, TRUE, &error);
  g_assert_no_error (error);
  g_autofree char *expected = g_strdup_printf (
      "112x112 (%s: [data] size), bilinear-antialiased (the start adapter's card), "
      "satellite (%s: [data] normalisation)",
      ini, ini);
  assert_resolved (file, expected, 2);

  g_autoptr (CowRecipe) flag = make_recipe (model, start);
  cow_recipe_apply_file (flag, ini, TRUE, &error);
  g_assert_no_error (error);
  give (flag, "size", "80x64", "--size");
  give (flag, "normalisation", "unit", "--normalisation");
  assert_resolved (flag,
                   "80x64 (--size), bilinear-antialiased (the start adapter's card), unit "
                   "(--normalisation)",
                   0);
}

/* The published cow adapters have no card: they are prepared as in the element, not as their base
 * says. */
static void
test_start_without_card (void)
{
  g_autofree char *model = make_model ("cardless-base", "{\"size\": 96, " IMAGENET "}");
  g_autofree char *start = make_model ("cardless", NULL);
  g_autoptr (CowRecipe) recipe = make_recipe (model, start);

  assert_resolved (recipe, "224x224, bilinear, unit, from the start adapter, which has no card", 0);
}

/* Each part has a source of its own. */
static void
test_parts (void)
{
  g_autofree char *model = make_model ("parts", "{\"do_normalize\": true, " IMAGENET "}");
  g_autofree char *named = make_model ("named", "{" BILINEAR "}");
  g_autofree char *weights = g_build_filename (named, "model.safetensors", NULL);
  g_autofree char *other = g_build_filename (named, "other.safetensors", NULL);

  g_autoptr (CowRecipe) recipe = make_recipe (model, NULL);
  assert_resolved (recipe,
                   "224x224 (the recipe), bilinear (the recipe), imagenet (the base's "
                   "preprocessor_config.json)",
                   0);
  g_autoptr (CowRecipe) by_file = make_recipe (weights, NULL);
  assert_resolved (by_file,
                   "224x224 (the recipe), bilinear-antialiased (the base's "
                   "preprocessor_config.json), unit (the recipe)",
                   0);
  g_autoptr (CowRecipe) apart = make_recipe (other, NULL);
  assert_resolved (apart,
                   "224x224 (the recipe), bilinear-antialiased (the base's "
                   "preprocessor_config.json), unit (the recipe)",
                   0);
}

static void
test_conflict (void)
{
  g_autofree char *model = make_model ("conflict", "{\"size\": 96, " IMAGENET "}");
  g_autofree char *path = g_build_filename (model, "preprocessor_config.json", NULL);
  g_autoptr (CowRecipe) recipe = make_recipe (model, NULL);
  g_auto (CowPreprocessing) preprocessing = { 0 };
  g_autoptr (GError) error = NULL;

  give (recipe, "normalisation", "unit", "--normalisation");
  give (recipe, "size", "96", "--size");
  cow_preprocessing_resolve (&preprocessing, recipe, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (preprocessing.warnings->len, ==, 1);
  const char *warning = preprocessing.warnings->pdata[0];
  g_assert_true (g_str_has_prefix (warning, "--normalisation is unit, but "));
  g_assert_nonnull (strstr (warning, " says imagenet"));
  g_assert_nonnull (strstr (warning, path));
}

/* ---- files from elsewhere -------------------------------------------------------------------- */

static void
test_hostile (void)
{
  static const struct {
    const char *config, *error;
  } cases[] = {
    { "", "preprocessor_config.json" },
    { "[]", "preprocessor_config.json" },
    { "{\"size\": 0}", "\"size\" is 0" },
    { "{\"size\": -224}", "\"size\" is -224" },
    { "{\"size\": 1000000000000}", "\"size\" is 1000000000000" },
    { "{\"size\": \"224\"}", "\"size\" is \"224\"" },
    { "{\"size\": {\"height\": 224}}", "\"size\" is {" },
    { "{\"size\": {\"height\": 224, \"width\": 8193}}", "8192" },
    { "{\"size\": {\"shortest_edge\": 0.5}}", "\"size\" is {" },
    { "{\"size\": [224, 224]}", "\"size\" is [" },
    { "{\"do_center_crop\": true, \"crop_size\": {\"height\": 1e9, \"width\": 1}}", "crop_size" },
    { "{\"do_resize\": 1}", "\"do_resize\" is 1" },
    { "{\"resample\": 99}", "\"resample\" is 99" },
    { "{\"resample\": -1}", "\"resample\" is -1" },
    { "{\"resample\": [2]}", "\"resample\" is [2]" },
    { "{\"image_mean\": [0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}", "\"image_mean\" is" },
    { "{\"image_mean\": [0, 0, 0], \"image_std\": [1, 1, \"1\"]}", "\"image_std\" is" },
    { "{\"image_mean\": [0, 0, 1e999], \"image_std\": 1}", "preprocessor_config.json" },
    { "{\"do_normalize\": \"no\"}", "\"do_normalize\" is" },
    { "{\"rescale_factor\": \"x\"}", "\"rescale_factor\" is" },
    { "{\"size\": 224, \"size\": 96}", "size" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *model = make_model ("hostile", cases[i].config);
    g_auto (CowPreprocessSource) source = { 0 };
    g_autoptr (GError) error = NULL;

    if (cow_preprocess_source_read_model (&source, model, &error))
      g_error ("%s was taken", cases[i].config);
    g_assert_cmpint (error->domain, ==, (gint)COW_ERROR);
    if (!strstr (error->message, cases[i].error) ||
        !strstr (error->message, "preprocessor_config.json"))
      g_error ("%s: %s", cases[i].config, error->message);
    if (g_str_has_prefix (cases[i].error, "\""))
      g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
  }
}

/* Valid values, what each of them means, and whether there is a note. */
static void
test_values (void)
{
  static const struct {
    const char *config;
    guint given;
    CowPreprocess expected;
    guint n_notes;
  } cases[] = {
    { "{}", 0, { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH }, 0 },
    { "{\"size\": null, \"do_resize\": null, \"crop_size\": null, \"image_mean\": null}",
      0,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      0 },
    { "{\"size\": 384}", COW_PREPROCESS_SIZE, { 384, 384, CK_BILINEAR, COW_UNIT, COW_STRETCH }, 0 },
    { "{\"size\": {\"shortest_edge\": 256}, \"do_center_crop\": true, \"crop_size\": {\"height\": "
      "224, \"width\": 192}}",
      COW_PREPROCESS_SIZE,
      { 192, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      1 },
    { "{\"size\": {\"longest_edge\": 512}}",
      0,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      1 },
    { "{\"do_resize\": false, \"size\": 512, \"resample\": 2}",
      0,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      0 },
    { "{\"resample\": 3}", 0, { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH }, 1 },
    { "{\"do_normalize\": false, " IMAGENET "}",
      COW_PREPROCESS_NORMALISATION,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      0 },
    { "{\"image_mean\": 0, \"image_std\": [1, 1, 1.0]}",
      COW_PREPROCESS_NORMALISATION,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      0 },
    { "{\"image_mean\": 0.5, \"image_std\": 0.5}",
      0,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      1 },
    { "{\"do_rescale\": false, " IMAGENET "}",
      0,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      1 },
    { "{\"rescale_factor\": 0.00784313725490196, " IMAGENET "}",
      0,
      { 224, 224, CK_BILINEAR, COW_UNIT, COW_STRETCH },
      1 },
    { "{\"rescale_factor\": 0.00392156862745098, " SATELLITE "}",
      COW_PREPROCESS_NORMALISATION,
      { 224, 224, CK_BILINEAR, COW_SATELLITE, COW_STRETCH },
      0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *model = make_model ("values", cases[i].config);
    g_auto (CowPreprocessSource) source = { 0 };
    g_autoptr (GError) error = NULL;

    g_test_message ("%s", cases[i].config);
    cow_preprocess_source_read_model (&source, model, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (source.given, ==, cases[i].given);
    g_assert_cmpuint (source.notes->len, ==, cases[i].n_notes);
    g_assert_cmpint (source.preprocess.normalisation, ==, cases[i].expected.normalisation);
    g_assert_cmpint (source.preprocess.interpolation, ==, cases[i].expected.interpolation);
    if (source.given & COW_PREPROCESS_SIZE) {
      g_assert_cmpint (source.preprocess.width, ==, cases[i].expected.width);
      g_assert_cmpint (source.preprocess.height, ==, cases[i].expected.height);
    }
  }
}

/* Our own files are read back. */
static void
test_written (void)
{
  const CowPreprocess written = { 96, 64, CK_BILINEAR_ANTIALIASED, COW_SATELLITE, COW_STRETCH };
  g_autofree char *model = make_model ("written", NULL);
  g_auto (CowPreprocessSource) source = { 0 };
  g_autoptr (GError) error = NULL;

  cow_preprocess_write_config (&written, model, &error);
  g_assert_no_error (error);
  cow_preprocess_source_read_model (&source, model, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (source.given, ==, COW_PREPROCESS_ALL & ~COW_PREPROCESS_FIT);
  g_assert_cmpmem (&source.preprocess, sizeof source.preprocess, &written, sizeof written);
}

/* ---- training -------------------------------------------------------------------------------- */

/* The shipped base: DINOv3's shape, trained on 96x64, normalised as ImageNet. */
static char *
shipped (const char *name)
{
  return g_build_filename (g_getenv ("COW_DEMO_MODEL"), name, NULL);
}

static char *
drawn_cows (void)
{
  const RenderFolderOptions options = {
    .seed = 5, .style = RENDER_STYLE_DAY, .size = 96, .per_class = 40, .split = TRUE
  };
  char *cows = g_build_filename (folder, "cows", NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_test (cows, G_FILE_TEST_EXISTS)) {
    g_autofree char *table = g_build_filename (cows, "labels.csv", NULL);

    render_folder_write (cows, &options, &error);
    /* It is no picture, and a warning of its own would say so. */
    g_assert_cmpint (g_remove (table), ==, 0);
  }
  g_assert_no_error (error);
  return cows;
}

/* Trains as the README shows, without any option for preprocessing. */
static void
test_frozen (void)
{
  g_autofree char *base = shipped ("drawn-cows"), *cows = drawn_cows (),
                  *out = g_build_filename (folder, "frozen", NULL),
                  *cache = g_build_filename (folder, "cache", NULL);
  g_auto (Result) result =
      cli_run ("train", "--recipe", "frozen", "--model", base, "--data", cows, "--out", out,
               "--augment", "none", "--epochs", "15", "--cache", cache, NULL);

  runs_assert_ok (&result);
  cli_assert_says (result.err, "preprocessing: 96x64, bilinear-antialiased, imagenet, "
                               "from the base's preprocessor_config.json\n");
  g_assert_cmpstr (strstr (result.err, "warning"), ==, NULL);
  g_assert_cmpfloat (runs_best (out, "val_acc"), >, .85);
}

static void
test_start (void)
{
  g_autofree char *base = shipped ("drawn-cows"), *start = shipped ("drawn-cows-day"),
                  *cows = drawn_cows (), *out = g_build_filename (folder, "started", NULL);
  g_auto (Result) result =
      cli_run ("train", "--recipe", "qlora-all-r16", "--model", base, "--start", start, "--data",
               cows, "--out", out, "--augment", "none", "--epochs", "1", NULL);

  runs_assert_ok (&result);
  cli_assert_says (result.err, "preprocessing: 96x64, bilinear-antialiased, imagenet, "
                               "from the start adapter's card\n");
  g_assert_cmpfloat (runs_best (out, "val_acc"), >, .85);
}

/* A resumed run keeps its preprocessing, because recipe.ini has it; the base may have changed by
 * then. */
static void
test_resume (void)
{
  g_autofree char *base = drawn_base (folder), *out = g_build_filename (folder, "kept", NULL);
  g_autofree char *data = g_build_filename (folder, "data", NULL), *first = NULL, *second = NULL;

  drawn_data (data, 4, 2, 0, 32);
  write_file (base, "preprocessor_config.json", "{\"size\": 32, " BILINEAR ", " IMAGENET "}");
  g_auto (Result) begun = cli_run ("train", "--recipe", "qlora-q-r8", "--model", base, "--data",
                                   data, "--out", out, "--epochs", "1", NULL);
  runs_assert_ok (&begun);
  first = read_file (out, "recipe.ini");
  g_assert_nonnull (strstr (first, "size=32\n"));
  g_assert_nonnull (strstr (first, "interpolation=bilinear-antialiased\n"));
  g_assert_nonnull (strstr (first, "normalisation=imagenet\n"));

  write_file (base, "preprocessor_config.json", "{\"size\": 64, " SATELLITE "}");
  g_auto (Result) resumed = cli_run ("train", "--resume", out, "--epochs", "2", NULL);
  runs_assert_ok (&resumed);
  g_assert_null (strstr (resumed.err, "cow-trainer: preprocessing"));
  g_assert_null (strstr (resumed.err, "preprocessor_config.json"));
  second = read_file (out, "recipe.ini");
  g_assert_nonnull (strstr (second, "size=32\n"));
  g_assert_nonnull (strstr (second, "normalisation=imagenet\n"));

  write_file (base, "preprocessor_config.json", "{\"size\": 32, " SATELLITE "}");
  g_autofree char *contrary = g_build_filename (folder, "contrary", NULL);
  g_auto (Result) warned =
      cli_run ("train", "--recipe", "qlora-q-r8", "--model", base, "--data", data, "--out",
               contrary, "--epochs", "1", "--normalisation", "unit", NULL);
  runs_assert_ok (&warned);
  cli_assert_says (warned.err, "cow-trainer: warning: --normalisation is unit, but the "
                               "base's preprocessor_config.json");
}

/* ---- models made from others ----------------------------------------------------------------- */

static void
test_carried (void)
{
  const CowFormulaModel how = { .n_shards = 1 };
  g_autofree char *dense = g_build_filename (folder, "dense", NULL),
                  *small = g_build_filename (folder, "small", NULL),
                  *adapter = g_build_filename (folder, "kept", "best", NULL),
                  *merged = g_build_filename (folder, "merged", NULL);
  g_autoptr (GError) error = NULL;
  g_auto (CowPreprocessSource) source = { 0 };
  CowVitConfig config;

  g_assert_true (cow_vit_config_of_size ("tiny", &config));
  config.n_layers = 2;
  cow_formula_write_model (dense, &config, &how, &error);
  g_assert_no_error (error);
  write_file (dense, "preprocessor_config.json", "{\"size\": 64, \"mine\": 1, " SATELLITE "}");
  g_auto (Result) quantised = cli_run ("quantize", dense, small, NULL);
  runs_assert_ok (&quantised);
  g_autofree char *text = read_file (small, "preprocessor_config.json");
  g_assert_nonnull (strstr (text, "\"mine\" : 1"));
  g_assert_nonnull (strstr (text, "0.156"));

  /* The adapter of the run above was trained at 32x32 with imagenet, whatever its base says. */
  g_auto (Result) result =
      cli_run ("merge", "--model", small, "--adapter", adapter, "--out", merged, NULL);
  runs_assert_ok (&result);
  g_autofree char *card = g_build_filename (merged, "cowbehavior.json", NULL);
  g_assert_cmpint (g_remove (card), ==, 0);
  cow_preprocess_source_read_model (&source, merged, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (source.name, ==, "preprocessor_config.json");
  g_assert_cmpint (source.preprocess.width, ==, 32);
  g_assert_cmpint (source.preprocess.normalisation, ==, COW_IMAGENET);

  /* A network that was trained from scratch has a card. */
  g_autofree char *scratch = g_build_filename (folder, "scratch-card", NULL),
                  *from_card = g_build_filename (folder, "from-card", NULL);
  cow_formula_write_model (scratch, &config, &how, &error);
  g_assert_no_error (error);
  write_card (scratch, 96, 64, CK_BILINEAR_ANTIALIASED, COW_IMAGENET);
  g_auto (Result) again = cli_run ("quantize", scratch, from_card, NULL);
  runs_assert_ok (&again);
  g_autofree char *made = read_file (from_card, "preprocessor_config.json"),
                  *ours = shipped ("drawn-cows"),
                  *published = read_file (ours, "preprocessor_config.json");
  g_assert_cmpstr (made, ==, published);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  pictures_start (&error);
  g_assert_no_error (error);
  folder = cli_folder ();
  g_test_add_func ("/preprocessing/precedence", test_precedence);
  g_test_add_func ("/preprocessing/start-without-card", test_start_without_card);
  g_test_add_func ("/preprocessing/parts", test_parts);
  g_test_add_func ("/preprocessing/conflict", test_conflict);
  g_test_add_func ("/preprocessing/hostile", test_hostile);
  g_test_add_func ("/preprocessing/values", test_values);
  g_test_add_func ("/preprocessing/written", test_written);
  g_test_add_func ("/preprocessing/frozen", test_frozen);
  g_test_add_func ("/preprocessing/start", test_start);
  g_test_add_func ("/preprocessing/resume", test_resume);
  g_test_add_func ("/preprocessing/carried", test_carried);
  const int status = g_test_run ();
  cli_remove (folder);
  return status;
}
