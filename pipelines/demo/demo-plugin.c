/* SPDX-License-Identifier: MIT */
/* The plugin `libgstcowdemo`, not installed: the element that runs before `cowbehavior` in the
 * demonstration. */
#include "cow-build.h"

#include "pipelines/demo/demo-detector.h"

#define PACKAGE "cowbehavior"

static gboolean
plugin_init (GstPlugin *plugin)
{
  return GST_ELEMENT_REGISTER (cowdemodetector, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, cowdemo,
                   "Elements of the demonstration of cowbehavior", plugin_init, COW_VERSION,
                   "MIT/X11", PACKAGE, "Unknown package origin")
