/* SPDX-License-Identifier: MIT */
/*
 * cow-trainer and a GPU: what `info` says of it and of its decoders, and how a verb that computes
 * fails where it cannot be had. Driver and decoders are tests/cuda-on-cpu.
 */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <unistd.h>

#include "tests/trainer/cli.h"

#define DEVICE "cuda-emulated"

/* ---- libraries ------------------------------------------------------------------------------- */

/* A folder with libraries, which the programs of a test find instead of those of tests/cuda-on-cpu.
 */
typedef struct {
  char *folder, *before;
} Libraries;

static Libraries
libraries_new (void)
{
  Libraries self = { cli_folder (), g_strdup (g_getenv ("LD_LIBRARY_PATH")) };

  g_setenv ("LD_LIBRARY_PATH", self.folder, TRUE);
  return self;
}

/* Puts a file there that is no library; without it that of this machine would be found. */
static void
libraries_add_broken (const Libraries *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL);

  g_assert_true (g_file_set_contents (path, "", 0, NULL));
}

/* Puts the driver there by this name, in the place of what is there. */
static void
libraries_add_driver (const Libraries *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL);

  g_remove (path);
  g_assert_cmpint (symlink (g_getenv ("COWBEHAVIOR_CUDA_ON_CPU"), path), ==, 0);
}

static void
libraries_free (Libraries *self)
{
  g_setenv ("LD_LIBRARY_PATH", self->before, TRUE);
  g_free (self->before);
  cli_remove (self->folder);
}

/* ---- info ------------------------------------------------------------------------------------ */

/* The object that `info --json` prints of a device. */
static JsonNode *
info_json (const char *device)
{
  g_autoptr (GError) error = NULL;
  g_auto (Result) result = cli_run ("info", "--device", device, "--json", NULL);
  g_autoptr (JsonNode) root = NULL;

  cli_assert_ok (&result);
  root = json_from_string (result.out, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (root)), ==, 1);
  return json_node_copy (json_array_get_element (json_node_get_array (root), 0));
}

static void
assert_decoder (JsonArray *all, guint i, const char *codec, gint64 bits, gint64 size)
{
  JsonObject *decoder = json_array_get_object_element (all, i);

  g_assert_cmpstr (json_object_get_string_member (decoder, "codec"), ==, codec);
  g_assert_cmpstr (json_object_get_string_member (decoder, "chroma"), ==, "4:2:0");
  g_assert_cmpint (json_object_get_int_member (decoder, "bits"), ==, bits);
  g_assert_cmpint (json_object_get_int_member (decoder, "max_width"), ==, size);
  g_assert_cmpint (json_object_get_int_member (decoder, "max_height"), ==, size);
  g_assert_cmpint (json_object_get_int_member (decoder, "engines"), ==, 2);
}

static void
assert_all_decoders (JsonObject *object)
{
  JsonArray *all = json_object_get_array_member (object, "decoders");

  g_assert_cmpuint (json_array_get_length (all), ==, 3);
  assert_decoder (all, 0, "h264", 8, 4096);
  assert_decoder (all, 1, "h265", 8, 8192);
  assert_decoder (all, 2, "h265", 10, 8192);
}

static void
test_decoders (void)
{
  g_autoptr (JsonNode) node = info_json (DEVICE), cpu = info_json ("cpu");
  g_auto (Result) text = cli_run ("info", "--device", DEVICE, NULL);

  assert_all_decoders (json_node_get_object (node));
  g_assert_false (json_object_has_member (json_node_get_object (cpu), "decoders"));
  g_assert_false (json_object_has_member (json_node_get_object (cpu), "decoders_unknown"));
  cli_assert_ok (&text);
  cli_assert_says (text.out, "codec  chroma  bits  max width  max height  engines");
  cli_assert_says (text.out, "h265   4:2:0   10    8192       8192        2");
}

static void
test_no_decoders (void)
{
  g_setenv ("COW_NVCUVID_NONE", "1", TRUE);
  g_auto (Result) text = cli_run ("info", "--device", DEVICE, NULL);
  g_autoptr (JsonNode) node = info_json (DEVICE);

  g_unsetenv ("COW_NVCUVID_NONE");
  cli_assert_ok (&text);
  cli_assert_says (text.out, "decoders       none\n");
  g_assert_cmpuint (json_array_get_length (
                        json_object_get_array_member (json_node_get_object (node), "decoders")),
                    ==, 0);
}

/* The rest of what is known of the device is told nevertheless. */
static void
assert_unknown (const char *why)
{
  g_autoptr (JsonNode) node = info_json (DEVICE);
  JsonObject *object = json_node_get_object (node);

  g_assert_false (json_object_has_member (object, "decoders"));
  cli_assert_says (json_object_get_string_member (object, "decoders_unknown"), why);
  g_assert_cmpstr (json_object_get_string_member (object, "model"), ==, "CUDA on a processor");
}

/* For all kinds of video, or only for some of them, which must not pass for kinds that are not
 * decoded. */
static void
test_decoders_refused (void)
{
  g_setenv ("COW_NVCUVID_HEVC_RESULT", "999", TRUE);
  assert_unknown ("cuvidGetDecoderCaps: CUDA_ERROR_UNKNOWN");
  g_setenv ("COW_NVCUVID_HEVC_RESULT", "1", TRUE);
  g_setenv ("COW_NVCUVID_RESULT", "1", TRUE);
  assert_unknown ("cuvidGetDecoderCaps: CUDA_ERROR_INVALID_VALUE");
  g_unsetenv ("COW_NVCUVID_RESULT");
  g_unsetenv ("COW_NVCUVID_HEVC_RESULT");
}

