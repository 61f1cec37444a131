/* SPDX-License-Identifier: MIT */
/*
 * Tells ThreadSanitizer what GLib's locks order. GMutex, GCond, GOnce and the counters of
 * references are futexes and atomic instructions inside libglib, which is not instrumented: without
 * this every correctly locked section is reported. Preloaded (LD_PRELOAD) by tests/tsan.sh into the
 * programs under test; in others, which lack ThreadSanitizer's functions, it does nothing.
 *
 * Only calls that cross from one library to another are seen here, since libglib binds its own
 * calls at build time. So what waits inside libglib (GAsyncQueue, GThreadPool) has its own wrapper.
 * GRecMutex and GRWLock are pthread's, threads are made and joined by pthread's functions, and a
 * GMainContext is woken through a file descriptor: ThreadSanitizer knows these by itself.
 *
 * Edges are no wider than the real ones, as far as an address can say it: a lock's edges are keyed
 * on the lock, a queue's on the queue, and a queue's pop orders nothing before a later push.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include <glib.h>

/* The functions of sanitizer/tsan_interface.h; weak, so that other programs load this too. */
#define WEAK __attribute__ ((weak))
extern WEAK void __tsan_acquire (void *address);
extern WEAK void __tsan_release (void *address);
extern WEAK void __tsan_mutex_destroy (void *address, unsigned flags);
extern WEAK void __tsan_mutex_pre_lock (void *address, unsigned flags);
extern WEAK void __tsan_mutex_post_lock (void *address, unsigned flags, int recursion);
extern WEAK int __tsan_mutex_pre_unlock (void *address, unsigned flags);
extern WEAK void __tsan_mutex_post_unlock (void *address, unsigned flags);

/* A GMutex needs no g_mutex_init () where its memory is zero. */
#define LINKER_INIT     (1u << 0)
#define TRY_LOCK        (1u << 4)
#define TRY_LOCK_FAILED (1u << 5)

#define EXPORT __attribute__ ((visibility ("default")))

/* The function that this library hides. */
static void *
hidden (const char *name)
{
  void *found = dlsym (RTLD_NEXT, name);

  if (found == NULL)
    abort ();
  return found;
}

/* Declares `real`, of the type of the function in whose wrapper it stands. */
#define REAL(function)                                                                             \
  static __typeof__ (function) *real;                                                              \
  if (__atomic_load_n (&real, __ATOMIC_RELAXED) == NULL)                                           \
  __atomic_store_n (&real, (__typeof__ (function) *)hidden (#function), __ATOMIC_RELAXED)

static void
acquire (const volatile void *address)
{
  if (__tsan_acquire != NULL && address != NULL)
    __tsan_acquire ((void *)address);
}

static void
release (const volatile void *address)
{
  if (__tsan_release != NULL && address != NULL)
    __tsan_release ((void *)address);
}

/* ---- GMutex ---------------------------------------------------------------------------------- */

EXPORT void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock);

  if (__tsan_mutex_pre_lock == NULL) {
    real (mutex);
    return;
  }
  __tsan_mutex_pre_lock (mutex, LINKER_INIT);
  real (mutex);
  __tsan_mutex_post_lock (mutex, LINKER_INIT, 0);
}

EXPORT gboolean
g_mutex_trylock (GMutex *mutex)
{
  REAL (g_mutex_trylock);

  if (__tsan_mutex_pre_lock == NULL)
    return real (mutex);
  __tsan_mutex_pre_lock (mutex, LINKER_INIT | TRY_LOCK);
  gboolean locked = real (mutex);
  __tsan_mutex_post_lock (mutex, LINKER_INIT | TRY_LOCK | (locked ? 0 : TRY_LOCK_FAILED), 0);
  return locked;
}

EXPORT void
g_mutex_unlock (GMutex *mutex)
{
  REAL (g_mutex_unlock);

  if (__tsan_mutex_pre_unlock == NULL) {
    real (mutex);
    return;
  }
  __tsan_mutex_pre_unlock (mutex, 0);
  real (mutex);
  __tsan_mutex_post_unlock (mutex, 0);
}

EXPORT void
g_mutex_clear (GMutex *mutex)
{
  REAL (g_mutex_clear);

  if (__tsan_mutex_destroy != NULL)
    __tsan_mutex_destroy (mutex, LINKER_INIT);
  real (mutex);
}

/* ---- GCond: the mutex is given away while its owner waits --------------------------------------
 */

static void
before_wait (GMutex *mutex)
{
  if (__tsan_mutex_pre_unlock != NULL) {
    __tsan_mutex_pre_unlock (mutex, 0);
    __tsan_mutex_post_unlock (mutex, 0);
  }
}

static void
after_wait (GMutex *mutex)
{
  if (__tsan_mutex_pre_lock != NULL) {
    __tsan_mutex_pre_lock (mutex, LINKER_INIT);
    __tsan_mutex_post_lock (mutex, LINKER_INIT, 0);
  }
}

EXPORT void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  REAL (g_cond_wait);

  before_wait (mutex);
  real (cond, mutex);
  after_wait (mutex);
}

EXPORT gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  REAL (g_cond_wait_until);

  before_wait (mutex);
  gboolean signalled = real (cond, mutex, end_time);
  after_wait (mutex);
  return signalled;
}

/* ---- Once: the macros read the location themselves, which is an acquire ------------------------
 */

