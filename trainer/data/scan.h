/* SPDX-License-Identifier: MIT */
/*
 * The one way from folders to pictures, for every verb: what is in a folder, and what of it is
 * passed over and why. Nothing is left out without being noted.
 */
#ifndef COW_TRAINER_SCAN_H
#define COW_TRAINER_SCAN_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef enum {
  PASSED_FORMAT, /* a picture of a format that is not read */
  PASSED_OTHER,  /* no picture, by its suffix */
  PASSED_HIDDEN, /* its name begins with a dot */
  PASSED_SYSTEM, /* of an operating system, a NAS, a cloud client */
  PASSED_LINK,   /* leads nowhere, to a folder above it, or to one that is read already */
  PASSED_TWICE,  /* named twice */
  PASSED_LOOSE,  /* a picture beside the folders of classes */
  PASSED_BESIDE, /* beside the folders train, val and test */
  PASSED_N_REASONS
} PassedReason;

typedef struct {
  char *path;
  PassedReason reason;
  char *word; /* what of its kind is counted together: a suffix, a name */
  gboolean is_folder;
} PassedFile;

typedef struct {
  char *path;
  guint tag; /* of whoever had the folder scanned */
} ScannedPicture;

typedef struct {
  GArray *pictures;    /* of ScannedPicture; in order after scan_finish () */
  GPtrArray *passed;   /* of PassedFile */
  GHashTable *visited; /* device and inode of each folder that was entered */
  GArray *links;       /* of ScannedPicture: links to folders, which are followed at the end */
} Scan;

Scan *scan_new (void);
void scan_free (Scan *self);

/* The names in a folder that are neither hidden nor of the system, sorted as bytes; the others are
 * noted. COW_ERROR_IO. */
GPtrArray *scan_names (Scan *self, const char *folder, GError **error);
/* The folders among these names; nothing is noted, and there are none where it cannot be read. */
GPtrArray *scan_folder_names (const char *folder);
/* Whether a path leads to a folder. COW_ERROR_IO where the disk does not say, which is neither. */
gboolean scan_is_folder (const char *path, gboolean *is_folder, GError **error);
/* Adds all pictures below a folder. Links to folders are kept for scan_finish (). */
gboolean scan_folder (Scan *self, const char *folder, guint tag, GError **error);
/* Notes what a caller leaves out; `word` may be NULL. */
void scan_pass (Scan *self, const char *path, PassedReason reason, const char *word);
/* Whether a file is one of the pictures that are read, by its name, or by its content where it has
 * no suffix or that of another format; what is not is noted. */
gboolean scan_is_picture (Scan *self, const char *path);
/* Whether two paths lead to one folder. */
gboolean scan_is_same_folder (const char *a, const char *b);
/*
 * Follows the links to folders, each folder once whatever leads to it; then sorts all pictures by
 * tag and path, and takes those out that are there twice.
 */
gboolean scan_finish (Scan *self, GError **error);

/*
 * The pictures that files and folders mean: a file stands for itself whatever its name; a folder
 * for all pictures below it, sorted by name. Paths in the order of the arguments. COW_ERROR_
 * NOT_FOUND for a path that does not exist or a folder without pictures. `passed` becomes
 * scan_passed_text () of what was left out (NULL: nothing); free with g_free.
 */
GPtrArray *pictures_find (char *const *paths, char **passed, GError **error);

/* What was passed over, on one line; NULL when nothing was. Free with g_free. */
char *scan_passed_text (const GPtrArray *passed);
/* The name of a reason in JSON, and in a list for people. */
const char *scan_reason_name (PassedReason reason);
const char *scan_reason_text (PassedReason reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Scan, scan_free)

G_END_DECLS

#endif
