/* SPDX-License-Identifier: MIT */
/* Shared by the tests of the calls. It includes only the installed library and the C library. */
#ifndef LIBRARY_TEST_H
#define LIBRARY_TEST_H

#include <cowbehavior/cowbehavior.h>

/* Size of the test pictures, px; one even and one odd, so that halves of chroma are rounded. */
#define WIDTH  46
#define HEIGHT 31
/* of the formula model */
#define N_CLASSES 9

/* Numbers the following points from after + 1 on. */
void points_begin (int after);
/* Prints a point of TAP. */
void point (int passed, const char *label);
/* The number of failed points. */
int points_failed (void);
/* A smooth picture in colours that depend on `seed`; `rgb` [HEIGHT, WIDTH, 3] gets its pixels. */
CowBehaviorPicture picture_new (unsigned char *rgb, int seed);
/* Whether two arrays of n numbers differ by at most `most`. */
int near (const float *a, const float *b, size_t n, float most);

void test_pictures (CowBehavior *behavior);
/* `options` with an adapter that detects; `behavior` has one that does not. */
void test_detect (CowBehavior *behavior, const CowBehaviorOptions *options);
void test_tell (CowBehavior *behavior, const CowBehaviorOptions *options);
void test_wrong (CowBehavior *behavior, const CowBehaviorOptions *options);

#endif
