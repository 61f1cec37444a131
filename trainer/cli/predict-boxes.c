/* SPDX-License-Identifier: MIT */
#include "trainer/cli/predict-boxes.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "model/files/file-writer.h"
#include "model/network/argmax.h"
#include "model/network/frame-fit.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"
#include "trainer/data/pictures.h"
#include "trainer/eval/drawn-boxes.h"
#include "trainer/host/progress.h"
#include "trainer/host/stop.h"
#include "trainer/host/words.h"

typedef struct {
  const PredictBoxes *options;
  GPtrArray *pictures, *videos; /* of paths */
  CowClassifier *classifier;
  CowPreparer *preparer;
  FoundBoxes *rows;
  float *pixels;
  GArray *found;      /* of CowDetection */
  Progress *progress; /* of pictures */
  double least;       /* score */
  guint n_unreadable, n_remarks, n_frames, n_broken;
  guint64 n_boxes;
  const char *video; /* that plays, borrowed */
  GMutex lock;       /* of `rows`, which the thread of frames fills and another one writes */
} Job;

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->progress, progress_free);
  g_clear_pointer (&self->rows, found_boxes_free);
  g_clear_pointer (&self->preparer, cow_preparer_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->videos, g_ptr_array_unref);
  g_clear_pointer (&self->found, g_array_unref);
  g_free (self->pixels);
  g_mutex_clear (&self->lock);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

static gboolean
choose_format (const PredictBoxes *options, FoundBoxesFormat *format, GError **error)
{
  const char *out = options->out;

  if (options->format)
    return found_boxes_format_parse (options->format, format) ||
           verb_usage (error, "--format %s: table, csv, jsonl or coco is expected",
                       options->format);
  *format = !out ? isatty (STDOUT_FILENO) ? FOUND_BOXES_TABLE : FOUND_BOXES_CSV
            : g_str_has_suffix (out, ".jsonl") ? FOUND_BOXES_JSONL
            : g_str_has_suffix (out, ".json")  ? FOUND_BOXES_COCO
                                               : FOUND_BOXES_CSV;
  return TRUE;
}

static gboolean
open_inputs (Job *self, GError **error)
{
  VideoCutting *cutting = self->options->cutting;
  g_autoptr (GPtrArray) others = NULL;

  video_arguments_sort (self->options->arguments, &self->videos, &others);
  if (self->videos->len == 0 && video_cutting_needs (cutting, self->options->usual_every))
    return verb_usage (error, "%s is of recordings, and none is given",
                       video_cutting_needs (cutting, self->options->usual_every));
  self->pictures = others->len > 0 ? picture_arguments ((char *const *)others->pdata, error)
                                   : g_ptr_array_new ();
  if (!self->pictures)
    return FALSE;
  return self->videos->len == 0 ||
         video_cutting_open (cutting, (char *const *)self->videos->pdata, error);
}

static gboolean
job_open (Job *self, const PredictBoxes *options, GError **error)
{
  FoundBoxesFormat format;

  self->options = options;
  g_mutex_init (&self->lock);
  if (!choose_format (options, &format, error) || !open_inputs (self, error) ||
      !(self->classifier = model_options_open (options->model, error)) ||
      !(self->preparer = cow_preparer_new (cow_classifier_device (self->classifier), error)))
    return FALSE;
  self->least =
      isfinite (options->score) ? options->score : cow_classifier_least_score (self->classifier);
  self->found = g_array_new (FALSE, FALSE, sizeof (CowDetection));
  self->pixels =
      g_try_new (float, cow_preprocess_size (cow_classifier_preprocess (self->classifier)));
  if (!self->pixels)
    return cow_check (CK_NO_MEMORY, error, "a frame");
  if (options->drawn && !cow_folder_make (options->drawn, error))
    return FALSE;
  self->rows = found_boxes_new (format, options->out, self->videos->len > 0,
                                cow_classifier_behaviours (self->classifier), error);
  return self->rows != NULL;
}

/* ---- drawn pictures -------------------------------------------------------------------------- */

/* NAME.jpg in the folder, of a recording NAME-SECONDS.jpg; a second picture of the same name gets a
 * number. */
static char *
free_name (const Job *self, const FoundFrame *frame)
{
  g_autofree char *base = g_path_get_basename (frame->path), *whole = NULL;
  char *dot = strrchr (base, '.');

  if (dot && dot != base)
    *dot = '\0';
  whole = frame->time == FOUND_BOXES_NO_TIME
              ? g_strdup (base)
              : g_strdup_printf ("%s-%09.3f", base, (double)frame->time / 1e9);
  char *path = g_strdup_printf ("%s/%s.jpg", self->options->drawn, whole);
  for (guint i = 2; g_file_test (path, G_FILE_TEST_EXISTS); i++) {
    g_free (path);
    path = g_strdup_printf ("%s/%s-%u.jpg", self->options->drawn, whole, i);
  }
  return path;
}

