#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the demonstration model again from this repository alone: draws pictures, trains a small
# network of DINOv3's shape from scratch on those of day cameras, quantises it, trains a head for
# day and a LoRA adapter for night cameras on the 4-bit network, and evaluates both on drawings of
# other cows. It takes half an hour on two processor cores; the same processor gives the same files.
#
#   pipelines/demo/make-model.sh [WORK_FOLDER [MODEL_FOLDER]]
#
# The defaults are build-demo-model and pipelines/demo/model. Pictures and finished training in
# WORK_FOLDER are kept, and unfinished training resumes. Environment: BUILD_DIR (build).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=${1:-build-demo-model}
model=${2:-pipelines/demo/model}
render=${BUILD_DIR:-build}/pipelines/demo/cow-render-barn
trainer=${BUILD_DIR:-build}/trainer/cow-trainer
mkdir -p "$work" "$model"

say () { printf '\n== %s\n' "$*"; }

# pictures NAME STYLE SEED PER_CLASS
pictures () {
  [ ! -f "$work/$1/labels.csv" ] || return 0
  say "Pictures: $1"
  "$render" pictures "$work/$1" --style "$2" --seed "$3" --per-class "$4" --size 96
}

# train NAME OPTIONS...: makes a run in $work/NAME, or resumes one that was interrupted.
train () {
  local name=$1
  shift
  [ ! -d "$work/$name" ] || set -- --resume "$work/$name"
  # An installed folder is not written, so that its precision could not be kept.
  [ -d "$work/$name" ] || set -- "$@" --out "$work/$name" --seed 1 --keep-pictures 0
  say "Training: $name"
  "$trainer" train "$@"
}

# ship NAME RUN: copies a run's best adapter to the folder of the model.
ship () {
  rm -rf "${model:?}/$1"
  cp -r "$work/$2/best" "$model/$1"
}

# evaluate NAME ADAPTER STYLE
evaluate () {
  say "Evaluation: $2 on pictures of $3 cameras"
  "$trainer" eval --model "$model/drawn-cows" --adapter "$model/$2" \
    --val "$work/$3-val" --test "$work/$3-test" --out "$work/eval-$1" "${@:4}"
}

pictures day-train day 101 2000
pictures day-val day 102 60
pictures day-test day 103 150
pictures night-train night 201 300
pictures night-val night 202 60
pictures night-test night 203 150
day=(--train "$work/day-train" --val "$work/day-val" --test "$work/day-test")
night=(--train "$work/night-train" --val "$work/night-val" --test "$work/night-test")
shown=(--size 96x64 --interpolation bilinear-antialiased --augment none)

train base --recipe dinov3-scratch --network pipelines/demo/network "${day[@]}" "${shown[@]}" \
  --epochs 10 --learning-rate 1e-3 --weight-decay 0.05 --clip 1
say "4 bits"
rm -rf "$model/drawn-cows"
"$trainer" quantize "$work/base/best" "$model/drawn-cows"
# Sizes and normalisation are the base's, from its preprocessor_config.json.
on_base=(--model "$model/drawn-cows" --augment none)
train day --recipe frozen "${on_base[@]}" "${day[@]}" --epochs 20 --cache "$work/features"
ship drawn-cows-day day
train night --recipe qlora-all-r16 "${on_base[@]}" "${night[@]}" \
  --start "$model/drawn-cows-day" --epochs 20 --patience 0 --batch 32 \
  --gradient-accumulation 1 --learning-rate 1.5e-3 --warmup 0.1 --head-dropout 0.1
ship drawn-cows-night night
evaluate day drawn-cows-day day --calibrate --save
evaluate night drawn-cows-night night --calibrate --save
evaluate day-at-night drawn-cows-day night
mkdir -p "$model/report"
for name in day night; do
  cp "$work/eval-$name/report.html" "$model/report/$name.html"
  cp "$work/eval-$name/confusion.png" "$model/report/$name.png"
done
"$render" sheet "$model/report/cows.png" --style mixed --seed 103 --size 150 --columns 3 --each 2
grep -h -E '^ +accuracy' "$work"/eval-{day,night,day-at-night}/report.txt
