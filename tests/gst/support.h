/* SPDX-License-Identifier: MIT */
/* What the tests of the element share: the golden model, adapter folders made for a test, frames
 * with known pixels, and answers computed without the element. */
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
 * classifier/best_classifier.pth, and a card that says 64 px. Give it back with support_remove ().
 */
char *support_adapter_new (void);
/* The same with another of the golden network's LoRAs, and other names of the nine classes (NULL:
 * the usual). */
char *support_adapter_new_from (const char *lora_of, const char *const *classes);
/* Deletes a folder and all in it, and frees the path; for g_autoptr-like use at the end of a test.
 */
void support_remove (char *folder);
/* Copies `from` to `to`; both are paths. */
void support_copy (const char *from, const char *to);

/* A buffer of `info` with pixels that depend on `seed`, smooth enough to look like a picture. */
GstBuffer *support_frame_new (const GstVideoInfo *info, guint seed);
/* An info for a format and size; 25 frames a second, colorimetry NULL for the default. */
GstVideoInfo support_info (GstVideoFormat format, gint width, gint height, const char *colorimetry);
/* The same pixels with `pad` bytes more in each row and a GstVideoMeta that says so. Takes the
 * buffer. */
GstBuffer *support_pad_rows (GstBuffer *buffer, const GstVideoInfo *info, gint pad);

/* The golden model with an adapter and without the element; free with cow_classifier_free (). */
CowClassifier *support_classifier_new (const char *adapter);
/* Probabilities of a region (NULL: all) of a buffer by cow_classifier_run (), without any code of
 * the plugin; valid until the next call. */
const float *support_expect (CowClassifier *classifier, GstBuffer *buffer, const GstVideoInfo *info,
                             const CowRegion *region);
/* Object i of the buffer's results has these probabilities, and label and confidence follow from
 * them. */
void support_assert_object (GstBuffer *buffer, guint i, const CowRegion *region,
                            const float *probabilities, guint frames_ago);

/* A harness around `cowbehavior` with the golden model, the adapter and further properties as on a
 * command line, and with a bus; not live.
 */
GstHarness *support_harness_new (const char *adapter, const char *properties);
GstBus *support_harness_bus (GstHarness *harness);
/* Tears it down, bus included: messages that nobody took hold the element, which holds the bus. */
void support_harness_free (GstHarness *harness);
void support_harness_set_info (GstHarness *harness, const GstVideoInfo *info);

/* The only `cowbehavior` of a harness; unref it. */
GstElement *support_element (GstHarness *harness);
/* A number of its property stats. */
guint64 support_stat (GstHarness *harness, const char *field);
/* How many of a GstAnalyticsMtdType a buffer has; there with GStreamer 1.24 and later. */
guint support_n_mtds (GstBuffer *buffer, guintptr type);
/* Begins a program of tests: GStreamer, GLib's tests, and an adapter with the classifier to compare
 * with, for support_run (). */
void support_init (int *argc, char ***argv, char **adapter, CowClassifier **classifier);
/* Runs the tests and gives both back. The exit status: not 0 either when something outlived them
 * (support_no_leaks ()). */
int support_run (char *adapter, CowClassifier *classifier);
/* Pushes a frame of support_frame_new () at frame number n of 25 a second and gives what comes out,
 * which has to come at once. */
GstBuffer *support_push (GstHarness *harness, const GstVideoInfo *info, guint seed, guint n);
/* Takes all messages of a type off the bus. Their number; *last, where asked for, is the last of
 * them or NULL. */
guint support_n_messages (GstBus *bus, GstMessageType type, GstMessage **last);
/* A region of interest "cow" with this id. */
GstVideoRegionOfInterestMeta *support_add_roi (GstBuffer *buffer, guint x, guint y, guint w,
                                               guint h, gint id);
/* Number of objects in the results of a buffer, 0 without results; and one of them. */
guint support_n_objects (GstBuffer *buffer);
const GstStructure *support_object (GstBuffer *buffer, guint i);

/* Skips main () of a test with the reason when an element is not installed. */
gboolean support_have_element (const char *name);
/* Prints what the leaks tracer says is still alive; TRUE when that is nothing, or no such tracer
 * runs. Call it last. */
gboolean support_no_leaks (void);

G_END_DECLS

#endif
