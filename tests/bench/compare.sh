#!/bin/bash
# SPDX-License-Identifier: MIT
# Times cow-trainer and the programs that a user would take instead (OpenVINO, transformers,
# bitsandbytes, PEFT, timm, torchvision), in turns, and prints ratios; --help explains. It is run by
# hand; RESULTS.md keeps results.
#
# Environment: COW_PEERS_PYTHON (a Python that has the others), BUILD_DIR (build).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packages="torch torchvision transformers peft bitsandbytes timm openvino nncf safetensors"
python=${COW_PEERS_PYTHON:-}
build=${BUILD_DIR:-$here/../../build}

if [ -z "$python" ]; then
  cat >&2 <<TEXT
compare.sh: COW_PEERS_PYTHON is not set. It names a Python with the other programs (some 6 GB):
  python3 -m venv peers && peers/bin/pip install $packages
  COW_PEERS_PYTHON=peers/bin/python tests/bench/compare.sh
TEXT
  exit 1
fi
if ! "$python" -c "import torch, transformers" 2>/dev/null; then
  echo "compare.sh: $python (COW_PEERS_PYTHON) lacks torch or transformers: pip install" \
    "$packages" >&2
  exit 1
fi
if [ ! -x "$build/trainer/cow-trainer" ]; then
  echo "compare.sh: $build has no trainer/cow-trainer: build it, or set BUILD_DIR" >&2
  exit 1
fi
# Nothing is fetched from a hub, and progress is ours.
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
BUILD_DIR=$build exec "$python" "$here/compare.py" "$@"
