/* SPDX-License-Identifier: MIT */
/* The plugin `libgstcowpublish`, as GStreamer loads it. Nothing here fails for lack of a model, a
 * device or a library, so that gst-inspect-1.0 always lists the element; the element reports what
 * is missing when it starts. */
#include "cow-build.h"
#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/common/tasks.h"
#include "gst-plugin/publish/gstcowpublish.h"

#define PACKAGE "cowbehavior"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gst_cow_meta_register ();
  gst_cow_tasks_init ();
  return GST_ELEMENT_REGISTER (cowpublish, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, cowpublish,
                   "Publishes what cows are doing", plugin_init, COW_VERSION, "MIT/X11", PACKAGE,
                   "Unknown package origin")
