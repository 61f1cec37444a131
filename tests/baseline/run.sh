#!/bin/bash
# SPDX-License-Identifier: MIT
# What an earlier commit wrote and said, against the present program (check_baseline.py).
# Speaks TAP.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD_DIR:-build-tests}
for program in "$build/trainer/cow-trainer" "$build/tests/baseline/list-elements"; do
  if [ ! -x "$program" ]; then
    echo "no $program: build the project first (BUILD_DIR names the build folder)"
    exit 1
  fi
done
# The networks are tiny: more threads would only wait for one another.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} PYTHONDONTWRITEBYTECODE=1
exec timeout 600 python3 tests/baseline/check_baseline.py "$build"
