/* SPDX-License-Identifier: MIT */
/* Opening the engine that the settings name, and telling on the bus what is wrong with them. */
#ifndef GST_COW_OPENING_H
#define GST_COW_OPENING_H

#include <gst/gst.h>

#include "gst-plugin/behavior/settings.h"
#include "model/engine/engine.h"
#include "model/network/precision-resolve.h"

G_BEGIN_DECLS

/* Posts an error or a warning that says in one line which property is wrong, and how. `options` may
 * be NULL. */
void gst_cow_opening_fail (GstElement *element, GstMessageType type, const char *properties,
                           const CowClassifierOptions *options, const GError *error);
/* Without a model and an adapter the options become those of the demonstration, which the user is
 * told; their strings are to be freed. */
void gst_cow_opening_use_demonstration (GstElement *element, CowClassifierOptions *options);
/* Whether an adapter gives each picture one label, as all that comes after the engine takes for
 * granted; TRUE also where its card cannot be read, which loading tells. COW_ERROR_UNSUPPORTED. */
gboolean gst_cow_opening_check_labels (const char *adapter, GError **error);
/* A reference to the engine; NULL when an error was posted. */
CowEngine *gst_cow_opening_engine (GstElement *element, const CowClassifierOptions *options);
/* Says what an engine is, and what precision=auto stands for there. */
void gst_cow_opening_report (GstElement *element, CowEngine *engine,
                             const CowPrecisionChoice *choice);
/* Whether the settings of regions and labels are valid for this engine; else an error was posted.
 * `zones_error`, or NULL: what is wrong with the property zones. */
gboolean gst_cow_opening_check (GstElement *element, CowEngine *engine,
                                GstCowFrameSettings *settings, const GError *zones_error);

G_END_DECLS

#endif
