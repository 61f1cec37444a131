/* SPDX-License-Identifier: MIT */
/* Decides which picture goes where, and which ones of the last frame can be used again. */
#include "gst-plugin/overlay/painter.h"

/* Distance between the bar of a tag and the line of its box, px. */
#define GAP 2

#define BADGE "demonstration model"

struct _GstCowPainter {
  GstCowPen pen;
  GstCowOverlayStyle style;

  /* Pictures by their looks. Those that a frame does not use are dropped after it, so that there
   * are never more than one frame shows. */
  GHashTable *pictures, *next_pictures;     /* text to GstBuffer */
  GHashTable *rectangles, *next_rectangles; /* text and place to GstVideoOverlayRectangle */

  GPtrArray *shown; /* the rectangles of `composition` in their order */
  GPtrArray *now;   /* those of the frame at work */
  GstVideoOverlayComposition *composition;
  GArray *taken; /* of GstVideoRectangle: where tags are in the frame at work */
};

static GHashTable *
table_new (GDestroyNotify unref)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref);
}

static void
unref_buffer (gpointer buffer)
{
  gst_buffer_unref (buffer);
}

static void
unref_rectangle (gpointer rectangle)
{
  gst_video_overlay_rectangle_unref (rectangle);
}

GstCowPainter *
gst_cow_painter_new (const GstVideoInfo *info, const GstCowOverlayStyle *style)
{
  GstCowPainter *self = g_new0 (GstCowPainter, 1);

  self->style = *style;
  self->style.font = NULL;
  gst_cow_pen_init (&self->pen, info, style->line_width, style->font);
  self->pictures = table_new (unref_buffer);
  self->next_pictures = table_new (unref_buffer);
  self->rectangles = table_new (unref_rectangle);
  self->next_rectangles = table_new (unref_rectangle);
  self->shown = g_ptr_array_new_with_free_func (unref_rectangle);
  self->now = g_ptr_array_new_with_free_func (unref_rectangle);
  self->taken = g_array_new (FALSE, FALSE, sizeof (GstVideoRectangle));
  return self;
}

void
gst_cow_painter_free (GstCowPainter *self)
{
  g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  g_ptr_array_unref (self->shown);
  g_ptr_array_unref (self->now);
  g_array_unref (self->taken);
  g_hash_table_unref (self->pictures);
  g_hash_table_unref (self->next_pictures);
  g_hash_table_unref (self->rectangles);
  g_hash_table_unref (self->next_rectangles);
  gst_cow_pen_clear (&self->pen);
  g_free (self);
}

/* ---- pictures of the frame before ------------------------------------------------------------ */

/* The picture with this look, if this frame or the one before has it. Belongs to the painter. */
static GstBuffer *
find_picture (GstCowPainter *self, const char *look)
{
  GstBuffer *picture = g_hash_table_lookup (self->next_pictures, look);

  if (!picture && (picture = g_hash_table_lookup (self->pictures, look)))
    g_hash_table_insert (self->next_pictures, g_strdup (look), gst_buffer_ref (picture));
  return picture;
}

/* Keeps a picture, which it takes, for this frame and the next one. */
static GstBuffer *
keep_picture (GstCowPainter *self, const char *look, GstBuffer *picture)
{
  g_hash_table_insert (self->next_pictures, g_strdup (look), picture);
  return picture;
}

