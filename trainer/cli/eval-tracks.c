/* SPDX-License-Identifier: MIT */
#include "trainer/cli/eval-tracks.h"

#include <unistd.h>

#include "model/files/error.h"
#include "trainer/eval/track-scores.h"
#include "trainer/host/terminal.h"
#include "trainer/host/text-table.h"
#include "trainer/video/boxes.h"

static const TextColumn columns[] = {
  { "tracks", TRUE, 0 }, { "HOTA", FALSE, 0 }, { "DetA", FALSE, 2 }, { "AssA", FALSE, 2 },
  { "LocA", FALSE, 3 },  { "IDF1", FALSE, 0 }, { "IDP", FALSE, 3 },  { "IDR", FALSE, 3 },
  { "MOTA", FALSE, 0 },  { "MOTP", FALSE, 4 }, { "FP", FALSE, 1 },   { "FN", FALSE, 1 },
  { "IDSW", FALSE, 1 },  { "Frag", FALSE, 4 }, { "cows", FALSE, 5 },
};

/* The boxes of a file; each has to belong to somebody. */
static CowBoxes *
read_tracks (const char *path, GError **error)
{
  g_autoptr (CowBoxes) boxes = cow_boxes_read (path, error);
  if (!boxes)
    return NULL;
  g_printerr ("cow-trainer: %s\n", boxes->text);
  if (boxes->tracked)
    return g_steal_pointer (&boxes);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: not every box has a track (the second number of a row of MOT, \"track_id\" of "
               "COCO): who is who cannot be judged",
               path);
  return NULL;
}

static CowTrackBox *
places_of (const CowBoxes *boxes)
{
  CowTrackBox *places = g_new (CowTrackBox, boxes->boxes->len);
  for (guint i = 0; i < boxes->boxes->len; i++) {
    const CowBox *box = &g_array_index (boxes->boxes, CowBox, i);
    places[i] = (CowTrackBox){ box->frame, box->track, { box->x, box->y, box->w, box->h } };
  }
  return places;
}

static void
add_row (TextTable *table, const char *path, const CowTrackScores *scores)
{
  const double rates[] = { scores->hota,      scores->det_a, scores->ass_a,
                           scores->loc_a,     scores->idf1,  scores->id_precision,
                           scores->id_recall, scores->mota,  scores->motp };
  const guint64 counts[] = { scores->ghosts, scores->missed, scores->switches, scores->fragments,
                             scores->n_found_tracks };
  char *cells[G_N_ELEMENTS (columns) + 1] = { g_filename_display_basename (path) };
  guint n = 1;
  for (guint i = 0; i < G_N_ELEMENTS (rates); i++)
    cells[n++] = g_strdup_printf ("%.4f", rates[i]);
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    cells[n++] = g_strdup_printf ("%" G_GUINT64_FORMAT, counts[i]);
  text_table_add (table, cells);
}

static gboolean
judge (TextTable *table, const CowBoxes *truth, const char *path, GError **error)
{
  g_autoptr (CowBoxes) found = read_tracks (path, error);
  CowTrackScores scores;
  if (!found)
    return FALSE;
  g_autofree CowTrackBox *there = places_of (truth), *seen = places_of (found);
  if (found->first_number != truth->first_number)
    g_printerr ("cow-trainer: warning: %s: its frames are counted from %u and the truth's from %u: "
                "if that is so because nobody is in the first frame, all are one frame apart\n",
                path, found->first_number, truth->first_number);
  if (!cow_track_scores (there, truth->boxes->len, seen, found->boxes->len, &scores, error)) {
    g_prefix_error (error, "%s: ", path);
    return FALSE;
  }
  add_row (table, path, &scores);
  return TRUE;
}

gboolean
eval_tracks (const char *truth_path, char *const *found, GError **error)
{
  g_autoptr (CowBoxes) truth = read_tracks (truth_path, error);
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));
  if (!truth)
    return FALSE;
  for (char *const *path = found; *path; path++)
    if (!judge (table, truth, *path, error))
      return FALSE;
  g_autofree char *text =
      text_table_text (table, terminal_columns (STDOUT_FILENO), "a wider terminal has them");
  g_print ("%s", text);
  return TRUE;
}
