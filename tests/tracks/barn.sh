#!/bin/bash
# SPDX-License-Identifier: MIT
# How well cowdetect follows the cows of a drawn barn, in the numbers of TrackEval. It is started by
# hand:
#
#   tests/tracks/barn.sh [PROPERTY=VALUE...]      of cowdetect, such as adapter=..., interval
#
# BUILD_DIR names the build (build-tests), SECONDS_OF_VIDEO how long (60), SEED which barn.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(realpath "${BUILD_DIR:-build-tests}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GST_PLUGIN_PATH=$build/gst-plugin GST_REGISTRY=$work/registry
export COWBEHAVIOR_PATH=$PWD/pipelines/demo/model

"$build/pipelines/demo/cow-render-barn" video "$work/barn.mp4" --truth "$work/truth.jsonl" \
  --seconds "${SECONDS_OF_VIDEO:-60}" --seed "${SEED:-20261}"
gst-launch-1.0 -q filesrc location="$work/barn.mp4" ! decodebin ! videoconvert ! \
  cowdetect "$@" ! cowbehavior reclassify-interval=10 ! cowpublish file="$work/found.jsonl" ! \
  fakesink
python3 tests/tracks/barn.py "$work/truth.jsonl" "$work/found.jsonl" "$work"
"$build/trainer/cow-trainer" eval --tracks "$work/truth.txt" "$work/found.txt"
