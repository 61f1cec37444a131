/* SPDX-License-Identifier: MIT */
/*
 * What precision=auto stands for: the rules by which figures are judged, the file that keeps the
 * choice, what is said of a bad one, and networks whose int8 really fails.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/adapter/head-weights.h"
#include "model/engine/engine.h"
#include "model/network/precision-mix.h"
#include "model/network/precision-trial.h"
#include "tests/model/golden.h"
#include "tests/model/precision-fixture.h"
#include "tests/model/scratch.h"

#define N_FEATURES 128
#define N_CLASSES  9

/* ---- rules ----------------------------------------------------------------------------------- */

/* Figures in which both paths pass, and int8 is the fastest. */
static CowPrecisionFigures
good_figures (void)
{
  return (CowPrecisionFigures){ .n_pictures = 10,
                                .has_head = TRUE,
                                .n_paths = 2,
                                .paths = { { COW_PRECISION_INT16, 50, 100, .99995, 10, NULL },
                                           { COW_PRECISION_INT8, 25, 100, .9995, 10, NULL } } };
}

/* One without int8, which not every machine has. */
static CowPrecisionFigures
int16_figures (void)
{
  CowPrecisionFigures figures = good_figures ();
  figures.n_paths = 1;
  return figures;
}

static void
expect_verdict (const CowPrecisionPath *int8, gboolean has_head, CowVerdict verdict)
{
  CowPrecisionFigures figures = good_figures ();
  figures.has_head = has_head;
  figures.paths[1] = *int8;
  g_assert_cmpint (cow_precision_judge (&figures, &figures.paths[1]), ==, verdict);
  g_assert_cmpint (cow_precision_decide (&figures), ==,
                   verdict == COW_VERDICT_PASSED ? COW_PRECISION_INT8 : COW_PRECISION_INT16);
}

static void
test_rules (void)
{
  CowPrecisionFigures none = { .n_pictures = 1 }, slow = int16_figures ();
#define INT8(...) (&(CowPrecisionPath){ COW_PRECISION_INT8, __VA_ARGS__, NULL })
  expect_verdict (INT8 (25, 100, .999, 10), TRUE, COW_VERDICT_PASSED);
  expect_verdict (INT8 (25, 100, .9989, 10), TRUE, COW_VERDICT_INEXACT);
  expect_verdict (INT8 (25, 100, .9999, 9), TRUE, COW_VERDICT_LABELS);
  expect_verdict (INT8 (25, 100, .9999, 0), FALSE, COW_VERDICT_PASSED);
  expect_verdict (INT8 (99, 100, .9999, 10), TRUE, COW_VERDICT_SLOW);
  expect_verdict (INT8 (25, 100, NAN, 10), TRUE, COW_VERDICT_NOT_FINITE);
#undef INT8
  /* Of two that pass it is the faster, not the last. */
  CowPrecisionFigures figures = good_figures ();
  figures.paths[0].ms = 20;
  g_assert_cmpint (cow_precision_decide (&figures), ==, COW_PRECISION_INT16);
  /* int16 has a stricter gate. */
  figures.paths[0].cosine = .9995;
  g_assert_cmpint (cow_precision_decide (&figures), ==, COW_PRECISION_INT8);
  slow.paths[0].ms = 98;
  g_assert_cmpint (cow_precision_decide (&slow), ==, COW_PRECISION_FP32);
  g_assert_cmpint (cow_precision_decide (&none), ==, COW_PRECISION_FP32);
}

static char *raised_names[] = { "layer.1.mlp.up_proj", "layer.1.mlp.down_proj", NULL };

/* int8 fails for its labels, and passes with raised layers. */
static CowPrecisionFigures
mixed_figures (void)
{
  CowPrecisionFigures figures = good_figures ();
  figures.n_linear = 12;
  figures.paths[1].same_labels = 9;
  figures.paths[figures.n_paths++] =
      (CowPrecisionPath){ COW_PRECISION_INT8, 30, 100, .9995, 10, raised_names };
  return figures;
}

