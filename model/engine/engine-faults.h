/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: makes an engine slow or lets it fail, for tests of the engine's users. Only test
 * builds (-Dtests=true) read the environment; in other builds an engine never does either.
 *   COW_TEST_ENGINE_DELAY_MS=N    each forward pass takes so much longer
 *   COW_TEST_ENGINE_FAIL=A-B      the forward passes A to B fail, counted from 1
 */
#ifndef COW_ENGINE_FAULTS_H
#define COW_ENGINE_FAULTS_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct {
  guint64 delay_ms;
  guint64 fail_first, fail_last; /* 0: none */
} CowEngineFaults;

/* Reads the environment. */
void cow_engine_faults_init (CowEngineFaults *self);
/* Call this before forward pass `number`, counted from 1: waits as long as it should take longer;
 * FALSE with an error when it should fail. */
gboolean cow_engine_faults_run (const CowEngineFaults *self, guint64 number, GError **error);

G_END_DECLS

#endif
