/* SPDX-License-Identifier: MIT */
/*
 * The calls of libcowbehavior. test-library NUMBER MODEL ADAPTER DETECTOR: prints points of TAP
 * after number NUMBER, then "# end"; run.sh prints the others.
 */
#define _POSIX_C_SOURCE 200809L /* fork, alarm */
#include "library-test.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_open (CowBehavior *behavior)
{
  int named = 1;
  for (size_t i = 0; i < N_CLASSES; i++)
    named &= cow_behavior_class_name (behavior, i) && cow_behavior_class_name (behavior, i)[0];
  point (cow_behavior_version () == COW_BEHAVIOR_VERSION, "library and header are of one version");
  point (cow_behavior_n_classes (behavior) == N_CLASSES && named, "the classes have names");
  point (strcmp (cow_behavior_class_name (behavior, 3), "Lying") == 0,
         "in the order of the adapter");
  point (!cow_behavior_class_name (behavior, N_CLASSES) &&
             !cow_behavior_class_name (behavior, (size_t)-1),
         "and others have none");
  point (cow_behavior_threshold (behavior, 0) == 0.0f,
         "an adapter that was not calibrated asks for nothing");
  point (!cow_behavior_has_several_labels (behavior) && !cow_behavior_has_several_labels (NULL),
         "a picture has one label");
  point (strstr (cow_behavior_device (behavior), "cpu") != NULL, "the device has a name");
  point (strncmp (cow_behavior_precision (behavior), "fp32: ", 6) == 0 &&
             strstr (cow_behavior_precision (behavior), "--check") != NULL,
         "nobody measured a precision, and it says how to");
}

static void
test_labels (CowBehavior *behavior)
{
  const float probabilities[N_CLASSES] = { 0.1f, 0.1f, 0.0f, 0.6f, 0.2f };
  size_t best = 77;
  point (strcmp (cow_behavior_label (behavior, probabilities, 0.5f, &best), "Lying") == 0 &&
             best == 3,
         "the likeliest class is the label");
  best = 77;
  point (strcmp (cow_behavior_label (behavior, probabilities, 0.7f, &best), COW_BEHAVIOR_UNKNOWN) ==
                 0 &&
             best == 3,
         "which is unknown below the threshold");
  point (
      strcmp (cow_behavior_label (behavior, probabilities, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, NULL),
              "Lying") == 0,
      "or below the adapter's");
  float nothing[N_CLASSES];
  for (size_t i = 0; i < N_CLASSES; i++)
    nothing[i] = NAN;
  point (strcmp (cow_behavior_label (behavior, nothing, 0.0f, NULL), COW_BEHAVIOR_UNKNOWN) == 0,
         "or where there are no numbers");
}

/* More regions than are computed at a time give the same results as one by one. */
static void
test_many_regions (CowBehavior *behavior)
{
  enum { N = 150 };
  static unsigned char rgb[3 * WIDTH * HEIGHT];
  static float together[N][N_CLASSES], alone[N][N_CLASSES];
  static CowBehaviorRegion regions[N];
  CowBehaviorPicture picture = picture_new (rgb, 1);
  int done = 1, different = 0;

  for (int i = 0; i < N; i++)
    regions[i] = (CowBehaviorRegion){ i % 20, i % 13, 6 + i % 20, 5 + i % 12 };
  done =
      cow_behavior_classify (behavior, &picture, regions, N, together[0], NULL) == COW_BEHAVIOR_OK;
  for (int i = 0; i < N && done; i++) {
    done = cow_behavior_classify (behavior, &picture, &regions[i], 1, alone[i], NULL) ==
           COW_BEHAVIOR_OK;
    different += i > 0 && !near (alone[i], alone[i - 1], N_CLASSES, 1e-6f);
  }
  point (done && near (together[0], alone[0], N * N_CLASSES, 1e-5f),
         "many regions are answered in their order");
  point (different > N / 2, "and are not all the same");
  float sum = 0;
  for (int c = 0; c < N_CLASSES; c++)
    sum += together[N - 1][c];
  point (fabsf (sum - 1.0f) < 1e-5f, "with probabilities of sum 1");
}

static void
test_many_pictures (CowBehavior *behavior)
{
  enum { N = 5 };
  static unsigned char rgb[3][3 * WIDTH * HEIGHT];
  const CowBehaviorPicture pictures[3] = { picture_new (rgb[0], 1), picture_new (rgb[1], 50),
                                           picture_new (rgb[2], 90) };
  const CowBehaviorPicture *const asked[N] = { &pictures[2], &pictures[0], &pictures[0],
                                               &pictures[1], &pictures[2] };
  const CowBehaviorRegion regions[N] = {
    { 0, 0, 10, 10 }, { 5, 5, 20, 20 }, { -4, -4, 30, 30 }, { 1, 1, 1, 1 }, { 9, 9, 99, 99 }
  };
  float together[N][N_CLASSES], alone[N_CLASSES];
  int right = cow_behavior_classify_many (behavior, asked, regions, N, together[0], NULL) ==
              COW_BEHAVIOR_OK;

  for (int i = 0; i < N && right; i++)
    right = cow_behavior_classify (behavior, asked[i], &regions[i], 1, alone, NULL) ==
                COW_BEHAVIOR_OK &&
            near (alone, together[i], N_CLASSES, 1e-5f);
  point (right, "each of several pictures has its own answer");
  right =
      cow_behavior_classify_many (behavior, asked, NULL, N, together[0], NULL) == COW_BEHAVIOR_OK &&
      cow_behavior_classify (behavior, &pictures[1], NULL, 1, alone, NULL) == COW_BEHAVIOR_OK;
  point (right && near (alone, together[3], N_CLASSES, 1e-5f) &&
             near (together[0], together[4], N_CLASSES, 1e-5f) &&
             !near (together[0], together[1], N_CLASSES, 1e-6f),
         "so have whole pictures");
}