static void
test_mix_rules (void)
{
  CowPrecisionFigures figures = mixed_figures ();
  CowPrecisionPath *int16 = &figures.paths[0], *int8 = &figures.paths[1], *mix = &figures.paths[2];
  g_assert_true (cow_precision_decide_mix (&figures) == mix);
  /* Versions that know no mix take what is best without. */
  g_assert_cmpint (cow_precision_decide (&figures), ==, COW_PRECISION_INT16);
  g_assert_true (cow_precision_wants_mix (&figures, int8));
  g_assert_false (cow_precision_wants_mix (&figures, int16));
  /* The gate is int8's, and so are the labels. */
  mix->cosine = .9989;
  g_assert_cmpint (cow_precision_judge (&figures, mix), ==, COW_VERDICT_INEXACT);
  mix->cosine = .9995;
  mix->same_labels = 9;
  g_assert_cmpint (cow_precision_judge (&figures, mix), ==, COW_VERDICT_LABELS);
  g_assert_null (cow_precision_decide_mix (&figures));
  mix->same_labels = 10;
  /* It has to be faster than int16, whether int16 passes or not. */
  mix->ms = 49;
  g_assert_cmpint (cow_precision_judge (&figures, mix), ==, COW_VERDICT_SLOW_MIX);
  int16->cosine = .9998;
  g_assert_cmpint (cow_precision_judge (&figures, mix), ==, COW_VERDICT_SLOW_MIX);
  g_assert_true (cow_precision_wants_mix (&figures, int8));
  /* No layer mends int8 where int16 fails too; nor is a slow one worth it. */
  int16->cosine = .9;
  g_assert_false (cow_precision_wants_mix (&figures, int8));
  int16->cosine = .99995;
  int8->ms = 49;
  g_assert_false (cow_precision_wants_mix (&figures, int8));
  int8->ms = 25;
  int8->same_labels = 10;
  g_assert_false (cow_precision_wants_mix (&figures, int8));
  /* int16 that fails is no matter where int8 passes. */
  int16->cosine = .9998;
  g_assert_false (cow_precision_wants_mix (&figures, int16));
}

/* ---- folders --------------------------------------------------------------------------------- */

static void
keep (const PrecisionFolders *self, const char *adapter, const CowPrecisionFigures *figures)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = precision_device ();
  cow_precision_choice_write (self->model, adapter, device, figures, &error);
  g_assert_no_error (error);
}

/* What auto stands for; why and the warning have these words (NULL: there is none). */
static void
expect_choice (const PrecisionFolders *self, const char *adapter, CowPrecision precision,
               const char *why, const char *warning)
{
  g_auto (CowPrecisionChoice) choice = { 0 };
  cow_precision_choose (COW_PRECISION_AUTO, self->model, adapter, "cpu", &choice);
  g_assert_cmpint (choice.precision, ==, precision);
  g_assert_nonnull (choice.why);
  if (!strstr (choice.why, why))
    g_error ("expected \"%s\" in: %s", why, choice.why);
  g_assert_true (!warning == !choice.warning);
  if (warning && !strstr (choice.warning, warning))
    g_error ("expected \"%s\" in: %s", warning, choice.warning);
  if (warning)
    g_assert_nonnull (strstr (choice.warning, "--check"));
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static void
test_kept (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const CowPrecisionFigures figures = int16_figures ();
  g_auto (CowPrecisionChoice) explicit = { 0 };
  if (!precision_has_int16 ())
    return;
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "quantize", NULL);
  keep (self, self->adapter, &figures);
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "10 pictures", NULL);
  /* It is the adapter's, so that the model alone has none. */
  expect_choice (self, NULL, COW_PRECISION_FP32, "nobody has measured", NULL);
  cow_precision_choose (COW_PRECISION_INT8, self->model, self->adapter, "cpu", &explicit);
  g_assert_cmpint (explicit.precision, ==, COW_PRECISION_INT8);
  g_assert_null (explicit.why);

  const CowClassifierOptions automatic = { .model = self->model, .adapter = self->adapter },
                             resolved = { .model = self->model,
                                          .adapter = self->adapter,
                                          .precision = COW_PRECISION_INT16 },
                             exact = { .model = self->model,
                                       .adapter = self->adapter,
                                       .precision = COW_PRECISION_FP32 };
  g_autoptr (CowEngine) one = cow_engine_get (&automatic, &error);
  g_autoptr (CowEngine) two = cow_engine_get (&resolved, &error);
  g_autoptr (CowEngine) three = cow_engine_get (&exact, &error);
  g_assert_no_error (error);
  g_assert_true (one == two);
  g_assert_true (one != three);
  g_assert_cmpint (cow_engine_precision (one), ==, COW_PRECISION_INT16);
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&automatic, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cow_classifier_precision (classifier), ==, COW_PRECISION_INT16);
}

