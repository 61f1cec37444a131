/* SPDX-License-Identifier: MIT */
/*
 * What precision=auto becomes where nobody has measured and the adapter keeps pictures: it is
 * measured by them, once, within its time, and kept; and the file of these pictures.
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "model/adapter/kept-pictures.h"
#include "model/engine/engine.h"
#include "model/network/precision-resolve.h"
#include "tests/model/precision-fixture.h"
#include "tests/model/scratch.h"

#define FILE_NAME "pictures.safetensors"
#define BYTES     (PRECISION_SIDE * PRECISION_SIDE * 3)

/* The fixture's pictures in 8 bits [n, height, width, 3]. */
static CowKeptPictures
make_pictures (void)
{
  g_autofree float *pixels = precision_pictures ();
  const guint plane = PRECISION_SIDE * PRECISION_SIDE;
  CowKeptPictures pictures = { PRECISION_N_PICTURES, PRECISION_SIDE, PRECISION_SIDE,
                               g_new (guint8, PRECISION_N_PICTURES * BYTES) };
  for (guint p = 0; p < pictures.n; p++)
    for (guint i = 0; i < plane; i++)
      for (guint c = 0; c < 3; c++)
        pictures.rgb[p * BYTES + 3 * i + c] =
            (guint8)(255 * pixels[p * BYTES + c * plane + i] + .5f);
  return pictures;
}

static void
keep_pictures (const PrecisionFolders *self)
{
  g_autoptr (GError) error = NULL;
  g_auto (CowKeptPictures) pictures = make_pictures ();
  cow_kept_pictures_write (&pictures, self->adapter, &error);
  g_assert_no_error (error);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void
test_pictures (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (CowKeptPictures) written = make_pictures (), none = { 0 }, all = { 0 }, some = { 0 };
  g_autoptr (CkDevice) device = precision_device ();
  const CowPreprocess unit = { PRECISION_SIDE, PRECISION_SIDE, CK_BILINEAR, COW_UNIT, COW_STRETCH };

  g_assert_false (cow_kept_pictures_present (self->adapter));
  g_assert_true (cow_kept_pictures_read (&none, self->adapter, 9, &error));
  g_assert_cmpuint (none.n, ==, 0);
  keep_pictures (self);
  g_assert_true (cow_kept_pictures_present (self->adapter));
  g_assert_true (cow_kept_pictures_read (&all, self->adapter, 9, &error));
  g_assert_true (cow_kept_pictures_read (&some, self->adapter, 2, &error));
  g_assert_no_error (error);
  g_assert_cmpint (all.width, ==, PRECISION_SIDE);
  g_assert_cmpmem (all.rgb, all.n * BYTES, written.rgb, PRECISION_N_PICTURES * BYTES);
  g_assert_cmpmem (some.rgb, some.n * BYTES, written.rgb, 2 * BYTES);

  /* At their own size nothing is lost. */
  g_autofree float *pixels = cow_kept_pictures_prepare (&some, &unit, device, &error);
  g_assert_no_error (error);
  const guint plane = PRECISION_SIDE * PRECISION_SIDE;
  for (guint i = 0; i < plane; i++)
    g_assert_cmpfloat_with_epsilon (pixels[BYTES + 2 * plane + i],
                                    (float)written.rgb[BYTES + 3 * i + 2] / 255, 1e-6);
}

static void
test_bad_pictures (PrecisionFolders *self, gconstpointer data)
{
  static const struct {
    const char *name;
    CowDtype dtype;
    gint64 dims[4];
    guint n_dims;
  } cases[] = {
    { "picture", COW_U8, { 2, 8, 8, 3 }, 4 },     { "pictures", COW_F32, { 2, 8, 8, 3 }, 4 },
    { "pictures", COW_U8, { 2, 8, 8, 4 }, 4 },    { "pictures", COW_U8, { 2, 8, 8 }, 3 },
    { "pictures", COW_U8, { 0, 8, 8, 3 }, 4 },    { "pictures", COW_U8, { 2, 0, 8, 3 }, 4 },
    { "pictures", COW_U8, { 1025, 1, 1, 3 }, 4 }, { "pictures", COW_U8, { 1, 9000, 1, 3 }, 4 },
  };
  g_autofree char *path = g_build_filename (self->adapter, FILE_NAME, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_auto (CowKeptPictures) read = { 0 };
    g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
    gsize count, bytes;
    g_assert_true (
        cow_shape_count (cases[i].dims, cases[i].n_dims, cases[i].dtype, &count, &bytes));
    g_autofree char *zeros = g_malloc0 (MAX (bytes, 1));
    cow_safetensors_writer_declare (writer, cases[i].name, cases[i].dtype, cases[i].dims,
                                    cases[i].n_dims);
    cow_safetensors_writer_write (writer, zeros, bytes, &error);
    cow_safetensors_writer_finish (writer, &error);
    g_assert_no_error (error);
    g_assert_false (cow_kept_pictures_read (&read, self->adapter, 32, &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, path));
    g_assert_cmpuint (read.n, ==, 0);
  }
}

/* ---- resolving ------------------------------------------------------------------------------- */

static CowClassifierOptions
automatic (const PrecisionFolders *self)
{
  return (CowClassifierOptions){ .model = self->model, .adapter = self->adapter, .threads = 1 };
}

/* Measures by the pictures, and says where it is kept; the next one reads that. */
static void
test_measured (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionChoice) none = { 0 }, first = { 0 }, second = { 0 };
  CowClassifierOptions before = automatic (self), options = before, again = before;
  g_autofree char *path = g_build_filename (self->adapter, "precision.json", NULL);
  if (!precision_has_int16 ())
    return;
  cow_precision_resolve (&before, &none);
  g_assert_cmpint (before.precision, ==, COW_PRECISION_FP32);
  g_assert_false (none.measured);
  g_assert_nonnull (strstr (none.why, "--check PICTURES`"));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));

  keep_pictures (self);
  cow_precision_resolve_within (&options, 60, &first);
  g_assert_true (first.measured && first.tried_now);
  g_assert_null (first.warning);
  g_assert_nonnull (strstr (first.why, "at load on 6 pictures"));
  g_assert_nonnull (strstr (first.why, path));
  g_assert_cmpint (options.precision, ==, first.precision);
  g_assert_true (options.raised == (const char *const *)first.raised);
  g_assert_cmpint (options.precision, !=, COW_PRECISION_AUTO);

  cow_precision_resolve_within (&again, 60, &second);
  g_assert_true (second.measured);
  g_assert_false (second.tried_now);
  g_assert_nonnull (strstr (second.why, "as measured on 6 pictures"));
  g_assert_cmpint (again.precision, ==, options.precision);
  g_autofree char *text = cow_precision_choice_text (&first),
                  *same = cow_precision_choice_text (&second);
  g_assert_cmpstr (text, ==, same);
}

