/* SPDX-License-Identifier: MIT */
/*
 * Threads that share the tasks of an operation. A team is the calling thread, which takes part, and
 * workers who join it: as many as the team has room for and as are free. Tasks are handed out one
 * after the other to whoever is ready, since processors differ (hybrid ones, or one that is busy
 * with a decoder) and equal shares would wait for the slowest.
 *
 * All streams of a process share one set of workers. With a set of its own for each stream, two
 * engines would have twice as many threads as there are processors, and each would wait for members
 * that the other's keep from running. So there are never more busy threads than callers and the
 * workers of the largest team, a stream that finds no free worker computes alone, and a camera's
 * stream of one thread never touches them.
 *
 * Who waits, a worker for tasks or a caller for the last members of its team, spins for as long as
 * being woken would take, which is more than lies between two operations of a network, and then
 * sleeps: a decoder or a camera gets the processor. OMP_WAIT_POLICY=active in the environment makes
 * them spin for long, for machines with nothing else to do.
 *
 * A child of fork () has none of its parent's workers; it starts its own when it first computes.
 * fork () from within a task is not allowed.
 *
 * Thread-safe.
 */
#ifndef CK_CPU_TEAM_H
#define CK_CPU_TEAM_H

#include "kernels/kernels.h"

#define CK_TEAM_MOST 1024 /* members; more is a mistake */

/* Each open needs its close; workers end, and are joined, with the last. Closing while a team runs
 * is not allowed. */
void ck_team_open (void);
void ck_team_close (void);

/* Starts the workers that teams of so many members need, for as long as there is an open one;
 * CK_NO_MEMORY when the system refuses to. */
CkStatus ck_team_prepare (int members);

/*
 * One task, which all members find the same `data` for. `member` is in [0, members) and no other
 * thread's in this run: it finds a buffer that is the thread's alone. What a task computes may not
 * depend on it (kernels.h, "The same bits").
 */
typedef CkStatus CkTask (const void *data, int64_t task, int member);

/*
 * Runs tasks [0, n_tasks) once each, with at most so many members, and returns when all are done
 * and what they wrote is the caller's to read. Tasks have no order. When one fails, the others are
 * not begun any more, and its status is returned. With one member, with one task, and from within a
 * task of a larger team, the calling thread runs them alone, as member 0.
 */
CkStatus ck_team_run (int members, int64_t n_tasks, CkTask *task, const void *data);

/* The same for many small things: a task is those of [first, end), at most `chunk`. */
typedef CkStatus CkChunk (const void *data, int64_t first, int64_t end, int member);

CkStatus ck_team_run_chunks (int members, int64_t n, int64_t chunk, CkChunk *task,
                             const void *data);

#endif /* CK_CPU_TEAM_H */
