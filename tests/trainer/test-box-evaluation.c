/* SPDX-License-Identifier: MIT */
/* What an evaluation of boxes counts, draws and writes, of four frames whose numbers are known. */
#include <math.h>
#include <stdio.h>

#include "model/files/json-object.h"
#include "tests/trainer/cli.h"
#include "trainer/data/frames-dataset.h"
#include "trainer/data/frames-open.h"
#include "trainer/eval/box-report.h"
#include "trainer/eval/plots-boxes.h"

typedef struct {
  char *folder;
  CowFrames *frames;
  CowBoxEvaluation *evaluation;
} Fixture;

/* a: two cows; b: none; c: a cow and a crowd; d: a cow of no behaviour. */
static const char annotations[] =
    "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":200,\"height\":100,\"source\":"
    "\"north\"},{\"id\":2,\"file_name\":\"b.png\",\"width\":200,\"height\":100,\"source\":"
    "\"north\"},{\"id\":3,\"file_name\":\"c.png\",\"width\":200,\"height\":100,\"source\":"
    "\"<south>\"},{\"id\":4,\"file_name\":\"d.png\",\"width\":200,\"height\":100,\"source\":"
    "\"<south>\"}],"
    "\"categories\":[{\"id\":1,\"name\":\"cow\"},{\"id\":2,\"name\":\"Lying\"},{\"id\":3,\"name\":"
    "\"Standing\"}],\"annotations\":["
    "{\"image_id\":1,\"category_id\":2,\"bbox\":[0,0,40,40]},"
    "{\"image_id\":1,\"category_id\":3,\"bbox\":[100,0,40,40]},"
    "{\"image_id\":3,\"category_id\":2,\"bbox\":[0,0,40,40]},"
    "{\"image_id\":3,\"category_id\":2,\"bbox\":[60,0,100,100],\"iscrowd\":1},"
    "{\"image_id\":4,\"category_id\":1,\"bbox\":[50,50,40,40]}]}";

/* What the network of `tell` says: of each found box what its row has. */
static const char *const behaviours[] = { "Standing", "LYING", NULL };
static const float probabilities[][2] = { { .25f, .75f }, { .5f, .5f } };

static const CowPreprocess half = { .width = 100, .height = 50 };

/* What is found in a picture of half of the frame's size. */
static void
add (Fixture *self, guint frame, const double (*boxes)[5], guint n)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CowDetection));

  for (guint i = 0; i < n; i++) {
    const CowDetection one = {
      { boxes[i][0] / 2, boxes[i][1] / 2, boxes[i][2] / 2, boxes[i][3] / 2 }, (float)boxes[i][4], i
    };
    g_array_append_val (found, one);
  }
  cow_box_evaluation_add (self->evaluation, frame, &half, found,
                          self->evaluation->behaviours ? probabilities[0] : NULL);
}

static void
setup (Fixture *self, gconstpointer tells)
{
  static const double a[][5] = { { 0, 0, 40, 40, .875 }, { 100, 60, 30, 30, .25 } },
                      b[][5] = { { 10, 10, 40, 40, .75 } },
                      c[][5] = { { 0, 0, 40, 38, .5 }, { 80, 20, 30, 30, .9375 } },
                      d[][5] = { { 52, 50, 40, 40, .625 } };
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  self->folder = cli_folder ();
  for (const char *name = "abcd"; *name; name++) {
    const char file[] = { *name, '.', 'p', 'n', 'g', '\0' };
    cli_make_picture (self->folder, file, 200, 100, (guint32)*name);
  }
  options.set.data = g_build_filename (self->folder, "frames.json", NULL);
  options.set.val_fraction = 0;
  g_assert_true (g_file_set_contents (options.set.data, annotations, -1, NULL));
  self->frames = cow_frames_open (&options, &error);
  g_assert_no_error (error);
  self->evaluation = cow_box_evaluation_new (self->frames, tells ? behaviours : NULL);
  add (self, 0, a, 2);
  add (self, 1, b, 1);
  add (self, 2, c, 2);
  add (self, 3, d, 1);
  self->evaluation->split = g_strdup ("all");
  self->evaluation->adapter = g_strdup ("runs/<best>");
  cow_box_evaluation_compute (self->evaluation);
  cow_frames_options_clear (&options);
}

