/* SPDX-License-Identifier: MIT */
/*
 * An event as a row of comma-separated values (RFC 4180), as `cowpublish` and `cow-trainer
 * annotate` write them, so that whoever reads the one reads the other. Any thread.
 */
#ifndef COW_EVENT_ROW_H
#define COW_EVENT_ROW_H

#include <glib.h>

G_BEGIN_DECLS

/* The columns that a table of events begins with. */
#define COW_EVENT_COLUMNS "source,zone,track,time,wall_clock,label,confidence"

/* All borrowed; what is not known is an empty field. */
typedef struct {
  const char *source;
  const char *zone, *track; /* NULL: it is in no zone, is no track; the whole frame is neither */
  gint64 time;              /* in the stream, ns; -1: not known */
  const char *wall_clock;   /* when the picture was taken, by ISO 8601; NULL: not known */
  const char *label;
  double confidence; /* NAN: not known */
} CowEventRow;

/* Appends these columns, without a comma or a line's end behind them. */
void cow_event_row_append (GString *text, const CowEventRow *row);
/* Appends seconds with three digits, such as "12.345", rounded. */
void cow_event_row_append_seconds (GString *text, gint64 ns);
/* Appends a number with as many digits as a probability is accurate to; nothing for one that is not
 * finite. */
void cow_event_row_append_number (GString *text, double value);

G_END_DECLS

#endif
