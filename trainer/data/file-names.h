/* SPDX-License-Identifier: MIT */
/* What the names of files and folders say, before anything is opened, and names as text. */
#ifndef COW_TRAINER_FILE_NAMES_H
#define COW_TRAINER_FILE_NAMES_H

#include <glib.h>

G_BEGIN_DECLS

/* The name by which a file or folder of an operating system, a NAS, a cloud client or a program is
 * known ("@eaDir", "Thumbs.db"): neither a class nor a picture. NULL for any other. Any case. */
const char *file_name_system (const char *name);
/* Whether a name ends as those of pictures that are read: JPEG, PNG, WebP, BMP, TIFF. */
gboolean file_name_is_picture (const char *name);
/* Whether it ends as those of pictures of other formats (HEIC, GIF, raw, ...). */
gboolean file_name_is_other_picture (const char *name);
/* ".jpg": the last part of a name, in small letters; "" without one. Free with g_free. */
char *file_name_suffix (const char *name);

/*
 * A name as UTF-8: each byte that is not of it becomes \xHH, and so does a backslash that stands
 * before xHH already. So no two names become the same text, and most stay as they are. Free with
 * g_free.
 */
char *file_name_text (const char *name);
/* The name that became the text; free with g_free. */
char *file_name_from_text (const char *text);
/* The same for names that differ only in case or in the form of Unicode; g_free. */
char *file_name_key (const char *name);

G_END_DECLS

#endif