/* What is said of each cow, "Lying 87 %"; NULL where nothing is. g_strfreev. */
static GStrv
tags_of (const Job *self)
{
  const char *const *behaviours = cow_classifier_behaviours (self->classifier);
  const guint n = cow_classifier_n_behaviours (self->classifier);
  GStrv tags = behaviours ? g_new0 (char *, self->found->len + 1) : NULL;

  for (guint i = 0; tags && i < self->found->len; i++) {
    const float *own = cow_classifier_told (self->classifier) +
                       (gsize)g_array_index (self->found, CowDetection, i).row * n;
    const guint said = cow_argmax (own, n);
    tags[i] = g_strdup_printf ("%s %.0f %%", behaviours[said], 100 * (double)own[said]);
  }
  return tags;
}

static gboolean
draw (const Job *self, const FoundFrame *frame, Picture *picture, GError **error)
{
  g_autofree char *name = free_name (self, frame);
  g_auto (GStrv) tags = tags_of (self);

  drawn_boxes_draw (picture, self->found, tags);
  return drawn_boxes_write (picture, name, error);
}

/* ---- a picture ------------------------------------------------------------------------------- */

static gboolean
find (Job *self, Picture *picture, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const CkPicture view = picture_view (picture->rgb, picture->width, picture->height);
  CowFindLimits limits = COW_FIND_LIMITS_DEFAULT;

  limits.least = (float)self->least;
  if (!cow_preparer_run (self->preparer, preprocess, &view, NULL, self->pixels, error) ||
      !cow_classifier_find (self->classifier, self->pixels, preprocess->height, preprocess->width,
                            &limits, self->found, error))
    return FALSE;
  cow_frame_fit_all_back (preprocess, picture->width, picture->height, self->found);
  return TRUE;
}

/* Finds, notes and draws. */
static gboolean
run_frame (Job *self, const char *path, gint64 time, Picture *picture, GError **error)
{
  const FoundFrame frame = { path, time, picture->width, picture->height };

  if (!find (self, picture, error))
    return FALSE;
  g_mutex_lock (&self->lock);
  self->n_boxes += self->found->len;
  found_boxes_add (self->rows, &frame, self->found, cow_classifier_told (self->classifier));
  g_mutex_unlock (&self->lock);
  return !self->options->drawn || draw (self, &frame, picture, error);
}

/* Writes the rows that wait; what shows progress goes off the terminal before. */
static gboolean
write_rows (Job *self, Progress *progress, GError **error)
{
  gboolean ok = TRUE;

  g_mutex_lock (&self->lock);
  if (found_boxes_wait (self->rows)) {
    if (progress && !self->options->out)
      progress_clear (progress);
    ok = found_boxes_flush (self->rows, error);
  }
  g_mutex_unlock (&self->lock);
  return ok;
}

static gboolean
run_picture (Job *self, const char *path, GError **error)
{
  g_auto (Picture) picture = { 0 };
  g_autoptr (GError) unreadable = NULL;

  if (!picture_read (path, &picture, &unreadable)) {
    progress_clear (self->progress);
    g_printerr ("cow-trainer: %s\n", unreadable->message);
    self->n_unreadable++;
    return TRUE;
  }
  g_autofree char *remark = picture_notes_text (&picture);
  if (remark)
    progress_clear (self->progress);
  picture_remark (&self->n_remarks, path, remark);
  return run_frame (self, path, FOUND_BOXES_NO_TIME, &picture, error) &&
         write_rows (self, self->progress, error);
}

static gboolean
run_pictures (Job *self, GError **error)
{
  gboolean ok = TRUE;

  self->progress = progress_new ("pictures", self->pictures->len);
  for (guint i = 0; i < self->pictures->len && ok; i++) {
    ok = run_picture (self, self->pictures->pdata[i], error);
    progress_set (self->progress, i + 1);
  }
  g_clear_pointer (&self->progress, progress_free);
  picture_remarks_end (self->n_remarks);
  return ok;
}

/* ---- recordings ------------------------------------------------------------------------------ */

