/* SPDX-License-Identifier: MIT */
#include "trainer/data/frames-draft.h"

#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "trainer/data/file-names.h"
#include "trainer/data/text-file.h"
#include "trainer/host/words.h"

#define MOST_BYTES  ((gsize)1 << 28) /* of a file of annotations */
#define MOST_NUMBER 1e6              /* px */
#define CUT_PX      1.               /* what rounding of a box may let it stand over */
#define SAME_IOU    .95              /* boxes that overlap so far are one */

/* ---- findings -------------------------------------------------------------------------------- */

/* Whether a finding is told one by one where that is asked for: it is of a frame or a box, and not
 * of how a format was understood. */
static gboolean
is_told_singly (const FramesDraft *self, FramesFinding finding)
{
  switch (finding) {
  case FRAMES_ABSENT:
  case FRAMES_UNREADABLE:
  case FRAMES_TWICE:
  case FRAMES_UNLABELLED:
  case FRAMES_NO_BOX:
  case FRAMES_NO_AREA:
  case FRAMES_OUTSIDE:
  case FRAMES_CUT:
  case FRAMES_DOUBLED:
  case FRAMES_TINY:
    return self->options->set.keep_absent;
  default:
    return FALSE;
  }
}

/* Frames that are not taken have none of the set's. */
static gboolean
is_of_last (const FramesDraft *self, FramesFinding finding)
{
  return finding != FRAMES_ABSENT && finding != FRAMES_UNREADABLE && finding != FRAMES_TWICE &&
         self->frames->frames->len > 0;
}

void
frames_draft_find (FramesDraft *self, FramesFinding finding, const char *place)
{
  FramesTally *tally = &self->tally[finding];
  CowFrames *frames = self->frames;

  if (tally->n++ == 0)
    tally->place = g_strdup (place);
  if (!is_told_singly (self, finding))
    return;
  const CowFrameOddity oddity = { .finding = finding,
                                  .frame = is_of_last (self, finding) ? frames->frames->len - 1
                                                                      : G_MAXUINT,
                                  .place = g_string_chunk_insert (frames->strings, place) };
  g_array_append_val (frames->oddities, oddity);
}

/* One and many of each kind, and what becomes of them. */
static const struct {
  const char *one, *many, *what;
} findings[FRAMES_N_FINDINGS] = {
  [FRAMES_ABSENT] = { "frame is", "frames are",
                      "not there or cannot be read, and left out (--images FOLDER says where the "
                      "pictures are)" },
  [FRAMES_UNREADABLE] = { "frame", "frames", "cannot be read, and left out" },
  [FRAMES_TWICE] = { "frame is", "frames are", "named again; what the first says is taken" },
  [FRAMES_UNLABELLED] = { "frame has", "frames have",
                          "no file of labels: taken as frames without cows" },
  [FRAMES_NO_PICTURE] = { "file of labels has", "files of labels have",
                          "no picture, and left out" },
  [FRAMES_NO_IMAGE] = { "annotation is", "annotations are",
                        "of an image that the file does not list, and left out" },
  [FRAMES_CATEGORY] = { "box is", "boxes are",
                        "of a category that is not listed: taken as a cow whose behaviour is not "
                        "known" },
  [FRAMES_NO_BOX] = { "annotation has", "annotations have", "no box, and left out" },
  [FRAMES_NO_AREA] = { "box has", "boxes have", "no area, and left out" },
  [FRAMES_OUTSIDE] = { "box lies", "boxes lie", "outside of the frame, and left out" },
  [FRAMES_CUT] = { "box stands", "boxes stand", "over the frame's edge, and cut there" },
  [FRAMES_DOUBLED] = { "box is", "boxes are",
                       "there twice (they overlap by 95 %); the first is taken" },
  [FRAMES_TINY] = { "box is", "boxes are", "less than 8 px wide or high" },
  [FRAMES_OUTLINE] = { "cow has", "cows have", "an outline, of which the bounding box is taken" },
  [FRAMES_ROTATED] = { "box is", "boxes are", "rotated; the upright box around it is taken" },
  [FRAMES_SIXTH] = { "box has", "boxes have",
                     "a sixth number (a confidence, or a track), which is not read" },
  [FRAMES_SEVERAL] = { "box has", "boxes have", "several labels, of which the first is taken" },
  [FRAMES_ANNOTATORS] = { "frame was", "frames were",
                          "annotated more than once; the first annotation is taken" },
  [FRAMES_GUESS] = { "frame has", "frames have",
                     "predictions alone, which nobody accepted, and left out" },
  [FRAMES_UNDONE] = { "frame is", "frames are", "not annotated yet, and left out" },
};

