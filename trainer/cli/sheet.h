/* SPDX-License-Identifier: MIT */
/* A JSON object as text for people, so that what `info` shows and what `info --json` gives cannot
 * differ. */
#ifndef COW_TRAINER_SHEET_H
#define COW_TRAINER_SHEET_H

#include <json-glib/json-glib.h>

/*
 * A line "name  value" a member, in order; objects are indented, lists of objects become tables,
 * other lists stand on one line. A member "x_bytes" is shown as x with a unit; "_" in a name as a
 * space; null and an empty list as "none".
 */
void sheet_append (GString *text, JsonObject *object, int indent);

#endif
