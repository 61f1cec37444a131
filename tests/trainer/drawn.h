/* SPDX-License-Identifier: MIT */
/*
 * Small drawn pictures of classes that are easy to tell apart, and a small base, so that a training
 * takes seconds and must succeed. Every function aborts the test when it fails.
 */
#ifndef COW_TEST_DRAWN_H
#define COW_TEST_DRAWN_H

#include "trainer/data/dataset.h"

#define DRAWN_N_CLASSES 3
/* "Lying", "Standing", "Walking"; NULL-terminated */
extern const char *const drawn_classes[];

/* A picture of a class; another seed gives other light, noise and place. The end of the path says
 * the format. */
void drawn_picture (const char *path, guint label, guint seed, int width, int height);
/* FOLDER/CLASS/NAME_seed.png, n of each class, seeds from `first` on; names by class: lying,
 * standing, walking. */
void drawn_classes_folder (const char *folder, guint n, guint first, int side);
/* FOLDER/train, val and test with so many of each class; none where that is 0. */
void drawn_data (const char *folder, guint n_train, guint n_val, guint n_test, int side);
/* Such a folder as a set. Free with cow_dataset_free. */
CowDataset *drawn_set (const char *folder);
/* A DINOv3 of two layers of 128 with weights from the formula, its linear layers in NF4. Gives its
 * path; free with g_free. */
char *drawn_base (const char *folder);

#endif
