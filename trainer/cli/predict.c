/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer predict`: the behaviour in each of many pictures, and in frames of recordings,
 * through the same preprocessing and classifier as the GStreamer element. A picture that cannot be
 * read is named and left out; the others are still predicted, and the exit status says that some
 * failed.
 */
#include <math.h>
#include <unistd.h>

#include "model/network/classifier.h"
#include "trainer/cli/model-options.h"
#include "trainer/data/pictures.h"
#include "trainer/eval/predictions.h"
#include "trainer/host/progress.h"
#include "trainer/host/stop.h"
#include "trainer/host/words.h"
#include "trainer/cli/picture-arguments.h"
#include "trainer/cli/predict-boxes.h"
#include "trainer/cli/verb.h"
#include "trainer/cli/video-arguments.h"

#define USUAL_EVERY 1 /* s */

static const VerbHelp help = {
  "PICTURE|FOLDER|VIDEO...",
  "Tells the behaviour in each picture, and in frames of recordings.",
  "Examples:\n"
  "  cow-trainer predict barn/ --model dinov3-vits16 --adapter cows --format csv --out "
  "predictions.csv\n"
  "  cow-trainer predict barn.mp4 --zones \"bed=0,0,0.4,1\" --every 5 --adapter cows\n"
  "\n"
  "A folder stands for all pictures below it. table: picture, label, confidence, then the next\n"
  "likely labels; csv: image_path, pred_label, confidence, then the probability of every class;\n"
  "jsonl: the same, an object a line. Where a picture may have several labels (train\n"
  "--multi-label), label is those whose probability reaches their threshold, \"Lying|Ruminating\"\n"
  "or \"none\", and confidence the least of theirs. Pictures are prepared as the adapter's "
  "cowbehavior.json\n"
  "says. Those that cannot be read are named on standard error and left out; the exit status is\n"
  "then 1.\n"
  "\n"
  "An adapter that finds cows (train --recipe detect-frozen) gives a row a cow: image_path, x, y, "
  "width,\n"
  "height in px of the picture, score; and pred_label, confidence and probabilities where it\n"
  "was taught what cows do. coco is one JSON file of all, --pictures draws them. Where there\n"
  "are recordings rows have a time, too: a frame every second (--every).\n"
  "\n"
  "Recordings, in any container and codec that GStreamer decodes, come behind the pictures and "
  "are\n"
  "named one by one; those in folders are left out. A row is a frame, or each zone or cow in it,\n"
  "every second (--every), with the columns time (in seconds), zone and track. annotate makes "
  "bouts\n"
  "and budgets of recordings, crop pictures.",
};

typedef struct {
  ModelOptions model;
  VideoCutting cutting;
  char *format, *out, *drawn;
  double score; /* of cows in whole frames */
  int top_k;
  char **arguments;
} Options;

/* A row that waits for the network. */
typedef struct {
  const char *path; /* borrowed */
  gint64 time;      /* ns; PREDICTION_NO_TIME: a picture */
  char *zone, *track;
} Waiting;

typedef struct {
  Options *options;
  GPtrArray *pictures, *videos; /* of paths */
  CowClassifier *classifier;
  CowPreparer *preparer;
  float *pixels;  /* [batch, 3, height, width] */
  Waiting *batch; /* [batch] what is in `pixels` */
  int n;          /* how many are in the batch */
  guint n_unreadable, n_left_out, n_remarks, n_frames, n_broken;
  Predictions *predictions;
  Progress *progress; /* of pictures; NULL while a recording plays */
  const char *video;  /* that plays, borrowed */
  GMutex lock; /* of `predictions`, which the thread of frames fills and another one writes */
} Job;

/* By --format, the name of --out, or who reads. */
static gboolean
choose_format (const Options *options, PredictionFormat *format, GError **error)
{
  if (options->format)
    return prediction_format_parse (options->format, format) ||
           verb_usage (error, "--format %s: table, csv or jsonl is expected", options->format);
  if (options->out)
    *format = g_str_has_suffix (options->out, ".jsonl") ? FORMAT_JSONL : FORMAT_CSV;
  else
    *format = isatty (STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_CSV;
  return TRUE;
}

static gboolean
check_options (const Options *options, PredictionFormat *format, GError **error)
{
  if (!options->arguments)
    return verb_usage (error, "no pictures or recordings given");
  /* Without both, the demonstration's are taken. */
  if (!options->model.adapter && options->model.model)
    return verb_usage (error, "--adapter is missing: it holds the classes");
  if (options->top_k < 1)
    return verb_usage (error, "--top-k %d: at least 1 is expected", options->top_k);
  return choose_format (options, format, error);
}

/* What are recordings among the arguments; the others are pictures. */
static gboolean
sort_arguments (Job *self, GError **error)
{
  const Options *options = self->options;
  g_autoptr (GPtrArray) others = NULL;

  video_arguments_sort (options->arguments, &self->videos, &others);
  if (others->len == 0) {
    self->pictures = g_ptr_array_new ();
    return TRUE;
  }
  self->pictures = picture_arguments ((char *const *)others->pdata, error);
  if (!self->pictures)
    return FALSE;
  if (self->videos->len == 0 && video_cutting_needs (&options->cutting, USUAL_EVERY))
    return verb_usage (error, "%s is of recordings, and none is given",
                       video_cutting_needs (&options->cutting, USUAL_EVERY));
  return TRUE;
}

static gboolean
open_inputs (Job *self, GError **error)
{
  if (!sort_arguments (self, error))
    return FALSE;
  if (self->videos->len == 0)
    return TRUE;
  return video_cutting_open (&self->options->cutting, (char *const *)self->videos->pdata, error);
}

static gboolean
open_network (Job *self, GError **error)
{
  const Options *options = self->options;
  const gsize n = (gsize)options->model.batch;
  gsize bytes;

  self->classifier = model_options_open (&options->model, error);
  if (!self->classifier)
    return FALSE;
  if (!cow_classifier_has_head (self->classifier)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no head (classifier.safetensors or best_classifier.pth), so no classes",
                 cow_classifier_adapter_path (self->classifier));
    return FALSE;
  }
  self->preparer = cow_preparer_new (cow_classifier_device (self->classifier), error);
  if (!self->preparer)
    return FALSE;
  if (g_size_checked_mul (&bytes, n,
                          cow_preprocess_size (cow_classifier_preprocess (self->classifier)) *
                              sizeof (float)))
    self->pixels = g_try_malloc (bytes);
  if (!self->pixels)
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures", options->model.batch);
  self->batch = g_new0 (Waiting, n);
  return TRUE;
}

static gboolean
job_open (Job *self, PredictionFormat format, GError **error)
{
  const Options *options = self->options;
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();

  if (!open_inputs (self, error) || !open_network (self, error))
    return FALSE;
  g_ptr_array_extend (paths, self->pictures, NULL, NULL);
  g_ptr_array_extend (paths, self->videos, NULL, NULL);
  const CowCard *card = cow_classifier_card (self->classifier);
  self->predictions =
      predictions_new (format, options->out, cow_classifier_classes (self->classifier),
                       card->multiple ? card->thresholds : NULL, options->top_k, paths,
                       self->videos->len > 0, error);
  return self->predictions != NULL;
}

/* ---- a batch --------------------------------------------------------------------------------- */

/* Says why a picture has no row, which the verb's status tells at the end. */
static void
leave_out (Job *self, const GError *why)
{
  if (self->progress)
    progress_clear (self->progress);
  g_printerr ("cow-trainer: %s\n", why->message);
  self->n_left_out++;
}

/* The row of one of the batch. */
static void
add_row (Job *self, const CowOutput *output, int i)
{
  const Waiting *waiting = &self->batch[i];
  const gboolean is_frame = waiting->time != PREDICTION_NO_TIME;
  const PredictionSubject subject = {
    .path = waiting->path, .time = waiting->time, .zone = waiting->zone, .track = waiting->track
  };
  g_autofree char *name =
      is_frame ? g_strdup_printf ("%s at %.3f s", waiting->path, (double)waiting->time / 1e9)
               : g_strdup (waiting->path);
  g_autoptr (GError) not_finite = NULL;

  if (!cow_classifier_check_output (self->classifier, output, i, name, &not_finite))
    leave_out (self, not_finite);
  else
    predictions_add (self->predictions, &subject,
                     output->probabilities +
                         (gsize)i * cow_classifier_n_classes (self->classifier));
}

static void
clear_batch (Job *self)
{
  for (int i = 0; i < self->n; i++) {
    g_free (self->batch[i].zone);
    g_free (self->batch[i].track);
    self->batch[i] = (Waiting){ 0 };
  }
  self->n = 0;
}

/* The pictures that were gathered, through the network to where rows wait. */
static gboolean
run_batch (Job *self, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  CowOutput output;

  if (self->n == 0)
    return TRUE;
  if (!cow_classifier_run (self->classifier, self->pixels, self->n, preprocess->height,
                           preprocess->width, &output, error))
    return FALSE;
  g_mutex_lock (&self->lock);
  for (int i = 0; i < self->n; i++)
    add_row (self, &output, i);
  g_mutex_unlock (&self->lock);
  clear_batch (self);
  return TRUE;
}

/* The network's input of the next one of the batch. */
static float *
next_pixels (const Job *self)
{
  return self->pixels +
         (gsize)self->n * cow_preprocess_size (cow_classifier_preprocess (self->classifier));
}

static gboolean
run_full_batch (Job *self, GError **error)
{
  return self->n < self->options->model.batch || run_batch (self, error);
}

/* Writes the rows that wait; what shows progress goes off the terminal before. */
static gboolean
write_rows (Job *self, Progress *progress, GError **error)
{
  gboolean ok = TRUE;

  g_mutex_lock (&self->lock);
  if (predictions_wait (self->predictions)) {
    if (progress)
      progress_clear (progress);
    ok = predictions_flush (self->predictions, error);
  }
  g_mutex_unlock (&self->lock);
  return ok;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void
prepare_picture (Job *self, const char *path)
{
  g_autoptr (GError) unreadable = NULL;
  g_autofree char *remark = NULL;

  if (!picture_prepare (path, cow_classifier_preprocess (self->classifier), self->preparer,
                        next_pixels (self), &remark, &unreadable)) {
    leave_out (self, unreadable);
    self->n_unreadable++;
    return;
  }
  self->batch[self->n++] = (Waiting){ .path = path, .time = PREDICTION_NO_TIME };
  if (remark)
    progress_clear (self->progress);
  picture_remark (&self->n_remarks, path, remark);
}

static gboolean
run_pictures (Job *self, GError **error)
{
  gboolean ok = TRUE;

  self->progress = progress_new ("pictures", self->pictures->len);
  for (guint i = 0; i < self->pictures->len && ok; i++) {
    prepare_picture (self, self->pictures->pdata[i]);
    ok = run_full_batch (self, error) && write_rows (self, self->progress, error);
    progress_set (self->progress, i + 1);
  }
  ok = ok && run_batch (self, error) && write_rows (self, self->progress, error);
  g_clear_pointer (&self->progress, progress_free);
  picture_remarks_end (self->n_remarks);
  return ok;
}

/* ---- recordings ------------------------------------------------------------------------------ */

/* A part of a frame is a picture of its own, so that the network sees what it would see of one that
 * `crop` has cut out. */
static gboolean
on_cut (const GstVideoFrame *frame, const CowCut *cut, guint number, gint64 time, gpointer data,
        GError **error)
{
  Job *self = data;
  const gsize stride = (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);
  const guint8 *pixels = (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (frame, 0) +
                         (gsize)cut->place[1] * stride + COW_CUTTER_PIXEL * (gsize)cut->place[0];
  const CkPicture picture = { .layout = CK_RGB8,
                              .width = cut->place[2],
                              .height = cut->place[3],
                              .plane = { pixels },
                              .stride = { (gint64)stride },
                              .pixel_stride = COW_CUTTER_PIXEL,
                              .offset = { COW_CUTTER_PLACE_OF (0), COW_CUTTER_PLACE_OF (1),
                                          COW_CUTTER_PLACE_OF (2) } };

  if (!cow_preparer_run (self->preparer, cow_classifier_preprocess (self->classifier), &picture,
                         NULL, next_pixels (self), error))
    return FALSE;
  self->batch[self->n++] = (Waiting){
    .path = self->video, .time = time, .zone = g_strdup (cut->zone), .track = g_strdup (cut->track)
  };
  self->n_frames++;
  return run_full_batch (self, error);
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
  const CowCutterOptions cutting = video_cutting_of (&self->options->cutting, number, G_MAXUINT);
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
  if (!run_batch (self, error) || !write_rows (self, NULL, error))
    return FALSE;
  video_cutting_say (&self->options->cutting, number, &counts);
  return TRUE;
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

/* The exit status says that rows are missing. */
static gboolean
check_all (const Job *self, gboolean stopped, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const guint n = self->pictures->len + self->n_frames, n_videos = self->videos->len;

  if (self->n_left_out > 0)
    g_string_append_printf (text, "%u of %u picture%s could not be %s", self->n_left_out, n,
                            words_s (n),
                            self->n_unreadable == self->n_left_out ? "read" : "read or classified");
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

static gboolean
job_run (Job *self, GError **error)
{
  gboolean stopped = FALSE;

  return (self->pictures->len == 0 || run_pictures (self, error)) &&
         run_videos (self, &stopped, error) && predictions_finish (self->predictions, error) &&
         check_all (self, stopped, error);
}

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->progress, progress_free);
  g_clear_pointer (&self->predictions, predictions_free);
  g_clear_pointer (&self->preparer, cow_preparer_free);
  g_clear_pointer (&self->classifier, cow_classifier_free);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_clear_pointer (&self->videos, g_ptr_array_unref);
  clear_batch (self);
  g_free (self->pixels);
  g_free (self->batch);
  g_mutex_clear (&self->lock);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  video_cutting_clear (&self->cutting);
  g_free (self->format);
  g_free (self->out);
  g_free (self->drawn);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* ---- adapters that find cows ----------------------------------------------------------------- */

/* What is of them alone is said of the others. */
static gboolean
check_classifying (const Options *options, GError **error)
{
  if (isnan (options->score) && !options->drawn)
    return TRUE;
  return verb_usage (error,
                     "--%s is for adapters that find cows in whole frames, which this is none "
                     "of",
                     options->drawn ? "pictures" : "score");
}

static gboolean
run_boxes (Options *options, GError **error)
{
  const VideoCutting *cutting = &options->cutting;
  ModelOptions model = options->model;

  model.detects = TRUE;
  if (!options->arguments)
    return verb_usage (error, "no pictures or recordings given");
  if (cutting->zones_text || cutting->boxes_paths)
    return verb_usage (error, "%s: an adapter that finds cows reads whole frames",
                       cutting->zones_text ? "--zones" : "--boxes");
  if (!isnan (options->score) && !(options->score > 0 && options->score < 1))
    return verb_usage (error, "--score %g: a number between 0 and 1 is expected", options->score);
  const PredictBoxes boxes = { .model = &model,
                               .arguments = options->arguments,
                               .cutting = &options->cutting,
                               .usual_every = USUAL_EVERY,
                               .format = options->format,
                               .out = options->out,
                               .drawn = options->drawn,
                               .score = options->score };
  return predict_boxes (&boxes, error);
}

gboolean
verb_predict (int argc, char **argv, GError **error)
{
  g_auto (Options) options = {
    .model = MODEL_OPTIONS_DEFAULT, .cutting = { .every = USUAL_EVERY }, .score = NAN, .top_k = 3
  };
  g_auto (Job) job = { .options = &options };
  PredictionFormat format;
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format,
      "table, csv, jsonl, of boxes coco too (table on a terminal, else csv)", "FORMAT" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "Write to a file, not to standard output",
      "FILE" },
    { "top-k", 'k', 0, G_OPTION_ARG_INT, &options.top_k,
      "How many of the likeliest labels to list (3)", "K" },
    { "score", 0, 0, G_OPTION_ARG_DOUBLE, &options.score,
      "Adapters that find cows: the least score that is told (the card's, 0.3)", "P" },
    { "pictures", 0, 0, G_OPTION_ARG_FILENAME, &options.drawn,
      "Adapters that find cows: draw them into pictures there", "FOLDER" },
    VIDEO_ARGUMENTS_ZONES (options.cutting.zones_text),
    VIDEO_ARGUMENTS_BOXES (options.cutting.boxes_paths, 0),
    VIDEO_ARGUMENTS_EVERY (options.cutting.every, "1"),
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error))
    return FALSE;
  if (model_options_detects (&options.model))
    return run_boxes (&options, error);
  return check_classifying (&options, error) && check_options (&options, &format, error) &&
         job_open (&job, format, error) && job_run (&job, error);
}
