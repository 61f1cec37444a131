#!/bin/bash
# SPDX-License-Identifier: MIT
# The largest network on a small machine, with weights from the formula. By hand: it needs 31 GB of disk and some minutes.
#
#   tests/proof-7b.sh [FOLDER]      FOLDER (a new temporary one) is where the models go and from where they are removed
#
# Environment: BUILD_DIR (build), LAYERS (40; fewer of the network to be quantised where the disk is small).
# Checks: the NF4 folder classifies a frame in the element with less than 5 GiB of resident memory, and loads in less than 15 s from the page
# cache; quantising the sharded fp32 checkpoint stays below 1 GiB. Prints what it measured; tests/proofs.md keeps results.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath "${BUILD_DIR:-build}")
layers=${LAYERS:-40}
work=${1:-$(mktemp -d)}
mkdir -p "$work"
trap 'rm -rf "$work"/nf4 "$work"/adapter "$work"/fp32 "$work"/quantised "$work"/log' EXIT
export GST_PLUGIN_PATH=$build/gst-plugin

# Runs a command; sets seconds and mebibytes (peak resident).
measure () {
  /usr/bin/time -f '%e %M' -o "$work/log" "$@"
  read -r seconds kibibytes < <(tail -n 1 "$work/log")
  mebibytes=$((kibibytes / 1024))
}

require () {
  if ! awk "BEGIN { exit !($1 < $2) }"; then
    echo "FAILED: $3 is $1, expected less than $2" >&2
    exit 1
  fi
}

echo "CPU: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores; commit $(git rev-parse --short HEAD); $(date -u +%F)"
"$build/pipelines/demo/cow-formula-model" vit7b16 "$work/nf4" --nf4 --adapter "$work/adapter" --rank 16 --head 2>/dev/null

element="cowbehavior model=$work/nf4 adapter=$work/adapter"
frame="videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width=1280,height=720"
# A pipeline that ends before its first frame costs the loading alone.
# shellcheck disable=SC2086
measure gst-launch-1.0 -q videotestsrc num-buffers=0 ! video/x-raw,format=NV12,width=1280,height=720 ! $element ! fakesink
echo "loading: $seconds s, $mebibytes MiB resident"
require "$seconds" 15 "seconds to load"
# shellcheck disable=SC2086
measure gst-launch-1.0 -q $frame ! $element ! fakesink
echo "loading and one frame: $seconds s, $mebibytes MiB resident"
require "$mebibytes" 5120 "MiB resident"
rm -rf "$work/nf4"

"$build/pipelines/demo/cow-formula-model" vit7b16 "$work/fp32" --shards 6 --layers "$layers" 2>/dev/null
measure "$build/trainer/cow-trainer" quantize "$work/fp32" "$work/quantised" >/dev/null
echo "quantising $layers layers from $(du -sm "$work/fp32" | cut -f1) MiB in 6 shards to $(du -sm "$work/quantised" | cut -f1) MiB: $seconds s," \
  "$mebibytes MiB resident"
require "$mebibytes" 1024 "MiB resident while quantising"
echo passed
