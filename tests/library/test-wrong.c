/* SPDX-License-Identifier: MIT */
/* Bad arguments give a status and a message, and the handle keeps working. */
#include "library-test.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned char rgb[3 * WIDTH * HEIGHT];

/* Prints the point with the message, which must name `text`, and frees the message. */
static void
check (CowBehaviorStatus status, CowBehaviorStatus expected, char **message, const char *text,
       const char *label)
{
  point (status == expected && *message && strstr (*message, text), label);
  printf ("# %d: %s\n", (int)status, *message ? *message : "(no message)");
  cow_behavior_message_free (*message);
  *message = NULL;
}

static void
check_open (const CowBehaviorOptions *options, CowBehaviorStatus expected, const char *text,
            const char *label)
{
  char *message = NULL;
  CowBehavior *behavior = (CowBehavior *)rgb;
  CowBehaviorStatus status = cow_behavior_open (options, &behavior, &message);

  check (behavior ? COW_BEHAVIOR_OK : status, expected, &message, text, label);
}

static void
test_open_wrong (const CowBehaviorOptions *right)
{
  CowBehaviorOptions options = *right;
  char *message = NULL;

  check_open (NULL, COW_BEHAVIOR_ARGUMENT, "NULL", "no options");
  check (cow_behavior_open (right, NULL, &message), COW_BEHAVIOR_ARGUMENT, &message, "NULL",
         "no place for the handle");
  options.size = 0;
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "size", "options without a size");
  options.size = SIZE_MAX;
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "size", "options of an absurd size");
  options = *right;
  options.adapter = NULL;
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "adapter", "no adapter");
  options.adapter = "";
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "empty", "an empty adapter");
  options.adapter = "/nowhere/\xff";
  check_open (&options, COW_BEHAVIOR_NOT_FOUND, "/nowhere", "an adapter that is not there");
  options.adapter = right->model;
  check_open (&options, COW_BEHAVIOR_NOT_FOUND, right->model,
              "a model in the place of the adapter");
  options = *right;
  options.model = "no-such-model";
  check_open (&options, COW_BEHAVIOR_NOT_FOUND, "no-such-model", "a model that is not there");
  options.model = NULL;
  check_open (&options, COW_BEHAVIOR_NOT_FOUND, "its path can be given",
              "no model where the adapter needs one, which is not found");
  options.model = "/dev/null";
  check_open (&options, COW_BEHAVIOR_IO, "/dev/null: is a pipe or a device", "no file at all");
  options = *right;
  options.device = "abacus";
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "abacus", "an unknown device");
  options = *right;
  options.precision = "fp128";
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "fp128", "an unknown precision");
  options = *right;
  options.max_batch = 65;
  check_open (&options, COW_BEHAVIOR_ARGUMENT, "max_batch", "too large batches");
}

static void
check_picture (CowBehavior *behavior, CowBehaviorPicture picture, const char *text,
               const char *label)
{
  float answer[N_CLASSES];
  char *message = NULL;

  check (cow_behavior_classify (behavior, &picture, NULL, 1, answer, &message),
         COW_BEHAVIOR_ARGUMENT, &message, text, label);
}

