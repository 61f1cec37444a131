/* SPDX-License-Identifier: MIT */
/* Any bytes as an export of Label Studio or CVAT: labels are text, go to pictures of the table
 * alone, and all pictures of the export are counted. */
#define _GNU_SOURCE /* memfd_create */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "trainer/data/label-exchange.h"

static CowCropTable *
make_table (void)
{
  static const char *const pictures[] = { "crops/a/1.png", "crops/a/2.png", "crops/b/2.png" };
  CowCropTable *table = cow_crop_table_open ("/proc/self/fd/none", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (pictures); i++) {
    const char *const fields[COW_CROP_N_COLUMNS] = { pictures[i], "", "v", "1", "", "", "", "" };
    cow_crop_table_add (table, fields);
  }
  return table;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const int fd = memfd_create ("labels", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (CowCropTable) table = make_table ();
  g_autoptr (GError) error = NULL;
  CowLabelCounts counts = { 0 };
  guint n = 0;

  g_assert_true (fd >= 0 && (size == 0 || write (fd, data, size) == (gssize)size));
  const gboolean read = cow_labels_read (path, table, &counts, &error);
  fuzz_check_outcome (read, error);
  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    const char *label = cow_crop_table_get (table, i, COW_CROP_LABEL);
    g_assert_true (g_utf8_validate (label, -1, NULL));
    n += *label != '\0';
  }
  g_assert_true (n <= counts.n_new);
  g_assert_true ((counts.unknown != NULL) == (counts.n_unknown > 0));
  g_free (counts.unknown);
  g_free (counts.several);
  close (fd);
  return 0;
}
