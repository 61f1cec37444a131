/* SPDX-License-Identifier: MIT */
/* Cows in pictures: what is found, what thresholds and room do, what they are told to do, and what
 * is no detector. */
#include "library-test.h"

#include <string.h>

static unsigned char rgb[3 * WIDTH * HEIGHT];

static void
test_found (CowBehavior *finder)
{
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  CowBehaviorDetection all[COW_BEHAVIOR_MAX_DETECTIONS], some[2];
  size_t n = 77, n_some = 77;
  int inside = 1, sorted = 1;

  point (cow_behavior_detect (finder, &picture, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, all,
                              COW_BEHAVIOR_MAX_DETECTIONS, &n, NULL) == COW_BEHAVIOR_OK &&
             n > 2 && n <= COW_BEHAVIOR_MAX_DETECTIONS,
         "cows are found");
  for (size_t i = 0; i < n; i++) {
    inside &= all[i].x >= 0 && all[i].y >= 0 && all[i].width > 0 && all[i].height > 0 &&
              all[i].x + all[i].width <= WIDTH + 1e-3f &&
              all[i].y + all[i].height <= HEIGHT + 1e-3f;
    sorted &=
        all[i].score >= .3f && all[i].score <= 1 && (i == 0 || all[i].score <= all[i - 1].score);
  }
  point (inside, "inside the picture");
  point (sorted, "the surest first, from the usual score on");
  point (cow_behavior_detect (finder, &picture, all[1].score, some, 2, &n_some, NULL) ==
                 COW_BEHAVIOR_OK &&
             n_some == 2 && memcmp (some, all, sizeof some) == 0,
         "no more than there is room for");
  point (cow_behavior_detect (finder, &picture, all[0].score, all, COW_BEHAVIOR_MAX_DETECTIONS, &n,
                              NULL) == COW_BEHAVIOR_OK &&
             n == 1,
         "and none below a threshold");
  point (cow_behavior_detect (finder, &picture, 0.3f, NULL, 0, &n, NULL) == COW_BEHAVIOR_OK &&
             n == 0,
         "no room is room for none");
}

/* Prints the point with the message, which must name `text`. */
static void
check (CowBehaviorStatus status, CowBehaviorStatus expected, char *message, const char *text,
       const char *label)
{
  point (status == expected && message && strstr (message, text), label);
  cow_behavior_message_free (message);
}

static void
test_wrong_kind (CowBehavior *behavior, CowBehavior *finder)
{
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  CowBehaviorDetection found[1];
  float probabilities[N_CLASSES];
  char *message = NULL;
  CowBehaviorStatus status;
  size_t n = 77;

  status = cow_behavior_detect (behavior, &picture, 0.5f, found, 1, &n, &message);
  check (status, COW_BEHAVIOR_UNSUPPORTED, message, "tells the class",
         "an adapter that classifies");
  point (n == 0, "finds nothing");
  status = cow_behavior_classify (finder, &picture, NULL, 1, probabilities, &message);
  check (status, COW_BEHAVIOR_UNSUPPORTED, message, "cow_behavior_detect",
         "one that finds cows does not classify");
  status = cow_behavior_detect (finder, NULL, 0.5f, found, 1, &n, &message);
  check (status, COW_BEHAVIOR_ARGUMENT, message, "NULL", "no picture");
  status = cow_behavior_detect (finder, &picture, 0.5f, NULL, 1, &n, &message);
  check (status, COW_BEHAVIOR_ARGUMENT, message, "no place", "no place for detections");
  status = cow_behavior_detect (NULL, &picture, 0.5f, found, 1, &n, &message);
  check (status, COW_BEHAVIOR_ARGUMENT, message, "behavior is NULL", "no handle");
}

void
test_detect (CowBehavior *behavior, const CowBehaviorOptions *options)
{
  CowBehavior *finder;

  if (cow_behavior_open (options, &finder, NULL) != COW_BEHAVIOR_OK) {
    point (0, "a detector opens");
    return;
  }
  point (cow_behavior_detects (finder) && !cow_behavior_detects (behavior) &&
             !cow_behavior_detects (NULL),
         "an adapter says whether it detects");
  point (strcmp (cow_behavior_class_name (finder, 0), "cow") == 0, "and what it finds");
  test_found (finder);
  test_wrong_kind (behavior, finder);
  cow_behavior_close (finder);
}

/* What a detector tells of the cows that it finds. */
static void
check_told (CowBehavior *teller)
{
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  CowBehaviorDetection found[COW_BEHAVIOR_MAX_DETECTIONS], plain[COW_BEHAVIOR_MAX_DETECTIONS];
  float told[3 * COW_BEHAVIOR_MAX_DETECTIONS], few[3 * 2] = { 0, 0, 0, 7, 7, 7 };
  size_t n = 77, n_plain = 77, n_few = 77;
  int sums = 1;

  point (cow_behavior_detect_and_tell (teller, &picture, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, found,
                                       told, COW_BEHAVIOR_MAX_DETECTIONS, &n,
                                       NULL) == COW_BEHAVIOR_OK &&
             cow_behavior_detect (teller, &picture, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, plain,
                                  COW_BEHAVIOR_MAX_DETECTIONS, &n_plain, NULL) == COW_BEHAVIOR_OK &&
             n > 2 && n == n_plain && memcmp (found, plain, n * sizeof *found) == 0,
         "the same cows are found, with what they do");
  for (size_t i = 0; i < n; i++) {
    float sum = told[3 * i] + told[3 * i + 1] + told[3 * i + 2];
    sums &= told[3 * i] >= 0 && sum > .999f && sum < 1.001f;
  }
  point (sums, "a probability for each behaviour");
  point (memcmp (told, told + 3, 3 * sizeof *told) != 0, "of each cow her own");
  point (cow_behavior_detect_and_tell (teller, &picture, COW_BEHAVIOR_THRESHOLD_OF_ADAPTER, found,
                                       few, 1, &n_few, NULL) == COW_BEHAVIOR_OK &&
             n_few == 1 && memcmp (few, told, 3 * sizeof *few) == 0 && few[3] == 7,
         "no more than there is room for");
}

void
test_tell (CowBehavior *behavior, const CowBehaviorOptions *options)
{
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  CowBehaviorDetection found[1];
  CowBehavior *teller;
  float told[3];
  char *message = NULL;
  CowBehaviorStatus status;
  size_t n;

  if (cow_behavior_open (options, &teller, NULL) != COW_BEHAVIOR_OK) {
    point (0, "a detector that tells what cows do opens");
    return;
  }
  point (cow_behavior_n_told (teller) == 3 && cow_behavior_n_told (behavior) == 0 &&
             cow_behavior_n_told (NULL) == 0 && cow_behavior_n_classes (teller) == 1,
         "an adapter says how many behaviours it tells");
  point (strcmp (cow_behavior_told_name (teller, 1), "Standing") == 0 &&
             !cow_behavior_told_name (teller, 3) && !cow_behavior_told_name (behavior, 0),
         "and which");
  check_told (teller);
  status = cow_behavior_detect_and_tell (behavior, &picture, 0.5f, found, told, 1, &n, &message);
  check (status, COW_BEHAVIOR_UNSUPPORTED, message, "tells the class", "one that classifies");
  status = cow_behavior_detect_and_tell (teller, &picture, 0.5f, found, NULL, 1, &n, &message);
  check (status, COW_BEHAVIOR_ARGUMENT, message, "probabilities NULL",
         "no place for probabilities");
  cow_behavior_close (teller);
}
