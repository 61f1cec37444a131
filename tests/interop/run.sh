#!/bin/bash
# SPDX-License-Identifier: MIT
# Opens what we write with transformers, bitsandbytes and PEFT (check_interop.py). They are not
# Debian packages: without a Python that has them this is skipped (exit 77). COW_PYTHON names such a
# Python; the default is python3.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD_DIR:-build-tests}
python=${COW_PYTHON:-python3}
trainer=$build/trainer/cow-trainer
resave=$build/tests/interop/resave-adapter
train=$build/tests/interop/train-network
replay=$build/tests/interop/replay-detector

for program in "$trainer" "$resave" "$train" "$replay"; do
  if [ ! -x "$program" ]; then
    echo "no $program: build the project first (BUILD_DIR names the build folder)"
    exit 1
  fi
done
if ! "$python" -c 'import torch, safetensors, transformers, bitsandbytes, peft' 2>/dev/null; then
  echo "skipped: $python lacks torch, safetensors, transformers, bitsandbytes or peft" \
    "(COW_PYTHON=... names one that has them)"
  exit 77
fi
exec "$python" tests/interop/check_interop.py "$trainer" "$resave" "$train" \
  "$replay" \
  "${COW_TEST_DATA:-tests/data}"
