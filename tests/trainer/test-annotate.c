/* SPDX-License-Identifier: MIT */
/* `annotate`: bouts and budgets add up, recordings of several kinds give rows and files of other
 * programs, and what is wrong with a recording is said. Recordings are drawn and encoded here. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "pipelines/demo/render-video.h"
#include "tests/trainer/cli.h"
#include "trainer/data/csv.h"
#include "trainer/video/boris.h"
#include "trainer/video/elan.h"
#include "trainer/video/observation.h"

#define SECOND G_GINT64_CONSTANT (1000000000)
#define HOUR   (3600 * SECOND)

static const char *const classes[] = { "Lying", "Standing", NULL };
static char *folder, *still;

/* ---- bouts and budgets ----------------------------------------------------------------------- */

static gint64
sum_of_bouts (const CowObservation *seen)
{
  gint64 sum = 0;

  for (guint i = 0; i < seen->bouts->len; i++)
    sum +=
        g_array_index (seen->bouts, CowBout, i).end - g_array_index (seen->bouts, CowBout, i).start;
  return sum;
}

static const CowBout *
bout (const CowObservation *seen, guint i)
{
  g_assert_cmpuint (i, <, seen->bouts->len);
  return &g_array_index (seen->bouts, CowBout, i);
}

static void
test_bouts (void)
{
  static const CowSubjectName trough = { "trough", NULL }, cow = { NULL, "7" };
  g_autoptr (CowObservation) seen = cow_observation_new (classes, 0);

  cow_observation_add (seen, &trough, 0, SECOND, "Lying", 0.5);
  cow_observation_add (seen, &cow, 0, SECOND, "Standing", 1);
  cow_observation_add (seen, &trough, SECOND, 3 * SECOND, "Lying", 0.9);
  cow_observation_add (seen, &trough, 4 * SECOND, SECOND, "Standing", 0.9);
  cow_observation_add (seen, &cow, 3 * SECOND, SECOND, "Standing", 1); /* away for two seconds */
  cow_observation_add (seen, &trough, 5 * SECOND, 0, "Lying", 1);
  cow_observation_add (seen, &trough, 5 * SECOND, SECOND, "something else", 0.2);
  cow_observation_close (seen);

  g_assert_cmpuint (seen->bouts->len, ==, 5);
  g_assert_cmpint (bout (seen, 0)->end, ==, 4 * SECOND);
  g_assert_cmpfloat (fabs (bout (seen, 0)->confidence - 0.8), <, 1e-9);
  g_assert_cmpuint (bout (seen, 1)->subject, ==, 1);
  g_assert_cmpint (bout (seen, 2)->start, ==, 3 * SECOND);
  g_assert_cmpint (bout (seen, 3)->start, ==, 4 * SECOND);
  g_assert_cmpstr (seen->labels->pdata[bout (seen, 4)->label], ==, "unknown");
  g_assert_cmpstr (((CowSubject *)seen->subjects->pdata[0])->name, ==, "trough");
  g_assert_cmpstr (((CowSubject *)seen->subjects->pdata[1])->name, ==, "cow 7");
  g_assert_cmpint (cow_observation_total (seen, 0, 0), ==, 4 * SECOND);
  g_assert_cmpint (cow_observation_total (seen, 1, G_MAXUINT), ==, 2 * SECOND);
  g_assert_cmpint (cow_observation_total (seen, G_MAXUINT, G_MAXUINT), ==, sum_of_bouts (seen));
}

/* A frame over the full hour is in both. */
static void
test_hours (void)
{
  static const CowSubjectName frame = { NULL, NULL };
  g_autoptr (CowObservation) seen = cow_observation_new (classes, HOUR - SECOND);
  gint64 sum = 0;

  cow_observation_add (seen, &frame, 0, 3 * SECOND, "Lying", 1);
  cow_observation_add (seen, &frame, 3 * SECOND, 2 * HOUR, "Standing", 1);
  cow_observation_close (seen);
  g_assert_cmpuint (seen->budget->len, ==, 4);
  for (guint i = 0; i < seen->budget->len; i++) {
    static const gint64 expected[][2] = {
      { SECOND, 0 }, { 2 * SECOND, HOUR - 2 * SECOND }, { 0, HOUR }, { 0, 2 * SECOND }
    };
    const CowBudgetRow *row = seen->budget->pdata[i];

    g_assert_cmpint (row->hour, ==, i);
    g_assert_cmpint (row->label_ns[0], ==, expected[i][0]);
    g_assert_cmpint (row->label_ns[1], ==, expected[i][1]);
    sum += row->label_ns[0] + row->label_ns[1];
  }
  g_assert_cmpint (sum, ==, sum_of_bouts (seen));
}

