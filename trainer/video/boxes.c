/* SPDX-License-Identifier: MIT */
#include "trainer/video/boxes.h"

#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "trainer/data/text-file.h"
#include "trainer/host/words.h"

#define MOST_BYTES  ((gsize)1 << 30)
#define MOST_BOXES  20000000
#define MOST_FRAME  1000000000
#define MOST_NUMBER 1e6 /* px */

typedef struct {
  const char *path;
  CowBoxes *boxes;
  guint64 first_frame; /* the smallest number of a frame */
  guint n_tracked, n_ignored;
} Reading;

static gboolean
add (Reading *self, const CowBox *box, const char *place, GError **error)
{
  const double numbers[] = { box->x, box->y, box->w, box->h };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!isfinite (numbers[i]) || fabs (numbers[i]) > MOST_NUMBER || (i > 1 && numbers[i] <= 0)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: %s: left, top, width and height of a box in pixels are expected, not %g",
                   self->path, place, numbers[i]);
      return FALSE;
    }
  if (self->boxes->boxes->len == MOST_BOXES) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: more than %d boxes", self->path,
                 MOST_BOXES);
    return FALSE;
  }
  g_array_append_val (self->boxes->boxes, *box);
  self->first_frame = MIN (self->first_frame, box->frame);
  self->n_tracked += box->track >= 0;
  return TRUE;
}

/* ---- MOT ------------------------------------------------------------------------------------- */

#define MOT_FIELDS 6 /* that a row has at least */
#define MOT_MOST   32

static gboolean
wrong_row (const Reading *self, guint line, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s:%u: neither a row of MOT (frame, id, left, top, width, height, ...: numbers) "
               "nor COCO (a JSON object)",
               self->path, line);
  return FALSE;
}

/* The numbers of a row, between commas or blanks; 0 where something else is among the first ones.
 */
static guint
read_numbers (char *row, double numbers[MOT_MOST])
{
  g_auto (GStrv) words = g_strsplit_set (row, ", \t;", -1);
  guint n = 0;

  for (char **word = words; *word && n < MOT_MOST; word++) {
    char *end;

    if (!**word)
      continue;
    numbers[n] = g_ascii_strtod (*word, &end);
    if (*end || !isfinite (numbers[n]))
      return n < MOT_FIELDS ? 0 : n;
    n++;
  }
  return n;
}

static gboolean
read_mot_row (Reading *self, char *row, guint line, GError **error)
{
  double numbers[MOT_MOST];
  const guint n = read_numbers (row, numbers);
  g_autofree char *place = g_strdup_printf ("line %u", line);

  if (n < MOT_FIELDS || numbers[0] < 0 || numbers[0] > MOST_FRAME ||
      numbers[0] != floor (numbers[0]) || numbers[1] != floor (numbers[1]) ||
      numbers[1] >= G_MAXINT)
    return wrong_row (self, line, error);
  /* A confidence of 0 marks what is not to be looked at. */
  if (n > MOT_FIELDS && numbers[6] == 0) {
    self->n_ignored++;
    return TRUE;
  }
  const CowBox box = { .frame = (guint64)numbers[0],
                       .track = numbers[1] >= 0 ? (gint64)numbers[1] : -1,
                       .x = numbers[2],
                       .y = numbers[3],
                       .w = numbers[4],
                       .h = numbers[5] };
  return add (self, &box, place, error);
}

