/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/machine.h"

#include "tests/cuda-on-cpu/cuda-on-cpu.h"
#include "tests/cuda-on-cpu/memory.h"
#include "tests/cuda-on-cpu/shadow.h"
#include "tests/cuda-on-cpu/trace.h"

#include <boost/context/detail/fcontext.hpp>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <vector>

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

namespace
{

enum { STACK_BYTES = 64 << 10, N_ORDERS = 64 };
enum { LAUNCH_FAILED = 719 }; /* CUresult */

enum State { RUNNABLE, AT_BARRIER, AT_WARP_CALL, ENDED };

struct Fiber {
  fcontext_t context;
  State state;
  uint3 index;
  /* of what it waits for */
  CowCallSite site;
  CowWarpCall call;
  unsigned mask, lane;
  uint64_t value, result;
  void *own;
  void (*together) (void *const lanes[WARP]);
  unsigned barrier_sum;
};

struct Machine {
  const Launch *launch;
  fcontext_t scheduler;
  Fiber *current; /* NULL: no thread is running */
  uint3 block;
  unsigned n_ended, n_waiting; /* of the block's threads */
  unsigned barrier_sum;
  CowCallSite barrier_site;
  int result;
  bool tells_launches;
  char report[1024];
  uint64_t random, n_blocks;
  uint64_t epoch;               /* shadow.h */
  std::vector<uint64_t> epochs; /* with which the launch's blocks began */
  uint64_t first_block, stride; /* of the launch's order */
  uint16_t clocks[MAX_THREADS][WARP];
  uint8_t orders[N_ORDERS][WARP];
  uint8_t *stacks;
  Fiber fibers[MAX_THREADS];
};

Machine m;

std::vector<Kernel> &
kernels (void)
{
  static std::vector<Kernel> list;

  return list;
}

/* Gives the processor back to the scheduler, until it gives it to this thread again. */
void
wait_for_scheduler (void)
{
  m.scheduler = jump_fcontext (m.scheduler, nullptr).fctx;
}

void
run_fiber (transfer_t from)
{
  m.scheduler = from.fctx;
  m.launch->kernel->entry (m.launch->arguments);
  check_no_copies ();
  m.current->state = ENDED;
  m.n_ended++;
  jump_fcontext (m.scheduler, nullptr);
}

void
resume (Fiber &fiber)
{
  const unsigned t = fiber.index.x;

  m.current = &fiber;
  running.me = token_of (m.epoch, t, m.clocks[t][t % WARP]);
  running.clocks = m.clocks[t];
  running.stack = m.stacks + (size_t)t * STACK_BYTES;
  fiber.context = jump_fcontext (fiber.context, nullptr).fctx;
  m.current = nullptr;
}

/* Orders of 32 lanes, drawn once a seed. */
void
draw_orders (void)
{
  for (auto &order : m.orders) {
    for (int i = 0; i < WARP; i++)
      order[i] = (uint8_t)i;
    for (int i = WARP - 1; i > 0; i--) {
      const int j = (int)(random_number () % (uint64_t)(i + 1));
      const uint8_t other = order[j];

      order[j] = order[i];
      order[i] = other;
    }
  }
}

const uint8_t *
draw_order (void)
{
  return m.orders[random_number () % N_ORDERS];
}

/* Runs the threads of a warp until none can go on; whether any did. */
bool
run_warp (unsigned warp)
{
  Fiber *fibers = &m.fibers[warp * WARP];
  const unsigned n = warp_lanes (warp);
  bool any = false, again;

  do {
    const uint8_t *order = draw_order ();

    again = false;
    for (int i = 0; i < WARP && m.result == 0; i++)
      if (order[i] < n && fibers[order[i]].state == RUNNABLE) {
        resume (fibers[order[i]]);
        again = true;
      }
    any |= again;
  } while (again && m.result == 0);
  return any;
}

/* The report of a fault, which is the launch's result if it is the first. */
void
say (int result, const char *format, va_list args)
{
  const size_t bytes = sizeof m.report;
  size_t n = (size_t)snprintf (m.report, bytes, "%s, block (%u, %u, %u)", m.launch->kernel->name,
                               m.block.x, m.block.y, m.block.z);

  if (m.current != nullptr)
    n +=
        (size_t)snprintf (m.report + n, bytes - n, ", thread %u (warp %u, lane %u)",
                          m.current->index.x, m.current->index.x / WARP, m.current->index.x % WARP);
  n += (size_t)snprintf (m.report + n, bytes - n, ": ");
  vsnprintf (m.report + n, bytes - n, format, args);
  fprintf (stderr, "cuda-on-cpu: %s\n", m.report);
  m.result = result;
}

__attribute__ ((format (printf, 2, 3))) void
fault_of_block (int result, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  say (result, format, args);
  va_end (args);
}

void
describe_wait (char *text, size_t bytes, const Fiber &fiber)
{
  int n = snprintf (text, bytes, "thread %u (warp %u, lane %u) ", fiber.index.x,
                    fiber.index.x / WARP, fiber.index.x % WARP);

  if (fiber.state == ENDED)
    snprintf (text + n, bytes - (size_t)n, "has ended");
  else if (fiber.state == AT_BARRIER)
    snprintf (text + n, bytes - (size_t)n, "waits for its block at %s:%d", fiber.site.file,
              fiber.site.line);
  else
    snprintf (text + n, bytes - (size_t)n, "waits for lanes %08x of its warp at %s:%d", fiber.mask,
              fiber.site.file, fiber.site.line);
}

/* No thread can go on: says what the first one waits for that waits, and the first that does not
 * do the same. */
void
fault_stuck (void)
{
  const Fiber *one = nullptr, *other = nullptr;
  char text[2][256];

  for (unsigned t = 0; t < m.launch->threads && one == nullptr; t++)
    if (m.fibers[t].state != ENDED)
      one = &m.fibers[t];
  for (unsigned t = 0; t < m.launch->threads && other == nullptr; t++)
    if (m.fibers[t].state != one->state ||
        (one->state == AT_WARP_CALL && m.fibers[t].site.line != one->site.line))
      other = &m.fibers[t];
  describe_wait (text[0], sizeof text[0], *one);
  if (other != nullptr)
    describe_wait (text[1], sizeof text[1], *other);
  fault_of_block (LAUNCH_FAILED, "%s%s%s", text[0], other != nullptr ? "; " : " for ever",
                  other != nullptr ? text[1] : "");
}

/* What was done so far by the block is before what it does from now on. */
void
begin_epoch (void)
{
  m.epoch++;
  running.epoch = token_of (m.epoch, 0, 0);
  memset (m.clocks, 0, m.launch->threads * sizeof *m.clocks);
}

/* All threads of the block wait at its barrier, so they go on. */
void
release_barrier (void)
{
  for (unsigned t = 0; t < m.launch->threads; t++) {
    m.fibers[t].state = RUNNABLE;
    m.fibers[t].barrier_sum = m.barrier_sum;
  }
  m.n_waiting = 0;
  begin_epoch ();
}

/* The threads of a mask know from now on what they all knew, and did. */
void
order_warp (const Fiber *warp, unsigned mask)
{
  uint16_t seen[WARP] = { 0 };

  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const unsigned lane = (unsigned)__builtin_ctz (rest), t = warp[lane].index.x;

    m.clocks[t][lane]++;
    for (int i = 0; i < WARP; i++)
      seen[i] = m.clocks[t][i] > seen[i] ? m.clocks[t][i] : seen[i];
  }
  for (unsigned rest = mask; rest != 0; rest &= rest - 1)
    memcpy (m.clocks[warp[__builtin_ctz (rest)].index.x], seen, sizeof seen);
  running.me = token_of (m.epoch, m.current->index.x,
                         m.clocks[m.current->index.x][m.current->index.x % WARP]);
}

