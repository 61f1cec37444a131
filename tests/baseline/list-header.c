/* SPDX-License-Identifier: MIT */
/*
 * What programs that were compiled against today's installed headers rely on: names, numbers,
 * places of fields, signatures. This compiles as long as the names and signatures are there, and
 * prints the numbers, which are compared with those of the baseline.
 */
#include <cowbehavior/cowbehavior.h>
#include <cowbehavior/gstcowbehaviormeta.h>
#include <stdio.h>

#define NUMBER(NAME) printf (#NAME " %d\n", (int)(NAME))
#define FIELD(TYPE, NAME)                                                                          \
  printf (#TYPE "." #NAME " at %zu, %zu bytes\n", offsetof (TYPE, NAME), sizeof (((TYPE *)0)->NAME))
#define SIGNATURE(NAME, RESULT, ...)                                                               \
  _Static_assert(_Generic(&NAME, RESULT (*) (__VA_ARGS__) : 1, default : 0),                       \
                 #NAME " has another signature")

SIGNATURE (cow_behavior_version, unsigned, void);
SIGNATURE (cow_behavior_message_free, void, char *);
SIGNATURE (cow_behavior_open, CowBehaviorStatus, const CowBehaviorOptions *, CowBehavior **,
           char **);
SIGNATURE (cow_behavior_close, void, CowBehavior *);
SIGNATURE (cow_behavior_n_classes, size_t, const CowBehavior *);
SIGNATURE (cow_behavior_class_name, const char *, const CowBehavior *, size_t);
SIGNATURE (cow_behavior_threshold, float, const CowBehavior *, size_t);
SIGNATURE (cow_behavior_device, const char *, const CowBehavior *);
SIGNATURE (cow_behavior_classify, CowBehaviorStatus, CowBehavior *, const CowBehaviorPicture *,
           const CowBehaviorRegion *, size_t, float *, char **);
SIGNATURE (cow_behavior_classify_many, CowBehaviorStatus, CowBehavior *,
           const CowBehaviorPicture *const *, const CowBehaviorRegion *, size_t, float *, char **);
SIGNATURE (cow_behavior_label, const char *, const CowBehavior *, const float *, float, size_t *);
SIGNATURE (gst_buffer_get_cow_behavior, GstStructure *, GstBuffer *);
SIGNATURE (gst_cow_behavior_n_objects, guint, const GstStructure *);
SIGNATURE (gst_cow_behavior_object, const GstStructure *, const GstStructure *, guint);

static void
list_numbers (void)
{
  NUMBER (COW_BEHAVIOR_OK);
  NUMBER (COW_BEHAVIOR_NOT_FOUND);
  NUMBER (COW_BEHAVIOR_IO);
  NUMBER (COW_BEHAVIOR_BAD_FILE);
  NUMBER (COW_BEHAVIOR_MISMATCH);
  NUMBER (COW_BEHAVIOR_UNSUPPORTED);
  NUMBER (COW_BEHAVIOR_ARGUMENT);
  NUMBER (COW_BEHAVIOR_MEMORY);
  NUMBER (COW_BEHAVIOR_DEVICE);
  NUMBER (COW_BEHAVIOR_NV12);
  NUMBER (COW_BEHAVIOR_I420);
  NUMBER (COW_BEHAVIOR_YUY2);
  NUMBER (COW_BEHAVIOR_UYVY);
  NUMBER (COW_BEHAVIOR_P010);
  NUMBER (COW_BEHAVIOR_GRAY8);
  NUMBER (COW_BEHAVIOR_RGB);
  NUMBER (COW_BEHAVIOR_BGR);
  NUMBER (COW_BEHAVIOR_RGBX);
  NUMBER (COW_BEHAVIOR_BGRX);
  NUMBER (COW_BEHAVIOR_XRGB);
  NUMBER (COW_BEHAVIOR_XBGR);
  NUMBER (COW_BEHAVIOR_MATRIX_DEFAULT);
  NUMBER (COW_BEHAVIOR_BT601);
  NUMBER (COW_BEHAVIOR_BT709);
  NUMBER (COW_BEHAVIOR_BT2020);
  NUMBER (COW_BEHAVIOR_RANGE_DEFAULT);
  NUMBER (COW_BEHAVIOR_LIMITED_RANGE);
  NUMBER (COW_BEHAVIOR_FULL_RANGE);
  printf ("COW_BEHAVIOR_UNKNOWN %s\n", COW_BEHAVIOR_UNKNOWN);
  printf ("COW_BEHAVIOR_THRESHOLD_OF_ADAPTER %g\n", (double)COW_BEHAVIOR_THRESHOLD_OF_ADAPTER);
  printf ("GST_COW_BEHAVIOR_META_NAME %s\n", GST_COW_BEHAVIOR_META_NAME);
}

static void
list_fields (void)
{
  FIELD (CowBehaviorOptions, size);
  FIELD (CowBehaviorOptions, model);
  FIELD (CowBehaviorOptions, adapter);
  FIELD (CowBehaviorOptions, device);
  FIELD (CowBehaviorOptions, precision);
  FIELD (CowBehaviorOptions, max_batch);
  FIELD (CowBehaviorPicture, size);
  FIELD (CowBehaviorPicture, format);
  FIELD (CowBehaviorPicture, width);
  FIELD (CowBehaviorPicture, height);
  FIELD (CowBehaviorPicture, plane);
  FIELD (CowBehaviorPicture, stride);
  FIELD (CowBehaviorPicture, matrix);
  FIELD (CowBehaviorPicture, range);
  FIELD (CowBehaviorRegion, x);
  FIELD (CowBehaviorRegion, y);
  FIELD (CowBehaviorRegion, width);
  FIELD (CowBehaviorRegion, height);
  /* Regions come in arrays, so that a larger one would be read at the wrong places. */
  printf ("CowBehaviorRegion has %zu bytes\n", sizeof (CowBehaviorRegion));
}

int
main (void)
{
  /* Only their names have to stay; the version rises. */
  (void)(COW_BEHAVIOR_VERSION + COW_BEHAVIOR_VERSION_MAJOR + COW_BEHAVIOR_VERSION_MINOR +
         COW_BEHAVIOR_VERSION_MICRO);
  list_numbers ();
  list_fields ();
  return 0;
}
