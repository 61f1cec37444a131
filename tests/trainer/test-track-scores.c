/* SPDX-License-Identifier: MIT */
/* Cows that were followed against those that there are: TrackEval's numbers on tracks of chance,
 * cases that can be counted on the fingers, and what is no track. */
#include <math.h>
#include <string.h>

#include "model/files/error.h"
#include "tests/trainer/cli.h"
#include "trainer/eval/track-scores.h"

static CowTrackScores
score (const GArray *truth, const GArray *found)
{
  CowTrackScores scores;
  g_autoptr (GError) error = NULL;
  cow_track_scores ((const CowTrackBox *)(gconstpointer)truth->data, truth->len,
                    (const CowTrackBox *)(gconstpointer)found->data, found->len, &scores, &error);
  g_assert_no_error (error);
  return scores;
}

/* ---- TrackEval ------------------------------------------------------------------------------- */

static guint64 state;

/* 0 to n - 1; any program can have the same numbers. */
static int
chance (guint n)
{
  state = (state * 1103515245 + 12345) % (1u << 31);
  return (int)((state >> 8) % n);
}

/* Six cows walk close together for 60 frames, and are seen with jitter, gaps and other names;
 * ghosts come and go. Some frames have nobody, or nobody who is found. */
static void
make_tracks (GArray *truth, GArray *found)
{
  int x[6], y[6], name[6];
  state = 1;
  for (int c = 0; c < 6; c++) {
    x[c] = chance (160);
    y[c] = chance (80);
    name[c] = c;
  }
  for (guint frame = 0; frame < 60; frame++)
    for (int c = 0; c < 6; c++) {
      x[c] += chance (15) - 7;
      y[c] += chance (9) - 4;
      if (chance (40) == 0)
        name[c] = chance (9);
      const int dx = chance (41) - 20, dy = chance (31) - 15, dw = chance (21) - 10;
      const CowTrackBox there = { frame, c, { x[c], y[c], 90 + 8 * c, 60 } };
      const CowTrackBox seen = { frame,
                                 100 + 10 * name[c] + c,
                                 { x[c] + dx, y[c] + dy, 90 + 8 * c + dw, 60 } };
      const int there_x = chance (160), there_y = chance (80);
      const CowTrackBox ghost = { frame, 900 + c, { there_x, there_y, 100, 60 } };
      if (chance (12) != 0 && frame % 20 != 7)
        g_array_append_val (truth, there);
      if (chance (9) != 0 && frame % 20 != 9)
        g_array_append_val (found, seen);
      if (chance (30) == 0)
        g_array_append_val (found, ghost);
    }
}

