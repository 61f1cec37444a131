/* SPDX-License-Identifier: MIT */
/*
 * `cow-trainer annotate`: what the cows in recordings do, from when to when and how long, as tables
 * and as files of the programs that people score videos with.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "cow-build.h"
#include "trainer/cli/model-options.h"
#include "trainer/cli/verb.h"
#include "trainer/cli/video-arguments.h"
#include "trainer/data/file-names.h"
#include "trainer/host/folder-lock.h"
#include "trainer/host/stop.h"
#include "trainer/host/words.h"
#include "trainer/video/outputs.h"
#include "trainer/video/resume.h"

#define USUAL_RATE    5
#define CUT           G_GINT64_CONSTANT (2000000000) /* ns; an end before it is one too early */
#define MOST_SUBJECTS 20                             /* that the terminal shows of a recording */

static const VerbHelp help = {
  "VIDEO... [PROPERTY=VALUE...]",
  "Tells what the cows in recordings do, from when to when, and how long.",
  "Examples:\n"
  "  cow-trainer annotate barn.mp4 --model dinov3-vits16-nf4 --adapter cows \\\n"
  "    --zones \"trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1\" --start-time 2026-11-29T06:00:00\n"
  "  cow-trainer annotate monday/*.mkv --out monday-cows smoothing=majority\n"
  "\n"
  "Any container and codec that GStreamer decodes. Without --zones, --boxes and --detector the "
  "whole\n"
  "frame is one subject; a PROPERTY is one of the element cowbehavior (gst-inspect-1.0 "
  "cowbehavior).\n"
  "The folder --out gets, for all recordings:\n"
  "  events.csv, events.jsonl  a row for each classification\n"
  "  bouts.csv                 a row for each time that somebody did something\n"
  "  budget.csv                seconds of each label by zone or cow and hour; what was observed\n"
  "  budget.png, budget.svg    the same, drawn\n"
  "  bouts.boris               a BORIS project; NAME.eaf, for each recording, is for ELAN\n"
  "With --start-time rows tell the time of day; of several recordings it is the first one's, and\n"
  "each begins where the one before ended. Between two classifications a label stays, a pause in\n"
  "the recording counts as 5 s. Ctrl-C keeps what was seen. The same command goes\n"
  "on with a run that did not end, which --out keeps in unfinished/ until then. A labelled copy "
  "is\n"
  "file.sh's --mp4.\n"
  "\n"
  "Environment: GST_PLUGIN_PATH, COWBEHAVIOR_PATH, COWBEHAVIOR_CPU.",
};

typedef struct {
  ModelOptions model;
  char *out, *zones, *detector, *start_text;
  double rate;
  char **boxes_paths, **arguments;
  GPtrArray *boxes;      /* of CowBoxes, one a video, or none */
  GDateTime *start;      /* or NULL */
  GPtrArray *videos;     /* of char *, borrowed */
  GPtrArray *properties; /* of char *, borrowed; ends with NULL */
} Options;

typedef struct {
  const Options *options;
  int lock; /* of the folder that is filled */
  CowJournal *journal;
  CowVideoOutputs *outputs; /* NULL before the first frame */
  GHashTable *names;        /* of sources */
  GDateTime *start;         /* of the recording that plays */
  CowVideoSource source;
  CowObservation *seen; /* of that; NULL before its first frame */
  guint n_broken;
} Job;