/* A choice without this adapter serves until the adapter has its own. */
static void
test_of_model (PrecisionFolders *self, gconstpointer data)
{
  const CowPrecisionFigures figures = int16_figures ();
  CowPrecisionFigures slow = figures;
  slow.paths[0].ms = 100;
  if (!precision_has_int16 ())
    return;
  keep (self, NULL, &figures);
  expect_choice (self, NULL, COW_PRECISION_INT16, "10 pictures (", NULL);
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "without this adapter", NULL);
  keep (self, self->adapter, &slow);
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "10 pictures (", NULL);
}

/* Each set of instructions has its own choice, and writing one leaves the others. */
static void
test_levels (PrecisionFolders *self, gconstpointer data)
{
  const CowPrecisionFigures figures = int16_figures ();
  CowPrecisionFigures slow = figures;
  slow.paths[0].ms = 100;
  const char *const *levels = ck_cpu_levels ();
  const guint n = g_strv_length ((char **)levels);
  g_autofree char *before = g_strdup (g_getenv ("COWBEHAVIOR_CPU"));
  if (n < 3) {
    g_test_skip ("this processor has no two levels with int16");
    return;
  }
  g_setenv ("COWBEHAVIOR_CPU", levels[n - 1], TRUE);
  keep (self, self->adapter, &figures);
  g_setenv ("COWBEHAVIOR_CPU", levels[n - 2], TRUE);
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "knows other processors", NULL);
  keep (self, self->adapter, &slow);
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "10 pictures", NULL);
  g_setenv ("COWBEHAVIOR_CPU", levels[n - 1], TRUE);
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "10 pictures", NULL);
  if (before)
    g_setenv ("COWBEHAVIOR_CPU", before, TRUE);
  else
    g_unsetenv ("COWBEHAVIOR_CPU");
}

/* int16 with raised layers, which more machines have than int8. */
static CowPrecisionFigures
mixed_int16_figures (void)
{
  CowPrecisionFigures figures = int16_figures ();
  figures.n_linear = 12;
  figures.paths[0].same_labels = 9;
  figures.paths[figures.n_paths++] =
      (CowPrecisionPath){ COW_PRECISION_INT16, 60, 100, .99995, 10, raised_names };
  return figures;
}

static void
test_mix_kept (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const CowPrecisionFigures figures = mixed_int16_figures ();
  g_auto (CowPrecisionChoice) choice = { 0 };
  if (!precision_has_int16 ())
    return;
  keep (self, self->adapter, &figures);
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "10 pictures", NULL);
  cow_precision_choose (COW_PRECISION_AUTO, self->model, self->adapter, "cpu", &choice);
  g_assert_true (
      g_strv_equal ((const char *const *)choice.raised, (const char *const *)raised_names));
  g_autofree char *text = cow_precision_choice_text (&choice);
  g_assert_cmpstr (text, ==,
                   "int16, with 2 of 12 layers in fp32: layer.1.mlp.up_proj, "
                   "layer.1.mlp.down_proj");
  /* What versions that know no mix read. */
  g_autofree char *file = scratch_read (self->adapter, "precision.json", NULL);
  g_assert_nonnull (strstr (file, "\"precision\" : \"fp32\","));
  g_assert_nonnull (strstr (file, "\"format\" : 1,"));

  const CowClassifierOptions automatic = { .model = self->model, .adapter = self->adapter },
                             whole = { .model = self->model,
                                       .adapter = self->adapter,
                                       .precision = COW_PRECISION_INT16 };
  g_autoptr (CowEngine) one = cow_engine_get (&automatic, &error);
  g_autoptr (CowEngine) two = cow_engine_get (&whole, &error);
  g_autoptr (CowEngine) three = cow_engine_get (&automatic, &error);
  g_assert_no_error (error);
  g_assert_true (one != two);
  g_assert_true (one == three);
  g_assert_cmpstr (cow_engine_precision_text (one), ==, text);
  g_assert_cmpstr (cow_engine_precision_text (two), ==, "int16");
}

/* ---- what is not believed -------------------------------------------------------------------- */

static char *
replaced (const char *text, const char *old, const char *new)
{
  g_auto (GStrv) parts = g_strsplit (text, old, -1);
  g_assert_cmpuint (g_strv_length (parts), >, 1);
  return g_strjoinv (new, parts);
}

/* What is written in place of what, and a word of the warning. */
typedef struct {
  const char *old, *new, *words;
} BadFile;

