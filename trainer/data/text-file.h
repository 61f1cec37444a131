/* SPDX-License-Identifier: MIT */
/* Tables as spreadsheets write them, as UTF-8. */
#ifndef COW_TRAINER_TEXT_FILE_H
#define COW_TRAINER_TEXT_FILE_H

#include "model/files/error.h"

G_BEGIN_DECLS

/*
 * Takes bytes that follow by one zero, and gives text in UTF-8 of *n_bytes bytes without its
 * byte-order mark; g_free both. UTF-8 and UTF-16 are read; *encoding becomes the name of the
 * latter, or NULL. COW_ERROR_FORMAT, naming the line and what it looks like, for other encodings,
 * spreadsheets and what is no text.
 */
char *text_file_decode (const char *path, char *bytes, gsize *n_bytes, const char **encoding,
                        GError **error);

G_END_DECLS

#endif
