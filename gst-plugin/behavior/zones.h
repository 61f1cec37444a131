/* SPDX-License-Identifier: MIT */
/* The property `zones`: named parts of the picture that do not move, such as pens and lying
 * cubicles. */
#ifndef GST_COW_ZONES_H
#define GST_COW_ZONES_H

#include <glib.h>

#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

/* Limits: zones of one element, and bytes of a name. */
#define GST_COW_ZONES_MAX     64
#define GST_COW_ZONE_MAX_NAME 64

/* A zone; numbers are fractions of the frame's width and height. */
typedef struct {
  char *name;
  gdouble x, y, w, h;
} GstCowZone;

/*
 * Reads "NAME=x,y,w,h; NAME=x,y x,y x,y ...": a rectangle by its upper left corner and size, or a
 * polygon of at least three corners, of which the bounding box is taken. All numbers are from 0
 * to 1. An empty text has no zones. For an invalid text it returns NULL, and COW_ERROR_ARGUMENT
 * says which zone is wrong and how. Free the array of GstCowZone with g_array_unref ().
 */
GArray *gst_cow_zones_parse (const char *text, GError **error);
/* The region of a zone in a frame of width x height px; it has at least one pixel. */
CowRegion gst_cow_zone_region (const GstCowZone *zone, gint width, gint height);

G_END_DECLS

#endif
