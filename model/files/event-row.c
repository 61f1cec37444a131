/* SPDX-License-Identifier: MIT */
#include "model/files/event-row.h"

#include <math.h>

#include "model/files/csv-field.h"

#define NS_PER_MS G_GINT64_CONSTANT (1000000)

void
cow_event_row_append_seconds (GString *text, gint64 ns)
{
  const gint64 ms = (ns + NS_PER_MS / 2) / NS_PER_MS;

  g_string_append_printf (text, "%" G_GINT64_FORMAT ".%03d", ms / 1000, (int)(ms % 1000));
}

void
cow_event_row_append_number (GString *text, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  if (isfinite (value))
    g_string_append (text, g_ascii_formatd (number, sizeof number, "%.6g", value));
}

void
cow_event_row_append (GString *text, const CowEventRow *row)
{
  cow_csv_append_name (text, row->source);
  g_string_append_c (text, ',');
  cow_csv_append_name (text, row->zone);
  g_string_append_c (text, ',');
  cow_csv_append_name (text, row->track);
  g_string_append_c (text, ',');
  if (row->time >= 0)
    cow_event_row_append_seconds (text, row->time);
  g_string_append_printf (text, ",%s,", row->wall_clock ? row->wall_clock : "");
  cow_csv_append_name (text, row->label);
  g_string_append_c (text, ',');
  cow_event_row_append_number (text, row->confidence);
}