/* Names that XML and JSON have to take apart from their own signs. */
static void
test_names (void)
{
  static const CowSubjectName zone = { "a<b & \"c\"\x01ü", NULL };
  g_autoptr (CowObservation) seen = cow_observation_new (classes, 0);
  const CowVideoSource source = { .path = "b&w.mp4", .source = "b&w.mp4", .length = SECOND };
  CowBoris *boris = cow_boris_new (classes);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GMarkupParseContext) xml = NULL;
  g_autoptr (GError) error = NULL;
  static const GMarkupParser nothing = { NULL };

  cow_observation_add (seen, &zone, 0, SECOND, "Lying", 1);
  cow_observation_close (seen);
  g_autofree char *elan = cow_elan_text (&source, seen);
  xml = g_markup_parse_context_new (&nothing, 0, NULL, NULL);
  g_assert_true (g_markup_parse_context_parse (xml, elan, -1, &error) &&
                 g_markup_parse_context_end_parse (xml, &error));
  cli_assert_says (elan, "a&lt;b &amp; &quot;c&quot; ü");

  cow_boris_add (boris, &source, seen);
  g_autofree char *project = cow_boris_text (boris);
  g_assert_true (json_parser_load_from_data (parser, project, -1, &error));
  cow_boris_free (boris);
}

/* ---- recordings ------------------------------------------------------------------------------ */

/* Below the folder; NULL where this machine cannot. */
static char *
make_video (const char *name, const char *lines)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autofree char *location = g_strescape (path, NULL),
                  *command = g_strdup_printf ("gst-launch-1.0 -q %s ! filesink location='\"%s\"'",
                                              lines, location);
  int status;

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
  return path;
}

/* It warns of the demonstration's model, so that standard error is not empty. */
static void
assert_done (const Result *result)
{
  if (result->status != 0)
    g_error ("status %d:\n%s%s", result->status, result->out, result->err);
}

/* The sum of a column of numbers, and how many rows there are. */
static double
column (const char *out, const char *file, const char *name, guint *n)
{
  g_autofree char *path = g_build_filename (out, file, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Csv) csv = csv_open (path, NULL, &error);
  gboolean more = TRUE;
  double sum = 0;

  g_assert_no_error (error);
  const int index = csv_column (csv, name);
  g_assert_cmpint (index, >=, 0);
  for (*n = 0; csv_next (csv, &more, &error) && more; (*n)++)
    sum += g_ascii_strtod (csv->fields[index], NULL);
  g_assert_no_error (error);
  return sum;
}

static void
assert_near (double found, double expected)
{
  if (!(fabs (found - expected) < 0.01))
    g_error ("%g is not %g", found, expected);
}