/* The request that a thread repeats. */
typedef struct {
  CowBehavior *shared;
  const CowBehaviorOptions *options;
  int seed, right;
} Asker;

static void *
ask (void *data)
{
  Asker *self = data;
  static unsigned char pixels[4][3 * WIDTH * HEIGHT];
  CowBehaviorPicture picture = picture_new (pixels[self->seed], 40 * self->seed);
  float first[N_CLASSES], answer[N_CLASSES];
  CowBehavior *own;

  self->right =
      cow_behavior_classify (self->shared, &picture, NULL, 1, first, NULL) == COW_BEHAVIOR_OK;
  for (int i = 0; i < 20 && self->right; i++) {
    self->right = cow_behavior_open (self->options, &own, NULL) == COW_BEHAVIOR_OK &&
                  cow_behavior_classify (i % 2 ? own : self->shared, &picture, NULL, 1, answer,
                                         NULL) == COW_BEHAVIOR_OK &&
                  near (first, answer, N_CLASSES, 1e-5f);
    cow_behavior_close (own);
  }
  return NULL;
}

static void
test_threads (CowBehavior *behavior, const CowBehaviorOptions *options)
{
  enum { N = 4 };
  pthread_t threads[N];
  Asker askers[N];
  int right = 1;

  for (int i = 0; i < N; i++) {
    askers[i] = (Asker){ behavior, options, i, 0 };
    if (pthread_create (&threads[i], NULL, ask, &askers[i]) != 0)
      abort ();
  }
  for (int i = 0; i < N; i++) {
    pthread_join (threads[i], NULL);
    right &= askers[i].right;
  }
  point (right, "threads that open, ask and close at once each get their own answers");
}

/* A program compiled with a later header, which has one more field. */
static void
test_later (const CowBehaviorOptions *options)
{
  struct {
    CowBehaviorOptions known;
    void *unknown;
  } later = { *options, NULL };
  CowBehavior *behavior;
  char *message;

  later.known.size = sizeof later;
  point (cow_behavior_open (&later.known, &behavior, NULL) == COW_BEHAVIOR_OK,
         "options of a later version work where the new is unset");
  cow_behavior_close (behavior);
  later.unknown = &later;
  point (cow_behavior_open (&later.known, &behavior, &message) == COW_BEHAVIOR_UNSUPPORTED &&
             !behavior && strstr (message, "fields"),
         "and are refused where it is set");
  cow_behavior_message_free (message);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* What a child does: 0 where its parent's handle fails at once and its own one classifies. */
static int
be_child (CowBehavior *parents, const CowBehaviorOptions *options, const float *expected)
{
  unsigned char rgb[WIDTH * HEIGHT * 3];
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  float found[N_CLASSES];
  CowBehavior *own;
  char *message;

  alarm (60);
  if (cow_behavior_classify (parents, &picture, NULL, 1, found, &message) != COW_BEHAVIOR_DEVICE ||
      strstr (message, "child of fork ()") == NULL)
    return 1;
  cow_behavior_message_free (message);
  cow_behavior_close (parents);
  if (cow_behavior_open (options, &own, NULL) != COW_BEHAVIOR_OK ||
      cow_behavior_classify (own, &picture, NULL, 1, found, NULL) != COW_BEHAVIOR_OK)
    return 2;
  cow_behavior_close (own);
  return near (found, expected, N_CLASSES, 0) ? 0 : 3;
}

static void
test_child (CowBehavior *behavior, const CowBehaviorOptions *options)
{
  unsigned char rgb[WIDTH * HEIGHT * 3];
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  float expected[N_CLASSES], again[N_CLASSES];
  int status = -1;
  pid_t child;

  cow_behavior_classify (behavior, &picture, NULL, 1, expected, NULL);
  fflush (stdout);
  child = fork ();
  if (child == 0)
    _exit (be_child (behavior, options, expected));
  waitpid (child, &status, 0);
  point (WIFEXITED (status) && WEXITSTATUS (status) == 0,
         "a child of fork () cannot use its parent's handle, and opens its own");
  point (cow_behavior_classify (behavior, &picture, NULL, 1, again, NULL) == COW_BEHAVIOR_OK &&
             near (again, expected, N_CLASSES, 0),
         "its parent goes on");
}

int
main (int argc, char **argv)
{
  CowBehaviorOptions options = { .size = sizeof options };
  CowBehavior *behavior;
  char *message;

  if (argc != 6)
    return 2;
  points_begin (atoi (argv[1]));
  options.model = argv[2];
  options.adapter = argv[3];
  if (cow_behavior_open (&options, &behavior, &message) != COW_BEHAVIOR_OK) {
    fprintf (stderr, "%s\n", message);
    return 1;
  }
  point (message == NULL, "opens, and has nothing to say then");
  test_open (behavior);
  test_labels (behavior);
  test_pictures (behavior);
  test_many_regions (behavior);
  test_many_pictures (behavior);
  test_threads (behavior, &options);
  test_child (behavior, &options);
  test_later (&options);
  test_wrong (behavior, &options);
  options.adapter = argv[4];
  test_detect (behavior, &options);
  options.adapter = argv[5];
  test_tell (behavior, &options);
  cow_behavior_close (behavior);
  cow_behavior_close (NULL);
  printf ("# end\n");
  return points_failed () > 0;
}
