/* SPDX-License-Identifier: MIT */
/*
 * Finds what is wrong with labelled pictures before they spoil a training: it reads every picture,
 * compares them, and looks at classes, groups and names. check-frames.h looks at boxes, too;
 * check-report.h reports it.
 */
#ifndef COW_TRAINER_CHECK_H
#define COW_TRAINER_CHECK_H

#include "trainer/data/frames.h"
#include "trainer/data/picture-hash.h"

G_BEGIN_DECLS

typedef enum {
  CHECK_UNREADABLE, /* absent, cut short, no picture */
  CHECK_OUTSIDE,    /* its box lies outside the picture */
  CHECK_SIZE,       /* of frames: the annotations tell another size than the picture has */
  CHECK_NO_COW,     /* of frames: boxes of a category that is none of cows */
  CHECK_CLASS,      /* a class without pictures in a split that has others */
  CHECK_UNMEASURED, /* the same where we divided ourselves: its groups could not be */
  CHECK_GROUP,      /* a group in training and in validation or test */
  CHECK_TWO_LABELS, /* the same picture under two classes */
  CHECK_TWO_SPLITS, /* the same picture in two splits */
  CHECK_DUPLICATE,  /* the same picture more than once */
  CHECK_COLUMN,     /* classes that do not look like classes */
  CHECK_FOLDER,     /* lies in a folder that is called like another class */
  CHECK_TINY,
  CHECK_ABSENT,      /* of frames: a picture that is named and not there; it is left out */
  CHECK_NAMED_TWICE, /* of frames: a picture that is named again */
  CHECK_NO_BOXES,    /* of frames: one without boxes */
  CHECK_EMPTY_BOX,   /* of frames: an annotation without box or without area */
  CHECK_CUT,         /* of frames: a box that stands over the edge */
  CHECK_BOX_TWICE,   /* of frames: boxes of one class that are nearly one; near: both are taken */
  CHECK_TINY_BOX,    /* of frames: hardly anything of it is left when the frame is resized */
  CHECK_FEW_BOXES,   /* of frames: a class with few */
  CHECK_FLAT,        /* nearly all values are the same: black, white or grey */
  CHECK_NOTED,       /* something of it was left out or scaled */
  CHECK_N_KINDS
} CheckKind;

typedef struct {
  CheckKind kind;
  gboolean
      near; /* two labels, two splits, duplicates: the pictures look alike, they are not equal; of
               CHECK_BOX_TWICE see there */
  GArray *samples; /* of guint: which, in the set; may be empty */
  char *text;      /* what a reader needs to know beside the paths; or NULL */
} CheckFinding;

/* The result of reading a sample. */
typedef struct {
  gboolean readable;
  int width, height; /* of the sample's part */
  char *content;     /* SHA-256 of the file */
  PictureHash hash;
  PictureNotes notes;
  char *remark; /* the notes as text, or NULL */
} CheckedPicture;

typedef struct {
  const CowDataset *dataset;
  const CowFrames *frames;  /* whose samples those of the set are, one by one; NULL: pictures with
                               classes */
  CheckedPicture *pictures; /* [samples] */
  const GPtrArray *warnings, *notes, *passed; /* of what is checked, as it has them */
  GPtrArray *findings;                        /* of CheckFinding, in the order they were found in */
  guint least_side;
} Check;

/* Reads all pictures, with a line of progress, and finds what there is. G_IO_ERROR_CANCELLED when
 * the user asks to stop. */
Check *check_run (const CowDataset *dataset, guint least_side, int n_threads, GError **error);
void check_free (Check *self);
/* Adds a finding; `samples`, of guint, and `text`, which may be NULL, become the finding's. */
void check_add (Check *self, CheckKind kind, gboolean near, GArray *samples, char *text);
/* The same of one sample. */
void check_add_one (Check *self, CheckKind kind, gboolean near, guint sample, char *text);

/* Whether a finding of this kind would spoil training or what is measured of it; the others are for
 * the user to judge. */
gboolean check_is_problem (CheckKind kind, gboolean near);
guint check_n_problems (const Check *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Check, check_free)

G_END_DECLS

#endif
