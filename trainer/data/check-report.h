/* SPDX-License-Identifier: MIT */
/* The findings of a check as text and as JSON. */
#ifndef COW_TRAINER_CHECK_REPORT_H
#define COW_TRAINER_CHECK_REPORT_H

#include <json-glib/json-glib.h>

#include "trainer/data/check.h"

G_BEGIN_DECLS

/* The report for people, with at most `most` findings and paths of each kind. */
char *check_report_text (const Check *self, guint most);
JsonObject *check_report_json (const Check *self);

G_END_DECLS

#endif
