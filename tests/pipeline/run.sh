#!/bin/bash
# SPDX-License-Identifier: MIT
# Tries cow-pipeline as it is installed. Speaks TAP.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=$(realpath "${BUILD_DIR:-build-tests}")
[ -x "$build/pipelines/demo/cow-demo-camera" ] || { echo "no camera in $build"; exit 77; }
exec python3 tests/pipeline/check_pipeline.py "$build" "$@"
