/* SPDX-License-Identifier: MIT */
/* The parts of check-team. */
#ifndef CHECK_TEAM_H
#define CHECK_TEAM_H

/* Each prints lines of TAP. */
void check_runs (void);       /* tasks are run, once each, whoever runs them */
void check_life (void);       /* workers start, end and survive fork () */
void check_processors (void); /* quotas of control groups */

#endif
