/* SPDX-License-Identifier: MIT */
/* Instructions of a warp together, and copies that a thread does not wait for. */
#include "tests/cuda-on-cpu/instructions-cpu.h"

#include "tests/cuda-on-cpu/calls.h"
#include "tests/cuda-on-cpu/fragments.h"
#include "tests/cuda-on-cpu/half-bits.h"
#include "tests/cuda-on-cpu/machine.h"
#include "tests/cuda-on-cpu/shadow.h"

#include <vector>

enum { ILLEGAL_INSTRUCTION = 715, LAUNCH_FAILED = 719 }; /* CUresult */

namespace
{

/* ---- products -------------------------------------------------------------------------------- */

template <typename Sum> struct Product {
  Sum *d;
  const uint32_t *a, *b;
};

/* The element of a register, as a number. */
int64_t
value_s8 (uint32_t bits, int element)
{
  return (int8_t)(bits >> (8 * element));
}

double
value_f16 (uint32_t bits, int element)
{
  return (double)half_to_float ((uint16_t)(bits >> (16 * element)));
}

double
value_bf16 (uint32_t bits, int element)
{
  return (double)bfloat16_to_float ((uint16_t)(bits >> (16 * element)));
}

/*
 * d += a b, with all sums in Wide and one rounding at the end: the ISA leaves order and roundings
 * within a product open. Before sm_80 there are two products of half as many terms.
 */
template <typename Sum, typename Wide, int bytes, Wide value (uint32_t bits, int element)>
void
multiply (void *const lanes[WARP])
{
  const int n = 4 / bytes, k = 32 / bytes;
  const int products = architecture () < 80 ? 2 : 1;
  Wide a[16][32], b[32][8], d[2][16][8];

  for (int lane = 0; lane < WARP; lane++) {
    const Product<Sum> *product = static_cast<Product<Sum> *> (lanes[lane]);

    for (int e = 0; e < n; e++) {
      for (int i = 0; i < 4; i++) {
        const Place place = place_in_a (bytes, lane, i, e);

        a[place.row][place.column] = value (product->a[i], e);
      }
      for (int i = 0; i < 2; i++) {
        const Place place = place_in_b (bytes, lane, i, e);

        b[place.row][place.column] = value (product->b[i], e);
      }
    }
  }
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      d[0][i][j] = d[1][i][j] = 0;
      for (int l = 0; l < k; l++)
        d[l * products / k][i][j] += a[i][l] * b[l][j];
    }
  for (int lane = 0; lane < WARP; lane++)
    for (int i = 0; i < 4; i++) {
      Sum *sum = &static_cast<Product<Sum> *> (lanes[lane])->d[i];
      const Place place = place_in_d (lane, i);

      for (int p = 0; p < products; p++)
        *sum = (Sum)((Wide)*sum + d[p][place.row][place.column]);
    }
}

/* ---- fragments ------------------------------------------------------------------------------- */

struct Load {
  uint32_t *matrices;
  const void *row;
};

template <bool transposed>
void
load (void *const lanes[WARP])
{
  for (int lane = 0; lane < WARP; lane++) {
    uint32_t *matrices = static_cast<Load *> (lanes[lane])->matrices;

    for (int i = 0; i < 4; i++) {
      matrices[i] = 0;
      for (int e = 0; e < 2; e++) {
        const Place place = place_in_loaded (transposed, lane, e);
        const Load *from = static_cast<Load *> (lanes[8 * i + place.row]);

        matrices[i] |= (uint32_t) static_cast<const uint16_t *> (from->row)[place.column]
                       << (16 * e);
      }
    }
  }
}

/* ---- copies ---------------------------------------------------------------------------------- */

struct Copy {
  void *to;
  const void *from; /* NULL: zeros */
  bool committed;   /* the last of its group */
};

/* Of each thread of the block `of`. */
struct Copies {
  uint64_t of;
  std::vector<Copy> list;
};

Copies copies[MAX_THREADS];

std::vector<Copy> &
own_copies (void)
{
  Copies &own = copies[current_thread ()];

  if (own.of != current_block ())
    own.list.clear ();
  own.of = current_block ();
  return own.list;
}

void
check_aligned (CowCallSite site, const void *address)
{
  if (reinterpret_cast<uintptr_t> (address) % 16 != 0)
    fault_aligned (address, 16, site.file, (unsigned)site.line);
}

void
finish (const Copy &copy)
{
  uint8_t *to = static_cast<uint8_t *> (copy.to);

  shadow_landed (to, 16);
  for (int i = 0; i < 16; i++)
    to[i] = copy.from != nullptr ? static_cast<const uint8_t *> (copy.from)[i] : 0;
}

} // namespace

void
cow_warp_mma_s8 (CowCallSite site, int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
  Product<int32_t> own = { d, a, b };

  call_together (site, multiply<int32_t, int64_t, 1, value_s8>, &own);
}

void
cow_warp_mma_f16 (CowCallSite site, float d[4], const uint32_t a[4], const uint32_t b[2])
{
  Product<float> own = { d, a, b };

  call_together (site, multiply<float, double, 2, value_f16>, &own);
}

void
cow_warp_mma_bf16 (CowCallSite site, float d[4], const uint32_t a[4], const uint32_t b[2])
{
  Product<float> own = { d, a, b };

  call_together (site, multiply<float, double, 2, value_bf16>, &own);
}

void
cow_warp_load_matrices (CowCallSite site, uint32_t matrices[4], const void *row, bool transposed)
{
  Load own = { matrices, row };

  check_aligned (site, row);
  shadow_read (row, 16);
  call_together (site, transposed ? load<true> : load<false>, &own);
}

void
cow_thread_require (CowCallSite site, int least)
{
  if (architecture () < least)
    fault (ILLEGAL_INSTRUCTION, "has no such instruction at %s:%d: sm_%d, not sm_%d", site.file,
           site.line, architecture (), least);
}

void
cow_thread_copy_async (CowCallSite site, void *to, const void *from, bool there)
{
  check_aligned (site, to);
  if (there) {
    check_aligned (site, from);
    shadow_read (from, 16);
  }
  shadow_in_flight (to, 16);
  own_copies ().push_back ({ to, there ? from : nullptr, false });
}

void
cow_thread_copy_commit (void)
{
  /* A group may be empty. */
  own_copies ().push_back ({ nullptr, nullptr, true });
}

void
cow_thread_copy_wait (CowCallSite site, int left)
{
  std::vector<Copy> &list = own_copies ();
  size_t n = list.size ();

  for (int groups = 0; n > 0; n--)
    if (list[n - 1].committed && groups++ == left)
      break;
  for (size_t i = 0; i < n; i++)
    if (!list[i].committed)
      finish (list[i]);
  list.erase (list.begin (), list.begin () + (ptrdiff_t)n);
}

void
check_no_copies (void)
{
  const Copies &own = copies[current_thread ()];

  if (own.of != current_block ())
    return;
  for (const Copy &copy : own.list)
    if (!copy.committed)
      fault (LAUNCH_FAILED, "ends before an asynchronous copy that it has not waited for");
}
