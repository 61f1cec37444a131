/* SPDX-License-Identifier: MIT */
/* Encoding: Intel SDM volume 2, "Instruction format", VPDPBUSD and VPDPWSSD. Where a signal's frame
 * has the registers: volume 1, "XSAVE area", in its standard format. */
#define _GNU_SOURCE /* REG_RIP */
#include "tests/kernels/avx-vnni.h"

#if defined(__x86_64__)

#  include "kernels/cpu/cpu-features.h"

#  include <cpuid.h>
#  include <signal.h>
#  include <stdint.h>
#  include <string.h>
#  include <ucontext.h>

enum {
  LENGTH = 5, /* of an instruction whose operands are registers */
  REGISTERS = 16,
  LOWER = 160, /* where the area has the lower halves */
  STATE = 512, /* which parts of it are not 0 */
  SSE = 2,
  AVX = 4
};

static unsigned int upper; /* where it has the upper halves */

/* What is 0 need not have been written. */
static void
complete (uint8_t *area)
{
  uint64_t state;

  memcpy (&state, area + STATE, sizeof state);
  if (!(state & SSE))
    memset (area + LOWER, 0, 16 * REGISTERS);
  if (!(state & AVX))
    memset (area + upper, 0, 16 * REGISTERS);
  state |= SSE | AVX;
  memcpy (area + STATE, &state, sizeof state);
}

/* A register as 8 lanes. */
static void
read_register (const uint8_t *area, int n, uint32_t lanes[8])
{
  memcpy (lanes, area + LOWER + 16 * n, 16);
  memcpy (lanes + 4, area + upper + 16 * n, 16);
}

static void
write_register (uint8_t *area, int n, const uint32_t lanes[8])
{
  memcpy (area + LOWER + 16 * n, lanes, 16);
  memcpy (area + upper + 16 * n, lanes + 4, 16);
}

/* The four products of unsigned by signed 8 bits, or the two of 16 bits, of a lane. */
static uint32_t
dot (bool bytes, uint32_t a, uint32_t b)
{
  uint32_t sum = 0;

  for (int i = 0; i < 32; i += bytes ? 8 : 16)
    sum += bytes ? (uint32_t)((int32_t)(uint8_t)(a >> i) * (int8_t)(b >> i))
                 : (uint32_t)((int32_t)(int16_t)(a >> i) * (int16_t)(b >> i));
  return sum;
}

/* Whether this is one of the two, in their form of three bytes of prefix: map 0F38, W0, 256 bits,
 * 66, registers alone. */
static bool
is_known (const uint8_t *code)
{
  return code[0] == 0xc4 && (code[1] & 0x1f) == 2 && (code[2] & 0x87) == 5 &&
         (code[3] == 0x50 || code[3] == 0x52) && code[4] >= 0xc0;
}

/* Anything else is met again with the default action, which ends the program. */
static void
handle (int number, siginfo_t *info, void *data)
{
  ucontext_t *context = data;
  const uint8_t *code = (const uint8_t *)context->uc_mcontext.gregs[REG_RIP];
  uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;
  uint32_t sums[8], a[8], b[8];
  int to, first, second;

  if (!is_known (code)) {
    signal (SIGILL, SIG_DFL);
    return;
  }
  complete (area);
  to = (code[4] >> 3 & 7) + (code[1] & 0x80 ? 0 : 8);
  first = ~code[2] >> 3 & 15;
  second = (code[4] & 7) + (code[1] & 0x20 ? 0 : 8);
  read_register (area, to, sums);
  read_register (area, first, a);
  read_register (area, second, b);
  for (int lane = 0; lane < 8; lane++)
    sums[lane] += dot (code[3] == 0x50, a[lane], b[lane]);
  write_register (area, to, sums);
  context->uc_mcontext.gregs[REG_RIP] += LENGTH;
}

bool
avx_vnni_emulate (void)
{
  struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };
  unsigned int eax, ecx, edx;

  return (ck_cpu_features () & CK_CPU_AVX2) != 0 &&
         __get_cpuid_count (13, 2, &eax, &upper, &ecx, &edx) &&
         sigaction (SIGILL, &action, NULL) == 0;
}

#else

bool
avx_vnni_emulate (void)
{
  return false;
}

#endif
