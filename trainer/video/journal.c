/* SPDX-License-Identifier: MIT */
/*
 * A line of a segment is a letter and, behind a space each, values; texts are JSON's.
 *   R n          recording n begins
 *   C n          recording n goes on
 *   B fps "A" .. its classes
 *   S zone track a subject, numbered from 0 in the segment; null for what it has not
 *   L "label"    a label, likewise
 *   @ time duration, then a line "s l confidence f" for each row: a frame (f: 1 where fresh)
 *   . time duration   a frame like the one before, in which nothing was classified
 *   E frames end length "why"   the recording is over
 *   # sha256     of all before it; the last line
 * A frame takes the place of those of its recording that are not before it: when a run goes on, the
 * last frame of the one before comes again.
 */
#include "trainer/video/journal.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/json-object.h"

#define FOLDER        "unfinished"
#define SETTINGS      "run.json"
#define FORMAT        1
#define MOST_SEGMENTS 999999
#define MOST_SEGMENT  (64 << 20) /* bytes */
#define MOST_ROWS     100000000
#define WRITE_FRAMES  500
#define WRITE_US      (10 * G_USEC_PER_SEC)

struct _CowJournal {
  char *folder;
  JsonObject *settings;
  gboolean settled; /* whether run.json says these settings */
  GPtrArray *parts; /* of CowJournalPart or NULL, by recording */
  guint n_segments; /* that are there */
  /* The segment that is being gathered */
  GString *text;
  guint recording, n_frames;
  gint64 since_us;
  GHashTable *subjects, *labels; /* text -> number + 1 */
  GArray *before, *now;          /* of CowJournalRow: the frame that was written last, and this */
  gint64 time, duration;         /* of this */
};

static void
part_free (gpointer data)
{
  CowJournalPart *part = data;

  if (!part)
    return;
  g_ptr_array_unref (part->classes);
  g_ptr_array_unref (part->zones);
  g_ptr_array_unref (part->tracks);
  g_ptr_array_unref (part->labels);
  g_array_unref (part->frames);
  g_array_unref (part->rows);
  g_free (part->why);
  g_free (part);
}

static CowJournalPart *
part_new (void)
{
  CowJournalPart *part = g_new0 (CowJournalPart, 1);

  part->classes = g_ptr_array_new_with_free_func (g_free);
  part->zones = g_ptr_array_new_with_free_func (g_free);
  part->tracks = g_ptr_array_new_with_free_func (g_free);
  part->labels = g_ptr_array_new_with_free_func (g_free);
  part->frames = g_array_new (FALSE, FALSE, sizeof (CowJournalFrame));
  part->rows = g_array_new (FALSE, FALSE, sizeof (CowJournalRow));
  return part;
}

static void
put_part (CowJournal *self, guint recording, CowJournalPart *part)
{
  if (self->parts->len <= recording)
    g_ptr_array_set_size (self->parts, (gint)recording + 1);
  part_free (self->parts->pdata[recording]);
  self->parts->pdata[recording] = part;
}

const CowJournalPart *
cow_journal_part (const CowJournal *self, guint recording)
{
  return recording < self->parts->len ? self->parts->pdata[recording] : NULL;
}

static char *
path_of (const CowJournal *self, const char *name)
{
  return g_build_filename (self->folder, name, NULL);
}

static char *
segment_path (const CowJournal *self, guint number)
{
  g_autofree char *name = g_strdup_printf ("%06u.txt", number);

  return path_of (self, name);
}

/* ---- reading a segment ----------------------------------------------------------------------- */

/* Where a reader is: what is left of a line, and the recording that lines are of. */
typedef struct {
  CowJournal *journal;
  CowJournalPart *part;
  guint recording, subjects, labels; /* the part's numbers of the segment's first ones */
  guint n_subjects, n_labels;
  char *line;
} Reader;

static gboolean
take_integer (Reader *self, gint64 least, gint64 most, gint64 *value)
{
  char *end;

  if (*self->line != ' ')
    return FALSE;
  *value = g_ascii_strtoll (self->line + 1, &end, 10);
  if (end == self->line + 1 || *value < least || *value > most)
    return FALSE;
  self->line = end;
  return TRUE;
}

