/* SPDX-License-Identifier: MIT */
/* Any bytes as a table of what cows did and when: bouts come in order, none of one subject is in
 * another, and each is found at its own time. The first byte says whether there is one
 * recording. */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "trainer/video/scored-bouts.h"

static void
check (const CowScoredBouts *bouts)
{
  gint64 before = G_MININT64;

  g_assert_true (g_utf8_validate (bouts->text, -1, NULL) && bouts->n_about <= bouts->n_rows);
  g_assert_true (bouts->bouts->len <= bouts->n_about);
  for (guint i = 0; i < bouts->bouts->len; i++) {
    const CowScoredBout *bout = bouts->bouts->pdata[i];

    g_assert_true (*bout->label && g_utf8_validate (bout->label, -1, NULL));
    g_assert_true (bout->start >= before && bout->end >= bout->start);
    before = bout->start;
    if (bout->end > bout->start && bout->start < G_MAXINT64 / 1000000)
      g_assert_true (
          cow_scored_bouts_find (bouts, bout->zone, bout->track, bout->start * 1000000) != NULL);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  const gboolean alone = fuzz_byte (&input) & 1;
  g_autofree char *path = fuzz_path ("bouts.csv");
  g_autoptr (GError) error = NULL;

  fuzz_put ("bouts.csv", input.next, input.left);
  g_autoptr (CowScoredBouts) bouts = cow_scored_bouts_read (path, "barn.mp4", alone, &error);
  fuzz_check_outcome (bouts != NULL, error);
  if (bouts)
    check (bouts);
  return 0;
}
