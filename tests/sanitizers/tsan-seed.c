/* SPDX-License-Identifier: MIT */
/*
 * What tests/tsan.sh has to see, and what not: tsan-seed NAME counts in several threads. The names
 * with "race-" have a data race, which ThreadSanitizer must report; the others hand the number on
 * by a lock or a queue of GLib, or by a team of kernels/cpu, of which it must report nothing.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "kernels/cpu/team.h"

#define ROUNDS    1000
#define N_THREADS 3

typedef struct {
  GMutex mutex;
  GRecMutex rec_mutex;
  GRWLock rw_lock;
  GCond cond;
  GAsyncQueue *queue;
  gatomicrefcount references;
  int count; /* what the threads race for */
  gboolean ready;
} Shared;

static Shared shared;

/* Each thread runs one of these. */
static gpointer
race_thread (gpointer data)
{
  for (int i = 0; i < ROUNDS; i++)
    shared.count++;
  return NULL;
}

/* Half of the accesses are locked, which is a race as well. */
static gpointer
race_half_locked (gpointer data)
{
  for (int i = 0; i < ROUNDS; i++)
    if (data != NULL) {
      g_mutex_lock (&shared.mutex);
      shared.count++;
      g_mutex_unlock (&shared.mutex);
    } else
      shared.count++;
  return NULL;
}

/* Two locks for one number. */
static gpointer
race_two_locks (gpointer data)
{
  static GMutex other;
  GMutex *mine = data != NULL ? &shared.mutex : &other;

  for (int i = 0; i < ROUNDS; i++) {
    g_mutex_lock (mine);
    shared.count++;
    g_mutex_unlock (mine);
  }
  return NULL;
}

/* A structure is copied whole while another thread writes into it. */
static gpointer
race_copy (gpointer data)
{
  static struct {
    int numbers[50];
  } record;
  int sum = 0;

  for (int i = 0; i < ROUNDS; i++)
    if (data == NULL)
      record.numbers[i % 50] = i;
    else {
      __typeof__ (record) copy = record;
      __asm__ volatile("" : : "r"(&copy) : "memory");
      sum += copy.numbers[i % 50];
    }
  return GINT_TO_POINTER (sum);
}

static gpointer
mutex (gpointer data)
{
  for (int i = 0; i < ROUNDS; i++) {
    if (i % 2 == 0)
      g_mutex_lock (&shared.mutex);
    else
      while (!g_mutex_trylock (&shared.mutex))
        g_thread_yield ();
    shared.count++;
    g_mutex_unlock (&shared.mutex);
  }
  return NULL;
}

static gpointer
rec_mutex (gpointer data)
{
  for (int i = 0; i < ROUNDS; i++) {
    g_rec_mutex_lock (&shared.rec_mutex);
    g_rec_mutex_lock (&shared.rec_mutex);
    shared.count++;
    g_rec_mutex_unlock (&shared.rec_mutex);
    g_rec_mutex_unlock (&shared.rec_mutex);
  }
  return NULL;
}

static gpointer
rw_lock (gpointer data)
{
  int sum = 0;

  for (int i = 0; i < ROUNDS; i++)
    if (i % 2 == 0) {
      g_rw_lock_writer_lock (&shared.rw_lock);
      shared.count++;
      g_rw_lock_writer_unlock (&shared.rw_lock);
    } else {
      g_rw_lock_reader_lock (&shared.rw_lock);
      sum += shared.count;
      g_rw_lock_reader_unlock (&shared.rw_lock);
    }
  return GINT_TO_POINTER (sum);
}

/* The first thread counts and wakes the others. */
static gpointer
cond (gpointer data)
{
  g_mutex_lock (&shared.mutex);
  if (data == NULL) {
    shared.count++;
    shared.ready = TRUE;
    g_cond_broadcast (&shared.cond);
  } else {
    while (!shared.ready)
      if (!g_cond_wait_until (&shared.cond, &shared.mutex, g_get_monotonic_time () + 10000))
        g_cond_wait_until (&shared.cond, &shared.mutex, g_get_monotonic_time () + 10000);
    shared.count++;
  }
  g_mutex_unlock (&shared.mutex);
  return NULL;
}

static gpointer
make_number (gpointer data)
{
  int *number = g_new (int, 1);

  *number = 7;
  return number;
}

static gpointer
once (gpointer data)
{
  static GOnce by_struct = G_ONCE_INIT;
  static gsize by_macro;

  if (g_once_init_enter (&by_macro)) {
    shared.count = 7;
    g_once_init_leave (&by_macro, 1);
  }
  return GINT_TO_POINTER (shared.count + *(int *)g_once (&by_struct, make_number, NULL));
}

/* The first thread fills numbers in, the others read them. */
static gpointer
queue (gpointer data)
{
  int sum = 0;

  for (int i = 0; i < ROUNDS; i++) {
    if (data == NULL) {
      for (int reader = 1; reader < N_THREADS; reader++) {
        int *number = g_new (int, 1);
        *number = i;
        g_async_queue_push (shared.queue, number);
      }
    } else {
      int *number = g_async_queue_pop (shared.queue);
      sum += *number;
      g_free (number);
    }
  }
  return GINT_TO_POINTER (sum);
}

