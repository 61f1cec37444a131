#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes a detector of drawn cows from this repository alone: draws whole frames of barns by day,
# trains a head that finds cows and a LoRA adapter on the 4-bit demonstration network, and evaluates
# both on frames of cows and barns with other seeds (docs/accuracy.md has the figures).
#
#   pipelines/demo/make-detector.sh [WORK_FOLDER [EPOCHS]]
#
# The defaults are build-demo-model and 7 epochs, which took three quarters of an hour on two cores
# that others shared. The adapter is WORK_FOLDER/detect/best, its report is in WORK_FOLDER/
# detect-eval. Frames are kept, and training resumes. Environment: BUILD_DIR (build).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=${1:-build-demo-model}
epochs=${2:-7}
model=pipelines/demo/model/drawn-cows
render=${BUILD_DIR:-build}/pipelines/demo/cow-render-barn
trainer=${BUILD_DIR:-build}/trainer/cow-trainer
mkdir -p "$work"

say () { printf '\n== %s\n' "$*"; }

# frames NAME SEED COUNT
frames () {
  [ ! -f "$work/$1/annotations.json" ] || return 0
  say "Frames: $1"
  "$render" frames "$work/$1" --style day --seed "$2" --count "$3"
}

frames frames-train 301 200
frames frames-val 302 60
frames frames-judge 303 100

# Half of the cows are smaller than 45 px by 26. After 250 steps 320x192 was no better, and slower.
run=$work/detect
set -- --resume "$run" --epochs "$epochs"
[ -d "$run" ] ||
  set -- --recipe detect-qlora --model "$model" --train "$work/frames-train" \
    --val "$work/frames-val" --size 256x144 --epochs "$epochs" --patience 0 --copies 4 --batch 4 \
    --gradient-accumulation 1 --learning-rate 2e-3 --out "$run" --seed 1
say "Training"
"$trainer" train "$@"

# The score from which on a cow is told is chosen on validation and stays with the adapter; the
# judge's frames had no part in anything before.
on=(--model "$model" --adapter "$run/best" --split all)
say "The score from which on a cow is told"
"$trainer" eval "${on[@]}" --data "$work/frames-val" --out "$work/detect-eval-val" --save
say "Evaluation on the judge's frames"
"$trainer" eval "${on[@]}" --data "$work/frames-judge" --out "$work/detect-eval"
"$trainer" predict "$work"/frames-judge/0000[0-5].png --model "$model" --adapter "$run/best" \
  --format csv --out "$work/detect-eval/detect.csv" --pictures "$work/detect-eval/drawn"
