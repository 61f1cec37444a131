#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the tests on test-device in the place of the CPU: what touches a device's memory from the
# host ends there by SIGSEGV, and what forgets to wait gets NaN (kernels/README.md). The arguments
# are those of tests/run.sh.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export COWBEHAVIOR_TEST_DEVICE=1
# Any option leaves script suites out.
export MESON_TEST_ARGS="--timeout-multiplier 4 ${MESON_TEST_ARGS:-}"
exec "$here/run.sh" "$@"