/* Writes each over the file that these figures make. */
static void
expect_disbelief (const PrecisionFolders *self, const CowPrecisionFigures *figures,
                  const BadFile *cases, guint n)
{
  keep (self, self->adapter, figures);
  g_autofree char *good = scratch_read (self->adapter, "precision.json", NULL);
  for (guint i = 0; i < n; i++) {
    g_autofree char *bad = replaced (good, cases[i].old, cases[i].new);
    scratch_write (self->adapter, "precision.json", bad);
    expect_choice (self, self->adapter, COW_PRECISION_FP32, "not believed", cases[i].words);
  }
}

static void
test_bad_mixes (PrecisionFolders *self, gconstpointer data)
{
  static const BadFile cases[] = {
    { "\"mix\" : {", "\"mix\" : 1, \"m\" : {", "mix" },
    { "\"finer\" : \"fp32\"", "\"finer\" : \"int8\"", "finer" },
    { "\"finer\" : \"fp32\"", "\"finer\" : \"int4\"", "int4" },
    { "\"finer\" : \"fp32\"", "\"fine\" : \"fp32\"", "finer" },
    { "\"layers\" : [", "\"layers\" : [], \"l\" : [", "layers" },
    { "\"layers\" : [", "\"layers\" : [1, ", "layers" },
    { "\"layers\" : [", "\"l\" : [", "layers" },
    { "\"layer.1.mlp.up_proj\"", "\"layer.7.mlp.up_proj\"", "layer.7.mlp.up_proj" },
    { "\"layer.1.mlp.up_proj\"", "\"layer.1.mlp.down_proj\"", "twice" },
  };
  const CowPrecisionFigures figures = mixed_int16_figures ();
  if (precision_has_int16 ())
    expect_disbelief (self, &figures, cases, G_N_ELEMENTS (cases));
}

static void
test_bad_files (PrecisionFolders *self, gconstpointer data)
{
  static const BadFile cases[] = {
    { "{", "", "precision.json" },
    { "\"choices\"", "\"choice\"", "choices" },
    { "\"weights\"", "\"weight\"", "weights" },
    { "\"format\" : 1", "\"format\" : 2", "format" },
    { "\"format\" : 1", "\"format\" : \"1\"", "format" },
    { "\"arithmetic\" : ", "\"arithmetic\" : 1", "arithmetic 1" },
    { "\"weights\" : \"", "\"weights\" : \"0", "other weights" },
    { "\"weights\" : \"", "\"weights\" : 1, \"w\" : \"", "weights" },
    { "\"choices\" : {", "\"choices\" : 1, \"c\" : {", "choices" },
    { "\"precision\" : \"int16\"", "\"precision\" : \"int1\"", "int1" },
    { "\"precision\" : \"int16\"", "\"precision\" : \"auto\"", "auto" },
    { "\"precision\" : \"int16\"", "\"precision\" : 16", "precision" },
    { "\"pictures\" : 10", "\"pictures\" : -1", "pictures" },
    { "\"pictures\" : 10", "\"picture\" : 10", "pictures" },
  };
  g_autoptr (GError) error = NULL;
  const CowPrecisionFigures figures = int16_figures ();
  if (!precision_has_int16 ())
    return;
  expect_disbelief (self, &figures, cases, G_N_ELEMENTS (cases));
  /* An engine is still to be had, in fp32. */
  const CowClassifierOptions automatic = { .model = self->model, .adapter = self->adapter };
  g_autoptr (CowEngine) engine = cow_engine_get (&automatic, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cow_engine_precision (engine), ==, COW_PRECISION_FP32);
  /* A new measurement takes the bad file's place. */
  keep (self, self->adapter, &figures);
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "10 pictures", NULL);
}

/* Weights of the head, of an adapter, of the model, and how pictures are prepared: the choice is of
 * all of them. */
