/* SPDX-License-Identifier: MIT */
/*
 * Model files that somebody shortens, overwrites or replaces: a network that is loaded goes on with
 * the same bits, one that is loading says so, and nobody gets SIGBUS.
 */
#include "model/files/mapping.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "model/network/classifier.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/written.h"

#define SIZE (40 * 4096 + 100)

/* ---- one file -------------------------------------------------------------------------------- */

static char *
bytes_file (const char *name)
{
  g_autofree guint8 *bytes = g_malloc (SIZE);
  for (gsize i = 0; i < SIZE; i++)
    bytes[i] = (guint8)(i / 4096 + i);
  return write_bytes (name, bytes, SIZE);
}

static void
assert_bytes (const CowMapping *mapping, gsize at, gsize n)
{
  for (gsize i = at; i < at + n; i++)
    g_assert_cmpuint (mapping->data[i], ==, (guint8)(i / 4096 + i));
}

/* What a user's editor or rsync --inplace does. */
static void
overwrite (const char *path)
{
  g_autofree guint8 *zeros = g_malloc0 (4096);
  GStatBuf before, after;
  g_assert_cmpint (g_stat (path, &before), ==, 0);
  const int fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  do {
    for (gsize at = 0; at < (gsize)before.st_size; at += 4096)
      g_assert_cmpint (pwrite (fd, zeros, MIN (4096, (gsize)before.st_size - at), (off_t)at), >, 0);
    g_usleep (1000);
    g_assert_cmpint (g_stat (path, &after), ==, 0);
  } while (after.st_mtim.tv_nsec == before.st_mtim.tv_nsec &&
           after.st_mtim.tv_sec == before.st_mtim.tv_sec);
  close (fd);
}

