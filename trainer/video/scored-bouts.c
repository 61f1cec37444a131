/* SPDX-License-Identifier: MIT */
#include "trainer/video/scored-bouts.h"

#include <math.h>
#include <string.h>

#include "trainer/data/csv.h"
#include "trainer/data/file-names.h"
#include "trainer/host/words.h"

#define MS         G_GINT64_CONSTANT (1000000) /* ns */
#define MOMENT     1000                        /* ms in which a picture of a moment has to come */
#define MOST_NAMED 5                           /* recordings that a message lists */

typedef struct {
  CowScoredBouts self; /* first */
  GHashTable
      *by_subject; /* subject_key () -> GPtrArray of CowScoredBout, borrowed, by their starts */
} Bouts;

/* Columns of the table; -1: it has none. */
typedef struct {
  int label, start, end, video, zone, track;
} Columns;

/* A table on its way. */
typedef struct {
  Bouts *bouts;
  Csv *csv;
  Columns columns;
  char *name;         /* of the recording, as tables have it */
  GHashTable *others; /* names of other recordings */
  guint n_unlabelled;
} Reading;

void
cow_scored_bout_take (CowScoredBout *self, gint64 time)
{
  self->n_pictures++;
  self->taken = (time + MS / 2) / MS;
}

static void
bout_free (gpointer data)
{
  CowScoredBout *self = data;

  g_free (self->zone);
  g_free (self->track);
  g_free (self->label);
  g_free (self);
}

/* ---- columns --------------------------------------------------------------------------------- */

static gboolean
find_columns (Reading *self, gboolean alone, GError **error)
{
  const Csv *csv = self->csv;
  Columns *columns = &self->columns;
  guint label, start, end;

  if (!csv_require (csv, "label", "what somebody does", &label, error))
    return FALSE;
  if (csv_column (csv, "start") < 0 && csv_column (csv, "time") >= 0) {
    if (!csv_require (csv, "time", "seconds", &start, error))
      return FALSE;
    end = start;
  } else if (!csv_require (csv, "start", "seconds", &start, error) ||
             !csv_require (csv, "end", "seconds", &end, error))
    return FALSE;
  *columns = (Columns){ .label = (int)label,
                        .start = (int)start,
                        .end = (int)end,
                        .video = csv_column (csv, "video"),
                        .zone = csv_column (csv, "zone"),
                        .track = csv_column (csv, "track") };
  if (columns->video < 0)
    columns->video = csv_column (csv, "source");
  if (columns->video >= 0 || alone)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: neither a column video nor source says which of the recordings a row is about",
               csv->path);
  return FALSE;
}

static const char *
field (const Reading *self, int column)
{
  return column < 0 ? "" : self->csv->fields[column];
}

/* ---- rows ------------------------------------------------------------------------------------ */

static gboolean
read_ms (const Reading *self, int column, gint64 *ms, GError **error)
{
  const char *text = field (self, column);
  char *end;
  const double seconds = g_ascii_strtod (text, &end);

  *ms = 0;
  if (end == text || *end || !(seconds >= 0 && seconds < 1e9)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s:%u: %s \"%s\"; seconds as 12.34 are expected", self->csv->path,
                 self->csv->line, self->csv->columns[column], text);
    return FALSE;
  }
  *ms = (gint64)llrint (seconds * 1000);
  return TRUE;
}

/* Whether the row is about the recording, by the name of its file. */
static gboolean
is_about (Reading *self)
{
  g_autofree char *name = NULL;

  if (self->columns.video < 0)
    return TRUE;
  name = g_path_get_basename (field (self, self->columns.video));
  if (g_str_equal (name, self->name))
    return TRUE;
  g_hash_table_add (self->others, g_steal_pointer (&name));
  return FALSE;
}

static gboolean
read_row (Reading *self, GError **error)
{
  gint64 start, end;

  self->bouts->self.n_rows++;
  if (!is_about (self))
    return TRUE;
  self->bouts->self.n_about++;
  if (!*field (self, self->columns.label)) {
    self->n_unlabelled++;
    return TRUE;
  }
  if (!read_ms (self, self->columns.start, &start, error) ||
      !read_ms (self, self->columns.end, &end, error))
    return FALSE;
  if (end < start) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s:%u: it ends before it starts",
                 self->csv->path, self->csv->line);
    return FALSE;
  }
  CowScoredBout *bout = g_new0 (CowScoredBout, 1);
  *bout = (CowScoredBout){ .zone = g_strdup (field (self, self->columns.zone)),
                           .track = g_strdup (field (self, self->columns.track)),
                           .label = g_strdup (field (self, self->columns.label)),
                           .start = start,
                           .end = end,
                           .line = self->csv->line };
  g_ptr_array_add (self->bouts->self.bouts, bout);
  return TRUE;
}

