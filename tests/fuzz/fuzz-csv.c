/* SPDX-License-Identifier: MIT */
/* Any bytes as a table: each row that comes has as many fields as there are columns, all of them
 * text, and the rows come to an end. */
#define _GNU_SOURCE /* memfd_create */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "trainer/data/csv.h"

/* The length of all fields, so that each byte of them is read. */
static gsize
read_row (const Csv *csv)
{
  gsize n = 0;
  for (guint i = 0; i < csv->n_columns; i++) {
    g_assert_true (g_utf8_validate (csv->fields[i], -1, NULL));
    n += strlen (csv->fields[i]) + 1;
  }
  return n;
}

static void
read_table (const char *path, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Csv) csv =
      csv_open (path, (const char *const[]){ "image_path", "label", NULL }, &error);
  gboolean more = csv != NULL;
  gsize n = 0;

  fuzz_check_outcome (csv != NULL, error);
  while (more) {
    if (!csv_next (csv, &more, &error))
      break;
    if (more)
      n += read_row (csv);
  }
  fuzz_check_outcome (!csv || !more, csv ? error : NULL);
  /* Fields are pieces of the file with what separated them, and at most one more at its end; two
   * bytes of UTF-16 may be three of UTF-8. */
  g_assert_true (n <= size + size / 2 + 1);
  if (csv)
    g_assert_true (csv_column (csv, csv->columns[0]) == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const int fd = memfd_create ("table", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  g_assert_true (fd >= 0 && (size == 0 || write (fd, data, size) == (gssize)size));
  read_table (path, size);
  close (fd);
  return 0;
}