/* A frame as a picture, which can be drawn into. */
static gboolean
copy_frame (const GstVideoFrame *frame, Picture *picture, GError **error)
{
  const guint8 *from = GST_VIDEO_FRAME_PLANE_DATA (frame, 0);
  const gsize stride = (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);

  picture->width = GST_VIDEO_FRAME_WIDTH (frame);
  picture->height = GST_VIDEO_FRAME_HEIGHT (frame);
  picture->rgb = g_try_malloc (3 * (gsize)picture->width * (gsize)picture->height);
  if (!picture->rgb)
    return cow_check (CK_NO_MEMORY, error, "a frame");
  for (int y = 0; y < picture->height; y++) {
    const guint8 *pixel = from + (gsize)y * stride;
    guint8 *rgb = picture->rgb + 3 * (gsize)y * (gsize)picture->width;
    for (int x = 0; x < picture->width; x++, pixel += COW_CUTTER_PIXEL, rgb += 3)
      for (int c = 0; c < 3; c++)
        rgb[c] = pixel[COW_CUTTER_PLACE_OF (c)];
  }
  return TRUE;
}

static gboolean
on_cut (const GstVideoFrame *frame, const CowCut *cut, guint number, gint64 time, gpointer data,
        GError **error)
{
  Job *self = data;
  g_auto (Picture) picture = { 0 };

  self->n_frames++;
  return copy_frame (frame, &picture, error) &&
         run_frame (self, self->video, time, &picture, error);
}

static gboolean
on_look (Progress *progress, gpointer data, GError **error)
{
  return write_rows (data, progress, error);
}

/* FALSE with an error where no other recording can be tried either. */
static gboolean
run_video (Job *self, guint number, gboolean *stopped, GError **error)
{
  static const CowCutterSink sink = { on_cut, on_look };
  const CowCutterOptions cutting = video_cutting_of (self->options->cutting, number, G_MAXUINT);
  g_autoptr (CowCutter) cutter = cow_cutter_new (&cutting);
  g_autoptr (GError) why = NULL;
  CowCutterCounts counts;

  self->video = cutting.path;
  if (!cow_cutter_run (cutter, &sink, self, &counts, &why)) {
    if (!g_error_matches (why, COW_ERROR, COW_ERROR_FORMAT)) {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
    g_printerr ("cow-trainer: %s\n", why->message);
    self->n_broken++;
  }
  *stopped = counts.end.stopped;
  return write_rows (self, NULL, error);
}

static gboolean
run_videos (Job *self, gboolean *stopped, GError **error)
{
  if (self->videos->len > 0)
    stop_install ();
  for (guint i = 0; i < self->videos->len && !*stopped; i++)
    if (!run_video (self, i, stopped, error))
      return FALSE;
  return TRUE;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void
say_all (const Job *self)
{
  const guint n = self->pictures->len - self->n_unreadable;
  g_autoptr (GString) text = g_string_new (NULL);

  if (self->pictures->len > 0)
    g_string_append_printf (text, "%u picture%s", n, words_s (n));
  if (self->videos->len > 0)
    g_string_append_printf (text, "%s%u frame%s of %u recording%s", text->len > 0 ? " and " : "",
                            self->n_frames, words_s (self->n_frames), self->videos->len,
                            words_s (self->videos->len));
  g_printerr ("%" G_GUINT64_FORMAT " cow%s in %s\n", self->n_boxes, words_s (self->n_boxes),
              text->str);
}

/* The exit status says that rows are missing. */
static gboolean
check_all (const Job *self, gboolean stopped, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const guint n = self->pictures->len, n_videos = self->videos->len;

  if (self->n_unreadable > 0)
    g_string_append_printf (text, "%u of %u picture%s could not be read", self->n_unreadable, n,
                            words_s (n));
  if (self->n_broken > 0)
    g_string_append_printf (text, "%s%u of %u recording%s could not be played to the end",
                            text->len > 0 ? "; " : "", self->n_broken, n_videos,
                            words_s (n_videos));
  if (stopped)
    g_string_append_printf (text, "%sstopped: rows end where it was", text->len > 0 ? "; " : "");
  if (text->len == 0)
    return TRUE;
  g_set_error_literal (error, COW_ERROR, COW_ERROR_FORMAT, text->str);
  return FALSE;
}

gboolean
predict_boxes (const PredictBoxes *options, GError **error)
{
  g_auto (Job) self = { 0 };
  gboolean stopped = FALSE;

  if (!job_open (&self, options, error) ||
      (self.pictures->len > 0 && !run_pictures (&self, error)) ||
      !run_videos (&self, &stopped, error) || !found_boxes_finish (self.rows, error))
    return FALSE;
  say_all (&self);
  return check_all (&self, stopped, error);
}