static void
options_clear (Options *self)
{
  model_options_clear (&self->model);
  g_free (self->out);
  g_free (self->zones);
  g_free (self->detector);
  g_free (self->start_text);
  g_strfreev (self->boxes_paths);
  g_strfreev (self->arguments);
  g_clear_pointer (&self->boxes, g_ptr_array_unref);
  g_clear_pointer (&self->start, g_date_time_unref);
  g_clear_pointer (&self->videos, g_ptr_array_unref);
  g_clear_pointer (&self->properties, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
job_clear (Job *self)
{
  g_clear_pointer (&self->journal, cow_journal_free);
  g_clear_pointer (&self->outputs, cow_video_outputs_free);
  g_clear_pointer (&self->names, g_hash_table_unref);
  g_clear_pointer (&self->start, g_date_time_unref);
  g_clear_pointer (&self->seen, cow_observation_free);
  folder_unlock (self->options->out, self->lock);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

/* ---- the command line ------------------------------------------------------------------------ */

/* "2026-11-29T06:00:00+01:00"; seconds and zone may be left out, and a space is as good as the T.
 */
static gboolean
read_start (Options *self, GError **error)
{
  g_autofree char *text = g_strdup (self->start_text), *longer = NULL;
  g_autoptr (GTimeZone) local = g_time_zone_new_local ();

  if (!text)
    return TRUE;
  g_strdelimit (text, " ", 'T');
  longer = g_strconcat (text, ":00", NULL);
  self->start = g_date_time_new_from_iso8601 (text, local);
  if (!self->start)
    self->start = g_date_time_new_from_iso8601 (longer, local);
  return self->start ||
         verb_usage (error, "--start-time %s: a time as 2026-11-29T06:00:00 is expected",
                     self->start_text);
}

/* NAME=VALUE where there is no file of that name. */
static gboolean
is_property (const char *word)
{
  const gsize n = strspn (word, "abcdefghijklmnopqrstuvwxyz-");

  return n > 0 && word[n] == '=' && !g_file_test (word, G_FILE_TEST_EXISTS);
}

static gboolean
sort_arguments (Options *self, GError **error)
{
  self->videos = g_ptr_array_new ();
  self->properties = g_ptr_array_new ();
  for (char **word = self->arguments; word && *word; word++)
    g_ptr_array_add (is_property (*word) ? self->properties : self->videos, *word);
  g_ptr_array_add (self->properties, NULL);
  if (self->videos->len == 0)
    return verb_usage (error, "no recording given");
  return video_arguments_check (self->videos, error);
}

static gboolean
check_options (Options *self, GError **error)
{
  CowPrecision precision;

  if (!sort_arguments (self, error) || !read_start (self, error) ||
      !model_options_precision (self->model.precision, &precision, error))
    return FALSE;
  if (!self->model.adapter && self->model.model)
    return verb_usage (error, "--adapter is missing: it holds the classes");
  if (!(self->rate >= 0 && self->rate <= 1000))
    return verb_usage (error, "--rate %g: 0 to 1000 is expected", self->rate);
  for (guint i = 0; i + 1 < self->properties->len; i++)
    if (g_str_has_prefix (self->properties->pdata[i], "inference-interval="))
      self->rate = 0;
  if (!self->out)
    self->out = video_arguments_folder (self->videos->pdata[0], "cows");
  if (self->boxes_paths && (self->detector || self->zones))
    return verb_usage (error, "--boxes goes with neither --zones nor --detector");
  self->boxes = video_arguments_boxes (self->boxes_paths, self->videos, error);
  return self->boxes && model_options_find (&self->model, error);
}

/* ---- a run that did not end ------------------------------------------------------------------ */

/* "SIZE MTIME" of a file, by which another one of its name is told from it; g_free. */
static char *
state_of (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 ? g_strdup_printf ("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                                                      (gint64)info.st_size, (gint64)info.st_mtime)
                                   : g_strdup ("");
}

static void
add_files (JsonObject *settings, const char *name, gpointer *paths, guint n)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < n; i++) {
    g_autofree char *absolute = g_canonicalize_filename (paths[i], NULL),
                    *text = file_name_text (absolute), *state = state_of (paths[i]);
    json_array_add_string_element (array, text);
    json_array_add_string_element (array, state);
  }
  json_object_set_array_member (settings, name, array);
}

static void
add_text (JsonObject *settings, const char *name, const char *value)
{
  json_object_set_string_member (settings, name, value ? value : "");
}

/* Of a text that may hold a login, what tells it from another one is enough. */
static void
add_sum (JsonObject *settings, const char *name, const char *value)
{
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, value ? value : "", -1);

  add_text (settings, name, sum);
}

/* All that decides what the files hold. */
static JsonObject *
describe_run (const Options *options, GError **error)
{
  g_autofree char *network = model_options_fingerprint (&options->model, error);
  g_autofree char *start = options->start ? g_date_time_format_iso8601 (options->start) : NULL,
                  *properties = g_strjoinv (" ", (char **)options->properties->pdata);
  JsonObject *settings;

  if (!network)
    return NULL;
  settings = json_object_new ();
  add_text (settings, "version", COW_VERSION);
  add_files (settings, "recordings", options->videos->pdata, options->videos->len);
  add_files (settings, "boxes", (gpointer *)options->boxes_paths, options->boxes->len);
  add_text (settings, "network", network);
  add_text (settings, "device", options->model.device);
  add_text (settings, "precision", options->model.precision);
  add_text (settings, "zones", options->zones);
  add_sum (settings, "detector", options->detector);
  add_text (settings, "start-time", start);
  add_sum (settings, "properties", properties);
  json_object_set_double_member (settings, "rate", options->rate);
  return settings;
}

static gboolean
open_journal (Job *self, GError **error)
{
  g_autoptr (JsonObject) settings = describe_run (self->options, error);
  g_autofree char *said = NULL;

  if (settings)
    self->journal = cow_journal_open (self->options->out, settings, &said, error);
  if (said)
    g_printerr ("cow-trainer: %s\n", said);
  return self->journal != NULL;
}

/* ---- what a recording gives ------------------------------------------------------------------ */

/* Full hours begin when the clock says so. */
static gint64
after_the_hour (GDateTime *start)
{
  return start ? (g_date_time_get_minute (start) * 60 + g_date_time_get_second (start)) *
                         G_GINT64_CONSTANT (1000000000) +
                     g_date_time_get_microsecond (start) * 1000
               : 0;
}

static gboolean
on_begin (const char *const *classes, double fps, gpointer data, GError **error)
{
  Job *self = data;

  self->source.fps = fps;
  self->seen = cow_observation_new (classes, after_the_hour (self->start));
  if (!self->outputs)
    self->outputs = cow_video_outputs_new (self->options->out, classes, error);
  return self->outputs != NULL;
}

static gboolean
on_seen (const CowSubjectName *who, gint64 time, gint64 duration, const char *label,
         double confidence, gboolean fresh, gpointer data, GError **error)
{
  Job *self = data;

  cow_observation_add (self->seen, who, time, duration, label, confidence);
  return !fresh || cow_video_outputs_event (self->outputs, &self->source, who, time, label,
                                            confidence, error);
}

/* The file's name, or with a number behind it where another file has it. */
static const char *
name_source (Job *self, const char *path)
{
  g_autofree char *base = g_path_get_basename (path), *text = file_name_text (base);
  char *name = g_strdup (text);

  for (guint i = 2; g_hash_table_contains (self->names, name); i++) {
    g_free (name);
    name = g_strdup_printf ("%s-%u", text, i);
  }
  g_hash_table_add (self->names, name);
  return name;
}

/* ---- the terminal ---------------------------------------------------------------------------- */

/* "Lying 62.1 %, Standing 30.0 %", the longest first. */
static char *
shares_text (const CowObservation *seen, guint subject, gint64 whole)
{
  g_autofree gint64 *ns = g_new (gint64, seen->labels->len);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < seen->labels->len; i++)
    ns[i] = cow_observation_total (seen, subject, i);
  for (;;) {
    guint best = 0;
    for (guint i = 1; i < seen->labels->len; i++)
      if (ns[i] > ns[best])
        best = i;
    if (ns[best] <= 0)
      break;
    g_string_append_printf (text, "%s%s %.1f %%", text->len > 0 ? ", " : "",
                            (const char *)seen->labels->pdata[best],
                            100 * (double)ns[best] / (double)whole);
    ns[best] = 0;
  }
  return g_string_free (text, FALSE);
}