static void
test_other_weights (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *golden = golden_path ("plain"), *fp32 = golden_path ("plain/fp32"),
                  *from = g_build_filename (fp32, "model.safetensors", NULL),
                  *to = g_build_filename (self->model, "model.safetensors", NULL);
  const CowPrecisionFigures figures = int16_figures ();
  if (!precision_has_int16 ())
    return;
  keep (self, self->adapter, &figures);

  g_autoptr (CowHeadWeights) head = cow_head_weights_read (self->adapter, 0, 0, &error);
  g_assert_no_error (error);
  head->layers[0].weight[0] += 1;
  cow_head_weights_write (head, self->adapter, &error);
  g_assert_no_error (error);
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "not believed", "other weights");
  scratch_copy (golden, self->adapter, "classifier.safetensors");
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "10 pictures", NULL);

  scratch_write (self->adapter, "adapter_model.bin", "a pickle");
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "not believed", "other weights");
  g_autofree char *pickle = g_build_filename (self->adapter, "adapter_model.bin", NULL);
  g_assert_cmpint (g_remove (pickle), ==, 0);
  expect_choice (self, self->adapter, COW_PRECISION_INT16, "10 pictures", NULL);

  g_autofree float *zeros = g_new0 (float, N_FEATURES);
  scratch_copy_tensors (from, to, (ScratchEdit[]){ { .name = "norm.bias", .data = zeros }, { 0 } });
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "not believed", "other weights");
  scratch_copy (fp32, self->model, "model.safetensors");

  g_autoptr (CowCard) card = cow_card_read (self->adapter, NULL, &error);
  card->preprocess.normalisation = COW_IMAGENET;
  cow_card_write (card, self->adapter, &error);
  g_assert_no_error (error);
  expect_choice (self, self->adapter, COW_PRECISION_FP32, "not believed", "other weights");
}

/* ---- measuring ------------------------------------------------------------------------------- */

static CowClassifier *
open_classifier (const PrecisionFolders *self, CowPrecision precision)
{
  g_autoptr (GError) error = NULL;
  const CowClassifierOptions options = {
    .model = self->model, .adapter = self->adapter, .precision = precision, .threads = 1
  };
  CowClassifier *classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  return classifier;
}

static void
run_trial (const PrecisionFolders *self, CowPrecisionFigures *figures)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = precision_pictures ();
  g_autoptr (CowClassifier) fp32 = open_classifier (self, COW_PRECISION_FP32);
  cow_precision_trial (fp32, pixels, PRECISION_N_PICTURES, NULL, NULL, figures, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (figures->n_pictures, ==, PRECISION_N_PICTURES);
  g_assert_true (figures->has_head);
  for (guint i = 0; i < figures->n_paths; i++) {
    const CowPrecisionPath *path = &figures->paths[i];
    g_test_message ("%s: %.3g ms of %.3g, cosine %.6f, %u labels: %s",
                    cow_precision_name (path->precision), path->ms, path->fp32_ms, path->cosine,
                    path->same_labels, cow_verdict_text (cow_precision_judge (figures, path)));
    g_assert_cmpfloat (path->ms, >, 0);
    g_assert_cmpfloat (path->fp32_ms, >, 0);
  }
}

static const CowPrecisionPath *
find_path (const CowPrecisionFigures *figures, CowPrecision precision)
{
  for (guint i = 0; i < figures->n_paths; i++)
    if (figures->paths[i].precision == precision)
      return &figures->paths[i];
  return NULL;
}

/* With the times of a machine on which fewer bits are faster: a small network's tell little. */
static CowPrecision
decide_as_if_fast (CowPrecisionFigures figures)
{
  for (guint i = 0; i < figures.n_paths; i++)
    figures.paths[i].ms =
        figures.paths[i].fp32_ms * (figures.paths[i].precision == COW_PRECISION_INT8 ? .3 : .6);
  return cow_precision_decide (&figures);
}

static void
test_trial (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionFigures) figures = { 0 };
  run_trial (self, &figures);
  for (guint i = 0; i < figures.n_paths; i++) {
    g_assert_cmpfloat (figures.paths[i].cosine, <, 1);
    g_assert_cmpfloat (figures.paths[i].cosine, >, .999);
    g_assert_cmpuint (figures.paths[i].same_labels, ==, PRECISION_N_PICTURES);
  }
  if (find_path (&figures, COW_PRECISION_INT16))
    g_assert_cmpfloat (find_path (&figures, COW_PRECISION_INT16)->cosine, >, .999999);
  if (find_path (&figures, COW_PRECISION_INT8))
    g_assert_cmpint (decide_as_if_fast (figures), ==, COW_PRECISION_INT8);
}

/* Multiplies two columns of a matrix, and divides what the norm before it puts into these: the same
 * network, but 8 bits are too few for what stands beside them in a block. */
#define LARGER 100

static float *
scaled (const CowSafetensors *file, const char *name, gint64 columns, float by)
{
  const CowTensor *tensor = golden_tensor (file, name);
  const gint64 n = (gint64)cow_tensor_count (tensor);
  float *values = golden_floats (tensor);
  for (gint64 i = 0; i < n; i++)
    if (i % columns % 64 == 0)
      values[i] *= by;
  return values;
}

