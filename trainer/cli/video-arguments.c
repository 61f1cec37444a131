/* SPDX-License-Identifier: MIT */
#include "trainer/cli/video-arguments.h"

#include <gst/base/gsttypefindhelper.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gst-plugin/behavior/zones.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "trainer/cli/verb.h"
#include "trainer/data/file-names.h"
#include "trainer/host/words.h"

#define MOST_EVERY 1000000 /* s */
#define FIRST      65536   /* bytes that say what a file is */

/* ---- which arguments are recordings ---------------------------------------------------------- */

/* Whether GStreamer's name of a format is that of a video; some containers are called after what
 * they are. */
static gboolean
is_name_of_video (const char *name)
{
  static const char *const others[] = { "application/ogg",           "application/mxf",
                                        "application/x-yuv4mpeg",    "application/vnd.rn-realmedia",
                                        "multipart/x-mixed-replace", NULL };

  return g_str_has_prefix (name, "video/") || g_strv_contains (others, name);
}

gboolean
video_arguments_is_video (const char *path)
{
  g_autofree guint8 *bytes = NULL;
  g_autoptr (GstCaps) caps = NULL;
  FILE *file;

  if (file_name_is_picture (path) || !g_file_test (path, G_FILE_TEST_IS_REGULAR) ||
      !gst_init_check (NULL, NULL, NULL) || !(file = fopen (path, "rb")))
    return FALSE;
  bytes = g_malloc (FIRST);
  const gsize n = fread (bytes, 1, FIRST, file);
  fclose (file);
  caps = n > 0 ? gst_type_find_helper_for_data (NULL, bytes, n, NULL) : NULL;
  return caps && is_name_of_video (gst_structure_get_name (gst_caps_get_structure (caps, 0)));
}

void
video_arguments_sort (char *const *arguments, GPtrArray **videos, GPtrArray **others)
{
  GPtrArray *const lists[] = { *videos = g_ptr_array_new (), *others = g_ptr_array_new () };

  for (char *const *word = arguments; *word; word++)
    g_ptr_array_add (video_arguments_is_video (*word) ? *videos : *others, *word);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    g_ptr_array_add (lists[i], NULL);
    g_ptr_array_set_size (lists[i], (int)lists[i]->len - 1);
  }
}

gboolean
video_arguments_check (const GPtrArray *videos, GError **error)
{
  for (guint i = 0; i < videos->len; i++)
    if (!cow_path_is_file (videos->pdata[i])) {
      if (!cow_path_exists (videos->pdata[i]))
        cow_path_explain_absent (videos->pdata[i], error);
      else
        g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s is no file",
                     (const char *)videos->pdata[i]);
      return FALSE;
    }
  return TRUE;
}

char *
video_arguments_folder (const char *video, const char *what)
{
  g_autofree char *name = g_path_get_basename (video);
  char *dot = strrchr (name, '.');

  if (dot && dot != name)
    *dot = '\0';
  return g_strconcat (name, "-", what, NULL);
}

/* ---- where cows are, and what they do -------------------------------------------------------- */

GPtrArray *
video_arguments_boxes (char **paths, const GPtrArray *videos, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_boxes_free);
  const guint n = paths ? g_strv_length (paths) : 0;

  if (n > 0 && n != videos->len) {
    verb_usage (error,
                "--boxes is there %u time%s for %u recording%s: one file for each is expected", n,
                words_s (n), videos->len, words_s (videos->len));
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    CowBoxes *boxes = cow_boxes_read (paths[i], error);

    if (!boxes)
      return NULL;
    g_printerr ("cow-trainer: %s\n", boxes->text);
    g_ptr_array_add (all, boxes);
  }
  return g_steal_pointer (&all);
}

static gboolean
read_zones (VideoCutting *self, GError **error)
{
  if (!self->zones_text)
    return TRUE;
  self->zones = gst_cow_zones_parse (self->zones_text, error);
  if (self->zones && self->zones->len == 0)
    return verb_usage (error, "--zones is empty");
  return self->zones != NULL;
}

static gboolean
has_zone (const VideoCutting *self, const char *name)
{
  for (guint i = 0; self->zones && i < self->zones->len; i++)
    if (g_str_equal (g_array_index (self->zones, GstCowZone, i).name, name))
      return TRUE;
  return FALSE;
}