/* Two zones at 5 classifications a second, of a recording that lies over a full hour. */
static void
test_zones (void)
{
  g_autofree char *out = g_build_filename (folder, "zones", NULL),
                  *eaf = g_build_filename (out, "still.mp4.eaf", NULL),
                  *figure = g_build_filename (out, "budget.png", NULL);
  g_auto (Result) result =
      cli_run ("annotate", still, "--zones", "trough=0,0,0.5,1; bed=0.5,0,0.5,1", "--start-time",
               "2026-11-29 06:59:58", "--out", out, NULL);
  guint n;

  assert_done (&result);
  cli_assert_says (result.out, "still.mp4: 0:04, 2 bouts");
  cli_assert_says (result.out, "\n  trough      0:04  ");
  assert_near (column (out, "bouts.csv", "seconds", &n), 8);
  g_assert_cmpuint (n, ==, 2);
  assert_near (column (out, "budget.csv", "observed", &n), 8);
  g_assert_cmpuint (n, ==, 4); /* two zones, two hours */
  assert_near (column (out, "events.csv", "time", &n), 2 * (20 * 19 / 2) * 0.2);
  g_assert_cmpuint (n, ==, 2 * 20);
  g_assert_true (g_file_test (eaf, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (figure, G_FILE_TEST_EXISTS));
  g_autofree char *rows = NULL, *path = g_build_filename (out, "budget.csv", NULL);
  g_assert_true (g_file_get_contents (path, &rows, NULL, NULL));
  cli_assert_says (rows, "still.mp4,trough,,2026-11-29T07:00,");
}

/* As often as the user says, by either of two ways. */
static void
test_rate (void)
{
  static const struct {
    const char *word;
    guint n;
  } cases[] = { { "--rate=0", 100 }, { "--rate=2.5", 10 }, { "inference-interval=50", 2 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *out = g_strdup_printf ("%s/rate-%u", folder, i);
    g_auto (Result) result = cli_run ("annotate", still, cases[i].word, "--out", out, NULL);
    guint n;

    assert_done (&result);
    column (out, "events.csv", "time", &n);
    g_assert_cmpuint (n, ==, cases[i].n);
    assert_near (column (out, "budget.csv", "observed", &n), 4);
  }
}

/* Cows that a detector finds, as subjects of their own, in several recordings one after the other.
 */
static void
test_cows (void)
{
  g_autofree char *out = g_build_filename (folder, "cows", NULL),
                  *video = g_build_filename (folder, "barn.mp4", NULL),
                  *truth = g_build_filename (folder, "barn.jsonl", NULL),
                  *detector = g_strdup_printf ("cowdemodetector location=\"%s\"", truth);
  g_autoptr (GError) error = NULL;
  guint n;

  const RenderVideoOptions drawn = { .seed = 1, .light = RENDER_DAY, .seconds = 4, .truth = truth };

  g_assert_true (render_video_write (video, &drawn, &error));
  g_auto (Result) result = cli_run ("annotate", video, video, "--detector", detector,
                                    "--start-time", "2026-11-29T06:00", "--out", out, NULL);
  assert_done (&result);
  cli_assert_says (result.out, "barn.mp4-2: 0:04, ");
  cli_assert_says (result.out, "\n  cow 1 ");
  const double seconds = column (out, "bouts.csv", "seconds", &n);
  assert_near (column (out, "budget.csv", "observed", &n), seconds);
  g_assert_cmpfloat (seconds, >, 2 * 2 * 4); /* more cows than two */
  g_autofree char *rows = NULL, *path = g_build_filename (out, "events.csv", NULL);
  g_assert_true (g_file_get_contents (path, &rows, NULL, NULL));
  cli_assert_says (rows, "barn.mp4-2,,1,0.000,2026-11-29T06:00:04.000");
}

/* Cows of a file, by the numbers that it has for them; one is away for a second. */
static void
test_boxes (void)
{
  g_autofree char *out = g_build_filename (folder, "boxes", NULL),
                  *path = g_build_filename (folder, "tracks.txt", NULL),
                  *bouts = g_build_filename (out, "bouts.csv", NULL), *text = NULL;
  GString *rows = g_string_new (NULL);
  guint n;

  for (guint frame = 1; frame <= 100; frame++) {
    g_string_append_printf (rows, "%u,3,0,0,48,64,1,-1,-1,-1\n", frame);
    if (frame <= 50 || frame > 75)
      g_string_append_printf (rows, "%u,1200,48,0,48,64,1,-1,-1,-1\n", frame);
  }
  g_assert_true (g_file_set_contents (path, rows->str, -1, NULL));
  g_string_free (rows, TRUE);
  g_auto (Result) result = cli_run ("annotate", still, "--boxes", path, "--out", out, NULL);
  assert_done (&result);
  cli_assert_says (result.err, "tracks.txt: MOT, 175 boxes");
  cli_assert_says (result.out, "\n  cow 3 ");
  cli_assert_says (result.out, "\n  cow 1200 ");
  assert_near (column (out, "budget.csv", "observed", &n), 4 + 3);
  g_assert_true (g_file_get_contents (bouts, &text, NULL, NULL));
  cli_assert_says (text, "still.mp4,,1200,");
  cli_assert_says (text, ",3.000,4.000,");
}

/* ---- runs that do not end -------------------------------------------------------------------- */

#define MOST_WAIT_US (60 * G_USEC_PER_SEC)

typedef struct {
  const char *out, *option, *value; /* value may be NULL */
} Run;

static GPid
start (const Run *run, const char *video)
{
  const char *const argv[] = { g_getenv ("COW_TRAINER"),
                               "annotate",
                               still,
                               video,
                               "--out",
                               run->out,
                               run->option,
                               run->value,
                               NULL };
  GPid pid;

  g_assert_true (g_spawn_async (NULL, (char **)argv, NULL,
                                G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                                    G_SPAWN_STDERR_TO_DEV_NULL,
                                NULL, NULL, &pid, NULL));
  return pid;
}

/* Kills a run when it has written so many pieces of its journal; FALSE where it ended before. */
static gboolean
kill_at (const Run *run, const char *video, guint piece, int number)
{
  g_autofree char *name = g_strdup_printf ("%06u.txt", piece),
                  *path = g_build_filename (run->out, "unfinished", name, NULL);
  const GPid pid = start (run, video);
  const gint64 until = g_get_monotonic_time () + MOST_WAIT_US;
  int status = 0;
  gboolean over = FALSE;

  while (!g_file_test (path, G_FILE_TEST_EXISTS) && !over && g_get_monotonic_time () < until) {
    over = waitpid (pid, &status, WNOHANG) != 0;
    g_usleep (500);
  }
  if (!over) {
    kill (pid, number);
    waitpid (pid, &status, 0);
  }
  g_spawn_close_pid (pid);
  return !over;
}

static void
assert_same_folders (const char *a, const char *b)
{
  g_autoptr (GDir) dir = g_dir_open (a, 0, NULL);
  const char *name;
  guint n = 0, n_others = 0;

  for (; (name = g_dir_read_name (dir)); n++) {
    g_autofree char *x = g_build_filename (a, name, NULL), *y = g_build_filename (b, name, NULL),
                    *text = NULL, *other = NULL;
    gsize n_text, n_other;

    g_assert_true (g_file_get_contents (x, &text, &n_text, NULL));
    g_assert_true (g_file_get_contents (y, &other, &n_other, NULL));
    if (n_text != n_other || memcmp (text, other, n_text) != 0)
      g_error ("%s differs from %s", x, y);
  }
  g_assert_cmpuint (n, >=, 8);
  g_autoptr (GDir) others = g_dir_open (b, 0, NULL);
  for (; g_dir_read_name (others); n_others++)
    ;
  g_assert_cmpuint (n_others, ==, n);
}

/* Killed in the second recording again and again, then run to its end: the files are those of a run
 * that nobody stopped. */
static void
check_kills (const char *option, const char *value, guint n_kills, const char *says)
{
  g_autofree char *out = g_strdup_printf ("%s/killed%s", folder, option),
                  *whole = g_strdup_printf ("%s/whole%s", folder, option),
                  *video = g_build_filename (folder, "long.mp4", NULL);
  const Run run = { out, option, value };
  g_auto (Result) expected =
      cli_run ("annotate", still, video, "--out", whole, option, value, NULL);

  assert_done (&expected);
  for (guint i = 0; i < n_kills; i++)
    g_assert_true (kill_at (&run, video, 2 + 2 * i, i % 2 ? SIGTERM : SIGKILL));
  g_auto (Result) result = cli_run ("annotate", still, video, "--out", out, option, value, NULL);
  assert_done (&result);
  cli_assert_says (result.err, says);
  cli_assert_says (result.out, "long.mp4: 2:40, ");
  assert_same_folders (whole, out);
}

static void
test_killed (void)
{
  check_kills ("--zones", "trough=0,0,0.5,1; bed=0.5,0,0.5,1", 3, "it goes on from there");
  /* Smoothing looks back on the frames before. */
  check_kills ("smoothing=mean", NULL, 1, "it begins anew, because results depend on the frames");
}

/* Another run in the folder, and a journal that is damaged. */
static void
test_other_run (void)
{
  g_autofree char *out = g_build_filename (folder, "other", NULL),
                  *video = g_build_filename (folder, "long.mp4", NULL),
                  *whole = g_build_filename (folder, "other-whole", NULL),
                  *piece = g_build_filename (out, "unfinished", "000001.txt", NULL), *text = NULL;
  const Run run = { out, "--rate=5", NULL };
  gsize n;

  g_assert_true (kill_at (&run, video, 2, SIGKILL));
  g_auto (Result) result = cli_run ("annotate", still, "--rate=4", "--out", out, NULL),
                  expected = cli_run ("annotate", still, "--rate=4", "--out", whole, NULL);
  assert_done (&result);
  cli_assert_says (result.err, " is of other settings (");
  cli_assert_says (result.err, "rate");
  cli_assert_says (result.err, "recordings");
  assert_same_folders (whole, out);

  g_assert_true (kill_at (&run, video, 2, SIGKILL));
  g_assert_true (g_file_get_contents (piece, &text, &n, NULL));
  text[n / 2] ^= 1;
  g_assert_true (g_file_set_contents (piece, text, (gssize)n, NULL));
  g_auto (Result) damaged = cli_run ("annotate", still, video, "--rate=5", "--out", out, NULL);
  assert_done (&damaged);
  cli_assert_says (damaged.err, " is damaged: it is begun anew");
}

/* Two runs into one folder would destroy each other's work. */
static void
test_locked (void)
{
  g_autofree char *out = g_build_filename (folder, "locked", NULL),
                  *path = g_build_filename (out, ".lock", NULL);
  g_assert_cmpint (g_mkdir (out, 0777), ==, 0);
  const int lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

  g_assert_cmpint (lock, >=, 0);
  g_assert_cmpint (flock (lock, LOCK_EX | LOCK_NB), ==, 0);
  g_auto (Result) annotated = cli_run ("annotate", still, "--out", out, NULL),
                  cropped = cli_run ("crop", still, "--out", out, NULL);
  close (lock);
  g_assert_cmpint (annotated.status, ==, 1);
  cli_assert_says (annotated.err, "locked: another cow-trainer is writing there");
  cli_assert_error (&cropped, 1, "locked: another cow-trainer is writing there");
  g_auto (Result) after = cli_run ("annotate", still, "--out", out, NULL);
  assert_done (&after);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static void
test_broken (void)
{
  g_autofree char *out = g_build_filename (folder, "broken", NULL),
                  *cut = g_build_filename (folder, "cut.mkv", NULL), *bytes = NULL,
                  *whole = make_video ("whole.mkv", "videotestsrc num-buffers=250 ! video/x-raw,"
                                                    "width=96,height=64,framerate=25/1 ! jpegenc ! "
                                                    "matroskamux"),
                  *sound = make_video ("sound.mkv", "audiotestsrc num-buffers=50 ! matroskamux");
  gsize n_bytes;
  guint n;

  g_assert_true (g_file_get_contents (whole, &bytes, &n_bytes, NULL));
  g_assert_true (g_file_set_contents (cut, bytes, (gssize)(n_bytes / 2), NULL));
  g_auto (Result) result = cli_run ("annotate", cut, sound, still, "--out", out, NULL);
  g_assert_cmpint (result.status, ==, 1);
  cli_assert_says (result.err, "although it should be 0:10 long: is it cut off?");
  cli_assert_says (result.err, "sound.mkv: there is no video");
  cli_assert_says (result.err, "2 of 3 recordings could not be played to the end");
  const double observed = column (out, "budget.csv", "observed", &n);
  g_assert_cmpuint (n, ==, 2); /* what there was of the first, and all of the last */
  g_assert_cmpfloat (observed, >, 4 + 3);
  g_assert_cmpfloat (observed, <, 4 + 7);
}

static void
test_usage (void)
{
  g_auto (Result)
      none = cli_run ("annotate", NULL),
      lost = cli_run ("annotate", "no-such.mp4", NULL),
      time = cli_run ("annotate", still, "--start-time", "yesterday", NULL),
      rate = cli_run ("annotate", still, "--rate=-1", NULL),
      property = cli_run ("annotate", still, "colour=red", NULL),
      model = cli_run ("annotate", still, "--model", "nobody", "--adapter", "drawn-cows-day", NULL);

  cli_assert_error (&none, 2, "no recording given");
  cli_assert_error (&lost, 1, "no-such.mp4 does not exist");
  cli_assert_error (&time, 2, "--start-time yesterday");
  cli_assert_error (&rate, 2, "--rate -1");
  g_assert_cmpint (property.status, ==, 1);
  cli_assert_says (property.err, "no property \"colour\" in element \"cowbehavior\"");
  cli_assert_error (&model, 1, "nobody does not exist");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (NULL, NULL);
  g_setenv ("COWBEHAVIOR_PATH", g_getenv ("COW_DEMO_MODEL"), TRUE);
  g_setenv ("TZ", "UTC", TRUE);
  folder = cli_folder ();
  still = make_video ("still.mp4", "videotestsrc num-buffers=100 ! video/x-raw,"
                                   "format=I420,width=96,height=64,framerate=25/1 ! x264enc "
                                   "speed-preset=ultrafast ! mp4mux");
  g_autofree char *video =
      make_video ("long.mp4", "videotestsrc num-buffers=4000 pattern=ball ! video/x-raw,"
                              "format=I420,width=96,height=64,framerate=25/1 ! x264enc "
                              "speed-preset=ultrafast key-int-max=100 bframes=2 ! mp4mux");
  g_test_add_func ("/annotate/bouts", test_bouts);
  g_test_add_func ("/annotate/hours", test_hours);
  g_test_add_func ("/annotate/names", test_names);
  g_test_add_func ("/annotate/zones", test_zones);
  g_test_add_func ("/annotate/rate", test_rate);
  g_test_add_func ("/annotate/cows", test_cows);
  g_test_add_func ("/annotate/boxes", test_boxes);
  g_test_add_func ("/annotate/killed", test_killed);
  g_test_add_func ("/annotate/other-run", test_other_run);
  g_test_add_func ("/annotate/locked", test_locked);
  g_test_add_func ("/annotate/broken", test_broken);
  g_test_add_func ("/annotate/usage", test_usage);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (still);
  return status;
}
