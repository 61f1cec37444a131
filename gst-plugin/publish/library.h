/* SPDX-License-Identifier: MIT */
/*
 * Libraries that are loaded when a target needs them. The plugin does not depend on them, and where
 * one is missing only the property that needs it fails.
 */
#ifndef GST_COW_PUBLISH_LIBRARY_H
#define GST_COW_PUBLISH_LIBRARY_H

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  const char *soname;
  const char *property; /* the property that needs it, for messages */

  /* Another library that cannot be in the same process: its file, a function that only it has, and
   * its name in messages. NULL: there is none. */
  const char *rival_soname, *rival_function, *rival_name;

  const char *const *names; /* of the functions, NULL-terminated */
  void **functions;         /* their addresses, in this order; NULL until they are loaded */
} GstCowPublishLibrary;

/*
 * For a list F (PREFIX, NAME) F (PREFIX, NAME) ... of functions whose names begin with PREFIX: the
 * members of a struct that holds their addresses, with the types of the library's header, and the
 * members of the array of their names.
 */
#define GST_COW_PUBLISH_POINTER(PREFIX, NAME) __typeof__ (PREFIX##NAME) *NAME;
#define GST_COW_PUBLISH_NAME(PREFIX, NAME)    #PREFIX #NAME,

/* Loads the library and its functions, once in a process; it stays loaded. Any thread. */
gboolean gst_cow_publish_library_load (const GstCowPublishLibrary *self, GError **error);

G_END_DECLS

#endif
