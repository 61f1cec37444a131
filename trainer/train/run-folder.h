/* SPDX-License-Identifier: MIT */
/*
 * The output folder of a run, so that at any moment, whatever is killed, it holds whole things: an
 * adapter folder is written beside its place ("last.new") and exchanged with what stands there in
 * one step.
 */
#ifndef COW_TRAINER_RUN_FOLDER_H
#define COW_TRAINER_RUN_FOLDER_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct _CowRunFolder CowRunFolder;

/*
 * Makes the folder where it is missing, and takes it for this process alone. COW_ERROR_IO: it
 * cannot be written (which is tried), it is in use, or has less than `bytes` free.
 */
CowRunFolder *cow_run_folder_open (const char *path, guint64 bytes, GError **error);
void cow_run_folder_free (CowRunFolder *self);
const char *cow_run_folder_path (const CowRunFolder *self);

/* Whether a run lies here that can be resumed. Puts right what a kill in the middle of an exchange
 * left. */
gboolean cow_run_folder_has_run (const char *path);
/* An empty PATH/NAME.new to write to; free with g_free. */
char *cow_run_folder_begin (CowRunFolder *self, const char *name, GError **error);
/* Puts NAME.new in the place of NAME. */
gboolean cow_run_folder_publish (CowRunFolder *self, const char *name, GError **error);
/* Removes NAME.new, so that a disk that filled up has room again. */
void cow_run_folder_abandon (CowRunFolder *self, const char *name);
/* Writes a file of the folder whole or not at all. */
gboolean cow_run_folder_write (CowRunFolder *self, const char *name, const char *text,
                               GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowRunFolder, cow_run_folder_free)

G_END_DECLS

#endif