static void
enlarge_columns (const PrecisionFolders *self)
{
  static const struct {
    const char *name;
    float by;
  } tensors[] = {
    { "norm1.weight", 1.f / LARGER },      { "norm1.bias", 1.f / LARGER },
    { "attention.q_proj.weight", LARGER }, { "attention.k_proj.weight", LARGER },
    { "attention.v_proj.weight", LARGER }, { "norm2.weight", 1.f / LARGER },
    { "norm2.bias", 1.f / LARGER },        { "mlp.up_proj.weight", LARGER },
  };
  g_autofree char *folder = golden_path ("plain/fp32"),
                  *from = g_build_filename (folder, "model.safetensors", NULL),
                  *to = g_build_filename (self->model, "model.safetensors", NULL);
  g_autoptr (CowSafetensors) file = golden_open ("plain/fp32", "model.safetensors");
  g_autoptr (GPtrArray) memory = g_ptr_array_new_with_free_func (g_free);
  ScratchEdit edits[2 * G_N_ELEMENTS (tensors) + 1] = { 0 };
  for (guint i = 0; i < 2 * G_N_ELEMENTS (tensors); i++) {
    const guint t = i % G_N_ELEMENTS (tensors), layer = i / G_N_ELEMENTS (tensors);
    char *name = g_strdup_printf ("layer.%u.%s", layer, tensors[t].name);
    float *values = scaled (file, name, N_FEATURES, tensors[t].by);
    g_ptr_array_add (memory, name);
    g_ptr_array_add (memory, values);
    edits[i] = (ScratchEdit){ .name = name, .data = values };
  }
  scratch_copy_tensors (from, to, edits);
}

static void
test_inexact (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionFigures) figures = { 0 };
  enlarge_columns (self);
  run_trial (self, &figures);
  const CowPrecisionPath *int8 = find_path (&figures, COW_PRECISION_INT8);
  if (!int8) {
    g_test_skip ("this processor has no int8");
    return;
  }
  g_assert_cmpint (cow_precision_judge (&figures, int8), ==, COW_VERDICT_INEXACT);
  g_assert_cmpint (decide_as_if_fast (figures), ==, COW_PRECISION_INT16);
}

/* The features [N_FEATURES] of a picture in one precision; free with g_free. */
static float *
features_of (const PrecisionFolders *self, CowPrecision precision, const float *pixels)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) classifier = open_classifier (self, precision);
  CowOutput output;
  cow_classifier_run (classifier, pixels, 1, PRECISION_SIDE, PRECISION_SIDE, &output, &error);
  g_assert_no_error (error);
  return g_memdup2 (output.pooler_output, N_FEATURES * sizeof (float));
}

/* A head of one layer whose border between two classes lies in the middle between what fp32 and
 * int8 compute of a picture. */
static void
write_border (const PrecisionFolders *self, const float *exact, const float *fast)
{
  g_autoptr (GError) error = NULL;
  float weight[N_CLASSES][N_FEATURES] = { 0 }, bias[N_CLASSES];
  double middle = 0, length = 0;
  for (int i = 0; i < N_FEATURES; i++)
    length += ((double)fast[i] - exact[i]) * ((double)fast[i] - exact[i]);
  for (int i = 0; i < N_FEATURES; i++) {
    weight[1][i] = (float)((fast[i] - exact[i]) / sqrt (length));
    middle += weight[1][i] * ((double)fast[i] + exact[i]) / 2;
  }
  for (int c = 0; c < N_CLASSES; c++)
    bias[c] = -1e3f;
  bias[0] = 0;
  bias[1] = (float)-middle;
  CowHeadLayer layer = { N_FEATURES, N_CLASSES, &weight[0][0], bias };
  const CowHeadWeights head = { .activation = CK_RELU, .n_layers = 1, .layers = &layer };
  cow_head_weights_write (&head, self->adapter, &error);
  g_assert_no_error (error);
}

static void
test_labels (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (CkDevice) device = precision_device ();
  g_auto (CowPrecisionFigures) figures = { 0 };
  if (!cow_precision_check (device, COW_PRECISION_INT8, NULL)) {
    g_test_skip ("this processor has no int8");
    return;
  }
  g_autofree float *pixels = precision_pictures (),
                   *exact = features_of (self, COW_PRECISION_FP32, pixels),
                   *fast = features_of (self, COW_PRECISION_INT8, pixels);
  write_border (self, exact, fast);
  run_trial (self, &figures);
  const CowPrecisionPath *int8 = find_path (&figures, COW_PRECISION_INT8);
  g_assert_cmpint (cow_precision_judge (&figures, int8), ==, COW_VERDICT_LABELS);
  g_assert_cmpint (decide_as_if_fast (figures), ==, COW_PRECISION_INT16);
}

