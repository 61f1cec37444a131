/* SPDX-License-Identifier: MIT */
/* Runs of `cow-trainer train` and their results. Every function aborts the test when it fails. */
#ifndef COW_TEST_RUNS_H
#define COW_TEST_RUNS_H

#include "tests/trainer/cli.h"
#include "trainer/eval/history.h"

/* Ends the test with the program's output if it failed. Progress on standard error is no
 * failure. */
void runs_assert_ok (const Result *result);
/* The values of a column of RUN/results.csv, as double; free with g_array_unref. */
GArray *runs_column (const char *run, const char *column);
/* The largest of them, 0 at least. */
double runs_best (const char *run, const char *column);
/* Counts the pictures below FOLDER/CLASS for which `predict` gives their class. `model` is NULL if
 * the adapter needs none. */
guint runs_count_right (const char *model, const char *adapter, const char *folder);
/* Asserts that best/ and last/ of both runs hold the same files with the same bytes, except for
 * times in state.safetensors, and that results.csv has the same epochs and losses. */
void runs_assert_same (const char *a, const char *b, CowHistoryOf of);
/* The bytes of a file; free with g_bytes_unref. */
GBytes *runs_read (const char *folder, const char *name);

#endif