static gboolean
take_double (Reader *self, double *value)
{
  char *end;

  if (*self->line != ' ')
    return FALSE;
  *value = g_ascii_strtod (self->line + 1, &end);
  if (end == self->line + 1 || !isfinite (*value))
    return FALSE;
  self->line = end;
  return TRUE;
}

/* A text in quotes, or NULL for null; both are taken. */
static gboolean
take_text (Reader *self, char **text)
{
  char *end;

  *text = NULL;
  if (g_str_has_prefix (self->line, " null")) {
    self->line += strlen (" null");
    return TRUE;
  }
  if (self->line[0] != ' ' || self->line[1] != '"')
    return FALSE;
  for (end = self->line + 2; *end && *end != '"'; end++)
    end += *end == '\\' && end[1];
  if (!*end)
    return FALSE;
  g_autofree char *json = g_strdup_printf ("{\"t\":%.*s}", (int)(end - self->line), self->line + 1);
  g_autoptr (JsonObject) object = cow_json_parse_object (json, strlen (json), FOLDER, NULL);
  const char *found = NULL;
  if (!object || !cow_json_get_string (object, FOLDER, "t", &found, NULL))
    return FALSE;
  *text = g_strdup (found);
  self->line = end + 1;
  return TRUE;
}

static gboolean
read_recording (Reader *self, gboolean anew)
{
  gint64 number;

  if (!take_integer (self, 0, G_MAXUINT16, &number))
    return FALSE;
  self->recording = (guint)number;
  if (anew || !cow_journal_part (self->journal, self->recording))
    put_part (self->journal, self->recording, part_new ());
  self->part = self->journal->parts->pdata[self->recording];
  self->subjects = self->part->zones->len;
  self->labels = self->part->labels->len;
  self->n_subjects = self->n_labels = 0;
  return TRUE;
}

static gboolean
read_classes (Reader *self)
{
  g_ptr_array_set_size (self->part->classes, 0);
  if (!take_double (self, &self->part->fps))
    return FALSE;
  while (*self->line) {
    char *name;

    if (!take_text (self, &name) || !name)
      return FALSE;
    g_ptr_array_add (self->part->classes, name);
  }
  g_ptr_array_add (self->part->classes, NULL);
  return TRUE;
}

static gboolean
read_subject (Reader *self)
{
  char *zone, *track;

  if (!take_text (self, &zone))
    return FALSE;
  g_ptr_array_add (self->part->zones, zone);
  const gboolean ok = take_text (self, &track);
  g_ptr_array_add (self->part->tracks, track);
  self->n_subjects++;
  return ok;
}

static gboolean
read_label (Reader *self)
{
  char *label;

  if (!take_text (self, &label) || !label)
    return FALSE;
  g_ptr_array_add (self->part->labels, label);
  self->n_labels++;
  return TRUE;
}

static gboolean
read_frame (Reader *self, gboolean carried)
{
  GArray *frames = self->part->frames;
  CowJournalFrame frame = { .carried = carried, .first = self->part->rows->len };

  if (!take_integer (self, 0, G_MAXINT64 / 4, &frame.time) ||
      !take_integer (self, 1, G_MAXINT64 / 4, &frame.duration))
    return FALSE;
  if (carried && frames->len == 0)
    return FALSE;
  if (carried) {
    const CowJournalFrame *before = &g_array_index (frames, CowJournalFrame, frames->len - 1);
    frame.first = before->first;
    frame.n = before->n;
  }
  while (frames->len > 0 &&
         g_array_index (frames, CowJournalFrame, frames->len - 1).time >= frame.time)
    g_array_set_size (frames, frames->len - 1);
  g_array_append_val (frames, frame);
  return TRUE;
}

