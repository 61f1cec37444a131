/* SPDX-License-Identifier: MIT */
/* Any bytes as a file of events that others wrote: a line that is appended comes behind them, on a
 * line of its own, and one that is withdrawn leaves them as they were. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gst-plugin/publish/append.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

#define LINE "{\"event\":1}"

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  fuzz_put ("events.jsonl", data, size);
  g_autofree char *path = fuzz_path ("events.jsonl"), *text = NULL;
  GstCowAppend file = { .fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC),
                        .beside = open (path, O_RDWR | O_CLOEXEC) };
  const gboolean torn = size > 0 && data[size - 1] != '\n';
  const gsize n = size + torn + sizeof LINE;
  gsize n_text = 0;

  g_assert_true (gst_cow_append_lock (&file, NULL) && gst_cow_append_line (&file, LINE));
  g_assert_true (g_file_get_contents (path, &text, &n_text, NULL));
  g_assert_true (n_text == n && (size == 0 || memcmp (text, data, size) == 0));
  g_assert_true (memcmp (text + size, torn ? "\n" LINE "\n" : LINE "\n", n - size) == 0);
  g_assert_true (gst_cow_append_withdraw (&file, (off_t)size, (off_t)n));
  g_free (text);
  g_assert_true (g_file_get_contents (path, &text, &n_text, NULL));
  g_assert_true (n_text == size && (size == 0 || memcmp (text, data, size) == 0));
  close (file.fd);
  close (file.beside);
  return 0;
}