void
frames_draft_tell (FramesDraft *self)
{
  for (guint i = 0; i < FRAMES_N_FINDINGS; i++) {
    const FramesTally *tally = &self->tally[i];
    if (tally->n > 0 && !is_told_singly (self, (FramesFinding)i))
      dataset_draft_warn (&self->common, "%u %s %s (%s%s)", tally->n,
                          words_of (tally->n, findings[i].one, findings[i].many), findings[i].what,
                          tally->n > 1 ? "the first: " : "", tally->place);
  }
  if (self->finder.n_backslashes > 0)
    dataset_draft_warn (&self->common, "the backslashes of %u path%s are taken for slashes",
                        self->finder.n_backslashes, words_s (self->finder.n_backslashes));
  if (self->finder.n_forms > 0)
    dataset_draft_warn (&self->common,
                        "%u path%s found under names that differ in case or form of Unicode",
                        self->finder.n_forms, words_of (self->finder.n_forms, " is", "s are"));
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* What keeps a frame together with others, as the options say; NULL: nothing. g_free. */
static char *
group_of (const FramesDraft *self, const FramesEntry *entry)
{
  const char *group_by = self->options->set.group_by;

  if (group_by && g_str_equal (group_by, "name"))
    return dataset_group_from_name (entry->path);
  if (group_by && g_str_equal (group_by, "folder"))
    return g_path_get_dirname (entry->path);
  if (group_by && g_str_equal (group_by, "source"))
    return g_strdup (entry->source ? entry->source : "");
  if (group_by && g_str_equal (group_by, "none"))
    return NULL;
  return g_strdup (entry->group);
}

static gboolean
find_size (const FramesEntry *entry, CowFrame *frame, const char *place, GError **error)
{
  frame->width = entry->width;
  frame->height = entry->height;
  if (entry->width == 0 || entry->height == 0)
    return picture_size (entry->path, &frame->width, &frame->height, error);
  if (entry->width > 0 && entry->height > 0 && entry->width <= PICTURE_MOST_SIDE_PX &&
      entry->height <= PICTURE_MOST_SIDE_PX)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %d x %d pixels; at most %d a side are read",
               place, entry->width, entry->height, PICTURE_MOST_SIDE_PX);
  return FALSE;
}

gboolean
frames_draft_add (FramesDraft *self, const FramesEntry *entry, const char *place, gboolean *taken,
                  GError **error)
{
  GStringChunk *strings = self->frames->strings;
  g_autofree char *group = group_of (self, entry);
  g_autoptr (GError) local = NULL;
  CowFrame frame = { .split = entry->split, .first_box = self->frames->boxes->len };

  *taken = FALSE;
  if (!g_hash_table_add (self->paths, g_canonicalize_filename (entry->path, NULL))) {
    frames_draft_find (self, FRAMES_TWICE, place);
    return TRUE;
  }
  if (self->frames->frames->len == COW_FRAMES_MOST) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: more than %d frames", place,
                 COW_FRAMES_MOST);
    return FALSE;
  }
  if (!find_size (entry, &frame, place, &local)) {
    if (!self->options->set.keep_absent) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
    frames_draft_find (self, FRAMES_UNREADABLE, local->message);
    return TRUE;
  }
  if (group && !*group)
    self->common.n_ungrouped++;
  frame.path = g_string_chunk_insert (strings, entry->path);
  frame.source = g_string_chunk_insert_const (strings, entry->source ? entry->source : "");
  frame.group = group && *group ? g_string_chunk_insert_const (strings, group) : NULL;
  g_array_append_val (self->frames->frames, frame);
  return *taken = TRUE;
}

CowFrame *
frames_draft_last (FramesDraft *self)
{
  GArray *frames = self->frames->frames;
  return &g_array_index (frames, CowFrame, frames->len - 1);
}

/* ---- boxes ----------------------------------------------------------------------------------- */

CowBounds
frames_rotated (CowBounds box, double cx, double cy, double degrees)
{
  const double angle = degrees * G_PI / 180, cosine = cos (angle), sine = sin (angle);
  double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };

  for (guint i = 0; i < 4; i++) {
    const double x = box.x + (i & 1 ? box.w : 0) - cx, y = box.y + (i & 2 ? box.h : 0) - cy;
    const double corner[] = { cx + x * cosine - y * sine, cy + x * sine + y * cosine };
    for (guint k = 0; k < 2; k++) {
      low[k] = fmin (low[k], corner[k]);
      high[k] = fmax (high[k], corner[k]);
    }
  }
  return (CowBounds){ low[0], low[1], high[0] - low[0], high[1] - low[1] };
}

