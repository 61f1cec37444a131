/* SPDX-License-Identifier: MIT */
/* Recipes from presets, files and single settings; the schedule; parameters, memory and disk of a
 * plan. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "model/network/device.h"
#include "tests/trainer/cli.h"
#include "tests/trainer/drawn.h"
#include "trainer/train/idle-settings.h"
#include "trainer/train/plan.h"
#include "trainer/train/schedule.h"

static CowRecipe *
preset (const char *name)
{
  CowRecipe *recipe = cow_recipe_new ();
  g_autoptr (GError) error = NULL;

  cow_recipe_apply_preset (recipe, name, &error);
  g_assert_no_error (error);
  return recipe;
}

static void
assert_error (const GError *error, CowError code, const char *text)
{
  if (!g_error_matches (error, COW_ERROR, (int)code) || !strstr (error->message, text))
    g_error ("expected error %d with \"%s\", got %d: %s", (int)code, text, error ? error->code : -1,
             error ? error->message : "none");
}

/* ---- presets --------------------------------------------------------------------------------- */

/* The table of the paper's settings, written down a second time. */
static void
test_presets (void)
{
  static const struct {
    const char *name, *kind, *targets;
    int rank, batch, accumulation, epochs, patience;
    double rate, decay, warmup, floor, adapter_dropout, head_dropout;
    CowNormalisation normalisation;
  } expected[] = {
    { "qlora-q-r8", "lora", "q_proj", 8, 4, 8, 80, 5, 1e-4, .01, .03, .1, .1, .5, COW_UNIT },
    { "qlora-q-r16", "lora", "q_proj", 16, 4, 8, 80, 5, 1e-4, .01, .03, .1, .05, .5, COW_UNIT },
    { "qlora-all-r16", "lora", "all-linear", 16, 4, 8, 80, 5, 1e-4, .01, .03, .1, .05, .5,
      COW_UNIT },
    { "qlora-all-r64", "lora", "all-linear", 64, 4, 8, 80, 5, 1e-4, .01, .03, .1, .05, .5,
      COW_UNIT },
    { "dora-q-r8", "dora", "q_proj", 8, 4, 8, 80, 5, 1e-4, .01, .03, .1, .1, .5, COW_UNIT },
    { "dora-q-r16", "dora", "q_proj", 16, 4, 8, 80, 5, 1e-4, .01, .03, .1, .05, .5, COW_UNIT },
    { "dora-all-r16", "dora", "all-linear", 16, 4, 8, 80, 5, 1e-4, .01, .03, .1, .05, .5,
      COW_UNIT },
    { "dora-all-r64", "dora", "all-linear", 64, 4, 8, 80, 5, 1e-4, .01, .03, .1, .05, .5,
      COW_UNIT },
    { "frozen", "frozen", NULL, 0, 8, 4, 80, 10, 1e-3, 1e-4, 0, 0, 0, .3, COW_UNIT },
    { "resnet18", "resnet18", NULL, 0, 32, 1, 150, 15, 1e-3, 1e-4, 0, 0, 0, .5, COW_IMAGENET },
    { "vit-small", "vit-small", NULL, 0, 32, 1, 150, 10, 5e-5, 1e-4, 0, 0, 0, .5, COW_IMAGENET },
  };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autoptr (CowRecipe) recipe = preset (expected[i].name);
    g_test_message ("%s", expected[i].name);
    g_assert_cmpstr (recipe->name, ==, expected[i].name);
    g_assert_cmpstr (cow_recipe_kind_name (recipe), ==, expected[i].kind);
    g_assert_cmpint (recipe->batch, ==, expected[i].batch);
    g_assert_cmpint (recipe->gradient_accumulation, ==, expected[i].accumulation);
    g_assert_cmpint (recipe->epochs, ==, expected[i].epochs);
    g_assert_cmpint (recipe->patience, ==, expected[i].patience);
    g_assert_cmpfloat (recipe->learning_rate, ==, expected[i].rate);
    g_assert_cmpfloat (recipe->weight_decay, ==, expected[i].decay);
    g_assert_cmpfloat (recipe->warmup, ==, expected[i].warmup);
    g_assert_cmpfloat (recipe->min_lr_ratio, ==, expected[i].floor);
    g_assert_cmpfloat (recipe->head_dropout, ==, expected[i].head_dropout);
    g_assert_cmpint (recipe->preprocess.normalisation, ==, expected[i].normalisation);
    g_assert_cmpint (recipe->preprocess.width, ==, 224);
    g_assert_cmpint (recipe->augment, ==, COW_AUGMENT_MEDIUM);
    g_assert_cmpuint (cow_recipe_copies (recipe), ==, 3);
    g_assert_cmpfloat (recipe->label_smoothing, ==, .1);
    g_assert_cmpfloat (recipe->min_delta, ==, 1e-4);
    g_assert_cmpint (recipe->seed, ==, 42);
    if (!expected[i].targets)
      continue;
    g_assert_cmpint (recipe->rank, ==, expected[i].rank);
    g_assert_cmpstr (recipe->targets, ==, expected[i].targets);
    g_assert_cmpfloat (cow_recipe_alpha (recipe), ==, 2 * expected[i].rank);
    g_assert_cmpfloat (recipe->adapter_dropout, ==, expected[i].adapter_dropout);
  }
}

