#!/bin/bash
# SPDX-License-Identifier: MIT
# Tests run tracking with a real MLflow server on the loopback (check_mlflow.py). MLflow is not a
# Debian package: it is installed once from PyPI into $BUILD_DIR/mlflow-venv; if PyPI cannot be
# reached, this is skipped (exit 77). COW_MLFLOW_PYTHON names a Python that has it already.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD_DIR:-build-tests}
track=$build/tests/mlflow/track
trainer=$build/trainer/cow-trainer
venv=$build/mlflow-venv
python=${COW_MLFLOW_PYTHON:-$venv/bin/python}

for program in "$track" "$trainer"; do
  if [ ! -x "$program" ]; then
    echo "no $program: build the project first (BUILD_DIR names the build folder)"
    exit 1
  fi
done

# This does not import MLflow, which takes long.
has_mlflow () {
  "$python" -c '
from importlib.metadata import version
version("mlflow"), version("flask-wtf")' 2>/dev/null
}

if [ -z "${COW_MLFLOW_PYTHON:-}" ] && ! has_mlflow; then
  rm -rf "$venv"
  if ! python3 -m venv "$venv"; then
    echo "skipped: python3 makes no virtual environment (Debian: python3-venv)"
    exit 77
  fi
  if ! timeout 600 "$python" -m pip install --quiet --disable-pip-version-check \
    'mlflow[auth]>=3.1,<4'; then
    rm -rf "$venv"
    echo "skipped: pip cannot install mlflow[auth] (is PyPI out of reach?)"
    exit 77
  fi
fi
if ! has_mlflow; then
  echo "skipped: $python has no mlflow"
  exit 77
fi
exec timeout 1200 "$python" tests/mlflow/check_mlflow.py "$track" "$trainer"
