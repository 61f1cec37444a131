/* SPDX-License-Identifier: MIT */
/* `cow-trainer crop`: pictures of cows out of recordings, for people to label and to train on. */
#include <math.h>

#include "gst-plugin/behavior/zones.h"
#include "trainer/cli/verb.h"
#include "trainer/cli/video-arguments.h"
#include "trainer/host/stop.h"
#include "trainer/host/words.h"
#include "trainer/video/crops.h"

#define USUAL_APART 10   /* s */
#define USUAL_MOST  2000 /* of a recording */

static const VerbHelp help = {
  "VIDEO...",
  "Cuts pictures of cows out of recordings, to label and to train on.",
  "Examples:\n"
  "  cow-trainer crop barn.mp4 --zones \"trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1\" --out barn\n"
  "  cow-trainer crop barn.mp4 --boxes barn-tracks.txt --every 30 --out barn\n"
  "\n"
  "Any container and codec that GStreamer decodes. Without --zones and --boxes a picture is the\n"
  "whole frame. MOT files have rows of frame, id, left, top, width, height; COCO files the "
  "numbers\n"
  "of frames in \"frame_id\" or in the names of their images. Frames are counted from 1 unless "
  "one\n"
  "has the number 0.\n"
  "\n"
  "The folder --out gets the pictures, in crops/, and the table crops.csv with a row for each:\n"
  "image_path, label, video, time, zone, track, area (left top width height in the frame) and\n"
  "session, which keeps pictures that are near in time on one side when training divides them.\n"
  "Fill in the labels; `check`, `train` and `eval` take the folder as --data and leave out what "
  "has\n"
  "no label yet. Another run adds what is missing and leaves labels and pictures as they are.",
};

typedef struct {
  char *out, *zones_text, **boxes_paths;
  double every;
  int most;
  char **arguments;
  GPtrArray *videos; /* of char *, borrowed */
  GPtrArray *boxes;  /* of CowBoxes, one a video, or none */
  GArray *zones;     /* of GstCowZone, or NULL */
} Options;