static void
test_unknown_preset (void)
{
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  g_autoptr (GError) near = NULL, far = NULL;

  g_assert_false (cow_recipe_apply_preset (recipe, "qlora-q-r6", &near));
  assert_error (near, COW_ERROR_NOT_FOUND, "did you mean qlora-q-r8");
  g_assert_false (cow_recipe_apply_preset (recipe, "xyzzy", &far));
  assert_error (far, COW_ERROR_NOT_FOUND, "there are qlora-q-r8, ");
}

/* ---- settings -------------------------------------------------------------------------------- */

/* Every setting of every preset reads back as it was written, alone and in a file. */
static void
test_round_trip (void)
{
  g_autofree char *folder = cli_folder (), *path = g_build_filename (folder, "recipe.ini", NULL);
  guint n;
  const CowRecipePreset *presets = cow_recipe_presets (&n);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++) {
    g_autoptr (CowRecipe) recipe = preset (presets[i].name), single = cow_recipe_new (),
                          whole = cow_recipe_new ();
    recipe->seed = 9007199254740991;
    recipe->preprocess.height = 96;
    recipe->learning_rate = .1 + .2;
    g_free (recipe->data);
    recipe->data = g_strdup ("/with spaces/ä;b=c");
    for (guint k = 0; k < cow_recipe_n_settings (); k++) {
      g_autofree char *value = cow_recipe_get (recipe, k);
      g_assert_true (cow_recipe_set (single, k, value, "x", &error));
    }
    g_autofree char *text = cow_recipe_to_text (recipe), *other = cow_recipe_to_text (single);
    g_assert_cmpstr (text, ==, other);
    g_file_set_contents (path, text, -1, &error);
    g_assert_true (cow_recipe_apply_file (whole, path, TRUE, &error));
    g_autofree char *again = cow_recipe_to_text (whole);
    g_assert_cmpstr (text, ==, again);
  }
  cli_remove (g_steal_pointer (&folder));
}