/* The numbers are those of TrackEval 1.3.0 on the same boxes. */
static void
test_trackeval (void)
{
  g_autoptr (GArray) truth = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     found = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  make_tracks (truth, found);
  const CowTrackScores scores = score (truth, found);
  const double pairs[][2] = {
    { scores.mota, 0.451298701 },      { scores.motp, 0.656338667 },
    { (double)scores.switches, 24 },   { scores.fragments, 57 },
    { (double)scores.missed, 73 },     { (double)scores.ghosts, 72 },
    { scores.idf1, 0.481300813 },      { scores.id_precision, 0.482084691 },
    { scores.id_recall, 0.480519481 }, { scores.hota, 0.334620728 },
    { scores.det_a, 0.445793628 },     { scores.ass_a, 0.252183686 },
    { scores.loc_a, 0.726928337 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    g_assert_cmpfloat_with_epsilon (pairs[i][0], pairs[i][1], 1e-8);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static void
add (GArray *boxes, guint64 frame, gint64 id, double x)
{
  const CowTrackBox box = { frame, id, { x, 0, 10, 10 } };
  g_array_append_val (boxes, box);
}

/* In any order, and whatever the names. */
static void
test_perfect (void)
{
  g_autoptr (GArray) truth = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     found = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  for (guint i = 0; i < 5; i++) {
    add (truth, i, -1, 20 * i);
    add (truth, i, G_MAXINT64, 300);
    add (found, 4 - i, 7, 300);
    add (found, 4 - i, 3, 20 * (4 - i));
  }
  const CowTrackScores scores = score (truth, found);
  g_assert_cmpfloat (scores.mota, ==, 1);
  g_assert_cmpfloat (scores.motp, ==, 1);
  g_assert_cmpfloat (scores.idf1, ==, 1);
  g_assert_cmpfloat_with_epsilon (scores.hota, 1, 1e-12);
  g_assert_cmpuint (scores.switches + scores.fragments + scores.missed + scores.ghosts, ==, 0);
}

/* One cow in eight frames, who gets another id after four: half of her boxes are hers. */
static void
test_switch (void)
{
  g_autoptr (GArray) truth = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     found = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  for (guint i = 0; i < 8; i++) {
    add (truth, i, 1, i);
    add (found, i, i < 4 ? 1 : 2, i);
  }
  const CowTrackScores scores = score (truth, found);
  g_assert_cmpuint (scores.switches, ==, 1);
  g_assert_cmpuint (scores.fragments, ==, 0);
  g_assert_cmpfloat (scores.mota, ==, 7 / 8.);
  g_assert_cmpfloat (scores.idf1, ==, .5);
  g_assert_cmpfloat_with_epsilon (scores.ass_a, .5, 1e-12);
  g_assert_cmpfloat_with_epsilon (scores.hota, sqrt (.5), 1e-12);
}

/* A frame in which nobody is found ends a spell only where somebody else is found in it. */
static void
test_gap (void)
{
  g_autoptr (GArray) truth = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     found = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  for (guint i = 0; i < 8; i++) {
    add (truth, i, 1, 0);
    add (truth, i, 2, 50);
    add (found, i, 2, 50);
    if (i != 3)
      add (found, i, 1, 0);
  }
  const CowTrackScores scores = score (truth, found);
  g_assert_cmpuint (scores.fragments, ==, 1);
  g_assert_cmpuint (scores.missed, ==, 1);
  g_assert_cmpuint (scores.switches, ==, 0);
  g_assert_cmpfloat (scores.mota, ==, 15 / 16.);
}

/* Two cows whose boxes change places stay who they were as long as their boxes overlap. */
static void
test_loyal (void)
{
  g_autoptr (GArray) truth = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     found = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  for (guint i = 0; i < 2; i++) {
    add (truth, i, 1, 0);
    add (truth, i, 2, 2);
    add (found, i, 1, i == 0 ? 0 : 2);
    add (found, i, 2, i == 0 ? 2 : 0);
  }
  const CowTrackScores scores = score (truth, found);
  g_assert_cmpuint (scores.switches, ==, 0);
  g_assert_cmpfloat_with_epsilon (scores.motp, (1 + 8 / 12.) / 2, 1e-12);
}

static void
test_nothing (void)
{
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     one = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  CowTrackScores scores = score (none, none);
  g_assert_cmpfloat (scores.hota, ==, 0);
  g_assert_cmpfloat (scores.loc_a, ==, 1);
  add (one, 0, 0, 0);
  scores = score (one, none);
  g_assert_cmpuint (scores.missed, ==, 1);
  g_assert_cmpfloat (scores.mota, ==, 0);
  scores = score (none, one);
  g_assert_cmpuint (scores.ghosts, ==, 1);
  g_assert_cmpfloat (scores.idf1, ==, 0);
}

/* ---- no tracks ------------------------------------------------------------------------------- */

static void
refuse (const GArray *truth, const GArray *found, const char *text)
{
  CowTrackScores scores;
  g_autoptr (GError) error = NULL;
  g_assert_false (cow_track_scores ((const CowTrackBox *)(gconstpointer)truth->data, truth->len,
                                    (const CowTrackBox *)(gconstpointer)found->data, found->len,
                                    &scores, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, text));
}

static void
test_refused (void)
{
  g_autoptr (GArray) many = g_array_new (FALSE, FALSE, sizeof (CowTrackBox)),
                     bad = g_array_new (FALSE, FALSE, sizeof (CowTrackBox));
  const CowTrackBox strange[] = { { 3, 8, { NAN, 0, 1, 1 } },
                                  { 3, 8, { 0, INFINITY, 1, 1 } },
                                  { 3, 8, { 0, 0, 0, 1 } },
                                  { 3, 8, { 0, 0, 1, -1 } } };
  for (guint i = 0; i < G_N_ELEMENTS (strange); i++) {
    g_array_set_size (bad, 0);
    g_array_append_val (bad, strange[i]);
    refuse (bad, many, "true boxes: frame 3: the box of 8 (");
    refuse (many, bad, "found boxes: frame 3: the box of 8 (");
  }
  g_array_set_size (bad, 0);
  for (guint i = 0; i < 2; i++)
    add (bad, 4, 9, 30 * i);
  refuse (bad, many, "true boxes: frame 4 has 9 twice");
  for (guint i = 0; i < 1100; i++)
    add (many, 5, i, i);
  refuse (many, many, "1100 true boxes and 1100 that were found");
  g_array_set_size (many, 0);
  for (guint i = 0; i < 5000; i++)
    add (many, i, i, 0);
  refuse (many, many, "5000 true tracks and 5000 that were found");
}

/* ---- cow-trainer eval --tracks --------------------------------------------------------------- */

/* Writes a file; returns its path. */
static char *
make_file (const char *folder, const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static const char true_rows[] = "1,1,0,0,10,10,1\n2,1,0,0,10,10,1\n3,1,0,0,10,10,1\n"
                                "4,1,0,0,10,10,1\n",
                  good_rows[] = "1,7,0,0,10,10,1\n2,7,0,0,10,10,1\n3,8,0,0,10,10,1\n"
                                "4,8,0,0,10,10,1\n";

static void
test_program (void)
{
  char *folder = cli_folder ();
  g_autofree char *truth = make_file (folder, "truth.txt", true_rows),
                  *found = make_file (folder, "found.txt", good_rows),
                  *late = make_file (folder, "late.txt", "0,1,0,0,10,10,1\n");
  {
    g_auto (Result) result = cli_run ("eval", "--tracks", truth, found, truth, NULL);
    g_assert_cmpint (result.status, ==, 0);
    g_auto (GStrv) lines = g_strsplit (result.out, "\n", -1);
    g_assert_cmpuint (g_strv_length (lines), ==, 4);
    cli_assert_says (lines[0], "HOTA");
    cli_assert_says (lines[1], "found.txt  0.7071  1.0000  0.5000");
    cli_assert_says (lines[2], "truth.txt  1.0000  1.0000  1.0000");
    cli_assert_says (result.err, "truth.txt: MOT, 4 boxes, frames counted from 1, with tracks");
    g_assert_null (strstr (result.err, "warning"));
  }
  g_auto (Result) shifted = cli_run ("eval", "--tracks", truth, late, NULL);
  g_assert_cmpint (shifted.status, ==, 0);
  cli_assert_says (shifted.err, "late.txt: its frames are counted from 0 and the truth's from 1");
  cli_remove (folder);
}

static void
test_program_refuses (void)
{
  char *folder = cli_folder ();
  g_autofree char *truth = make_file (folder, "truth.txt", true_rows),
                  *nobody = make_file (folder, "nobody.txt", "1,-1,0,0,10,10,1\n"),
                  *twice = make_file (folder, "twice.txt", "1,1,0,0,9,9,1\n1,1,5,0,9,9,1\n");
  g_auto (Result) alone = cli_run ("eval", "--tracks", truth, NULL);
  cli_assert_error (&alone, 2, "truth.txt are missing");
  g_auto (Result) mixed = cli_run ("eval", "--tracks", truth, truth, "--out", folder, NULL);
  cli_assert_error (&mixed, 2, "has no meaning there");
  g_auto (Result) untracked = cli_run ("eval", "--tracks", truth, nobody, NULL);
  g_assert_cmpint (untracked.status, ==, 1);
  cli_assert_says (untracked.err, "nobody.txt: not every box has a track");
  g_auto (Result) doubled = cli_run ("eval", "--tracks", truth, twice, NULL);
  g_assert_cmpint (doubled.status, ==, 1);
  cli_assert_says (doubled.err, "twice.txt: found boxes: frame 0 has 1 twice");
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/track-scores/trackeval", test_trackeval);
  g_test_add_func ("/track-scores/perfect", test_perfect);
  g_test_add_func ("/track-scores/switch", test_switch);
  g_test_add_func ("/track-scores/gap", test_gap);
  g_test_add_func ("/track-scores/loyal", test_loyal);
  g_test_add_func ("/track-scores/nothing", test_nothing);
  g_test_add_func ("/track-scores/refused", test_refused);
  g_test_add_func ("/track-scores/program", test_program);
  g_test_add_func ("/track-scores/program-refuses", test_program_refuses);
  return g_test_run ();
}
