/* SPDX-License-Identifier: MIT */
/* A set of frames while it is being read: each reader adds what it finds, and what is wrong with it
 * is counted here, kind by kind. */
#ifndef COW_TRAINER_FRAMES_DRAFT_H
#define COW_TRAINER_FRAMES_DRAFT_H

#include "trainer/data/dataset-draft.h"
#include "trainer/data/frames.h"
#include "trainer/data/path-finder.h"

/* What is said once, with the number and the first place. */
typedef struct {
  guint n;
  char *place; /* of the first */
} FramesTally;

typedef struct {
  const CowFramesOptions *options;
  CowFrames *frames;
  DatasetDraft common; /* labels, classes, messages, folders: what sets of pictures have too */
  GPtrArray *identities;
  GHashTable *identity_index; /* identity -> its index + 1 */
  GHashTable *paths;          /* canonical paths of all frames */
  PathFinder finder;
  FramesTally tally[FRAMES_N_FINDINGS];
  guint n_plain;       /* boxes whose label only says that it is a cow */
  gboolean may_divide; /* whether what is read may name its own splits */
} FramesDraft;

/* A frame as a reader finds it; strings are copied. */
typedef struct {
  const char *path, *source, *group; /* source and group may be NULL */
  int width, height;                 /* 0: the picture is asked */
  CowSplit split;
} FramesEntry;

typedef struct {
  CowBounds place;
  const char *label, *identity; /* NULL: none */
  double area;                  /* 0: of the box */
  gboolean crowd;
} FramesBox;

/*
 * Adds a frame, to which the boxes of the following calls belong. *taken: FALSE where the picture
 * is not there or was added already, which is counted; its boxes are then to be passed over.
 * `place` is where it is named, for messages.
 */
gboolean frames_draft_add (FramesDraft *self, const FramesEntry *entry, const char *place,
                           gboolean *taken, GError **error);
/* The frame that was added last. */
CowFrame *frames_draft_last (FramesDraft *self);
gboolean frames_draft_box (FramesDraft *self, const FramesBox *box, const char *place,
                           GError **error);
/* The box around a box of w x h at x, y that is rotated clockwise about cx, cy. */
CowBounds frames_rotated (CowBounds box, double cx, double cy, double degrees);
void frames_draft_find (FramesDraft *self, FramesFinding finding, const char *place);

/*
 * The file of a picture that an export names: below the first of the folders that has it (of
 * `folders`, NULL-terminated, after --images where it is given), under its whole name, or under its
 * last part where the rest is of another machine. NULL where none has it. COW_ERROR_MISMATCH. Free
 * with g_free.
 */
char *frames_draft_locate (FramesDraft *self, const char *const *folders, const char *name,
                           gboolean elsewhere, GError **error);
/* A whole file as UTF-8 text; free with g_free. COW_ERROR_NOT_FOUND, _IO, _FORMAT. */
char *frames_read_text (const char *path, gsize *n_bytes, GError **error);

FramesDraft *frames_draft_new (const CowFramesOptions *options, CowFrames *frames);
void frames_draft_free (FramesDraft *self);
/* What was counted, as warnings. */
void frames_draft_tell (FramesDraft *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FramesDraft, frames_draft_free)

#endif