static void
place_picture (GstCowPainter *self, const char *look, GstBuffer *picture, gint x, gint y)
{
  const GstVideoMeta *size = gst_buffer_get_video_meta (picture);
  g_autofree char *key = g_strdup_printf ("%d,%d %s", x, y, look);
  GstVideoOverlayRectangle *rectangle = g_hash_table_lookup (self->rectangles, key);

  if (rectangle)
    gst_video_overlay_rectangle_ref (rectangle);
  else
    rectangle =
        gst_video_overlay_rectangle_new_raw (picture, x, y, size->width, size->height,
                                             GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  g_ptr_array_add (self->now, gst_video_overlay_rectangle_ref (rectangle));
  g_hash_table_insert (self->next_rectangles, g_steal_pointer (&key), rectangle);
}

static gboolean
looks_the_same (const GstCowPainter *self)
{
  gboolean same = self->now->len == self->shown->len;

  for (guint i = 0; same && i < self->now->len; i++)
    same = g_ptr_array_index (self->now, i) == g_ptr_array_index (self->shown, i);
  return same;
}

static void
compose (GstCowPainter *self)
{
  if (looks_the_same (self))
    return;
  g_clear_pointer (&self->composition, gst_video_overlay_composition_unref);
  if (self->now->len > 0)
    self->composition = gst_video_overlay_composition_new (g_ptr_array_index (self->now, 0));
  for (guint i = 1; i < self->now->len; i++)
    gst_video_overlay_composition_add_rectangle (self->composition,
                                                 g_ptr_array_index (self->now, i));
}

static void
swap_tables (GHashTable **last, GHashTable **next)
{
  GHashTable *old = *last;

  *last = *next;
  *next = old;
  g_hash_table_remove_all (old);
}

static void
end_frame (GstCowPainter *self)
{
  GPtrArray *old = self->shown;

  self->shown = self->now;
  self->now = old;
  g_ptr_array_set_size (old, 0);
  g_array_set_size (self->taken, 0);
  swap_tables (&self->pictures, &self->next_pictures);
  swap_tables (&self->rectangles, &self->next_rectangles);
}

/* ---- boxes ----------------------------------------------------------------------------------- */

static void
place_part (GstCowPainter *self, const GstCowShown *shown, const GstVideoRectangle *box,
            GstVideoRectangle part)
{
  const gboolean dashed = shown->place == GST_COW_PLACE_ZONE;
  const gint x = box->x + part.x, y = box->y + part.y;
  g_autofree char *look =
      g_strdup_printf ("box %dx%d %d,%d %dx%d %06x %u %d", box->w, box->h, part.x, part.y, part.w,
                       part.h, shown->colour, shown->fade, dashed);
  GstBuffer *picture = find_picture (self, look);

  if (!picture)
    picture = keep_picture (
        self, look, gst_cow_draw_box (&self->pen, box, &part, shown->colour, shown->fade, dashed));
  place_picture (self, look, picture, x, y);
}

/* Places the four sides of a box, since its inside is empty; one picture where they would touch. */
static void
place_box (GstCowPainter *self, const GstCowShown *shown)
{
  const gint border = gst_cow_pen_border (&self->pen);
  const gint x = shown->box.x & ~1, y = shown->box.y & ~1;
  const GstVideoRectangle box = { x, y, gst_cow_even (shown->box.x + shown->box.w) - x,
                                  gst_cow_even (shown->box.y + shown->box.h) - y };

  if (box.w <= 4 * border || box.h <= 4 * border) {
    place_part (self, shown, &box, (GstVideoRectangle){ 0, 0, box.w, box.h });
    return;
  }
  place_part (self, shown, &box, (GstVideoRectangle){ 0, 0, box.w, border });
  place_part (self, shown, &box, (GstVideoRectangle){ 0, box.h - border, box.w, border });
  place_part (self, shown, &box, (GstVideoRectangle){ 0, border, border, box.h - 2 * border });
  place_part (self, shown, &box,
              (GstVideoRectangle){ box.w - border, border, border, box.h - 2 * border });
}

/* ---- tags ------------------------------------------------------------------------------------ */

static gboolean
is_taken (const GstCowPainter *self, const GstVideoRectangle *tag)
{
  for (guint i = 0; i < self->taken->len; i++) {
    const GstVideoRectangle *other = &g_array_index (self->taken, GstVideoRectangle, i);

    if (tag->x < other->x + other->w && other->x < tag->x + tag->w &&
        tag->y < other->y + other->h && other->y < tag->y + tag->h)
      return TRUE;
  }
  return FALSE;
}

/* The height of the frame without the strip, which boxes and tags share. */
static gint
free_height (const GstCowPainter *self)
{
  return self->pen.height - (self->style.budget ? gst_cow_pen_strip_height (&self->pen) : 0);
}

/* Finds a place for a tag above its box, inside it or below it: the first one that is in the frame
 * and free, else inside it. */
static void
find_place (const GstCowPainter *self, const GstCowShown *shown, GstVideoRectangle *tag)
{
  const GstVideoRectangle *box = &shown->box;
  const gint bottom = box->y + box->h, border = gst_cow_pen_border (&self->pen);
  const gint inside = box->y + border,
             rows[] = { box->y - tag->h - GAP, inside, bottom - border - tag->h, bottom + GAP };
  const gint columns[] = { box->x, box->x + box->w - tag->w };
  const gint last_x = MAX (self->pen.width - tag->w, 0),
             last_y = MAX (free_height (self) - tag->h, 0);

  for (guint i = shown->place == GST_COW_PLACE_ROI ? 0 : 2; i < 2 * G_N_ELEMENTS (rows); i++) {
    const gint y = rows[i / 2];

    tag->x = CLAMP (columns[i % 2], 0, last_x) & ~1;
    tag->y = y & ~1;
    if (y >= 0 && y <= last_y && !is_taken (self, tag))
      return;
  }
  tag->x = CLAMP (columns[0], 0, last_x) & ~1;
  tag->y = CLAMP (inside, 0, last_y) & ~1;
}

/* Finds a place for a tag in the corner, below the tags that are there. */
static void
find_corner (const GstCowPainter *self, GstVideoRectangle *tag)
{
  const gint margin = gst_cow_even (self->pen.text / 2),
             last_y = MAX (free_height (self) - tag->h, 0);

  tag->x = MIN (margin, MAX (self->pen.width - tag->w, 0)) & ~1;
  for (tag->y = MIN (margin, last_y) & ~1; is_taken (self, tag) && tag->y + 2 * tag->h <= last_y;
       tag->y += tag->h + 2)
    continue;
}

static char *
details_of (const GstCowPainter *self, const GstCowShown *shown)
{
  const char *parts[4] = { NULL };
  guint n = 0;

  if (shown->name)
    parts[n++] = shown->name;
  if (self->style.id && shown->who)
    parts[n++] = shown->who;
  if (self->style.age && shown->age)
    parts[n++] = shown->age;
  return n > 0 ? g_strjoinv ("  ", (char **)parts) : NULL;
}

static void
place_tag (GstCowPainter *self, const GstCowShown *shown)
{
  g_autofree char *details = details_of (self, shown);
  /* In steps of a hundredth: nobody sees finer ones, and each costs a drawing. */
  const gint percent = self->style.confidence ? (gint)(shown->confidence * 100 + 0.5) : -1;
  g_autofree char *look = g_strdup_printf ("tag %06x %u %d %s\n%s", shown->colour, shown->fade,
                                           percent, shown->label, details ? details : "");
  GstBuffer *picture = find_picture (self, look);
  const GstVideoMeta *size;
  GstVideoRectangle tag;

  if (!picture)
    picture = keep_picture (self, look,
                            gst_cow_draw_tag (&self->pen, shown->label, details, percent / 100.0,
                                              shown->colour, shown->fade));
  size = gst_buffer_get_video_meta (picture);
  tag = (GstVideoRectangle){ 0, 0, (gint)size->width, (gint)size->height };
  if (shown->place == GST_COW_PLACE_FRAME)
    find_corner (self, &tag);
  else
    find_place (self, shown, &tag);
  g_array_append_val (self->taken, tag);
  place_picture (self, look, picture, tag.x, tag.y);
}

/* ---- the strip ------------------------------------------------------------------------------- */

static void
place_strip (GstCowPainter *self, const GstCowBudget *budget)
{
  const gint height = gst_cow_pen_strip_height (&self->pen);
  const gdouble total = gst_cow_budget_total (budget);
  g_autoptr (GString) look = g_string_new ("strip");
  GstBuffer *picture;

  if (height == 0 || total <= 0)
    return;
  for (guint i = 0; i < budget->shares->len; i++) {
    const GstCowShare *share = &g_array_index (budget->shares, GstCowShare, i);

    g_string_append_printf (look, " %d %.0f %06x %s", gst_cow_strip_end (&self->pen, budget, i),
                            100 * share->cow_seconds / total, share->colour, share->label);
  }
  picture = find_picture (self, look->str);
  if (!picture)
    picture = keep_picture (self, look->str, gst_cow_draw_strip (&self->pen, budget));
  place_picture (self, look->str, picture, 0, (self->pen.height - height) & ~1);
}

/* ---- the badge ------------------------------------------------------------------------------- */

/* Whoever sees the picture may not see the warning of the program that makes it. It stands at the
 * right edge, as far up as there is room, and never on a tag. */
static void
place_badge (GstCowPainter *self)
{
  static const char look[] = "badge";
  GstBuffer *picture = find_picture (self, look);
  const gint margin = gst_cow_even (self->pen.text / 2);
  const GstVideoMeta *size;
  GstVideoRectangle badge;

  if (!picture)
    picture = keep_picture (
        self, look, gst_cow_draw_tag (&self->pen, BADGE, NULL, -1, gst_cow_view_colour (-1), 0));
  size = gst_buffer_get_video_meta (picture);
  badge = (GstVideoRectangle){ .y = margin & ~1, .w = (gint)size->width, .h = (gint)size->height };
  badge.x = MAX (self->pen.width - badge.w - margin, 0) & ~1;
  while (is_taken (self, &badge) && badge.y + badge.h <= free_height (self))
    badge.y += 2;
  if (badge.y + badge.h <= free_height (self))
    place_picture (self, look, picture, badge.x, badge.y);
}

GstVideoOverlayComposition *
gst_cow_painter_paint (GstCowPainter *self, const GArray *view, const GstCowBudget *budget,
                       gboolean demonstration)
{
  for (guint i = 0; i < view->len; i++) {
    const GstCowShown *shown = &g_array_index (view, GstCowShown, i);

    if (shown->place != GST_COW_PLACE_FRAME)
      place_box (self, shown);
  }
  for (guint i = 0; i < view->len; i++)
    place_tag (self, &g_array_index (view, GstCowShown, i));
  if (demonstration)
    place_badge (self);
  if (self->style.budget)
    place_strip (self, budget);
  compose (self);
  end_frame (self);
  return self->composition ? gst_video_overlay_composition_ref (self->composition) : NULL;
}
