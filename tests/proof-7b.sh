#!/bin/bash
# SPDX-License-Identifier: MIT
# The largest network on a small machine, with weights from the formula. By hand, not a part of the tests: it needs up to 31 GB of disk and
# many minutes.
#
#   tests/proof-7b.sh [FOLDER]      FOLDER (a new temporary one) is where the models go, and from where they are removed
#
# Environment: BUILD_DIR (build), LAYERS (40; how many of the network's layers are quantised: fewer where the disk is small).
# Checks: the NF4 folder loads in less than 15 s from the page cache, and classifies a frame in the element with less than 5 GiB of resident
# memory; a training step of qlora-all-r64 and of dora-all-r64 takes less than 12 GiB; quantising a sharded fp32 checkpoint stays below
# 1 GiB. Prints what it measured; proof-7b.md keeps results.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath "${BUILD_DIR:-build}")
layers=${LAYERS:-40}
work=${1:-$(mktemp -d)}
export GST_PLUGIN_PATH=$build/gst-plugin

if [ ! -x /usr/bin/time ]; then
  echo "proof-7b.sh: no /usr/bin/time (Debian's package time)" >&2
  exit 1
fi
mkdir -p "$work"
trap 'rm -rf "$work"/{cows,run-*,nf4,adapter,fp32,quantised,figures,messages}; rmdir --ignore-fail-on-non-empty "$work"' EXIT

# Runs a command, its output into the file messages; sets seconds and mebibytes (peak resident, mapped files included).
measure () {
  if ! /usr/bin/time -f '%e %M' -o "$work/figures" "$@" >"$work/messages"; then
    echo "FAILED: $*" >&2
    exit 1
  fi
  local kibibytes
  read -r seconds kibibytes < <(tail -n 1 "$work/figures")
  mebibytes=$((kibibytes / 1024))
}

require () {
  if ! awk "BEGIN { exit !($1 < $2) }"; then
    echo "FAILED: $3: $1, expected less than $2" >&2
    exit 1
  fi
}

mebibytes_of () { du -sm "$1" | cut -f 1; }

echo "$(date -u +%F), commit $(git rev-parse --short HEAD), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"

SECONDS=0
"$build/pipelines/demo/cow-formula-model" vit7b16 "$work/nf4" --nf4 --adapter "$work/adapter" --rank 16 --head 2>/dev/null
echo "made NF4 of 40 layers: $(mebibytes_of "$work/nf4") MiB on disk, $SECONDS s"

frames=(videotestsrc num-buffers=1 ! "video/x-raw,format=NV12,width=1280,height=720")
element=(cowbehavior model="$work/nf4" adapter="$work/adapter")
# As far as the element's start, which loads all, and back: without a frame.
measure gst-launch-1.0 -q "${frames[@]/num-buffers=1/num-buffers=0}" ! "${element[@]}" ! fakesink
echo "loading: $seconds s, $mebibytes MiB resident"
require "$seconds" 15 "seconds to load"
measure gst-launch-1.0 -m "${frames[@]}" ! "${element[@]}" ! fakesink
label=$(sed -n 's/.*: cowbehavior, .* labels=(string)< \([^>]*\) >.*/\1/p' "$work/messages")
if [ -z "$label" ]; then
  echo "FAILED: no label came of the frame" >&2
  exit 1
fi
echo "loading and one frame ($label): $seconds s, $mebibytes MiB resident"
require "$mebibytes" 5120 "MiB resident with one frame"

# Two classes of two pictures: with the recipes' batch of four, and no accumulation, an epoch is one step.
"$build/pipelines/demo/cow-render-barn" pictures "$work/cows" --per-class 20 --size 256 --split
rm -rf "$work"/cows/labels.csv "$work"/cows/{train,val,test}/{Drinking,Feeding*,frontal_pushing,gallop,leap,Walking} "$work/cows/test"
for class in "$work"/cows/train/*; do find "$class" -type f | sort | tail -n +3 | xargs rm; done
for class in "$work"/cows/val/*; do find "$class" -type f | sort | tail -n +2 | xargs rm; done
for recipe in qlora-all-r64 dora-all-r64; do
  measure "$build/trainer/cow-trainer" train --recipe "$recipe" --model "$work/nf4" --train "$work/cows/train" --val "$work/cows/val" \
    --augment none --gradient-accumulation 1 --epochs 1 --checkpointing on --out "$work/run-$recipe"
  loss=$(tail -n 1 "$work/run-$recipe/results.csv" | cut -d , -f 2)
  echo "$recipe: loading, a step of 4 pictures, 2 validated and saved (loss $loss): $seconds s, $mebibytes MiB resident"
  grep Estimated "$work/messages" | sed 's/^/  /'
  require "$mebibytes" 12288 "MiB resident while training"
done
rm -rf "$work/nf4"

"$build/pipelines/demo/cow-formula-model" vit7b16 "$work/fp32" --shards 6 --layers "$layers" 2>/dev/null
measure "$build/trainer/cow-trainer" quantize "$work/fp32" "$work/quantised"
echo "quantising $layers layers, $(mebibytes_of "$work/fp32") MiB in 6 shards to $(mebibytes_of "$work/quantised") MiB: $seconds s," \
  "$mebibytes MiB resident"
require "$mebibytes" 1024 "MiB resident while quantising"
echo passed
