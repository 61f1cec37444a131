/* SPDX-License-Identifier: MIT */
/* `cow-trainer features` compared with transformers and PEFT (tests/data/golden), its options, and
 * its refusals. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "model/adapter/preprocess-source.h"
#include "model/files/error.h"
#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"

static CowSafetensors *
open_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  CowSafetensors *file = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  return file;
}

static float *
floats (const CowSafetensors *file, const char *name, gsize *n)
{
  g_autoptr (GError) error = NULL;
  const CowTensor *tensor = cow_safetensors_get (file, name);
  g_assert_nonnull (tensor);
  *n = cow_tensor_count (tensor);
  float *values = g_new (float, *n);
  cow_tensor_to_f32 (tensor, name, values, &error);
  g_assert_no_error (error);
  return values;
}

static void
assert_close (const CowSafetensors *found, const char *name, const CowSafetensors *expected,
              const char *expected_name)
{
  gsize n, n_expected;
  g_autofree float *a = floats (found, name, &n),
                   *b = floats (expected, expected_name, &n_expected);

  g_assert_cmpuint (n, ==, n_expected);
  for (gsize i = 0; i < n; i++)
    if (!(fabsf (a[i] - b[i]) <= 1e-4f))
      g_error ("%s[%" G_GSIZE_FORMAT "] is %g, %s has %g", name, i, (double)a[i], expected_name,
               (double)b[i]);
}

/* ---- compared with the golden results -------------------------------------------------------- */

/* Runs one input through one model and adapter (NULL: none) and compares all outputs that the
 * reference has. */
static void
check_golden (const char *network, const char *tag, const char *model_name, const char *adapter,
              const char *input)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden (network, model_name),
                  *io = cli_golden (network, "io.safetensors");
  g_autofree char *out = g_build_filename (folder, "out.safetensors", NULL),
                  *source = g_strconcat (io, ":", input, NULL);
  g_autofree char *option =
      adapter ? g_strconcat ("--adapter=", adapter, NULL) : g_strdup ("--pixels");
  g_auto (Result) result =
      cli_run ("features", source, "--model", model, "--batch=2", "--out", out, option, NULL);

  cli_assert_ok (&result);
  g_autoptr (CowSafetensors) found = open_file (out), expected = open_file (io);
  g_autofree char *states = g_strdup_printf ("%s.%s.last_hidden_state", tag, input),
                  *features = g_strdup_printf ("%s.%s.pooler_output", tag, input),
                  *logits = g_strdup_printf ("%s.logits", tag);
  assert_close (found, "last_hidden_state", expected, states);
  assert_close (found, "pooler_output", expected, features);
  if (adapter && g_str_equal (input, "pixel_values"))
    assert_close (found, "logits", expected, logits);
  else if (!adapter)
    assert_close (found, "pixel_values", expected, input);
  g_assert_cmpint (cow_safetensors_get (found, "logits") != NULL, ==, adapter != NULL);
  cli_remove (folder);
}

static void
test_golden (gconstpointer data)
{
  static const char *const adapters[] = { NULL, "lora_q_r8", "lora_all_r16", "dora_q_r8",
                                          "dora_all_r16" };
  const char *network = data;

  check_golden (network, "fp32", "fp32", NULL, "pixel_values");
  check_golden (network, "fp32", "fp32", NULL, "pixel_values_wide");
  for (guint i = 0; i < G_N_ELEMENTS (adapters); i++) {
    char *folder = cli_folder ();
    g_autofree char *adapter = cli_make_adapter (folder, network, adapters[i]);
    check_golden (network, adapters[i] ? adapters[i] : "nf4", "nf4", adapter, "pixel_values");
    check_golden (network, adapters[i] ? adapters[i] : "nf4", "nf4", adapter, "pixel_values_wide");
    cli_remove (folder);
  }
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Compares the golden picture, read from a file, with the golden resizes, through the whole
 * program. */
static void
check_pixels (const char *interpolation, const char *normalisation, const char *golden)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *picture = cli_golden ("preprocess", "picture.png"),
                  *reference = cli_golden ("preprocess", "resized.safetensors");
  g_autofree char *out = g_build_filename (folder, "out.safetensors", NULL);
  g_auto (Result) result =
      cli_run ("features", picture, "-m", model, "-o", out, "--pixels", "--size=224x224",
               "--interpolation", interpolation, "--normalisation", normalisation, NULL);
  const float mean[] = { .485f, .456f, .406f }, std[] = { .229f, .224f, .225f };
  const gboolean imagenet = g_str_equal (normalisation, "imagenet");
  gsize n;

  cli_assert_ok (&result);
  g_autoptr (CowSafetensors) found = open_file (out), expected = open_file (reference);
  g_autofree float *pixels = floats (found, "pixel_values", &n);
  g_assert_true (cow_tensor_read (cow_safetensors_get (expected, golden), NULL));
  const guint8 *bytes = cow_safetensors_get (expected, golden)->data;
  g_assert_cmpuint (n, ==, 3 * 224 * 224);
  for (gsize i = 0; i < n; i++) {
    const gsize c = i / (224 * 224);
    const float unit = bytes[i % (224 * 224) * 3 + c] / 255.0f;
    g_assert_cmpfloat_with_epsilon (pixels[i], imagenet ? (unit - mean[c]) / std[c] : unit, 1e-6);
  }
  g_assert_nonnull (strstr (cow_safetensors_metadata (found, "pictures"), "picture.png"));
  cli_remove (folder);
}