bool
same_site (CowCallSite a, CowCallSite b)
{
  return a.line == b.line && (a.file == b.file || strcmp (a.file, b.file) == 0);
}

/* What the calls of a mask come to, but for shuffles: the same for all lanes. */
uint64_t
combine (const Fiber *warp, unsigned mask, CowWarpCall call)
{
  const int first = (int)warp[__builtin_ctz (mask)].value;
  int smallest = first, largest = first;
  unsigned votes = 0, sum = 0;

  for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = __builtin_ctz (rest), value = (int)warp[lane].value;

    votes |= (unsigned)(value != 0) << lane;
    sum += (unsigned)value;
    smallest = value < smallest ? value : smallest;
    largest = value > largest ? value : largest;
  }
  return call == COW_WARP_BALLOT ? votes
         : call == COW_WARP_ADD  ? sum
         : call == COW_WARP_MIN  ? (unsigned)smallest
                                 : (unsigned)largest;
}

/* If all lanes that the mask names have made the same call, they go on; whether they do. */
bool
complete_warp_call (const Fiber &own)
{
  Fiber *warp = &m.fibers[own.index.x / WARP * WARP];
  const unsigned n = warp_lanes (own.index.x / WARP),
                 there = own.mask & (n < WARP ? (1u << n) - 1 : ~0u);
  uint64_t same = 0;

  for (unsigned rest = there; rest != 0; rest &= rest - 1) {
    const Fiber &other = warp[__builtin_ctz (rest)];

    if (other.state == ENDED)
      fault (LAUNCH_FAILED, "names lane %d at %s:%d, which has ended", __builtin_ctz (rest),
             own.site.file, own.site.line);
    if (other.state != AT_WARP_CALL)
      return false;
    if (other.call != own.call || other.mask != own.mask || !same_site (other.site, own.site))
      fault (LAUNCH_FAILED,
             "calls %s:%d with the mask %08x, but lane %d is at %s:%d with the mask %08x",
             own.site.file, own.site.line, own.mask, __builtin_ctz (rest), other.site.file,
             other.site.line, other.mask);
  }
  if (own.call == COW_WARP_TOGETHER) {
    void *lanes[WARP];

    if (own.together != warp[0].together || n < WARP)
      fault (LAUNCH_FAILED, "the lanes of the warp call different instructions at %s:%d",
             own.site.file, own.site.line);
    for (int i = 0; i < WARP; i++)
      lanes[i] = warp[i].own;
    own.together (lanes);
  } else if (own.call == COW_WARP_SYNC)
    order_warp (warp, there);
  else if (own.call != COW_WARP_SHUFFLE)
    same = combine (warp, there, own.call);
  for (unsigned rest = there; rest != 0; rest &= rest - 1) {
    Fiber &lane = warp[__builtin_ctz (rest)];

    if (own.call == COW_WARP_SHUFFLE && (there >> lane.lane & 1) == 0)
      fault (LAUNCH_FAILED, "lane %d shuffles at %s:%d with lane %u, which takes no part",
             __builtin_ctz (rest), own.site.file, own.site.line, lane.lane);
    lane.result = own.call == COW_WARP_SHUFFLE ? warp[lane.lane].value : same;
  }
  for (unsigned rest = there; rest != 0; rest &= rest - 1)
    warp[__builtin_ctz (rest)].state = RUNNABLE;
  return true;
}