/* Cuts a box at the edges of its frame; FALSE where nothing is left. What is remarkable is
 * counted. */
static gboolean
cut (FramesDraft *self, CowBounds *box, const CowFrame *frame, const char *place)
{
  const double x = CLAMP (box->x, 0, frame->width), y = CLAMP (box->y, 0, frame->height),
               right = CLAMP (box->x + box->w, 0, frame->width),
               bottom = CLAMP (box->y + box->h, 0, frame->height);
  const double off = fmax (fmax (x - box->x, y - box->y),
                           fmax (box->x + box->w - right, box->y + box->h - bottom));

  if (!(box->w > 0 && box->h > 0)) {
    frames_draft_find (self, FRAMES_NO_AREA, place);
    return FALSE;
  }
  if (!(right > x && bottom > y)) {
    frames_draft_find (self, FRAMES_OUTSIDE, place);
    return FALSE;
  }
  if (off > CUT_PX)
    frames_draft_find (self, FRAMES_CUT, place);
  *box = (CowBounds){ x, y, right - x, bottom - y };
  if (box->w < COW_FRAMES_TINY_PX || box->h < COW_FRAMES_TINY_PX)
    frames_draft_find (self, FRAMES_TINY, place);
  return TRUE;
}

static gboolean
is_doubled (const FramesDraft *self, const CowFrame *frame, const FramesBox *box)
{
  const CowFrameBox *others = cow_frames_boxes (self->frames, frame);

  for (guint i = 0; i < frame->n_boxes; i++)
    if (others[i].crowd == box->crowd && cow_bounds_iou (&others[i].place, &box->place) >= SAME_IOU)
      return TRUE;
  return FALSE;
}

/* Whether a label says no more than that there is a cow. */
static gboolean
is_plain (const char *label)
{
  static const char *const words[] = { "cow",       "cows",   "cattle", "dairy cow", "dairy-cow",
                                       "dairy_cow", "animal", "object", "bovine",    "bos taurus",
                                       "calf",      "heifer", "bull",   "item",      "0" };
  g_autofree char *key = file_name_key (label);

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (key, words[i]))
      return TRUE;
  return FALSE;
}

/* Whether --classes lists it, as a behaviour then. */
static gboolean
is_asked_for (const FramesDraft *self, const char *label)
{
  const CowDatasetOptions *options = &self->options->set;
  g_auto (GStrv) given = options->classes_text ? g_strsplit (options->classes_text, ",", -1) : NULL;

  for (char **name = given; name && *name; name++)
    g_strstrip (*name);
  return (options->classes && g_strv_contains ((const char *const *)options->classes, label)) ||
         (given && g_strv_contains ((const char *const *)given, label));
}

/* The index of the label of a box, -1 where it tells no behaviour. */
static gboolean
find_label (FramesDraft *self, const char *label, const char *place, int *index, GError **error)
{
  *index = -1;
  if (!label || !*label)
    return TRUE;
  if (is_plain (label) && !is_asked_for (self, label)) {
    self->n_plain++;
    return TRUE;
  }
  *index = dataset_draft_label (&self->common, label, place, error);
  return *index >= 0;
}

static gboolean
find_identity (FramesDraft *self, const char *identity, const char *place, int *index,
               GError **error)
{
  *index = -1;
  if (!identity || !*identity)
    return TRUE;
  if (!g_utf8_validate (identity, -1, NULL)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the cow's name is not UTF-8 text", place);
    return FALSE;
  }
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (self->identity_index, identity));
  if (known) {
    *index = (int)known - 1;
    return TRUE;
  }
  const char *own = g_string_chunk_insert (self->frames->strings, identity);
  g_ptr_array_add (self->identities, (gpointer)own);
  *index = (int)self->identities->len - 1;
  g_hash_table_insert (self->identity_index, (gpointer)own,
                       GUINT_TO_POINTER (self->identities->len));
  return TRUE;
}

gboolean
frames_draft_box (FramesDraft *self, const FramesBox *box, const char *place, GError **error)
{
  const double numbers[] = { box->place.x, box->place.y, box->place.w, box->place.h, box->area };
  CowFrame *frame = frames_draft_last (self);
  FramesBox own = *box;
  CowFrameBox kept = { .crowd = box->crowd };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!isfinite (numbers[i]) || (i < 4 && fabs (numbers[i]) > MOST_NUMBER)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: a box is not at %g", place, numbers[i]);
      return FALSE;
    }
  if (!cut (self, &own.place, frame, place))
    return TRUE;
  if (is_doubled (self, frame, &own)) {
    frames_draft_find (self, FRAMES_DOUBLED, place);
    return TRUE;
  }
  if (frame->n_boxes == COW_FRAMES_MOST_BOXES) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: more than %d boxes in %s", place,
                 COW_FRAMES_MOST_BOXES, frame->path);
    return FALSE;
  }
  if (!find_label (self, own.label, place, &kept.behaviour, error) ||
      !find_identity (self, own.identity, place, &kept.identity, error))
    return FALSE;
  kept.place = own.place;
  kept.area = own.area > 0 ? fmin (own.area, own.place.w * own.place.h) : own.place.w * own.place.h;
  g_array_append_val (self->frames->boxes, kept);
  frame->n_boxes++;
  return TRUE;
}

