/* SPDX-License-Identifier: MIT */
/*
 * Measures what cows in a frame cost: one look for them in the whole frame which tells what each of
 * 1, 10 and 30 does and how she looks, and a picture of each of these to be classified. All take
 * turns in one run, so that a busy machine affects them alike; what is printed are medians.
 *
 *   bench-cows      prints three lines for each network
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <time.h>

#include "model/engine/engine.h"
#include "tests/model/detector-folder.h"
#include "tests/model/scratch.h"

#define WIDTH    1920
#define HEIGHT   1080
#define ROUNDS   7
#define N_COUNTS 3

static const guint counts[N_COUNTS] = { 1, 10, 30 };

/* One network: its detector sees frames of width by height, its classifier crops as its card
 * says. */
typedef struct {
  const char *name, *model, *classifier;
  int n_features, width, height;
} Network;

static double
now_ms (void)
{
  struct timespec t;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static CowEngine *
open_engine (const Network *network)
{
  const CowClassifierOptions options = { .model = network->model,
                                         .adapter = network->classifier,
                                         .precision = COW_PRECISION_INT8 };
  g_autoptr (GError) error = NULL;
  CowEngine *engine = cow_engine_get (&options, &error);

  if (!engine)
    g_error ("%s: %s", network->name, error->message);
  return engine;
}

/* Milliseconds of processor time that n regions of a frame take. */
static double
classify (CowEngine *engine, const CkPicture *frame, guint n)
{
  const double begin = now_ms ();
  g_autoptr (GError) error = NULL;
  CowRegion regions[COW_ENGINE_MAX_REGIONS];

  for (guint i = 0; i < n; i++)
    regions[i] = (CowRegion){ (int)(50 * i), (int)(25 * i), 300, 200 };
  g_autoptr (CowTicket) ticket = cow_engine_submit (engine, frame, regions, n, NULL, &error);
  if (!ticket || !cow_ticket_wait (ticket, &error))
    g_error ("%s", error->message);
  return now_ms () - begin;
}

/* What finds cows, and prepares frames for it. */
typedef struct {
  CowClassifier *classifier;
  CowPreparer *preparer;
  float *pixels;
  GArray *found; /* of CowDetection */
} Finder;

/* Those of n cows that are found and told in one frame. */
static double
find (const Finder *self, const CkPicture *frame, guint n)
{
  const double begin = now_ms ();
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const CowFindLimits limits = { .least = 1e-6f, .overlap = .95, .most = n };
  g_autoptr (GError) error = NULL;

  if (!cow_preparer_run (self->preparer, preprocess, frame, NULL, self->pixels, &error) ||
      !cow_classifier_find (self->classifier, self->pixels, preprocess->height, preprocess->width,
                            &limits, self->found, &error))
    g_error ("%s", error->message);
  g_assert_cmpuint (self->found->len, ==, n);
  g_assert_nonnull (cow_classifier_told (self->classifier));
  return now_ms () - begin;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double
median (double *values)
{
  qsort (values, ROUNDS, sizeof *values, compare);
  return values[ROUNDS / 2];
}

static void
finder_open (Finder *self, const Network *network, const char *folder)
{
  const CowClassifierOptions options = {
    .model = network->model, .adapter = folder, .precision = COW_PRECISION_INT8, .detects = TRUE
  };
  g_autoptr (GError) error = NULL;

  detector_folder_write (folder, network->n_features, network->width, network->height, 0);
  detector_folder_tell (folder);
  self->classifier = cow_classifier_new (&options, &error);
  if (!self->classifier)
    g_error ("%s: %s", network->name, error->message);
  self->preparer = cow_preparer_new (cow_classifier_device (self->classifier), &error);
  g_assert_no_error (error);
  self->pixels = g_new (float, cow_preprocess_size (cow_classifier_preprocess (self->classifier)));
  self->found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
}

static void
finder_close (Finder *self)
{
  cow_preparer_free (self->preparer);
  cow_classifier_free (self->classifier);
  g_free (self->pixels);
  g_array_unref (self->found);
}

static void
print (const char *what, double times[N_COUNTS][ROUNDS])
{
  g_print ("  %-24s", what);
  for (guint i = 0; i < N_COUNTS; i++)
    g_print ("%9.1f ms (%5.1f/s)", median (times[i]), 1e3 / median (times[i]));
  g_print ("\n");
}

static void
measure (const Network *network, const char *folder, const CkPicture *frame)
{
  g_autofree char *detector = g_build_filename (folder, network->name, NULL);
  double whole[N_COUNTS][ROUNDS], crops[N_COUNTS][ROUNDS];
  CowEngine *tells = open_engine (network);
  Finder finder;

  g_assert_cmpint (g_mkdir (detector, 0755), ==, 0);
  finder_open (&finder, network, detector);
  find (&finder, frame, counts[N_COUNTS - 1]); /* the first allocate */
  classify (tells, frame, counts[N_COUNTS - 1]);
  for (guint r = 0; r < ROUNDS; r++)
    for (guint i = 0; i < N_COUNTS; i++) {
      whole[i][r] = find (&finder, frame, counts[i]);
      crops[i][r] = classify (tells, frame, counts[i]);
    }
  g_print ("%s, frame of %d x %d; cows: 1, 10, 30\n", network->name, network->width,
           network->height);
  print ("found and told in one pass", whole);
  print ("a crop each, boxes given", crops);
  g_print ("  one pass for 30 cows is %+.1f %% of that for 1\n",
           100 * (median (whole[N_COUNTS - 1]) / median (whole[0]) - 1));
  cow_engine_unref (tells);
  finder_close (&finder);
  detector_folder_remove (detector);
}

int
main (void)
{
  char *folder = scratch_new ();
  g_autofree guint8 *pixels = g_malloc ((gsize)WIDTH * HEIGHT * 3);
  g_autofree char *small = g_build_filename (folder, "vits", NULL),
                  *head = g_build_filename (folder, "head", NULL);
  g_autofree char *adapter = g_strconcat ("--adapter=", head, NULL);
  const char *const argv[] = {
    g_getenv ("COW_FORMULA_MODEL"), "vits16", small, "--nf4", adapter, "--head", NULL
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  for (gsize i = 0; i < (gsize)WIDTH * HEIGHT * 3; i++)
    pixels[i] = (guint8)g_rand_int (rand);
  const CkPicture frame = { .layout = CK_RGB8,
                            .width = WIDTH,
                            .height = HEIGHT,
                            .plane = { pixels },
                            .stride = { WIDTH * 3 },
                            .pixel_stride = 3,
                            .offset = { 0, 1, 2 } };
  const Network drawn = { "drawn-cows", "drawn-cows", "drawn-cows-day", 128, 256, 144 },
                vits = { "ViT-S", small, head, 384, 640, 368 };
  measure (&drawn, folder, &frame);
  measure (&vits, folder, &frame);
  scratch_free (folder);
  return 0;
}