void
run_block (void)
{
  const unsigned n = m.launch->threads, warps = (n + WARP - 1) / WARP;

  m.n_blocks++;
  begin_epoch ();
  m.epochs.push_back (m.epoch);
  running.block = token_of (m.epoch, 0, 0);
  m.n_ended = 0;
  m.n_waiting = 0;
  m.barrier_sum = 0;
  for (unsigned t = 0; t < n; t++) {
    Fiber &fiber = m.fibers[t];

    fiber.context =
        make_fcontext (m.stacks + (size_t)(t + 1) * STACK_BYTES, STACK_BYTES, run_fiber);
    fiber.state = RUNNABLE;
    fiber.index = { t, 0, 0 };
  }
  while (m.n_ended < n && m.result == 0) {
    const uint8_t *order = draw_order ();
    bool any = false;

    for (int i = 0; i < WARP && m.result == 0; i++)
      if (order[i] < warps)
        any |= run_warp (order[i]);
    if (m.result != 0)
      return;
    if (m.n_waiting == n)
      release_barrier ();
    else if (!any && m.n_ended < n)
      fault_stuck ();
  }
}

/* A step through n blocks that meets each once. */
uint64_t
draw_stride (uint64_t n)
{
  for (;;) {
    uint64_t stride = random_number () % n, a = stride, b = n;

    while (a != 0) {
      const uint64_t rest = b % a;

      b = a;
      a = rest;
    }
    if (b == 1)
      return stride;
  }
}

/* The i-th block in the launch's order. */
uint3
block_at (uint64_t i)
{
  const uint64_t x = m.launch->grid_x, y = m.launch->grid_y,
                 block = (m.first_block + i * m.stride) % (x * y * m.launch->grid_z);

  return { (unsigned)(block % x), (unsigned)(block / x % y), (unsigned)(block / x / y) };
}

