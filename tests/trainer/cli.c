/* SPDX-License-Identifier: MIT */
#include "tests/trainer/cli.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <vips/vips.h>

#include "model/adapter/card.h"

/* ---- running --------------------------------------------------------------------------------- */

Result
cli_run (const char *argument, ...)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();
  Result result = { 0 };
  va_list list;

  g_assert_nonnull (g_getenv ("COW_TRAINER"));
  g_ptr_array_add (arguments, (gpointer)g_getenv ("COW_TRAINER"));
  va_start (list, argument);
  for (; argument; argument = va_arg (list, const char *))
    g_ptr_array_add (arguments, (gpointer)argument);
  va_end (list);
  g_ptr_array_add (arguments, NULL);

  int wait_status = 0;
  g_spawn_sync (NULL, (char **)arguments->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &result.out,
                &result.err, &wait_status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (wait_status));
  result.status = WEXITSTATUS (wait_status);
  return result;
}

void
cli_result_clear (Result *result)
{
  g_clear_pointer (&result->out, g_free);
  g_clear_pointer (&result->err, g_free);
}

void
cli_assert_ok (const Result *result)
{
  g_assert_cmpstr (result->err, ==, "");
  g_assert_cmpint (result->status, ==, 0);
}

void
cli_assert_error (const Result *result, int status, const char *text)
{
  const char *newline = strchr (result->err, '\n');

  if (!g_str_has_prefix (result->err, "cow-trainer: ") || !newline || newline[1] != '\0' ||
      !strstr (result->err, text))
    g_error ("expected one line \"cow-trainer: ...\" with \"%s\", got:\n%s", text, result->err);
  g_assert_cmpint (result->status, ==, status);
}

/* ---- folders --------------------------------------------------------------------------------- */

char *
cli_golden (const char *network, const char *name)
{
  return g_build_filename (g_getenv ("COW_TEST_DATA"), "golden", network, name, NULL);
}

char *
cli_folder (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-trainer-XXXXXX", &error);
  g_assert_no_error (error);
  return folder;
}

static void
remove_all (const char *path)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    for (const char *name; (name = g_dir_read_name (dir));) {
      g_autofree char *child = g_build_filename (path, name, NULL);
      remove_all (child);
    }
  }
  g_assert_cmpint (g_remove (path), ==, 0);
}

void
cli_remove (char *folder)
{
  remove_all (folder);
  g_free (folder);
}

static void
copy_file (const char *from, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_path_get_basename (from);
  g_autoptr (GFile) source = g_file_new_for_path (from),
                    target = g_file_new_build_filename (folder, name, NULL);
  g_file_copy (source, target, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

char *
cli_make_adapter (const char *folder, const char *network, const char *adapter)
{
  static const char *const files[] = { "adapter_config.json", "adapter_model.safetensors" };
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_autofree char *head = cli_golden (network, "classifier.safetensors");
  char *path = g_build_filename (folder, "adapter", NULL);

  g_mkdir (path, 0755);
  for (guint i = 0; adapter && i < G_N_ELEMENTS (files); i++) {
    g_autofree char *from = cli_golden (network, adapter);
    g_autofree char *file = g_build_filename (from, files[i], NULL);
    copy_file (file, path);
  }
  copy_file (head, path);
  g_free (card->kind);
  card->kind = g_strdup (!adapter                             ? "frozen"
                         : g_str_has_prefix (adapter, "dora") ? "dora"
                                                              : "lora");
  card->preprocess.width = card->preprocess.height = 64;
  cow_card_write (card, path, &error);
  g_assert_no_error (error);
  return path;
}

void
cli_change_base (const char *adapter)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (adapter, NULL, &error);

  g_assert_no_error (error);
  g_free (card->base_name);
  card->base_name = g_strdup ("another-barn");
  g_free (card->base_fingerprint);
  card->base_fingerprint = g_strdup ("0123");
  g_assert_true (cow_card_write (card, adapter, &error));
}

void
cli_make_picture (const char *folder, const char *name, int width, int height, guint32 seed)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree guint8 *rgb = g_malloc ((gsize)width * height * 3);
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);

  for (int i = 0; i < width * height * 3; i++)
    rgb[i] = (guint8)g_rand_int_range (random, 0, 256);
  VipsImage *image = vips_image_new_from_memory (rgb, (gsize)width * height * 3, width, height, 3,
                                                 VIPS_FORMAT_UCHAR);
  g_assert_nonnull (image);
  image->Type = VIPS_INTERPRETATION_sRGB;
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
}

void
cli_make_video (const char *path, const char *mux, const char *colours)
{
  g_autofree char *location = g_strescape (path, NULL),
                  *command = g_strdup_printf (
                      "gst-launch-1.0 -q videotestsrc num-buffers=250 pattern=ball %s ! "
                      "video/x-raw,format=I420,width=128,height=96,framerate=25/1 ! x264enc "
                      "speed-preset=ultrafast key-int-max=50 ! %s ! filesink location='\"%s\"'",
                      colours, mux, location);
  int status;

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}
