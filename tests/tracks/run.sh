#!/bin/bash
# SPDX-License-Identifier: MIT
# Compares `cow-trainer eval --tracks` with TrackEval (check_tracks.py), which is no Debian package:
# without a Python that has it this is skipped (exit 77). COW_TRACKEVAL_PYTHON names such a Python;
# the default is python3.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
trainer=${BUILD_DIR:-build-tests}/trainer/cow-trainer
python=${COW_TRACKEVAL_PYTHON:-python3}

if [ ! -x "$trainer" ]; then
  echo "no $trainer: build the project first (BUILD_DIR names the build folder)"
  exit 1
fi
if ! "$python" -c 'import trackeval' 2>/dev/null; then
  echo "skipped: $python lacks trackeval (COW_TRACKEVAL_PYTHON=... names one that has it)"
  exit 77
fi
exec "$python" tests/tracks/check_tracks.py "$trainer"