EXPORT
gboolean (g_once_init_enter) (volatile void *location)
{
  static gboolean (*real) (volatile void *);

  if (real == NULL)
    real = (gboolean (*) (volatile void *))hidden ("g_once_init_enter");
  gboolean first = real (location);
  acquire (location);
  return first;
}

EXPORT void (g_once_init_leave) (volatile void *location, gsize result)
{
  static void (*real) (volatile void *, gsize);

  if (real == NULL)
    real = (void (*) (volatile void *, gsize))hidden ("g_once_init_leave");
  release (location);
  real (location, result);
}

/* The state of a GOnce is read by the macro g_once (), as above. */
typedef struct {
  GOnce *once;
  GThreadFunc function;
  void *data;
} OnceCall;

static void *
once_call (void *data)
{
  OnceCall *call = data;
  void *result = call->function (call->data);

  release (&call->once->status);
  return result;
}

EXPORT gpointer
g_once_impl (GOnce *once, GThreadFunc function, gpointer data)
{
  REAL (g_once_impl);
  OnceCall call = { once, function, data };

  gpointer result = real (once, once_call, &call);
  acquire (&once->status);
  return result;
}

/* ---- GAsyncQueue ------------------------------------------------------------------------------
 */

EXPORT void
g_async_queue_lock (GAsyncQueue *queue)
{
  REAL (g_async_queue_lock);

  real (queue);
  acquire (queue);
}

EXPORT void
g_async_queue_unlock (GAsyncQueue *queue)
{
  REAL (g_async_queue_unlock);

  release (queue);
  real (queue);
}

/* Expands to a wrapper that puts something into a queue. */
#define PUSH(name, parameters, arguments)                                                          \
  EXPORT void name parameters                                                                      \
  {                                                                                                \
    REAL (name);                                                                                   \
    release (queue);                                                                               \
    real arguments;                                                                                \
  }

/* Expands to a wrapper that takes something out. */
#define POP(name, parameters, arguments)                                                           \
  EXPORT gpointer name parameters                                                                  \
  {                                                                                                \
    REAL (name);                                                                                   \
    gpointer item = real arguments;                                                                \
    if (item != NULL)                                                                              \
      acquire (queue);                                                                             \
    return item;                                                                                   \
  }

PUSH (g_async_queue_push, (GAsyncQueue * queue, gpointer data), (queue, data))
PUSH (g_async_queue_push_unlocked, (GAsyncQueue * queue, gpointer data), (queue, data))
PUSH (g_async_queue_push_front, (GAsyncQueue * queue, gpointer data), (queue, data))
PUSH (g_async_queue_push_sorted,
      (GAsyncQueue * queue, gpointer data, GCompareDataFunc compare, gpointer user),
      (queue, data, compare, user))
POP (g_async_queue_pop, (GAsyncQueue * queue), (queue))
POP (g_async_queue_pop_unlocked, (GAsyncQueue * queue), (queue))
POP (g_async_queue_try_pop, (GAsyncQueue * queue), (queue))
POP (g_async_queue_try_pop_unlocked, (GAsyncQueue * queue), (queue))
POP (g_async_queue_timeout_pop, (GAsyncQueue * queue, guint64 timeout), (queue, timeout))
POP (g_async_queue_timeout_pop_unlocked, (GAsyncQueue * queue, guint64 timeout), (queue, timeout))

/* ---- GThreadPool: what was done before a push is done before the pool works --------------------
 */

typedef struct {
  GFunc function;
  gpointer data;
} Pool;

static void
pool_work (gpointer item, gpointer data)
{
  Pool *self = data;

  acquire (self);
  self->function (item, self->data);
  release (&self->data);
}

/* Not freed: a pool may work for a while after g_thread_pool_free (). */
static Pool *
pool_new (GFunc function, gpointer data)
{
  Pool *self = malloc (sizeof *self);

  if (self == NULL)
    abort ();
  *self = (Pool){ function, data };
  return self;
}

EXPORT GThreadPool *
g_thread_pool_new (GFunc function, gpointer data, gint most, gboolean exclusive, GError **error)
{
  REAL (g_thread_pool_new);

  return real (pool_work, pool_new (function, data), most, exclusive, error);
}

EXPORT gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  REAL (g_thread_pool_push);

  if (pool->func == pool_work)
    release (pool->user_data);
  return real (pool, data, error);
}

EXPORT void
g_thread_pool_free (GThreadPool *pool, gboolean immediate, gboolean wait)
{
  REAL (g_thread_pool_free);
  Pool *self = pool->func == pool_work ? pool->user_data : NULL;

  real (pool, immediate, wait);
  if (wait && self != NULL)
    acquire (&self->data);
}

/* ---- Counters of references: the last one sees what the others did -----------------------------
 */

EXPORT
gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  static gboolean (*real) (gatomicrefcount *);

  if (real == NULL)
    real = (gboolean (*) (gatomicrefcount *))hidden ("g_atomic_ref_count_dec");
  release (count);
  gboolean last = real (count);
  if (last)
    acquire (count);
  return last;
}

static __thread GDestroyNotify clear_box;

static void
box_clear (gpointer box)
{
  GDestroyNotify clear = clear_box;

  acquire (box);
  if (clear != NULL)
    clear (box);
}

EXPORT void
g_atomic_rc_box_release_full (gpointer box, GDestroyNotify clear)
{
  REAL (g_atomic_rc_box_release_full);
  GDestroyNotify outer = clear_box;

  release (box);
  clear_box = clear;
  real (box, box_clear);
  clear_box = outer;
}