static void
options_clear (Options *self)
{
  g_free (self->out);
  g_free (self->zones_text);
  g_strfreev (self->boxes_paths);
  g_strfreev (self->arguments);
  g_clear_pointer (&self->videos, g_ptr_array_unref);
  g_clear_pointer (&self->boxes, g_ptr_array_unref);
  g_clear_pointer (&self->zones, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
read_zones (Options *self, GError **error)
{
  if (!self->zones_text)
    return TRUE;
  self->zones = gst_cow_zones_parse (self->zones_text, error);
  if (self->zones && self->zones->len == 0)
    return verb_usage (error, "--zones is empty");
  return self->zones != NULL;
}

static gboolean
check_options (Options *self, GError **error)
{
  self->videos = g_ptr_array_new ();
  for (char **word = self->arguments; word && *word; word++)
    g_ptr_array_add (self->videos, *word);
  if (self->videos->len == 0)
    return verb_usage (error, "no recording given");
  if (!(self->every >= 0 && self->every <= 1e6))
    return verb_usage (error, "--every %g: seconds from 0 to 1000000 are expected", self->every);
  if (self->most < 1)
    return verb_usage (error, "--most %d: at least 1 is expected", self->most);
  if (self->zones_text && self->boxes_paths)
    return verb_usage (error, "--zones and --boxes: one of them is expected");
  if (!video_arguments_check (self->videos, error) || !read_zones (self, error))
    return FALSE;
  if (!self->out)
    self->out = video_arguments_folder (self->videos->pdata[0], "crops");
  self->boxes = video_arguments_boxes (self->boxes_paths, self->videos, error);
  return self->boxes != NULL;
}

/* ---- recordings ------------------------------------------------------------------------------ */

static void
print_counts (const Options *options, const char *video, const CowCropCounts *counts)
{
  g_autofree char *name = g_path_get_basename (video),
                  *apart = g_strdup_printf ("%.6g s", (double)counts->apart / 1e9);

  g_print ("%s: %u picture%s, one in %s%s", name, counts->n_new, words_s (counts->n_new), apart,
           options->zones            ? " of each zone"
           : options->boxes->len > 0 ? " of each cow"
                                     : "");
  if (counts->apart > (gint64)llrint (options->every * 1e9))
    g_print (", which --most %d makes of --every %g", options->most, options->every);
  if (counts->n_before > 0)
    g_print ("; %u %s there already", counts->n_before, counts->n_before == 1 ? "was" : "were");
  g_print ("\n");
}

static void
say_what_is_missing (const Options *options, const char *video, const CowBoxes *boxes,
                     const CowCropCounts *counts)
{
  g_autofree char *at = words_clock ((double)counts->end.end / 1e9);

  if (counts->full)
    g_printerr (
        "cow-trainer: %s: ended at %s with the picture that is one too many for --most %d\n", video,
        at, options->most);
  if (counts->n_small > 0)
    g_printerr ("cow-trainer: %s: %u times a part of the frame was too small for a picture (16 "
                "pixels a side)\n",
                video, counts->n_small);
  if (counts->n_outside > 0)
    g_printerr ("cow-trainer: %s: %u boxes lay outside of the frame\n", video, counts->n_outside);
  if (boxes && !counts->full && !counts->end.stopped && boxes->last_frame >= counts->end.n_frames)
    g_printerr ("cow-trainer: warning: %s has %" G_GUINT64_FORMAT
                " frames, but there are boxes up to frame %" G_GUINT64_FORMAT
                " (from 0): are they of another recording?\n",
                video, counts->end.n_frames, boxes->last_frame);
}

/* FALSE with an error where no other recording can be tried either. */
static gboolean
crop_one (const Options *options, CowCropTable *table, guint number, gboolean *stopped,
          guint *n_broken, GError **error)
{
  const CowBoxes *boxes = options->boxes->len > 0 ? options->boxes->pdata[number] : NULL;
  const CowCropOptions cropping = { .folder = options->out,
                                    .video = options->videos->pdata[number],
                                    .table = table,
                                    .zones = options->zones,
                                    .boxes = boxes,
                                    .apart = (gint64)llrint (options->every * 1e9),
                                    .most = (guint)options->most };
  g_autoptr (GError) why = NULL;
  CowCropCounts counts;

  if (!cow_crops_cut (&cropping, &counts, &why)) {
    if (!g_error_matches (why, COW_ERROR, COW_ERROR_FORMAT)) {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
    g_printerr ("cow-trainer: %s\n", why->message);
    (*n_broken)++;
  }
  *stopped = counts.end.stopped;
  print_counts (options, cropping.video, &counts);
  say_what_is_missing (options, cropping.video, boxes, &counts);
  return TRUE;
}

static guint
count_unlabelled (const CowCropTable *table)
{
  guint n = 0;

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++)
    n += !*cow_crop_table_get (table, i, COW_CROP_LABEL);
  return n;
}

static gboolean
crop (const Options *options, GError **error)
{
  g_autoptr (CowCropTable) table = cow_crop_table_open (options->out, error);
  gboolean stopped = FALSE;
  guint n_broken = 0;

  if (!table)
    return FALSE;
  for (guint i = 0; i < options->videos->len && !stopped; i++)
    if (!crop_one (options, table, i, &stopped, &n_broken, error))
      return FALSE;
  if (cow_crop_table_n_rows (table) > 0)
    g_print ("%s/" COW_CROP_TABLE ": %u pictures, %u without a label\n", options->out,
             cow_crop_table_n_rows (table), count_unlabelled (table));
  if (stopped)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "stopped: the same command goes on where it ended");
  else if (n_broken > 0)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%u of %u recording%s could not be played to the end", n_broken,
                 options->videos->len, words_s (options->videos->len));
  return !stopped && n_broken == 0;
}

gboolean
verb_crop (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .every = USUAL_APART, .most = USUAL_MOST };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
      "Folder that gets pictures and table (the first recording's name and -crops)", "FOLDER" },
    { "zones", 'z', 0, G_OPTION_ARG_STRING, &options.zones_text,
      "Parts of the frame, a picture each: \"pen 1=0,0,0.5,1; pen 2=0.5,0,0.5,1\"", "ZONES" },
    VIDEO_ARGUMENTS_BOXES (options.boxes_paths),
    { "every", 'e', 0, G_OPTION_ARG_DOUBLE, &options.every,
      "Least seconds between two pictures of one zone or cow (10)", "SECONDS" },
    { "most", 'm', 0, G_OPTION_ARG_INT, &options.most,
      "Most pictures of a recording; they are taken further apart for it (2000)", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) ||
      !check_options (&options, error))
    return FALSE;
  stop_install ();
  return crop (&options, error);
}
