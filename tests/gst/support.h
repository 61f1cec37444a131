/* SPDX-License-Identifier: MIT */
/* Shared by the tests of the element: the golden model, adapter folders made for a test, frames
 * with known pixels, and results computed without the element. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "model/network/classifier.h"
#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

/* Side of the golden network's input, px. */
#define SUPPORT_SIZE 64

/* A path below the folder of test data; free with g_free (). */
char *support_data (const char *name);
/* The golden model, NF4. */
char *support_model (void);
/* A new temporary adapter folder laid out like the published ones: the golden LoRA,
 * classifier/best_classifier.pth, and a card for 64 px. Delete it with support_remove (). */
char *support_adapter_new (void);
/* The same with another of the golden network's LoRAs, and with other names for the nine classes
 * (NULL: the usual ones). */
char *support_adapter_new_from (const char *lora_of, const char *const *classes);
/* Deletes a folder with its contents, and frees the path. */
void support_remove (char *folder);
/* Copies `from` to `to`; both are paths. */
void support_copy (const char *from, const char *to);

/* A buffer of `info` with pixels that depend on `seed`, smooth enough to look like a picture. */
GstBuffer *support_frame_new (const GstVideoInfo *info, guint seed);
/* An info for a format and size; 25 frames a second, colorimetry NULL for the default. */
GstVideoInfo support_info (GstVideoFormat format, gint width, gint height, const char *colorimetry);
/* The same pixels with `pad` more bytes in each row and a GstVideoMeta that describes them. Takes
 * ownership of the buffer. */
GstBuffer *support_pad_rows (GstBuffer *buffer, const GstVideoInfo *info, gint pad);

/* The golden model with an adapter and without the element; free with cow_classifier_free (). */
CowClassifier *support_classifier_new (const char *adapter);
/* Probabilities of a region (NULL: the whole frame) of a buffer by cow_classifier_run (), without
 * any code of the plugin; valid until the next call. */
const float *support_expect (CowClassifier *classifier, GstBuffer *buffer, const GstVideoInfo *info,
                             const CowRegion *region);
/* Asserts that object i of the buffer's results has these probabilities, and the label and
 * confidence that follow from them. */
void support_assert_object (GstBuffer *buffer, guint i, const CowRegion *region,
                            const float *probabilities, guint frames_ago);

/* A harness around `cowbehavior` with the golden model, the adapter and further properties as on a
 * command line, and with a bus; not live. */
GstHarness *support_harness_new (const char *adapter, const char *properties);
GstBus *support_harness_bus (GstHarness *harness);
/* Frees the harness and its bus: messages left on it would keep the element alive, which owns the
 * bus. */
void support_harness_free (GstHarness *harness);
void support_harness_set_info (GstHarness *harness, const GstVideoInfo *info);

/* The only `cowbehavior` of a harness; unref it. */
GstElement *support_element (GstHarness *harness);
/* A number of the element's property stats. */
guint64 support_stat (GstHarness *harness, const char *field);
/* The number of metadata of a GstAnalyticsMtdType in a buffer; exists with GStreamer 1.24 and
 * later. */
guint support_n_mtds (GstBuffer *buffer, guintptr type);
/* Begins a test program: initialises GStreamer and GLib's tests, and makes an adapter and the
 * classifier to compare with, for support_run (). */
void support_init (int *argc, char ***argv, char **adapter, CowClassifier **classifier);
/* Runs the tests and frees both. The exit status is not 0 either if an object outlived them
 * (support_no_leaks ()). */
int support_run (char *adapter, CowClassifier *classifier);
/* Pushes a frame of support_frame_new () as frame n of 25 a second and returns the one that comes
 * out, which must come at once. */
GstBuffer *support_push (GstHarness *harness, const GstVideoInfo *info, guint seed, guint n);
/* Takes all messages of a type off the bus and returns their number; *last, if wanted, is the last
 * one or NULL. */
guint support_n_messages (GstBus *bus, GstMessageType type, GstMessage **last);
/* Attaches a region of interest "cow" with this id. */
GstVideoRegionOfInterestMeta *support_add_roi (GstBuffer *buffer, guint x, guint y, guint w,
                                               guint h, gint id);
/* The number of objects in the results of a buffer, 0 without results; and one of them. */
guint support_n_objects (GstBuffer *buffer);
const GstStructure *support_object (GstBuffer *buffer, guint i);

/* Plays a pipeline, described as for gst-launch-1.0, to its end, as to make a recording. */
void support_play (const char *line);

/* Prints the reason for skipping the test and returns FALSE if an element is not installed. */
gboolean support_have_element (const char *name);
/* Prints the objects that the leaks tracer reports as alive; TRUE if there are none or the tracer
 * is not active. Call it last. */
gboolean support_no_leaks (void);

G_END_DECLS

#endif