/* A line that begins with a number is a row of the frame before it. */
static gboolean
read_row (Reader *self, char *line)
{
  GArray *frames = self->part->frames, *rows = self->part->rows;
  g_autofree char *spaced = g_strconcat (" ", line, NULL);
  gint64 subject, label, fresh;
  CowJournalRow row;

  self->line = spaced;
  if (frames->len == 0 || rows->len == MOST_ROWS || self->n_subjects == 0 || self->n_labels == 0 ||
      !take_integer (self, 0, self->n_subjects - 1, &subject) ||
      !take_integer (self, 0, self->n_labels - 1, &label) || !take_double (self, &row.confidence) ||
      !take_integer (self, 0, 1, &fresh) || *self->line)
    return FALSE;
  CowJournalFrame *frame = &g_array_index (frames, CowJournalFrame, frames->len - 1);
  if (frame->carried || frame->first + frame->n != rows->len)
    return FALSE;
  row.subject = self->subjects + (guint)subject;
  row.label = self->labels + (guint)label;
  row.fresh = fresh != 0;
  g_array_append_val (rows, row);
  frame->n++;
  return TRUE;
}

static gboolean
read_end (Reader *self)
{
  CowRecordingEnd *end = &self->part->end;
  gint64 n_frames;

  if (!take_integer (self, 0, G_MAXINT64, &n_frames) ||
      !take_integer (self, 0, G_MAXINT64 / 4, &end->end) ||
      !take_integer (self, 0, G_MAXINT64 / 4, &end->length))
    return FALSE;
  end->n_frames = (guint64)n_frames;
  self->part->complete = TRUE;
  return take_text (self, &self->part->why);
}

static gboolean
read_line (Reader *self, char *line)
{
  const char kind = *line;

  if (g_ascii_isdigit (kind))
    return self->part && read_row (self, line);
  self->line = line + 1;
  if (kind == 'R' || kind == 'C')
    return read_recording (self, kind == 'R') && !*self->line;
  if (!self->part || self->part->complete)
    return FALSE;
  return (kind == 'B'                  ? read_classes (self)
          : kind == 'S'                ? read_subject (self)
          : kind == 'L'                ? read_label (self)
          : kind == '@' || kind == '.' ? read_frame (self, kind == '.')
          : kind == 'E'                ? read_end (self)
                                       : FALSE) &&
         !*self->line;
}

/* Takes the checksum off; FALSE where it is that of another text. */
static gboolean
check_sum (char *text, gsize n)
{
  char *last = n > 0 ? g_strrstr (text, "\n# ") : NULL;

  if (!last || strlen (text) != n)
    return FALSE;
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)text,
                                                      (gsize)(last + 1 - text));
  g_autofree char *line = g_strconcat (sum, "\n", NULL);
  if (!g_str_equal (last + strlen ("\n# "), line))
    return FALSE;
  *last = '\0';
  return TRUE;
}

static gboolean
read_segment (CowJournal *self, const char *path)
{
  Reader reader = { .journal = self };
  g_autofree char *text = NULL;
  gsize n;

  if (!g_file_get_contents (path, &text, &n, NULL) || n > MOST_SEGMENT || !check_sum (text, n))
    return FALSE;
  for (char *line = text, *next; line; line = next) {
    next = strchr (line, '\n');
    if (next)
      *next++ = '\0';
    if (!read_line (&reader, line))
      return FALSE;
  }
  return TRUE;
}

/* ---- whether it is the same run -------------------------------------------------------------- */

/* The settings that differ, as "zones, rate"; NULL: none. */
static char *
differences (JsonObject *a, JsonObject *b)
{
  g_autoptr (GList) names = json_object_get_members (a);
  GString *text = g_string_new (NULL);

  for (GList *name = names; name; name = name->next)
    if (!json_object_has_member (b, name->data) ||
        !json_node_equal (json_object_get_member (a, name->data),
                          json_object_get_member (b, name->data)))
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", (char *)name->data);
  if (text->len == 0 && json_object_get_size (a) != json_object_get_size (b))
    g_string_append (text, "settings");
  return g_string_free (text, text->len == 0);
}

static gboolean
remove_file (const char *path, GError **error)
{
  if (g_unlink (path) == 0 || errno == ENOENT)
    return TRUE;
  const int code = errno;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cannot be removed: %s", path,
               g_strerror (code));
  return FALSE;
}

