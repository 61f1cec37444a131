/* SPDX-License-Identifier: MIT */
/*
 * A run takes one of a few slots, writes there what is to be done, and opens the slot's gate. The
 * gate is one word, so that it is changed as a whole:
 *
 *   bits 0-14   members inside, but the caller
 *   bits 16-30  room: how many may still enter
 *   bit 31      the caller sleeps until the last member has left
 *
 * 1. A worker enters only while there is room. Its number is how many entered before it.
 * 2. Nothing that the slot holds changes while a member is inside.
 * 3. When no task is left, the caller takes away the room, so that nobody enters any more, and
 *    waits until nobody is inside; then the slot is free.
 * 4. Slots are never given back to the system, so that a worker may look at any gate at any time,
 *    and a caller may be woken for nothing.
 *
 * A worker that finds no gate open waits for `posted` to change from what it was before it looked.
 */
#define _GNU_SOURCE /* pthread_setname_np, syscall */
#include "kernels/cpu/team.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_SLOTS   32u /* bits of `taken`: as many teams as run at once; one more computes alone */
#define INSIDE    0x7fffu
#define ROOM_ONE  0x10000u
#define ROOM      0x7fff0000u
#define SLEEPS    0x80000000u
#define LINE_SIZE 64 /* bytes of a cache line */

/* Rounds of spinning: with an instruction that lets the other thread of a core go first, some 20 to
 * 50 us, which is what sleeping and being woken takes; a third of a second where the user asks for
 * it. */
#define SPIN        1000
#define SPIN_ACTIVE 10000000

typedef struct {
  _Alignas(LINE_SIZE) atomic_uint gate;
  int most; /* members, but the caller */
  int64_t n, chunk;
  CkChunk *task;
  const void *data;
  atomic_int status; /* of the first task that failed */
  _Alignas(LINE_SIZE) atomic_int_fast64_t next;
} Slot;

static struct {
  Slot slots[N_SLOTS];
  _Alignas(LINE_SIZE) atomic_uint taken; /* a bit a slot */
  atomic_uint posted;                    /* changes when a gate opens, or workers are to end */
  atomic_int spinning, sleeping;         /* workers without a task */
  atomic_int n_workers;
  atomic_bool ending;

