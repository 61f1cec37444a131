#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the demonstration's detector again from this repository alone: draws whole frames of barns
# by day, trains a head that finds cows and a LoRA adapter on the 4-bit demonstration network, and
# evaluates both on frames of cows and barns with other seeds. The same processor gives the same
# files.
#
#   pipelines/demo/make-detector.sh [WORK_FOLDER [MODEL_FOLDER]]
#
# The defaults are build-demo-model and pipelines/demo/model. Frames and finished training in
# WORK_FOLDER are kept, and unfinished training resumes. It took an hour on two cores that others
# shared. Environment: BUILD_DIR (build).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=${1:-build-demo-model}
model=${2:-pipelines/demo/model}
name=drawn-cows-detect
render=${BUILD_DIR:-build}/pipelines/demo/cow-render-barn
trainer=${BUILD_DIR:-build}/trainer/cow-trainer
mkdir -p "$work" "$model"

say () { printf '\n== %s\n' "$*"; }

# frames NAME SEED COUNT
frames () {
  [ ! -f "$work/$1/annotations.json" ] || return 0
  say "Frames: $1"
  "$render" frames "$work/$1" --style day --seed "$2" --count "$3"
}

# train NAME OPTION...: each frame comes five times an epoch, once as it is.
train () {
  local run=$work/$1
  shift
  if [ -d "$run" ]; then
    "$trainer" train --resume "$run"
  else
    "$trainer" train --recipe detect-qlora --model "$model/drawn-cows" \
      --train "$work/frames-train" --val "$work/frames-val" --patience 0 --copies 4 --batch 4 \
      --gradient-accumulation 1 --out "$run" "$@"
  fi
}

frames frames-train 301 200
frames frames-val 302 60
frames frames-judge 303 100

# Most of what is to be learnt is learnt on small frames, which are faster.
say "Training: small frames"
train detect-small --size 256x144 --epochs 7 --learning-rate 2e-3 --seed 1
say "Training: larger frames"
train detect --start "$work/detect-small/best" --size 320x184 --epochs 6 --learning-rate 1e-3 \
  --seed 2
rm -rf "${model:?}/$name"
cp -r "$work/detect/best" "$model/$name"

# The score from which on a cow is told is chosen on validation and stays with the adapter; the
# judge's frames had no part in anything before.
on=(--model "$model/drawn-cows" --adapter "$model/$name" --split all)
say "The score from which on a cow is told"
"$trainer" eval "${on[@]}" --data "$work/frames-val" --out "$work/detect-eval-val" --save
say "Evaluation on the judge's frames"
"$trainer" eval "${on[@]}" --data "$work/frames-judge" --out "$work/detect-eval"
mkdir -p "$model/report"
cp "$work/detect-eval/report.html" "$model/report/detect.html"
"$trainer" predict "$work"/frames-judge/0000[0-5].png --model "$model/drawn-cows" \
  --adapter "$model/$name" --format csv --out "$work/detect-eval/detect.csv" \
  --pictures "$work/detect-eval/drawn"