/* ---- raised layers --------------------------------------------------------------------------- */

/* Spoils the MLP of the layers from one on for whole numbers: the same network all the same. */
static void
spoil_layers (const PrecisionFolders *self, guint from, float by)
{
  static const struct {
    const char *name;
    gboolean up;
  } tensors[] = { { "norm2.weight", FALSE },
                  { "norm2.bias", FALSE },
                  { "mlp.up_proj.weight", TRUE } };
  g_autofree char *folder = golden_path ("plain/fp32"),
                  *source = g_build_filename (folder, "model.safetensors", NULL),
                  *to = g_build_filename (self->model, "model.safetensors", NULL);
  g_autoptr (CowSafetensors) file = golden_open ("plain/fp32", "model.safetensors");
  g_autoptr (GPtrArray) memory = g_ptr_array_new_with_free_func (g_free);
  ScratchEdit edits[2 * G_N_ELEMENTS (tensors) + 1] = { 0 }, *edit = edits;
  for (guint layer = from; layer < 2; layer++)
    for (guint t = 0; t < G_N_ELEMENTS (tensors); t++) {
      char *name = g_strdup_printf ("layer.%u.%s", layer, tensors[t].name);
      float *values = scaled (file, name, N_FEATURES, tensors[t].up ? by : 1 / by);
      g_ptr_array_add (memory, name);
      g_ptr_array_add (memory, values);
      *edit++ = (ScratchEdit){ .name = name, .data = values };
    }
  scratch_copy_tensors (source, to, edits);
}

/* What a search finds with fp32's answers for the pictures; free with g_strfreev. */
static char **
find_mix (const PrecisionFolders *self, CowPrecision precision, const float *pixels)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) fp32 = open_classifier (self, COW_PRECISION_FP32);
  g_auto (CowAnswers) exact = { 0 };
  g_assert_true (cow_answers_init (&exact, fp32, pixels, PRECISION_N_PICTURES, NULL));
  for (guint i = 0; i < PRECISION_N_PICTURES; i++) {
    CowOutput output;
    cow_answers_run (&exact, fp32, i, &output, &error);
    g_assert_no_error (error);
    g_assert_true (cow_answers_take (&exact, i, &output));
  }
  char **raised = cow_precision_mix_find (fp32, &exact, precision, NULL, NULL, &error);
  g_assert_no_error (error);
  return raised;
}

static gboolean
offers (CowPrecision precision)
{
  g_autoptr (CkDevice) device = precision_device ();
  return cow_precision_check (device, precision, NULL);
}

