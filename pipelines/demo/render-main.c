/* SPDX-License-Identifier: MIT */
/*
 * cow-render-barn: draws cows, so that anybody without a farm can run the whole chain from pictures
 * to a trained model to labels on a video. The pictures are drawings and look like it; what a
 * network learns from them says nothing about real cows.
 */
#include <gst/gst.h>
#include <stdlib.h>

#include "model/files/error.h"
#include "pipelines/demo/render-folder.h"
#include "pipelines/demo/render-frames.h"
#include "pipelines/demo/render-sheet.h"
#include "pipelines/demo/render-video.h"

#define SMALLEST_SIZE 16 /* pixels */
#define LARGEST_SIZE  2048
#define MOST_PICTURES 100000
#define MOST_SECONDS  3600

typedef struct {
  gint64 seed;
  int size, per_class, count, most, seconds, columns, each;
  gboolean split;
  char *style, *truth;
} Options;

static gboolean
in_range (const char *option, int value, int least, int most, GError **error)
{
  if (value >= least && value <= most)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "--%s %d, expected %d to %d", option, value,
               least, most);
  return FALSE;
}

static gboolean
find_style (const Options *options, RenderStyle *style, GError **error)
{
  for (int i = 0; i < RENDER_N_STYLES; i++)
    if (g_str_equal (options->style, render_styles[i])) {
      *style = (RenderStyle)i;
      return TRUE;
    }
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "--style \"%s\", expected day, night or mixed",
               options->style);
  return FALSE;
}

static gboolean
check (const Options *options, RenderStyle *style, GError **error)
{
  return find_style (options, style, error) &&
         in_range ("size", options->size, SMALLEST_SIZE, LARGEST_SIZE, error) &&
         in_range ("per-class", options->per_class, 1, MOST_PICTURES, error) &&
         in_range ("count", options->count, 1, MOST_PICTURES, error) &&
         in_range ("most", options->most, 1, 40, error) &&
         in_range ("seconds", options->seconds, 1, MOST_SECONDS, error) &&
         in_range ("columns", options->columns, 1, RENDER_N_BEHAVIOURS, error) &&
         in_range ("each", options->each, 1, 12, error);
}

static gboolean
parse (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options->seed,
      "Seed that cows, barns and moments depend on (1)", "N" },
    { "style", 0, 0, G_OPTION_ARG_STRING, &options->style,
      "Light: day (with dusk), night (infrared) or mixed (mixed; video: day)", "STYLE" },
    { "size", 0, 0, G_OPTION_ARG_INT, &options->size,
      "pictures, sheet: the longer side of a picture, px (96)", "PX" },
    { "per-class", 0, 0, G_OPTION_ARG_INT, &options->per_class,
      "pictures: how many of each behaviour (100)", "N" },
    { "count", 0, 0, G_OPTION_ARG_INT, &options->count, "frames: how many (100)", "N" },
    { "most", 0, 0, G_OPTION_ARG_INT, &options->most, "frames: cows in one, at most (12)", "N" },
    { "split", 0, 0, G_OPTION_ARG_NONE, &options->split,
      "pictures, frames: in train, val and test, with cows of their own", NULL },
    { "seconds", 0, 0, G_OPTION_ARG_INT, &options->seconds, "video: how long (20)", "N" },
    { "truth", 0, 0, G_OPTION_ARG_FILENAME, &options->truth, "video: write the truth as JSON lines",
      "FILE.jsonl" },
    { "columns", 0, 0, G_OPTION_ARG_INT, &options->columns, "sheet: behaviours side by side (3)",
      "N" },
    { "each", 0, 0, G_OPTION_ARG_INT, &options->each, "sheet: pictures of a behaviour (1)", "N" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("WHAT OUT");

  g_option_context_set_summary (
      context,
      "Draws cows in a barn. WHAT: pictures (OUT: folder), frames (OUT: folder), video (OUT: MP4), "
      "sheet (OUT: PNG)");
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc == 3)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "%d arguments, expected two, WHAT and OUT; see --help", *argc - 1);
  return FALSE;
}

static gboolean
draw (const char *what, const char *out, const Options *options, RenderStyle style, GError **error)
{
  const guint64 seed = (guint64)options->seed;

  if (g_str_equal (what, "pictures")) {
    const RenderFolderOptions folder = { seed, style, options->size, options->per_class,
                                         options->split };
    return render_folder_write (out, &folder, error);
  }
  if (g_str_equal (what, "frames")) {
    const RenderFramesOptions frames = { seed, style, options->count, options->most,
                                         options->split };
    return render_frames_write (out, &frames, error);
  }
  if (g_str_equal (what, "sheet")) {
    const RenderSheetOptions sheet = { seed, style, options->size, options->columns,
                                       options->each };
    return render_sheet_write (out, &sheet, error);
  }
  if (g_str_equal (what, "video")) {
    const RenderVideoOptions video = { seed,
                                       style == RENDER_STYLE_NIGHT ? RENDER_NIGHT : RENDER_DAY,
                                       options->seconds, options->truth };
    return render_video_write (out, &video, error);
  }
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "\"%s\" is unknown, expected pictures, frames, video or sheet", what);
  return FALSE;
}

int
main (int argc, char **argv)
{
  Options options = { .seed = 1,
                      .size = 96,
                      .per_class = 100,
                      .count = 100,
                      .most = 12,
                      .seconds = 20,
                      .columns = 3,
                      .each = 1,
                      .style = g_strdup ("mixed") };
  g_autoptr (GError) error = NULL;
  RenderStyle style = RENDER_STYLE_MIXED;
  const gboolean done = parse (&argc, &argv, &options, &error) &&
                        check (&options, &style, &error) &&
                        draw (argv[1], argv[2], &options, style, &error);

  if (!done)
    g_printerr ("cow-render-barn: %s\n", error->message);
  g_free (options.style);
  g_free (options.truth);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