/* From the last on, so that what is left at any moment is the beginning of the run. */
static gboolean
forget (CowJournal *self, GError **error)
{
  g_autofree char *settings = path_of (self, SETTINGS);
  guint n = self->n_segments;

  for (;; n++) {
    g_autofree char *path = segment_path (self, n + 1);
    if (n == MOST_SEGMENTS || !cow_path_exists (path))
      break;
  }
  for (; n > 0; n--) {
    g_autofree char *path = segment_path (self, n);
    if (!remove_file (path, error))
      return FALSE;
  }
  self->n_segments = 0;
  self->settled = FALSE;
  g_ptr_array_set_size (self->parts, 0);
  return remove_file (settings, error);
}

static char *
read_run (CowJournal *self)
{
  g_autofree char *path = path_of (self, SETTINGS);
  g_autoptr (JsonObject) found = cow_json_read_object (path, NULL);
  g_autofree char *other = NULL;

  if (!found)
    return g_strdup ("cannot be read");
  other = differences (self->settings, found);
  if (other)
    return g_strdup_printf ("is of other settings (%s)", other);
  for (; self->n_segments < MOST_SEGMENTS; self->n_segments++) {
    g_autofree char *segment = segment_path (self, self->n_segments + 1);
    if (!cow_path_exists (segment))
      break;
    if (!read_segment (self, segment))
      return g_strdup ("is damaged");
  }
  self->settled = TRUE;
  return NULL;
}

CowJournal *
cow_journal_open (const char *folder, JsonObject *settings, char **said, GError **error)
{
  g_autoptr (CowJournal) self = g_new0 (CowJournal, 1);
  g_autofree char *why = NULL;

  *said = NULL;
  self->folder = g_build_filename (folder, FOLDER, NULL);
  self->settings = json_object_ref (settings);
  json_object_set_int_member (self->settings, "format", FORMAT);
  self->parts = g_ptr_array_new_with_free_func (part_free);
  self->text = g_string_new (NULL);
  self->subjects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->before = g_array_new (FALSE, FALSE, sizeof (CowJournalRow));
  self->now = g_array_new (FALSE, FALSE, sizeof (CowJournalRow));
  g_autofree char *path = path_of (self, SETTINGS);
  why = cow_path_exists (path) ? read_run (self) : NULL;
  if (why) {
    *said = g_strdup_printf ("the unfinished run in %s %s: it is begun anew", folder, why);
    if (!forget (self, error))
      return NULL;
  }
  return g_steal_pointer (&self);
}

