/* SPDX-License-Identifier: MIT */
#include "model/engine/engine-faults.h"

#include "cow-build.h"

#include <string.h>

#ifdef COW_TESTS
void
cow_engine_faults_init (CowEngineFaults *self)
{
  const char *delay = g_getenv ("COW_TEST_ENGINE_DELAY_MS"),
             *fail = g_getenv ("COW_TEST_ENGINE_FAIL");
  const char *dash = fail ? strchr (fail, '-') : NULL;
  self->delay_ms = delay ? g_ascii_strtoull (delay, NULL, 10) : 0;
  self->fail_first = fail ? g_ascii_strtoull (fail, NULL, 10) : 0;
  self->fail_last = dash ? g_ascii_strtoull (dash + 1, NULL, 10) : self->fail_first;
}
#else
void
cow_engine_faults_init (CowEngineFaults *self)
{
  *self = (CowEngineFaults){ 0 };
}
#endif

gboolean
cow_engine_faults_run (const CowEngineFaults *self, guint64 number, GError **error)
{
  if (self->delay_ms)
    g_usleep (self->delay_ms * 1000);
  if (!self->fail_first || number < self->fail_first || number > self->fail_last)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_DEVICE,
               "forward pass %" G_GUINT64_FORMAT " was told to fail", number);
  return FALSE;
}
