/* SPDX-License-Identifier: MIT */
#include "trainer/data/contact-sheet.h"

#include <math.h>

#include "model/files/file-writer.h"
#include "model/training/random.h"
#include "trainer/data/frame-places.h"
#include "trainer/plot/plot.h"
#include "trainer/host/words.h"

#define MOST_TILE    224 /* px, the longer side of a drawn picture */
#define MOST_FRAME   320 /* the same of a whole frame, whose cows are small */
#define GAP          4   /* px between a picture and its copies */
#define WIDE_GAP     16  /* px between one picture and the next, and around all */
#define LABEL_HEIGHT 20  /* px above each row */

typedef struct {
  const CowContactSheet *sheet;
  CowLoaderOptions loading;
  CowPreparer *preparer;
  double scale; /* of a picture's pixels to the sheet's */
  double tile_width, tile_height;
  double cell_width;      /* of a picture with its copies, and the gap behind them */
  guint columns, n_lines; /* cells beside each other, and lines of them that a row has room for */
  guint8 *rgb;            /* [height, width, 3] */
} Sheet;

/* ---- one picture ----------------------------------------------------------------------------- */

static cairo_surface_t *
make_tile (const Sheet *self)
{
  const int width = self->loading.preprocess.width, height = self->loading.preprocess.height;
  cairo_surface_t *tile = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  guint8 *pixels = cairo_image_surface_get_data (tile);

  for (int y = 0; pixels && y < height; y++) {
    guint32 *row =
        (guint32 *)(void *)(pixels + (gsize)y * (gsize)cairo_image_surface_get_stride (tile));
    const guint8 *rgb = self->rgb + 3 * (gsize)y * (gsize)width;
    for (int x = 0; x < width; x++, rgb += 3)
      row[x] = (guint32)rgb[0] << 16 | (guint32)rgb[1] << 8 | rgb[2];
  }
  cairo_surface_mark_dirty (tile);
  return tile;
}

/* What is to be learnt of a frame, in px of its tile. */
static void
draw_boxes (const Sheet *self, cairo_t *cr, const CowLoadItem *item)
{
  const CowContactSheet *sheet = self->sheet;
  const CowPreprocess *preprocess = &self->loading.preprocess;

  if (!sheet->frames)
    return;
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (CowBounds));
  cow_frame_places (sheet->frames, cow_frames_get (sheet->frames, item->sample), item,
                    sheet->augment, preprocess, places, NULL);
  cairo_set_source_rgb (cr, 1, .77, 0);
  cairo_set_line_width (cr, 1.5 / self->scale);
  for (guint i = 0; i < places->len; i++) {
    const CowBounds *box = &g_array_index (places, CowBounds, i);
    cairo_rectangle (cr, box->x, box->y, box->w, box->h);
    cairo_stroke (cr);
  }
}

static gboolean
draw_tile (const Sheet *self, cairo_t *cr, double x, double y, const CowLoadItem *item,
           GError **error)
{
  if (!cow_load_rgb (&self->loading, self->preparer, item, self->rgb, error))
    return FALSE;
  cairo_surface_t *tile = make_tile (self);
  cairo_save (cr);
  cairo_translate (cr, x, y);
  cairo_scale (cr, self->scale, self->scale);
  cairo_set_source_surface (cr, tile, 0, 0);
  cairo_paint (cr);
  draw_boxes (self, cr, item);
  cairo_restore (cr);
  cairo_surface_destroy (tile);
  return TRUE;
}

/* ---- a class --------------------------------------------------------------------------------- */

/* Whether a picture belongs to a row: one of a class, or behind the classes of those that show
 * none. */
static gboolean
is_of_row (const CowDataset *dataset, const CowSample *sample, guint row)
{
  return row < dataset->n_classes
             ? cow_dataset_shows (dataset, sample, row)
             : g_str_equal (cow_dataset_label_text (dataset, sample), COW_LABEL_NONE);
}

/* Some pictures of a row, spread over all of its pictures, beginning where the seed says. */
static GArray *
choose (const CowContactSheet *self, guint label)
{
  const GArray *indices = self->dataset->splits[self->split];
  g_autoptr (GArray) own = g_array_new (FALSE, FALSE, sizeof (guint));
  GArray *chosen = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < indices->len; i++)
    if (is_of_row (self->dataset,
                   cow_dataset_sample (self->dataset, g_array_index (indices, guint, i)), label))
      g_array_append_val (own, g_array_index (indices, guint, i));
  const guint n = MIN (self->per_class, own->len),
              first = (guint)(cow_random_unit (self->seed, label) * own->len);
  for (guint i = 0; i < n; i++)
    g_array_append_val (chosen,
                        g_array_index (own, guint, (first + (gsize)i * own->len / n) % own->len));
  return chosen;
}

