/* SPDX-License-Identifier: MIT */
/*
 * The verbs of cow-trainer and what they share. A verb gets its own arguments (argv[0] is its name)
 * and says what went wrong in a GError; main () prints that as the one line "cow-trainer: ..." and
 * chooses the exit status: 2 for the domain G_OPTION_ERROR (the command line makes no sense), 1 for
 * everything else.
 */
#ifndef COW_TRAINER_VERB_H
#define COW_TRAINER_VERB_H

#include <glib.h>

gboolean verb_check (int argc, char **argv, GError **error);
gboolean verb_estimate (int argc, char **argv, GError **error);
gboolean verb_train (int argc, char **argv, GError **error);
gboolean verb_info (int argc, char **argv, GError **error);
gboolean verb_quantize (int argc, char **argv, GError **error);
gboolean verb_features (int argc, char **argv, GError **error);
gboolean verb_predict (int argc, char **argv, GError **error);
gboolean verb_annotate (int argc, char **argv, GError **error);
gboolean verb_crop (int argc, char **argv, GError **error);
gboolean verb_labels (int argc, char **argv, GError **error);
gboolean verb_eval (int argc, char **argv, GError **error);
gboolean verb_bench (int argc, char **argv, GError **error);
gboolean verb_merge (int argc, char **argv, GError **error);
gboolean verb_export (int argc, char **argv, GError **error);
gboolean verb_fetch (int argc, char **argv, GError **error);
gboolean verb_track (int argc, char **argv, GError **error);

/* The text of `cow-trainer VERB --help` around the list of options. */
typedef struct {
  const char *arguments;   /* "MODEL OUT" */
  const char *summary;     /* a sentence */
  const char *description; /* an example and what comes out */
} VerbHelp;

/* An empty array of GOptionEntry, ended by zeros whatever is added. Free with g_array_unref. */
GArray *verb_entries_new (void);
/* Reads a verb's options. --help and --complete print and end the process. */
gboolean verb_parse (const VerbHelp *help, const GOptionEntry *entries, int argc, char **argv,
                     GError **error);
/* The same with `data` for entries that are callbacks. */
gboolean verb_parse_with (const VerbHelp *help, const GOptionEntry *entries, gpointer data,
                          int argc, char **argv, GError **error);
/* Prints JSON to the standard output: in UTF-8 whatever the locale is, where g_print () would write
 * "?" for letters that the locale lacks. Control characters become \uHHHH. */
void verb_print_utf8 (const char *text);
/* Sets an error of the command line; always FALSE, to be returned. */
gboolean verb_usage (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

#endif
