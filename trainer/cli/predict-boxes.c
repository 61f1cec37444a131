/* SPDX-License-Identifier: MIT */
#include "trainer/cli/predict-boxes.h"

#include <math.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#include "model/files/file-writer.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/verb.h"
#include "trainer/data/pictures.h"
#include "trainer/host/progress.h"
#include "trainer/host/words.h"

#define LINE_PX 2
#define QUALITY 90

typedef struct {
  const PredictBoxes *options;
  GPtrArray *pictures; /* of paths */
  CowClassifier *classifier;
  CowPreparer *preparer;
  FoundBoxes *rows;
  float *pixels;
  GArray *found; /* of CowDetection */
  Progress *progress;
  double least; /* score */
  guint n_unreadable, n_remarks;
  guint64 n_boxes;
} Job;

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->progress, progress_free);
  g_clear_pointer (&self->rows, found_boxes_free);
  g_clear_pointer (&self->preparer, cow_preparer_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->found, g_array_unref);
  g_free (self->pixels);
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
job_open (Job *self, const PredictBoxes *options, GError **error)
{
  FoundBoxesFormat format;

  self->options = options;
  if (!choose_format (options, &format, error) ||
      !(self->pictures = picture_arguments (options->pictures, error)) ||
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
  self->rows = found_boxes_new (format, options->out, error);
  return self->rows != NULL;
}

/* ---- drawn pictures -------------------------------------------------------------------------- */

/* A horizontal or vertical stroke, as far as it is inside. */
static void
fill (Picture *picture, int x0, int y0, int x1, int y1)
{
  static const guint8 colour[3] = { 255, 196, 0 };

  for (int y = MAX (y0, 0); y < MIN (y1, picture->height); y++)
    for (int x = MAX (x0, 0); x < MIN (x1, picture->width); x++)
      memcpy (picture->rgb + 3 * ((gsize)y * (gsize)picture->width + (gsize)x), colour, 3);
}

static void
outline (Picture *picture, const CowBounds *box)
{
  const int x0 = (int)box->x, y0 = (int)box->y, x1 = (int)(box->x + box->w),
            y1 = (int)(box->y + box->h);

  fill (picture, x0, y0, x1, y0 + LINE_PX);
  fill (picture, x0, y1 - LINE_PX, x1, y1);
  fill (picture, x0, y0, x0 + LINE_PX, y1);
  fill (picture, x1 - LINE_PX, y0, x1, y1);
}

/* NAME.jpg in the folder; a second picture of the same name gets a number. */
static char *
free_name (const Job *self, const char *picture)
{
  g_autofree char *base = g_path_get_basename (picture);
  char *dot = strrchr (base, '.');

  if (dot && dot != base)
    *dot = '\0';
  char *path = g_strdup_printf ("%s/%s.jpg", self->options->drawn, base);
  for (guint i = 2; g_file_test (path, G_FILE_TEST_EXISTS); i++) {
    g_free (path);
    path = g_strdup_printf ("%s/%s-%u.jpg", self->options->drawn, base, i);
  }
  return path;
}

static gboolean
draw (const Job *self, const char *path, Picture *picture, GError **error)
{
  const gsize n = 3 * (gsize)picture->width * (gsize)picture->height;
  g_autofree char *name = free_name (self, path);
  VipsImage *image;
  void *bytes = NULL;
  size_t n_bytes;

  for (guint i = 0; i < self->found->len; i++)
    outline (picture, &g_array_index (self->found, CowDetection, i).box);
  image = vips_image_new_from_memory (picture->rgb, n, picture->width, picture->height, 3,
                                      VIPS_FORMAT_UCHAR);
  if (!image || vips_jpegsave_buffer (image, &bytes, &n_bytes, "Q", QUALITY, NULL) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s", name, vips_error_buffer ());
    vips_error_clear ();
    g_clear_object (&image);
    return FALSE;
  }
  g_object_unref (image);
  const gboolean ok = cow_bytes_write (bytes, n_bytes, name, error);
  g_free (bytes);
  return ok;
}

/* ---- a picture ------------------------------------------------------------------------------- */

/* From px of the prepared frame to those of the picture. */
static void
place_back (Job *self, const Picture *picture)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const double x = (double)picture->width / preprocess->width,
               y = (double)picture->height / preprocess->height;

  for (guint i = 0; i < self->found->len; i++) {
    CowBounds *box = &g_array_index (self->found, CowDetection, i).box;
    *box = cow_bounds_scaled (box, x, y);
  }
}

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
  place_back (self, picture);
  return TRUE;
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
  if (!find (self, &picture, error))
    return FALSE;
  self->n_boxes += self->found->len;
  if (!self->options->out)
    progress_clear (self->progress);
  return found_boxes_add (self->rows, path, picture.width, picture.height, self->found, error) &&
         (!self->options->drawn || draw (self, path, &picture, error));
}

gboolean
predict_boxes (const PredictBoxes *options, GError **error)
{
  g_auto (Job) self = { 0 };

  if (!job_open (&self, options, error))
    return FALSE;
  const guint n = self.pictures->len;
  self.progress = progress_new ("pictures", n);
  for (guint i = 0; i < n; i++) {
    if (!run_picture (&self, self.pictures->pdata[i], error))
      return FALSE;
    progress_set (self.progress, i + 1);
  }
  g_clear_pointer (&self.progress, progress_free);
  picture_remarks_end (self.n_remarks);
  if (!found_boxes_finish (self.rows, error))
    return FALSE;
  g_printerr ("%" G_GUINT64_FORMAT " cow%s in %u picture%s\n", self.n_boxes, words_s (self.n_boxes),
              n - self.n_unreadable, words_s (n - self.n_unreadable));
  if (self.n_unreadable == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%u of %u picture%s could not be read",
               self.n_unreadable, n, words_s (n));
  return FALSE;
}