/* An engine that is told nothing computes in what was found. */
static void
test_engine (PrecisionFolders *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (CowPrecisionChoice) choice = { 0 };
  const CowClassifierOptions options = automatic (self);
  if (!precision_has_int16 ())
    return;
  keep_pictures (self);
  g_autoptr (CowEngine) engine = cow_engine_get (&options, &error);
  g_assert_no_error (error);
  cow_precision_choose (COW_PRECISION_AUTO, self->model, self->adapter, "cpu", &choice);
  g_assert_true (choice.measured);
  g_autofree char *text = cow_precision_choice_text (&choice);
  g_assert_cmpstr (cow_engine_precision_text (engine), ==, text);
}

static void
test_no_time (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionChoice) first = { 0 }, second = { 0 };
  CowClassifierOptions options = automatic (self), again = options;
  g_autofree char *path = g_build_filename (self->adapter, "precision.json", NULL);
  if (!precision_has_int16 ())
    return;
  keep_pictures (self);
  cow_precision_resolve_within (&options, 0, &first);
  g_assert_cmpint (options.precision, ==, COW_PRECISION_FP32);
  g_assert_false (first.measured);
  g_assert_true (first.tried_now);
  g_assert_null (first.warning);
  g_assert_nonnull (strstr (first.why, "--check` measures"));
  g_assert_nonnull (strstr (first.why, "more than 0 s"));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  /* Nobody tries again in this process. */
  cow_precision_resolve_within (&again, 60, &second);
  g_assert_cmpint (again.precision, ==, COW_PRECISION_FP32);
  g_assert_false (second.tried_now);
}

