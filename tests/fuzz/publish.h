/* SPDX-License-Identifier: MIT */
/* A target of cowpublish without its element, for the targets of fuzzing that answer it. */
#ifndef COW_TEST_FUZZ_PUBLISH_H
#define COW_TEST_FUZZ_PUBLISH_H

#include "gst-plugin/publish/targets.h"

/* The word in a password, which no error has. */
#define FUZZ_PASSWORD "broker-secret"

/* A target of that class with these properties: names and values in turn, NULL at the end. */
GstCowPublishTarget *fuzz_publish_open (const GstCowPublishTargetClass *class,
                                        const char *const *settings);
/* Asserts that an error can be shown, and clears it. */
void fuzz_publish_check (GError **error);
/* Sends two events and asserts that what became of them agrees with the result. */
void fuzz_publish_send (GstCowPublishTarget *target);

#endif
