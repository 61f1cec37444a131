/* SPDX-License-Identifier: MIT */
/* What the tests of cowpublish share: frames with results that no network made, and the element's
 * numbers. */
#ifndef TEST_PUBLISH_SUPPORT_H
#define TEST_PUBLISH_SUPPORT_H

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* Limit for things that happen soon, on any machine. */
#define PUBLISH_LIMIT_S 60

/* An object as cowbehavior attaches it, of 320 x 240 px; `track` counts for the region "roi" only.
 * Free with gst_structure_free (). */
GstStructure *publish_object_new (const char *region, const char *roi_type, guint64 track,
                                  const char *label, guint frames_ago);
/* Attaches results with these objects, which it takes; NULL-terminated. */
void publish_attach (GstBuffer *buffer, GstStructure *first, ...) G_GNUC_NULL_TERMINATED;
/* Frame n of 25 a second, 16 bytes of it, without results. */
GstBuffer *publish_buffer_new (guint n);
/* The same whose full frame is labelled. */
GstBuffer *publish_frame_new (guint n, const char *label);

/* A harness around `cowpublish source=barn` with these properties and a bus. */
GstHarness *publish_harness_new (const char *properties);
void publish_harness_free (GstHarness *harness);
/* The error with which `cowpublish` with these properties refuses to start, and its details on
 * another line. Free with g_free (). */
char *publish_refusal_new (const char *properties);
/* Stops the element, which stays in the harness. */
void publish_stop (GstHarness *harness);
/* Pushes frames from..to-1 of publish_frame_new () and takes each from the other side, the very
 * same. */
void publish_push (GstHarness *harness, guint from, guint to);

/* A number of stats: "sent" of "file". */
guint64 publish_stat (GstHarness *harness, const char *target, const char *field);
gboolean publish_connected (GstHarness *harness, const char *target);
/* Waits until it is at least `value`. */
void publish_wait (GstHarness *harness, const char *target, const char *field, guint64 value);
void publish_wait_connected (GstHarness *harness, const char *target, gboolean connected);
/* sent + dropped + queued == n. */
void publish_assert_all (GstHarness *harness, const char *target, guint64 n);

/* The next warning on the bus, waiting for it; with its text and details on a line each. Free with
 * g_free (). */
char *publish_warning (GstHarness *harness);
guint publish_n_warnings (GstHarness *harness);

/* The number of the frame that an event is of; -1 where the line is no event. */
int publish_frame_of (const char *line);
/* Lines that are events of the frames from..to-1, in this order, and no others. */
void publish_assert_frames (char **lines, guint from, guint to);

/* A port of the loopback at which nobody is. */
guint16 publish_free_port (void);
/* Makes an authority and a server's certificate for 127.0.0.1 and localhost by it, with openssl:
 * ca.pem, server.pem and server.key in the folder, and other-ca.pem, which has nothing to do with
 * them. FALSE where openssl is not installed. */
gboolean publish_make_certificates (const char *folder);

G_END_DECLS

#endif