/* Where the result cannot be kept it holds for this process, and that is said once. */
static void
test_not_kept (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionChoice) first = { 0 }, second = { 0 };
  CowClassifierOptions options = automatic (self), again = options;
  g_autofree char *path = g_build_filename (self->adapter, "precision.json", NULL);
  struct rlimit limit;
  if (!precision_has_int16 ())
    return;
  if (g_strcmp0 (g_getenv ("COWBEHAVIOR_TEST_DEVICE"), "1") == 0) {
    g_test_skip ("test-device's memory is a file, which a limit of files is for, too");
    return;
  }
  keep_pictures (self);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &(struct rlimit){ 0, limit.rlim_max }), ==, 0);
  cow_precision_resolve_within (&options, 60, &first);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  signal (SIGXFSZ, SIG_DFL);
  g_assert_true (first.tried_now);
  g_assert_nonnull (first.warning);
  g_assert_nonnull (strstr (first.warning, path));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  cow_precision_resolve_within (&again, 60, &second);
  g_assert_true (second.measured);
  g_assert_false (second.tried_now);
  g_assert_null (second.warning);
  g_assert_cmpint (again.precision, ==, options.precision);
}

/* What was measured of other weights is measured again; what breaks its format is left alone. */
static void
test_out_of_date (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionChoice) stale = { 0 }, broken = { 0 };
  CowClassifierOptions options = automatic (self), again = options;
  if (!precision_has_int16 ())
    return;
  keep_pictures (self);
  scratch_write (self->adapter, "precision.json", "{ \"format\": 1 }");
  cow_precision_resolve_within (&options, 60, &broken);
  g_assert_false (broken.measured);
  g_assert_nonnull (broken.warning);
  g_autofree char *left = scratch_read (self->adapter, "precision.json", NULL);
  g_assert_cmpstr (left, ==, "{ \"format\": 1 }");

  scratch_write (self->adapter, "precision.json",
                 "{ \"format\": 1, \"arithmetic\": 1, \"weights\": \"others\", \"choices\": { } }");
  cow_precision_resolve_within (&again, 60, &stale);
  g_assert_true (stale.tried_now);
  g_assert_null (stale.warning);
  g_autofree char *replaced = scratch_read (self->adapter, "precision.json", NULL);
  g_assert_null (strstr (replaced, "others"));
}

static void
test_damaged (PrecisionFolders *self, gconstpointer data)
{
  g_auto (CowPrecisionChoice) choice = { 0 };
  CowClassifierOptions options = automatic (self);
  scratch_write (self->adapter, FILE_NAME, "no pictures");
  cow_precision_resolve_within (&options, 60, &choice);
  g_assert_cmpint (options.precision, ==, COW_PRECISION_FP32);
  g_assert_false (choice.measured);
  g_assert_nonnull (choice.warning);
  g_assert_nonnull (strstr (choice.warning, FILE_NAME));
}

static gpointer
resolve (gpointer data)
{
  CowClassifierOptions options = automatic (data);
  g_auto (CowPrecisionChoice) choice = { 0 };
  cow_precision_resolve_within (&options, 60, &choice);
  g_assert_true (choice.measured);
  return GINT_TO_POINTER (choice.tried_now);
}

/* Of cameras that start together one measures. */
static void
test_together (PrecisionFolders *self, gconstpointer data)
{
  GThread *threads[4];
  guint n = 0;
  if (!precision_has_int16 ())
    return;
  keep_pictures (self);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("camera", resolve, self);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    n += GPOINTER_TO_INT (g_thread_join (threads[i])) != 0;
  g_assert_cmpuint (n, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, test)                                                                            \
  g_test_add ("/precision-resolve/" name, PrecisionFolders, NULL, precision_set_up, test,          \
              precision_tear_down)
  ADD ("pictures", test_pictures);
  ADD ("pictures/bad", test_bad_pictures);
  ADD ("measured", test_measured);
  ADD ("engine", test_engine);
  ADD ("no-time", test_no_time);
  ADD ("not-kept", test_not_kept);
  ADD ("out-of-date", test_out_of_date);
  ADD ("damaged", test_damaged);
  ADD ("together", test_together);
#undef ADD
  return g_test_run ();
}