static void
test_no_library (void)
{
  Libraries libraries = libraries_new ();

  libraries_add_broken (&libraries, "libcuda.so.1");
  libraries_add_broken (&libraries, "libnvcuvid.so.1");
  assert_unknown ("libcuda.so.1: file too short; it comes with the NVIDIA driver");
  libraries_add_driver (&libraries, "libcuda.so.1");
  assert_unknown ("libnvcuvid.so.1: file too short; it comes with the NVIDIA driver");
  libraries_add_driver (&libraries, "libnvcuvid.so.1");
  assert_unknown ("libnvcuvid.so.1 has no cuvidGetDecoderCaps: the NVIDIA driver is too old");
  libraries_free (&libraries);
}

/* A GPU that no kernels are for may still decode; "cuda:0" is the same driver by its own name. */
static void
test_decodes_only (void)
{
  g_setenv ("COW_CUDA_ARCHITECTURE", "61", TRUE);
  g_autoptr (JsonNode) node = info_json ("cuda:0");
  JsonObject *object = json_node_get_object (node);

  g_unsetenv ("COW_CUDA_ARCHITECTURE");
  g_assert_true (json_object_get_null_member (object, "computes_with"));
  cli_assert_says (json_object_get_string_member (object, "because"), "device \"cuda");
  assert_all_decoders (object);
}

static void
test_no_gpu (void)
{
  Libraries libraries = libraries_new ();

  libraries_add_broken (&libraries, "libcuda.so.1");
  g_auto (Result) none = cli_run ("info", "--device", "cuda:0", NULL);

  libraries_free (&libraries);
  cli_assert_error (&none, 1, "device \"cuda");
  cli_assert_says (none.err, "(nor is it known what it decodes: ");
  g_auto (Result) second = cli_run ("info", "--device", "cuda:1", NULL),
                  odd = cli_run ("info", "--device", "cuda:x", NULL);
  cli_assert_error (&second, 1, "device \"cuda");
  cli_assert_error (&odd, 1, "device \"cuda");
}

/* ---- verbs that compute ---------------------------------------------------------------------- */

/* COW_CUDA_FAIL, by which a function fails however often a verb opens the GPU. */
#define ALWAYS(function, result)                                                                   \
  function "=1:" result "," function "=2:" result "," function "=3:" result "," function           \
           "=4:" result "," function "=5:" result

typedef struct {
  const char *variable, *value; /* of the environment */
  const char *says;
} Refusal;

/* `predict` ends with one line that says what is wrong with the GPU. */
static void
test_refused (gconstpointer data)
{
  const Refusal *refusal = data;
  char *folder = cli_folder ();
  g_autofree char *adapter = cli_make_adapter (folder, "plain", "lora_all_r16"),
                  *model = cli_golden ("plain", "nf4"),
                  *picture = cli_golden ("preprocess", "picture.png"),
                  *before = g_strdup (g_getenv (refusal->variable));

  g_setenv (refusal->variable, refusal->value, TRUE);
  g_auto (Result) result =
      cli_run ("predict", picture, "-m", model, "-a", adapter, "--device", DEVICE, NULL);
  if (before)
    g_setenv (refusal->variable, before, TRUE);
  else
    g_unsetenv (refusal->variable);
  cli_assert_error (&result, 1, refusal->says);
  g_assert_cmpstr (result.out, ==, "");
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    Refusal refusal;
  } refusals[] = {
    { "no-driver",
      { "COWBEHAVIOR_CUDA_ON_CPU", "libcuda-nowhere.so.1",
        "libcuda-nowhere.so.1: cannot open shared object file" } },
    { "old-driver", { "COW_CUDA_VERSION", "11040", "the NVIDIA driver is for CUDA 11.4" } },
    { "old-gpu",
      { "COW_CUDA_ARCHITECTURE", "61", "has compute capability 6.1, and at least 7.0 is needed" } },
    { "no-kernels",
      { "COW_CUDA_FAIL", ALWAYS ("cuModuleLoadData", "209"),
        "this build has no kernels for the compute capability 8.6" } },
    { "no-gpu", { "COW_CUDA_FAIL", ALWAYS ("cuInit", "100"), "the NVIDIA driver finds no GPU" } },
    { "gone",
      { "COW_CUDA_FAIL", ALWAYS ("cuDevicePrimaryCtxRetain", "46"),
        "CUDA_ERROR_DEVICE_UNAVAILABLE" } },
    { "full", { "COW_CUDA_MEMORY", "20000", "of 0.00 GiB are free" } },
    { "fails",
      { "COW_CUDA_FAIL", "cuLaunchKernel=3:700", "CUDA_ERROR_ILLEGAL_ADDRESS in ck_cuda_" } },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gpu/decoders", test_decoders);
  g_test_add_func ("/gpu/decoders/none", test_no_decoders);
  g_test_add_func ("/gpu/decoders/refused", test_decoders_refused);
  g_test_add_func ("/gpu/decoders/no-library", test_no_library);
  g_test_add_func ("/gpu/decoders/only", test_decodes_only);
  g_test_add_func ("/gpu/none", test_no_gpu);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++) {
    g_autofree char *path = g_strconcat ("/gpu/refused/", refusals[i].name, NULL);

    g_test_add_data_func (path, &refusals[i].refusal, test_refused);
  }
  return g_test_run ();
}
