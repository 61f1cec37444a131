/* SPDX-License-Identifier: MIT */
/* Files that a test writes for itself, in a folder of its own that goes away, and what is expected
 * of errors. */
#ifndef COW_TEST_WRITTEN_H
#define COW_TEST_WRITTEN_H

#include "model/files/error.h"

/* A path in this process's own folder; free with g_free. */
char *written_path (const char *name);
/* Writes a file there and returns its path; free with g_free. */
char *write_bytes (const char *name, const void *data, gsize n_bytes);
/* $COW_TEST_DATA/NAME; free with g_free. */
char *data_path (const char *name);
/* g_test_run (), then removes the folder: the end of every main (). */
int run_and_clean (void);

/* The error is of that code and its message holds all of the texts (NULL at the end); clears it. */
void expect_error (GError **error, CowError code, ...) G_GNUC_NULL_TERMINATED;

/* A safetensors file: the header's length, the header, then n_data bytes 0, 1, 2, ... */
GString *safetensors_bytes (const char *header, gsize n_data);

#endif
