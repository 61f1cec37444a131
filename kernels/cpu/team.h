/* SPDX-License-Identifier: MIT */
/* How the threads of OpenMP's teams wait for one another. */
#ifndef CK_CPU_TEAM_H
#define CK_CPU_TEAM_H

/*
 * Makes them sleep soon instead of spinning for milliseconds, for the whole process and for good;
 * unless the environment says how they are to wait (OMP_WAIT_POLICY, GOMP_SPINCOUNT). Costs nothing
 * the second time. Thread-safe.
 */
void ck_team_wait_briefly (void);

#endif
