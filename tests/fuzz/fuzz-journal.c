/* SPDX-License-Identifier: MIT */
/* Any bytes as a segment of the journal of `annotate`, with the checksum put right: the subjects
 * and labels of its rows are there, and frames rise in time. */
#include <glib/gstdio.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "trainer/video/journal.h"

#define SETTINGS "{\"zones\":\"a\",\"format\":1}"

static void
check_part (const CowJournalPart *part)
{
  gint64 before = -1;

  for (guint i = 0; i < part->frames->len; i++) {
    const CowJournalFrame *frame = &g_array_index (part->frames, CowJournalFrame, i);

    g_assert_true (frame->time > before && frame->duration > 0);
    g_assert_true (frame->first <= part->rows->len && frame->n <= part->rows->len - frame->first);
    before = frame->time;
  }
  for (guint i = 0; i < part->rows->len; i++) {
    const CowJournalRow *row = &g_array_index (part->rows, CowJournalRow, i);

    g_assert_true (row->subject < part->zones->len && row->subject < part->tracks->len);
    g_assert_true (row->label < part->labels->len && part->labels->pdata[row->label]);
  }
}

static void
put_segment (const guint8 *data, gsize size)
{
  g_autoptr (GString) text = g_string_new_len ((const char *)data, (gssize)size);

  g_string_append_c (text, '\n');
  g_autofree char *sum =
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *)text->str, text->len);
  g_string_append_printf (text, "# %s\n", sum);
  fuzz_put ("unfinished/000001.txt", text->str, text->len);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree char *folder = fuzz_path ("unfinished"), *said = NULL;
  g_autoptr (JsonObject) settings = json_object_new ();
  g_autoptr (GError) error = NULL;

  g_mkdir (folder, 0700);
  fuzz_put ("unfinished/run.json", SETTINGS, sizeof SETTINGS - 1);
  put_segment (data, size);
  json_object_set_string_member (settings, "zones", "a");
  g_autoptr (CowJournal) journal = cow_journal_open (fuzz_folder (), settings, &said, &error);
  fuzz_check_outcome (journal != NULL, error);
  for (guint i = 0; journal && i <= G_MAXUINT16; i++)
    if (cow_journal_part (journal, i))
      check_part (cow_journal_part (journal, i));
  if (journal)
    g_assert_true (cow_journal_remove (journal, &error));
  return 0;
}
