/* SPDX-License-Identifier: MIT */
/* Any bytes as the README.md of a model, whose head says under which licence it is: what `info`
 * shows of it is text. */
#include "model/files/json-object.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "trainer/eval/describe.h"

/* The golden network, whose files are read anew each time. */
static void
put_model (const char *name)
{
  g_autofree char *from = g_build_filename (g_getenv ("COW_TEST_DATA"), "golden", "plain", "nf4",
                                            name, NULL),
                  *bytes = NULL;
  gsize n = 0;

  g_assert_true (g_file_get_contents (from, &bytes, &n, NULL));
  fuzz_put (name, bytes, n);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static gboolean started;
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (GError) error = NULL;

  if (!started) {
    put_model ("config.json");
    put_model ("model.safetensors");
    started = TRUE;
  }
  fuzz_put ("README.md", data, size);
  describe_model (object, fuzz_folder (), &error);
  g_assert_no_error (error);
  const char *licence = json_object_get_string_member_with_default (object, "licence", "none");
  g_assert_true (*licence && g_utf8_validate (licence, -1, NULL) && !strchr (licence, '\n'));
  return 0;
}
