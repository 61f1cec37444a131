#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the largest network on a small machine, with weights from the formula. It needs up to 31 GB
# of disk and many minutes, so it is run by hand and not part of the tests.
#
#   tests/proof-7b.sh [FOLDER]      models are made in FOLDER (a new temporary one) and removed
#
# Environment: BUILD_DIR (build), LAYERS (40; the number of layers that are quantised: fewer need
# less disk). It checks that the NF4 folder loads in less than 15 s from the page cache, and
# classifies a frame in the element with less than 5 GiB of resident memory; that a training step of
# qlora-all-r64 and of dora-all-r64 takes less than 12 GiB; and that quantising a sharded fp32
# checkpoint stays below 1 GiB. It prints the measurements; proof-7b.md keeps results.
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
clean_up () {
  rm -rf "$work"/{cows,run-*,nf4,adapter,fp32,quantised,figures,messages}
  rmdir --ignore-fail-on-non-empty "$work"
}
trap clean_up EXIT

# Runs a command with its output in the file messages. Sets seconds and mebibytes (peak resident
# memory, with mapped files).
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

echo "$(date -u +%F), commit $(git rev-parse --short HEAD)," \
  "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"

SECONDS=0
"$build/pipelines/demo/cow-formula-model" vit7b16 "$work/nf4" --nf4 \
  --adapter "$work/adapter" --rank 16 --head 2>/dev/null
echo "made NF4 of 40 layers: $(mebibytes_of "$work/nf4") MiB on disk, $SECONDS s"

frames=(videotestsrc num-buffers=1 ! "video/x-raw,format=NV12,width=1280,height=720")
element=(cowbehavior model="$work/nf4" adapter="$work/adapter")
# Without a frame the pipeline only starts the element, which loads everything, and stops it.
measure gst-launch-1.0 -q "${frames[@]/num-buffers=1/num-buffers=0}" ! "${element[@]}" ! fakesink
echo "loading: $seconds s, $mebibytes MiB resident"
require "$seconds" 15 "seconds to load"
measure gst-launch-1.0 -m "${frames[@]}" ! "${element[@]}" ! fakesink
label=$(sed -n 's/.*: cowbehavior, .* labels=(string)< \([^>]*\) >.*/\1/p' "$work/messages")
if [ -z "$label" ]; then
  echo "FAILED: the frame got no label" >&2
  exit 1
fi
echo "loading and one frame ($label): $seconds s, $mebibytes MiB resident"
require "$mebibytes" 5120 "MiB resident with one frame"

# With two classes of two pictures, the recipes' batch of four and no accumulation an epoch is one
# step.
"$build/pipelines/demo/cow-render-barn" pictures "$work/cows" --per-class 20 --size 256 --split
rm -rf "$work/cows/labels.csv" "$work/cows/test" \
  "$work"/cows/{train,val}/{Drinking,Feeding*,frontal_pushing,gallop,leap,Walking}
for class in "$work"/cows/train/*; do find "$class" -type f | sort | tail -n +3 | xargs rm; done
for class in "$work"/cows/val/*; do find "$class" -type f | sort | tail -n +2 | xargs rm; done
for recipe in qlora-all-r64 dora-all-r64; do
  measure "$build/trainer/cow-trainer" train --recipe "$recipe" --model "$work/nf4" \
    --train "$work/cows/train" --val "$work/cows/val" \
    --augment none --gradient-accumulation 1 --epochs 1 --checkpointing on --out "$work/run-$recipe"
  loss=$(tail -n 1 "$work/run-$recipe/results.csv" | cut -d , -f 2)
  echo "$recipe: loading, a step of 4 pictures, validation of 2 and saving (loss $loss):" \
    "$seconds s, $mebibytes MiB resident"
  grep Estimated "$work/messages" | sed 's/^/  /'
  require "$mebibytes" 12288 "MiB resident while training"
done
rm -rf "$work/nf4"

"$build/pipelines/demo/cow-formula-model" vit7b16 "$work/fp32" --shards 6 --layers "$layers" \
  2>/dev/null
measure "$build/trainer/cow-trainer" quantize "$work/fp32" "$work/quantised"
echo "quantising $layers layers, $(mebibytes_of "$work/fp32") MiB in 6 shards to" \
  "$(mebibytes_of "$work/quantised") MiB: $seconds s, $mebibytes MiB resident"
require "$mebibytes" 1024 "MiB resident while quantising"
echo passed