static gboolean
read_rows (Reading *self, GError **error)
{
  for (;;) {
    gboolean more;

    if (!csv_next (self->csv, &more, error))
      return FALSE;
    if (!more)
      return TRUE;
    if (!read_row (self, error))
      return FALSE;
  }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int
compare_bouts (gconstpointer a, gconstpointer b)
{
  const CowScoredBout *left = *(CowScoredBout *const *)a, *right = *(CowScoredBout *const *)b;

  return left->start != right->start ? (left->start < right->start ? -1 : 1)
                                     : (left->line < right->line ? -1 : 1);
}

/* Names may hold anything, so that the first one's length parts them. Free with g_free. */
static char *
subject_key (const char *zone, const char *track)
{
  return g_strdup_printf ("%" G_GSIZE_FORMAT ":%s%s", strlen (zone), zone, track);
}

/* Nobody does two things at a time. */
static gboolean
check_overlap (const Reading *self, const CowScoredBout *before, const CowScoredBout *bout,
               GError **error)
{
  if (bout->start >= before->end && bout->start > before->start)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: \"%s\" of line %u and \"%s\" of line %u are at the same time and of the same "
               "zone and track",
               self->csv->path, before->label, before->line, bout->label, bout->line);
  return FALSE;
}

static gboolean
sort_by_subject (const Reading *self, GError **error)
{
  GPtrArray *bouts = self->bouts->self.bouts;

  g_ptr_array_sort (bouts, compare_bouts);
  for (guint i = 0; i < bouts->len; i++) {
    CowScoredBout *bout = bouts->pdata[i];
    g_autofree char *key = subject_key (bout->zone, bout->track);
    GPtrArray *own = g_hash_table_lookup (self->bouts->by_subject, key);

    if (!own) {
      own = g_ptr_array_new ();
      g_hash_table_insert (self->bouts->by_subject, g_steal_pointer (&key), own);
    } else if (!check_overlap (self, own->pdata[own->len - 1], bout, error))
      return FALSE;
    g_ptr_array_add (own, bout);
  }
  return TRUE;
}

/* A table without a row about the recording is of another one, or names it otherwise. */
static gboolean
check_any (const Reading *self, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GList) others =
      g_list_sort (g_hash_table_get_keys (self->others), (GCompareFunc)strcmp);
  guint n = 0;

  if (self->bouts->self.bouts->len > 0)
    return TRUE;
  for (const GList *other = others; other && n < MOST_NAMED; other = other->next, n++)
    g_string_append_printf (names, "%s%s", n > 0 ? ", " : "; its rows are about ",
                            (const char *)other->data);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: no row has a label for %s%s%s",
               self->csv->path, self->name, names->str,
               g_hash_table_size (self->others) > MOST_NAMED ? ", ..." : "");
  return FALSE;
}

static void
describe (const Reading *self)
{
  CowScoredBouts *bouts = &self->bouts->self;
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%s: %u row%s with a label for %s", self->csv->path,
                          bouts->bouts->len, words_s (bouts->bouts->len), self->name);
  if (self->n_unlabelled > 0)
    g_string_append_printf (text, "; %u without one left out", self->n_unlabelled);
  bouts->text = g_string_free (text, FALSE);
}

CowScoredBouts *
cow_scored_bouts_read (const char *path, const char *video, gboolean alone, GError **error)
{
  static const char *const needed[] = { "label", NULL };
  g_autoptr (Csv) csv = csv_open (path, needed, error);
  g_autofree char *base = g_path_get_basename (video), *name = file_name_text (base);
  g_autoptr (GHashTable) others = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Bouts *bouts;

  if (!csv)
    return NULL;
  bouts = g_new0 (Bouts, 1);
  bouts->self.bouts = g_ptr_array_new_with_free_func (bout_free);
  bouts->by_subject =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  g_autoptr (CowScoredBouts) self = &bouts->self;
  Reading reading = { .bouts = bouts, .csv = csv, .name = name, .others = others };
  if (!find_columns (&reading, alone, error) || !read_rows (&reading, error) ||
      !check_any (&reading, error) || !sort_by_subject (&reading, error))
    return NULL;
  describe (&reading);
  return g_steal_pointer (&self);
}

void
cow_scored_bouts_free (CowScoredBouts *self)
{
  Bouts *bouts = (Bouts *)self;

  if (!self)
    return;
  g_hash_table_unref (bouts->by_subject);
  g_ptr_array_unref (self->bouts);
  g_free (self->text);
  g_free (bouts);
}

/* ---- which of them --------------------------------------------------------------------------- */

static gboolean
goes_on (const CowScoredBout *self, gint64 ms)
{
  if (self->end > self->start)
    return ms < self->end;
  return ms < self->start + MOMENT && (self->n_pictures == 0 || self->taken == ms);
}

static CowScoredBout *
find_of (const Bouts *self, const char *zone, const char *track, gint64 ms)
{
  g_autofree char *key = subject_key (zone, track);
  const GPtrArray *own = g_hash_table_lookup (self->by_subject, key);
  guint low = 0, high = own ? own->len : 0;

  while (low < high) {
    const guint middle = low + (high - low) / 2;

    if (((const CowScoredBout *)own->pdata[middle])->start <= ms)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 && goes_on (own->pdata[low - 1], ms) ? own->pdata[low - 1] : NULL;
}

CowScoredBout *
cow_scored_bouts_find (const CowScoredBouts *self, const char *zone, const char *track, gint64 time)
{
  const Bouts *bouts = (const Bouts *)self;
  const gint64 ms = (time + MS / 2) / MS;
  CowScoredBout *bout = find_of (bouts, zone, track, ms);

  return bout || !(*zone || *track) ? bout : find_of (bouts, "", "", ms);
}
