/* SPDX-License-Identifier: MIT */
/* One picture of the nine behaviours with their names, for a README and to look at what the
 * renderer draws. */
#ifndef COW_RENDER_SHEET_H
#define COW_RENDER_SHEET_H

#include "pipelines/demo/render-picture.h"

typedef struct {
  guint64 seed;
  RenderStyle style;
  int size;    /* of a picture's longer side, pixels */
  int columns; /* columns of behaviours */
  int each;    /* pictures per behaviour */
} RenderSheetOptions;

gboolean render_sheet_write (const char *path, const RenderSheetOptions *options, GError **error);
/* Writes a surface as PNG and destroys the surface. */
gboolean render_png_write (cairo_surface_t *surface, const char *path, GError **error);

#endif
