/* SPDX-License-Identifier: MIT */
#include "trainer/cli/cut-videos.h"

#include <math.h>

#include "trainer/host/folder-lock.h"
#include "trainer/host/words.h"
#include "trainer/video/crops.h"

typedef struct {
  const VideoCutting *cutting;
  const char *folder;
  CowCropTable *table;
  guint most, n_broken;
  gboolean quiet, stopped;
} Job;

static void
say (const Job *self, const char *text)
{
  if (self->quiet)
    g_printerr ("cow-trainer: %s\n", text);
  else
    g_print ("%s\n", text);
}

static void
say_counts (const Job *self, const char *video, const CowCropCounts *counts)
{
  const VideoCutting *cutting = self->cutting;
  g_autofree char *name = g_path_get_basename (video);
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "%s: %u picture%s, one in %.6g s%s", name, counts->n_new,
                          words_s (counts->n_new), (double)counts->cutter.apart / 1e9,
                          cutting->zones            ? " of each zone"
                          : cutting->boxes->len > 0 ? " of each cow"
                                                    : "");
  if (counts->cutter.apart > (gint64)llrint (cutting->every * 1e9))
    g_string_append_printf (text, ", which --most %u makes of --every %g", self->most,
                            cutting->every);
  if (counts->n_before > 0)
    g_string_append_printf (text, "; %u %s there already", counts->n_before,
                            words_of (counts->n_before, "was", "were"));
  if (counts->n_labelled > 0)
    g_string_append_printf (text, ", %u of them got a label", counts->n_labelled);
  say (self, text->str);
}

/* FALSE with an error where no other recording can be tried either. */
static gboolean
cut_one (Job *self, guint number, GError **error)
{
  const CowCropOptions options = { .cutting = video_cutting_of (self->cutting, number, self->most),
                                   .folder = self->folder,
                                   .table = self->table };
  g_autoptr (GError) why = NULL;
  CowCropCounts counts;

  if (!cow_crops_cut (&options, &counts, &why)) {
    if (!g_error_matches (why, COW_ERROR, COW_ERROR_FORMAT)) {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
    g_printerr ("cow-trainer: %s\n", why->message);
    self->n_broken++;
  }
  self->stopped = counts.cutter.end.stopped;
  say_counts (self, options.cutting.path, &counts);
  video_cutting_say (self->cutting, number, &counts.cutter);
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

static void
say_table (const Job *self)
{
  const guint n = cow_crop_table_n_rows (self->table);
  g_autofree char *text =
      g_strdup_printf ("%s/" COW_CROP_TABLE ": %u picture%s, %u without a label", self->folder, n,
                       words_s (n), count_unlabelled (self->table));

  if (n > 0)
    say (self, text);
}

/* Where the folder is ours alone. */
static gboolean
cut_all (const VideoCutting *cutting, const char *folder, guint most, gboolean quiet,
         GError **error)
{
  g_autoptr (CowCropTable) table = cow_crop_table_open (folder, error);
  Job self = { .cutting = cutting, .folder = folder, .table = table, .most = most, .quiet = quiet };
  const guint n = cutting->videos->len;

  if (!table)
    return FALSE;
  for (guint i = 0; i < n && !self.stopped; i++)
    if (!cut_one (&self, i, error))
      return FALSE;
  say_table (&self);
  if (self.stopped)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "stopped: the same command goes on where it ended");
  else if (self.n_broken > 0)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%u of %u recording%s could not be played to the end", self.n_broken, n,
                 words_s (n));
  return !self.stopped && self.n_broken == 0;
}

gboolean
cut_videos (const VideoCutting *cutting, const char *folder, guint most, gboolean quiet,
            GError **error)
{
  const int lock = folder_lock (folder, error);
  const gboolean ok = lock >= 0 && cut_all (cutting, folder, most, quiet, error);

  folder_unlock (folder, lock);
  return ok;
}
