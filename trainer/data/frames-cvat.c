/* SPDX-License-Identifier: MIT */
/* "CVAT for images 1.1": annotations.xml with an <image> for each picture, in which <box label=...
 * xtl ytl xbr ybr> and other shapes have <attribute> elements of their own. Pictures are in images/
 * beside it, of a project below the name of their subset. */
#include <math.h>
#include <string.h>

#include "model/files/printable.h"
#include "trainer/data/cvat.h"
#include "trainer/data/frames-readers.h"

typedef struct {
  FramesDraft *draft;
  const char *path;
  CowSplit split;
  guint depth;
  gboolean in_image; /* a picture that was taken is open */
  gboolean in_box;
  CowBounds box;
  char *label, *behaviour, *identity; /* of the box */
  char *attribute;                    /* whose text is being read, or NULL */
  GString *text;
} Reader;

static char *
place_of (const Reader *self, GMarkupParseContext *context)
{
  int line, character;

  g_markup_parse_context_get_position (context, &line, &character);
  return g_strdup_printf ("%s:%d", self->path, line);
}

static gboolean
fail (const char *place, const char *what, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s", place, what);
  return FALSE;
}

static gboolean
parse_number (const char *text, double *number)
{
  char *end;

  *number = text ? g_ascii_strtod (text, &end) : 0;
  return text && *text && *end == '\0' && isfinite (*number);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Where the picture of an <image> is; NULL: not there, or an error. */
static char *
locate (Reader *self, const char *name, const char *subset, GError **error)
{
  g_autofree char *beside = g_path_get_dirname (self->path),
                  *images = g_build_filename (beside, "images", NULL),
                  *below = g_build_filename (images, subset ? subset : "default", NULL);
  const char *const folders[] = { below, images, beside, NULL };

  return frames_draft_locate (self->draft, folders, name, FALSE, error);
}

static gboolean
begin_image (Reader *self, const char **names, const char **values, const char *place,
             GError **error)
{
  const char *name = cow_cvat_attribute (names, values, "name"),
             *subset = cow_cvat_attribute (names, values, "subset");
  double width = 0, height = 0;
  g_autoptr (GError) local = NULL;

  if (!name || !*name || !parse_number (cow_cvat_attribute (names, values, "width"), &width) ||
      !parse_number (cow_cvat_attribute (names, values, "height"), &height) || width < 1 ||
      height < 1 || width > G_MAXUINT16 || height > G_MAXUINT16)
    return fail (place, "an <image> has name, width and height", error);
  g_autofree char *path = locate (self, name, subset, &local), *shown = cow_printable (name, FALSE),
                  *where = g_strdup_printf ("%s: \"%s\"", place, shown);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  if (!path) {
    frames_draft_find (self->draft, FRAMES_ABSENT, where);
    return TRUE;
  }
  FramesEntry entry = {
    .path = path, .width = (int)width, .height = (int)height, .split = self->split
  };
  if (subset && self->draft->may_divide)
    cow_split_parse (subset, &entry.split);
  return frames_draft_add (self->draft, &entry, where, &self->in_image, error);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static gboolean
read_corners (Reader *self, const char **names, const char **values, const char *place,
              GError **error)
{
  double right, bottom, degrees = 0;
  const char *rotation = cow_cvat_attribute (names, values, "rotation");

  if (!parse_number (cow_cvat_attribute (names, values, "xtl"), &self->box.x) ||
      !parse_number (cow_cvat_attribute (names, values, "ytl"), &self->box.y) ||
      !parse_number (cow_cvat_attribute (names, values, "xbr"), &right) ||
      !parse_number (cow_cvat_attribute (names, values, "ybr"), &bottom) ||
      (rotation && !parse_number (rotation, &degrees)))
    return fail (place, "a <box> has the numbers xtl, ytl, xbr and ybr", error);
  self->box.w = right - self->box.x;
  self->box.h = bottom - self->box.y;
  if (degrees != 0) {
    frames_draft_find (self->draft, FRAMES_ROTATED, place);
    self->box = frames_rotated (self->box, self->box.x + self->box.w / 2,
                                self->box.y + self->box.h / 2, degrees);
  }
  return TRUE;
}

/* "x,y;x,y;...": the box around it. */
static gboolean
read_points (Reader *self, const char *points, const char *place, GError **error)
{
  g_auto (GStrv) numbers = g_strsplit_set (points ? points : "", ",;", -1);
  double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY }, number;
  guint n = 0;

  for (; numbers[n]; n++) {
    if (!parse_number (numbers[n], &number))
      break;
    low[n % 2] = fmin (low[n % 2], number);
    high[n % 2] = fmax (high[n % 2], number);
  }
  if (numbers[n] || n < 6 || n % 2 != 0)
    return fail (place, "a <polygon> has points \"x,y;x,y;...\"", error);
  self->box = (CowBounds){ low[0], low[1], high[0] - low[0], high[1] - low[1] };
  frames_draft_find (self->draft, FRAMES_OUTLINE, place);
  return TRUE;
}

static gboolean
begin_shape (Reader *self, const char *element, const char **names, const char **values,
             const char *place, GError **error)
{
  const char *label = cow_cvat_attribute (names, values, "label");

  if (g_str_equal (element, "tag"))
    return TRUE;
  if (!g_str_equal (element, "box") && !g_str_equal (element, "polygon")) {
    frames_draft_find (self->draft, FRAMES_NO_BOX, place);
    return TRUE;
  }
  self->in_box = TRUE;
  self->label = g_strdup (label);
  return g_str_equal (element, "box")
             ? read_corners (self, names, values, place, error)
             : read_points (self, cow_cvat_attribute (names, values, "points"), place, error);
}

static gboolean
end_shape (Reader *self, const char *place, GError **error)
{
  const FramesBox box = { .place = self->box,
                          .label = self->behaviour ? self->behaviour : self->label,
                          .identity = self->identity };
  const gboolean ok = frames_draft_box (self->draft, &box, place, error);

  self->in_box = FALSE;
  g_clear_pointer (&self->label, g_free);
  g_clear_pointer (&self->behaviour, g_free);
  g_clear_pointer (&self->identity, g_free);
  return ok;
}

/* What an <attribute> of a box says: what the cow does, or who it is. */
static void
end_attribute (Reader *self)
{
  static const char *const behaviours[] = { "behaviour", "behavior", NULL }, *const names[] = {
    "identity", "individual", "cow_id", "cow", NULL
  };
  g_autofree char *key = g_ascii_strdown (self->attribute, -1),
                  *text = g_strdup (g_strstrip (self->text->str));
  char **kept = g_strv_contains (behaviours, key) ? &self->behaviour
                : g_strv_contains (names, key)    ? &self->identity
                                                  : NULL;

  if (kept && *text && !g_str_equal (text, "__undefined__")) {
    g_free (*kept);
    *kept = g_steal_pointer (&text);
  }
  g_clear_pointer (&self->attribute, g_free);
}

/* ---- XML ------------------------------------------------------------------------------------- */

static void
begin_element (GMarkupParseContext *context, const char *element, const char **names,
               const char **values, gpointer data, GError **error)
{
  Reader *self = data;
  g_autofree char *place = place_of (self, context);

  if (self->depth++ == 0 && !g_str_equal (element, "annotations"))
    fail (place, "<annotations> of CVAT is expected", error);
  else if (self->depth == 2 && g_str_equal (element, "track"))
    fail (place, "this is \"CVAT for video\"; export as \"CVAT for images 1.1\"", error);
  else if (self->depth == 2 && g_str_equal (element, "image"))
    begin_image (self, names, values, place, error);
  else if (self->depth == 3 && self->in_image)
    begin_shape (self, element, names, values, place, error);
  else if (self->depth == 4 && self->in_box && g_str_equal (element, "attribute")) {
    self->attribute = g_strdup (cow_cvat_attribute (names, values, "name"));
    g_string_truncate (self->text, 0);
  }
}

static void
end_element (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  Reader *self = data;
  g_autofree char *place = place_of (self, context);

  self->depth--;
  if (self->depth == 3 && self->attribute)
    end_attribute (self);
  else if (self->depth == 2 && self->in_box)
    end_shape (self, place, error);
  else if (self->depth == 1)
    self->in_image = FALSE;
}

static void
take_text (GMarkupParseContext *context, const char *text, gsize n_bytes, gpointer data,
           GError **error)
{
  Reader *self = data;

  if (self->attribute && self->depth == 4)
    g_string_append_len (self->text, text, (gssize)n_bytes);
}

gboolean
frames_read_cvat (FramesDraft *draft, const char *path, CowSplit split, GError **error)
{
  static const GMarkupParser parser = { .start_element = begin_element,
                                        .end_element = end_element,
                                        .text = take_text };
  gsize n_bytes;
  g_autofree char *xml = frames_read_text (path, &n_bytes, error);
  g_autoptr (GString) text = g_string_new (NULL);
  Reader self = { .draft = draft, .path = path, .split = split, .text = text };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &self, NULL);
  g_autoptr (GError) local = NULL;

  if (!xml)
    return FALSE;
  const gboolean ok = g_markup_parse_context_parse (context, xml, (gssize)n_bytes, &local) &&
                      g_markup_parse_context_end_parse (context, &local);
  g_free (self.label);
  g_free (self.behaviour);
  g_free (self.identity);
  g_free (self.attribute);
  if (!ok && local->domain == COW_ERROR)
    g_propagate_error (error, g_steal_pointer (&local));
  else if (!ok) {
    /* GLib quotes the file there, and may cut a letter in two. */
    g_autofree char *why = g_utf8_make_valid (local->message, -1);
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: not XML: %s", path, why);
  }
  return ok;
}
