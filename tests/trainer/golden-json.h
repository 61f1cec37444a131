/* SPDX-License-Identifier: MIT */
/* Arrays from $COW_TEST_DATA/metrics/NAME. Every function aborts the test when it fails. */
#ifndef COW_TEST_GOLDEN_JSON_H
#define COW_TEST_GOLDEN_JSON_H

#include <json-glib/json-glib.h>

/* The object in a file of tests/data/metrics; free with json_object_unref. */
JsonObject *golden_json (const char *name);
/* A member that is an array of unsigned integers; free with g_free. */
guint *golden_uints (JsonObject *object, const char *member, guint *n);
double golden_double (JsonObject *object, const char *member, const char *inside);

#endif