static void
test_values (void)
{
  static const struct {
    const char *key, *value, *message;
  } wrong[] = {
    { "rank", "0", "--rank is \"0\", expected a whole number from 1 to 1024" },
    { "rank", "8.5", "expected a whole number" },
    { "rank", "8x", "expected a whole number" },
    { "rank", "", "expected a whole number" },
    { "learning-rate", "nan", "expected a number from" },
    { "learning-rate", "inf", "expected a number from" },
    { "learning-rate", "1e999", "expected a number from" },
    { "learning-rate", "-1", "expected a number from" },
    { "kind", "vit",
      "expected one of lora, dora, frozen, frozen-tokens, dinov3, vit-small, resnet18" },
    { "allow-missing", "maybe", "expected one of no, yes" },
    { "size", "0", "expected a side in pixels" },
    { "size", "224x", "expected a side in pixels" },
    { "size", "99999", "expected a side in pixels" },
    { "data", "\xff", "is not UTF-8" },
  };
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *where = g_strconcat ("--", wrong[i].key, NULL);
    const int setting = cow_recipe_find (wrong[i].key);
    g_assert_cmpint (setting, >=, 0);
    g_assert_false (cow_recipe_set (recipe, (guint)setting, wrong[i].value, where, &error));
    assert_error (error, COW_ERROR_ARGUMENT, wrong[i].message);
  }
  g_assert_cmpint (cow_recipe_find ("nothing"), ==, -1);
}

static void
test_files (void)
{
  static const struct {
    const char *text, *message;
    CowError code;
  } wrong[] = {
    { "[train]\nlearning_rate=1\n",
      "[train] learning_rate: unknown key: did you mean learning-rate?", COW_ERROR_FORMAT },
    { "[train]\nrank=8\n", "this key belongs to group [model]", COW_ERROR_FORMAT },
    { "[training]\nepochs=8\n", "unknown group [training]: did you mean tracking, train?",
      COW_ERROR_FORMAT },
    { "[train]\nepochs=none\n", "recipe.ini: [train] epochs is \"none\"", COW_ERROR_ARGUMENT },
    { "[recipe]\nrecipe=qlora\n", "[recipe] recipe: there is no recipe \"qlora\": did you mean",
      COW_ERROR_NOT_FOUND },
    { "epochs=8\n", "recipe.ini: ", COW_ERROR_FORMAT },
  };
  g_autofree char *folder = cli_folder (), *path = g_build_filename (folder, "recipe.ini", NULL);
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (GError) why = NULL;
    g_file_set_contents (path, wrong[i].text, -1, &error);
    g_assert_false (cow_recipe_apply_file (recipe, path, TRUE, &why));
    assert_error (why, wrong[i].code, wrong[i].message);
  }
  /* A file is based on its preset, wherever in the file that is named. */
  g_file_set_contents (path, "[train]\nepochs=7\n[recipe]\nrecipe=frozen\n", -1, &error);
  g_assert_true (cow_recipe_apply_file (recipe, path, TRUE, &error));
  g_assert_cmpint (recipe->epochs, ==, 7);
  g_assert_cmpfloat (recipe->learning_rate, ==, 1e-3);
  g_remove (path);
  g_assert_false (cow_recipe_apply_file (recipe, path, TRUE, &error));
  assert_error (error, COW_ERROR_NOT_FOUND, "no such configuration file");
  cli_remove (g_steal_pointer (&folder));
}

/* Files that earlier versions wrote load for ever; what is written has the new names. */
static void
test_old_names (void)
{
  static const char old[] = "[data]\nval-part=0.3\ntest-part=0.1\n"
                            "[train]\naccumulation=7\nfloor=0.25\nsmoothing=0.05\nthreads=3\n";
  static const char *const fresh[] = { "val-fraction=0.3", "test-fraction=0.1",
                                       "gradient-accumulation=7", "min-lr-ratio=0.25",
                                       "label-smoothing=0.05" },
                           *const gone[] = { "val-part", "test-part",   "\naccumulation",
                                             "floor",    "\nsmoothing", "threads" },
                           *const both[] = { "[data]\nval-part=0.3\nval-fraction=0.3\n",
                                             "[train]\nmin-lr-ratio=0\nfloor=0\n" };
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "old.ini", NULL);
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, old, -1, &error);
  g_assert_no_error (error);
  cow_recipe_apply_file (recipe, path, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (recipe->val_fraction, ==, .3);
  g_assert_cmpfloat (recipe->test_fraction, ==, .1);
  g_assert_cmpint (recipe->gradient_accumulation, ==, 7);
  g_assert_cmpfloat (recipe->min_lr_ratio, ==, .25);
  g_assert_cmpfloat (recipe->label_smoothing, ==, .05);
  g_autofree char *text = cow_recipe_to_text (recipe);
  for (guint i = 0; i < G_N_ELEMENTS (fresh); i++)
    g_assert_nonnull (strstr (text, fresh[i]));
  for (guint i = 0; i < G_N_ELEMENTS (gone); i++)
    g_assert_null (strstr (text, gone[i]));

  for (guint i = 0; i < G_N_ELEMENTS (both); i++) {
    g_autoptr (GError) refused = NULL;
    g_file_set_contents (path, both[i], -1, &error);
    g_assert_no_error (error);
    g_assert_false (cow_recipe_apply_file (recipe, path, TRUE, &refused));
    assert_error (refused, COW_ERROR_FORMAT, "has both");
  }
  cli_remove (folder);
}