static void
test_pictures (void)
{
  check_pixels ("bilinear", "unit", "cv2_linear_224");
  check_pixels ("bilinear-antialiased", "unit", "pil_bilinear_224");
  check_pixels ("bilinear", "imagenet", "cv2_linear_224");
}

/* The adapter's card says 64 x 64; an option overrides it. */
static void
test_size (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_q_r8");
  g_autofree char *picture = cli_golden ("preprocess", "picture.png"),
                  *out = g_build_filename (folder, "out.safetensors", NULL);
  g_auto (Result) card =
      cli_run ("features", picture, "-m", model, "-a", adapter, "-o", out, "--pixels", NULL);

  cli_assert_ok (&card);
  g_autoptr (CowSafetensors) file = open_file (out);
  g_assert_true (cow_tensor_has_shape (cow_safetensors_get (file, "pixel_values"), 4,
                                       (const gint64[]){ 1, 3, 64, 64 }));
  g_assert_true (cow_tensor_has_shape (cow_safetensors_get (file, "last_hidden_state"), 3,
                                       (const gint64[]){ 1, 21, 128 }));

  g_auto (Result) wide = cli_run ("features", picture, "-m", model, "-a", adapter, "-o", out,
                                  "--pixels", "--size=96x32", NULL);
  cli_assert_ok (&wide);
  g_autoptr (CowSafetensors) wide_file = open_file (out);
  g_assert_true (cow_tensor_has_shape (cow_safetensors_get (wide_file, "pixel_values"), 4,
                                       (const gint64[]){ 1, 3, 32, 96 }));
  cli_remove (folder);
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* Asserts that `features` with the plain NF4 model and these arguments fails with this status and
 * word, and leaves no output. */
static void
check_refused (const char *folder, const char *input, const char *option, int status,
               const char *text)
{
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *out = g_build_filename (folder, "refused.safetensors", NULL);
  g_auto (Result) result =
      cli_run ("features", input, "--model", model, "--out", out, option, NULL);

  cli_assert_error (&result, status, text);
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
}

static void
write_pixels (const char *path, const char *name, const gint64 *dims, guint n_dims, float value)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  gsize n, n_bytes;

  g_assert_true (cow_shape_count (dims, n_dims, COW_F32, &n, &n_bytes));
  g_autofree float *values = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    values[i] = value;
  cow_safetensors_writer_declare (writer, name, COW_F32, dims, n_dims);
  g_assert_true (cow_safetensors_writer_write (writer, values, n_bytes, &error) &&
                 cow_safetensors_writer_finish (writer, &error));
}

static void
test_refused_pixels (void)
{
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "pixels.safetensors", NULL),
                  *named = g_strconcat (path, ":x", NULL),
                  *unknown = g_strconcat (path, ":y", NULL);

  write_pixels (path, "x", (const gint64[]){ 1, 3, 60, 64 }, 4, 0);
  check_refused (folder, named, NULL, 1, "64 x 60");
  check_refused (folder, unknown, NULL, 1, "\"y\"");
  check_refused (folder, "/nowhere/z.safetensors:x", NULL, 1, "/nowhere/z.safetensors");
  write_pixels (path, "x", (const gint64[]){ 1, 4, 64, 64 }, 4, 0);
  check_refused (folder, named, NULL, 1, "[1, 4, 64, 64]");
  write_pixels (path, "x", (const gint64[]){ 3, 64, 64 }, 3, 0);
  check_refused (folder, named, NULL, 1, "[3, 64, 64]");
  write_pixels (path, "x", (const gint64[]){ 0, 3, 64, 64 }, 4, 0);
  check_refused (folder, named, NULL, 1, "[0, 3, 64, 64]");
  write_pixels (path, "x", (const gint64[]){ 1, 3, 64, 64 }, 4, NAN);
  check_refused (folder, named, NULL, 1, path);
  cli_remove (folder);
}

