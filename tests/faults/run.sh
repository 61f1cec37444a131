#!/bin/bash
# SPDX-License-Identifier: MIT
# Operations on files that fail, and losses of power, in programs of ours. Speaks TAP. The suite is
# a part that ends within a minute; by hand, with options of check_faults.py:
#   tests/faults/run.sh --all
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$(realpath "${BUILD_DIR:-build-tests}")
if [ ! -f "$build/tests/faults/libfaults.so" ]; then
  echo "the build has no libfaults.so"
  exit 1
fi
exec python3 tests/faults/check_faults.py "$build" "$@"
