/* SPDX-License-Identifier: MIT */
/* The golden network, an adapter folder made for it, and a picture of noise: what tests of the
 * engine begin with. */
#ifndef TEST_ENGINE_FIXTURE_H
#define TEST_ENGINE_FIXTURE_H

#include "model/engine/engine.h"

typedef struct {
  char *model, *adapter;
  CowClassifierOptions options;
  guint8 *rgb; /* [96, 128, 3] noise */
  CkPicture picture;
} EngineFixture;

/* For g_test_add (). */
void engine_fixture_set_up (EngineFixture *self, gconstpointer data);
void engine_fixture_tear_down (EngineFixture *self, gconstpointer data);

#endif