/* A zone of the table that nobody says where it is would leave its rows without a picture. */
static gboolean
check_zones_of (const VideoCutting *self, const CowScoredBouts *bouts, GError **error)
{
  for (guint i = 0; i < bouts->bouts->len; i++) {
    const CowScoredBout *bout = bouts->bouts->pdata[i];

    if (*bout->zone && !has_zone (self, bout->zone)) {
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                   "%s:%u: zone \"%s\": --zones does not say where it is", self->bouts_path,
                   bout->line, bout->zone);
      return FALSE;
    }
    if (*bout->track && !self->boxes_paths) {
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                   "%s:%u: track \"%s\": --boxes FILE says where it is, which is missing",
                   self->bouts_path, bout->line, bout->track);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
read_bouts (VideoCutting *self, GError **error)
{
  guint n_used = 0, n_rows = 0;

  self->bouts = g_ptr_array_new_with_free_func ((GDestroyNotify)cow_scored_bouts_free);
  for (guint i = 0; self->bouts_path && i < self->videos->len; i++) {
    CowScoredBouts *bouts = cow_scored_bouts_read (self->bouts_path, self->videos->pdata[i],
                                                   self->videos->len == 1, error);

    if (!bouts)
      return FALSE;
    g_ptr_array_add (self->bouts, bouts);
    if (!check_zones_of (self, bouts, error))
      return FALSE;
    g_printerr ("cow-trainer: %s\n", bouts->text);
    n_rows = bouts->n_rows;
    n_used += bouts->n_about;
  }
  if (n_used < n_rows)
    g_printerr ("cow-trainer: %s: %u row%s of recordings that are not given\n", self->bouts_path,
                n_rows - n_used, words_of (n_rows - n_used, " is", "s are"));
  return TRUE;
}

const char *
video_cutting_needs (const VideoCutting *self, double usual_every)
{
  return self->zones_text             ? "--zones"
         : self->boxes_paths          ? "--boxes"
         : self->bouts_path           ? "--bouts"
         : self->every != usual_every ? "--every"
                                      : NULL;
}

gboolean
video_cutting_open (VideoCutting *self, char *const *videos, GError **error)
{
  self->videos = g_ptr_array_new_with_free_func (g_free);
  for (char *const *word = videos; word && *word; word++)
    g_ptr_array_add (self->videos, g_strdup (*word));
  if (self->videos->len == 0)
    return verb_usage (error, "no recording given");
  if (!(self->every >= 0 && self->every <= MOST_EVERY))
    return verb_usage (error, "--every %g: seconds from 0 to %d are expected", self->every,
                       MOST_EVERY);
  if (self->zones_text && self->boxes_paths)
    return verb_usage (error, "--zones and --boxes: one of them is expected");
  if (!video_arguments_check (self->videos, error) || !read_zones (self, error))
    return FALSE;
  self->boxes = video_arguments_boxes (self->boxes_paths, self->videos, error);
  return self->boxes && read_bouts (self, error);
}

CowCutterOptions
video_cutting_of (const VideoCutting *self, guint number, guint most)
{
  return (CowCutterOptions){ .path = self->videos->pdata[number],
                             .zones = self->zones,
                             .boxes = self->boxes->len > 0 ? self->boxes->pdata[number] : NULL,
                             .bouts = self->bouts->len > 0 ? self->bouts->pdata[number] : NULL,
                             .apart = (gint64)llrint (self->every * 1e9),
                             .most = most };
}

/* ---- what was not found ---------------------------------------------------------------------- */

/* Bouts that begin behind the end of the recording, or that were too short. */
static void
say_bouts (const VideoCutting *self, const char *video, const CowScoredBouts *bouts)
{
  const CowScoredBout *first = NULL;
  guint n = 0;

  for (guint i = 0; i < bouts->bouts->len; i++) {
    const CowScoredBout *bout = bouts->bouts->pdata[i];

    if (bout->n_pictures > 0)
      continue;
    first = first ? first : bout;
    n++;
  }
  if (n > 0)
    g_printerr ("cow-trainer: warning: %s: %u of %u row%s of %s gave no picture, first line %u "
                "(\"%s\" from %.3f s on): each is shorter than a frame, or of a time, zone or "
                "track that is not there\n",
                video, n, bouts->bouts->len, words_s (bouts->bouts->len), self->bouts_path,
                first->line, first->label, (double)first->start / 1000);
}

void
video_cutting_say (const VideoCutting *self, guint number, const CowCutterCounts *counts)
{
  const char *video = self->videos->pdata[number];
  const CowCutterOptions cutting = video_cutting_of (self, number, 0);
  const gboolean whole = !counts->full && !counts->end.stopped;
  g_autofree char *at = words_clock ((double)counts->end.end / 1e9);

  if (counts->full)
    g_printerr ("cow-trainer: %s: ended at %s with the picture that is one too many\n", video, at);
  if (counts->n_small > 0)
    g_printerr ("cow-trainer: %s: %u time%s a part of the frame was too small for a picture (16 "
                "pixels a side)\n",
                video, counts->n_small, words_s (counts->n_small));
  if (counts->n_outside > 0)
    g_printerr ("cow-trainer: %s: %u box%s lay outside of the frame\n", video, counts->n_outside,
                words_of (counts->n_outside, "", "es"));
  if (cutting.boxes && whole && cutting.boxes->last_frame >= counts->end.n_frames)
    g_printerr ("cow-trainer: warning: %s has %" G_GUINT64_FORMAT
                " frames, but there are boxes up to frame %" G_GUINT64_FORMAT
                " (from 0): are they of another recording?\n",
                video, counts->end.n_frames, cutting.boxes->last_frame);
  if (cutting.bouts && whole)
    say_bouts (self, video, cutting.bouts);
}

void
video_cutting_clear (VideoCutting *self)
{
  g_free (self->zones_text);
  g_strfreev (self->boxes_paths);
  g_free (self->bouts_path);
  g_clear_pointer (&self->videos, g_ptr_array_unref);
  g_clear_pointer (&self->boxes, g_ptr_array_unref);
  g_clear_pointer (&self->bouts, g_ptr_array_unref);
  g_clear_pointer (&self->zones, g_array_unref);
}
