/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/team.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_TASKS = 1000, MOST_MEMBERS = 9, N_CALLERS = 40, ROUNDS = 200 };

/* What a run did. `counts` is no atomic: only one member may have each task, and the caller reads
 * what all of them wrote. */
typedef struct {
  int counts[MOST_TASKS];
  atomic_bool busy[MOST_MEMBERS]; /* a member's number is one thread's at a time */
  atomic_int wrong;
} Record;

static CkStatus
count_chunk (const void *data, int64_t first, int64_t end, int member)
{
  Record *record = *(Record *const *)data;

  if (member < 0 || member >= MOST_MEMBERS || end <= first || end > MOST_TASKS ||
      atomic_exchange (&record->busy[member], true)) {
    record->wrong++;
    return CK_OK;
  }
  for (int64_t i = first; i < end; i++)
    record->counts[i]++;
  atomic_store (&record->busy[member], false);
  return CK_OK;
}

static CkStatus
count_task (const void *data, int64_t task, int member)
{
  return count_chunk (data, task, task + 1, member);
}

static bool
counted_once (const Record *record, int n)
{
  for (int i = 0; i < MOST_TASKS; i++)
    if (record->counts[i] != (i < n))
      return false;
  return record->wrong == 0;
}

static void
check_sizes (void)
{
  static const int sizes[] = { 0, 1, 2, 3, 7, 64, 999, MOST_TASKS };
  static const int chunks[] = { 1, 2, 5, 64, MOST_TASKS, 1 << 30 };

  for (int members = 1; members <= MOST_MEMBERS; members++) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      Record single = { 0 }, *to_single = &single;

      CHECK (ck_team_run (members, sizes[i], count_task, &to_single) == CK_OK);
      CHECK (counted_once (&single, sizes[i]));
      for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        Record record = { 0 }, *to_record = &record;

        CHECK (ck_team_run_chunks (members, sizes[i], chunks[c], count_chunk, &to_record) == CK_OK);
        CHECK (counted_once (&record, sizes[i]));
      }
    }
  }
}

/* ---- all at the same time -------------------------------------------------------------------- */

enum { TOGETHER = 4, LATE_US = 2000, PATIENCE_MS = 20000 };

typedef struct {
  atomic_int here;
  int begun[TOGETHER], done[TOGETHER];
} Meeting;

/* Waits until as many threads are in their tasks; all but the caller then come late. */
static CkStatus
meet (const void *data, int64_t task, int member)
{
  Meeting *meeting = *(Meeting *const *)data;

  meeting->begun[member]++;
  meeting->here++;
  for (int ms = 0; ms < PATIENCE_MS && meeting->here < TOGETHER; ms++)
    usleep (1000);
  if (member > 0)
    usleep (LATE_US);
  meeting->done[member]++;
  return CK_OK;
}

/* Each member has a number of its own, and the caller waits for all of them. */
static void
check_together (void)
{
  for (int round = 0; round < 10; round++) {
    Meeting meeting = { 0 }, *to_meeting = &meeting;

    CHECK (ck_team_run (TOGETHER, TOGETHER, meet, &to_meeting) == CK_OK);
    for (int member = 0; member < TOGETHER; member++)
      CHECK (meeting.begun[member] == 1 && meeting.done[member] == 1);
  }
}

/* ---- several callers ------------------------------------------------------------------------- */

static void *
call_often (void *unused)
{
  int wrong = 0;

  for (int round = 0; round < ROUNDS; round++) {
    const int n = 1 + round % 50;
    Record record = { 0 }, *to_record = &record;

    ck_team_run (2 + round % 4, n, count_task, &to_record);
    wrong += !counted_once (&record, n);
  }
  return (void *)(intptr_t)wrong;
}

/* More than run at once with workers. */
static void
check_callers (void)
{
  pthread_t callers[N_CALLERS];
  void *wrong;

  for (int i = 0; i < N_CALLERS; i++)
    if (pthread_create (&callers[i], NULL, call_often, NULL) != 0)
      abort ();
  for (int i = 0; i < N_CALLERS; i++) {
    pthread_join (callers[i], &wrong);
    CHECK (wrong == NULL);
  }
}

/* ---- failures -------------------------------------------------------------------------------- */

/* The tasks that ran are counted; the third fails. */
static CkStatus
fail_third (const void *data, int64_t task, int member)
{
  atomic_int *n = *(atomic_int *const *)data;

  (*n)++;
  return task == 2 ? CK_UNSUPPORTED : CK_OK;
}

static void
check_failure (void)
{
  for (int members = 1; members <= MOST_MEMBERS; members++) {
    atomic_int n = 0, *to_n = &n;

    CHECK (ck_team_run (members, MOST_TASKS, fail_third, &to_n) == CK_UNSUPPORTED);
    CHECK (n >= 3 && (members > 1 || n == 3));
    /* It leaves nothing behind. */
    CHECK (ck_team_run (members, 2, fail_third, &to_n) == CK_OK);
  }
}

/* ---- nested runs ----------------------------------------------------------------------------- */

typedef struct {
  pthread_t caller;
  atomic_int tasks, wrong;
} Nested;

static CkStatus
inner (const void *data, int64_t task, int member)
{
  Nested *nested = *(Nested *const *)data;

  nested->wrong += member != 0 || !pthread_equal (pthread_self (), nested->caller);
  nested->tasks++;
  usleep (LATE_US / 10); /* for others to come */
  return CK_OK;
}

static CkStatus
outer (const void *data, int64_t task, int member)
{
  Nested nested = { .caller = pthread_self () }, *to_nested = &nested;

  ck_team_run (4, 10, inner, &to_nested);
  return nested.tasks == 10 && nested.wrong == 0 ? CK_OK : CK_DEVICE_ERROR;
}

static void
check_nested (void)
{
  CHECK (ck_team_run (4, 100, outer, NULL) == CK_OK);
}

void
check_runs (void)
{
  ck_team_open ();
  case_begin ();
  CHECK (ck_team_prepare (MOST_MEMBERS) == CK_OK);
  check_sizes ();
  case_end ("every task once", "1 to 9 members");
  case_begin ();
  check_together ();
  case_end ("all members at the same time", "4 members");
  case_begin ();
  check_callers ();
  case_end ("several callers", "40 threads");
  case_begin ();
  check_failure ();
  case_end ("a task that fails", "1 to 9 members");
  case_begin ();
  check_nested ();
  case_end ("a run within a task", "4 members");
  ck_team_close ();
}
