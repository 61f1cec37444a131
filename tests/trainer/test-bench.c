/* SPDX-License-Identifier: MIT */
/* `cow-trainer bench`: numbers that agree with one another, the operations of a network whose shape
 * is known, and its refusals. How fast anything is, is no matter here. */
#include <json-glib/json-glib.h>
#include <string.h>
#include <vips/vips.h>

#include "model/files/error.h"
#include "tests/trainer/cli.h"

/* Of the network, as its config.json says. */
typedef struct {
  gint64 layers, hidden, intermediate, patch, registers;
} Shape;

typedef struct {
  char *folder, *adapter, *model;
  Shape shape;
} Fixture;

static JsonNode *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonNode *node = json_from_string (text, &error);
  g_assert_no_error (error);
  return node;
}

static void
read_shape (Fixture *self)
{
  g_autofree char *path = g_build_filename (self->model, "config.json", NULL), *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_autoptr (JsonNode) node = parse (text);
  JsonObject *config = json_node_get_object (node);
  self->shape = (Shape){ .layers = json_object_get_int_member (config, "num_hidden_layers"),
                         .hidden = json_object_get_int_member (config, "hidden_size"),
                         .intermediate = json_object_get_int_member (config, "intermediate_size"),
                         .patch = json_object_get_int_member (config, "patch_size"),
                         .registers = json_object_get_int_member (config, "num_register_tokens") };
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = cli_folder ();
  self->adapter = cli_make_adapter (self->folder, "plain", "lora_all_r16");
  self->model = cli_golden ("plain", "nf4");
  read_shape (self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  cli_remove (self->folder);
  g_free (self->adapter);
  g_free (self->model);
}

/* A busy machine may take so long that progress is shown. */
static void
assert_ok (const Result *result)
{
  g_assert_null (strstr (result->err, "cow-trainer: "));
  g_assert_cmpint (result->status, ==, 0);
}

static double
number (JsonObject *object, const char *name)
{
  return json_object_get_double_member (object, name);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void
check_variant (JsonObject *variant)
{
  const double ms = number (variant, "ms_per_picture"), gop = number (variant, "gop_per_picture"),
               rate = number (variant, "gop_per_second"),
               peak = number (variant, "peak_gop_per_second"),
               share = number (variant, "share_of_peak");

  g_assert_cmpstr (json_object_get_string_member (variant, "precision"), ==, "fp32");
  g_assert_cmpint (json_object_get_int_member (variant, "passes"), >=, 3);
  g_assert_cmpfloat (ms, >, 0);
  g_assert_cmpfloat (number (variant, "low_ms_per_picture"), <=, ms);
  g_assert_cmpfloat (number (variant, "high_ms_per_picture"), >=, ms);
  g_assert_cmpfloat (number (variant, "cpu_ms_per_picture"), >, 0);
  g_assert_cmpfloat_with_epsilon (number (variant, "pictures_per_second") * ms, 1000, 1e-6);
  /* The fastest pass is no slower than the median. */
  g_assert_cmpfloat (rate * ms * 1e-3, >=, gop * (1 - 1e-9));
  g_assert_cmpfloat_with_epsilon (rate / peak, share, 1e-9);
  g_assert_cmpfloat (share, >, 0);
  /* Nothing is faster than multiply-adds alone. On a busy machine two threads may never run at the
   * same time in the peak's turns, and one may be interrupted in each of them. */
  if (json_object_get_int_member (variant, "threads") == 1)
    g_assert_cmpfloat (share, <, 1.5);
}

static void
test_variants (Fixture *self, gconstpointer data)
{
  static const struct {
    gint64 threads, batch;
  } expected[] = { { 1, 1 }, { 1, 3 }, { 2, 1 }, { 2, 3 } };
  g_auto (Result) result =
      cli_run ("bench", "-m", self->model, "-a", self->adapter, "--threads=1,2", "--batch", "1, 3",
               "--seconds=0.1", "--json", NULL);

  assert_ok (&result);
  g_autoptr (JsonNode) node = parse (result.out);
  JsonObject *all = json_node_get_object (node);
  JsonArray *variants = json_object_get_array_member (all, "variants");
  g_assert_cmpstr (json_object_get_string_member (all, "model"), ==, self->model);
  g_assert_cmpstr (json_object_get_string_member (all, "adapter"), ==, self->adapter);
  g_assert_cmpstr (json_object_get_string_member (all, "device"), ==, "cpu");
  g_assert_cmpint (json_object_get_int_member (all, "width"), ==, 64);
  g_assert_cmpint (json_object_get_int_member (all, "memory_bytes"), >, 1 << 20);
  g_assert_cmpuint (json_array_get_length (variants), ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    JsonObject *variant = json_array_get_object_element (variants, i);
    g_assert_cmpint (json_object_get_int_member (variant, "threads"), ==, expected[i].threads);
    g_assert_cmpint (json_object_get_int_member (variant, "batch"), ==, expected[i].batch);
    g_assert_false (json_object_has_member (variant, "layers"));
    check_variant (variant);
  }
}

/* ---- operations ------------------------------------------------------------------------------ */

enum { SIDE = 64, RANK = 16, CLASSES = 9 };

/* Multiply-adds of a linear layer of all tokens with its adapter. */
static double
linear (double tokens, double in, double out)
{
  return tokens * (in * out + RANK * (in + out));
}

/* The same in every layer, of whose last only the class token goes on. */
static double
all_linear (double layers, double tokens, double in, double out)
{
  return (layers - 1) * linear (tokens, in, out) + linear (1, in, out);
}

/* What the network must consist of, a picture, by kind. */
typedef struct {
  const char *kind;
  gint64 calls;
  double operations; /* a multiply-add counts as two; 0: none */
} Expected;

static void
check_kind (JsonObject *kind, const Expected *expected, double *ms)
{
  const char *name = json_object_get_string_member (kind, "kind");

  g_assert_cmpstr (name, ==, expected->kind);
  g_assert_cmpint (json_object_get_int_member (kind, "calls"), ==, expected->calls);
  g_assert_cmpfloat (number (kind, "ms_per_picture"), >=, 0);
  *ms += number (kind, "ms_per_picture");
  g_assert_true (json_object_get_null_member (kind, "gop_per_second") ==
                 (expected->operations == 0));
  g_assert_true (json_object_get_null_member (kind, "share_of_peak") ==
                 (expected->operations == 0));
  /* The fastest call is no slower than the median. */
  g_assert_cmpfloat (expected->operations, <=,
                     (1 + 1e-9) * 1e6 * number (kind, "ms_per_picture") *
                         (expected->operations > 0 ? number (kind, "gop_per_second") : 1));
}

static void
test_layers (Fixture *self, gconstpointer data)
{
  const Shape *shape = &self->shape;
  const double patches = (double)(SIDE / shape->patch) * (double)(SIDE / shape->patch),
               tokens = 1 + (double)shape->registers + patches, layers = (double)shape->layers,
               hidden = (double)shape->hidden, wide = (double)shape->intermediate;
  const double area = (double)(shape->patch * shape->patch);
  const Expected expected[] = {
    { "embed", 1, 2 * patches * 3 * area * hidden },
    /* the last layer normalises the class tokens once more, for its queries */
    { "norm", 2 * shape->layers + 2, 0 },
    { "q/k/v", 3 * shape->layers,
      2 * (2 * layers * linear (tokens, hidden, hidden) +
           all_linear (layers, tokens, hidden, hidden)) },
    { "attention", shape->layers, 2 * 2 * ((layers - 1) * tokens + 1) * tokens * hidden },
    { "o", shape->layers, 2 * all_linear (layers, tokens, hidden, hidden) },
    { "up/gate", shape->layers, 2 * all_linear (layers, tokens, hidden, wide) },
    { "down", shape->layers, 2 * all_linear (layers, tokens, wide, hidden) },
  };
  g_auto (Result) result = cli_run ("bench", "-m", self->model, "-a", self->adapter, "--threads=1",
                                    "--batch=2", "--seconds=0.5", "--layers", "--json", NULL);
  double ms = 0, operations = 0;
  guint i = 0;

  assert_ok (&result);
  g_autoptr (JsonNode) node = parse (result.out);
  JsonObject *all = json_node_get_object (node),
             *variant =
                 json_array_get_object_element (json_object_get_array_member (all, "variants"), 0);
  JsonArray *kinds = json_object_get_array_member (variant, "layers");
  g_assert_cmpfloat (number (all, "resample_ms"), >, 0);
  for (; i < G_N_ELEMENTS (expected); i++) {
    check_kind (json_array_get_object_element (kinds, i), &expected[i], &ms);
    operations += expected[i].operations;
  }
  /* The head, whose hidden layers its file says; copies; what is between. */
  for (; i < json_array_get_length (kinds); i++)
    ms += number (json_array_get_object_element (kinds, i), "ms_per_picture");
  JsonObject *head = json_array_get_object_element (kinds, G_N_ELEMENTS (expected)),
             *last = json_array_get_object_element (kinds, i - 1);
  g_assert_cmpstr (json_object_get_string_member (head, "kind"), ==, "head");
  g_assert_cmpstr (json_object_get_string_member (last, "kind"), ==, "between");
  operations *= 1e-9;
  g_assert_cmpfloat (number (variant, "gop_per_picture"), >, operations);
  g_assert_cmpfloat (number (variant, "gop_per_picture"), <, operations * 1.05);
  /* Medians of the parts do not add up exactly to the median of their sums. */
  g_assert_cmpfloat (ms, >, .7 * number (variant, "layers_ms_per_picture"));
  g_assert_cmpfloat (ms, <, 1.3 * number (variant, "layers_ms_per_picture"));
  g_assert_cmpint (json_object_get_int_member (all, "height"), ==, SIDE);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void
test_text (Fixture *self, gconstpointer data)
{
  g_autofree char *picture = g_build_filename (self->folder, "a.png", NULL);
  cli_make_picture (self->folder, "a.png", 40, 30, 1);
  g_auto (Result) result = cli_run ("bench", picture, "-m", self->model, "-a", self->adapter,
                                    "--seconds=0.1", "--layers", NULL);

  assert_ok (&result);
  g_assert_true (g_str_has_prefix (result.out, self->model));
  cli_assert_says (result.out, "\nPRECISION ");
  cli_assert_says (result.out, "batch 8\n");
  cli_assert_says (result.out, "\nq/k/v ");
  cli_assert_says (result.out, "\nresample: ");
}

/* ---- a video --------------------------------------------------------------------------------- */

/* 24 frames, with a name that gst-launch-1.0 would take apart; NULL where this machine cannot. */
static char *
make_video (const char *folder)
{
  char *path = g_build_filename (folder, "a \"b\" ! c.avi", NULL);
  g_autofree char *location = g_strescape (path, NULL);
  g_autofree char *command = g_strdup_printf (
      "gst-launch-1.0 -q videotestsrc num-buffers=24 ! video/x-raw,width=96,height=64 ! jpegenc ! "
      "avimux ! filesink location='\"%s\"'",
      location);
  int status;

  if (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL) && status == 0)
    return path;
  g_free (path);
  return NULL;
}

static void
test_pipeline (Fixture *self, gconstpointer data)
{
  g_autofree char *video = make_video (self->folder);
  if (!video) {
    g_test_skip ("no gst-launch-1.0 with videotestsrc, jpegenc and avimux");
    return;
  }
  g_auto (Result) result =
      cli_run ("bench", "-m", self->model, "-a", self->adapter, "--seconds=0.1", "--batch=1",
               "--pipeline", video, "--json", NULL);
  assert_ok (&result);
  g_autoptr (JsonNode) node = parse (result.out);
  JsonObject *all = json_node_get_object (node);
  g_assert_cmpint (json_object_get_int_member (all, "pipeline_frames"), ==, 23);
  g_assert_cmpfloat (number (all, "pipeline_seconds"), >, 0);

  g_auto (Result) no_video = cli_run ("bench", "-m", self->model, "-a", self->adapter, "--batch=1",
                                      "--seconds=0.1", "--pipeline=/nowhere/v.avi", NULL);
  cli_assert_error (&no_video, 1, "/nowhere/v.avi");
}

/* Without a model the demonstration's, which is said. */
static void
test_demonstration (void)
{
  g_autofree char *before = g_strdup (g_getenv ("COWBEHAVIOR_PATH"));
  g_setenv ("COWBEHAVIOR_PATH", g_getenv ("COW_DEMO_MODEL"), TRUE);
  g_auto (Result) result = cli_run ("bench", "--batch=1", "--seconds=0.1", NULL);

  if (before)
    g_setenv ("COWBEHAVIOR_PATH", before, TRUE);
  else
    g_unsetenv ("COWBEHAVIOR_PATH");
  g_assert_cmpint (result.status, ==, 0);
  cli_assert_says (result.err, "demonstration");
  cli_assert_says (result.out, "drawn-cows");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void
test_refused (Fixture *self, gconstpointer data)
{
  static const struct {
    const char *argument;
    int status;
    const char *text;
  } cases[] = {
    { "--precision=int7", 2, "precision \"int7\" is unknown; this build offers: auto, fp32" },
    { "--precision=fp32,int7", 2, "int7" },
    { "--precision=", 2, "--precision is empty" },
    { "--batch=0", 2, "--batch 0" },
    { "--batch=1,,2", 2, "--batch" },
    { "--batch=1025", 2, "1 to 1024" },
    { "--batch=many", 2, "many" },
    { "--threads=0", 2, "--threads 0" },
    { "--threads=1025", 2, "--threads 1025" },
    { "--seconds=0", 2, "--seconds 0" },
    { "--seconds=nan", 2, "--seconds nan" },
    { "--frobnicate", 2, "--frobnicate" },
    { "--pipeline=v.avi", 2, "--adapter" },
    { "--device=gpu9", 1, "gpu9" },
    { "/nowhere/p.png", 1, "/nowhere/p.png" },
    { "--adapter=/nowhere/adapter", 1, "/nowhere/adapter" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Result) result =
        cli_run ("bench", "-m", self->model, "--seconds=0.1", cases[i].argument, NULL);
    cli_assert_error (&result, cases[i].status, cases[i].text);
    g_assert_cmpstr (result.out, ==, "");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  g_test_add ("/bench/variants", Fixture, NULL, set_up, test_variants, tear_down);
  g_test_add ("/bench/layers", Fixture, NULL, set_up, test_layers, tear_down);
  g_test_add ("/bench/text", Fixture, NULL, set_up, test_text, tear_down);
  g_test_add ("/bench/pipeline", Fixture, NULL, set_up, test_pipeline, tear_down);
  g_test_add_func ("/bench/demonstration", test_demonstration);
  g_test_add ("/bench/refused", Fixture, NULL, set_up, test_refused, tear_down);
  return g_test_run ();
}
