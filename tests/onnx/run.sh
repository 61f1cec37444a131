#!/bin/bash
# SPDX-License-Identifier: MIT
# Opens what `cow-trainer export` writes with onnx and ONNX Runtime (check_onnx.py). They are not
# Debian packages: they are installed once from PyPI into $BUILD_DIR/onnx-venv; if PyPI cannot be
# reached, this is skipped (exit 77). COW_ONNX_PYTHON names a Python that has them already.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD_DIR:-build-tests}
trainer=$build/trainer/cow-trainer
train=$build/tests/interop/train-network
venv=$build/onnx-venv
python=${COW_ONNX_PYTHON:-$venv/bin/python}

for program in "$trainer" "$train"; do
  if [ ! -x "$program" ]; then
    echo "no $program: build the project first (BUILD_DIR names the build folder)"
    exit 1
  fi
done

has_onnx () {
  "$python" -c 'import onnx, onnxruntime, numpy, safetensors' 2>/dev/null
}

if [ -z "${COW_ONNX_PYTHON:-}" ] && ! has_onnx; then
  rm -rf "$venv"
  if ! python3 -m venv "$venv"; then
    echo "skipped: python3 makes no virtual environment (Debian: python3-venv)"
    exit 77
  fi
  if ! timeout 600 "$python" -m pip install --quiet --disable-pip-version-check \
    onnx onnxruntime numpy safetensors; then
    rm -rf "$venv"
    echo "skipped: pip cannot install onnx and onnxruntime (is PyPI out of reach?)"
    exit 77
  fi
fi
if ! has_onnx; then
  echo "skipped: $python lacks onnx, onnxruntime, numpy or safetensors"
  exit 77
fi
exec timeout 1200 "$python" tests/onnx/check_onnx.py "$trainer" "$train" \
  "${COW_TEST_DATA:-tests/data}" pipelines/demo/model