static void
set (CowRecipe *recipe, const char *key, const char *value)
{
  g_autoptr (GError) error = NULL;
  cow_recipe_set (recipe, (guint)cow_recipe_find (key), value, key, &error);
  g_assert_no_error (error);
}

/* A precision by its name, and none that training has no products for. */
static void
test_precisions (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowRecipe) recipe = preset ("qlora-q-r8");
  const int i = cow_recipe_find ("precision");

  for (CowPrecision p = COW_PRECISION_FP32; p < COW_PRECISION_INT8; p++) {
    set (recipe, "precision", cow_precision_name (p));
    g_assert_cmpint (cow_recipe_precision (recipe), ==, p);
  }
  g_assert_false (cow_recipe_set (recipe, (guint)i, "int8", "precision", &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
}

static void
test_check (void)
{
  static const struct {
    const char *preset, *keys[4][2], *message;
  } wrong[] = {
    { "frozen", { { "model", "m" } }, "--data" },
    { "qlora-q-r8", { { "data", "d" } }, "--model is missing" },
    { "resnet18", { { "data", "d" }, { "model", "m" } }, "starts from scratch" },
    { "frozen",
      { { "data", "d" }, { "model", "m" }, { "start", "s" } },
      "--start is for lora and dora" },
    { "qlora-q-r8",
      { { "data", "d" }, { "model", "m" }, { "targets", "" } },
      "--targets is empty" },
    { "resnet18", { { "data", "d" }, { "use-rslora", "yes" } }, "--use-rslora is for lora" },
    { "vit-small",
      { { "data", "d" }, { "init-lora-weights", "pissa" } },
      "--init-lora-weights is for lora" },
    { "frozen",
      { { "data", "d" }, { "model", "m" }, { "loraplus-lr-ratio", "16" } },
      "--loraplus-lr-ratio is for lora" },
    { "dinov3-scratch", { { "data", "d" }, { "network", "" } }, "--network is missing" },
    { "vit-small", { { "data", "d" }, { "size", "96" } }, "--size 96x96" },
    { "resnet18", { { "data", "d" }, { "size", "16" } }, "at least 32x32" },
    { "resnet18", { { "data", "d" }, { "precision", "int16" } }, "--precision int16" },
    { "resnet18", { { "data", "d" }, { "ema", "0.9" } }, "--ema is for transformers" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (CowRecipe) recipe = preset (wrong[i].preset);
    g_autoptr (GError) error = NULL;
    for (guint k = 0; k < 4 && wrong[i].keys[k][0]; k++)
      set (recipe, wrong[i].keys[k][0], wrong[i].keys[k][1]);
    g_assert_false (cow_recipe_check (recipe, &error));
    assert_error (error, COW_ERROR_ARGUMENT, wrong[i].message);
  }
}

static void
test_absolute (void)
{
  g_autofree char *folder = cli_folder (), *here = g_get_current_dir ();
  g_autoptr (CowRecipe) recipe = preset ("dinov3-scratch");

  g_assert_cmpint (g_chdir (folder), ==, 0);
  g_autofree char *there = g_get_current_dir (),
                  *expected = g_build_filename (there, "pictures", NULL);
  g_autofree char *prefix = g_strdup_printf ("/a=%s/b;/c=/d", there);
  g_mkdir ("pictures", 0755);
  g_mkdir ("tiny", 0755);
  set (recipe, "data", "pictures");
  set (recipe, "prefix", "/a=b;/c=/d");
  set (recipe, "test", "not there");
  cow_recipe_make_absolute (recipe);
  g_assert_cmpint (g_chdir (here), ==, 0);
  g_assert_cmpstr (recipe->data, ==, expected);
  g_assert_cmpstr (recipe->prefix, ==, prefix);
  g_assert_cmpstr (recipe->test, ==, "not there");
  g_assert_cmpstr (recipe->network, ==, "tiny"); /* the size, even if a file has that name */
  cli_remove (g_steal_pointer (&folder));
}

/* ---- the schedule ---------------------------------------------------------------------------- */

static void
test_schedule (void)
{
  const CowSchedule schedule = cow_schedule_new (1e-3, .1, .03, 1000),
                    plain = cow_schedule_new (1, 0, 0, 10),
                    short_one = cow_schedule_new (1, .5, .03, 5);

  g_assert_cmpint (schedule.warmup, ==, 30);
  /* The rate warms up linearly to its full value. */
  for (gint64 step = 0; step < 30; step++)
    g_assert_cmpfloat_with_epsilon (cow_schedule_at (&schedule, step),
                                    1e-3 * (double)(step + 1) / 30, 1e-15);
  g_assert_cmpfloat_with_epsilon (cow_schedule_at (&schedule, 30), 1e-3, 1e-15);
  g_assert_cmpfloat_with_epsilon (cow_schedule_at (&schedule, 30 + 970 / 2), .55e-3, 1e-15);
  g_assert_cmpfloat_with_epsilon (cow_schedule_at (&schedule, 1000), 1e-4, 1e-15);
  g_assert_cmpfloat_with_epsilon (cow_schedule_at (&schedule, 5000), 1e-4, 1e-15);
  for (gint64 step = 31; step < 1001; step++)
    g_assert_cmpfloat (cow_schedule_at (&schedule, step), <, cow_schedule_at (&schedule, step - 1));
  g_assert_cmpfloat (cow_schedule_at (&plain, 0), ==, 1);
  g_assert_cmpfloat_with_epsilon (cow_schedule_at (&plain, 5), .5, 1e-15);
  g_assert_cmpfloat (cow_schedule_at (&plain, 10), ==, 0);
  g_assert_cmpint (short_one.warmup, ==, 1);
  g_assert_cmpfloat (cow_schedule_at (&short_one, 0), ==, 1);
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* Of the processor. */
static void
plan_sizes (CowPlan *plan, const CowRecipe *recipe, const CowPlanInput *input, guint64 available)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = cow_device_open ("cpu", 1, &error);

  g_assert_no_error (error);
  cow_plan_sizes (plan, recipe, input, device, available);
}

static CowPlan
plan_of (const CowRecipe *recipe, const char *size, guint64 available)
{
  CowPlanInput input = { .n_classes = 9, .n_train = 2160, .n_val = 540 };
  g_autoptr (GError) error = NULL;
  CowPlan plan;

  if (cow_recipe_has_base (recipe))
    cow_plan_input_from_size (&input, size, CK_NF4, &error);
  else
    cow_plan_input_from_scratch (&input, recipe, &error);
  g_assert_no_error (error);
  plan_sizes (&plan, recipe, &input, available);
  return plan;
}

/* The paper's numbers for DINOv3 7B, computed from the configuration alone. */
static void
test_parameters (void)
{
  static const struct {
    const char *preset;
    gint64 adapter;
  } expected[] = {
    { "qlora-q-r8", 2621440 },      { "qlora-q-r16", 5242880 },    { "qlora-all-r16", 44564480 },
    { "qlora-all-r64", 178257920 }, { "dora-q-r8", 2785280 },      { "dora-q-r16", 5406720 },
    { "dora-all-r16", 46039040 },   { "dora-all-r64", 179732480 }, { "frozen", 0 }
  };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autoptr (CowRecipe) recipe = preset (expected[i].preset);
    const CowPlan plan = plan_of (recipe, "vit7b16", G_MAXUINT64);
    g_assert_cmpint (plan.head, ==, 4724745);
    g_assert_cmpint (plan.trained - plan.head, ==, expected[i].adapter);
  }
  g_autoptr (CowRecipe) resnet = preset ("resnet18"), vit = preset ("vit-small");
  g_assert_cmpint (plan_of (resnet, NULL, G_MAXUINT64).trained, ==, 11310153);
  g_assert_cmpint (plan_of (vit, NULL, G_MAXUINT64).trained, ==, 21817737);
}

/* Counts the network's parameters, without the gaps between them in memory. */
static gint64
count_parameters (CowNetwork *network)
{
  const CowParameters *parameters = cow_network_parameters (network);
  gint64 n = 0;
  for (guint i = 0; i < parameters->list->len; i++)
    n += (gint64)cow_parameters_get (parameters, i)->count;
  return n;
}

/* The plan agrees with the network that is then made. */
static void
test_real_parameters (void)
{
  g_autofree char *folder = cli_folder (), *base = drawn_base (folder);
  g_autoptr (GError) error = NULL;
  guint n;
  const CowRecipePreset *presets = cow_recipe_presets (&n);

  g_autoptr (CkDevice) device = cow_device_open (NULL, 1, &error);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  for (guint i = 0; i < n; i++) {
    g_autoptr (CowRecipe) recipe = preset (presets[i].name);
    CowPlanInput input = { .n_classes = 5, .n_train = 10, .n_val = 2 };
    CowPlan plan;
    if (cow_recipe_has_base (recipe))
      cow_plan_input_from_model (&input, base, &error);
    else
      cow_plan_input_from_scratch (&input, recipe, &error);
    g_assert_no_error (error);
    CowDetectorConfig detector;
    if (recipe->detect) {
      input.n_identities = 3;
      cow_recipe_detector (recipe, &input.backbone, &detector, &error);
      g_assert_no_error (error);
      input.detector = &detector;
    }
    plan_sizes (&plan, recipe, &input, G_MAXUINT64);
    g_auto (GStrv) targets = g_strsplit (recipe->targets, ",", -1);
    const CowNetworkOptions options = { .kind = (CowNetworkKind)recipe->kind,
                                        .n_classes = input.n_classes,
                                        .n_identities = input.n_identities,
                                        .detector = input.detector,
                                        .model = base,
                                        .rank = recipe->rank,
                                        .alpha = 1,
                                        .targets = (const char *const *)targets,
                                        .config = input.backbone.vit,
                                        .image_size = 224,
                                        .batch = 1 };
    g_autoptr (CowNetwork) network = cow_network_new (stream, &options, &error);
    g_assert_no_error (error);
    g_test_message ("%s", presets[i].name);
    g_assert_cmpint (plan.trained, ==, count_parameters (network));
  }
  cli_remove (g_steal_pointer (&folder));
}

static void
test_memory (void)
{
  g_autoptr (CowRecipe) recipe = preset ("qlora-all-r64");
  const CowPlan roomy = plan_of (recipe, "vit7b16", G_MAXUINT64),
                tight = plan_of (recipe, "vit7b16", 12000000000);

  /* Checkpointing depends on memory, unless the recipe sets it. */
  g_assert_false (roomy.checkpointing);
  g_assert_true (tight.checkpointing);
  g_assert_cmpuint (tight.activations, <, roomy.activations / 4);
  g_assert_cmpuint (tight.memory, <, 12000000000);
  g_assert_cmpuint (tight.parameters, ==, 20 * 182982665ull);
  g_assert_cmpuint (tight.base, >, 3500000000);
  g_assert_cmpuint (tight.base, <, 4500000000);
  recipe->checkpointing = COW_CHECKPOINTING_OFF;
  g_assert_false (plan_of (recipe, "vit7b16", 1).checkpointing);
  recipe->checkpointing = COW_CHECKPOINTING_ON;
  g_assert_true (plan_of (recipe, "vit7b16", G_MAXUINT64).checkpointing);
  recipe->gradient_accumulation = 1;
  g_assert_cmpuint (plan_of (recipe, "vit7b16", 0).parameters, ==, 16 * 182982665ull);
  const guint64 before = plan_of (recipe, "vit7b16", 0).memory;
  recipe->batch *= 2;
  g_assert_cmpuint (plan_of (recipe, "vit7b16", 0).memory, >, before);
  g_autoptr (CowRecipe) frozen = preset ("frozen");
  g_assert_cmpuint (plan_of (frozen, "vit7b16", 0).features, ==,
                    2ull * (2160 * 3 + 540) * 4096 * 4);
}

/* The time is proportional to the work. */
static void
test_time (void)
{
  const CowSpeed speed = { 1e11, 1e11, 1e11, 1e11, 1e11, 1e9, .02, .006 };
  g_autoptr (CowRecipe) lora = preset ("qlora-q-r8"), frozen = preset ("frozen"),
                        resnet = preset ("resnet18");
  CowPlanInput input = { .n_classes = 9, .n_train = 1000, .n_val = 100 };
  g_autoptr (GError) error = NULL;
  CowPlanTime time, small;
  CowPlan plan;

  cow_plan_input_from_size (&input, "vitl16", CK_NF4, &error);
  g_assert_no_error (error);
  plan_sizes (&plan, lora, &input, G_MAXUINT64);
  cow_plan_time (&time, lora, &input, &plan, &speed);
  /* ViT-L at 201 tokens has some 61 G multiply-adds in the forward pass. */
  g_assert_cmpfloat (time.val_picture, >, 1.1);
  g_assert_cmpfloat (time.val_picture, <, 1.6);
  g_assert_cmpfloat (time.train_picture, >, 1.9 * time.val_picture);
  g_assert_cmpfloat (time.train_picture, <, 2.5 * time.val_picture);
  g_assert_cmpfloat (time.epoch, >=, 3000 * time.train_picture + 100 * time.val_picture);
  g_assert_cmpfloat_with_epsilon (time.run, 80 * time.epoch, 1e-6 * time.run);
  cow_plan_input_from_size (&input, "vits16", CK_NF4, &error);
  plan_sizes (&plan, lora, &input, G_MAXUINT64);
  cow_plan_time (&small, lora, &input, &plan, &speed);
  g_assert_cmpfloat (small.train_picture, <, time.train_picture / 8);
  plan_sizes (&plan, frozen, &input, G_MAXUINT64);
  cow_plan_time (&time, frozen, &input, &plan, &speed);
  /* Features alone save most of one of the twelve layers. */
  g_assert_cmpfloat (time.features, <, .97 * 3100 * small.val_picture);
  g_assert_cmpfloat (time.features, >, .9 * 3100 * small.val_picture);
  g_assert_cmpfloat (time.epoch, <, time.features / 100);
  cow_plan_input_from_scratch (&input, resnet, &error);
  g_assert_no_error (error);
  plan_sizes (&plan, resnet, &input, G_MAXUINT64);
  cow_plan_time (&time, resnet, &input, &plan, &speed);
  g_assert_cmpfloat_with_epsilon (time.epoch, 3000 * .02 + 100 * .006, 2);
}

static void
test_text (void)
{
  g_autofree char *bytes = cow_memory_bytes_text (1234567890), *few = cow_memory_bytes_text (999);

  g_assert_cmpstr (bytes, ==, "1.15 GiB");
  g_assert_cmpstr (few, ==, "1.0 KiB");
}

/* ---- settings that decide nothing ------------------------------------------------------------ */

/* All that are given to a run of a preset; which of them are said to be idle there. */
static void
test_idle (void)
{
  static const struct {
    const char *preset, *idle;
    gboolean start_has_layers, checkpoints, divided, tracked;
  } cases[] = {
    { "frozen", "targets rank alpha adapter-dropout network checkpointing", FALSE, FALSE, TRUE,
      TRUE },
    { "qlora-q-r8", "network", FALSE, TRUE, TRUE, TRUE },
    { "qlora-q-r8", "targets rank alpha network", TRUE, TRUE, TRUE, TRUE },
    { "dinov3-scratch", "targets rank alpha adapter-dropout", FALSE, TRUE, TRUE, TRUE },
    { "resnet18", "targets rank alpha adapter-dropout network checkpointing", FALSE, FALSE, TRUE,
      TRUE },
    { "qlora-q-r8", "network val-fraction test-fraction experiment run-name", FALSE, TRUE, FALSE,
      FALSE },
  };
  static const char *const given[][2] = {
    { "targets", "q_proj" },   { "rank", "8" },           { "alpha", "8" },
    { "network", "tiny" },     { "checkpointing", "on" }, { "adapter-dropout", "0.1" },
    { "head-dropout", "0.1" }, { "val-fraction", "0.3" }, { "test-fraction", "0.1" },
    { "experiment", "barn" },  { "run-name", "one" },     { "min-delta", "0.01" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CowRecipe) recipe = cow_recipe_new ();
    const CowIdleCase idle = { .recipe = recipe,
                               .start_has_layers = cases[i].start_has_layers,
                               .checkpoints = cases[i].checkpoints,
                               .divided = cases[i].divided,
                               .tracked = cases[i].tracked };
    g_auto (GStrv) expected = g_strsplit (cases[i].idle, " ", -1);

    g_assert_true (cow_recipe_apply_preset (recipe, cases[i].preset, NULL));
    g_autoptr (GPtrArray) none = cow_idle_settings (&idle);
    g_assert_cmpuint (none->len, ==, 0); /* what a preset says is nobody's wish */
    for (guint k = 0; k < G_N_ELEMENTS (given); k++) {
      g_autofree char *where = g_strconcat ("--", given[k][0], NULL);
      g_assert_true (
          cow_recipe_give (recipe, (guint)cow_recipe_find (given[k][0]), given[k][1], where, NULL));
    }
    g_autoptr (GPtrArray) said = cow_idle_settings (&idle);
    g_assert_cmpuint (said->len, ==, g_strv_length (expected));
    for (char **key = expected; *key; key++) {
      g_autofree char *begin = g_strdup_printf ("--%s has no effect: ", *key);
      gboolean found = FALSE;
      for (guint k = 0; k < said->len; k++)
        found |= g_str_has_prefix (said->pdata[k], begin);
      if (!found)
        g_error ("%s: --%s is not said to be idle", cases[i].preset, *key);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recipe/presets", test_presets);
  g_test_add_func ("/recipe/idle", test_idle);
  g_test_add_func ("/recipe/unknown-preset", test_unknown_preset);
  g_test_add_func ("/recipe/round-trip", test_round_trip);
  g_test_add_func ("/recipe/values", test_values);
  g_test_add_func ("/recipe/precisions", test_precisions);
  g_test_add_func ("/recipe/files", test_files);
  g_test_add_func ("/recipe/check", test_check);
  g_test_add_func ("/recipe/old-names", test_old_names);
  g_test_add_func ("/recipe/absolute", test_absolute);
  g_test_add_func ("/schedule", test_schedule);
  g_test_add_func ("/plan/parameters", test_parameters);
  g_test_add_func ("/plan/real-parameters", test_real_parameters);
  g_test_add_func ("/plan/memory", test_memory);
  g_test_add_func ("/plan/time", test_time);
  g_test_add_func ("/plan/text", test_text);
  return g_test_run ();
}
