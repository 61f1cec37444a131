/* SPDX-License-Identifier: MIT */
/* Chooses the reader of each input, then makes a set of what they found: behaviours, splits, and
 * what is to be said of them. */
#include "trainer/data/frames-open.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "model/files/file-writer.h"
#include "trainer/data/coco-names.h"
#include "trainer/data/dataset-classes.h"
#include "trainer/data/dataset-readers.h"
#include "trainer/data/dataset-split.h"
#include "trainer/data/frames-readers.h"
#include "trainer/host/words.h"

/* ---- formats --------------------------------------------------------------------------------- */

typedef gboolean (*Reader) (FramesDraft *, const char *, CowSplit, GError **);

typedef enum { COCO, YOLO, CVAT, LABEL_STUDIO, MMCOWS, N_FORMATS } Format;

static const struct {
  const char *name;
  Reader read;
} formats[N_FORMATS] = {
  [COCO] = { "coco", frames_read_coco },
  [YOLO] = { "yolo", frames_read_yolo },
  [CVAT] = { "cvat", frames_read_cvat },
  [LABEL_STUDIO] = { "label-studio", frames_read_label_studio },
  [MMCOWS] = { "mmcows-frames", frames_read_mmcows },
};

/* The format of a file: by its name, or by its first letter. */
static gboolean
recognize_file (const char *path, Format *format)
{
  char start[64] = { 0 };
  const int fd = cow_open (path, O_RDONLY | O_NONBLOCK, 0);
  const gboolean read = fd >= 0 && cow_read (fd, start, sizeof start - 1) > 0;
  const char *first = start + (memcmp (start, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);

  if (fd >= 0)
    close (fd);
  first += strspn (first, " \t\r\n");
  if (g_str_has_suffix (path, ".yaml") || g_str_has_suffix (path, ".yml"))
    *format = YOLO;
  else if (read && *first && strchr ("{[<", *first))
    *format = *first == '{' ? COCO : *first == '[' ? LABEL_STUDIO : CVAT;
  else
    return FALSE;
  return TRUE;
}

/* The file in a folder that has a name which programs give to annotations; NULL: none. g_free. */
static char *
find_named (const char *folder, Format *format)
{
  static const char *const names[] = { "data.yaml",        "dataset.yaml",
                                       "data.yml",         "_annotations.coco.json",
                                       "annotations.json", "annotations.xml",
                                       "result.json" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    if (cow_path_is_file (path) && recognize_file (path, format))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/* The file of annotations in a folder: of such a name, or the only one of its kind; NULL where
 * there is none. g_free. */
static char *
find_file (const char *folder, Format *format)
{
  static const char *const suffixes[] = { ".yaml", ".yml", ".json", ".xml" };
  char *named = find_named (folder, format);

  for (guint i = 0; i < G_N_ELEMENTS (suffixes) && !named; i++) {
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    g_autofree char *only = NULL;
    const char *name;
    guint n = 0;
    while (dir && (name = g_dir_read_name (dir)))
      if (*name != '.' && g_str_has_suffix (name, suffixes[i]) && n++ == 0)
        only = g_build_filename (folder, name, NULL);
    if (n == 1 && recognize_file (only, format))
      named = g_steal_pointer (&only);
  }
  return named;
}

static gboolean
has_folder (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return cow_path_is_folder (path);
}

/*
 * What a path holds: the format, and the file or folder that its reader wants; *file is NULL where
 * it is none of them. With --data-format that format alone is looked for.
 */
static gboolean
recognize (const FramesDraft *self, const char *path, Format *format, char **file, GError **error)
{
  const char *wanted = self->options->set.format;
  gboolean is_folder, is_mmcows;

  *file = NULL;
  if (!scan_is_folder (path, &is_folder, error) ||
      !dataset_is_mmcows_frames (path, &is_mmcows, error))
    return FALSE;
  *format = MMCOWS;
  if (is_mmcows)
    *file = g_strdup (path);
  else if (!is_folder)
    *file = recognize_file (path, format) ? g_strdup (path) : NULL;
  else
    *file = find_file (path, format);
  if (!*file && is_folder && has_folder (path, "annotations")) {
    *format = COCO;
    *file = g_build_filename (path, "annotations", NULL);
  } else if (!*file && is_folder && has_folder (path, "images") && has_folder (path, "labels")) {
    *format = YOLO;
    *file = g_strdup (path);
  }
  if (!wanted || g_str_equal (wanted, "auto") ||
      (*file && g_str_equal (wanted, formats[*format].name)))
    return TRUE;
  g_clear_pointer (file, g_free);
  /* A folder of pictures alone can be YOLO's, whose labels are elsewhere. */
  if (is_folder && g_str_equal (wanted, formats[YOLO].name)) {
    *format = YOLO;
    *file = g_strdup (path);
  }
  return TRUE;
}

static gboolean
check_format (const FramesDraft *self, GError **error)
{
  const char *format = self->options->set.format;

  if (!format || g_str_equal (format, "auto"))
    return TRUE;
  for (guint i = 0; i < N_FORMATS; i++)
    if (g_str_equal (format, formats[i].name))
      return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "--data-format %s: for frames auto, coco, yolo, cvat, label-studio or mmcows-frames "
               "is expected",
               format);
  return FALSE;
}

static gboolean
has_json (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_suffix (name, ".json"))
      return TRUE;
  return FALSE;
}

/* Whether a folder has a file of annotations by its usual name, or the folders of COCO or YOLO. */
static gboolean
looks_like_frames (const char *folder)
{
  Format format;
  g_autofree char *file = find_named (folder, &format),
                  *annotations = g_build_filename (folder, "annotations", NULL);

  return file || has_json (annotations) ||
         (has_folder (folder, "images") && has_folder (folder, "labels"));
}

gboolean
cow_frames_are_meant (const CowDatasetOptions *options)
{
  const char *const paths[] = { options->data, options->train, options->val, options->test };
  const char *path = NULL;
  Format format;

  for (guint i = 0; i < G_N_ELEMENTS (paths) && !path; i++)
    path = paths[i];
  if (options->format && !g_str_equal (options->format, "auto")) {
    for (guint i = 0; i < N_FORMATS; i++)
      if (i != MMCOWS && g_str_equal (options->format, formats[i].name))
        return TRUE;
    return FALSE;
  }
  if (!path || !cow_path_is_folder (path))
    return path && recognize_file (path, &format);
  g_autoptr (GPtrArray) names = scan_folder_names (path);
  gboolean found = looks_like_frames (path);
  for (guint i = 0; i < names->len && !found; i++) {
    g_autofree char *part = g_build_filename (path, names->pdata[i], NULL);
    CowSplit split;
    found = cow_split_parse (names->pdata[i], &split) && looks_like_frames (part);
  }
  return found;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static gboolean
read_input (FramesDraft *self, const char *path, CowSplit split, GError **error)
{
  g_autofree char *file = NULL;
  const guint first = self->frames->frames->len;
  Format format;

  if (!recognize (self, path, &format, &file, error))
    return FALSE;
  if (!file) {
    const char *wanted = self->options->set.format;
    const gboolean named = wanted && !g_str_equal (wanted, "auto");
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s holds no frames with boxes%s%s%s: COCO (a .json), YOLO (data.yaml, or images/ "
                 "and labels/), CVAT for images (annotations.xml), Label Studio (its JSON) or "
                 "MmCows' frames are expected",
                 path, named ? " of the format \"" : "", named ? wanted : "", named ? "\"" : "");
    return FALSE;
  }
  if (!formats[format].read (self, file, split, error))
    return FALSE;
  dataset_draft_note (&self->common, "%s: %s, %u frame%s", file, formats[format].name,
                      self->frames->frames->len - first,
                      words_s (self->frames->frames->len - first));
  return TRUE;
}

/* Reads a folder whose folders train, val and test hold a set each; *divided: whether it is one. */
static gboolean
read_divided (FramesDraft *self, const char *folder, gboolean *divided, GError **error)
{
  g_autoptr (GPtrArray) names = scan_folder_names (folder);

  *divided = FALSE;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    for (guint i = 0; i < names->len; i++) {
      g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
      CowSplit named;
      if (!cow_split_parse (names->pdata[i], &named) || named != split)
        continue;
      *divided = TRUE;
      if (!read_input (self, path, split, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_data (FramesDraft *self, const char *path, GError **error)
{
  g_autofree char *file = NULL;
  gboolean divided = FALSE;
  Format format;

  if (!cow_path_exists (path)) {
    cow_path_explain_absent (path, error);
    return FALSE;
  }
  if (!recognize (self, path, &format, &file, error))
    return FALSE;
  self->may_divide = TRUE;
  /* A folder of three parts that itself has a file is what that says. */
  if ((!file || (format == YOLO && g_str_equal (file, path))) && cow_path_is_folder (path) &&
      !read_divided (self, path, &divided, error))
    return FALSE;
  const gboolean ok = divided || read_input (self, path, COW_TRAIN, error);
  self->may_divide = FALSE;
  return ok;
}

/* Options that mean something for pictures with classes alone. */
static gboolean
check_options (const CowFramesOptions *options, GError **error)
{
  const CowDatasetOptions *set = &options->set;
  const char *odd = set->path_column     ? "--path-column"
                    : set->label_column  ? "--label-column"
                    : set->source_column ? "--source-column"
                    : set->prefixes      ? "--prefix"
                    : set->multiple      ? "--multi-label"
                                         : NULL;

  if (odd)
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s does not go with frames and boxes", odd);
  else if (!set->data && !set->train && !set->val && !set->test)
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT,
                         "no frames given: --data PATH, a file or folder of COCO, YOLO, CVAT, "
                         "Label Studio or MmCows");
  else if (!(set->val_fraction >= 0 && set->test_fraction >= 0 &&
             set->val_fraction + set->test_fraction <= .9))
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "--val-fraction %g and --test-fraction %g: 0 to 0.9 together is expected",
                 set->val_fraction, set->test_fraction);
  else
    return TRUE;
  return FALSE;
}

static gboolean
read_inputs (FramesDraft *self, GError **error)
{
  const CowDatasetOptions *options = &self->options->set;
  const char *given[COW_N_SPLITS] = { options->train, options->val, options->test };

  if (!check_options (self->options, error) || !check_format (self, error) ||
      (options->data && !read_data (self, options->data, error)))
    return FALSE;
  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++) {
    if (!given[split])
      continue;
    if (!cow_path_exists (given[split])) {
      cow_path_explain_absent (given[split], error);
      return FALSE;
    }
    if (!read_input (self, given[split], split, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- behaviours ------------------------------------------------------------------------------ */

/*
 * Lists of the COCO data set's categories come with people, dogs and cars in them. Which boxes are
 * of no cow only whoever made the data can say, but they would all be learnt as cows. `place`
 * [labels] are the classes of labels.
 */
static void
find_others (FramesDraft *self, const int *place)
{
  const CowDataset *common = self->common.set;
  const CowFrames *frames = self->frames;
  g_autofree guint *counts = g_new0 (guint, common->n_classes + 1);

  for (guint i = 0; i < frames->boxes->len; i++) {
    const int label = g_array_index (frames->boxes, CowFrameBox, i).behaviour;
    if (label >= 0)
      counts[place[label]]++;
  }
  for (guint c = 0; c < common->n_classes; c++)
    if (counts[c] > 0 && coco_names_is_other (common->classes[c]))
      g_ptr_array_add (frames->others, g_strdup_printf ("\"%s\" (%u box%s)", common->classes[c],
                                                        counts[c], words_of (counts[c], "", "es")));
  if (frames->others->len == 0 || self->options->set.keep_absent)
    return;
  g_autoptr (GPtrArray) names = g_ptr_array_copy (frames->others, NULL, NULL);
  g_ptr_array_set_free_func (names, NULL);
  g_ptr_array_add (names, NULL);
  g_autofree char *list = g_strjoinv (", ", (char **)names->pdata);
  dataset_draft_warn (&self->common,
                      "%s: no behaviour of cows, and as they stand they are taken for cows; take "
                      "these categories out",
                      list);
}

/* Replaces labels by behaviours. One label alone tells nothing but that there is a cow. */
static gboolean
number_behaviours (FramesDraft *self, GError **error)
{
  CowDataset *common = self->common.set;
  CowFrames *frames = self->frames;
  g_autofree int *place = g_new (int, self->common.labels->len + 1);

  if (!dataset_classes_find (&self->common, place, error))
    return FALSE;
  find_others (self, place);
  const gboolean none = common->n_classes < 2;
  guint n_unknown = 0;
  for (guint i = 0; i < frames->boxes->len; i++) {
    CowFrameBox *box = &g_array_index (frames->boxes, CowFrameBox, i);
    box->behaviour = none || box->behaviour < 0 ? -1 : place[box->behaviour];
    n_unknown += box->behaviour < 0;
  }
  if (common->n_classes == 1)
    dataset_draft_note (&self->common, "\"%s\" is the only category, and so no behaviour",
                        common->classes[0]);
  frames->classes = none ? g_new0 (char *, 1) : g_strdupv (common->classes);
  frames->n_classes = none ? 0 : common->n_classes;
  if (none)
    dataset_draft_note (&self->common, "boxes without behaviours");
  else if (n_unknown > 0)
    dataset_draft_warn (&self->common,
                        "%u of %u boxes tell%s no behaviour: they are of cows, and teach nothing "
                        "of behaviours",
                        n_unknown, frames->boxes->len, words_of (n_unknown, "s", ""));
  return TRUE;
}

static void
keep_identities (FramesDraft *self)
{
  CowFrames *frames = self->frames;

  frames->n_identities = self->identities->len;
  frames->identities = g_new0 (char *, self->identities->len + 1);
  for (guint i = 0; i < self->identities->len; i++)
    frames->identities[i] = g_strdup (self->identities->pdata[i]);
}

/* ---- splits ---------------------------------------------------------------------------------- */

/* The frames as pictures that show the behaviours of their boxes, or just cows, for those who
 * divide pictures. */
static void
make_samples (FramesDraft *self)
{
  static const char *const plain[] = { "cow", NULL };
  CowDataset *common = self->common.set;
  const CowFrames *frames = self->frames;
  const guint n = MAX (frames->n_classes, 1);
  const char *const *classes = frames->n_classes > 0 ? (const char *const *)frames->classes : plain;
  g_autofree guint8 *shown = g_new (guint8, n);

  common->n_classes = n;
  common->sets = cow_label_sets_new (n);
  for (guint i = 0; i < frames->frames->len; i++) {
    const CowFrame *frame = cow_frames_get (frames, i);
    const CowFrameBox *boxes = cow_frames_boxes (frames, frame);
    memset (shown, 0, n);
    for (guint k = 0; k < frame->n_boxes; k++)
      if (boxes[k].behaviour >= 0 || frames->n_classes == 0)
        shown[MAX (boxes[k].behaviour, 0)] = 1;
    const CowSample sample = { .path = frame->path,
                               .source = frame->source,
                               .group = frame->group,
                               .split = frame->split,
                               .label = (int)cow_label_sets_add (common->sets, classes, shown) };
    g_array_append_val (common->samples, sample);
  }
}

static gboolean
has_split (const CowFrames *self, CowSplit split)
{
  for (guint i = 0; i < self->frames->len; i++)
    if (cow_frames_get (self, i)->split == split)
      return TRUE;
  return FALSE;
}

static void
divide (FramesDraft *self)
{
  const CowDatasetOptions *options = &self->options->set;
  CowFrames *frames = self->frames;
  const double val = has_split (frames, COW_VAL) ? 0 : options->val_fraction,
               test = has_split (frames, COW_TEST) ? 0 : options->test_fraction;

  frames->divided = has_split (frames, COW_TRAIN) && val + test > 0;
  if (frames->divided) {
    make_samples (self);
    dataset_divide (&self->common, val, test);
    for (guint i = 0; i < frames->frames->len; i++)
      g_array_index (frames->frames, CowFrame, i).split =
          cow_dataset_sample (self->common.set, i)->split;
  }
  for (guint i = 0; i < frames->frames->len; i++)
    g_array_append_val (frames->splits[cow_frames_get (frames, i)->split], i);
}

/* Groups on both sides although the data came divided. */
static void
warn_of_torn_groups (FramesDraft *self)
{
  g_autoptr (GHashTable) train = g_hash_table_new (g_str_hash, g_str_equal),
                         torn = g_hash_table_new (g_str_hash, g_str_equal);
  const CowFrames *frames = self->frames;

  if (self->options->set.keep_absent)
    return;
  for (guint i = 0; i < frames->frames->len; i++) {
    const CowFrame *frame = cow_frames_get (frames, i);
    if (frame->group && frame->split == COW_TRAIN)
      g_hash_table_add (train, (gpointer)frame->group);
  }
  for (guint i = 0; i < frames->frames->len; i++) {
    const CowFrame *frame = cow_frames_get (frames, i);
    if (frame->group && frame->split != COW_TRAIN && g_hash_table_contains (train, frame->group))
      g_hash_table_add (torn, (gpointer)frame->group);
  }
  const guint n = g_hash_table_size (torn);
  if (n > 0)
    dataset_draft_warn (&self->common,
                        "%u of %u group%s (%s) %s in training and in validation or test: results "
                        "will look better than they are",
                        n, g_hash_table_size (train), words_s (g_hash_table_size (train)),
                        frames->grouped_by, words_of (n, "is", "are"));
}

/* Whether anything was kept together as --group-by asks. */
static gboolean
check_groups (FramesDraft *self, GError **error)
{
  const char *group_by = self->options->set.group_by;
  const CowFrames *frames = self->frames;
  guint n = 0;

  for (guint i = 0; i < frames->frames->len; i++)
    n += cow_frames_get (frames, i)->group != NULL;
  if (n > 0)
    dataset_draft_grouped_by (&self->common, group_by ? group_by : "recording");
  if (n > 0 || !group_by || g_str_equal (group_by, "none"))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "--group-by %s: no frame says that; frames are kept together by name, folder, "
               "source or none, of COCO also by a member of its images, of MmCows by session or "
               "camera",
               group_by);
  return FALSE;
}

/* ---- the set --------------------------------------------------------------------------------- */

static gboolean
check_any (FramesDraft *self, GError **error)
{
  const FramesTally *absent = &self->tally[FRAMES_ABSENT];
  const CowDatasetOptions *options = &self->options->set;

  if (self->frames->frames->len == 0 && absent->n > 0)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: the picture is not there, nor any of %u; --images FOLDER says where they are",
                 absent->place, absent->n);
  else if (self->frames->frames->len == 0)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s has no frames",
                 options->data ? options->data : "what is given");
  else if (self->frames->boxes->len == 0)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: none of %u frames has a box that can be used",
                 options->data ? options->data : "what is given", self->frames->frames->len);
  else
    return TRUE;
  return FALSE;
}

static void
keep_passed (FramesDraft *self)
{
  g_autofree char *text = scan_passed_text (self->common.scan->passed);

  if (text)
    dataset_draft_warn (&self->common, "%s", text);
  self->frames->passed = g_ptr_array_ref (self->common.scan->passed);
}

static gboolean
finish (FramesDraft *self, GError **error)
{
  frames_draft_tell (self);
  if (!check_any (self, error) || !number_behaviours (self, error) || !check_groups (self, error))
    return FALSE;
  keep_identities (self);
  divide (self);
  self->frames->grouped_by = g_strdup (self->common.set->grouped_by);
  warn_of_torn_groups (self);
  keep_passed (self);
  return TRUE;
}

CowFrames *
cow_frames_open (const CowFramesOptions *options, GError **error)
{
  g_autoptr (CowFrames) frames = g_new0 (CowFrames, 1);

  frames->frames = g_array_new (FALSE, FALSE, sizeof (CowFrame));
  frames->boxes = g_array_new (FALSE, FALSE, sizeof (CowFrameBox));
  frames->warnings = g_ptr_array_new_with_free_func (g_free);
  frames->others = g_ptr_array_new_with_free_func (g_free);
  frames->oddities = g_array_new (FALSE, FALSE, sizeof (CowFrameOddity));
  frames->notes = g_ptr_array_new_with_free_func (g_free);
  frames->strings = g_string_chunk_new (1 << 16);
  for (guint i = 0; i < COW_N_SPLITS; i++)
    frames->splits[i] = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (FramesDraft) draft = frames_draft_new (options, frames);
  if (!read_inputs (draft, error) || !finish (draft, error))
    return NULL;
  return g_steal_pointer (&frames);
}
