/* SPDX-License-Identifier: MIT */
/* The plugin `libgstcowbehavior`, as GStreamer loads it. Nothing here fails for lack of a model, a
 * device or a library, so that gst-inspect-1.0 always lists the elements; they report what is
 * missing when they start. */
#include "cow-build.h"
#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/common/tasks.h"
#include "gst-plugin/behavior/gstcowbehavior.h"
#include "gst-plugin/detect/gstcowdetect.h"

#define PACKAGE "cowbehavior"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gst_cow_meta_register ();
  gst_cow_tasks_init ();
  return GST_ELEMENT_REGISTER (cowbehavior, plugin) && GST_ELEMENT_REGISTER (cowdetect, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, cowbehavior,
                   "Recognises what cows are doing in video", plugin_init, COW_VERSION, "MIT/X11",
                   PACKAGE, "Unknown package origin")