static gboolean
read_mot (Reading *self, char *text, GError **error)
{
  char *next = text;

  for (guint line = 1; next; line++) {
    char *row = next, *end = strchr (row, '\n');

    next = end ? end + 1 : NULL;
    if (end)
      *end = '\0';
    g_strstrip (row);
    if (*row && *row != '#' && !read_mot_row (self, row, line, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- COCO ------------------------------------------------------------------------------------ */

/* "frame_000012.png": 12; -1 without a number. */
static gint64
number_of_name (const char *name)
{
  const char *end = name + strlen (name), *dot = strrchr (name, '.');

  if (dot && !strchr (dot, '/'))
    end = dot;
  while (end > name && !g_ascii_isdigit (end[-1]))
    end--;
  const char *begin = end;
  while (begin > name && g_ascii_isdigit (begin[-1]) && end - begin < 10)
    begin--;
  return begin < end ? (gint64)g_ascii_strtoull (begin, NULL, 10) : -1;
}

/* The size of all pictures is that of the first; another one is an error, since the boxes would be
 * those of another camera. */
static gboolean
take_size (Reading *self, JsonObject *image, const char *where, GError **error)
{
  gint64 width = 0, height = 0;

  if (!cow_json_get_int (image, where, "width", 0, G_MAXUINT16, &width, error) ||
      !cow_json_get_int (image, where, "height", 0, G_MAXUINT16, &height, error))
    return FALSE;
  if (self->boxes->width == 0) {
    self->boxes->width = (int)width;
    self->boxes->height = (int)height;
  }
  if (self->boxes->width == width && self->boxes->height == height)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
               " pixels, while others have %d x %d: the frames of one recording are expected",
               where, width, height, self->boxes->width, self->boxes->height);
  return FALSE;
}

/* Which frame each picture is: id -> number + 1. */
static gboolean
read_images (Reading *self, JsonArray *images, GHashTable *frames, GError **error)
{
  for (guint i = 0; i < json_array_get_length (images); i++) {
    g_autofree char *where = g_strdup_printf ("%s: images[%u]", self->path, i);
    JsonObject *image = cow_json_object_at (images, i, where, error);
    gint64 id = -1, frame = -1;
    const char *name = NULL;

    if (!image || !cow_json_require (image, where, "id", error) ||
        !cow_json_get_int (image, where, "id", G_MININT64, G_MAXINT64, &id, error) ||
        !cow_json_get_string (image, where, "file_name", &name, error) ||
        !cow_json_get_int (image, where, "frame_id", 0, MOST_FRAME, &frame, error) ||
        !take_size (self, image, where, error))
      return FALSE;
    if (frame < 0 && name)
      frame = number_of_name (name);
    if (frame < 0 || frame > MOST_FRAME) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: neither \"frame_id\" nor a number in \"file_name\" says which frame it is",
                   where);
      return FALSE;
    }
    self->first_frame = MIN (self->first_frame, (guint64)frame);
    g_hash_table_insert (frames, g_memdup2 (&id, sizeof id), GSIZE_TO_POINTER (frame + 1));
  }
  return TRUE;
}

/* "track_id" is where trackers write it, "attributes" where CVAT does. */
static gboolean
read_track (JsonObject *annotation, const char *where, gint64 *track, GError **error)
{
  JsonObject *attributes = NULL;

  return cow_json_get_int (annotation, where, "track_id", -1, G_MAXINT - 1, track, error) &&
         cow_json_get_object (annotation, where, "attributes", &attributes, error) &&
         (*track >= 0 || !attributes ||
          cow_json_get_int (attributes, where, "track_id", -1, G_MAXINT - 1, track, error));
}

static gboolean
read_bbox (JsonObject *annotation, const char *where, CowBox *box, GError **error)
{
  double *const numbers[] = { &box->x, &box->y, &box->w, &box->h };
  JsonArray *array = NULL;

  if (!cow_json_require (annotation, where, "bbox", error) ||
      !cow_json_get_array (annotation, where, "bbox", &array, error))
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    JsonNode *node = i < json_array_get_length (array) ? json_array_get_element (array, i) : NULL;

    if (!node || json_array_get_length (array) != 4 ||
        !(cow_json_holds (node, G_TYPE_DOUBLE) || cow_json_holds (node, G_TYPE_INT64))) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: \"bbox\" has four numbers", where);
      return FALSE;
    }
    *numbers[i] = json_node_get_double (node);
  }
  return TRUE;
}

static gboolean
read_annotation (Reading *self, JsonObject *annotation, GHashTable *frames, const char *where,
                 GError **error)
{
  CowBox box = { .track = -1 };
  gint64 image = 0, crowd = 0;
  gpointer frame;

  if (!cow_json_require (annotation, where, "image_id", error) ||
      !cow_json_get_int (annotation, where, "image_id", G_MININT64, G_MAXINT64, &image, error) ||
      !cow_json_get_int (annotation, where, "iscrowd", 0, 1, &crowd, error) ||
      !read_track (annotation, where, &box.track, error) ||
      !read_bbox (annotation, where, &box, error))
    return FALSE;
  if (crowd) {
    self->n_ignored++;
    return TRUE;
  }
  frame = g_hash_table_lookup (frames, &image);
  if (!frame) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"image_id\" %" G_GINT64_FORMAT " is none of the images", where, image);
    return FALSE;
  }
  box.frame = GPOINTER_TO_SIZE (frame) - 1;
  return add (self, &box, where + strlen (self->path) + 2, error);
}

