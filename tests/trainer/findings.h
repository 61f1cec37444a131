/* SPDX-License-Identifier: MIT */
/* What `cow-trainer check --json` says. */
#ifndef TEST_FINDINGS_H
#define TEST_FINDINGS_H

#include "model/files/json-object.h"
#include "tests/trainer/cli.h"

/* The report of a run, whose exit status has to be that. */
JsonObject *findings_report (const Result *result, int status);
/* Counts the findings of a kind, near or not; *first, if wanted, becomes the first of them. */
guint findings_count (JsonObject *report, const char *kind, gboolean near, JsonObject **first);

#endif