static void
test_picture_wrong (CowBehavior *behavior)
{
  const CowBehaviorPicture right = picture_new (rgb, 1);
  CowBehaviorPicture wrong = right;

#define CHECK_WRONG(field, value, text)                                                            \
  wrong = right;                                                                                   \
  wrong.field = value;                                                                             \
  check_picture (behavior, wrong, text, "a picture with " #field " " #value)
  CHECK_WRONG (size, 0, "size");
  CHECK_WRONG (size, SIZE_MAX, "size");
  CHECK_WRONG (format, 0, "format 0");
  CHECK_WRONG (format, COW_BEHAVIOR_XBGR + 1, "format");
  CHECK_WRONG (width, 0, "0 x");
  CHECK_WRONG (width, INT_MIN, "sides");
  CHECK_WRONG (height, INT_MAX, "sides");
  CHECK_WRONG (height, -1, "sides");
  CHECK_WRONG (plane[0], NULL, "missing");
  CHECK_WRONG (stride[0], 0, "stride 0");
  CHECK_WRONG (stride[0], -3 * WIDTH, "stride -138");
  CHECK_WRONG (stride[0], PTRDIFF_MIN, "stride");
  CHECK_WRONG (stride[0], 3 * WIDTH - 1, "stride 137");
  CHECK_WRONG (format, COW_BEHAVIOR_NV12, "plane 1");
#undef CHECK_WRONG
  wrong = right;
  wrong.format = COW_BEHAVIOR_GRAY8;
  wrong.matrix = 9;
  check_picture (behavior, wrong, "matrix 9", "a picture of an unknown matrix");
  wrong.matrix = 0;
  wrong.range = 9;
  check_picture (behavior, wrong, "range 9", "a picture of an unknown range");
}

static void
test_region_wrong (CowBehavior *behavior)
{
  static const CowBehaviorRegion wrong[] = {
    { 0, 0, 0, 5 },
    { 0, 0, 5, 0 },
    { 0, 0, -5, 5 },
    { WIDTH, 0, 5, 5 },
    { 0, HEIGHT, 5, 5 },
    { -5, -5, 5, 5 },
    { INT_MAX, 0, 9, 9 },
    { INT_MIN, 0, 9, 9 },
    { INT_MIN, INT_MIN, INT_MIN, INT_MIN },
    { 0, INT_MAX, 9, INT_MAX },
    { INT_MIN, 0, INT_MAX, 9 },
  };
  const CowBehaviorPicture picture = picture_new (rgb, 1);
  const CowBehaviorRegion all = { INT_MIN / 2, INT_MIN / 2, INT_MAX, INT_MAX };
  float answer[2 * N_CLASSES], whole[N_CLASSES];
  char *message = NULL;

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    const CowBehaviorRegion regions[2] = { { 0, 0, 5, 5 }, wrong[i] };
    check (cow_behavior_classify (behavior, &picture, regions, 2, answer, &message),
           COW_BEHAVIOR_ARGUMENT, &message, "no pixel inside", "a region outside the picture");
  }
  point (cow_behavior_classify (behavior, &picture, &all, 1, answer, NULL) == COW_BEHAVIOR_OK &&
             cow_behavior_classify (behavior, &picture, NULL, 1, whole, NULL) == COW_BEHAVIOR_OK &&
             near (answer, whole, N_CLASSES, 1e-6f),
         "a region around the picture is all of it");
}

static void
test_call_wrong (CowBehavior *behavior)
{
  CowBehaviorPicture picture = picture_new (rgb, 1);
  const CowBehaviorPicture *const pictures[2] = { &picture, NULL };
  float answer[2 * N_CLASSES];
  char *message = NULL;

  check (cow_behavior_classify (NULL, &picture, NULL, 1, answer, &message), COW_BEHAVIOR_ARGUMENT,
         &message, "behavior is NULL", "no handle");
  check (cow_behavior_classify (behavior, NULL, NULL, 1, answer, &message), COW_BEHAVIOR_ARGUMENT,
         &message, "NULL", "no picture");
  check (cow_behavior_classify (behavior, &picture, NULL, 1, NULL, &message), COW_BEHAVIOR_ARGUMENT,
         &message, "probabilities NULL", "no place for the answer");
  check (cow_behavior_classify (behavior, &picture, NULL, 0, answer, &message),
         COW_BEHAVIOR_ARGUMENT, &message, "n 0", "nothing to do");
  check (cow_behavior_classify (behavior, &picture, NULL, 2, answer, &message),
         COW_BEHAVIOR_ARGUMENT, &message, "n 2", "several whole pictures of one");
  check (cow_behavior_classify_many (behavior, NULL, NULL, 1, answer, &message),
         COW_BEHAVIOR_ARGUMENT, &message, "NULL", "no pictures");
  check (cow_behavior_classify_many (behavior, pictures, NULL, 2, answer, &message),
         COW_BEHAVIOR_ARGUMENT, &message, "pictures[1]", "no second picture");
  point (cow_behavior_classify (behavior, NULL, NULL, 1, answer, NULL) == COW_BEHAVIOR_ARGUMENT,
         "nobody has to read the message");
  point (cow_behavior_n_classes (NULL) == 0 && !cow_behavior_class_name (NULL, 0) &&
             cow_behavior_threshold (NULL, 0) == 0.0f && !cow_behavior_device (NULL) &&
             !cow_behavior_precision (NULL) && !cow_behavior_label (NULL, answer, 0.0f, NULL) &&
             !cow_behavior_label (behavior, NULL, 0.0f, NULL),
         "questions without a handle have empty answers");
  point (cow_behavior_classify (behavior, &picture, NULL, 1, answer, &message) == COW_BEHAVIOR_OK &&
             !message,
         "after all that, a right call is answered");
}

void
test_wrong (CowBehavior *behavior, const CowBehaviorOptions *options)
{
  test_open_wrong (options);
  test_picture_wrong (behavior);
  test_region_wrong (behavior);
  test_call_wrong (behavior);
}
