/* SPDX-License-Identifier: MIT */
/* What the parts of the test of the calls share. It sees the installed library and the C library
 * only. */
#ifndef LIBRARY_TEST_H
#define LIBRARY_TEST_H

#include <cowbehavior/cowbehavior.h>

/* Size of the pictures here, px; even and odd, so that halves of chroma are rounded. */
#define WIDTH  46
#define HEIGHT 31
/* Of the formula model. */
#define N_CLASSES 9

/* Points are numbered from after + 1 on. */
void points_begin (int after);
/* Prints a point of TAP. */
void point (int passed, const char *label);
/* How many did not pass. */
int points_failed (void);
/* A smooth picture in colours that depend on `seed`; `rgb` [HEIGHT, WIDTH, 3] gets its pixels. */
CowBehaviorPicture picture_new (unsigned char *rgb, int seed);
/* Whether two arrays of n numbers differ by at most `most`. */
int near (const float *a, const float *b, size_t n, float most);

void test_pictures (CowBehavior *behavior);
void test_wrong (CowBehavior *behavior, const CowBehaviorOptions *options);

#endif
