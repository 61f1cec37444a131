/* SPDX-License-Identifier: MIT */
/* How long the cows of a stream did what. */
#include "gst-plugin/overlay/budget.h"

/* The longest time between two frames that counts: nothing is known of a longer pause. */
#define PAUSE (5 * GST_SECOND)

#define OTHER (-2)

static void
clear_share (gpointer data)
{
  g_free (((GstCowShare *)data)->label);
}

void
gst_cow_budget_init (GstCowBudget *self)
{
  self->shares = g_array_new (FALSE, FALSE, sizeof (GstCowShare));
  g_array_set_clear_func (self->shares, clear_share);
  self->last = GST_CLOCK_TIME_NONE;
}

void
gst_cow_budget_clear (GstCowBudget *self)
{
  g_clear_pointer (&self->shares, g_array_unref);
}

void
gst_cow_budget_reset (GstCowBudget *self)
{
  g_array_set_size (self->shares, 0);
  self->last = GST_CLOCK_TIME_NONE;
}

/* Compared as unsigned numbers, so that those below 0 come last. */
static guint
find_place (const GstCowBudget *self, gint label_id)
{
  guint i = 0;

  while (i < self->shares->len &&
         (guint)g_array_index (self->shares, GstCowShare, i).label_id <= (guint)label_id)
    i++;
  return i;
}

/* The share of a label, which is made where there is none. Valid until the next call. */
static GstCowShare *
find_share (GstCowBudget *self, const char *label, gint label_id, guint32 colour)
{
  GstCowShare share = { .label_id = label_id, .colour = colour };
  guint i;

  for (i = 0; i < self->shares->len; i++) {
    GstCowShare *known = &g_array_index (self->shares, GstCowShare, i);

    if (g_str_equal (known->label, label))
      return known;
  }
  if (self->shares->len >= GST_COW_BUDGET_MAX && label_id != OTHER)
    return find_share (self, "other", OTHER, gst_cow_view_colour (OTHER));
  share.label = g_strdup (label);
  i = find_place (self, label_id);
  g_array_insert_val (self->shares, i, share);
  return &g_array_index (self->shares, GstCowShare, i);
}

void
gst_cow_budget_add (GstCowBudget *self, const GArray *view, GstClockTime now)
{
  gdouble seconds = 0;

  if (!GST_CLOCK_TIME_IS_VALID (now))
    return;
  if (GST_CLOCK_TIME_IS_VALID (self->last) && now > self->last)
    seconds = (gdouble)MIN (now - self->last, PAUSE) / GST_SECOND;
  self->last = now;
  for (guint i = 0; seconds > 0 && i < view->len; i++) {
    const GstCowShown *shown = &g_array_index (view, GstCowShown, i);

    find_share (self, shown->label, MAX (shown->label_id, -1), shown->colour)->cow_seconds +=
        seconds;
  }
}

gdouble
gst_cow_budget_total (const GstCowBudget *self)
{
  gdouble total = 0;

  for (guint i = 0; i < self->shares->len; i++)
    total += g_array_index (self->shares, GstCowShare, i).cow_seconds;
  return total;
}