/* The layers that were spoiled are found, and no others, in each precision that there is. */
static void
test_find_mix (PrecisionFolders *self, gconstpointer data)
{
  g_autofree float *pixels = precision_pictures ();
  const struct {
    CowPrecision precision;
    guint from;
    float by;
    const char *names;
  } cases[] = {
    { COW_PRECISION_INT8, 1, 300, "layer.1.mlp.up_proj" },
    { COW_PRECISION_INT8, 0, 300, "layer.0.mlp.up_proj layer.1.mlp.up_proj" },
    { COW_PRECISION_INT16, 1, 3e4f, "layer.1.mlp.up_proj" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    if (!offers (cases[i].precision))
      continue;
    spoil_layers (self, cases[i].from, cases[i].by);
    g_auto (GStrv) raised = find_mix (self, cases[i].precision, pixels);
    g_autofree char *names = g_strjoinv (" ", raised);
    g_assert_cmpstr (names, ==, cases[i].names);
  }
}

/* A label that int8 changes, though its cosine passes. */
static void
test_find_labels (PrecisionFolders *self, gconstpointer data)
{
  if (!offers (COW_PRECISION_INT8)) {
    g_test_skip ("this processor has no int8");
    return;
  }
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = precision_pictures (),
                   *exact = features_of (self, COW_PRECISION_FP32, pixels),
                   *fast = features_of (self, COW_PRECISION_INT8, pixels);
  write_border (self, exact, fast);
  g_auto (GStrv) raised = find_mix (self, COW_PRECISION_INT8, pixels);
  g_assert_cmpuint (g_strv_length (raised), <=, 6);
  const CowClassifierOptions options = { .model = self->model,
                                         .adapter = self->adapter,
                                         .precision = COW_PRECISION_INT8,
                                         .raised = (const char *const *)raised };
  g_autoptr (CowClassifier) mixed = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  CowOutput output;
  cow_classifier_run (mixed, pixels, 1, PRECISION_SIDE, PRECISION_SIDE, &output, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (output.logits[0], >, output.logits[1]);
}

static gboolean
stop_at_once (gpointer data)
{
  return ++*(guint *)data < 3;
}

static void
test_find_stopped (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = precision_pictures ();
  g_auto (CowAnswers) exact = { 0 };
  guint n = 0;
  if (!precision_has_int16 ())
    return;
  g_autoptr (CowClassifier) fp32 = open_classifier (self, COW_PRECISION_FP32);
  g_assert_true (cow_answers_init (&exact, fp32, pixels, PRECISION_N_PICTURES, NULL));
  memset (exact.features, 0, PRECISION_N_PICTURES * exact.n_features * sizeof (float));
  memset (exact.logits, 0, (gsize)PRECISION_N_PICTURES * exact.n_classes * sizeof (float));
  g_assert_null (
      cow_precision_mix_find (fp32, &exact, COW_PRECISION_INT16, stop_at_once, &n, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (n, ==, 3);
}

/* The features of a picture with these layers raised; free with g_free. */
static float *
mixed_features (CowClassifier *classifier, const float *pixels)
{
  g_autoptr (GError) error = NULL;
  CowOutput output;
  cow_classifier_run (classifier, pixels, 1, PRECISION_SIDE, PRECISION_SIDE, &output, &error);
  g_assert_no_error (error);
  return g_memdup2 (output.pooler_output, N_FEATURES * sizeof (float));
}

/* Raised layers compute as the finer precision does, bit for bit, whichever way they came there. */
static void
test_raised (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = precision_pictures ();
  if (!offers (COW_PRECISION_INT8)) {
    g_test_skip ("this processor has no int8");
    return;
  }
  g_autoptr (CowClassifier) int8 = open_classifier (self, COW_PRECISION_INT8);
  const guint n = cow_classifier_n_linear (int8);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (names, cow_classifier_linear_name (int8, i));
  g_ptr_array_add (names, NULL);
  g_assert_cmpuint (n, ==, 12);
  g_autoptr (CowClassifier) all =
      cow_classifier_new_like (int8, COW_PRECISION_INT8, (const char *const *)names->pdata, &error);
  g_assert_no_error (error);
  g_autofree float *lowest = mixed_features (int8, pixels), *raised = mixed_features (all, pixels),
                   *int16 = features_of (self, COW_PRECISION_INT16, pixels);
  g_assert_cmpmem (raised, N_FEATURES * sizeof (float), int16, N_FEATURES * sizeof (float));

  for (guint i = 0; i < n; i++)
    g_assert_true (cow_classifier_set_linear (int8, i, COW_PRECISION_INT16, NULL));
  g_autofree float *set = mixed_features (int8, pixels);
  g_assert_cmpmem (set, N_FEATURES * sizeof (float), int16, N_FEATURES * sizeof (float));
  for (guint i = 0; i < n; i++)
    g_assert_true (cow_classifier_set_linear (int8, i, COW_PRECISION_INT8, NULL));
  g_autofree float *back = mixed_features (int8, pixels);
  g_assert_cmpmem (back, N_FEATURES * sizeof (float), lowest, N_FEATURES * sizeof (float));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/precision/rules", test_rules);
  g_test_add_func ("/precision/rules/mix", test_mix_rules);
#define ADD(name, test)                                                                            \
  g_test_add ("/precision/" name, PrecisionFolders, NULL, precision_set_up, test,                  \
              precision_tear_down)
  ADD ("kept", test_kept);
  ADD ("of-model", test_of_model);
  ADD ("levels", test_levels);
  ADD ("mix/kept", test_mix_kept);
  ADD ("mix/bad", test_bad_mixes);
  ADD ("mix/found", test_find_mix);
  ADD ("mix/labels", test_find_labels);
  ADD ("mix/stopped", test_find_stopped);
  ADD ("mix/bits", test_raised);
  ADD ("bad-files", test_bad_files);
  ADD ("other-weights", test_other_weights);
  ADD ("trial", test_trial);
  ADD ("inexact", test_inexact);
  ADD ("labels", test_labels);
#undef ADD
  return g_test_run ();
}
