/* SPDX-License-Identifier: MIT */
/*
 * Whole frames with a box around each cow, for the recipes of detectors: in up to three splits,
 * each box with a behaviour and an identity where the data tell one. They are read from what
 * programs for annotation write: COCO, YOLO, CVAT, Label Studio, or from MmCows' frames; of the
 * pictures at most the header is read. Afterwards the set does not change and may be read by any
 * number of threads.
 */
#ifndef COW_TRAINER_FRAMES_H
#define COW_TRAINER_FRAMES_H

#include "model/network/detection.h"
#include "trainer/data/dataset.h"

G_BEGIN_DECLS

#define COW_FRAMES_MOST       5000000
#define COW_FRAMES_MOST_BOXES 1000 /* of a frame */
#define COW_FRAMES_TINY_PX    8    /* a box of which a side is shorter is warned of */

typedef struct {
  CowBounds place; /* px of the picture as it is upright; inside of it, and of some area */
  int behaviour;   /* index in the set's classes; -1: not known */
  int identity;    /* index in the set's identities; -1: not known */
  double area;     /* px that the cow covers where the data tell, else of the box */
  gboolean crowd;  /* several cows in one box: neither to be learnt nor to be counted as missed */
} CowFrameBox;

/* Strings are the set's. */
typedef struct {
  const char *path;
  const char *source; /* camera or the like, for results by source; "" when nothing says so */
  const char *group;  /* frames of one group (recording, camera) stay on one side of a split; NULL
                         when alone */
  int width, height;  /* px, upright: as the data say it, or else the picture itself */
  CowSplit split;
  guint first_box, n_boxes; /* boxes[first_box .. first_box + n_boxes); 0 boxes: no cow is there */
} CowFrame;

/* What readers find wrong with frames and boxes, or take otherwise than it is written. */
typedef enum {
  FRAMES_ABSENT,     /* a picture that is not there; its boxes are left out with it */
  FRAMES_UNREADABLE, /* a picture whose size has to be read and cannot be; likewise */
  FRAMES_TWICE,      /* a picture that is named again */
  FRAMES_UNLABELLED, /* a picture without a file of labels */
  FRAMES_NO_PICTURE, /* labels without a picture */
  FRAMES_NO_IMAGE,   /* an annotation of an image that is not listed */
  FRAMES_CATEGORY,   /* a box of a category that is not listed */
  FRAMES_NO_BOX,     /* an annotation that is no box and has no outline */
  FRAMES_NO_AREA,
  FRAMES_OUTSIDE,
  FRAMES_CUT,
  FRAMES_DOUBLED,
  FRAMES_TINY,
  FRAMES_OUTLINE,    /* a polygon, whose bounding box is taken */
  FRAMES_ROTATED,    /* a rotated box, likewise */
  FRAMES_SIXTH,      /* a sixth number behind a box */
  FRAMES_SEVERAL,    /* a box with several labels */
  FRAMES_ANNOTATORS, /* a frame that was annotated more than once */
  FRAMES_GUESS,      /* a frame whose annotations a program made and nobody accepted */
  FRAMES_UNDONE,     /* a frame that nobody has annotated yet */
  FRAMES_N_FINDINGS
} FramesFinding;

/* One of them. */
typedef struct {
  FramesFinding finding;
  guint frame;       /* index in `frames`; G_MAXUINT: of none that was taken */
  const char *place; /* the set's: in which file, and where in it; of FRAMES_UNREADABLE why */
} CowFrameOddity;

typedef struct {
  GArray *frames; /* of CowFrame, in an order that depends on the input alone */
  GArray *boxes;  /* of CowFrameBox, frame by frame */
  GStrv classes;  /* behaviours [n_classes] and NULL; none where boxes only say "cow" */
  guint n_classes;
  GStrv identities; /* [n_identities] and NULL, in order of appearance */
  guint n_identities;
  GArray *splits[COW_N_SPLITS]; /* of guint: indices in `frames`, ascending */
  GPtrArray *warnings; /* of char *: what was left out, cut or guessed, a line of each kind */
  GArray *oddities;    /* of CowFrameOddity, of those that are no warnings then: with
                          `set.keep_absent`, where each is told by itself; else empty */
  GPtrArray *others;   /* of char *: categories that are none of cows, each with its boxes */
  GPtrArray *notes;    /* of char *: how the input was understood */
  GPtrArray *passed;   /* of PassedFile (scan.h): what was left out of folders */
  char *grouped_by;    /* what keeps frames together, or NULL when each is its own group */
  gboolean divided;    /* whether we divided them ourselves (else the data came divided) */
  GStringChunk *strings;
} CowFrames;

typedef struct {
  /*
   * As for pictures with classes, but: paths are of a file or folder of one of the formats below;
   * `format` is NULL or "auto", "coco", "yolo", "cvat", "label-studio" or "mmcows-frames";
   * `group_by` is "name" (file name without its last number), "folder", "source" or "none", of
   * COCO a member of its images too ("video_id": the default where they have it), of MmCows
   * "session" (default) or "camera". What is about tables or several labels is an error. With
   * `keep_absent` (`check`) frames that cannot be read are no error.
   */
  CowDatasetOptions set;
  char *images; /* the folder that names of pictures are relative to; NULL: where the format has
                   it, beside the file */
} CowFramesOptions;

#define COW_FRAMES_OPTIONS_DEFAULT                                                                 \
  {                                                                                                \
    .set = COW_DATASET_OPTIONS_DEFAULT                                                             \
  }

void cow_frames_options_clear (CowFramesOptions *options);
void cow_frames_free (CowFrames *self);
/* Prints the warnings to standard error. */
void cow_frames_say_warnings (const CowFrames *self);

/* The number of classes that there are to be told apart: 0 where boxes say none, or all the
 * same. */
static inline guint
cow_frames_n_told (const CowFrames *self)
{
  return self->n_classes > 1 ? self->n_classes : 0;
}

/* The number of cows that there are to be told apart: 0 where boxes do not say who is in them. */
static inline guint
cow_frames_n_individuals (const CowFrames *self)
{
  return self->n_identities > 1 ? self->n_identities : 0;
}

static inline const CowFrame *
cow_frames_get (const CowFrames *self, guint index)
{
  return &g_array_index (self->frames, CowFrame, index);
}

/* The boxes of a frame, [n_boxes]. */
static inline const CowFrameBox *
cow_frames_boxes (const CowFrames *self, const CowFrame *frame)
{
  return (const CowFrameBox *)(const void *)self->boxes->data + frame->first_box;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowFrames, cow_frames_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowFramesOptions, cow_frames_options_clear)

G_END_DECLS

#endif
