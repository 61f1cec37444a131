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

/* Writes a picture of a class, and starts libvips; another seed changes light, noise and place. The
 * end of the path chooses the format. */
void drawn_picture (const char *path, guint label, guint seed, int width, int height);
/* Writes FOLDER/CLASS/NAME_seed.png, n of each class with seeds from `first` on; the names are
 * lying, standing, walking. */
void drawn_classes_folder (const char *folder, guint n, guint first, int side);
/* Writes FOLDER/train, val and test with these numbers of pictures of each class; no folder for
 * 0. */
void drawn_data (const char *folder, guint n_train, guint n_val, guint n_test, int side);
/* Reads such a folder as a data set. Free with cow_dataset_free. */
CowDataset *drawn_set (const char *folder);
/* A DINOv3 of two layers of 128 with weights from the formula, its linear layers in NF4. Returns
 * its path; free with g_free. */
char *drawn_base (const char *folder);

#endif