/* Whoever gives the last reference back writes what all have read. */
static gpointer
references (gpointer data)
{
  int read = shared.count;

  if (g_atomic_ref_count_dec (&shared.references))
    shared.count = read + 1;
  return NULL;
}

static void
count_item (gpointer item, gpointer data)
{
  g_mutex_lock (&shared.mutex);
  shared.count += *(int *)item;
  g_mutex_unlock (&shared.mutex);
  g_free (item);
}

static void
pool (void)
{
  GThreadPool *threads = g_thread_pool_new (count_item, NULL, N_THREADS, FALSE, NULL);

  for (int i = 0; i < ROUNDS; i++) {
    int *item = g_new (int, 1);
    *item = 1;
    g_thread_pool_push (threads, item, NULL);
  }
  g_thread_pool_free (threads, FALSE, TRUE);
}

static gboolean
count_in_loop (gpointer data)
{
  if (++shared.count == ROUNDS)
    g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

static gpointer
run_loop (gpointer data)
{
  g_main_loop_run (data);
  return NULL;
}

/* What is written before it is handed to a loop in another thread. */
static void
loop (void)
{
  GMainContext *context = g_main_context_new ();
  GMainLoop *self = g_main_loop_new (context, FALSE);

  shared.count = 0;
  GThread *thread = g_thread_new ("loop", run_loop, self);
  for (int i = 0; i < ROUNDS; i++) {
    GSource *source = g_idle_source_new ();
    g_source_set_callback (source, count_in_loop, self, NULL);
    g_source_attach (source, context);
    g_source_unref (source);
  }
  g_thread_join (thread);
  g_main_loop_unref (self);
  g_main_context_unref (context);
}

/* All members are in their tasks before one goes on; that orders nothing else. */
static void
meet (void)
{
  static atomic_int here;

  atomic_fetch_add_explicit (&here, 1, memory_order_relaxed);
  while (atomic_load_explicit (&here, memory_order_relaxed) < N_THREADS)
    g_usleep (100);
}

static CkStatus
count_together (const void *data, int64_t task, int member)
{
  meet ();
  for (int i = 0; i < ROUNDS; i++)
    shared.count++;
  return CK_OK;
}

static void
race_team (void)
{
  ck_team_open ();
  ck_team_run (N_THREADS, N_THREADS, count_together, NULL);
  ck_team_close ();
}

/* Numbers that a task of its own writes, and another run reads. */
typedef struct {
  int *from, *to;
  int *sums; /* one a member, which all of its tasks add to */
} Numbers;

static CkStatus
add_number (const void *data, int64_t task, int member)
{
  const Numbers *numbers = data;

  numbers->to[task] = numbers->from[ROUNDS - 1 - task] + 1;
  numbers->sums[member] += numbers->to[task];
  return CK_OK;
}

/* What a run wrote is read by the next one, by whichever of the members, and after the last. */
static void
team (void)
{
  int first[ROUNDS] = { 0 }, second[ROUNDS], sums[N_THREADS] = { 0 };
  const Numbers forth = { first, second, sums }, back = { second, first, sums };

  ck_team_open ();
  for (int i = 0; i < ROUNDS; i++) {
    ck_team_run (N_THREADS, ROUNDS, add_number, &forth);
    ck_team_run (N_THREADS, ROUNDS, add_number, &back);
  }
  ck_team_close ();
  for (int i = 0; i < ROUNDS; i++)
    shared.count += first[i] + second[i];
  for (int member = 0; member < N_THREADS; member++)
    shared.count += sums[member] % 10;
}

static const struct {
  const char *name;
  GThreadFunc thread; /* in each thread, or */
  void (*whole) (void);
} seeds[] = {
  { "race-thread", race_thread, NULL },
  { "race-half-locked", race_half_locked, NULL },
  { "race-two-locks", race_two_locks, NULL },
  { "race-copy", race_copy, NULL },
  { "race-team", NULL, race_team },
  { "mutex", mutex, NULL },
  { "rec-mutex", rec_mutex, NULL },
  { "rw-lock", rw_lock, NULL },
  { "cond", cond, NULL },
  { "once", once, NULL },
  { "queue", queue, NULL },
  { "references", references, NULL },
  { "pool", NULL, pool },
  { "loop", NULL, loop },
  { "team", NULL, team },
};

int
main (int argc, char **argv)
{
  GThread *threads[N_THREADS];

  if (argc == 1) {
    for (gsize i = 0; i < G_N_ELEMENTS (seeds); i++)
      puts (seeds[i].name);
    return 0;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (seeds); i++) {
    if (strcmp (argv[1], seeds[i].name) != 0)
      continue;
    g_mutex_init (&shared.mutex);
    shared.queue = g_async_queue_new ();
    g_atomic_ref_count_init (&shared.references);
    for (int t = 1; t < N_THREADS; t++)
      g_atomic_ref_count_inc (&shared.references);
    if (seeds[i].whole != NULL)
      seeds[i].whole ();
    else {
      for (int t = 0; t < N_THREADS; t++)
        threads[t] = g_thread_new (argv[1], seeds[i].thread, GINT_TO_POINTER (t));
      for (int t = 0; t < N_THREADS; t++)
        g_thread_join (threads[t]);
    }
    /* Joined threads' work is seen here. */
    printf ("%s %d\n", argv[1], shared.count);
    return 0;
  }
  fprintf (stderr, "there is no seed %s\n", argv[1]);
  return 2;
}