void
machine_begin (void)
{
  const char *seed = getenv ("COW_CUDA_SEED");

  if (m.stacks != nullptr)
    return;
  m.stacks = static_cast<uint8_t *> (mmap (nullptr, (size_t)MAX_THREADS * STACK_BYTES,
                                           PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (m.stacks == MAP_FAILED)
    abort ();
  m.epoch = FIRST_EPOCH;
  m.tells_launches = getenv ("COW_CUDA_LAUNCHES") != nullptr;
  set_seed (seed != nullptr ? strtoull (seed, nullptr, 10) : 0);
}

} // namespace

CowKernelEntry::CowKernelEntry (const char *name, void (*entry) (const void *arguments),
                                size_t arguments_bytes, unsigned threads)
{
  kernels ().push_back ({ name, entry, arguments_bytes, threads });
}

const Kernel *
find_kernel (const char *name)
{
  for (const Kernel &kernel : kernels ())
    if (strcmp (kernel.name, name) == 0)
      return &kernel;
  return nullptr;
}

/* splitmix64 */
uint64_t
random_number (void)
{
  uint64_t z = m.random += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void
set_seed (uint64_t seed)
{
  m.random = seed;
  draw_orders ();
}

unsigned
warp_lanes (unsigned warp)
{
  const unsigned rest = m.launch->threads - warp * WARP;

  return rest < WARP ? rest : (unsigned)WARP;
}

unsigned
current_thread (void)
{
  return m.current->index.x;
}

uint64_t
current_block (void)
{
  return m.n_blocks;
}

const char *
last_report (void)
{
  return m.report;
}

void
clear_report (void)
{
  m.report[0] = '\0';
}

void
describe_block (uint64_t epoch, char *text, size_t bytes)
{
  uint64_t i = 0;

  while (i + 1 < m.epochs.size () && m.epochs[i + 1] <= epoch)
    i++;
  const uint3 block = block_at (i);

  snprintf (text, bytes, "block (%u, %u, %u)", block.x, block.y, block.z);
}

void
call_together (CowCallSite site, void (*together) (void *const lanes[WARP]), void *own)
{
  m.current->together = together;
  m.current->own = own;
  cow_warp_call (site, COW_WARP_TOGETHER, ~0u, 0, 0);
}

int
run_launch (const Launch &launch)
{
  const uint64_t n = (uint64_t)launch.grid_x * launch.grid_y * launch.grid_z;

  machine_begin ();
  m.launch = &launch;
  m.result = 0;
  if (m.tells_launches)
    fprintf (stderr, "cuda-on-cpu: launch %s\n", launch.kernel->name);
  m.epochs.clear ();
  m.first_block = random_number () % n;
  m.stride = draw_stride (n);
  running.launch = token_of (m.epoch + 1, 0, 0);
  running.shared_bytes = launch.shared_bytes;
  running.stack_bytes = STACK_BYTES;
  shadow_launch (launch.shared_bytes);
  for (uint64_t i = 0; i < n && m.result == 0; i++) {
    if (launch.failure != nullptr && *launch.failure != 0)
      break;
    m.block = block_at (i);
    run_block ();
  }
  m.launch = nullptr;
  return m.result;
}

/* Back to the scheduler, which never resumes this thread. */
void
fault (int result, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  say (result, format, args);
  va_end (args);
  print_trace ();
  jump_fcontext (m.scheduler, nullptr);
  abort ();
}

uint3
cow_thread_index (void)
{
  return m.current->index;
}

uint3
cow_block_index (void)
{
  return m.block;
}

dim3
cow_block_size (void)
{
  return { m.launch->threads, 1, 1 };
}

dim3
cow_grid_size (void)
{
  return { m.launch->grid_x, m.launch->grid_y, m.launch->grid_z };
}

void *
cow_block_shared (void)
{
  return memory_shared ();
}

unsigned
cow_block_barrier (CowCallSite site, unsigned value)
{
  Fiber &own = *m.current;

  if (m.n_waiting > 0 && !same_site (m.barrier_site, site))
    fault (LAUNCH_FAILED, "is at the barrier of %s:%d, but another thread waits at that of %s:%d",
           site.file, site.line, m.barrier_site.file, m.barrier_site.line);
  if (m.n_waiting == 0)
    m.barrier_sum = 0;
  m.barrier_site = site;
  m.barrier_sum += value;
  m.n_waiting++;
  own.state = AT_BARRIER;
  own.site = site;
  wait_for_scheduler ();
  return own.barrier_sum;
}

uint64_t
cow_warp_call (CowCallSite site, CowWarpCall call, unsigned mask, uint64_t value, unsigned lane)
{
  Fiber &own = *m.current;

  if ((mask >> own.index.x % WARP & 1) == 0)
    fault (LAUNCH_FAILED, "calls %s:%d with the mask %08x, which does not name it", site.file,
           site.line, mask);
  own.site = site;
  own.call = call;
  own.mask = mask;
  own.value = value;
  own.lane = lane;
  own.state = AT_WARP_CALL;
  if (!complete_warp_call (own))
    wait_for_scheduler ();
  return own.result;
}
