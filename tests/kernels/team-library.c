/* SPDX-License-Identifier: MIT */
/* A library with a pool of its own, which check-team loads and unloads. */
#include "kernels/cpu/team.h"

bool use_team (void);

static CkStatus
nothing (const void *data, int64_t task, int member)
{
  return CK_OK;
}

__attribute__ ((visibility ("default"))) bool
use_team (void)
{
  bool well;

  ck_team_open ();
  well = ck_team_prepare (3) == CK_OK && ck_team_run (3, 100, nothing, NULL) == CK_OK;
  ck_team_close ();
  return well;
}
