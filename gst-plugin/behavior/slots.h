/* SPDX-License-Identifier: MIT */
/*
 * The room of one stream in the engine: a bounded number of prepared pictures (crops that were
 * resampled when they were submitted), and the only place where the streaming thread waits. A
 * flush ends each wait. gst_cow_slots_set_flushing () may be called from any thread, everything
 * else is for the streaming thread.
 */
#ifndef GST_COW_SLOTS_H
#define GST_COW_SLOTS_H

#include "model/engine/engine.h"

G_BEGIN_DECLS

/* Prepared pictures of one stream that the engine has not computed yet, at most: one batch is
 * computed while the next one fills. */
#define GST_COW_SLOTS_MAX (2 * COW_ENGINE_MAX_BATCH)

typedef struct {
  GQueue occupied; /* of Slot: tickets that may still hold pictures, oldest first */

  GMutex lock;        /* protects what is below */
  CowTicket *waiting; /* the ticket that the streaming thread waits for, or NULL; borrowed */
  gboolean flushing;  /* nobody may wait */
} GstCowSlots;

void gst_cow_slots_init (GstCowSlots *self);
void gst_cow_slots_clear (GstCowSlots *self);
/* Any thread: while on, nobody waits for the engine, and whoever does is woken up. */
void gst_cow_slots_set_flushing (GstCowSlots *self, gboolean flushing);

/*
 * Waits until n more pictures have room; n is at most GST_COW_SLOTS_MAX. The ticket that it waits
 * for no longer waits for its batch to fill. FALSE and G_IO_ERROR_CANCELLED: a flush came first.
 */
gboolean gst_cow_slots_reserve (GstCowSlots *self, guint n, GError **error);
/* A ticket of `engine` occupies room until it is done. Refers to both. */
void gst_cow_slots_occupy (GstCowSlots *self, CowEngine *engine, CowTicket *ticket);
/* Forgets all tickets, and with them the engines. */
void gst_cow_slots_release_all (GstCowSlots *self);
/* Waits for the results of a ticket. FALSE and an error of GST_STREAM_ERROR (the network could not
 * be run), or G_IO_ERROR_CANCELLED. */
gboolean gst_cow_slots_wait (GstCowSlots *self, CowTicket *ticket, GError **error);

G_END_DECLS

#endif