static void
print_summary (const CowVideoSource *source, const CowObservation *seen)
{
  g_autofree char *length = words_clock ((double)source->length / 1e9);
  guint wide = 0;

  g_print ("%s: %s, %u bout%s\n", source->source, length, seen->bouts->len,
           words_s (seen->bouts->len));
  for (guint i = 0; i < MIN (seen->subjects->len, MOST_SUBJECTS); i++)
    wide = MAX (wide, words_columns (((const CowSubject *)seen->subjects->pdata[i])->name));
  for (guint i = 0; i < MIN (seen->subjects->len, MOST_SUBJECTS); i++) {
    const CowSubject *subject = seen->subjects->pdata[i];
    const gint64 whole = cow_observation_total (seen, i, G_MAXUINT);
    g_autofree char *observed = words_clock ((double)whole / 1e9),
                    *shares = shares_text (seen, i, whole);
    g_print ("  %s%*s  %8s  %s\n", subject->name, (int)(wide - words_columns (subject->name)), "",
             observed, shares);
  }
  if (seen->subjects->len > MOST_SUBJECTS)
    g_print ("  and %u more, in budget.csv\n", seen->subjects->len - MOST_SUBJECTS);
}

/* ---- recordings ------------------------------------------------------------------------------ */

/* What was seen of it is kept, whatever ended it. */
static gboolean
keep (Job *self, GError **error)
{
  if (!self->seen)
    return TRUE;
  cow_observation_close (self->seen);
  if (!cow_video_outputs_recording (self->outputs, &self->source, self->seen, error))
    return FALSE;
  print_summary (&self->source, self->seen);
  return TRUE;
}

