/* SPDX-License-Identifier: MIT */
/*
 * An engine that is slow or fails, for tests of those who use one. Only test builds (-Dtests=true)
 * look at the environment; elsewhere an engine never does either of its own accord.
 *   COW_TEST_ENGINE_DELAY_MS=N    each forward pass takes so much longer
 *   COW_TEST_ENGINE_FAIL=A-B      the forward passes A to B fail, counted from 1
 */
#ifndef COW_ENGINE_TRIAL_H
#define COW_ENGINE_TRIAL_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct {
  guint64 delay_ms;
  guint64 fail_first, fail_last; /* 0: none */
} CowEngineTrial;

/* Reads the environment. */
void cow_engine_trial_init (CowEngineTrial *self);
/* Before forward pass `number`, counted from 1: takes its time; FALSE when it is to fail. */
gboolean cow_engine_trial_run (const CowEngineTrial *self, guint64 number, GError **error);

G_END_DECLS

#endif
