/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/demo-truth.h"

#include <string.h>

#include "model/files/json-object.h"

#define MOST_SECONDS   86400
#define LARGEST_PIXEL  32767
#define NEAR_ENOUGH_NS GST_SECOND

typedef struct {
  GstClockTime time;
  guint first, n; /* its sights */
} Frame;

struct _CowDemoTruth {
  GArray *sights; /* of CowDemoSight */
  GArray *frames; /* of Frame, by rising time */
};

static void
clear_sight (gpointer data)
{
  g_free (((CowDemoSight *)data)->behaviour);
}

void
cow_demo_truth_free (CowDemoTruth *self)
{
  g_array_unref (self->sights);
  g_array_unref (self->frames);
  g_free (self);
}

static gboolean
read_box (JsonObject *object, const char *where, CowDemoSight *sight, GError **error)
{
  gint64 x, y, w, h;

  for (const char *const *key =
           (const char *const[]){ "time", "cow", "x", "y", "w", "h", "behaviour", NULL };
       *key != NULL; key++)
    if (!cow_json_require (object, where, *key, error))
      return FALSE;
  if (!cow_json_get_int (object, where, "x", 0, LARGEST_PIXEL, &x, error) ||
      !cow_json_get_int (object, where, "y", 0, LARGEST_PIXEL, &y, error) ||
      !cow_json_get_int (object, where, "w", 1, LARGEST_PIXEL, &w, error) ||
      !cow_json_get_int (object, where, "h", 1, LARGEST_PIXEL, &h, error))
    return FALSE;
  sight->x = (guint)x;
  sight->y = (guint)y;
  sight->w = (guint)w;
  sight->h = (guint)h;
  return cow_json_get_bool (object, where, "changing", &sight->changing, error);
}

/* Returns the number of a cow's name; a new name gets the next number. */
static int
number_of (GHashTable *cows, const char *name)
{
  gpointer number;

  if (!g_hash_table_lookup_extended (cows, name, NULL, &number)) {
    number = GINT_TO_POINTER ((int)g_hash_table_size (cows));
    g_hash_table_insert (cows, g_strdup (name), number);
  }
  return GPOINTER_TO_INT (number);
}

static gboolean
find_frame (CowDemoTruth *self, double seconds, const char *where, Frame **frame, GError **error)
{
  const GstClockTime time = (GstClockTime)(CLAMP (seconds, 0, MOST_SECONDS) * GST_SECOND + 0.5);
  Frame *last =
      self->frames->len > 0 ? &g_array_index (self->frames, Frame, self->frames->len - 1) : NULL;

  if (seconds < 0 || seconds > MOST_SECONDS || (last != NULL && time < last->time)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: time %g s, expected 0 to %d and no earlier than the line before", where,
                 seconds, MOST_SECONDS);
    return FALSE;
  }
  if (last == NULL || time > last->time) {
    g_array_append_val (self->frames, ((Frame){ .time = time, .first = self->sights->len }));
    last = &g_array_index (self->frames, Frame, self->frames->len - 1);
  }
  *frame = last;
  return TRUE;
}

static gboolean
read_line (CowDemoTruth *self, const char *line, GHashTable *cows, const char *where,
           GError **error)
{
  g_autoptr (JsonObject) object = cow_json_parse_object (line, strlen (line), where, error);
  CowDemoSight sight = { 0 };
  const char *cow = NULL, *behaviour = NULL;
  double seconds = 0;
  Frame *frame;

  if (object == NULL || !read_box (object, where, &sight, error) ||
      !cow_json_get_double (object, where, "time", &seconds, error) ||
      !cow_json_get_string (object, where, "cow", &cow, error) ||
      !cow_json_get_string (object, where, "behaviour", &behaviour, error) ||
      !find_frame (self, seconds, where, &frame, error))
    return FALSE;
  sight.cow = number_of (cows, cow);
  sight.behaviour = g_strdup (behaviour);
  g_array_append_val (self->sights, sight);
  frame->n++;
  return TRUE;
}

CowDemoTruth *
cow_demo_truth_read (const char *path, GError **error)
{
  g_autoptr (CowDemoTruth) self = g_new0 (CowDemoTruth, 1);
  g_autoptr (GHashTable) cows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *text = NULL;
  GError *problem = NULL;

  self->sights = g_array_new (FALSE, FALSE, sizeof (CowDemoSight));
  self->frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  g_array_set_clear_func (self->sights, clear_sight);
  if (!g_file_get_contents (path, &text, NULL, &problem)) {
    const gboolean absent = g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_NOENT);

    g_set_error (error, COW_ERROR, absent ? COW_ERROR_NOT_FOUND : COW_ERROR_IO, "%s",
                 problem->message);
    g_error_free (problem);
    return NULL;
  }
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    g_autofree char *where = g_strdup_printf ("%s line %u", path, i + 1);

    if (*lines[i] != '\0' && !read_line (self, lines[i], cows, where, error))
      return NULL;
  }
  if (self->frames->len == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: no lines, expected those that cow-render-barn writes", path);
    return NULL;
  }
  return g_steal_pointer (&self);
}

static GstClockTimeDiff
distance (const CowDemoTruth *self, guint frame, GstClockTime time)
{
  return ABS (GST_CLOCK_DIFF (g_array_index (self->frames, Frame, frame).time, time));
}

const CowDemoSight *
cow_demo_truth_at (const CowDemoTruth *self, GstClockTime time, guint *n)
{
  guint low = 0, high = self->frames->len; /* the first frame later than `time` is in [low, high] */

  while (low < high) {
    const guint middle = low + (high - low) / 2;

    if (g_array_index (self->frames, Frame, middle).time > time)
      high = middle;
    else
      low = middle + 1;
  }
  guint nearest = low > 0 ? low - 1 : low;
  if (low > 0 && low < self->frames->len &&
      distance (self, low, time) < distance (self, nearest, time))
    nearest = low;
  const Frame *frame = &g_array_index (self->frames, Frame, nearest);
  *n = distance (self, nearest, time) <= (GstClockTimeDiff)NEAR_ENOUGH_NS ? frame->n : 0;
  return &g_array_index (self->sights, CowDemoSight, frame->first);
}

guint
cow_demo_truth_n_frames (const CowDemoTruth *self)
{
  return self->frames->len;
}