/* Says what kept a recording from being seen to its end. */
static void
judge (Job *self, const char *path, const CowRecordingEnd *end, const GError *why)
{
  g_autofree char *found = words_clock ((double)end->end / 1e9),
                  *length = words_clock ((double)end->length / 1e9);

  if (why)
    g_printerr ("cow-trainer: %s%s\n", why->message,
                self->seen ? "; what came before is kept" : "");
  else if (end->stopped)
    return;
  else if (!self->seen)
    g_printerr ("cow-trainer: %s: nothing was classified in %" G_GUINT64_FORMAT " frames\n", path,
                end->n_frames);
  else if (end->end + CUT < end->length)
    g_printerr ("cow-trainer: %s: ends at %s, although it should be %s long: is it cut off?\n",
                path, found, length);
  else
    return;
  self->n_broken++;
}

/* FALSE with an error where no other recording can be tried either. */
static gboolean
annotate_one (Job *self, guint number, gboolean *stopped, GError **error)
{
  static const CowPlayerSink sink = { on_begin, on_seen };
  const Options *options = self->options;
  const char *path = options->videos->pdata[number];
  const CowBoxes *boxes = options->boxes->len > 0 ? options->boxes->pdata[number] : NULL;
  const CowPlayerOptions playing = { .path = path,
                                     .boxes = boxes,
                                     .model = options->model.model,
                                     .adapter = options->model.adapter,
                                     .device = options->model.device,
                                     .precision = options->model.precision,
                                     .zones = options->zones,
                                     .detector = options->detector,
                                     .properties = (const char *const *)options->properties->pdata,
                                     .rate = options->rate };
  g_autoptr (GError) why = NULL;
  CowRecordingEnd end;

  self->source =
      (CowVideoSource){ .path = path, .source = name_source (self, path), .start = self->start };
  g_clear_pointer (&self->seen, cow_observation_free);
  cow_resume_play (self->journal, number, &playing, &sink, self, &end, &why);
  *stopped = end.stopped;
  self->source.length = end.end;
  if (why && !g_error_matches (why, COW_ERROR, COW_ERROR_FORMAT)) {
    g_propagate_error (error, g_steal_pointer (&why));
    return FALSE;
  }
  judge (self, path, &end, why);
  const gboolean kept = keep (self, error);
  if (self->start) {
    g_autoptr (GDateTime) before = self->start;
    self->start = g_date_time_add (before, (end.end + 500) / 1000);
  }
  return kept;
}

static gboolean
annotate (Job *self, GError **error)
{
  const GPtrArray *videos = self->options->videos;
  gboolean stopped = FALSE;

  self->lock = folder_lock (self->options->out, error);
  if (self->lock < 0 || !open_journal (self, error))
    return FALSE;
  for (guint i = 0; i < videos->len && !stopped; i++)
    if (!annotate_one (self, i, &stopped, error))
      return FALSE;
  if (self->outputs) {
    if (!cow_video_outputs_finish (self->outputs, error))
      return FALSE;
    g_print ("Written: %s/events.csv, events.jsonl, bouts.csv, budget.csv, budget.png, bouts.boris "
             "(BORIS), *.eaf (ELAN)\n",
             self->options->out);
  }
  if (!stopped && !cow_journal_remove (self->journal, error))
    return FALSE;
  if (stopped)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "stopped: the files hold what was seen until then, and the same command goes on");
  else if (self->n_broken > 0)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%u of %u recording%s could not be played to the end", self->n_broken, videos->len,
                 words_s (videos->len));
  return !stopped && self->n_broken == 0;
}

gboolean
verb_annotate (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .model = MODEL_OPTIONS_DEFAULT, .rate = USUAL_RATE };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
      "Folder that is filled (the first recording's name and -cows)", "FOLDER" },
    VIDEO_ARGUMENTS_ZONES (options.zones),
    { "detector", 0, 0, G_OPTION_ARG_STRING, &options.detector,
      "Elements of a pipeline that find the cows, each of which is a subject", "ELEMENTS" },
    VIDEO_ARGUMENTS_BOXES (options.boxes_paths, 'b'),
    { "start-time", 's', 0, G_OPTION_ARG_STRING, &options.start_text,
      "When the first recording began, as 2026-11-29T06:00:00", "TIME" },
    { "rate", 'r', 0, G_OPTION_ARG_DOUBLE, &options.rate,
      "Classifications a second of each subject (5); 0: each frame", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  model_options_add_precision (&options.model, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) ||
      !check_options (&options, error))
    return FALSE;
  g_auto (Job) job = { .options = &options,
                       .lock = FOLDER_LOCK_NONE,
                       .names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                       .start = options.start ? g_date_time_ref (options.start) : NULL };
  stop_install ();
  return annotate (&job, error);
}
