/* SPDX-License-Identifier: MIT */
/* What code calls that is instrumented for undefined behaviour: the handlers of -fsanitize, with
 * the ABI of gcc and clang. Each is a fault. */
#include "tests/cuda-on-cpu/machine.h"
#include "tests/cuda-on-cpu/shadow.h"

#include <stdint.h>

namespace
{

enum { LAUNCH_FAILED = 719 }; /* CUresult */

struct Location {
  const char *file;
  uint32_t line, column;
};

struct Mismatch {
  Location location;
  const void *type;
  uint8_t log_alignment, kind;
};

} // namespace

#define EXPORTED extern "C" __attribute__ ((used))

EXPORTED void
__ubsan_handle_type_mismatch_v1 (const Mismatch *data, uintptr_t address)
{
  fault_aligned (reinterpret_cast<const void *> (address), 1 << data->log_alignment,
                 data->location.file, data->location.line);
}

EXPORTED void
__ubsan_handle_out_of_bounds (const Location *location, uintptr_t index)
{
  fault (LAUNCH_FAILED, "index %zd is outside of its array at %s:%u", (ptrdiff_t)index,
         location->file, location->line);
}

EXPORTED void
__ubsan_handle_shift_out_of_bounds (const Location *location, uintptr_t, uintptr_t bits)
{
  fault (LAUNCH_FAILED, "shift by %zd bits at %s:%u", (ptrdiff_t)bits, location->file,
         location->line);
}

EXPORTED void
__ubsan_handle_divrem_overflow (const Location *location, uintptr_t, uintptr_t)
{
  fault (LAUNCH_FAILED, "division by 0 or overflow at %s:%u", location->file, location->line);
}

#define OVERFLOWS(name)                                                                            \
  EXPORTED void __ubsan_handle_##name##_overflow (const Location *location, uintptr_t, uintptr_t)  \
  {                                                                                                \
    fault (LAUNCH_FAILED, "a whole number overflows (" #name ") at %s:%u", location->file,         \
           location->line);                                                                        \
  }
OVERFLOWS (add)
OVERFLOWS (sub)
OVERFLOWS (mul)
OVERFLOWS (negate)
#undef OVERFLOWS

EXPORTED void
__ubsan_handle_pointer_overflow (const Location *location, uintptr_t, uintptr_t)
{
  fault (LAUNCH_FAILED, "an address overflows at %s:%u", location->file, location->line);
}