static gboolean
draw_class (const Sheet *self, PlotCanvas *canvas, double y, guint label, GError **error)
{
  const CowContactSheet *sheet = self->sheet;
  g_autoptr (GArray) chosen = choose (sheet, label);
  const CowDataset *dataset = sheet->dataset;
  const gboolean none = label == dataset->n_classes;
  const guint n = none ? cow_dataset_count_none (dataset, sheet->split)
                       : cow_dataset_count (dataset, sheet->split, (int)label);
  g_autofree char *text =
      g_strdup_printf ("%s: %u %s%s", none ? COW_LABEL_NONE : dataset->classes[label], n,
                       sheet->frames ? "frame" : "picture", words_s (n));
  const PlotText style = { .y_align = 1, .bold = TRUE };

  plot_text (canvas, WIDE_GAP, y + LABEL_HEIGHT - 3, &style, text);
  for (guint i = 0; i < chosen->len; i++)
    for (guint copy = 0; copy <= sheet->copies; copy++) {
      const guint sample = g_array_index (chosen, guint, i);
      const double left = WIDE_GAP + i % self->columns * self->cell_width +
                          copy * (self->tile_width + GAP),
                   top = y + LABEL_HEIGHT + i / self->columns * (self->tile_height + WIDE_GAP);
      const CowLoadItem item = { .sample = sample,
                                 .copy = copy,
                                 .key =
                                     cow_random_key (cow_random_key (sheet->seed, sample), copy) };
      if (!draw_tile (self, canvas->cr, left, top, &item, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- the sheet ------------------------------------------------------------------------------- */

static gboolean
check (cairo_status_t status, const char *path, GError **error)
{
  if (status != CAIRO_STATUS_SUCCESS)
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s", path, cairo_status_to_string (status));
  return status == CAIRO_STATUS_SUCCESS;
}

static gboolean
draw (const Sheet *self, const char *path, GError **error)
{
  const CowContactSheet *sheet = self->sheet;
  const gboolean none = cow_dataset_count_none (sheet->dataset, sheet->split) > 0;
  const guint n_rows =
      MIN (sheet->dataset->n_classes + (none ? 1 : 0), COW_CONTACT_SHEET_MOST_CLASSES);
  const double row = LABEL_HEIGHT + self->n_lines * (self->tile_height + WIDE_GAP);
  cairo_surface_t *surface = cairo_image_surface_create (
      CAIRO_FORMAT_RGB24, (int)ceil (WIDE_GAP + self->columns * self->cell_width),
      (int)ceil (WIDE_GAP + n_rows * row));
  cairo_t *cr = cairo_create (surface);
  PlotCanvas canvas = { cr, &plot_light };
  gboolean ok = TRUE;

  plot_set_colour (&canvas, PLOT_PAPER);
  cairo_paint (cr);
  for (guint c = 0; c < n_rows && ok; c++)
    ok = draw_class (self, &canvas, WIDE_GAP + c * row, c, error);
  ok = ok && check (cairo_status (cr), path, error);
  cairo_destroy (cr);
  g_autoptr (GString) png = ok ? plot_surface_png (surface, path, error) : NULL;
  cairo_surface_destroy (surface);
  return png && cow_bytes_write (png->str, png->len, path, error);
}

gboolean
cow_contact_sheet_write (const CowContactSheet *self, const char *path, GError **error)
{
  const CowPreprocess *preprocess = &self->preprocess;
  const double most = self->frames ? MOST_FRAME : MOST_TILE,
               scale = MIN (1, most / MAX (preprocess->width, preprocess->height));
  const guint n_most = MAX (MIN (self->per_class, self->dataset->splits[self->split]->len), 1);
  const guint columns = self->columns > 0 ? MIN (self->columns, self->per_class) : self->per_class;
  g_autofree guint8 *rgb = g_try_malloc (cow_preprocess_size (preprocess));
  g_autoptr (CowPreparer) preparer = cow_preparer_new (self->device, error);
  const Sheet sheet = { .sheet = self,
                        .loading = { .dataset = self->dataset,
                                     .device = self->device,
                                     .preprocess = *preprocess,
                                     .augment = self->augment },
                        .preparer = preparer,
                        .scale = scale,
                        .tile_width = preprocess->width * scale,
                        .tile_height = preprocess->height * scale,
                        .cell_width =
                            (self->copies + 1) * (preprocess->width * scale + GAP) + WIDE_GAP - GAP,
                        .columns = columns,
                        .n_lines = (n_most + columns - 1) / columns,
                        .rgb = rgb };

  if (!preparer)
    return FALSE;
  return rgb ? draw (&sheet, path, error) : cow_check (CK_NO_MEMORY, error, "a contact sheet");
}
