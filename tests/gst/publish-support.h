/* SPDX-License-Identifier: MIT */
/* Shared by the tests of cowpublish: frames with results written by hand, and the element's
 * statistics. */
#ifndef TEST_PUBLISH_SUPPORT_H
#define TEST_PUBLISH_SUPPORT_H

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* Limit for events that are due soon, on any machine. */
#define PUBLISH_LIMIT_S 60

/* An object as cowbehavior attaches it, of 320 x 240 px; `track` is used for the region "roi" only.
 * Free with gst_structure_free (). */
GstStructure *publish_object_new (const char *region, const char *roi_type, guint64 track,
                                  const char *label, guint frames_ago);
/* Attaches results with these objects, whose ownership it takes; NULL-terminated. */
void publish_attach (GstBuffer *buffer, GstStructure *first, ...) G_GNUC_NULL_TERMINATED;
/* Frame n of 25 a second, with 16 bytes and without results. */
GstBuffer *publish_buffer_new (guint n);
/* The same frame with a label for the full frame. */
GstBuffer *publish_frame_new (guint n, const char *label);

/* A harness around `cowpublish source=barn` with these properties and a bus. */
GstHarness *publish_harness_new (const char *properties);
void publish_harness_free (GstHarness *harness);
/* The error with which `cowpublish` with these properties refuses to start, and its details on
 * another line. Free with g_free (). */
char *publish_refusal_new (const char *properties);
/* Stops the element, which stays in the harness. */
void publish_stop (GstHarness *harness);
/* Pushes frames from..to-1 of publish_frame_new (); each must come out as the same buffer. */
void publish_push (GstHarness *harness, guint from, guint to);

/* Pushes frame n with these objects, of which b may be NULL, and takes it. */
void publish_push_objects (GstHarness *harness, guint n, GstStructure *a, GstStructure *b);

/* Runs this program again with COW_TEST_AS_WRITER in its environment, and returns what it printed;
 * free with g_free (). */
char *publish_run_writer (void);
/* The lines of a file of events; the last one is empty. Free with g_strfreev (). */
char **publish_lines (const char *path);
/* A number of the property stats, such as "sent" of "file". */
guint64 publish_stat (GstHarness *harness, const char *target, const char *field);
gboolean publish_connected (GstHarness *harness, const char *target);
/* Waits until such a number is at least `value`. */
void publish_wait (GstHarness *harness, const char *target, const char *field, guint64 value);
void publish_wait_connected (GstHarness *harness, const char *target, gboolean connected);
/* Asserts sent + dropped + queued == n. */
void publish_assert_all (GstHarness *harness, const char *target, guint64 n);

/* Waits for the next warning on the bus and returns its text and details, each on a line. Free with
 * g_free (). */
char *publish_warning (GstHarness *harness);
/* Waits for one with these words; those before it are passed over. */
char *publish_wait_warning (GstHarness *harness, const char *words);
guint publish_n_warnings (GstHarness *harness);

/* The number of the frame whose event this line is; -1 if it is no event. */
int publish_frame_of (const char *line);
/* Asserts that these lines are the events of frames from..to-1, in this order, and no others. */
void publish_assert_frames (char **lines, guint from, guint to);

/* A port of the loopback on which nothing listens. */
guint16 publish_free_port (void);
/* Makes a certificate authority and its certificate of a server for 127.0.0.1 and localhost, with
 * openssl: ca.pem, server.pem and server.key in the folder, client.pem and client.key, and an
 * unrelated other-ca.pem. FALSE if openssl is not installed. */
gboolean publish_make_certificates (const char *folder);

G_END_DECLS

#endif
