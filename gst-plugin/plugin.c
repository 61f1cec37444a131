/* SPDX-License-Identifier: MIT */
/* What GStreamer loads: registers the metadata and every element of libgstcowbehavior. Nothing here
 * can fail for lack of a model or a device, so that gst-inspect-1.0 always lists the elements; what
 * is missing is reported by the element when it starts. */
#include "cow-build.h"

#include "gst-plugin/behavior/gstcowbehavior.h"
#include "gst-plugin/overlay/gstcowoverlay.h"
#include "gst-plugin/publish/gstcowpublish.h"
#include "gst-plugin/behavior/meta.h"

#define PACKAGE "cowbehavior"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gst_cow_meta_register ();
  return GST_ELEMENT_REGISTER (cowbehavior, plugin) && GST_ELEMENT_REGISTER (cowoverlay, plugin) &&
         GST_ELEMENT_REGISTER (cowpublish, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, cowbehavior,
                   "Recognises what cows are doing in video", plugin_init, COW_VERSION, "MIT/X11",
                   PACKAGE, "Unknown package origin")