static gboolean
read_coco (Reading *self, const char *text, gsize n_bytes, GError **error)
{
  g_autoptr (JsonObject) root = cow_json_parse_object (text, n_bytes, self->path, error);
  g_autoptr (GHashTable) frames = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  JsonArray *images = NULL, *annotations = NULL;

  if (!root || !cow_json_require (root, self->path, "images", error) ||
      !cow_json_get_array (root, self->path, "images", &images, error) ||
      !cow_json_require (root, self->path, "annotations", error) ||
      !cow_json_get_array (root, self->path, "annotations", &annotations, error) ||
      !read_images (self, images, frames, error))
    return FALSE;
  for (guint i = 0; i < json_array_get_length (annotations); i++) {
    g_autofree char *where = g_strdup_printf ("%s: annotations[%u]", self->path, i);
    JsonObject *annotation = cow_json_object_at (annotations, i, where, error);

    if (!annotation || !read_annotation (self, annotation, frames, where, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- both ------------------------------------------------------------------------------------ */

static char *
read_text (const char *path, gsize *n_bytes, GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *encoding;
  char *bytes;

  if (!cow_path_is_file (path)) {
    if (!cow_path_exists (path))
      cow_path_explain_absent (path, error);
    else
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s is no file", path);
    return NULL;
  }
  if (!g_file_get_contents (path, &bytes, n_bytes, &local)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s", local->message);
    return NULL;
  }
  if (*n_bytes <= MOST_BYTES)
    return text_file_decode (path, bytes, n_bytes, &encoding, error);
  g_free (bytes);
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: the file is larger than 1 GiB", path);
  return NULL;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const CowBox *x = a, *y = b;

  return (x->frame > y->frame) - (x->frame < y->frame);
}

/* MOT counts frames from 1 and so do programs that name pictures; some count from 0, which shows.
 */
static void
finish (Reading *self, const char *format)
{
  CowBoxes *boxes = self->boxes;
  const guint from = self->first_frame > 0;
  g_autofree char *name = g_path_get_basename (self->path);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < boxes->boxes->len; i++)
    g_array_index (boxes->boxes, CowBox, i).frame -= from;
  g_array_sort (boxes->boxes, compare); /* stable, as GLib's merge sort is */
  boxes->first_number = from;
  boxes->tracked = self->n_tracked == boxes->boxes->len;
  boxes->last_frame = g_array_index (boxes->boxes, CowBox, boxes->boxes->len - 1).frame;
  g_string_append_printf (text, "%s: %s, %u box%s, frames counted from %u, %s", name, format,
                          boxes->boxes->len, words_of (boxes->boxes->len, "", "es"), from,
                          boxes->tracked ? "with tracks" : "without tracks");
  if (!boxes->tracked && self->n_tracked > 0)
    g_string_append_printf (text, " (%u %s one, which does not count)", self->n_tracked,
                            words_of (self->n_tracked, "has", "have"));
  if (self->n_ignored > 0)
    g_string_append_printf (text, "; %u %s marked as not to be looked at", self->n_ignored,
                            words_of (self->n_ignored, "is", "are"));
  boxes->text = g_string_free (text, FALSE);
}

CowBoxes *
cow_boxes_read (const char *path, GError **error)
{
  g_autoptr (CowBoxes) boxes = g_new0 (CowBoxes, 1);
  Reading reading = { .path = path, .boxes = boxes, .first_frame = G_MAXUINT64 };
  gsize n_bytes;

  boxes->boxes = g_array_new (FALSE, FALSE, sizeof (CowBox));
  g_autofree char *text = read_text (path, &n_bytes, error);
  if (!text)
    return NULL;
  const gboolean coco = text[strspn (text, " \t\r\n")] == '{';
  if (coco ? !read_coco (&reading, text, n_bytes, error) : !read_mot (&reading, text, error))
    return NULL;
  if (boxes->boxes->len == 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: there are no boxes", path);
    return NULL;
  }
  finish (&reading, coco ? "COCO" : "MOT");
  return g_steal_pointer (&boxes);
}

void
cow_boxes_free (CowBoxes *self)
{
  g_array_unref (self->boxes);
  g_free (self->text);
  g_free (self);
}

const CowBox *
cow_boxes_at (const CowBoxes *self, guint64 frame, guint *n)
{
  const CowBox *boxes = (const CowBox *)(const void *)self->boxes->data;
  guint low = 0, high = self->boxes->len;

  while (low < high) {
    const guint middle = low + (high - low) / 2;

    if (boxes[middle].frame < frame)
      low = middle + 1;
    else
      high = middle;
  }
  *n = 0;
  while (low + *n < self->boxes->len && boxes[low + *n].frame == frame)
    (*n)++;
  return *n > 0 ? boxes + low : NULL;
}

gboolean
cow_boxes_place (const CowBoxes *self, const CowBox *box, int width, int height, int place[4])
{
  const double across = self->width > 0 ? (double)width / self->width : 1,
               down = self->height > 0 ? (double)height / self->height : 1;
  const double left = MAX (box->x * across, 0), top = MAX (box->y * down, 0),
               right = MIN ((box->x + box->w) * across, width),
               bottom = MIN ((box->y + box->h) * down, height);

  place[0] = (int)lrint (left);
  place[1] = (int)lrint (top);
  place[2] = (int)lrint (right) - place[0];
  place[3] = (int)lrint (bottom) - place[1];
  return left < right && top < bottom && place[2] > 0 && place[3] > 0;
}
