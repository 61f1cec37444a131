/* SPDX-License-Identifier: MIT */
/*
 * The lines that a run logs and a server has not yet: mlflow-spool.jsonl in the run's folder,
 * beside mlflow.json, which says whose they are and how many bytes of them were sent. Lines are
 * appended by any thread and taken off by one. A kill at any moment leaves at worst lines that are
 * sent twice, which MLflow stores once. The file is emptied when all of it was sent, and never
 * grows beyond a limit.
 */
#ifndef COW_TRAINER_SPOOL_H
#define COW_TRAINER_SPOOL_H

#include "model/files/error.h"

G_BEGIN_DECLS

#define SPOOL_MOST_BYTES (64 << 20) /* some 600,000 values; a value beyond is dropped */
#define SPOOL_MOST_LINE  (64 << 10)

typedef struct _Spool Spool;

/* The state of a tracked run; it owns all strings. */
typedef struct {
  char *uri;                   /* the server, without user and password */
  char *experiment, *run_name; /* run_name may be NULL */
  char *key;                   /* a tag by which the run is found again */
  gint64 start_ms;             /* since 1970 */
  char *run_id, *artifact_uri; /* NULL until the server gave them */
} SpoolRun;

/* Whether a folder holds a spool. */
gboolean spool_exists (const char *folder);
/* Opens or, where there is none or `resume` is FALSE, begins one. COW_ERROR_IO also when another
 * process sends from it. */
Spool *spool_open (const char *folder, gboolean resume, GError **error);
void spool_free (Spool *self);

/* The run; changed by the sending thread only (before there is one, by the opener), which then
 * calls spool_save (). */
SpoolRun *spool_run (Spool *self);
gboolean spool_save (Spool *self, GError **error);

/* Adds a line (without its newline, of one JSON object). COW_ERROR_IO; COW_ERROR_MEMORY when the
 * spool is full. */
gboolean spool_append (Spool *self, const char *line, GError **error);
/* The next lines, at most n; empty when all is sent. NULL and COW_ERROR_IO. Free with
 * g_ptr_array_unref. */
GPtrArray *spool_next (Spool *self, guint n, GError **error);
/* Takes the first n lines of what spool_next () gave off the spool. */
gboolean spool_sent (Spool *self, const GPtrArray *lines, guint n, GError **error);
gboolean spool_is_empty (Spool *self);
guint64 spool_unsent_bytes (Spool *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Spool, spool_free)

G_END_DECLS

#endif