static void
teardown (Fixture *self, gconstpointer unused)
{
  cow_box_evaluation_free (self->evaluation);
  cow_frames_free (self->frames);
  cli_remove (self->folder);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void
assert_share (const GArray *shares, guint i, const char *name, guint64 n, guint64 found)
{
  const CowBoxShare *share = &g_array_index (shares, CowBoxShare, i);

  g_assert_cmpuint (i, <, shares->len);
  g_assert_cmpstr (share->name, ==, name);
  g_assert_cmpuint (share->n, ==, n);
  g_assert_cmpuint (share->found, ==, found);
}

static void
assert_frame (const CowBoxEvaluation *e, guint i, guint hits, guint missed, guint ghosts)
{
  const CowBoxFrame *frame = &g_array_index (e->judged, CowBoxFrame, i);

  g_assert_cmpuint (frame->hits, ==, hits);
  g_assert_cmpuint (frame->missed, ==, missed);
  g_assert_cmpuint (frame->ghosts, ==, ghosts);
}

/* Four cows; three are found from .5 on, beside one ghost. What is in the crowd counts neither
 * way. */
static void
test_numbers (Fixture *self, gconstpointer unused)
{
  const CowBoxEvaluation *e = self->evaluation;

  g_assert_cmpuint (e->n_cows, ==, 4);
  g_assert_cmpfloat (e->threshold.score, ==, .5);
  g_assert_cmpuint (e->threshold.hits, ==, 3);
  g_assert_cmpuint (e->threshold.ghosts, ==, 1);
  g_assert_cmpuint (e->threshold.missed, ==, 1);
  g_assert_cmpuint (e->classes->len, ==, 3);
  assert_share (e->classes, 0, "(no behaviour)", 1, 1);
  assert_share (e->classes, 1, "Lying", 2, 2);
  assert_share (e->classes, 2, "Standing", 1, 0);
  assert_share (e->sources, 0, "<south>", 2, 2);
  assert_share (e->sources, 1, "north", 2, 1);
  assert_frame (e, 0, 1, 1, 0); /* its ghost of .25 is not told */
  assert_frame (e, 1, 0, 0, 1);
  assert_frame (e, 2, 1, 0, 0);
  assert_frame (e, 3, 1, 0, 0);
  g_autoptr (GArray) mistakes = cow_box_evaluation_mistakes (e);
  g_assert_cmpuint (mistakes->len, ==, 2);
  g_assert_cmpuint (g_array_index (mistakes, guint, 0), ==, 0);
}

static void
test_curve (Fixture *self, gconstpointer unused)
{
  const CowBoxThreshold *curve = self->evaluation->curve;

  g_assert_cmpuint (curve[100].hits + curve[100].ghosts, ==, 0);
  g_assert_cmpuint (curve[100].missed, ==, 4);
  g_assert_cmpfloat (curve[80].precision, ==, 1);
  g_assert_cmpfloat (curve[80].recall, ==, .25);
  g_assert_cmpuint (curve[75].ghosts, ==, 1); /* one of .75 is told from .75 on */
  g_assert_cmpuint (curve[76].ghosts, ==, 0);
  g_assert_cmpfloat (curve[50].f1, ==, self->evaluation->threshold.f1);
  g_assert_cmpuint (curve[0].ghosts, ==, 2);
  g_assert_cmpfloat (curve[30].score, ==, .3);
}

/* ---- what is written ------------------------------------------------------------------------- */

static void
test_files (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *csv_path = g_build_filename (self->folder, "frames.csv", NULL), *csv = NULL,
                  *json_path = g_build_filename (self->folder, "results.json", NULL),
                  *text = cow_box_evaluation_text (self->evaluation);

  cli_assert_says (text, "4 frames (all), 4 cows");
  cli_assert_says (text, "3 found, 1 missed, 1 ghosts");
  cli_assert_says (text, "true, said:     cow  missed  recall\n");
  cli_assert_says (text, "Standing          0       1  0.0000\n");
  cli_assert_says (text, "ghost (no cow)    1");
  cow_box_evaluation_write (self->evaluation, self->folder, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (csv_path, &csv, NULL, NULL));
  cli_assert_says (csv, "image_path,source,cows,found,missed,ghosts\n");
  cli_assert_says (csv, "a.png,north,2,1,1,0\n");
  cli_assert_says (csv, "b.png,north,0,0,0,1\n");
  g_autoptr (JsonObject) object = cow_json_read_object (json_path, &error);
  g_assert_no_error (error);
  JsonArray *classes = json_object_get_array_member (object, "classes");
  g_assert_cmpint (
      json_object_get_int_member (json_array_get_object_element (classes, 2), "missed"), ==, 1);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "curve")), ==,
                    COW_BOX_CURVE_POINTS);
  g_assert_cmpint (json_object_get_int_member (object, "cows"), ==, 4);
  /* The card keeps the gist alone. */
  g_autoptr (JsonObject) gist = cow_box_evaluation_gist (self->evaluation);
  g_assert_false (json_object_has_member (gist, "curve"));
  g_assert_true (json_object_has_member (gist, "threshold"));
}

/* Two boxes are drawn in the first frame; what comes from files is escaped. */
static void
test_page (Fixture *self, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowDataset) dataset = cow_dataset_of_frames (self->frames);

  g_ptr_array_add (self->evaluation->warnings, g_strdup ("one & other"));
  g_autofree char *page = cow_box_report_html (self->evaluation, dataset, NULL, NULL, &error);
  g_assert_no_error (error);
  cli_assert_says (page, "<h1>runs/&lt;best&gt;</h1>");
  cli_assert_says (page, "<li>one &amp; other</li>");
  cli_assert_says (page, "<td>&lt;south&gt;</td>");
  g_assert_null (strstr (page, "<south>"));
  cli_assert_says (page, "2 of 4 frames have mistakes");
  cli_assert_says (page, "1 found, <b>1 missed, 0 ghosts</b>");
  g_assert_null (strstr (page, "<rect"));
}

