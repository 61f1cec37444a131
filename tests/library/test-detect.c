/* SPDX-License-Identifier: MIT */
/* Cows in pictures: what is found, what thresholds and room do, and what is no detector. */
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
