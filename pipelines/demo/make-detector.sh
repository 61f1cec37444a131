#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the demonstration's detectors again from this repository alone: draws whole frames of barns,
# trains a head that finds cows, tells what they do and how they look, and a LoRA adapter on the
# 4-bit demonstration network; by day first, and from there for the night. Each is evaluated on
# frames of cows and barns with other seeds. The same processor gives the same files.
#
#   pipelines/demo/make-detector.sh [WORK_FOLDER [MODEL_FOLDER]]
#
# The defaults are build-demo-model and pipelines/demo/model. Frames and finished training in
# WORK_FOLDER are kept, and unfinished training resumes. It took an hour and a half on two cores
# that others shared. Environment: BUILD_DIR (build).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=${1:-build-demo-model}
model=${2:-pipelines/demo/model}
render=${BUILD_DIR:-build}/pipelines/demo/cow-render-barn
trainer=${BUILD_DIR:-build}/trainer/cow-trainer
mkdir -p "$work" "$model/report"

say () { printf '\n== %s\n' "$*"; }

# frames NAME STYLE SEED COUNT
frames () {
  [ ! -f "$work/$1/annotations.json" ] || return 0
  say "Frames: $1"
  "$render" frames "$work/$1" --style "$2" --seed "$3" --count "$4"
}

# train NAME FRAMES OPTION...
train () {
  local run=$work/$1 of=$work/$2
  shift 2
  if [ -d "$run" ]; then
    "$trainer" train --resume "$run"
  else
    # The frames have nearly the shape of what the network sees, so nothing is left beside them.
    "$trainer" train --recipe detect-qlora --model "$model/drawn-cows" --train "$of-train" \
      --val "$of-val" --fit stretch --patience 0 --batch 4 --gradient-accumulation 1 \
      --out "$run" "$@"
  fi
}

# ship RUN FRAMES NAME REPORT: the score from which on a cow is told is chosen on validation and
# stays with the adapter; the judge's frames had no part in anything before.
ship () {
  local on=(--model "$model/drawn-cows" --adapter "$model/$3" --split all)
  rm -rf "${model:?}/$3"
  cp -r "$work/$1/best" "$model/$3"
  say "$3: the score from which on a cow is told"
  "$trainer" eval "${on[@]}" --data "$work/$2-val" --out "$work/$1-eval-val" --save
  say "$3: evaluation on the judge's frames"
  "$trainer" eval "${on[@]}" --data "$work/$2-judge" --out "$work/$1-eval"
  cp "$work/$1-eval/report.html" "$model/report/$4.html"
}

frames frames-train day 301 1000
frames frames-val day 302 60
frames frames-judge day 303 100
frames night-train night 401 200
frames night-val night 402 60
frames night-judge night 403 100

# Most of what is to be learnt is learnt on small frames, which are faster.
say "Training by day: small frames"
train detect-small frames --size 256x144 --copies 1 --epochs 4 --learning-rate 2e-3 --seed 1
say "Training by day: larger frames"
train detect-large frames --start "$work/detect-small/best" --size 448x256 --copies 0 \
  --epochs 6 --learning-rate 1e-3 --seed 2
train detect frames --start "$work/detect-large/best" --size 448x256 --copies 1 --epochs 3 \
  --learning-rate 1e-3 --seed 3
ship detect frames drawn-cows-detect detect
say "Training for the night"
train detect-night night --start "$work/detect/best" --size 448x256 --copies 1 --epochs 4 \
  --learning-rate 1e-3 --seed 4
ship detect-night night drawn-cows-detect-night detect-night