static void
open_bytes (CowMapping *mapping, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (cow_mapping_open (mapping, path, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (mapping->size, ==, SIZE);
}

static void
test_read (void)
{
  g_autofree char *path = bytes_file ("read");
  g_autoptr (GError) error = NULL;
  CowMapping mapping;
  guint8 copy[5000];
  open_bytes (&mapping, path);
  g_assert_true (cow_mapping_copy (&mapping, mapping.data + 4000, 5000, copy, &error));
  g_assert_true (cow_mapping_read (&mapping, mapping.data + 4095, 2, &error));
  assert_bytes (&mapping, 0, 8192);
  g_assert_cmpmem (copy, 4192, mapping.data + 4000, 4192);
  g_assert_true (cow_mapping_read (&mapping, mapping.data + 100, SIZE - 100, &error));
  assert_bytes (&mapping, 0, SIZE);
  /* Pages that others have a part of stay. */
  cow_mapping_release (&mapping, mapping.data + 4096 - 10, 3 * 4096);
  assert_bytes (&mapping, 0, 4096);
  assert_bytes (&mapping, 3 * 4096, 4096);
  g_assert_true (cow_mapping_read (&mapping, mapping.data, SIZE, &error));
  assert_bytes (&mapping, 0, SIZE);
  g_assert_true (cow_mapping_check (&mapping, &error));
  cow_mapping_close (&mapping);
}

/* Bytes that nobody asked for must not be taken for zeros. */
static void
test_untouched (void)
{
  g_autofree char *path = bytes_file ("untouched");
  if (g_test_subprocess ()) {
    CowMapping mapping;
    open_bytes (&mapping, path);
    g_print ("%d", mapping.data[0]);
    return;
  }
  g_test_trap_subprocess (NULL, 0, (GTestSubprocessFlags)0);
  g_test_trap_assert_failed ();
}

/* Shortened or overwritten while it is read. */
static void
test_changed (gconstpointer data)
{
  const gboolean shortened = GPOINTER_TO_INT (data);
  g_autofree char *path = bytes_file (shortened ? "shortened" : "overwritten");
  g_autoptr (GError) error = NULL;
  CowMapping mapping;
  guint8 copy[10];
  open_bytes (&mapping, path);
  g_assert_true (cow_mapping_read (&mapping, mapping.data, 20 * 4096, &error));
  if (shortened)
    g_assert_cmpint (truncate (path, 5000), ==, 0);
  else
    overwrite (path);
  /* What was read stays; what comes is refused. */
  assert_bytes (&mapping, 0, 20 * 4096);
  g_assert_false (cow_mapping_read (&mapping, mapping.data + 30 * 4096, 10, &error));
  expect_error (&error, COW_ERROR_IO, path, "was changed while it was read", NULL);
  g_assert_false (cow_mapping_copy (&mapping, mapping.data + 30 * 4096, 10, copy, &error));
  expect_error (&error, COW_ERROR_IO, path, "was changed while it was read", NULL);
  g_assert_false (cow_mapping_check (&mapping, &error));
  expect_error (&error, COW_ERROR_IO, path, "was changed while it was read", NULL);
  assert_bytes (&mapping, 0, 20 * 4096);
  cow_mapping_close (&mapping);
}

/* Another file of that name: what is open is whole, but files of one model may be of two. */
static void
test_replaced (void)
{
  g_autofree char *path = bytes_file ("replaced"), *other = bytes_file ("replacing");
  g_autoptr (GError) error = NULL;
  CowMapping mapping;
  open_bytes (&mapping, path);
  g_assert_cmpint (g_rename (other, path), ==, 0);
  g_assert_true (cow_mapping_read (&mapping, mapping.data, SIZE, &error));
  assert_bytes (&mapping, 0, SIZE);
  g_assert_false (cow_mapping_check (&mapping, &error));
  expect_error (&error, COW_ERROR_IO, path, "was changed while it was read", NULL);
  cow_mapping_close (&mapping);
}

/* ---- a network ------------------------------------------------------------------------------- */

#define SIDE 64

static float *
run (CowClassifier *classifier)
{
  const gsize n = 3 * SIDE * SIDE;
  g_autofree float *pixels = g_new (float, n);
  g_autoptr (GError) error = NULL;
  CowOutput output;
  for (gsize i = 0; i < n; i++)
    pixels[i] = (float)(i * 7919 % 256) / 255 + (i % 97 == 0 ? 50 : 0);
  g_assert_true (cow_classifier_run (classifier, pixels, 1, SIDE, SIDE, &output, &error));
  return g_memdup2 (output.pooler_output,
                    (gsize)cow_classifier_n_features (classifier) * sizeof (float));
}

typedef struct {
  const char *storage;
  CowPrecision precision;
} Kind;

static const Kind kinds[] = { { "fp32", COW_PRECISION_FP32 },
                              { "nf4", COW_PRECISION_FP32 },
                              { "fp32", COW_PRECISION_INT16 },
                              { "fp32", COW_PRECISION_INT8 },
                              { "nf4", COW_PRECISION_INT8 } };

/* Nothing is read of the file once the network is there, outliers included. */
static void
test_network (gconstpointer data)
{
  const Kind *kind = data;
  g_autofree char *golden = golden_path ("plain"),
                  *from = g_build_filename (golden, kind->storage, NULL);
  for (guint way = 0; way < 2; way++) {
    char *folder = scratch_new ();
    scratch_copy (from, folder, "model.safetensors");
    scratch_copy (from, folder, "config.json");
    g_autofree char *path = g_build_filename (folder, "model.safetensors", NULL);
    g_autoptr (GError) error = NULL;
    const CowClassifierOptions options = { .model = folder, .precision = kind->precision };
    g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
    if (g_error_matches (error, COW_ERROR, COW_ERROR_UNSUPPORTED)) {
      g_test_skip (error->message);
      scratch_free (folder);
      return;
    }
    g_assert_no_error (error);
    g_autofree float *before = run (classifier);
    if (way == 0)
      g_assert_cmpint (truncate (path, 0), ==, 0);
    else
      overwrite (path);
    g_autofree float *after = run (classifier);
    const gsize bytes = (gsize)cow_classifier_n_features (classifier) * sizeof (float);
    g_assert_cmpmem (after, bytes, before, bytes);
    scratch_free (folder);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mapping/read", test_read);
  g_test_add_func ("/mapping/untouched", test_untouched);
  g_test_add_data_func ("/mapping/overwritten", GINT_TO_POINTER (FALSE), test_changed);
  g_test_add_data_func ("/mapping/shortened", GINT_TO_POINTER (TRUE), test_changed);
  g_test_add_func ("/mapping/replaced", test_replaced);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *name = g_strdup_printf ("/mapping/network/%s-%s", kinds[i].storage,
                                             cow_precision_name (kinds[i].precision));
    g_test_add_data_func (name, &kinds[i], test_network);
  }
  return run_and_clean ();
}
