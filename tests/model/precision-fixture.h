/* SPDX-License-Identifier: MIT */
/* What the tests of precision=auto share: a small model and an adapter in folders that may be
 * written, and pictures. Everything aborts the test when it fails. */
#ifndef COW_TEST_PRECISION_FIXTURE_H
#define COW_TEST_PRECISION_FIXTURE_H

#include "model/network/device.h"

#define PRECISION_SIDE       64
#define PRECISION_N_PICTURES 6

/* A model and an adapter, which is a head alone, in folders that may be written. */
typedef struct {
  char *model, *adapter;
} PrecisionFolders;

void precision_set_up (PrecisionFolders *self, gconstpointer data);
void precision_tear_down (PrecisionFolders *self, gconstpointer data);
/* The CPU, in one thread. Close it with ck_device_close (). */
CkDevice *precision_device (void);
/* Whether it has int16; where not, the test is skipped with the reason. */
gboolean precision_has_int16 (void);
/* [PRECISION_N_PICTURES, 3, PRECISION_SIDE, PRECISION_SIDE]: squares of several sizes. Free with
 * g_free. */
float *precision_pictures (void);

#endif
