/* SPDX-License-Identifier: MIT */
/* Runs of `cow-trainer train` and what came of them. Every function aborts the test when it fails.
 */
#ifndef COW_TEST_RUNS_H
#define COW_TEST_RUNS_H

#include "tests/trainer/cli.h"

/* Ends the test with what the program said, unless it succeeded. Progress on standard error is no
 * failure. */
void runs_assert_ok (const Result *result);
/* The values of a column of RUN/results.csv, of double; free with g_array_unref. */
GArray *runs_column (const char *run, const char *column);
/* How many of the pictures below FOLDER/CLASS `predict` gives their class; `model` NULL: the
 * adapter needs none. */
guint runs_count_right (const char *model, const char *adapter, const char *folder);
/* best/ and last/ of both runs hold the same files, with the same bytes but for state.safetensors'
 * times, and results.csv has the same epochs and losses. */
void runs_assert_same (const char *a, const char *b);
/* The bytes of a file; free with g_bytes_unref. */
GBytes *runs_read (const char *folder, const char *name);

#endif