/* ---- files ----------------------------------------------------------------------------------- */

char *
frames_read_text (const char *path, gsize *n_bytes, GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *encoding;
  char *bytes;

  if (!cow_path_exists (path)) {
    cow_path_explain_absent (path, error);
    return NULL;
  }
  if (!g_file_get_contents (path, &bytes, n_bytes, &local)) {
    g_autofree char *why = g_utf8_make_valid (local->message, -1);
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s", why);
    return NULL;
  }
  if (*n_bytes <= MOST_BYTES)
    return text_file_decode (path, bytes, n_bytes, &encoding, error);
  g_free (bytes);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the file is larger than 256 MB", path);
  return NULL;
}

/* The file of a name below a folder; NULL: none, and perhaps an error. */
static char *
look_in (FramesDraft *self, const char *folder, const char *name, GError **error)
{
  g_autofree char *path =
      g_path_is_absolute (name) ? g_strdup (name) : g_build_filename (folder, name, NULL);
  char *found = path_finder_find (&self->finder, path, error);

  if (found && !cow_path_is_file (found))
    g_clear_pointer (&found, g_free);
  return found;
}

char *
frames_draft_locate (FramesDraft *self, const char *const *folders, const char *name,
                     gboolean elsewhere, GError **error)
{
  g_autofree char *slashes = g_strdelimit (g_strdup (name), "\\", '/');
  g_autofree char *last = g_path_get_basename (slashes);
  const gboolean foreign = elsewhere || g_path_is_absolute (slashes) || strchr (name, '\\');
  const char *const names[] = { name, foreign ? last : NULL };

  for (guint n = 0; n < G_N_ELEMENTS (names) && names[n] && *names[n]; n++)
    for (gint i = -1; i < 0 || folders[i]; i++) {
      const char *folder = i < 0 ? self->options->images : folders[i];
      g_autoptr (GError) local = NULL;
      char *found = folder ? look_in (self, folder, names[n], &local) : NULL;
      if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
      }
      if (found)
        return found;
    }
  return NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

FramesDraft *
frames_draft_new (const CowFramesOptions *options, CowFrames *frames)
{
  FramesDraft *self = g_new0 (FramesDraft, 1);
  CowDataset *set = g_new0 (CowDataset, 1);

  self->options = options;
  self->frames = frames;
  set->samples = g_array_new (FALSE, FALSE, sizeof (CowSample));
  set->warnings = g_ptr_array_ref (frames->warnings);
  set->notes = g_ptr_array_ref (frames->notes);
  set->remarks = cow_picture_remarks_new ();
  set->passed = g_ptr_array_new ();
  set->strings = g_string_chunk_new (1 << 12);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    set->splits[i] = g_array_new (FALSE, FALSE, sizeof (guint));
  self->common = (DatasetDraft){ .options = &options->set,
                                 .set = set,
                                 .labels = g_ptr_array_new (),
                                 .label_index = g_hash_table_new (g_str_hash, g_str_equal),
                                 .label_places = g_ptr_array_new_with_free_func (g_free),
                                 .scan = scan_new (),
                                 .ways = "name, folder, source; COCO: a member of its images" };
  self->identities = g_ptr_array_new ();
  self->identity_index = g_hash_table_new (g_str_hash, g_str_equal);
  self->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  path_finder_init (&self->finder);
  return self;
}

void
frames_draft_free (FramesDraft *self)
{
  cow_dataset_free (self->common.set);
  g_ptr_array_unref (self->common.labels);
  g_hash_table_unref (self->common.label_index);
  g_ptr_array_unref (self->common.label_places);
  scan_free (self->common.scan);
  g_ptr_array_unref (self->identities);
  g_hash_table_unref (self->identity_index);
  g_hash_table_unref (self->paths);
  path_finder_clear (&self->finder);
  for (guint i = 0; i < FRAMES_N_FINDINGS; i++)
    g_free (self->tally[i].place);
  g_free (self);
}
