/* SPDX-License-Identifier: MIT */
/* Libraries that are loaded when a target needs them. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "gst-plugin/publish/library.h"

#include <dlfcn.h>
#include <gst/gst.h>

/* Whether the rival is in the process. It may be linked statically, and then its functions are
 * found; or loaded with RTLD_LOCAL, and then only its file is found. */
static gboolean
has_rival (const GstCowPublishLibrary *self)
{
  void *rival;

  if (!self->rival_soname)
    return FALSE;
  if (dlsym (RTLD_DEFAULT, self->rival_function))
    return TRUE;
  rival = dlopen (self->rival_soname, RTLD_LAZY | RTLD_NOLOAD);
  if (rival)
    dlclose (rival);
  return rival != NULL;
}

static gboolean
load (const GstCowPublishLibrary *self, GError **error)
{
  void *library;

  if (has_rival (self)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                 "%s: this program has loaded %s, and %s cannot be in the same process; publish "
                 "from a process of its own, or to another target",
                 self->property, self->rival_name, self->soname);
    return FALSE;
  }
  library = dlopen (self->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                 "%s needs a library that cannot be loaded: %s", self->property, dlerror ());
    return FALSE;
  }
  /* The first pointer is set last, because it marks the library as loaded. */
  for (gsize i = g_strv_length ((char **)self->names); i > 0; i--) {
    self->functions[i - 1] = dlsym (library, self->names[i - 1]);
    if (!self->functions[i - 1]) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                   "%s: %s has no function %s", self->property, self->soname, self->names[i - 1]);
      dlclose (library);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
gst_cow_publish_library_load (const GstCowPublishLibrary *self, GError **error)
{
  static GMutex lock;
  gboolean ok;

  g_mutex_lock (&lock);
  ok = self->functions[0] || load (self, error);
  g_mutex_unlock (&lock);
  return ok;
}
