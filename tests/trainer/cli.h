/* SPDX-License-Identifier: MIT */
/* Runs the built cow-trainer ($COW_TRAINER) and makes the folders that it is run on. Every function
 * aborts the test when it fails. */
#ifndef COW_TEST_CLI_H
#define COW_TEST_CLI_H

#include <glib.h>
#include <string.h>

typedef struct {
  int status; /* exit status */
  char *out, *err;
} Result;

/* Runs cow-trainer with these arguments; NULL-terminated. */
Result cli_run (const char *argument, ...) G_GNUC_NULL_TERMINATED;
void cli_result_clear (Result *result);
/* Asserts that the run succeeded and printed nothing on standard error. */
void cli_assert_ok (const Result *result);
/* Asserts that the run ended with this status and exactly one line on standard error, "cow-trainer:
 * ...", that contains `text`. */
void cli_assert_error (const Result *result, int status, const char *text);
/* Asserts that an output has these words; shows it when not. */
#define cli_assert_says(text, words)                                                               \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (!strstr (text, words))                                                                     \
      g_error ("%s:%d: expected \"%s\" in:\n%s", __FILE__, __LINE__, words, text);                 \
  }                                                                                                \
  G_STMT_END

/* $COW_TEST_DATA/golden/NETWORK/NAME; free with g_free. */
char *cli_golden (const char *network, const char *name);
/* A folder that the test may fill; delete it with cli_remove (). */
char *cli_folder (void);
void cli_remove (char *folder);
/* Fills FOLDER/adapter as the trainer writes it: the golden adapter (NULL: a frozen backbone), the
 * network's head, and a card for pictures of 64 x 64. Returns its path. */
char *cli_make_adapter (const char *folder, const char *network, const char *adapter);
/* Lets an adapter's card name another base, "another-barn". */
void cli_change_base (const char *adapter);
/* Writes an RGB picture of noise; the end of the name chooses the format. */
void cli_make_picture (const char *folder, const char *name, int width, int height, guint32 seed);

/* 250 frames of 128 x 96, 25 a second, H.264 in what the element `mux` makes: a ball moves, in the
 * `colours` of a videotestsrc or "". */
void cli_make_video (const char *path, const char *mux, const char *colours);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, cli_result_clear)

#endif