void
cow_journal_free (CowJournal *self)
{
  json_object_unref (self->settings);
  g_ptr_array_unref (self->parts);
  g_string_free (self->text, TRUE);
  g_hash_table_unref (self->subjects);
  g_hash_table_unref (self->labels);
  g_array_unref (self->before);
  g_array_unref (self->now);
  g_free (self->folder);
  g_free (self);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void
begin_segment (CowJournal *self, const char *kind)
{
  g_string_printf (self->text, "%s %u\n", kind, self->recording);
  g_hash_table_remove_all (self->subjects);
  g_hash_table_remove_all (self->labels);
  g_array_set_size (self->before, 0);
  self->n_frames = 0;
  self->since_us = g_get_monotonic_time ();
}

void
cow_journal_begin (CowJournal *self, guint recording, gboolean anew)
{
  self->recording = recording;
  g_array_set_size (self->now, 0);
  begin_segment (self, anew ? "R" : "C");
}

static void
append_text (GString *line, const char *text)
{
  g_string_append_c (line, ' ');
  if (text)
    cow_json_append_string (line, text);
  else
    g_string_append (line, "null");
}

static void
append_double (GString *line, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (line, " %s", g_ascii_dtostr (text, sizeof text, value));
}

void
cow_journal_add_classes (CowJournal *self, const char *const *classes, double fps)
{
  g_string_append_c (self->text, 'B');
  append_double (self->text, fps);
  for (; *classes; classes++)
    append_text (self->text, *classes);
  g_string_append_c (self->text, '\n');
}

/* The number of a line in the segment, which is written where it is new. */
static guint
number_of (CowJournal *self, GHashTable *known, const char *line)
{
  gpointer found = g_hash_table_lookup (known, line);

  if (!found) {
    found = GUINT_TO_POINTER (g_hash_table_size (known) + 1);
    g_hash_table_insert (known, g_strdup (line), found);
    g_string_append (self->text, line);
  }
  return GPOINTER_TO_UINT (found) - 1;
}

/* Rows are compared by number: those of two frames of one segment. */
static gboolean
is_carried (const CowJournal *self)
{
  if (self->now->len != self->before->len)
    return FALSE;
  for (guint i = 0; i < self->now->len; i++) {
    const CowJournalRow *a = &g_array_index (self->now, CowJournalRow, i),
                        *b = &g_array_index (self->before, CowJournalRow, i);
    if (a->fresh || a->subject != b->subject || a->label != b->label ||
        a->confidence != b->confidence)
      return FALSE;
  }
  return TRUE;
}

static void
end_frame (CowJournal *self)
{
  if (self->now->len == 0)
    return;
  const gboolean carried = is_carried (self);
  g_string_append_printf (self->text, "%c %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
                          carried ? '.' : '@', self->time, self->duration);
  for (guint i = 0; !carried && i < self->now->len; i++) {
    const CowJournalRow *row = &g_array_index (self->now, CowJournalRow, i);
    g_string_append_printf (self->text, "%u %u", row->subject, row->label);
    append_double (self->text, row->confidence);
    g_string_append_printf (self->text, " %d\n", row->fresh);
  }
  GArray *before = self->before;
  self->before = self->now;
  self->now = before;
  g_array_set_size (self->now, 0);
  self->n_frames++;
}

static gboolean
settle (CowJournal *self, GError **error)
{
  g_autofree char *path = path_of (self, SETTINGS), *text = NULL;

  if (self->settled)
    return TRUE;
  text = cow_json_object_text (self->settings);
  self->settled = cow_folder_make (self->folder, error) && cow_text_write (text, path, error);
  return self->settled;
}

static gboolean
write_segment (CowJournal *self, GError **error)
{
  g_autofree char *sum = NULL, *path = segment_path (self, self->n_segments + 1);

  if (self->n_segments == MOST_SEGMENTS || !settle (self, error))
    return self->n_segments == MOST_SEGMENTS;
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)self->text->str,
                                     self->text->len);
  g_string_append_printf (self->text, "# %s\n", sum);
  if (!cow_text_write (self->text->str, path, error))
    return FALSE;
  self->n_segments++;
  begin_segment (self, "C");
  return TRUE;
}

gboolean
cow_journal_write (CowJournal *self, GError **error)
{
  return self->n_frames == 0 || write_segment (self, error);
}

gboolean
cow_journal_add (CowJournal *self, const CowSubjectName *who, gint64 time, gint64 duration,
                 const char *label, double confidence, gboolean fresh, GError **error)
{
  g_autoptr (GString) line = g_string_new ("S");

  if (self->now->len > 0 && time != self->time) {
    end_frame (self);
    if ((self->n_frames >= WRITE_FRAMES || g_get_monotonic_time () - self->since_us >= WRITE_US) &&
        !cow_journal_write (self, error))
      return FALSE;
  }
  self->time = time;
  self->duration = duration;
  CowJournalRow row = { .confidence = confidence, .fresh = fresh };
  append_text (line, who->zone);
  append_text (line, who->track);
  g_string_append_c (line, '\n');
  row.subject = number_of (self, self->subjects, line->str);
  g_string_assign (line, "L");
  append_text (line, label);
  g_string_append_c (line, '\n');
  row.label = number_of (self, self->labels, line->str);
  g_array_append_val (self->now, row);
  return TRUE;
}

gboolean
cow_journal_end (CowJournal *self, const CowRecordingEnd *end, const char *why, GError **error)
{
  end_frame (self);
  g_string_append_printf (self->text,
                          "E %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                          end->n_frames, end->end, end->length);
  append_text (self->text, why);
  g_string_append_c (self->text, '\n');
  return write_segment (self, error);
}

gboolean
cow_journal_remove (CowJournal *self, GError **error)
{
  if (!cow_path_exists (self->folder))
    return TRUE;
  if (!forget (self, error))
    return FALSE;
  g_rmdir (self->folder); /* somebody may have put something there */
  return TRUE;
}
