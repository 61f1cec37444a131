/* SPDX-License-Identifier: MIT */
/* `cow-trainer crop`: pictures of cows out of recordings, for people to label and to train on. */
#include "trainer/cli/cut-videos.h"
#include "trainer/cli/verb.h"
#include "trainer/host/stop.h"

static const VerbHelp help = {
  "VIDEO...",
  "Cuts pictures of cows out of recordings, to label and to train on.",
  "Examples:\n"
  "  cow-trainer crop barn.mp4 --zones \"trough=0.4,0.5,0.2,0.3; bed=0,0,0.4,1\" --out barn\n"
  "  cow-trainer crop barn.mp4 --boxes barn-tracks.txt --every 30 --out barn\n"
  "  cow-trainer crop barn.mp4 --bouts scored.csv --out barn   labelled already\n"
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
  "no label yet. Another run adds what is missing and leaves labels and pictures as they are.\n"
  "\n"
  "--bouts names a table of what cows did: label, start and end in seconds (or time alone), and\n"
  "where there are several, video (or source), zone and track; annotate's bouts.csv is one. "
  "Pictures\n"
  "are then taken during bouts, of each one at least, and have its label; a row without zone and\n"
  "track is about all of them.",
};

typedef struct {
  VideoCutting cutting;
  char *out;
  int most;
  char **arguments;
} Options;

static void
options_clear (Options *self)
{
  video_cutting_clear (&self->cutting);
  g_free (self->out);
  g_strfreev (self->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
check_options (Options *self, GError **error)
{
  if (self->most < 1)
    return verb_usage (error, "--most %d: at least 1 is expected", self->most);
  if (!video_cutting_open (&self->cutting, self->arguments, error))
    return FALSE;
  if (!self->out)
    self->out = video_arguments_folder (self->arguments[0], "crops");
  return TRUE;
}

gboolean
verb_crop (int argc, char **argv, GError **error)
{
  g_auto (Options) options = { .cutting = { .every = CUT_VIDEOS_EVERY }, .most = CUT_VIDEOS_MOST };
  g_autoptr (GArray) entries = verb_entries_new ();
  const GOptionEntry own[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
      "Folder that gets pictures and table (the first recording's name and -crops)", "FOLDER" },
    VIDEO_ARGUMENTS_ZONES (options.cutting.zones_text),
    VIDEO_ARGUMENTS_BOXES (options.cutting.boxes_paths, 'b'),
    VIDEO_ARGUMENTS_BOUTS (options.cutting.bouts_path),
    VIDEO_ARGUMENTS_EVERY (options.cutting.every, "10"),
    { "most", 'm', 0, G_OPTION_ARG_INT, &options.most,
      "Most pictures of a recording; they are taken further apart for it (2000)", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.arguments, NULL, NULL },
  };

  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  if (!verb_parse (&help, (const GOptionEntry *)entries->data, argc, argv, error) ||
      !check_options (&options, error))
    return FALSE;
  stop_install ();
  return cut_videos (&options.cutting, options.out, (guint)options.most, FALSE, error);
}
