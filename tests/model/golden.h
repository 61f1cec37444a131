/* SPDX-License-Identifier: MIT */
/* Access to tests/data/golden for the tests of model/. Everything aborts the test when it fails. */
#ifndef COW_TEST_GOLDEN_H
#define COW_TEST_GOLDEN_H

#include "model/files/safetensors.h"

/* $COW_TEST_DATA/golden/NAME; free with g_free. */
char *golden_path (const char *name);
/* Opens $COW_TEST_DATA/golden/FOLDER/FILE. */
CowSafetensors *golden_open (const char *folder, const char *file);
const CowTensor *golden_tensor (const CowSafetensors *file, const char *name);
/* A tensor's values as fp32; free with g_free. */
float *golden_floats (const CowTensor *tensor);
/* The golden head (FOLDER/classifier.safetensors) applied to features [batch, hidden] in plain
 * loops; free with g_free. */
float *golden_head_logits (const char *folder, const float *features, gint64 batch, gint64 hidden);

#endif