static void
test_refused_options (void)
{
  char *folder = cli_folder ();
  g_autofree char *adapter = cli_make_adapter (folder, "gated7b", "lora_all_r16"),
                  *other = g_strconcat ("--adapter=", adapter, NULL);
  g_autofree char *picture = cli_golden ("preprocess", "picture.png"),
                  *text = g_build_filename (folder, "text.png", NULL);

  g_assert_true (g_file_set_contents (text, "I am no picture", -1, NULL));
  check_refused (folder, text, "--size=64x64", 1, text);
  check_refused (folder, "/nowhere/p.png", NULL, 1, "/nowhere/p.png");
  check_refused (folder, picture, "--size=64x60", 1, "64 x 60");
  check_refused (folder, picture, other, 1, adapter);
  check_refused (folder, picture, "--adapter=/nowhere/adapter", 1, "/nowhere/adapter");
  check_refused (folder, picture, "--device=cuda:9", 1, "cuda:9");
  check_refused (folder, picture, "--precision=fp17", 2, "fp17");
  check_refused (folder, picture, "--batch=0", 2, "--batch 0");
  g_auto (Result) no_folder =
      cli_run ("features", picture, "--model=/nowhere/model", "--out=/nowhere/out", NULL);
  cli_assert_error (&no_folder, 1, "/nowhere/model");
  cli_remove (folder);
}

static void
link_file (const char *from, const char *to, const char *name)
{
  g_autofree char *source = g_build_filename (from, name, NULL),
                  *path = g_build_filename (to, name, NULL);
  g_assert_cmpint (symlink (source, path), ==, 0);
}

/* Without an adapter pictures are prepared as the model's preprocessor_config.json says. */
static void
test_of_model (void)
{
  char *folder = cli_folder ();
  const CowPreprocess preprocess = { 48, 32, CK_BILINEAR, COW_IMAGENET, COW_STRETCH };
  g_autoptr (GError) error = NULL;
  g_autofree char *golden = cli_golden ("plain", "fp32"),
                  *picture = cli_golden ("preprocess", "picture.png"),
                  *model = g_build_filename (folder, "model", NULL),
                  *out = g_build_filename (folder, "out.safetensors", NULL);
  g_assert_cmpint (g_mkdir (model, 0755), ==, 0);
  link_file (golden, model, "config.json");
  link_file (golden, model, "model.safetensors");
  cow_preprocess_write_config (&preprocess, model, &error);
  g_assert_no_error (error);
  g_auto (Result) result = cli_run ("features", picture, "-m", model, "--pixels", "-o", out, NULL);
  g_assert_cmpint (result.status, ==, 0);
  cli_assert_says (result.err, "48x32, bilinear, imagenet, from ");
  g_autoptr (CowSafetensors) file = cow_safetensors_open (out, &error);
  g_assert_no_error (error);
  const CowTensor *pixels = cow_safetensors_get (file, "pixel_values");
  g_assert_cmpint (pixels->dims[2], ==, 32);
  g_assert_cmpint (pixels->dims[3], ==, 48);
  cli_remove (folder);
}

/* The output cannot be written. */
static void
test_refused_output (void)
{
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *picture = cli_golden ("preprocess", "picture.png");
  g_auto (Result) result = cli_run ("features", picture, "-m", model, "--size=64x64", "-o",
                                    "/nowhere/out.safetensors", NULL);
  cli_assert_error (&result, 1, "/nowhere/out.safetensors");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/features/golden/plain", "plain", test_golden);
  g_test_add_data_func ("/features/golden/gated7b", "gated7b", test_golden);
  g_test_add_func ("/features/pictures", test_pictures);
  g_test_add_func ("/features/size", test_size);
  g_test_add_func ("/features/of-model", test_of_model);
  g_test_add_func ("/features/refused/pixels", test_refused_pixels);
  g_test_add_func ("/features/refused/options", test_refused_options);
  g_test_add_func ("/features/refused/output", test_refused_output);
  return g_test_run ();
}
