/* SPDX-License-Identifier: MIT */
/* The room of one stream in the engine. */
#include "gst-plugin/behavior/slots.h"

#include <gio/gio.h>
#include <gst/gst.h>

typedef struct {
  CowEngine *engine;
  CowTicket *ticket;
} Slot;

static void
slot_free (gpointer data)
{
  Slot *slot = data;

  cow_ticket_unref (slot->ticket);
  cow_engine_unref (slot->engine);
  g_free (slot);
}

void
gst_cow_slots_init (GstCowSlots *self)
{
  *self = (GstCowSlots){ .occupied = G_QUEUE_INIT };
  g_mutex_init (&self->lock);
}

void
gst_cow_slots_clear (GstCowSlots *self)
{
  gst_cow_slots_release_all (self);
  g_mutex_clear (&self->lock);
}

void
gst_cow_slots_set_flushing (GstCowSlots *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  if (flushing && self->waiting)
    cow_ticket_cancel (self->waiting);
  g_mutex_unlock (&self->lock);
}

/* Pictures that are still prepared or being computed; forgets the tickets that are done. */
static guint
n_occupied (GstCowSlots *self)
{
  guint n = 0;

  for (GList *link = self->occupied.head, *next; link; link = next) {
    Slot *slot = link->data;

    next = link->next;
    if (cow_ticket_is_done (slot->ticket)) {
      g_queue_delete_link (&self->occupied, link);
      slot_free (slot);
    } else {
      n += cow_ticket_n_regions (slot->ticket);
    }
  }
  return n;
}

gboolean
gst_cow_slots_reserve (GstCowSlots *self, guint n, GError **error)
{
  while (n_occupied (self) + n > GST_COW_SLOTS_MAX) {
    const Slot *oldest = g_queue_peek_head (&self->occupied);
    g_autoptr (CowTicket) ticket = cow_ticket_ref (oldest->ticket);
    g_autoptr (GError) reason = NULL;

    cow_engine_flush (oldest->engine, ticket);
    /* Whether the forward pass succeeded is for the frame that the ticket belongs to. */
    if (!gst_cow_slots_wait (self, ticket, &reason) &&
        g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
  }
  return TRUE;
}

void
gst_cow_slots_occupy (GstCowSlots *self, CowEngine *engine, CowTicket *ticket)
{
  Slot *slot = g_new (Slot, 1);

  *slot = (Slot){ cow_engine_ref (engine), cow_ticket_ref (ticket) };
  g_queue_push_tail (&self->occupied, slot);
}

void
gst_cow_slots_release_all (GstCowSlots *self)
{
  g_queue_clear_full (&self->occupied, slot_free);
}

gboolean
gst_cow_slots_wait (GstCowSlots *self, CowTicket *ticket, GError **error)
{
  g_autoptr (GError) reason = NULL;
  gboolean ok;

  g_mutex_lock (&self->lock);
  if (self->flushing)
    cow_ticket_cancel (ticket);
  self->waiting = ticket;
  g_mutex_unlock (&self->lock);

  ok = cow_ticket_wait (ticket, &reason);

  g_mutex_lock (&self->lock);
  self->waiting = NULL;
  g_mutex_unlock (&self->lock);

  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_steal_pointer (&reason));
  else if (!ok)
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
                 "The network could not be run: %s", reason->message);
  return ok;
}