  pthread_mutex_t lock; /* for what follows, and for starting and ending workers */
  int users;
  int spin; /* rounds */
  pthread_t workers[CK_TEAM_MOST];
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local bool in_task;

/* ---- waiting --------------------------------------------------------------------------------- */

static void
pause_briefly (void)
{
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause ();
#elif defined __aarch64__
  __asm__ volatile("isb" ::: "memory"); /* yield does nothing on most of them */
#endif
}

/* Returns when the word is not `value`, or for nothing. */
static void
sleep_while (atomic_uint *word, unsigned value)
{
  syscall (SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void
wake (atomic_uint *word, int threads)
{
  syscall (SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

/* Whether the word has changed within the time for spinning. */
static bool
spin_while (atomic_uint *word, unsigned value)
{
  for (int round = 0; round < pool.spin; round++) {
    if (atomic_load_explicit (word, memory_order_acquire) != value)
      return true;
    pause_briefly ();
  }
  return false;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static CkStatus
run_alone (int64_t n, int64_t chunk, CkChunk *task, const void *data)
{
  CkStatus status = CK_OK;

  for (int64_t first = 0; first < n && status == CK_OK; first += chunk)
    status = task (data, first, n - first < chunk ? n : first + chunk, 0);
  return status;
}

/* What each member does, until no task is left. */
static void
take_tasks (Slot *slot, int member)
{
  const int64_t n = slot->n, chunk = slot->chunk;
  int64_t first;

  while ((first = atomic_fetch_add_explicit (&slot->next, chunk, memory_order_relaxed)) < n) {
    const CkStatus status =
        slot->task (slot->data, first, n - first < chunk ? n : first + chunk, member);

    if (status != CK_OK) {
      int none = CK_OK;

      atomic_compare_exchange_strong (&slot->status, &none, (int)status);
      atomic_store_explicit (&slot->next, n, memory_order_relaxed);
    }
  }
}

/* Whether there was room for this worker, who then took what tasks there were. */
static bool
join (Slot *slot)
{
  unsigned gate = atomic_load_explicit (&slot->gate, memory_order_relaxed);

  do {
    if ((gate & ROOM) == 0)
      return false;
  } while (!atomic_compare_exchange_weak_explicit (&slot->gate, &gate, gate - ROOM_ONE + 1,
                                                   memory_order_acquire, memory_order_relaxed));
  take_tasks (slot, slot->most + 1 - (int)(gate / ROOM_ONE));
  gate = atomic_fetch_sub_explicit (&slot->gate, 1, memory_order_release);
  if (gate == (SLEEPS | 1))
    wake (&slot->gate, 1);
  return true;
}

/* A slot that is this run's alone, or NULL. */
static Slot *
take_slot (void)
{
  unsigned taken = atomic_load_explicit (&pool.taken, memory_order_relaxed);

  while (taken != UINT_MAX) {
    const int i = __builtin_ctz (~taken);

    if (atomic_compare_exchange_weak_explicit (&pool.taken, &taken, taken | 1u << i,
                                               memory_order_acquire, memory_order_relaxed))
      return &pool.slots[i];
  }
  return NULL;
}

static void
give_back (Slot *slot)
{
  atomic_fetch_and_explicit (&pool.taken, ~(1u << (slot - pool.slots)), memory_order_release);
}

/* Whoever spins sees by itself that something was posted. A worker that is about to sleep has
 * either been counted, or sees the change before it sleeps: both sides do one and then look at the
 * other, in the order that all threads agree on. */
static void
open_gate (Slot *slot)
{
  int needed;

  atomic_store_explicit (&slot->gate, (unsigned)slot->most * ROOM_ONE, memory_order_release);
  atomic_fetch_add (&pool.posted, 1);
  needed = slot->most - atomic_load (&pool.spinning);
  if (needed > 0 && atomic_load (&pool.sleeping) > 0)
    wake (&pool.posted, needed);
}

static void
close_gate (Slot *slot)
{
  unsigned gate = atomic_fetch_and_explicit (&slot->gate, ~ROOM, memory_order_acquire) & ~ROOM;

  for (int round = 0; gate != 0 && round < pool.spin; round++) {
    pause_briefly ();
    gate = atomic_load_explicit (&slot->gate, memory_order_acquire);
  }
  if (gate == 0)
    return;
  gate = atomic_fetch_or_explicit (&slot->gate, SLEEPS, memory_order_acquire) | SLEEPS;
  while (gate != SLEEPS) {
    sleep_while (&slot->gate, gate);
    gate = atomic_load_explicit (&slot->gate, memory_order_acquire);
  }
}

CkStatus
ck_team_run_chunks (int members, int64_t n, int64_t chunk, CkChunk *task, const void *data)
{
  Slot *slot = NULL;
  CkStatus status;

  if (members > 1 && n > chunk && !in_task) {
    if (atomic_load_explicit (&pool.n_workers, memory_order_relaxed) < members - 1)
      ck_team_prepare (members); /* in a child of fork (); it also works with fewer */
    slot = take_slot ();
  }
  if (slot == NULL)
    return run_alone (n, chunk, task, data);
  slot->most = (n - 1) / chunk < members - 1 ? (int)((n - 1) / chunk) : members - 1;
  slot->n = n;
  slot->chunk = chunk;
  slot->task = task;
  slot->data = data;
  atomic_store_explicit (&slot->status, CK_OK, memory_order_relaxed);
  atomic_store_explicit (&slot->next, 0, memory_order_relaxed);
  open_gate (slot);
  in_task = true;
  take_tasks (slot, 0);
  in_task = false;
  close_gate (slot);
  status = (CkStatus)atomic_load_explicit (&slot->status, memory_order_relaxed);
  give_back (slot);
  return status;
}

typedef struct {
  CkTask *task;
  const void *data;
} Single;

static CkStatus
run_single (const void *data, int64_t first, int64_t end, int member)
{
  const Single *single = data;

  return single->task (single->data, first, member);
}

CkStatus
ck_team_run (int members, int64_t n_tasks, CkTask *task, const void *data)
{
  const Single single = { task, data };

  return ck_team_run_chunks (members, n_tasks, 1, run_single, &single);
}

/* ---- workers --------------------------------------------------------------------------------- */

/* Whether a gate was open. Each worker looks at another slot first, so that no team gets them all.
 */
static bool
join_any (unsigned index)
{
  const unsigned taken = atomic_load (&pool.taken);
  bool joined = false;

  for (unsigned i = 0; taken != 0 && i < N_SLOTS; i++) {
    const unsigned slot = (i + index) % N_SLOTS;

    if (taken >> slot & 1)
      joined |= join (&pool.slots[slot]);
  }
  return joined;
}

static void
wait_for_tasks (unsigned posted)
{
  bool changed;

  atomic_fetch_add (&pool.spinning, 1);
  changed = spin_while (&pool.posted, posted);
  atomic_fetch_sub (&pool.spinning, 1);
  if (changed)
    return;
  atomic_fetch_add (&pool.sleeping, 1);
  sleep_while (&pool.posted, posted);
  atomic_fetch_sub (&pool.sleeping, 1);
}

static void *
work (void *data)
{
  const unsigned index = (unsigned)(uintptr_t)data;
  char name[16]; /* the most that Linux takes */

  snprintf (name, sizeof name, "cow-team-%u", index % 100000);
  pthread_setname_np (pthread_self (), name);
  in_task = true;
  for (;;) {
    const unsigned posted = atomic_load (&pool.posted);

    if (atomic_load (&pool.ending))
      return NULL;
    if (!join_any (index))
      wait_for_tasks (posted);
  }
}

/* The program's signals are for its own threads; but those by which the processor reports this
 * thread's own fault reach whoever handles crashes. */
static int
start_worker (int n)
{
  static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
  sigset_t blocked, before;
  int error;

  sigfillset (&blocked);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    sigdelset (&blocked, own[i]);
  pthread_sigmask (SIG_SETMASK, &blocked, &before);
  /* Its index is the member that it usually is. */
  error = pthread_create (&pool.workers[n], NULL, work, (void *)(uintptr_t)(n + 1));
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return error;
}

CkStatus
ck_team_prepare (int members)
{
  CkStatus status = CK_OK;

  pthread_mutex_lock (&pool.lock);
  for (int n = atomic_load (&pool.n_workers); pool.users > 0 && n < members - 1; n++) {
    if (n >= CK_TEAM_MOST || start_worker (n) != 0) {
      status = CK_NO_MEMORY;
      break;
    }
    atomic_store (&pool.n_workers, n + 1);
  }
  pthread_mutex_unlock (&pool.lock);
  return status;
}

/* ---- the pool -------------------------------------------------------------------------------- */

static void
before_fork (void)
{
  pthread_mutex_lock (&pool.lock);
}

static void
in_parent (void)
{
  pthread_mutex_unlock (&pool.lock);
}

/* Other threads of the parent, and what they were computing, are not here. */
static void
in_child (void)
{
  for (unsigned i = 0; i < N_SLOTS; i++)
    atomic_store (&pool.slots[i].gate, 0);
  atomic_store (&pool.taken, 0);
  atomic_store (&pool.spinning, 0);
  atomic_store (&pool.sleeping, 0);
  atomic_store (&pool.n_workers, 0);
  pthread_mutex_unlock (&pool.lock);
}

/* What it registers ends with the program or library that this is part of. */
static void
follow_forks (void)
{
  pthread_atfork (before_fork, in_parent, in_child);
}

void
ck_team_open (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  const char *policy = getenv ("OMP_WAIT_POLICY");

  pthread_once (&once, follow_forks);
  pthread_mutex_lock (&pool.lock);
  if (pool.users++ == 0)
    pool.spin = policy != NULL && strcasecmp (policy, "active") == 0 ? SPIN_ACTIVE : SPIN;
  pthread_mutex_unlock (&pool.lock);
}

void
ck_team_close (void)
{
  pthread_mutex_lock (&pool.lock);
  if (--pool.users == 0) {
    atomic_store (&pool.ending, true);
    atomic_fetch_add (&pool.posted, 1);
    wake (&pool.posted, INT_MAX);
    for (int i = 0; i < atomic_load (&pool.n_workers); i++)
      pthread_join (pool.workers[i], NULL);
    atomic_store (&pool.n_workers, 0);
    atomic_store (&pool.ending, false);
  }
  pthread_mutex_unlock (&pool.lock);
}
