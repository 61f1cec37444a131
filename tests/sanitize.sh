#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the tests under AddressSanitizer (with leaks) and UndefinedBehaviorSanitizer, in a build of
# their own. The arguments are those of tests/run.sh.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export BUILD_DIR=${BUILD_DIR:-$here/../build-sanitize}
export MESON_ARGS="-Db_sanitize=address,undefined -Db_lundef=false ${MESON_ARGS:-}"
# Any option leaves script suites out: they start programs that were not built here and cannot load
# a sanitized plugin.
export MESON_TEST_ARGS="--timeout-multiplier 10 ${MESON_TEST_ARGS:-}"
# allocator_may_return_null: tests request more memory than there is and expect an error.
# fast_unwind_on_malloc=0: the suppressions below need whole stacks through libraries without frame
# pointers.
ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export ASAN_OPTIONS+=:allocator_may_return_null=1:fast_unwind_on_malloc=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS=suppressions=$here/sanitizers/lsan.supp:print_suppressions=0
# Each object gets its own allocation, so that a stale pointer is detected. The plugin is scanned
# inside the test, since the scanner is not sanitized.
export G_SLICE=always-malloc GST_REGISTRY_FORK=no
export PATH=$here/sanitizers/bin:$PATH
exec "$here/run.sh" "$@"