static void
test_figures (Fixture *self, gconstpointer unused)
{
  static const char *const names[] = { "precision-recall", "scores", "confusion" };
  g_autoptr (GPtrArray) figures = plots_of_boxes (self->evaluation);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (figures->len, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < figures->len; i++) {
    const PlotFigure *figure = figures->pdata[i];
    g_autofree char *svg = plot_figure_svg (figure, &plot_light, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (figure->name, ==, names[i]);
    g_assert_nonnull (strstr (svg, "<svg"));
  }
  g_assert_true (plot_figures_write (figures, self->folder, &error));
}

/* Nothing was found, or there was nothing to find. */
static void
test_nothing (Fixture *self, gconstpointer unused)
{
  g_autoptr (CowBoxEvaluation) none = cow_box_evaluation_new (self->frames, NULL);
  g_autoptr (GArray) nothing = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  g_autoptr (GError) error = NULL;

  none->split = g_strdup ("val");
  cow_box_evaluation_add (none, 1, &half, nothing, NULL);
  cow_box_evaluation_compute (none);
  g_autofree char *text = cow_box_evaluation_text (none);
  cli_assert_says (text, "mAP50  -");
  g_autoptr (CowDataset) dataset = cow_dataset_of_frames (self->frames);
  g_autofree char *page = cow_box_report_html (none, dataset, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (strstr (page, " nan"));
  cow_box_evaluation_write (none, self->folder, &error);
  g_assert_no_error (error);
}

/* ---- what they do ---------------------------------------------------------------------------- */

/* Row 0 of a frame's boxes is said to lie, row 1 to stand: the cow of a that is found lies, that of
 * c, in row 0, too, b's ghost is said to, and of d's the data say nothing. */
static void
test_told (Fixture *self, gconstpointer unused)
{
  const CowBoxEvaluation *e = self->evaluation;
  const CowBoxBehaviours *b = e->behaviours;
  g_autoptr (GError) error = NULL;

  g_assert_true (cow_box_evaluation_has_behaviours (e));
  g_assert_cmpuint (b->n, ==, 2); /* Lying is LYING */
  g_assert_cmpuint (b->n_told, ==, 2);
  g_assert_cmpuint (cow_confusion_get (b->confusion, 1, 1), ==, 2);
  g_assert_cmpuint (b->confusion->n, ==, 2);
  g_assert_cmpuint (b->missed[0], ==, 1);
  g_assert_cmpuint (b->missed[1], ==, 0);
  g_assert_cmpuint (b->ghosts[1], ==, 1);
  g_assert_cmpuint (b->n_unknown, ==, 1);
  g_assert_cmpfloat (b->metrics->accuracy, ==, 1);
  g_assert_cmpuint (cow_confusion_get (b->whole, 0, 2), ==, 1);
  g_assert_cmpuint (cow_confusion_get (b->whole, 2, 1), ==, 1);
  g_assert_cmpstr (b->rows[2], ==, "ghost (no cow)");
  g_assert_cmpstr (b->columns[2], ==, "missed");
  g_autofree char *text = cow_box_evaluation_text (e),
                  *csv_path = g_build_filename (self->folder, "frames.csv", NULL), *csv = NULL;
  cli_assert_says (text, "What the cows do that are found: 1.0000 right (2 of 2), macro F1");
  cow_box_evaluation_write (e, self->folder, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (csv_path, &csv, NULL, NULL));
  cli_assert_says (csv, "missed,ghosts,right\n");
  cli_assert_says (csv, "a.png,north,2,1,1,0,1\n");
  cli_assert_says (csv, "d.png,<south>,1,1,0,0,0\n");
  g_autoptr (GPtrArray) figures = plots_of_boxes (e);
  g_assert_cmpuint (figures->len, ==, 4);
  g_assert_true (plot_figures_write (figures, self->folder, &error));
  g_autoptr (CowDataset) dataset = cow_dataset_of_frames (self->frames);
  g_autofree char *page = cow_box_report_html (e, dataset, NULL, NULL, &error);
  g_assert_no_error (error);
  cli_assert_says (page, "<h2>What they do</h2>");
  cli_assert_says (page, "Of 1 more the data do not say it");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, test) g_test_add ("/box-evaluation/" name, Fixture, NULL, setup, test, teardown)
  ADD ("numbers", test_numbers);
  ADD ("curve", test_curve);
  ADD ("files", test_files);
  ADD ("page", test_page);
  ADD ("figures", test_figures);
  ADD ("nothing", test_nothing);
  g_test_add ("/box-evaluation/told", Fixture, GINT_TO_POINTER (TRUE), setup, test_told, teardown);
#undef ADD
  return g_test_run ();
}
